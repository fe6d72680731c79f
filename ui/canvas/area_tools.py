"""The map tools that draw an area, a rectangle or a polygon, and the sketch that they show while they do."""

from __future__ import annotations

import math

from qgis.core import QgsDistanceArea, QgsGeometry, QgsMapSettings, QgsPointXY
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent, QgsMapTool, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, QPoint, Qt, pyqtSignal
from qgis.PyQt.QtGui import QCursor, QPalette
from qgis.PyQt.QtWidgets import QApplication, QLabel

from ..widgets.amounts import area_text, sides_text
from ..widgets.lifetime import when_destroyed
from .items import make_area_band, take_from_scene

_SAME_CORNER_PX = 2  # two clicks this near are one corner


def ground_measure(settings: QgsMapSettings) -> QgsDistanceArea | None:
    """Measures in metres and square metres on the project's ellipsoid.

    A project that measures in the plane gets its CRS's own ellipsoid: a metre of Web Mercator is no
    metre on the ground. None where the canvas has no CRS.
    """
    crs = settings.destinationCrs()
    measure = QgsDistanceArea()
    measure.setSourceCrs(crs, settings.transformContext())
    ellipsoid = settings.ellipsoid()
    measure.setEllipsoid(crs.ellipsoidAcronym() if ellipsoid in ("", "NONE") else ellipsoid)
    return measure if measure.willUseEllipsoid() else None


def ground_area(settings: QgsMapSettings, area: QgsGeometry) -> str:
    """`12.36 ha`, for a polygon in the canvas's CRS; empty where the canvas has no CRS."""
    measure = ground_measure(settings)
    return "" if measure is None else area_text(measure.measureArea(area))


def ground_sides(settings: QgsMapSettings, corner: QgsPointXY, middle: QgsPointXY, opposite: QgsPointXY) -> str:
    """`412 m × 300 m`: from `corner` to `middle` and from there to `opposite`, in the canvas's CRS."""
    measure = ground_measure(settings)
    if measure is None:
        return ""
    return sides_text(measure.measureLine(corner, middle), measure.measureLine(middle, opposite))


class Sketch:
    """Nothing of it is on the canvas before `show` and after `clear`."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self._canvas = canvas
        self._band: QgsRubberBand | None = None
        self._label: QLabel | None = None

    def show(self, geometry: QgsGeometry, words: str, cursor: QPoint) -> None:
        """geometry: line or polygon in the canvas's CRS; words: may be empty; cursor: on the viewport."""
        if self._band is None:
            self._band = make_area_band(self._canvas, geometry)
        else:
            self._band.setToGeometry(geometry)
        if not words:
            self._drop_label()
            return
        if self._label is None:
            self._label = _make_label(self._canvas)
        self._label.setText(words)
        self._label.adjustSize()
        self._label.move(_beside(cursor, self._label, self._canvas))
        self._label.show()

    def clear(self) -> None:
        """Takes all off the canvas; also where the canvas is gone."""
        take_from_scene(self._band)
        self._band = None
        self._drop_label()

    def _drop_label(self) -> None:
        if self._label is not None and not sip.isdeleted(self._label):
            self._label.hide()
            self._label.deleteLater()
        self._label = None


def _make_label(canvas: QgsMapCanvas) -> QLabel:
    label = QLabel(canvas.viewport())
    label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    palette = canvas.palette()
    ground = palette.color(QPalette.ColorRole.ToolTipBase).name()
    text = palette.color(QPalette.ColorRole.ToolTipText).name()
    # As a style sheet: those of QGIS's dark themes make labels transparent, and a palette does not count beside them.
    label.setStyleSheet(
        f"QLabel {{ background-color: {ground}; color: {text}; border: 1px solid {text}; "
        f"padding: {label.fontMetrics().height() // 5}px; }}"
    )
    return label


def _beside(cursor: QPoint, label: QLabel, canvas: QgsMapCanvas) -> QPoint:
    """Right below the cursor; on its other side where the viewport ends."""
    gap = label.fontMetrics().height()
    viewport = canvas.viewport()
    x, y = cursor.x() + gap, cursor.y() + gap
    if x + label.width() > viewport.width():
        x = cursor.x() - gap - label.width()
    if y + label.height() > viewport.height():
        y = cursor.y() - gap - label.height()
    return QPoint(max(0, x), max(0, y))


