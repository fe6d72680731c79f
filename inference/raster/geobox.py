"""Where the pixels of a raster lie on the ground.

A job predicts on a geobox of its own: the aerial raster's frame at the model's ground sampling distance. The frame is
the raster's pixel frame, so a rotated or south-up raster keeps its orientation and a raster of the model's ground
sampling distance keeps its very pixels. Windows are integers in it; they may reach beyond the raster where the extent
does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from affine import Affine

from .windows import Window

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

Bounds = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax in CRS units

_SAME = 1e-3  # ground sampling distances closer than this share (0.2 mm in 0.2 m) are one
_SMALLEST = 1e-12  # CRS units a side of a pixel
_FARTHEST = 1e12  # CRS units: the Earth has a circumference of 4e10 mm


def is_place(transform: Affine) -> bool:
    """Whether a transform puts pixels anywhere: its numbers are finite, and its pixels have an area."""
    return all(abs(value) <= _FARTHEST for value in transform[:6]) and abs(transform.determinant) >= _SMALLEST**2


@dataclass(frozen=True)
class GeoBox:
    """Pixels in a coordinate reference system.

    transform: from (column, row) to CRS coordinates. crs_wkt: empty where a raster has none.
    shape: (rows, columns). metres: metres to one CRS unit; where they differ by direction, so many that its square is
    the square metres of a square unit. metres_xy: those along x and along y, where they differ from it.
    """

    transform: Affine
    crs_wkt: str
    shape: tuple[int, int]
    metres: float = 1.0
    metres_xy: tuple[float, float] | None = None

    @classmethod
    def of(cls, dataset: DatasetReader) -> GeoBox:
        """The pixels of an open raster, whose CRS units are taken for metres."""
        return cls(dataset.transform, dataset.crs.to_wkt() if dataset.crs else "", dataset.shape)

    @property
    def height(self) -> int:
        """Rows."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Columns."""
        return self.shape[1]

    @property
    def window(self) -> Window:
        """All of its pixels."""
        return Window(0, 0, self.width, self.height)

    @property
    def bounds(self) -> Bounds:
        """What it covers, in CRS coordinates."""
        return self.window_bounds(self.window)

    @property
    def pixel_size(self) -> tuple[float, float]:
        """CRS units along a column step and a row step."""
        return math.hypot(self.transform.a, self.transform.d), math.hypot(self.transform.b, self.transform.e)

    @property
    def pixel_size_m(self) -> tuple[float, float]:
        """Metres along a column step and a row step."""
        x, y = self.metres_xy or (self.metres, self.metres)
        if x == y:
            across, down = self.pixel_size
            return across * x, down * x
        t = self.transform
        return math.hypot(t.a * x, t.d * y), math.hypot(t.b * x, t.e * y)

    @property
    def pixel_area_m2(self) -> float:
        """Square metres of one pixel."""
        return abs(self.transform.determinant) * self.metres**2

    def pixels_in(self, metres: float) -> tuple[float, float]:
        """Pixels in a length along a row of pixels, and along a column."""
        across, down = self.pixel_size_m
        return metres / across, metres / down

    def crop(self, window: Window) -> GeoBox:
        """The pixels of a window, which may reach past this geobox."""
        return replace(self, transform=self.window_transform(window), shape=window.shape)

    def window_transform(self, window: Window) -> Affine:
        """The transform whose origin is the window's upper left corner."""
        return self.transform * Affine.translation(window.column, window.row)

    def window_bounds(self, window: Window) -> Bounds:
        """What a window covers, in CRS coordinates."""
        corners = [self.transform * (x, y) for x in (window.column, window.right) for y in (window.row, window.bottom)]
        xs, ys = zip(*corners)
        return min(xs), min(ys), max(xs), max(ys)

    def window_of(self, extent: Bounds) -> Window:
        """The smallest window that covers an extent, snapped to pixels.

        Corners within a thousandth of a pixel of a pixel's edge count as on it.
        """
        xmin, ymin, xmax, ymax = extent
        inverse = ~self.transform
        columns, rows = zip(*(inverse * (x, y) for x in (xmin, xmax) for y in (ymin, ymax)))
        first_column, first_row = math.floor(min(columns) + _SAME), math.floor(min(rows) + _SAME)
        return Window(
            first_column,
            first_row,
            max(1, math.ceil(max(columns) - _SAME) - first_column),
            max(1, math.ceil(max(rows) - _SAME) - first_row),
        )

    def at(self, ground_sampling_distance: float) -> GeoBox:
        """The same place in pixels of so many metres; itself where its pixels have that size.

        Both share the upper left corner; the last column and row may reach past this geobox by part of a pixel.
        """
        column_step, row_step = self.pixel_size_m
        across, down = ground_sampling_distance / column_step, ground_sampling_distance / row_step
        if abs(across - 1) < _SAME and abs(down - 1) < _SAME:
            return self
        return replace(
            self,
            transform=self.transform * Affine.scale(across, down),
            shape=(math.ceil(self.height / down - _SAME), math.ceil(self.width / across - _SAME)),
        )
