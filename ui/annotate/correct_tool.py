"""The map tool that outlines a wrong patch of a map at a click and asks for its right class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsGeometry,
    QgsPointXY,
    QgsRasterLayer,
    QgsWkbTypes,
)
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent, QgsMapTool, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, QPoint, QRect, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QCursor, QKeyEvent, QKeySequence, QPalette

from ...contract.nomenclature import NODATA, LandCoverClass, name_key
from ..canvas.items import line_width, take_from_scene
from ..widgets.amounts import area_text
from ..widgets.lifetime import when_destroyed
from .class_choices import ClassChoices, place_of
from .map_window import MapWindow, read_window
from .regions import polygon_of, region_at

DEFAULT_MAX_M2 = 500.0
DEFAULT_THRESHOLD = 50  # percent: below it, the network holds all other classes together for likelier
_LEAST_HOLE_M2 = 1.0  # smaller specks of other labels inside a region belong to it
_FILL_ALPHA = 110  # of 255


@dataclass
class _Outlined:
    """A region that waits for its class. point: of the click. point, geometry: in `crs`, the map's own."""

    point: QgsPointXY
    crs: QgsCoordinateReferenceSystem
    geometry: QgsGeometry
    was: int
    area_m2: float


class CorrectTool(QgsMapTool):
    """A click outlines the connected region of the map's label there; a key or the list says what is right.

    Keys while a region is outlined: 1 to 9, 0 and letters for the classes in the list's order, up and down and
    Enter for the current one, Escape or the right button to drop it. The tool stays for the next click.

    corrected: polygon in the map's CRS, the map's label as the legend numbers it, the right class as the classes to
    choose from are numbered. refused: why a click outlines nothing,
    a sentence. left: Escape without a region. new_class_asked: the right class is not in the list; `answer` gives
    it. undo_asked, redo_asked: Ctrl+Z and its opposite, for the corrections.
    """

    corrected = pyqtSignal(object, int, int)
    refused = pyqtSignal(str)
    left = pyqtSignal()
    new_class_asked = pyqtSignal()
    undo_asked = pyqtSignal()
    redo_asked = pyqtSignal()

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._layer: QgsRasterLayer | None = None
        self._confidence: QgsRasterLayer | None = None
        self._legend: tuple[LandCoverClass, ...] = ()
        self._classes: tuple[LandCoverClass, ...] = ()
        self._max_m2 = DEFAULT_MAX_M2
        self._threshold: float = DEFAULT_THRESHOLD
        self._last: int | None = None
        self._outlined: _Outlined | None = None
        self._band: QgsRubberBand | None = None
        self._choices: ClassChoices | None = None
        self._listening = False
        self._on_canvas: list = []
        items = self._on_canvas
        when_destroyed(self, lambda: _take_away(items))  # where a region is outlined then
        self.setCursor(QCursor(Qt.CursorShape.CrossCursor))

    # What is corrected, and how

    def set_result(
        self,
        layer: QgsRasterLayer | None,
        confidence: QgsRasterLayer | None,
        legend: Sequence[LandCoverClass],
        classes: Sequence[LandCoverClass],
    ) -> None:
        """The map, its confidence (None: it has none), its legend and the classes to choose from.

        A region of what was there before is dropped.
        """
        given = layer, confidence, tuple(legend), tuple(classes)
        if given != (self._layer, self._confidence, self._legend, self._classes):
            self._layer, self._confidence, self._legend, self._classes = given
            self.drop()

    def set_limits(self, max_m2: float, threshold: float) -> None:
        """max_m2: square metres of a region at most. threshold: percent of confidence that cut it; 0: none do.

        A region that is outlined is outlined anew.
        """
        self._max_m2, self._threshold = max_m2, threshold
        if self._outlined is not None and self._choices is not None:
            self._outline(self._outlined.point, self._choices.current())

    def is_outlined(self) -> bool:
        """Whether a region waits for its class."""
        return self._outlined is not None

    def outline(self) -> QgsGeometry | None:
        """The region that waits, in the map's CRS."""
        return None if self._outlined is None else QgsGeometry(self._outlined.geometry)

    def answer(self, value: int) -> None:
        """Gives the outlined region its right class."""
        outlined = self._outlined
        if outlined is None:
            return
        self._last = value
        self.drop()
        self.corrected.emit(outlined.geometry, outlined.was, value)

    def drop(self) -> None:
        """Takes the outline and the list away."""
        self._outlined = None
        self._band = self._choices = None
        _take_away(self._on_canvas)

    # As QGIS calls it

    def activate(self) -> None:
        super().activate()
        if not self._listening:
            self._listening = True
            self._canvas.installEventFilter(self)
            self._canvas.destinationCrsChanged.connect(self._redraw)
            self._canvas.extentsChanged.connect(self._follow)
        self._canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def deactivate(self) -> None:
        self.drop()
        if self._listening:
            self._listening = False
            if not sip.isdeleted(self._canvas):
                self._canvas.removeEventFilter(self)
                self._canvas.destinationCrsChanged.disconnect(self._redraw)
                self._canvas.extentsChanged.disconnect(self._follow)
        super().deactivate()

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            self.drop()
        elif event.button() == Qt.MouseButton.LeftButton:
            self._canvas.setFocus(Qt.FocusReason.MouseFocusReason)  # the keys that follow are for the list
            self._click(event.mapPoint())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Takes the keys that it knows, before the canvas and QGIS's own shortcuts do."""
        kind = event.type()
        if kind not in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return False
        act = self._act_of(event)
        if act is None:
            return False
        event.accept()
        if kind == QEvent.Type.KeyPress:
            act()
        return True

    # Keys

    def _act_of(self, event: QKeyEvent):
        """What a key does; None where it is not for this tool."""
        if event.matches(QKeySequence.StandardKey.Undo):
            return self.undo_asked.emit
        if event.matches(QKeySequence.StandardKey.Redo):
            return self.redo_asked.emit
        if event.key() == Qt.Key.Key_Escape:
            return self.drop if self._outlined is not None else self.left.emit
        if self._choices is None:
            return None
        choices = self._choices
        act = {
            Qt.Key.Key_Up: lambda: choices.step(-1),
            Qt.Key.Key_Down: lambda: choices.step(1),
            Qt.Key.Key_Return: choices.accept,
            Qt.Key.Key_Enter: choices.accept,
        }.get(event.key())
        place = place_of(event)
        if act is None and place is not None and place < len(self._classes):
            return lambda: choices.take(place)
        return act

    # The region

    def _click(self, point: QgsPointXY) -> None:
        self.drop()
        layer = self._layer
        if layer is None or sip.isdeleted(layer) or not layer.isValid():
            self.refused.emit(self.tr("The map is not there any more: choose another result."))
            return
        try:
            self._outline(self._to_layer().transform(point), self._last)
        except QgsCsException:
            self._refuse_place()

    def _refuse_place(self) -> None:
        self.refused.emit(self.tr("There is no map at this place: click on a patch of the map."))

    def _outline(self, point: QgsPointXY, current: int | None) -> None:
        """point: in the layer's CRS. current: value of the class that the list begins with, where it can."""
        self.drop()
        confidence = None if self._confidence is None or sip.isdeleted(self._confidence) else self._confidence
        window = read_window(self._layer, confidence, point, self._max_m2)
        if window is None or window.labels[window.seed] == NODATA:
            self._refuse_place()
            return
        self._outlined = self._region(window, point)
        self._redraw()
        self._ask(current)

    def _region(self, window: MapWindow, point: QgsPointXY) -> _Outlined:
        if self._layer is None:
            raise AssertionError
        pixels = max(1, int(self._max_m2 / window.pixel_m2))
        specks = round(_LEAST_HOLE_M2 / window.pixel_m2)
        region = region_at(window.labels, window.seed, pixels, window.confidence, self._threshold, specks)
        geometry = polygon_of(region.mask, window.extent)
        area_m2 = geometry.area() / (window.extent.area() / window.labels.size) * window.pixel_m2
        return _Outlined(point, self._layer.crs(), geometry, int(window.labels[window.seed]), area_m2)

    # On the canvas

    def _redraw(self) -> None:
        """The band anew: a region is outlined, or the canvas has another CRS."""
        outlined = self._outlined
        if outlined is None:
            return
        if self._band is not None:
            self._on_canvas.remove(self._band)
            take_from_scene(self._band)
        self._band = QgsRubberBand(self._canvas, QgsWkbTypes.GeometryType.PolygonGeometry)
        self._on_canvas.append(self._band)
        self._band.setWidth(line_width(self._canvas))
        self._band.setSecondaryStrokeColor(self._canvas.palette().color(QPalette.ColorRole.HighlightedText))
        self._paint(self._choices.current() if self._choices is not None else None)
        try:
            self._band.setToGeometry(self._moved(outlined))
        except QgsCsException:
            self.drop()

    def _paint(self, value: int | None) -> None:
        """The region in the colour of a class; None: of what is highlighted."""
        if self._band is None:
            return
        colour = next((QColor(c.colour) for c in self._classes if c.value == value), None)
        colour = colour or self._canvas.palette().color(QPalette.ColorRole.Highlight)
        self._band.setStrokeColor(colour)
        fill = QColor(colour)
        fill.setAlpha(_FILL_ALPHA)
        self._band.setFillColor(fill)
        self._band.update()

    def _ask(self, current: int | None) -> None:
        outlined = self._outlined
        if outlined is None:
            raise AssertionError
        self._choices = ClassChoices(self._canvas.viewport(), self._classes)
        self._on_canvas.append(self._choices)
        self._choices.chosen.connect(self.answer)
        self._choices.pointed.connect(self._paint)
        self._choices.new_asked.connect(self.new_class_asked)
        name = next((c.name for c in self._legend if c.value == outlined.was), str(outlined.was))
        # The map's own label is not the right one.
        others = [c.value for c in self._classes if name_key(c.name) != name_key(name)]
        first = current if current in others else next(iter(others), None)
        headline = self.tr("{name}, {area}: rather…").format(name=name, area=area_text(outlined.area_m2))
        self._choices.ask(headline, self._place(), first)

    def _follow(self) -> None:
        """The canvas shows another part of the map."""
        if self._choices is not None and self._outlined is not None:
            self._choices.place(self._place())

    def _place(self) -> QRect:
        """Where the region lies on the viewport, as the canvas is now."""
        try:
            if self._outlined is None:
                raise AssertionError
            box = self._moved(self._outlined).boundingBox()
        except QgsCsException:
            return QRect()
        sides = (box.xMinimum(), box.xMaximum()), (box.yMinimum(), box.yMaximum())
        corners = [self.toCanvasCoordinates(QgsPointXY(x, y)) for x in sides[0] for y in sides[1]]
        xs, ys = [corner.x() for corner in corners], [corner.y() for corner in corners]
        return QRect(QPoint(min(xs), min(ys)), QPoint(max(xs), max(ys)))

    def _moved(self, outlined: _Outlined) -> QgsGeometry:
        """The region in the canvas's CRS."""
        moved = QgsGeometry(outlined.geometry)
        moved.transform(self._to_canvas(outlined.crs))
        return moved

    def _to_canvas(self, crs: QgsCoordinateReferenceSystem) -> QgsCoordinateTransform:
        settings = self._canvas.mapSettings()
        return QgsCoordinateTransform(crs, settings.destinationCrs(), settings.transformContext())

    def _to_layer(self) -> QgsCoordinateTransform:
        if self._layer is None:
            raise AssertionError
        settings = self._canvas.mapSettings()
        return QgsCoordinateTransform(settings.destinationCrs(), self._layer.crs(), settings.transformContext())


def _take_away(items: list) -> None:
    while items:
        item = items.pop()
        if isinstance(item, ClassChoices):
            if not sip.isdeleted(item):
                item.hide()
                item.deleteLater()
        else:
            take_from_scene(item)
