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
from ..contract.image import ImageSettings
from ..contract.notices import Notice
from .raster.aerial import describe_aerial
from .raster.geobox import Bounds
from .raster.open import unreadable
from .raster.pictures import grey, png
from .raster.read import gdal_settings
from .raster.windows import Window

_PICTURE = (96, 72)  # pixels
_SHOWN_M = (60.0, 45.0)  # metres that a picture is wide and high: houses, trees and roads can be told
_MOST_BANDS = 12


def describe(image: ImageSettings, extent: Bounds | None) -> AerialDescription:
    """Describes an aerial image, reading no more of it than it looks at and shows.

    extent: (xmin, ymin, xmax, ymax) in the raster's CRS, around whose centre to look; None, or one that
    the raster does not reach: its own centre.

    Raises BadInput about ``input`` or ``bands``.
    """
    found: list[Notice] = []
    with gdal_settings(), about("input"):
        source = describe_aerial(image, found.append)
        with rasterio.open(source.readable) as dataset:
            sizes = source.geobox.pixel_size_m
            window = _shown(dataset, extent, (math.ceil(_SHOWN_M[0] / sizes[0]), math.ceil(_SHOWN_M[1] / sizes[1])))
            try:
                pictures = _pictures(dataset, window)
            except RasterioError as error:
                raise unreadable(source.path, error) from None
            return AerialDescription(
                count=dataset.count,
                descriptions=tuple(dataset.descriptions),
                bands=source.bands,
                pixel_m=max(sizes),
                width=dataset.width,
                height=dataset.height,
                pictures=pictures,
                findings=found,
                readable=source.alone,
                files=len(source.tiles) or 1,
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
    return grey(band.filled(0), ~np.ma.getmaskarray(band))
