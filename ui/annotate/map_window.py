"""A piece of a map read around a place, with its confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from qgis.core import (
    Qgis,
    QgsCoordinateTransformContext,
    QgsDistanceArea,
    QgsGeometry,
    QgsPointXY,
    QgsRasterLayer,
    QgsRectangle,
)

_TYPES = {
    Qgis.DataType.Byte: np.uint8,
    Qgis.DataType.UInt16: np.uint16,
    Qgis.DataType.Int16: np.int16,
    Qgis.DataType.UInt32: np.uint32,
    Qgis.DataType.Int32: np.int32,
    Qgis.DataType.Float32: np.float32,
    Qgis.DataType.Float64: np.float64,
}
# Pixels a side at most: 4 MB of labels, read and searched while the user waits.
MAX_SIDE = 2048
_MIN_SIDE = 256
_SPREAD = 4  # a region may be this many times as long as a square of its size before the window cuts it


@dataclass(frozen=True)
class MapWindow:
    """labels, confidence: (rows, columns); confidence in percent, None where there is none.

    extent: in the layer's CRS. seed: row and column of the place. pixel_m2: area of a pixel on the ground.
    """

    labels: np.ndarray
    confidence: np.ndarray | None
    extent: QgsRectangle
    seed: tuple[int, int]
    pixel_m2: float


def read_window(
    layer: QgsRasterLayer, confidence: QgsRasterLayer | None, point: QgsPointXY, max_m2: float
) -> MapWindow | None:
    """What lies around a place: enough for a region of `max_m2`, at most MAX_SIDE pixels a side.

    layer: a map, its labels in the first band. confidence: of the map, in the same CRS; others are not used.
    point: in the layer's CRS. None where the point lies outside the map, or the map cannot be read.
    """
    provider = layer.dataProvider()
    whole, columns, rows = provider.extent(), provider.xSize(), provider.ySize()
    if not columns or not rows or not whole.contains(point):
        return None
    width, height = whole.width() / columns, whole.height() / rows
    column = min(columns - 1, int((point.x() - whole.xMinimum()) / width))
    row = min(rows - 1, int((whole.yMaximum() - point.y()) / height))
    pixel_m2 = _ground_area(layer, _box(whole, width, height, (column, row, 1, 1)))
    side = int(min(MAX_SIDE, max(_MIN_SIDE, _SPREAD * math.sqrt(max_m2 / pixel_m2)))) if pixel_m2 > 0 else _MIN_SIDE
    left, top = max(0, column - side // 2), max(0, row - side // 2)
    size = min(columns, column + side // 2 + 1) - left, min(rows, row + side // 2 + 1) - top
    extent = _box(whole, width, height, (left, top, *size))
    labels = _read(layer, extent, size)
    if labels is None:
        return None
    usable = confidence is not None and confidence.isValid() and confidence.crs() == layer.crs()
    return MapWindow(
        labels, _read(confidence, extent, size) if usable else None, extent, (row - top, column - left), pixel_m2
    )


def _box(whole: QgsRectangle, width: float, height: float, pixels: tuple[int, int, int, int]) -> QgsRectangle:
    """The extent of pixels: first column, first row, columns, rows."""
    left, top, columns, rows = pixels
    x, y = whole.xMinimum() + left * width, whole.yMaximum() - top * height
    return QgsRectangle(x, y - rows * height, x + columns * width, y)


def _read(layer: QgsRasterLayer, extent: QgsRectangle, size: tuple[int, int]) -> np.ndarray | None:
    columns, rows = size
    block = layer.dataProvider().block(1, extent, columns, rows)
    kind = _TYPES.get(block.dataType())
    if kind is None or not block.isValid() or block.isEmpty():
        return None
    return np.frombuffer(bytes(block.data()), kind).reshape(rows, columns)


def _ground_area(layer: QgsRasterLayer, pixel: QgsRectangle) -> float:
    """Square metres on the CRS's ellipsoid; in the CRS's own units where it has none."""
    measure = QgsDistanceArea()
    measure.setSourceCrs(layer.crs(), QgsCoordinateTransformContext())
    measure.setEllipsoid(layer.crs().ellipsoidAcronym())
    area = measure.measureArea(QgsGeometry.fromRect(pixel))
    return area if math.isfinite(area) and area > 0 else pixel.area()
