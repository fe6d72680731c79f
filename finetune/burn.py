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
_FEW = 64  # polygons that are laid on each other to count conflicts
_SMALL = 256  # pixels a side up to which a part with more of them is burnt whole
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

    Only the places of overlaps are burnt, however large the raster is: it is halved both ways until a part holds few
    polygons, of which each is laid on each, or is small, and burnt. Raises Cancelled once `cancelled` says so.
    """
    if not items:
        return 0.0
    shapes = np.array([item.geometry for item in items], object)
    values = np.array([item.value for item in items])
    bounds = shapely.bounds(shapes)
    around = (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))
    parts = [(geobox.window_of(around), np.arange(len(items)))]
    pixels = 0
    while parts:
        if cancelled():
            raise Cancelled
        window, near = parts.pop()
        near = near[_overlap(bounds[near], geobox.window_bounds(window))]
        if len(np.unique(values[near])) < 2:
            continue
        if len(near) <= _FEW:
            overlaps = _overlaps(shapes[near], values[near])
            if overlaps and max(window.width, window.height) <= 2 * _SMALL:  # to burn each alone takes longer
                pixels += int(_inside(overlaps, geobox, window).sum())
                continue
            for shape in overlaps:
                for block in _blocks(geobox.window_of(shape.bounds).intersection(window)):
                    if cancelled():
                        raise Cancelled
                    pixels += int(_inside([shape], geobox, block).sum())
        elif max(window.width, window.height) <= _SMALL:
            pixels += _contested(shapes[near], values[near], geobox, window)
        else:
            parts += [(part, near) for part in _quarters(window)]
    return pixels * geobox.pixel_area_m2


def _contested(shapes: np.ndarray, values: np.ndarray, geobox: GeoBox, window: Window) -> int:
    """Pixels of a window in polygons of several classes."""
    classes = np.zeros(window.shape, np.uint8)  # up to 255 classes
    for value in np.unique(values):
        classes += _inside(list(shapes[values == value]), geobox, window)
    return int((classes > 1).sum())


def _quarters(window: Window) -> list[Window]:
    columns = sorted({window.column, window.column + window.width // 2, window.right})
    rows = sorted({window.row, window.row + window.height // 2, window.bottom})
    return [
        Window.between(left, top, right, bottom)
        for left, right in zip(columns, columns[1:])
        for top, bottom in zip(rows, rows[1:])
    ]


def _overlaps(shapes: np.ndarray, values: np.ndarray) -> list[shapely.Polygon]:
    """Where polygons of different classes overlap: polygons that do not overlap each other."""
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = (first < second) & (values[first] != values[second])
    shared = shapely.get_parts(shapely.intersection(shapes[first[pairs]], shapes[second[pairs]]))
    shared = shared[shapely.get_type_id(shared) == _POLYGON]
    parts = shapely.get_parts(shapely.union_all(shared)) if len(shared) else []
    return [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]


def _blocks(window: Window | None) -> Iterable[Window]:
    if window is None:
        return
    for down in range(window.row, window.bottom, _BLOCK):
        for across in range(window.column, window.right, _BLOCK):
            yield Window(across, down, _BLOCK, _BLOCK).shared(window)


def _near(items: Sequence[Annotation], bounds: Bounds) -> list[Annotation]:
    """The items whose bounds overlap others."""
    if not items:
        return []
    near = _overlap(shapely.bounds([item.geometry for item in items]), bounds)
    return [item for item, is_near in zip(items, near) if is_near]


def _overlap(each: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Which bounds (n, 4) overlap others, bool (n,)."""
    xmin, ymin, xmax, ymax = bounds
    left, bottom, right, top = each.T
    return (left < xmax) & (right > xmin) & (bottom < ymax) & (top > ymin)


def _inside(shapes: list[shapely.Polygon], geobox: GeoBox, window: Window) -> np.ndarray:
    """(rows, columns) bool: pixels of the window whose centre lies in one of the polygons."""
    return rasterize(shapes, window.shape, transform=geobox.window_transform(window), dtype="uint8").astype(bool)
