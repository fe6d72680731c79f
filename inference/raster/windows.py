"""Windows: parts of a raster, counted in its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """First column and row, and how many of each. A window may reach past its raster, to all sides."""

    column: int
    row: int
    width: int
    height: int

    @classmethod
    def between(cls, left: int, top: int, right: int, bottom: int) -> Window:
        """The window of the columns left..right and the rows top..bottom, the ends not included."""
        return cls(left, top, right - left, bottom - top)

    @property
    def right(self) -> int:
        """The first column behind it."""
        return self.column + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.row + self.height

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns), as arrays have it."""
        return self.height, self.width

    def intersection(self, other: Window) -> Window | None:
        """The window that both share, or None."""
        left, top = max(self.column, other.column), max(self.row, other.row)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Window.between(left, top, right, bottom) if left < right and top < bottom else None

    def shared(self, other: Window) -> Window:
        """The window that both share, where they are known to share one."""
        found = self.intersection(other)
        if found is None:
            raise AssertionError
        return found

    def within(self, whole: Window) -> tuple[slice, slice]:
        """Its rows and columns in an array of the pixels of `whole`, which it does not reach out of."""
        top, left = self.row - whole.row, self.column - whole.column
        return slice(top, top + self.height), slice(left, left + self.width)


def spread_windows(width: int, height: int, count: int, size: int) -> Iterator[Window]:
    """`count` times `count` windows of `size` pixels a side, spread evenly over a raster, to look at samples of it.

    Where the raster is small they overlap; they are as large as it at most.
    """
    for row in np.linspace(0, max(0, height - size), count).astype(int).tolist():
        for column in np.linspace(0, max(0, width - size), count).astype(int).tolist():
            yield Window(column, row, min(size, width), min(size, height))
