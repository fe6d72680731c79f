"""Polygons as pixels of the model's grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import shapely
from rasterio.features import rasterize

from ..contract.errors import Cancelled
from ..contract.nomenclature import NODATA
from ..inference.raster.geobox import Bounds, GeoBox
from ..inference.raster.windows import Window
from .annotations import Annotation

_BLOCK = 2048  # pixels a side of what is burnt at once to count conflicts
_POLYGON = 3  # shapely's number of the type Polygon


def burn(items: Sequence[Annotation], geobox: GeoBox, window: Window) -> np.ndarray:
    """The classes of a window's pixels, as the polygons say.

    Returns (rows, columns) uint8: the class value of the polygon that the pixel's centre lies in; 0 where there is
    none, or where polygons of different classes lie there.
    """
    labels = np.full(window.shape, NODATA, np.uint8)
    contested = np.zeros(labels.shape, bool)
    by_class: dict[int, list[shapely.Polygon]] = {}
    for item in _near(items, geobox.window_bounds(window)):
        by_class.setdefault(item.value, []).append(item.geometry)
    for value, shapes in by_class.items():
        inside = _inside(shapes, geobox, window)
        contested |= inside & (labels != NODATA)
        labels[inside] = value
    labels[contested] = NODATA
    return labels


def conflict_m2(items: Sequence[Annotation], geobox: GeoBox, cancelled: Callable[[], bool] = lambda: False) -> float:
    """Square metres where polygons of different classes overlap, counted in pixels, which `burn` leaves unlabelled.

    Only the places of overlaps are burnt, however large the raster is. Raises Cancelled once `cancelled` says so.
    """
    pixels = 0
    for shape in _overlaps(items):
        for block in _blocks(geobox.window_of(shape.bounds)):
            if cancelled():
                raise Cancelled
            pixels += int(_inside([shape], geobox, block).sum())
    return pixels * geobox.pixel_area_m2


def _overlaps(items: Sequence[Annotation]) -> list[shapely.Polygon]:
    """Where polygons of different classes overlap: polygons that do not overlap each other."""
    shapes = np.array([item.geometry for item in items], object)
    values = np.array([item.value for item in items])
    if len(items) < 2:
        return []
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = (first < second) & (values[first] != values[second])
    shared = shapely.get_parts(shapely.intersection(shapes[first[pairs]], shapes[second[pairs]]))
    shared = shared[shapely.get_type_id(shared) == _POLYGON]
    parts = shapely.get_parts(shapely.union_all(shared)) if len(shared) else []
    return [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]


def _blocks(window: Window) -> Iterable[Window]:
    for down in range(window.row, window.bottom, _BLOCK):
        for across in range(window.column, window.right, _BLOCK):
            yield Window(across, down, _BLOCK, _BLOCK).shared(window)


def _near(items: Sequence[Annotation], bounds: Bounds) -> list[Annotation]:
    """The items whose bounds overlap others."""
    if not items:
        return []
    xmin, ymin, xmax, ymax = bounds
    left, bottom, right, top = shapely.bounds([item.geometry for item in items]).T
    near = (left < xmax) & (right > xmin) & (bottom < ymax) & (top > ymin)
    return [item for item, is_near in zip(items, near) if is_near]


def _inside(shapes: list[shapely.Polygon], geobox: GeoBox, window: Window) -> np.ndarray:
    """(rows, columns) bool: pixels of the window whose centre lies in one of the polygons."""
    return rasterize(shapes, window.shape, transform=geobox.window_transform(window), dtype="uint8").astype(bool)
