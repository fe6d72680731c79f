"""The map tool that draws a rectangle."""

from __future__ import annotations

import math

from qgis.core import QgsGeometry, QgsPointXY
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtWidgets import QApplication

from .area_tool import AreaTool
from .ground import ground_area, ground_sides


class RectangleTool(AreaTool):
    """Press, drag and release; or, on a touchpad, click one corner and then the opposite one.

    Escape or the right button drops it. The rectangle is upright on the screen, also where the
    canvas is rotated.
    """

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._start: QgsPointXY | None = None

    def is_drawing(self) -> bool:
        return self._start is not None

    def forget(self) -> None:
        self._start = None

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._start is None:
            self._start = event.mapPoint()
        elif event.button() == Qt.MouseButton.RightButton and self._start is not None:
            self.cancel()

    def canvasMoveEvent(self, event: QgsMapMouseEvent) -> None:
        if self._start is None:
            return
        corners = self._corners(event.mapPoint())
        rectangle = QgsGeometry.fromPolygonXY([corners])
        settings = self._canvas.mapSettings()
        size = ", ".join(filter(None, (ground_sides(settings, *corners[:3]), ground_area(settings, rectangle))))
        self._sketch.show(rectangle, size, event.pixelPoint())

    def canvasReleaseEvent(self, event: QgsMapMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._start is None:
            return
        if not self._is_large_enough(event.pixelPoint()):
            return  # a click: the rectangle follows the cursor until the next one
        rectangle = QgsGeometry.fromPolygonXY([self._corners(event.mapPoint())])
        self._start_over()
        self.drawn.emit(rectangle)

    def _is_large_enough(self, end: QPoint) -> bool:
        start = self.toCanvasCoordinates(self._start)
        width, height = abs(end.x() - start.x()), abs(end.y() - start.y())
        return min(width, height) > 0 and width + height >= QApplication.startDragDistance()

    def _corners(self, end: QgsPointXY) -> list[QgsPointXY]:
        """Four corners from the first to `end` and back round: start, beside it, end, below it."""
        angle = math.radians(self._canvas.rotation())
        across, up = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        dx, dy = end.x() - self._start.x(), end.y() - self._start.y()
        width, height = dx * across[0] + dy * across[1], dx * up[0] + dy * up[1]
        return [
            self._start,
            QgsPointXY(self._start.x() + width * across[0], self._start.y() + width * across[1]),
            end,
            QgsPointXY(self._start.x() + height * up[0], self._start.y() + height * up[1]),
        ]
