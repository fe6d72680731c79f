"""Level-2A products as they are downloaded: `.SAFE` folders and zip files that hold one or several.

The band files are opened themselves: GDAL's driver for products wants their metadata whole and under the
original names, also in zip files, which analysts pack anew.
"""

from __future__ import annotations

import os
import posixpath
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...contract.cards import SATELLITE_BANDS
from ...contract.dates import date_in, unknown_date
from ...contract.errors import BadInput
from ...contract.notices import Warn
from ..raster.geobox import GeoBox
from ..raster.open import open_raster
from .bands import CLASSES, CLOUDS, SNOW, check_complete
from .raster import REFLECTANCE
from .series import Acquisition, BandSource

_METADATA = re.compile(r"MTD_?.*(L1C|L2A).*\.xml$")  # MTD_MSIL2A.xml; before 2016-12 S2A_USER_MTD_SAFL2A_PDMC_....xml
_NAMED_LEVEL = re.compile(r"MSIL?_?(L1C|L2A|1C|2A)_")
_IMAGES = {
    **{
        re.compile(rf"_B{name[1:].zfill(2)}_(10|20|60)m\.(?:jp2|tiff?)$", re.IGNORECASE): name
        for name in SATELLITE_BANDS
    },
    re.compile(r"_SCL_(20|60)m\.(?:jp2|tiff?)$", re.IGNORECASE): CLASSES,
    re.compile(r"_CLD(?:PRB)?_(20|60)m\.(?:jp2|tiff?)$", re.IGNORECASE): CLOUDS,
    re.compile(r"_SNW(?:PRB)?_(20|60)m\.(?:jp2|tiff?)$", re.IGNORECASE): SNOW,
}
# Numbers of the bands in the metadata, `band_id` (PSD 14.6 onward): B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B10 B11 B12.
_BAND_IDS = dict(zip(SATELLITE_BANDS, (1, 2, 3, 4, 5, 6, 7, 8, 11, 12)))
# Patterns rather than an XML parser: of large, foreign files three plain elements are wanted.
_OFFSET = re.compile(r'<BOA_ADD_OFFSET\s+band_id="(\d+)"\s*>\s*(-?[\d.]+)\s*<')
_QUANTIFICATION = re.compile(r"BOA_QUANTIFICATION_VALUE[^>]*>\s*([\d.]+)\s*<")
_START = re.compile(r"<PRODUCT_START_TIME>\s*([^<]+?)\s*<")
_NODATA = 0.0  # SPECIAL_VALUE_TEXT NODATA of all products
_DEPTH = 3  # folders below the one given in which products are looked for


@dataclass(frozen=True)
class _Files:
    """The files of a folder or of a zip file.

    root: as rasterio takes it. names: relative, with slashes.
    """

    path: str
    root: str
    names: tuple[str, ...]

    def text(self, name: str) -> str:
        """A file's text; BadInput where it cannot be read."""
        try:
            if self.root == self.path:
                return Path(self.path, name).read_text(encoding="utf-8", errors="replace")
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(name).decode("utf-8", errors="replace")
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise BadInput(f"{self.path} cannot be read to its end ({error}): copy or download it again.") from None


def is_product(path: str) -> bool:
    """Whether a folder is a product, by its name or its metadata."""
    if not os.path.isdir(path):
        return False
    return path.rstrip("/\\").upper().endswith(".SAFE") or any(_METADATA.search(name) for name in os.listdir(path))


def products_in(folder: str) -> list[str]:
    """The products in a folder and the folders in it: folders and zip files, sorted."""
    found: list[str] = []
    base = folder.rstrip("/\\").count(os.sep)
    for current, folders, files in os.walk(folder):
        inner = [os.path.join(current, name) for name in folders if is_product(os.path.join(current, name))]
        found += inner
        found += [os.path.join(current, name) for name in files if name.lower().endswith(".zip")]
        deep = current.count(os.sep) - base >= _DEPTH
        folders[:] = [] if deep else [name for name in folders if os.path.join(current, name) not in inner]
    return sorted(found)


def read_products(paths: Sequence[str], warn: Warn) -> list[Acquisition]:
    """The dates of products, ascending; an acquisition for each granule.

    A product that is there both as a folder and as a zip file is taken once. Raises BadInput where one is of
    another level, incomplete or unreadable.
    """
    found: dict[tuple[str, str], Acquisition] = {}
    for path in sorted(paths, key=lambda each: os.path.isfile(each)):  # folders first: reading them is quicker
        for granule, acquisition in _granules(path, warn):
            found.setdefault((acquisition.name, granule), acquisition)
    return sorted(found.values(), key=lambda each: (each.date, each.name))


