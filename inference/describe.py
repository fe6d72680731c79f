"""What an aerial raster holds, with a small picture of each band, so that a wrong guess at its bands is seen."""

from __future__ import annotations

import base64
import math

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ..contract.answers import AerialDescription
from ..contract.errors import about
from .raster.aerial import aerial_geobox, mended
from .raster.band_roles import bands_by_role
from .raster.geobox import Bounds
from .raster.open import open_raster, unreadable
from .raster.pictures import png
from .raster.read import gdal_settings
from .raster.windows import Window

_PICTURE = (96, 72)  # pixels
_SHOWN_M = (60.0, 45.0)  # metres that a picture is wide and high: houses, trees and roads can be told
_MOST_BANDS = 12
_STRETCH = (2, 98)  # percentiles of what is shown that become black and white


def describe(path: str, bands_text: str, extent: Bounds | None) -> AerialDescription:
    """Describes an aerial raster, reading no more of it than it shows.

    extent: (xmin, ymin, xmax, ymax) in the raster's CRS, around whose centre to look; None, or one that
    the raster does not reach: its own centre.

    Raises BadInput about ``input`` or ``bands``.
    """
    with gdal_settings(), about("input"):
        with open_raster(path, "The aerial raster") as dataset:
            readable = mended(dataset)
        with rasterio.open(readable) as dataset:
            sizes = aerial_geobox(dataset, path, lambda warning: None).pixel_size_m
            bands = bands_by_role(dataset, path, bands_text)
            window = _shown(dataset, extent, (math.ceil(_SHOWN_M[0] / sizes[0]), math.ceil(_SHOWN_M[1] / sizes[1])))
            try:
                pictures = _pictures(dataset, window)
            except RasterioError as error:
                raise unreadable(path, error) from None
            return AerialDescription(
                count=dataset.count,
                descriptions=tuple(dataset.descriptions),
                bands=bands,
                pixel_m=max(sizes),
                width=dataset.width,
                height=dataset.height,
                pictures=pictures,
            )


def _shown(dataset: DatasetReader, extent: Bounds | None, size: tuple[int, int]) -> Window:
    """The window of `size` pixels that the pictures show, cut at the raster's edge."""
    column, row = dataset.width / 2, dataset.height / 2
    if extent is not None:
        xmin, ymin, xmax, ymax = extent
        there = ~dataset.transform * ((xmin + xmax) / 2, (ymin + ymax) / 2)
        if 0 <= there[0] < dataset.width and 0 <= there[1] < dataset.height:
            column, row = there
    wanted = Window(math.floor(column - size[0] / 2), math.floor(row - size[1] / 2), *size)
    return wanted.shared(Window(0, 0, dataset.width, dataset.height))


def _pictures(dataset: DatasetReader, window: Window) -> dict[int, str]:
    """A picture of a window by band number, base64 of a PNG."""
    numbers = list(range(1, min(dataset.count, _MOST_BANDS) + 1))
    scale = min(1.0, _PICTURE[0] / window.width, _PICTURE[1] / window.height)
    shape = (max(1, round(window.height * scale)), max(1, round(window.width * scale)))
    where = rasterio.windows.Window(*window)
    values = dataset.read(
        numbers, window=where, out_shape=(len(numbers), *shape), masked=True, resampling=Resampling.average
    )
    place = dataset.window_transform(where) * Affine.scale(window.width / shape[1], window.height / shape[0])
    return {number: base64.b64encode(png(_grey(band), place)).decode("ascii") for number, band in zip(numbers, values)}


def _grey(band: np.ma.MaskedArray) -> np.ndarray:
    """Grey values 1..255 of a band, (rows, columns) uint8; 0 where it has no data."""
    values = band.filled(0).astype(np.float64)
    known = ~np.ma.getmaskarray(band) & np.isfinite(values)
    if not known.any():
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(values[known], _STRETCH)
    if high <= low:  # a band of one value says so by a middling grey
        low, high = low - 1, low + 1
    with np.errstate(invalid="ignore"):  # NaN is not known
        shades = 1 + np.rint(np.clip((values - low) / (high - low), 0, 1) * 254)
    return np.where(known, shades, 0).astype(np.uint8)
