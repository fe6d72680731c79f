"""The panel beside a map: area of each class, classes on and off, opacity, swipe, and what is under the cursor."""

from __future__ import annotations

from collections.abc import Collection

from qgis.core import QgsApplication, QgsMapLayer, QgsPalettedRasterRenderer, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QSignalBlocker, QSize, Qt, QTimer
from qgis.PyQt.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSlider, QToolButton, QVBoxLayout, QWidget

from ...contract.nomenclature import LandCoverClass
from ...layers.description import RESULT_PROPERTY, description_of
from ...layers.results import companions, result_layers, result_title
from ..canvas.identify import CursorIdentify
from ..canvas.swipe import Swipe
from ..widgets.amounts import area_text
from ..widgets.boxes import narrow
from ..widgets.labels import ElidedLabel
from ..widgets.lifetime import Connections
from ..widgets.result_tool import ResultTool
from .area_model import ClassRow, share_text
from .area_table import AreaTable

_NOTHING = "–"


def legend_of(layer: QgsRasterLayer) -> dict[int, QgsPalettedRasterRenderer.Class]:
    """The layer's classes by value; none where it is shown by another kind of renderer."""
    renderer = layer.renderer()
    if not isinstance(renderer, QgsPalettedRasterRenderer):
        return {}
    return {int(entry.value): entry for entry in renderer.classes()}


def show_classes(layer: QgsRasterLayer, values: Collection[int], shown: bool) -> None:
    """Makes classes transparent on the map, or opaque again. Their colours and names stay as they are.

    A layer that is shown by another kind of renderer is left alone.
    """
    before = layer.renderer()
    if not isinstance(before, QgsPalettedRasterRenderer):
        return
    classes = before.classes()
    for entry in classes:
        if int(entry.value) in values and (entry.color.alpha() > 0) != shown:
            colour = entry.color
            colour.setAlpha(255 if shown else 0)
            entry.color = colour
    after = QgsPalettedRasterRenderer(layer.dataProvider(), before.usesBands()[0], classes)
    # The layer's opacity is its renderer's.
    after.copyCommonProperties(before)
    if before.sourceColorRamp():
        after.setSourceColorRamp(before.sourceColorRamp().clone())
    layer.setRenderer(after)
    layer.triggerRepaint()