def _granules(path: str, warn: Warn) -> list[tuple[str, Acquisition]]:
    files = _files_of(path)
    metadata = sorted(name for name in files.names if _METADATA.search(posixpath.basename(name)))
    tops = {posixpath.dirname(name): name for name in reversed(metadata) if "GRANULE" not in name.split("/")}
    if not tops:
        level = _NAMED_LEVEL.search(os.path.basename(path))
        if level and "1C" in level[1]:
            raise _level_1c(path)
        if level or is_product(path):
            raise BadInput(
                f"The Sentinel-2 product {path} has no metadata file MTD_MSIL2A.xml: copy or download it again, whole."
            )
        raise BadInput(f"{path} holds no Sentinel-2 product: choose the zip file of a Level-2A product.")
    found = []
    for top, name in sorted(tops.items()):
        product = posixpath.basename(top) or os.path.basename(path.rstrip("/\\"))
        where = path if len(tops) == 1 else f"{path}/{top}"
        level = _METADATA.search(posixpath.basename(name))
        if level and level[1] == "L1C":
            raise _level_1c(where)
        within = [each for each in files.names if each.startswith(f"{top}/" if top else "")]
        found += _read_product(files, within, files.text(name), re.sub(r"(?i)\.(safe|zip)$", "", product), where)
    return found


def _level_1c(path: str) -> BadInput:
    return BadInput(
        f"The Sentinel-2 product {path} is of Level-1C, not corrected for the atmosphere: "
        "give the Level-2A product of the same date."
    )


def _files_of(path: str) -> _Files:
    if os.path.isdir(path):
        names = [
            Path(current, name).relative_to(path).as_posix() for current, _, files in os.walk(path) for name in files
        ]
        return _Files(path, path, tuple(sorted(names)))
    try:
        with zipfile.ZipFile(path) as archive:
            return _Files(path, f"/vsizip/{{{path}}}", tuple(sorted(archive.namelist())))
    except (OSError, zipfile.BadZipFile) as error:
        raise BadInput(f"The zip file {path} cannot be read ({error}): copy or download it again.") from None


def _read_product(
    files: _Files, names: list[str], metadata: str, product: str, where: str
) -> list[tuple[str, Acquisition]]:
    what = f"The Sentinel-2 product {where}"
    start = _START.search(metadata)
    date = (date_in(start[1], what) if start else None) or date_in(product, what)
    if date is None:
        raise unknown_date(f"the Sentinel-2 product {where}")
    by_granule: dict[str, list[str]] = {}
    for name in names:
        parts = name.split("/")
        granule = parts[parts.index("GRANULE") + 1] if "GRANULE" in parts[:-2] else ""
        by_granule.setdefault(granule, []).append(name)
    found = []
    for granule, members in sorted(by_granule.items()):
        roles = _finest(members)
        if not any(role in SATELLITE_BANDS for role in roles):
            continue
        check_complete(roles, what)
        sources = {role: BandSource(f"{files.root}/{name}", 1) for role, name in roles.items()}
        with open_raster(sources[SATELLITE_BANDS[0]].path, "The Sentinel-2 band") as dataset:
            geobox = GeoBox.of(dataset)
        digits = _NODATA, _offset(metadata, what), _scale(metadata, what)
        found.append((granule, Acquisition.of_roles(date, product, sources, geobox, *digits)))
    if not found:
        check_complete((), what)
    return found


def _finest(names: list[str]) -> dict[str, str]:
    """The file of the smallest pixels for each band and mask."""
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        for pattern, role in _IMAGES.items():
            match = pattern.search(name)
            if match:
                found[role] = min(found.get(role, (1000, "")), (int(match[1]), name))
    return {role: name for role, (_, name) in found.items()}


def _offset(metadata: str, what: str) -> float:
    """The radiometric offset of the bands taken: none before processing baseline 04.00."""
    stated = {int(number): float(value) for number, value in _OFFSET.findall(metadata)}
    offsets = {stated.get(number, 0.0) for number in _BAND_IDS.values()}
    if len(offsets) > 1:
        raise BadInput(f"{what} has several radiometric offsets: give a product whose bands have one.")
    return offsets.pop()


def _scale(metadata: str, what: str) -> float:
    match = _QUANTIFICATION.search(metadata)
    if match is None or float(match[1]) <= 0:
        raise BadInput(f"{what} does not say its quantification value: copy or download it again, whole.")
    return REFLECTANCE / float(match[1])
