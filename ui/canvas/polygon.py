"""The map tool that draws a polygon."""

from __future__ import annotations

from qgis.core import QgsGeometry, QgsPointXY
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent
from qgis.PyQt.QtCore import QPoint, Qt, pyqtSignal

from .area_tool import AreaTool
from .ground import ground_area

_SAME_CORNER_PX = 2  # two clicks this near are one corner


class PolygonTool(AreaTool):
    """Left clicks add corners, Backspace or Delete takes the last one back, Escape drops all.

    A double click or the right button ends it. What is no polygon is not ended: `refused` says why
    in one sentence, and the drawing goes on.
    """

    refused = pyqtSignal(str)

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._corners: list[QgsPointXY] = []
        self._cursor: tuple[QgsPointXY, QPoint] | None = None

    def is_drawing(self) -> bool:
        return bool(self._corners)

    def forget(self) -> None:
        self._corners = []
        self._cursor = None

    def undo(self) -> None:
        del self._corners[-1:]
        self._draw()

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:
        # On the press, not on the release: the second click of a double click has no press.
        if event.button() == Qt.MouseButton.RightButton:
            self._finish()
        elif event.button() == Qt.MouseButton.LeftButton:
            self._cursor = event.mapPoint(), event.pixelPoint()
            if not self._is_last_corner(event.pixelPoint()):
                self._corners.append(event.mapPoint())
            self._draw()

    def canvasMoveEvent(self, event: QgsMapMouseEvent) -> None:
        self._cursor = event.mapPoint(), event.pixelPoint()
        self._draw()

    def canvasDoubleClickEvent(self, event: QgsMapMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._finish()

    def _is_last_corner(self, at: QPoint) -> bool:
        if not self._corners:
            return False
        return (self.toCanvasCoordinates(self._corners[-1]) - at).manhattanLength() <= _SAME_CORNER_PX

    def _draw(self) -> None:
        if not self._corners or self._cursor is None:
            self._sketch.clear()
            return
        here, pixel = self._cursor
        points = self._corners if self._is_last_corner(pixel) else [*self._corners, here]
        if len(points) < 3:
            self._sketch.show(QgsGeometry.fromPolylineXY([*points, here]), "", pixel)
            return
        polygon = QgsGeometry.fromPolygonXY([points])
        words = ground_area(self._canvas.mapSettings(), polygon) if polygon.isGeosValid() else self.tr("edges cross")
        self._sketch.show(polygon, words, pixel)

    def _finish(self) -> None:
        if not self._corners:
            return
        polygon = QgsGeometry.fromPolygonXY([self._corners])
        if len(self._corners) < 3:
            self.refused.emit(self.tr("A polygon needs at least three corners: click on the map to add more."))
        elif not polygon.isGeosValid():
            self.refused.emit(
                self.tr("The polygon's edges cross: take corners back with Backspace, and draw around the area.")
            )
        else:
            self._start_over()
            self.drawn.emit(polygon)
