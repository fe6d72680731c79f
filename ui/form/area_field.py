"""What part of the image to map: drawn, the canvas, a layer, selected polygons, a bookmark, or all of it."""

from __future__ import annotations

from collections.abc import Callable

from qgis.core import QgsApplication, QgsGeometry, QgsProject, QgsVectorLayer, QgsWkbTypes
from qgis.gui import QgsMapCanvas, QgsMapTool
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from ...layers.area import Area
from ..canvas.area_tools import PolygonTool, RectangleTool
from ..canvas.items import AreaOutline


class AreaField(QWidget):
    """Buttons for the ways to choose an area; the area itself is outlined on the canvas.

    canvas: where it is drawn. refused: why what was drawn or picked is no area, a sentence for the user.
    """

    changed = pyqtSignal()
    refused = pyqtSignal(str)

    def __init__(self, canvas: QgsMapCanvas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._area: Area | None = None
        self._outline = AreaOutline(canvas)
        self._before: QgsMapTool | None = None
        self._tools: dict[QToolButton, QgsMapTool] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for icon, text, tool in (
            ("/mActionAddBasicRectangle.svg", self.tr("Draw a rectangle"), RectangleTool(canvas)),
            ("/mActionAddPolygon.svg", self.tr("Draw a polygon"), PolygonTool(canvas)),
        ):
            button = self._button(icon, text)
            button.setCheckable(True)
            self._tools[button] = tool
            button.clicked.connect(lambda checked, b=button: self._draw(b, checked))
            tool.drawn.connect(lambda geometry, b=button: self._on_drawn(b, geometry))
            tool.cancelled.connect(self._give_tool_back)
            tool.deactivated.connect(lambda b=button: b.setChecked(False))
        polygon_tool = tool
        polygon_tool.refused.connect(self.refused)
        self.rectangle_button, self.polygon_button = self._tools
        self.canvas_button = self._button("/mActionZoomToArea.svg", self.tr("What the map shows now"))
        self.canvas_button.clicked.connect(self._take_canvas)
        self.layer_button = self._button("/mActionZoomToLayer.svg", self.tr("All of the image, or a layer's extent"))
        self._with_menu(self.layer_button, self._fill_layers)
        self.selected_button = self._button("/mActionZoomToSelected.svg", self.tr("Selected polygons of a layer"))
        self._with_menu(self.selected_button, self._fill_selected)
        self.bookmark_button = self._button("/mActionShowBookmarks.svg", self.tr("A bookmark"))
        self._with_menu(self.bookmark_button, self._fill_bookmarks)
        row.addStretch(1)
        self.setFocusProxy(self.rectangle_button)

    def area(self) -> Area | None:
        """The area chosen; None: all of the image."""
        return self._area

    def set_area(self, area: Area | None) -> None:
        """Chooses an area and outlines it."""
        self._area = area
        if area is None:
            self._outline.clear()
        else:
            self._outline.show(QgsGeometry.unaryUnion(list(area.geometries)), area.crs)
        self.changed.emit()

    def set_outlined(self, outlined: bool) -> None:
        """Whether the area shows on the canvas, and may be drawn there; it should not while the dock is closed."""
        if not outlined:
            self._give_tool_back()
            self._outline.clear()
        elif self._area is not None:
            self._outline.show(QgsGeometry.unaryUnion(list(self._area.geometries)), self._area.crs)

    def close(self) -> None:
        """Takes the tools and the outline from the canvas."""
        for tool in self._tools.values():
            if self._canvas.mapTool() is tool:
                self._give_tool_back()
            tool.deleteLater()
        self._tools.clear()
        self._outline.remove()

    def _button(self, icon: str, text: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(QgsApplication.getThemeIcon(icon))
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.setAutoRaise(True)
        self.layout().addWidget(button)
        return button

    def _with_menu(self, button: QToolButton, fill) -> None:
        menu = QMenu(button)
        menu.aboutToShow.connect(lambda: (menu.clear(), fill(menu)))
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    # Drawing

    def _draw(self, button: QToolButton, checked: bool) -> None:
        if not checked:
            self._give_tool_back()
            return
        tool = self._tools[button]
        if self._canvas.mapTool() not in self._tools.values():
            self._before = self._canvas.mapTool()
        self._canvas.setMapTool(tool)
        self._canvas.setFocus()

    def _give_tool_back(self) -> None:
        """QGIS's own tool, as it was before the drawing began."""
        before, self._before = self._before, None
        current = self._canvas.mapTool()
        if before is not None and current in self._tools.values():
            self._canvas.setMapTool(before)
        elif current in self._tools.values():
            self._canvas.unsetMapTool(current)

    def _on_drawn(self, button: QToolButton, geometry: QgsGeometry) -> None:
        exact = button is self.polygon_button
        title = self.tr("drawn polygon") if exact else self.tr("drawn rectangle")
        crs = self._canvas.mapSettings().destinationCrs()
        self._give_tool_back()
        self.set_area(Area((geometry,), crs, exact, title))

    # Picking

    def _take_canvas(self) -> None:
        settings = self._canvas.mapSettings()
        geometry = QgsGeometry.fromRect(self._canvas.extent())
        self.set_area(Area((geometry,), settings.destinationCrs(), False, self.tr("the map as shown")))

    def _fill_layers(self, menu: QMenu) -> None:
        _entry(menu, self.tr("All of the image"), self.set_area, None)
        menu.addSeparator()
        for layer in QgsProject.instance().mapLayers().values():
            if layer.isSpatial() and not layer.extent().isEmpty() and layer.crs().isValid():
                _entry(menu, layer.name(), self._take_layer, layer.id())

    def _take_layer(self, id: str) -> None:
        layer = QgsProject.instance().mapLayer(id)
        if layer is not None:
            self.set_area(Area((QgsGeometry.fromRect(layer.extent()),), layer.crs(), False, layer.name()))

    def _fill_selected(self, menu: QMenu) -> None:
        polygons = QgsWkbTypes.GeometryType.PolygonGeometry
        for layer in QgsProject.instance().mapLayers().values():
            if isinstance(layer, QgsVectorLayer) and layer.geometryType() == polygons and layer.selectedFeatureCount():
                text = self.tr("{} of {}").format(layer.selectedFeatureCount(), layer.name())
                _entry(menu, text, self._take_selected, layer.id())
        if menu.isEmpty():
            menu.addAction(self.tr("Select polygons in a polygon layer first")).setEnabled(False)

    def _take_selected(self, id: str) -> None:
        layer = QgsProject.instance().mapLayer(id)
        if layer is None:
            return
        geometries = tuple(QgsGeometry(feature.geometry()) for feature in layer.selectedFeatures())
        geometries = tuple(geometry for geometry in geometries if not geometry.isEmpty())
        if not geometries:
            self.refused.emit(self.tr("The selected features have no geometry: select others."))
            return
        self.set_area(Area(geometries, layer.crs(), True, self.tr("selected in {}").format(layer.name())))

    def _fill_bookmarks(self, menu: QMenu) -> None:
        managers = (QgsProject.instance().bookmarkManager(), QgsApplication.bookmarkManager())
        for bookmark in (bookmark for manager in managers for bookmark in manager.bookmarks()):
            extent = bookmark.extent()
            area = Area((QgsGeometry.fromRect(extent),), extent.crs(), False, bookmark.name())
            _entry(menu, bookmark.name(), self.set_area, area)
        if menu.isEmpty():
            menu.addAction(self.tr("There are no bookmarks")).setEnabled(False)


def _entry(menu: QMenu, text: str, choose: Callable, *arguments: object) -> None:
    # A single & would underline the letter after it.
    menu.addAction(text.replace("&", "&&")).triggered.connect(lambda _=False: choose(*arguments))
