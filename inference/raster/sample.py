"""What all that looks at an image looks at: windows spread evenly over it, read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from .open import unreadable
from .pictures import grey_text
from .windows import Window, spread_windows

_SIDE = 8  # windows a side
_SIZE = 128  # pixels a side of such a window


@dataclass(frozen=True)
class Sample:
    """Windows of an image, all of one size.

    windows: in pixels of the image. pixels: by band number, (windows, rows, columns) in the band's type, whatever
    stands there where the image has no data. valid: (windows, rows, columns) bool.
    """

    windows: tuple[Window, ...]
    pixels: dict[int, np.ndarray]
    valid: np.ndarray

    def values(self, number: int) -> np.ndarray:
        """The valid pixels of a band that are numbers, (pixels,) in the band's type."""
        values: np.ndarray = self.pixels[number][self.valid]
        return values[np.isfinite(values)] if np.issubdtype(values.dtype, np.floating) else values

    def picture(self, number: int, index: int) -> str:
        """A grey picture of a window of a band: a PNG in base64, transparent where there is no data."""
        return grey_text(self.pixels[number][index], self.valid[index])


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
    return Sample(windows, {number: np.stack(parts) for number, parts in pixels.items()}, np.stack(valid))
