"""The swipe: left of a line the map without some layers, right of it as it is."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import QgsMapLayer, QgsMapRendererParallelJob, QgsMapSettings
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, Qt, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QColor, QCursor, QImage, QPainter, QPalette, QPolygonF, QTransform

from ..widgets.lifetime import when_destroyed
from .items import Z_SWIPE_LINE, Z_SWIPED_MAP, line_width, take_from_scene

_PREVIEW_MS = 250  # a slow layer shows what it has so far this often, as QGIS's own canvas does


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


class Swipe(QObject):
    """Compares the map with what lies below some of its layers, by a line that the mouse drags.

    stopped: it ended, by `stop`, or because the hidden layers or the canvas are gone.

    The line is taken with the left button whatever map tool is active. It leaves all keys to QGIS,
    whose arrow keys pan the map; `move_to` is there for a control of the keyboard.
    """

    stopped = pyqtSignal()

    def __init__(self, canvas: QgsMapCanvas, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._canvas: QgsMapCanvas | None = canvas
        self._hidden: dict[str, QgsMapLayer] = {}
        self._position = 0.5
        self._dragging = False
        self._pointed = False
        self._others_cursor: QCursor | None = None
        self._map: SwipedMap | None = None
        self._line: SwipeLine | None = None
        self._job: QgsMapRendererParallelJob | None = None
        self._preview = QTimer(self)
        self._preview.setInterval(_PREVIEW_MS)
        self._preview.timeout.connect(self._show_picture)
        self._items: list = []
        items = self._items  # what is left on the canvas where this object is deleted without `stop`
        when_destroyed(self, lambda: _take_all(items))
        canvas.destroyed.connect(self._lose_canvas)

    @property
    def active(self) -> bool:
        """True from `start` to `stop`."""
        return self._line is not None

    @property
    def position(self) -> float:
        """The line's place: 0 at the viewport's left edge, 1 at its right one."""
        return self._position

    def set_layers(self, hidden: Sequence[QgsMapLayer]) -> None:
        """hidden: the layers that only the right side shows. None at all ends the swipe."""
        for layer in self._hidden.values():
            if not sip.isdeleted(layer):
                layer.willBeDeleted.disconnect(self._forget_layer)
        self._hidden = {layer.id(): layer for layer in hidden}
        for layer in self._hidden.values():
            layer.willBeDeleted.connect(self._forget_layer)
        if not self._hidden:
            self.stop()
        elif self.active:
            self._render()

    def start(self) -> None:
        """Shows the swipe; does nothing where no layer is set."""
        if self.active or not self._hidden or self._canvas is None:
            return
        self._map, self._line = SwipedMap(self._canvas), SwipeLine(self._canvas)
        self._items += [self._map, self._line]
        self._canvas.viewport().installEventFilter(self)
        # Comes with each new picture of the map: extent, size, CRS, layers, styles.
        self._canvas.renderStarting.connect(self._render)
        self._place()
        self._render()

    def stop(self) -> None:
        """Takes all of it off the canvas; does nothing where it is not active."""
        if not self.active:
            return
        self._drop_job()
        if self._canvas is not None:
            self._canvas.renderStarting.disconnect(self._render)
            self._canvas.viewport().removeEventFilter(self)
            self._point_at_line(False)
        self._dragging = self._pointed = False
        self._map = self._line = None
        _take_all(self._items)
        self.stopped.emit()

    def move_to(self, position: float) -> None:
        """Moves the line; position: as the property, clipped to 0..1."""
        self._position = min(1.0, max(0.0, position))
        if self.active:
            self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Takes from the canvas what happens at the line, and nothing else."""
        if not self.active:
            return False
        kind = event.type()
        if kind == QEvent.Type.Resize:
            self._place()
        elif kind == QEvent.Type.Leave and not self._dragging:
            self._point_at_line(False)
        elif kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            if event.button() == Qt.MouseButton.LeftButton and self._is_near(event.pos()):
                self._dragging = True
                return True
        elif kind == QEvent.Type.MouseMove:
            if self._dragging:
                self.move_to(event.pos().x() / max(1, self._on_canvas().viewport().width()))
                return True
            self._point_at_line(event.buttons() == Qt.MouseButton.NoButton and self._is_near(event.pos()))
        elif kind == QEvent.Type.MouseButtonRelease and self._dragging and event.button() == Qt.MouseButton.LeftButton:
            self._dragging = False
            return True
        return False

    def _on_canvas(self) -> QgsMapCanvas:
        """The canvas, which is there while the swipe is active."""
        if self._canvas is None:
            raise AssertionError
        return self._canvas

    def _place(self) -> None:
        if self._map is None or self._line is None:
            raise AssertionError
        edge = self._position * self._on_canvas().viewport().width()
        self._map.move_edge(edge)
        self._line.move_edge(edge)

    def _is_near(self, at: QPoint) -> bool:
        return self._line is not None and abs(at.x() - self._line.edge) <= self._line.reach()

    def _point_at_line(self, pointed: bool) -> None:
        """The cursor's shape over the line, and back to what the map tool wants."""
        if pointed == self._pointed:
            return
        self._pointed = pointed
        viewport = self._on_canvas().viewport()
        if pointed:
            own = viewport.testAttribute(Qt.WidgetAttribute.WA_SetCursor)
            self._others_cursor = QCursor(viewport.cursor()) if own else None
            viewport.setCursor(Qt.CursorShape.SplitHCursor)
        elif self._others_cursor is not None:
            viewport.setCursor(self._others_cursor)
        else:
            viewport.unsetCursor()

    def _lose_canvas(self) -> None:
        self._canvas = None
        self.stop()

    def _forget_layer(self) -> None:
        gone = self.sender()
        # A layer that Python made counts as deleted by now, one that QGIS made does not yet.
        self._hidden = {
            key: layer for key, layer in self._hidden.items() if layer is not gone and not sip.isdeleted(layer)
        }
        if not self._hidden:
            self.stop()

    def _render(self) -> None:
        self._drop_job()
        canvas = self._on_canvas()
        settings = QgsMapSettings(canvas.mapSettings())
        settings.setLayers([layer for layer in settings.layers() if layer.id() not in self._hidden])
        settings.setExpressionContext(canvas.createExpressionContext())
        if not settings.hasValidSettings():
            return
        # With a parent it belongs to Qt: no lost reference deletes it while it runs.
        self._job = QgsMapRendererParallelJob(settings)
        self._job.setParent(self)
        self._job.finished.connect(self._end_render)
        self._job.start()
        self._preview.start()

    def _end_render(self) -> None:
        self._show_picture()
        self._drop_job()

    def _show_picture(self) -> None:
        if self._job is not None and self._map is not None:
            self._map.show_image(self._job.renderedImage(), self._job.mapSettings())

    def _drop_job(self) -> None:
        """Lets go of the job without waiting for it."""
        self._preview.stop()
        job, self._job = self._job, None
        if job is None:
            return
        job.finished.disconnect(self._end_render)
        if job.isActive():
            job.finished.connect(job.deleteLater)
            job.cancelWithoutBlocking()
        else:
            job.deleteLater()


def _take_all(items: list) -> None:
    while items:
        take_from_scene(items.pop())
