"""Where the map is wanted: polygons, on the grid's pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from affine import Affine
from rasterio.features import bounds as geometry_bounds
from rasterio.features import geometry_mask, rasterize

from .raster.geobox import Grid, Window, intersection

_SQUARES = 4_000_000  # squares that a large window is looked at by, instead of all of its pixels
_SMALLEST_SQUARE = 16  # pixels a side from which on looking at squares first is quicker


class Mask:
    """The polygons inside of which the map is wanted; without any, everywhere.

    geometries: GeoJSON-like polygons in the grid's CRS, or None.
    """

    def __init__(self, geometries: tuple[dict, ...] | None, grid: Grid) -> None:
        self._geometries = None if geometries is None else [(geometry_bounds(g), g) for g in geometries]
        self._grid = grid

    def inside(self, window: Window) -> np.ndarray:
        """(rows, columns) bool: pixels whose centre lies in a polygon."""
        return self._inside(window, 1)

    def touches(self, window: Window) -> bool:
        """Whether any pixel of the window, which lies on the raster, is inside."""
        if self._geometries is None:
            return True
        sure = self._sketch.touches(window) if self._sketch else False
        return bool(self._inside(window, 1).any()) if sure is None else sure

    def area_m2(self, window: Window) -> float:
        """Square metres of a window that are inside, counted by pixels or, where it is large, by squares of them."""
        pixels = window[2] * window[3]
        if self._geometries is None:
            return pixels * self._grid.pixel_area_m2
        step = max(1, math.ceil(math.sqrt(pixels / _SQUARES)))
        return float(self._inside(window, step).mean() * pixels * self._grid.pixel_area_m2)

    def _inside(self, window: Window, step: int) -> np.ndarray:
        """(rows / step, columns / step) bool, of the centres of squares of `step` x `step` pixels."""
        shape = (math.ceil(window[3] / step), math.ceil(window[2] / step))
        if self._geometries is None:
            return np.ones(shape, bool)
        xmin, ymin, xmax, ymax = self._grid.window_bounds(window)
        near = [g for (x0, y0, x1, y1), g in self._geometries if x0 < xmax and x1 > xmin and y0 < ymax and y1 > ymin]
        if not near:
            return np.zeros(shape, bool)
        squares = Affine.scale(window[2] / shape[1], window[3] / shape[0])
        return geometry_mask(near, shape, self._grid.window_transform(window) * squares, invert=True)

    @cached_property
    def _sketch(self) -> _Sketch | None:
        """The polygons in squares, where they lie over the raster; None where they do not."""
        lefts, bottoms, rights, tops = zip(*(bounds for bounds, _ in self._geometries))
        around = self._grid.window_of((min(lefts), min(bottoms), max(rights), max(tops)))
        window = intersection(around, (0, 0, self._grid.width, self._grid.height))
        if window is None:
            return None
        size = max(_SMALLEST_SQUARE, math.ceil(math.sqrt(window[2] * window[3] / _SQUARES)))
        shape = (math.ceil(window[3] / size), math.ceil(window[2] / size))
        transform = self._grid.window_transform(window) * Affine.scale(size)
        polygons = [geometry for _, geometry in self._geometries]
        outlines = [{"type": "MultiLineString", "coordinates": _rings(geometry)} for geometry in polygons]
        crossed = rasterize(outlines, shape, transform=transform, all_touched=True, dtype="uint8").astype(bool)
        inside = geometry_mask(polygons, shape, transform, invert=True)
        return _Sketch(window, size, _grown(crossed), inside)


@dataclass(frozen=True)
class _Sketch:
    """Polygons in squares of `size` x `size` pixels over a window: a square no outline crosses is all in or all out.

    crossed, inside: (rows, columns) bool: an outline may cross the square; its centre is in a polygon.
    """

    window: Window
    size: int
    crossed: np.ndarray
    inside: np.ndarray

    def touches(self, window: Window) -> bool | None:
        """Whether any pixel of a window is inside; None where only its pixels can tell."""
        shared = intersection(window, self.window)
        if shared is None:
            return False
        column, row = shared[0] - self.window[0], shared[1] - self.window[1]
        right, bottom = column + shared[2], row + shared[3]
        within = (
            slice(-(-row // self.size), bottom // self.size),
            slice(-(-column // self.size), right // self.size),
        )
        if (self.inside[within] & ~self.crossed[within]).any():
            return True
        around = (
            slice(row // self.size, -(-bottom // self.size)),
            slice(column // self.size, -(-right // self.size)),
        )
        return None if (self.inside[around] | self.crossed[around]).any() else False


def _rings(polygon: dict) -> list:
    """The outlines of a Polygon or MultiPolygon."""
    if polygon["type"] == "Polygon":
        return list(polygon["coordinates"])
    return [ring for part in polygon["coordinates"] for ring in part]


def _grown(squares: np.ndarray) -> np.ndarray:
    """With the neighbours of each square: GDAL leaves out those of which a line only cuts a corner."""
    padded = np.pad(squares, 1)
    rows, columns = squares.shape
    return np.logical_or.reduce([padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)])
