"""What of an image is transparent: bands that say so and are not, and masks that do not say so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape  # nosec B406 - escapes text, parses none

import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from ...contract.notices import Warn, notice
from .band_names import MASK
from .sample import Sample
from .spectrum import hides_a_fill, is_all_or_nothing, is_mask

_FIRST = 4  # band from which on one may be an undeclared mask: behind the colours; and the second of two


@dataclass(frozen=True)
class Mended:
    """An image whose transparency is what it is.

    readable: what rasterio opens: the path, or the text of a virtual raster. masks: numbers of the bands that say
    where the image is transparent.
    """

    readable: str
    masks: frozenset[int]


def mended(
    dataset: DatasetReader, sample: Sample, roles: Sequence[str | None], given: Collection[int], warn: Warn
) -> Mended:
    """The image with its transparency as it is.

    GDAL declares the fourth band of any 8-bit TIFF of four bands as transparency unless told otherwise, so
    that most images of red, green, blue and near infrared claim it. Real transparency is all or nothing but
    for its edges, where reprojecting leaves values in between. It is used also where it is not declared, or where
    GDAL does not use it: behind more than three bands, or in other types than integers without sign.

    roles: of each band, as its file names them. given: numbers of bands that the user has given a role.
    """
    claims = [number for number, kind in enumerate(dataset.colorinterp, start=1) if kind == ColorInterp.alpha]
    real = [number for number in claims if is_all_or_nothing(sample, number)]
    false = len(real) < len(claims)
    flags = [found for found in dataset.mask_flag_enums if MaskFlags.per_dataset in found]
    by_alpha = any(MaskFlags.alpha in found for found in flags)
    hidden = None
    if dataset.nodata is None and (not flags or (by_alpha and false)):
        declared = [number for number in real if number not in given]
        hidden = next(iter([*declared, *_undeclared(dataset, sample, roles, given)]), None)
        if hidden is not None and hidden not in declared:
            colours = [number for number in dataset.indexes if number != hidden][:3]
            plain = hides_a_fill(sample, hidden, colours)
            warn(notice("mask_band" if plain else "mask_band_hides", number=hidden))
    masks = frozenset([*real, *([hidden] if hidden is not None else [])])
    if not false and hidden is None:
        return Mended(dataset.name, masks)
    with rasterio.MemoryFile(ext=".vrt") as file:
        rasterio.shutil.copy(dataset, file.name, driver="VRT")
        text = file.read().decode("utf-8")
    text = text.replace("<ColorInterp>Alpha</ColorInterp>", "<ColorInterp>Undefined</ColorInterp>")
    if hidden is not None:
        text = text.replace("</VRTDataset>", f"{_mask_of(dataset.name, hidden)}</VRTDataset>")
    return Mended(text, masks)


def _undeclared(
    dataset: DatasetReader, sample: Sample, roles: Sequence[str | None], given: Collection[int]
) -> list[int]:
    """Numbers of the bands that are masks and are not declared to be, those that their file calls so first."""
    behind = [number for number in dataset.indexes if number >= _FIRST or (number == 2 and dataset.count == 2)]
    found = [
        number
        for number in dataset.indexes
        if (number in behind or roles[number - 1] == MASK)
        and number not in given
        and roles[number - 1] in (None, MASK)
        and is_mask(sample, number)
    ]
    return sorted(found, key=lambda number: (roles[number - 1] != MASK, number))


def _mask_of(path: str, number: int) -> str:
    """The mask of a virtual raster, of a band of the raster `path`."""
    return (
        '<MaskBand><VRTRasterBand dataType="Byte"><SimpleSource>'
        f'<SourceFilename relativeToVRT="0">{escape(path)}</SourceFilename><SourceBand>{number}</SourceBand>'
        "</SimpleSource></VRTRasterBand></MaskBand>"
    )
