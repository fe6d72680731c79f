"""Small PNG pictures: of finished blocks of a map, and of bands."""

from __future__ import annotations

import base64
import math

import numpy as np
from affine import Affine
from rasterio.io import MemoryFile

from ...contract.nomenclature import NODATA, LandCoverClass

_SIDE = 256  # pixels that a block's picture may have a side
_STRETCH = (2, 98)  # percentiles of what is shown that become black and white
_ALL_PIXELS = 16_000_000  # pixels of all pictures of a run together: what shows them holds 64 MB


class BlockPictures:
    """Makes the pictures of one run's blocks, all thinned alike.

    width, height: of the whole map, in pixels. tile_size: the largest side of a block.
    classes: the legend.
    """

    def __init__(self, width: int, height: int, tile_size: int, classes: tuple[LandCoverClass, ...]) -> None:
        self._step = max(math.ceil(tile_size / _SIDE), math.ceil(math.sqrt(width * height / _ALL_PIXELS)))
        self._colours = {NODATA: (0, 0, 0, 0), **{c.value: (*c.rgb, 255) for c in classes}}

    def picture(
        self, labels: np.ndarray, transform: Affine
    ) -> tuple[tuple[float, float, float, float, float, float], bytes]:
        """The picture of a block: its transform's six numbers (a, b, c, d, e, f), and a PNG, transparent where nodata.

        labels: (rows, columns) uint8. transform: of the block. A pixel of the picture shows the label at its
        centre; together they cover the block and nothing else.
        """
        height, width = labels.shape
        columns, across = _thinned(width, self._step)
        rows, down = _thinned(height, self._step)
        placed = transform * Affine.scale(across, down)
        six = placed.a, placed.b, placed.c, placed.d, placed.e, placed.f
        return six, png(labels[np.ix_(rows, columns)], placed, self._colours)


def _thinned(length: int, step: int) -> tuple[np.ndarray, float]:
    """Indices of about every `step`-th of `length` pixels, and how many pixels each stands for."""
    count = math.ceil(length / step)
    indices = ((np.arange(count) + 0.5) * (length / count)).astype(int)
    return indices, length / count


def grey(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Grey values 1..255 of a band, (rows, columns) uint8, 0 where it is not known or no number.

    values: (rows, columns) of any type. known: (rows, columns) bool. The 2nd and 98th percentiles become black and
    white.
    """
    values = values.astype(np.float64)
    known = known & np.isfinite(values)
    if not known.any():
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(values[known], _STRETCH)
    if high <= low:  # a band of one value says so by a middling grey
        low, high = low - 1, low + 1
    with np.errstate(invalid="ignore"):  # NaN is not known
        shades = 1 + np.rint(np.clip((values - low) / (high - low), 0, 1) * 254)
    return np.where(known, shades, 0).astype(np.uint8)


def grey_text(values: np.ndarray, known: np.ndarray) -> str:
    """The same greys as a PNG in base64, transparent where not known."""
    return base64.b64encode(png(grey(values, known), Affine.scale(2))).decode("ascii")  # a place that has none


def png(pixels: np.ndarray, transform: Affine, colours: dict[int, tuple[int, int, int, int]] | None = None) -> bytes:
    """A PNG of (rows, columns) uint8 in which 0 is transparent: grey, or in `colours` (red, green, blue, opacity)."""
    rows, columns = pixels.shape
    profile = {"driver": "PNG", "dtype": "uint8", "count": 1, "height": rows, "width": columns, "nodata": 0}
    with MemoryFile() as file:
        # with its place: rasterio warns of a raster without one
        with file.open(**profile, transform=transform) as dataset:
            if colours:
                dataset.write_colormap(1, colours)
            dataset.write(pixels, 1)
        return bytes(file.getbuffer())
