"""What a swipe puts on the canvas: the other map left of the line, and the line."""

from __future__ import annotations

from qgis.core import QgsMapSettings
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QImage, QPainter, QPalette, QPolygonF, QTransform

from .items import Z_SWIPE_LINE, Z_SWIPED_MAP, line_width


class _ViewportItem(QgsMapCanvasItem):
    """An item that stays on the viewport where panning shifts the canvas's scene.

    edge: x of the line on the viewport, in pixels.
    """

    def __init__(self, canvas: QgsMapCanvas, z: float) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.edge = 0.0
        self.setZValue(z)

    def boundingRect(self) -> QRectF:
        # As far as a pan can shift the scene in one go: by the viewport's size, to each side.
        width, height = self._canvas.viewport().width(), self._canvas.viewport().height()
        return QRectF(-width, -height, 3 * width, 3 * height)

    def move_edge(self, edge: float) -> None:
        self.prepareGeometryChange()
        self.edge = edge
        self.update()

    def viewport_rect(self) -> QRectF:
        """The viewport in the item's coordinates."""
        origin = self._canvas.mapToScene(0, 0)
        return QRectF(origin.x(), origin.y(), self._canvas.viewport().width(), self._canvas.viewport().height())


class SwipedMap(_ViewportItem):
    """A rendered map, seen left of the line. It covers all there, also while no picture is there yet."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas, Z_SWIPED_MAP)
        self._image: QImage | None = None
        self._rendered = QTransform()
        self._now = QTransform()
        self.updatePosition()

    def show_image(self, image: QImage, settings: QgsMapSettings) -> None:
        """settings: what `image` was rendered with."""
        self._image = image
        self._rendered = settings.mapToPixel().transform()
        self.update()

    def updatePosition(self) -> None:
        """Called by the canvas when its extent changes: the picture goes along until a new one is there."""
        self._now = self._canvas.mapSettings().mapToPixel().transform()
        self.prepareGeometryChange()
        self.update()

    def paint(self, painter: QPainter, option=None, widget=None) -> None:
        left = self.viewport_rect()
        left.setWidth(self.edge)
        background = QColor(self._canvas.mapSettings().backgroundColor())
        background.setAlpha(255)
        painter.save()
        painter.setClipRect(left, Qt.ClipOperation.IntersectClip)
        painter.fillRect(left, background)
        if self._image is not None:
            if self._now != self._rendered:
                painter.setTransform(self._rendered.inverted()[0] * self._now, True)
            painter.drawImage(0, 0, self._image)
        painter.restore()


class SwipeLine(_ViewportItem):
    """The line and its grip, in the palette's highlight colours with a rim of contrast."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas, Z_SWIPE_LINE)

    def updatePosition(self) -> None:
        """The line has no place on the map."""

    def reach(self) -> float:
        """How far beside the line the mouse takes it, in pixels: the radius of the grip."""
        return 0.75 * self._canvas.fontMetrics().height()

    def paint(self, painter: QPainter, option=None, widget=None) -> None:
        palette = self._canvas.palette()
        core, rim = palette.color(QPalette.ColorRole.Highlight), palette.color(QPalette.ColorRole.HighlightedText)
        view, width, radius = self.viewport_rect(), line_width(self._canvas), self.reach()
        centre = QPointF(view.left() + self.edge, view.center().y())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for colour, half in ((rim, width), (core, width / 2)):
            painter.fillRect(QRectF(centre.x() - half, view.top(), 2 * half, view.height()), colour)
        for colour, size in ((rim, radius), (core, radius - width / 2)):
            painter.setBrush(colour)
            painter.drawEllipse(centre, size, size)
        painter.setBrush(rim)
        for side in (-1, 1):  # two arrows say that it moves both ways
            tip, base, half = 0.65 * radius, 0.2 * radius, 0.35 * radius
            arrow = [(side * tip, 0.0), (side * base, -half), (side * base, half)]
            painter.drawPolygon(QPolygonF([QPointF(centre.x() + x, centre.y() + y) for x, y in arrow]))
        painter.restore()