class AreaTool(QgsMapTool):
    """A map tool that ends with a polygon in the canvas's CRS (`drawn`) or with `cancelled`.

    The tool stays active after both: whoever set it decides whether another area may follow.
    """

    drawn = pyqtSignal(object)
    cancelled = pyqtSignal()

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._listening = False
        self._sketch = sketch = Sketch(canvas)
        when_destroyed(self, sketch.clear)
        self.setCursor(QCursor(Qt.CursorShape.CrossCursor))

    # What the two tools differ in.

    def is_drawing(self) -> bool:
        """True from the first corner on."""
        raise NotImplementedError

    def forget(self) -> None:
        """Drops the corners."""
        raise NotImplementedError

    def undo(self) -> None:
        """Drops the last corner, where the tool has such a thing."""

    # What they share.

    def cancel(self) -> None:
        """Drops what is drawn and says so."""
        self._start_over()
        self.cancelled.emit()

    def activate(self) -> None:
        super().activate()
        if not self._listening:
            self._listening = True
            self._canvas.installEventFilter(self)
            self._canvas.destinationCrsChanged.connect(self._start_over)
        self._canvas.setFocus(Qt.FocusReason.OtherFocusReason)  # Escape works before the first click, too

    def deactivate(self) -> None:
        self._start_over()
        if self._listening:
            self._listening = False
            if not sip.isdeleted(self._canvas):
                self._canvas.removeEventFilter(self)
                self._canvas.destinationCrsChanged.disconnect(self._start_over)
        super().deactivate()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Takes Escape, Backspace and Delete.

        Not `keyPressEvent`: the canvas keeps keys to itself while a mouse button is down, and
        QGIS's own shortcuts (Delete) come before it unless the override is accepted.
        """
        kind = event.type()
        if kind not in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return False
        act = {
            Qt.Key.Key_Escape: self.cancel,
            Qt.Key.Key_Backspace: self.undo,
            Qt.Key.Key_Delete: self.undo,
        }.get(event.key())
        if act is None or not (self.is_drawing() or event.key() == Qt.Key.Key_Escape):
            return False
        event.accept()
        if kind == QEvent.Type.KeyPress:
            act()
        return True

    def _start_over(self) -> None:
        self.forget()
        self._sketch.clear()


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
        corners = self._corners(self._start, event.mapPoint())
        rectangle = QgsGeometry.fromPolygonXY([corners])
        settings = self._canvas.mapSettings()
        size = ", ".join(filter(None, (ground_sides(settings, *corners[:3]), ground_area(settings, rectangle))))
        self._sketch.show(rectangle, size, event.pixelPoint())

    def canvasReleaseEvent(self, event: QgsMapMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._start is None:
            return
        if not self._is_large_enough(self._start, event.pixelPoint()):
            return  # a click: the rectangle follows the cursor until the next one
        rectangle = QgsGeometry.fromPolygonXY([self._corners(self._start, event.mapPoint())])
        self._start_over()
        self.drawn.emit(rectangle)

    def _is_large_enough(self, first: QgsPointXY, end: QPoint) -> bool:
        start = self.toCanvasCoordinates(first)
        width, height = abs(end.x() - start.x()), abs(end.y() - start.y())
        return min(width, height) > 0 and width + height >= QApplication.startDragDistance()

    def _corners(self, start: QgsPointXY, end: QgsPointXY) -> list[QgsPointXY]:
        """Four corners from the first to `end` and back round: start, beside it, end, below it."""
        angle = math.radians(self._canvas.rotation())
        across, up = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        dx, dy = end.x() - start.x(), end.y() - start.y()
        width, height = dx * across[0] + dy * across[1], dx * up[0] + dy * up[1]
        return [
            start,
            QgsPointXY(start.x() + width * across[0], start.y() + width * across[1]),
            end,
            QgsPointXY(start.x() + height * up[0], start.y() + height * up[1]),
        ]


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
