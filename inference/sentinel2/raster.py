"""One raster of Sentinel-2: whole or in parts, of one date or of several stacked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace

import numpy as np
from rasterio.io import DatasetReader

from ...contract.cards import SATELLITE_BANDS
from ...contract.dates import date_in, unknown_date
from ...contract.errors import BadInput
from ...contract.image import dated_path
from ...contract.notices import Warn, notice
from ..raster.geobox import GeoBox
from ..raster.open import open_raster
from .bands import CIRRUS, MASKS, check_complete, role_in
from .making import LEVEL_1C, Making, making_of
from .metadata import level_1c
from .place import geobox_of
from .series import NAMED, REFLECTANCE, STATED, UNKNOWN, Acquisition, BandSource
from .theia import masks_in

WHAT = "The Sentinel-2 raster"
_WANTED = len(SATELLITE_BANDS)
# Tags in which programs keep when a scene was taken; TIFFTAG_DATETIME may be when the file was written.
_TAKEN = re.compile(r"product_start_time|^date(_?time)?$|^time$", re.IGNORECASE)
_SENSED, _WHEN = re.compile(r"acqui|sens", re.IGNORECASE), re.compile(r"date|time", re.IGNORECASE)
_WRITTEN = "TIFFTAG_DATETIME"


@dataclass(frozen=True)
class Digits:
    """What the pixels of a raster mean, each as Acquisition has it."""

    nodata: float | None
    offset: float = 0.0
    scale: float = 1.0
    offset_basis: str = UNKNOWN
    scale_stated: bool = False

    def made(self, making: Making) -> Digits:
        """With what is known of how the values were made, where the raster itself does not say it."""
        if self.offset_basis != UNKNOWN or making.offset is None:
            return self
        if self.scale_stated:  # the raster's own scale: the offset is one of values x 10000
            offset = making.offset / self.scale
            return replace(self, offset=offset, offset_basis=NAMED)
        stated = making.basis == STATED
        return replace(
            self,
            nodata=self.nodata if making.nodata is None else making.nodata,
            offset=making.offset,
            scale=self.scale if making.scale is None else making.scale,
            offset_basis=making.basis,
            scale_stated=stated or making.scale not in (None, 1.0),
        )


@dataclass(frozen=True)
class Part:
    """The bands and masks of one date that a raster has.

    roles: BandSource by band name or mask. date: ISO, empty for a mask whose file does not say it.
    """

    date: str
    path: str
    geobox: GeoBox
    digits: Digits
    roles: dict[str, BandSource] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name."""
        return os.path.basename(self.path)

    @property
    def complete(self) -> bool:
        """Whether all bands that the networks take are here."""
        return all(name in self.roles for name in SATELLITE_BANDS)

    @property
    def only_masks(self) -> bool:
        """Whether there is nothing but masks."""
        return all(role in MASKS for role in self.roles)


def read_raster(path: str, warn: Warn) -> list[Acquisition]:
    """The dates of one raster; BadInput where it has none or bands are missing."""
    parts = parts_of(path, warn)
    path = dated_path(path)[0]
    if not parts:
        with open_raster(path, WHAT) as dataset:
            count = dataset.count
        if count in (12, 13):
            raise BadInput(
                f"{WHAT} {path} has {count} bands without names: describe them as B1, B2 and so on, "
                f"or give only {' '.join(SATELLITE_BANDS)}."
            )
        raise BadInput(
            f"{WHAT} {path} has {count} bands: give {_WANTED} for one date ({' '.join(SATELLITE_BANDS)}) "
            f"or {_WANTED} for each date of a series."
        )
    for part in parts:
        check_complete(part.roles, f"{WHAT} {path}" if len(parts) == 1 else f"{WHAT} {path} on {part.date}")
    return [acquisition(part) for part in parts]


def acquisition(part: Part) -> Acquisition:
    """A complete part as a date of a series."""
    return Acquisition.of_roles(part.date, part.name, part.roles, part.geobox, *astuple(part.digits))


