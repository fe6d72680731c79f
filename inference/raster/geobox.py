"""The grid that a job predicts on: the aerial raster's own frame, at the model's ground sampling distance.

The frame is the raster's pixel frame, so a rotated or south-up raster keeps its orientation and a
raster of the model's ground sampling distance keeps its very pixels. Windows are integers in this
grid; they may reach beyond the raster where the extent does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from affine import Affine

Window = tuple[int, int, int, int]  # first column, first row, columns, rows

_SAME = 1e-3  # ground sampling distances closer than this share (0.2 mm in 0.2 m) are one


@dataclass(frozen=True)
class Grid:
    """Pixels of the model over an aerial raster.

    transform: from (column, row) to CRS coordinates. width, height: pixels that cover the raster.
    crs_wkt: coordinate reference system, empty where the raster has none.
    metres: metres to one CRS unit. resampled: whether the raster has another pixel size than the grid.
    """

    transform: Affine
    width: int
    height: int
    crs_wkt: str
    metres: float
    resampled: bool

    @property
    def pixel_area_m2(self) -> float:
        """Square metres of one pixel."""
        return abs(self.transform.determinant) * self.metres**2

    @property
    def pixel_size_m(self) -> tuple[float, float]:
        """Metres along a column step and a row step."""
        return pixel_size_m(self.transform, self.metres)

    def pixels_in(self, metres: float) -> tuple[float, float]:
        """Pixels in a length along a row of pixels, and along a column."""
        across, down = self.pixel_size_m
        return metres / across, metres / down

    def window_transform(self, window: Window) -> Affine:
        """The transform whose origin is the window's upper left corner."""
        return self.transform * Affine.translation(window[0], window[1])

    def window_bounds(self, window: Window) -> tuple[float, float, float, float]:
        """(xmin, ymin, xmax, ymax) of a window in CRS coordinates."""
        column, row, width, height = window
        corners = [self.transform * (column + i * width, row + j * height) for i in (0, 1) for j in (0, 1)]
        xs, ys = zip(*corners)
        return min(xs), min(ys), max(xs), max(ys)

    def window_of(self, extent: tuple[float, float, float, float]) -> Window:
        """The smallest window that covers (xmin, ymin, xmax, ymax), snapped to pixels.

        Corners within a thousandth of a pixel of a pixel's edge count as on it.
        """
        xmin, ymin, xmax, ymax = extent
        inverse = ~self.transform
        columns, rows = zip(*(inverse * (x, y) for x in (xmin, xmax) for y in (ymin, ymax)))
        first_column, first_row = math.floor(min(columns) + _SAME), math.floor(min(rows) + _SAME)
        return (
            first_column,
            first_row,
            max(1, math.ceil(max(columns) - _SAME) - first_column),
            max(1, math.ceil(max(rows) - _SAME) - first_row),
        )


def pixel_size_m(transform: Affine, metres: float) -> tuple[float, float]:
    """Metres along a column step and a row step of a raster whose CRS unit has `metres` metres."""
    return math.hypot(transform.a, transform.d) * metres, math.hypot(transform.b, transform.e) * metres


def make_grid(
    transform: Affine, width: int, height: int, crs_wkt: str, metres: float, ground_sampling_distance: float
) -> Grid:
    """The grid of `ground_sampling_distance` metres over a raster of `width` x `height` pixels.

    Both share the upper left corner; the last column and row may reach past the raster by part of a pixel.
    """
    column_step, row_step = pixel_size_m(transform, metres)
    across, down = ground_sampling_distance / column_step, ground_sampling_distance / row_step
    if abs(across - 1) < _SAME and abs(down - 1) < _SAME:
        return Grid(transform, width, height, crs_wkt, metres, resampled=False)
    return Grid(
        transform * Affine.scale(across, down),
        math.ceil(width / across - _SAME),
        math.ceil(height / down - _SAME),
        crs_wkt,
        metres,
        resampled=True,
    )


def intersection(first: Window, second: Window) -> Window | None:
    """The window that two windows share, or None."""
    column, row = max(first[0], second[0]), max(first[1], second[1])
    width = min(first[0] + first[2], second[0] + second[2]) - column
    height = min(first[1] + first[3], second[1] + second[3]) - row
    return (column, row, width, height) if width > 0 and height > 0 else None
