"""What all that looks at an image looks at: windows spread evenly over it, read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from .open import unreadable
from .pictures import grey_text
from .windows import Window, spread_windows

_SIDE = 8  # windows a side
_SIZE = 128  # pixels a side of such a window

_COLOURS = 3  # the first bands, of which a later one may hold heights
_FILLS = (-9999, -32768)
_HUGE = 1e30  # and beyond: what floats are filled with


@dataclass(frozen=True)
class Sample:
    """Windows of an image, all of one size.

    windows: in pixels of the image. pixels: by band number, (windows, rows, columns) in the band's type, whatever
    stands there where the image has no data. valid: (windows, rows, columns) bool, where any band has data.
    nodata: by band number, where the band declares one. filled: (windows, rows, columns) bool, where the first bands
    all hold what stands for nothing though it is not declared, which is not valid either; None where that is not known.
    """

    windows: tuple[Window, ...]
    pixels: dict[int, np.ndarray]
    valid: np.ndarray
    nodata: dict[int, float] = field(default_factory=dict)
    filled: np.ndarray | None = None

    def values(self, number: int) -> np.ndarray:
        """The valid pixels of a band that are numbers, (pixels,) in the band's type."""
        return self.pixels[number][self.valid & ~self.lacks(number)]

    def lacks(self, number: int) -> np.ndarray:
        """Where a band holds no value that counts, whatever the others hold: (windows, rows, columns) bool.

        That is what `stands_for_nothing`, or its own nodata where bytes have no such number: where QGIS's Merge is told
        to take 0 for nodata, level ground or a deep shadow becomes nodata in one band alone. It reads as 0 then.
        """
        pixels, nodata = self.pixels[number], self.nodata.get(number)
        lacking = stands_for_nothing(pixels)
        return lacking if nodata is None or 0 <= nodata <= 255 else lacking | (pixels == nodata)

    def picture(self, number: int, index: int) -> str:
        """A grey picture of a window of a band: a PNG in base64, transparent where there is no data."""
        return grey_text(self.pixels[number][index], self.valid[index])


def stands_for_nothing(pixels: np.ndarray) -> np.ndarray:
    """Where pixels of any type are no numbers, or those that signed ones are filled with, declared or not."""
    if np.issubdtype(pixels.dtype, np.floating):
        with np.errstate(invalid="ignore"):
            return ~(np.abs(pixels) < _HUGE) | np.isin(pixels, _FILLS)
    signed = np.issubdtype(pixels.dtype, np.signedinteger)
    return np.isin(pixels, _FILLS) if signed else np.zeros(pixels.shape, bool)


def take_sample(dataset: DatasetReader, numbers: Iterable[int] | None = None) -> Sample:
    """Reads windows of bands by their numbers, all where None is given. Raises BadInput where they cannot be read."""
    windows = tuple(spread_windows(dataset.width, dataset.height, _SIDE, _SIZE))
    pixels: dict[int, list[np.ndarray]] = {number: [] for number in numbers or dataset.indexes}
    valid = []
    for window in windows:
        part = rasterio.windows.Window(*window)
        try:
            for number, parts in pixels.items():  # each by itself: bands may differ in type
                parts.append(dataset.read(number, window=part))
            valid.append(dataset.read_masks(window=part).any(axis=0))
        except RasterioError as error:
            raise unreadable(dataset.name, error) from None
    stacked = {number: np.stack(parts) for number, parts in pixels.items()}
    known = np.stack(valid)
    declared = {number: value for number, value in zip(dataset.indexes, dataset.nodatavals) if value is not None}
    if numbers is not None:
        return Sample(windows, stacked, known, declared)
    colours = [stacked[number] for number in dataset.indexes[:_COLOURS]]
    filled = known & np.all([stands_for_nothing(band) for band in colours], axis=0)
    return Sample(windows, stacked, known & ~filled, declared, filled)