def parts_of(path: str, warn: Warn) -> list[Part]:
    """What a raster has, date by date, ascending; empty where nothing in it can be told.

    path: with the date behind it where the job says it (see `SegmentationJob.sentinel2`); it stands in for one that
    the whole raster has, not for those of its bands.
    Bands are told by their descriptions, a single one also by the file's name; ten without names are taken in
    the order of SATELLITE_BANDS. Raises BadInput where the raster or its dates cannot be read.
    """
    path, given = dated_path(path)
    masks = masks_in(path)
    if masks:
        with open_raster(path, WHAT) as dataset:
            geobox = geobox_of(dataset, f"{WHAT} {path}")
        return [Part(date_in(os.path.basename(path), f"{WHAT} {path}") or "", path, geobox, Digits(None), masks)]
    with open_raster(path, WHAT) as dataset:
        descriptions = [text or "" for text in dataset.descriptions]
        if dataset.count == 1 and role_in(descriptions[0]) is None:
            descriptions = [f"{descriptions[0]} {os.path.splitext(os.path.basename(path))[0]}"]
        dated = [date_in(text, f"{WHAT} {path}") for text in descriptions]
        roles = [role_in(text) for text in descriptions]
        named = any(role in SATELLITE_BANDS for role in roles)
        if not any(roles) and dataset.count % _WANTED:
            return []
        if None in dated and (any(dated) or (dataset.count > _WANTED and not named)):
            raise BadInput(
                f"{WHAT} {path} does not say the date of its band {dated.index(None) + 1}: "
                "describe each band like '2021-04-15 B8A'."
            )
        if None in dated:
            date = date_in(given, f"{WHAT} {path}") or _date_of(dataset, path, warn) or ""
            if not date and any(role not in MASKS for role in roles):
                raise unknown_date(f"the Sentinel-2 raster {path}")
            dated = [date] * dataset.count
        geobox = geobox_of(dataset, f"{WHAT} {path}")
        by_date: dict[str, list[int]] = {}
        for number, stated in enumerate(dated, start=1):
            by_date.setdefault(stated or "", []).append(number)
        picked = {date: _pick(by_date[date], roles, f"{WHAT} {path}", date) for date in sorted(by_date)}
        numbers = sorted({n for found in picked.values() for role, n in found.items() if role in SATELLITE_BANDS})
        digits = digits_of(dataset, numbers, f"{WHAT} {path}") if numbers else Digits(None)
        tags = dataset.tags()
    if CIRRUS in roles:
        warn(notice("has_cirrus_band"))
    return [
        Part(
            date,
            path,
            geobox,
            digits_made(digits, path, date, tags),
            {role: BandSource(path, number) for role, number in found.items()},
        )
        for date, found in picked.items()
    ]


def digits_made(digits: Digits, path: str, date: str, tags: Mapping[str, str]) -> Digits:
    """What the pixels of a date mean, also by what lies around the raster. Raises BadInput for those of Level-1C."""
    making = making_of(path, date, tags)
    if making.level == LEVEL_1C:
        raise level_1c(path)
    return digits.made(making)


def _pick(numbers: list[int], roles: list[str | None], what: str, date: str) -> dict[str, int]:
    """Band numbers of one date by role; as they lie where they are ten and not all named."""
    found: dict[str, int] = {}
    for number in numbers:
        role = roles[number - 1]
        if role is None:
            continue
        if role in found and role in SATELLITE_BANDS:
            raise BadInput(f"{what} has band {role} of {date} twice: keep one of them.")
        found.setdefault(role, number)
    if not all(roles[number - 1] for number in numbers):
        bands = [number for number in numbers if roles[number - 1] not in MASKS]
        if len(bands) == _WANTED:
            masks = {role: number for role, number in found.items() if role in MASKS}
            return {**dict(zip(SATELLITE_BANDS, bands)), **masks}
        if not found:
            raise BadInput(f"{what} has {len(numbers)} bands of {date}: each date needs {_WANTED}.")
    return {role: number for role, number in found.items() if role in SATELLITE_BANDS or role in MASKS}


def _date_of(dataset: DatasetReader, path: str, warn: Warn) -> str | None:
    """The date that a raster has by its file's name, its tags or its folder's name."""
    what = f"{WHAT} {path}"
    tags = dataset.tags()
    taken = [value for key, value in tags.items() if _says_when(key)]
    found = date_in(os.path.basename(path), what)
    for text in taken:
        found = found or date_in(text, what)
    if found is None and _WRITTEN in tags:
        found = date_in(tags[_WRITTEN], what)
        if found:
            warn(notice("dated_by_tag", path=path, date=found, tag=_WRITTEN))
    return found or date_in(os.path.basename(os.path.dirname(path)), what)


def _says_when(key: str) -> bool:
    """Whether a tag's key says that the scene was taken then. Takes time in proportion to its length."""
    sensed = _SENSED.search(key)
    return bool(_TAKEN.search(key) or (sensed and _WHEN.search(key, sensed.end())))


def digits_of(dataset: DatasetReader, numbers: list[int], what: str) -> Digits:
    """What the digital numbers of some bands mean, by the scale and offset that the file declares.

    Raises BadInput where the values cannot be reflectance.
    """
    dtypes, scales, offsets, nodatavals = dataset.dtypes, dataset.scales, dataset.offsets, dataset.nodatavals
    kinds = {np.dtype(dtypes[number - 1]) for number in numbers}
    declared = {(scales[number - 1], offsets[number - 1]) for number in numbers}
    nodatas = {nodatavals[number - 1] for number in numbers if nodatavals[number - 1] is not None}
    if len(declared) > 1:
        raise BadInput(f"{what} declares several scales for its bands: convert them all to reflectance x 10000.")
    scale, offset = declared.pop()
    floating = any(kind.kind == "f" for kind in kinds)
    if any(kind.kind not in "iuf" for kind in kinds) or (kinds == {np.dtype("uint8")} and scale == 1):
        name = sorted(kind.name for kind in kinds)[0]
        raise BadInput(f"{what} has values of type {name}: give reflectance x 10000, as Level-2A products have it.")
    nodata = float(nodatas.pop()) if nodatas else float("nan") if floating else 0.0
    basis = NAMED if offset else UNKNOWN
    if scale != 1:
        return Digits(nodata, round(offset / scale, 6), round(scale * REFLECTANCE, 6), basis, scale_stated=True)
    return Digits(nodata, offset, offset_basis=basis)
