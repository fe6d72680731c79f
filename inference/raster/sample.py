"""What all that looks at an image looks at: windows spread evenly over it, read once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from .intact import JPEG_2000
from .open import unreadable
from .pictures import grey_text
from .windows import Window, spread_windows

_SIDE = 8  # windows a side
_SIZE = 128  # pixels a side of such a window
_MOST_BANDS = 4  # of images that may be reduced: heights are told by their detail
_REDUCED_FROM = 2 * _SIDE * _SIZE  # pixels a side beyond which the windows show a small part of the image

_COLOURS = 3  # the first bands, of which a later one may hold heights
_FILLS = (-9999, -32768)
_HUGE = 1e30  # and beyond: what floats are filled with


@dataclass(frozen=True)
class Sample:
    """Windows of an image, all of one size.

    windows: in pixels of the image; larger than what was read of them where reading takes long, see `take_sample`.
    pixels: by band number, (windows, rows, columns) in the band's type, whatever stands there where the image has no
    data. valid: (windows, rows, columns) bool, where any band has data. nodata: by band number, where the band declares
    one. filled: (windows, rows, columns) bool, where the first bands all hold what stands for nothing though it is not
    declared, which is not valid either; None where that is not known.
    """

    windows: tuple[Window, ...]
    pixels: dict[int, np.ndarray]
    valid: np.ndarray
    nodata: dict[int, float] = field(default_factory=dict)
    filled: np.ndarray | None = None

    @property
    def reduced(self) -> bool:
        """Whether fewer pixels were read than the windows have."""
        return self.windows[0].shape != self.valid.shape[1:]

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


def take_sample(dataset: DatasetReader, numbers: Iterable[int] | None = None, beside: Sample | None = None) -> Sample:
    """Reads windows of bands by their numbers, all where None is given. Raises BadInput where they cannot be read.

    beside: a sample of a raster of the same size, of which the same pixels are to be seen.
    Of large JPEG 2000 of 8 bits the windows are larger, side by side, and read from a level of fewer pixels: of 8192
    pixels a side that takes 0.7 s on two cores, and windows of its own pixels 20 to 40 s. 16 bits, whose stretch rests
    on the sample, are read as they are.
    """
    wanted = list(numbers or dataset.indexes)
    try:
        reduced = _is_dear(dataset) if beside is None else beside.reduced
        windows, pixels, known = (_reduced if reduced else _as_they_are)(dataset, wanted)
    except RasterioError as error:
        raise unreadable(dataset.name, error) from None
    declared = {number: value for number, value in zip(dataset.indexes, dataset.nodatavals) if value is not None}
    if numbers is not None:
        return Sample(windows, pixels, known, declared)
    filled = known & np.all([stands_for_nothing(pixels[number]) for number in wanted[:_COLOURS]], axis=0)
    return Sample(windows, pixels, known & ~filled, declared, filled)


_Taken = tuple[tuple[Window, ...], dict[int, np.ndarray], np.ndarray]  # windows, pixels by band, where there are data


def _as_they_are(dataset: DatasetReader, wanted: Sequence[int]) -> _Taken:
    """Windows with the raster's own pixels."""
    windows = tuple(spread_windows(dataset.width, dataset.height, _SIDE, _SIZE))
    shape = (len(windows), *windows[0].shape)
    pixels = {number: np.zeros(shape, dataset.dtypes[number - 1]) for number in wanted}
    known = np.zeros(shape, bool)
    for group in _groups(windows, dataset.block_shapes[0]):
        several = [windows[index] for index in group]
        around = Window.between(
            min(window.column for window in several),
            min(window.row for window in several),
            max(window.right for window in several),
            max(window.bottom for window in several),
        )
        bands, there = _read(dataset, wanted, window=rasterio.windows.Window(*around))
        for index, window in zip(group, several):
            where = window.within(around)
            known[index] = there[where]
            for number, band in bands.items():
                pixels[number][index] = band[where]
    return windows, pixels, known


def _groups(windows: Sequence[Window], block: tuple[int, int]) -> list[list[int]]:
    """Indices of the windows that lie in the same blocks, which are decoded once for them."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, window in enumerate(windows):
        rows, columns = block
        first, last = (window.row // rows, window.column // columns), (window.bottom - 1, window.right - 1)
        groups.setdefault((*first, last[0] // rows, last[1] // columns), []).append(index)
    return list(groups.values())


def _read(dataset: DatasetReader, wanted: Sequence[int], **part: Any) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """The bands of a part by number, and where it has data. Bands of one type are read at once: some share blocks."""
    bands: dict[int, np.ndarray] = {}
    for dtype in dict.fromkeys(dataset.dtypes[number - 1] for number in wanted):
        alike = [number for number in wanted if dataset.dtypes[number - 1] == dtype]
        bands.update(zip(alike, dataset.read(alike, **part)))
    return bands, dataset.read_masks(**part).any(axis=0)


def _is_dear(dataset: DatasetReader) -> bool:
    """Whether each window takes long to read, and a picture of fewer pixels does not: large JPEG 2000 of 8 bits."""
    if set(dataset.dtypes) != {"uint8"} or dataset.count > _MOST_BANDS or max(dataset.shape) <= _REDUCED_FROM:
        return False
    return any(file.lower().endswith(JPEG_2000) for file in dataset.files)


def _reduced(dataset: DatasetReader, wanted: Sequence[int]) -> _Taken:
    """As many windows, next to each other and reduced, which reads a level of the file that has fewer pixels."""
    height, width = (min(_SIZE, side // _SIDE) for side in dataset.shape)
    bands, known = _read(dataset, wanted, out_shape=(_SIDE * height, _SIDE * width))
    rows, columns = ([side * step // _SIDE for step in range(_SIDE + 1)] for side in dataset.shape)
    windows = tuple(
        Window.between(columns[j], rows[i], columns[j + 1], rows[i + 1]) for i in range(_SIDE) for j in range(_SIDE)
    )

    def cut(band: np.ndarray) -> np.ndarray:
        parts = band.reshape(_SIDE, height, _SIDE, width).swapaxes(1, 2)
        return parts.reshape(_SIDE * _SIDE, height, width)

    return windows, {number: cut(band) for number, band in bands.items()}, cut(known)