class ResultPanel(QWidget):
    """Follows the project's results; hidden while there is none.

    project, canvas: outlive the panel. `close` lets go of both for good, `rest` until it is shown again. tool: lies
    below and belongs to the panel.
    """

    def __init__(self, project: QgsProject, canvas: QgsMapCanvas, tool: ResultTool | None = None) -> None:
        super().__init__()
        self._tool = tool or ResultTool()
        self._project = project
        self._canvas = canvas
        self._layer_id = ""
        self._names: dict[int, str] = {}
        self._of_project = Connections()
        self._of_layers = Connections()
        self._of_layer = Connections()
        self._swipe = Swipe(canvas, self)
        self._identify = CursorIdentify(canvas, self)
        self._identify.seen.connect(self._show_seen)
        # One look at the project for all the signals that one change of it sends.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._refresh)
        self._build()
        self._swipe.stopped.connect(self._on_swipe_stopped)
        tree = project.layerTreeRoot()
        for sender, signals in (
            (project, ("layersAdded", "layersRemoved", "readProject", "cleared")),
            (tree, ("nameChanged", "addedChildren", "removedChildren")),
        ):
            for signal in signals:
                self._of_project.add(sender, signal, self._refresh_soon)
        self._of_project.add(project, "layersWillBeRemoved", self._forget)
        # Where the panel is deleted without `close`.
        self.destroyed.connect(self._swipe.stop)
        for connections in (self._of_project, self._of_layers, self._of_layer):
            self.destroyed.connect(connections.close)
        self._refresh()

    # What the dock calls

    def layer(self) -> QgsRasterLayer | None:
        """The result that is shown."""
        layer = self._project.mapLayer(self._layer_id) if self._layer_id else None
        return layer if isinstance(layer, QgsRasterLayer) else None

    def show_layer(self, layer: QgsRasterLayer | None) -> None:
        """Shows a result of the project; None: the latest one. Other layers are passed over."""
        if layer is None or description_of(layer):
            self._layer_id = layer.id() if layer else ""
        self._refresh()

    def rest(self) -> None:
        """Ends the swipe and the correcting, and looks at the cursor no more until the panel is shown again."""
        self._swipe.stop()
        self._tool.stop()
        self._identify.watch(None, None)
        self._show_seen(None)

    def close(self) -> bool:
        """Lets go of the project and the canvas: for unloading."""
        self._soon.stop()
        self.rest()
        self._tool.close()
        self._of_project.close()
        self._of_layers.close()
        self._of_layer.close()
        return super().close()

    # Building

    def _build(self) -> None:
        self._choice = QComboBox(self)
        self._choice.setAccessibleName(self.tr("Result"))
        narrow(self._choice, 8)
        self._choice.activated.connect(self._choose)
        self._zoom = self._button("/mActionZoomToLayer.svg", self.tr("Zoom to this result"))
        self._zoom.clicked.connect(self._zoom_to_result)
        self._copy = self._button("/mActionEditCopy.svg", self.tr("Copy the table of areas"))

        self._swipe_button = QToolButton(self)
        self._swipe_button.setText(self.tr("Swipe"))
        self._swipe_button.setCheckable(True)
        self._swipe_button.setToolTip(
            self.tr("Compare the aerial image with the map: drag the line on the canvas to uncover either")
        )
        self._swipe_button.toggled.connect(self._toggle_swipe)
        opacity = QLabel(self.tr("Opacity"), self)
        self._opacity = QSlider(Qt.Orientation.Horizontal, self)
        self._opacity.setRange(0, 100)
        self._opacity.setPageStep(10)
        self._opacity.setAccessibleName(self.tr("Opacity in percent"))
        self._opacity.setToolTip(self.tr("Opacity of the map over the aerial image"))
        self._opacity.valueChanged.connect(self._set_opacity)
        opacity.setBuddy(self._opacity)
        self._percent = QLabel(self)
        self._percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

        self._table = AreaTable(self)
        self._table.switched.connect(self._switch)
        self._copy.clicked.connect(self._table.copy)
        self._changed = QLabel(self)
        self._changed.setWordWrap(True)
        self._changed.setToolTip(
            self.tr("The layer “Without Sentinel-2” shows the class that the map would have there without the series")
        )
        self._changed.hide()
        self._seen = ElidedLabel(self)
        self._seen.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

        top, tools = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self._choice, 1)
        top.addWidget(self._zoom)
        top.addWidget(self._copy)
        tools.addWidget(self._swipe_button)
        tools.addWidget(opacity)
        tools.addWidget(self._opacity, 1)
        tools.addWidget(self._percent)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        column.addLayout(top)
        column.addLayout(tools)
        column.addWidget(self._table)
        column.addWidget(self._changed)
        column.addWidget(self._seen)
        column.addWidget(self._tool)
        column.addStretch()
        order = [self._choice, self._zoom, self._copy, self._swipe_button, self._opacity, self._table, self._tool]
        for before, after in zip(order, order[1:]):
            self.setTabOrder(before, after)
        self._fit_to_font()
        self._show_seen(None)

    def _button(self, icon: str, text: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(QgsApplication.getThemeIcon(icon))
        button.setAutoRaise(True)
        button.setToolTip(text)
        button.setAccessibleName(text)
        # A tool button is passed over by Tab unless it is told otherwise.
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button

    def _fit_to_font(self) -> None:
        side = round(1.2 * self.fontMetrics().height())
        for button in (self._zoom, self._copy):
            button.setIconSize(QSize(side, side))
        self._swipe_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # As wide as it ever gets: the slider must not move under the mouse.
        self._percent.setMinimumWidth(self._percent.fontMetrics().boundingRect(share_text(1.0)).width() + 2)

    # What is shown

    def _refresh_soon(self, *_) -> None:
        self._soon.start()

    def _refresh(self, *_) -> None:
        """Looks at the project anew: its results, their names, and the one that is shown."""
        self._soon.stop()
        self._follow_layers()
        layers = result_layers(self._project)
        if self._layer_id not in [layer.id() for layer in layers]:
            self._layer_id = layers[0].id() if layers else ""
        with QSignalBlocker(self._choice):
            self._choice.clear()
            for layer in layers:
                self._choice.addItem(result_title(self._project, layer), layer.id())
                self._choice.setItemData(self._choice.count() - 1, layer.source(), Qt.ItemDataRole.ToolTipRole)
            self._choice.setCurrentIndex(self._choice.findData(self._layer_id))
        self._choice.setToolTip(self._choice.currentText())
        self._show_layer()
        if not layers:
            self.hide()
        elif self.parentWidget() is not None:  # alone it would open as a window
            self.show()

    def _follow_layers(self) -> None:
        """Every raster layer may become a result later: Processing describes its layers after it has added them."""
        self._of_layers.close()
        for layer in self._project.mapLayers().values():
            if isinstance(layer, QgsRasterLayer):
                self._of_layers.add(layer, "customPropertyChanged", self._on_property)
                self._of_layers.add(layer, "nameChanged", self._refresh_soon)

    def _show_layer(self) -> None:
        layer = self.layer()
        self._of_layer.close()
        for widget in (self._swipe_button, self._opacity, self._zoom):
            widget.setEnabled(layer is not None and layer.isValid())
        if layer is None:
            self._table.set_rows([])
            self._changed.hide()
            self.rest()
            self._tool.set_result(None)
            return
        for signal in ("rendererChanged", "styleChanged", "dataSourceChanged"):
            self._of_layer.add(layer, signal, self._on_style)
        self._of_layer.add(layer, "opacityChanged", self._show_opacity)
        self._on_style()
        self._watch()
        self._offer_to_correct(layer)
        if self._swipe.active:
            self._swipe.set_layers(self._all_layers_of_results())

    def _on_style(self, *_) -> None:
        """The renderer decides what is on and off, and which colours and names the legend has."""
        layer = self.layer()
        if layer is None:
            return
        description = description_of(layer)
        if description is None:
            self._refresh_soon()
            return
        legend = legend_of(layer)
        total = sum(description.areas_m2.values())
        rows = []
        for place, (value, name, colour) in enumerate(description.classes):
            entry = legend.get(value)
            area = description.areas_m2.get(value, 0.0)
            rows.append(
                ClassRow(
                    place=place,
                    value=value,
                    name=(entry.label if entry else "") or name,
                    colour=entry.color.name() if entry else colour,
                    area_m2=area,
                    share=area / total if total else 0.0,
                    shown=entry.color.alpha() > 0 if entry else None,
                )
            )
        self._names = {row.value: row.name for row in rows}
        self._table.set_rows(rows)
        self._show_changed(description.changed_m2, total)
        self._show_opacity()

    def _show_changed(self, changed_m2: float | None, total_m2: float) -> None:
        self._changed.setVisible(changed_m2 is not None)
        if changed_m2 is not None:
            share = changed_m2 / total_m2 if total_m2 else 0.0
            self._changed.setText(
                self.tr("Sentinel-2 changed {} ({})").format(area_text(changed_m2), share_text(share))
            )

    def _on_property(self, key: str) -> None:
        if key == RESULT_PROPERTY:
            self._refresh_soon()

    def _forget(self, ids: list[str]) -> None:
        """Nothing may hold a layer that is about to be deleted."""
        self._tool.forget(ids)
        if self._layer_id in ids:
            self._of_layer.close()
            self.rest()

    def _choose(self, index: int) -> None:
        self._layer_id = self._choice.itemData(index) or ""
        self._choice.setToolTip(self._choice.currentText())
        self._show_layer()

    # What the user does

    def _switch(self, values: set[int], shown: bool) -> None:
        layer = self.layer()
        if layer is not None and layer.isValid():
            show_classes(layer, values, shown)
            self._project.setDirty(True)

    def _set_opacity(self, percent: int) -> None:
        layer = self.layer()
        self._percent.setText(share_text(percent / 100))
        if layer is not None and layer.isValid():
            layer.setOpacity(percent / 100)
            layer.triggerRepaint()
            self._project.setDirty(True)

    def _show_opacity(self, *_) -> None:
        layer = self.layer()
        if layer is None:
            return
        percent = round(100 * layer.opacity())
        with QSignalBlocker(self._opacity):
            self._opacity.setValue(percent)
        self._percent.setText(share_text(percent / 100))

    def _toggle_swipe(self, on: bool) -> None:
        layer = self.layer()
        if not on or layer is None:
            self._swipe.stop()
            return
        # What is switched off in the layer tree could not be compared.
        node = self._project.layerTreeRoot().findLayer(layer.id())
        if node is not None and not node.isVisible():
            node.setItemVisibilityCheckedParentRecursive(True)
        self._swipe.set_layers(self._all_layers_of_results())
        self._swipe.start()
        if not self._swipe.active:
            self._on_swipe_stopped()

    def _on_swipe_stopped(self) -> None:
        with QSignalBlocker(self._swipe_button):
            self._swipe_button.setChecked(False)

    def _all_layers_of_results(self) -> list[QgsMapLayer]:
        """An older map below this one would stand in for the aerial image."""
        return [each for layer in result_layers(self._project) for each in companions(self._project, layer)]

    def _zoom_to_result(self) -> None:
        layer = self.layer()
        if layer is None or not layer.isValid():
            return
        extent = self._canvas.mapSettings().layerExtentToOutputExtent(layer, layer.extent())
        if extent.isFinite() and not extent.isEmpty():
            self._canvas.zoomToFeatureExtent(extent)

    def _offer_to_correct(self, layer: QgsRasterLayer) -> None:
        description = description_of(layer)
        if description is None:
            return
        confidence, aerial = map(self._project.mapLayer, (description.confidence_layer, description.aerial_layer))
        legend = tuple(LandCoverClass(*entry) for entry in description.classes)
        self._tool.set_result(layer, confidence if isinstance(confidence, QgsRasterLayer) else None, aerial, legend)

    # Under the cursor

    def _watch(self) -> None:
        layer = self.layer()
        self._show_seen(None)
        description = layer and description_of(layer)
        if layer is None or description is None or not layer.isValid() or not self.isVisible():
            self._identify.watch(None, None)
            return
        confidence = self._project.mapLayer(description.confidence_layer)
        self._identify.watch(layer, confidence if isinstance(confidence, QgsRasterLayer) else None)

    def _show_seen(self, seen: tuple[int, int | None] | None) -> None:
        if seen is None:
            what = _NOTHING
        else:
            value, confidence = seen
            what = self._names.get(value, str(value))
            if confidence is not None:
                what = self.tr("{}, {}").format(what, share_text(confidence / 100))
        self._seen_what = what
        self._fit_seen()

    def _fit_seen(self) -> None:
        """Where the whole line has no room, the class itself is what counts."""
        line = self.tr("Under the cursor: {}").format(self._seen_what)
        fits = self._seen.fontMetrics().horizontalAdvance(line) <= self._seen.width()
        self._seen.setText(line if fits else self._seen_what)

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self.layout().activate()  # the line's own width comes first
        self._fit_seen()

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._watch()

    def hideEvent(self, event) -> None:
        super().hideEvent(event)
        self._identify.watch(None, None)

    def changeEvent(self, event) -> None:
        super().changeEvent(event)
        if event.type() in (event.Type.FontChange, event.Type.StyleChange) and hasattr(self, "_percent"):
            self._fit_to_font()
