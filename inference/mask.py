"""Where the map is wanted: polygons, on the pixels of a geobox."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from affine import Affine
from rasterio.features import bounds as geometry_bounds
from rasterio.features import geometry_mask, rasterize

from .raster.geobox import GeoBox
from .raster.windows import Window

_SQUARES = 4_000_000  # squares that a large window is looked at by, instead of all of its pixels
_SMALLEST_SQUARE = 16  # pixels a side from which on looking at squares first is quicker


class Mask:
    """The polygons inside of which the map is wanted; without any, everywhere.

    geometries: GeoJSON-like polygons in the geobox's CRS, or None.
    """

    def __init__(self, geometries: tuple[dict, ...] | None, geobox: GeoBox) -> None:
        self._geometries = None if geometries is None else [(geometry_bounds(g), g) for g in geometries]
        self._geobox = geobox

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
        pixels = window.width * window.height
        if self._geometries is None:
            return pixels * self._geobox.pixel_area_m2
        step = max(1, math.ceil(math.sqrt(pixels / _SQUARES)))
        return float(self._inside(window, step).mean() * pixels * self._geobox.pixel_area_m2)

    def _inside(self, window: Window, step: int) -> np.ndarray:
        """(rows / step, columns / step) bool, of the centres of squares of `step` x `step` pixels."""
        shape = (math.ceil(window.height / step), math.ceil(window.width / step))
        if self._geometries is None:
            return np.ones(shape, bool)
        xmin, ymin, xmax, ymax = self._geobox.window_bounds(window)
        near = [g for (x0, y0, x1, y1), g in self._geometries if x0 < xmax and x1 > xmin and y0 < ymax and y1 > ymin]
        if not near:
            return np.zeros(shape, bool)
        squares = Affine.scale(window.width / shape[1], window.height / shape[0])
        return geometry_mask(near, shape, self._geobox.window_transform(window) * squares, invert=True)

    @cached_property
    def _sketch(self) -> _Sketch | None:
        """The polygons in squares, where they lie over the raster; None where they do not, or there are none."""
        if self._geometries is None:
            return None
        lefts, bottoms, rights, tops = zip(*(bounds for bounds, _ in self._geometries))
        around = self._geobox.window_of((min(lefts), min(bottoms), max(rights), max(tops)))
        window = around.intersection(self._geobox.window)
        if window is None:
            return None
        size = max(_SMALLEST_SQUARE, math.ceil(math.sqrt(window.width * window.height / _SQUARES)))
        shape = (math.ceil(window.height / size), math.ceil(window.width / size))
        transform = self._geobox.window_transform(window) * Affine.scale(size)
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
        shared = window.intersection(self.window)
        if shared is None:
            return False
        rows, columns = shared.within(self.window)
        within = (
            slice(-(-rows.start // self.size), rows.stop // self.size),
            slice(-(-columns.start // self.size), columns.stop // self.size),
        )
        if (self.inside[within] & ~self.crossed[within]).any():
            return True
        around = (
            slice(rows.start // self.size, -(-rows.stop // self.size)),
            slice(columns.start // self.size, -(-columns.stop // self.size)),
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
