"""Below a map: correct it by click, or draw polygons over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapLayer,
    QgsProject,
    QgsRasterLayer,
    QgsSettings,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas, QgsMapTool
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...contract.nomenclature import LandCoverClass, name_key
from ...layers.annotation_files import AnnotationsError
from ...layers.annotations import add_class, add_correction, classes_of, find_annotations, is_annotations
from ..widgets.labels import Sentence
from ..widgets.lifetime import when_destroyed
from ..widgets.result_tool import ResultTool
from .correct_tool import DEFAULT_MAX_M2, DEFAULT_THRESHOLD, CorrectTool
from .drawing import AskPath, annotations_for, ask_path, draw_polygons

_MAX_M2 = "flair_landcover/correct/max_m2"
_THRESHOLD = "flair_landcover/correct/threshold"
_LEAST_M2, _MOST_M2 = 1, 10_000  # beyond a hectare the window in which regions are looked for would cut them


def ask_name(parent: QWidget) -> str:
    """Asks what a new class is called; "" where the user gives up."""
    text, done = QInputDialog.getText(parent, _title(), QgsApplication.translate("CorrectBar", "Name of the new class"))
    return text if done else ""


class CorrectBar(ResultTool):
    """Two buttons, and while a map is corrected its settings and what to do.

    project, canvas: outlive the bar. ask_path, ask_name: how the user is asked for a file and for a class's name.
    corrected: a polygon joined the annotation layer.
    """

    corrected = pyqtSignal()

    def __init__(
        self,
        project: QgsProject,
        canvas: QgsMapCanvas,
        parent: QWidget | None = None,
        ask_path: AskPath = ask_path,
        ask_name: Callable[[QWidget], str] = ask_name,
    ) -> None:
        super().__init__(parent)
        self._project = project
        self._canvas = canvas
        self._ask_path = ask_path
        self._ask_name = ask_name
        self._layer: QgsRasterLayer | None = None
        self._confidence: QgsRasterLayer | None = None
        self._aerial: QgsMapLayer | None = None
        self._legend: tuple[LandCoverClass, ...] = ()
        self._before: QgsMapTool | None = None
        self._tool = CorrectTool(canvas)
        self._tool.corrected.connect(self._add)
        self._tool.refused.connect(self._complain)
        self._tool.left.connect(self.stop)
        self._tool.new_class_asked.connect(self._add_class)
        self._tool.undo_asked.connect(self._undo)
        self._tool.redo_asked.connect(self._redo)
        self._tool.deactivated.connect(self._on_deactivated)
        tool = self._tool
        when_destroyed(self, lambda: _put_away(tool, canvas))  # where it is deleted without `close`
        self._build()

    # What the panel calls

    def set_result(
        self,
        layer: QgsRasterLayer | None,
        confidence: QgsRasterLayer | None = None,
        aerial: QgsMapLayer | None = None,
        legend: tuple[LandCoverClass, ...] = (),
    ) -> None:
        """The map to correct, its confidence and its image (None where they are gone), and its classes."""
        usable = layer is not None and layer.isValid()
        self._layer, self._confidence, self._aerial, self._legend = layer, confidence, aerial, legend
        for button in (self.correct_button, self.draw_button):
            button.setEnabled(usable)
        if not usable:
            self.stop()
        self._threshold.setEnabled(confidence is not None)
        self._hand_over()

    def forget(self, ids: list[str]) -> None:
        """Layers are about to be deleted: nothing of them is held any longer."""
        gone = {each for each in (self._layer, self._confidence, self._aerial) if each is not None and each.id() in ids}
        if self._layer in gone:
            self.set_result(None)
        elif gone:
            confidence = None if self._confidence in gone else self._confidence
            self.set_result(self._layer, confidence, None if self._aerial in gone else self._aerial, self._legend)

    def stop(self) -> None:
        """Ends correcting; the canvas gets back the tool that it had."""
        before, self._before = self._before, None
        if sip.isdeleted(self._canvas) or self._canvas.mapTool() is not self._tool:
            return
        if before is not None and not sip.isdeleted(before):
            self._canvas.setMapTool(before)
        else:
            self._canvas.unsetMapTool(self._tool)

    def close(self) -> bool:
        """Lets go of the canvas: for unloading."""
        self.stop()
        _put_away(self._tool, self._canvas)
        return super().close()

    # Building

    def _build(self) -> None:
        self.correct_button = QToolButton(self)
        self.correct_button.setText(self.tr("Correct the map"))
        self.correct_button.setCheckable(True)
        self.correct_button.setToolTip(
            self.tr("Click on wrong patches and say what is there: polygons from which the model can learn")
        )
        self.correct_button.toggled.connect(self._toggle)
        self.draw_button = QToolButton(self)
        self.draw_button.setIcon(QgsApplication.getThemeIcon("/mActionAddPolygon.svg"))
        self.draw_button.setAutoRaise(True)
        text = self.tr("Draw polygons of known class by hand, in the annotation layer")
        self.draw_button.setToolTip(text)
        self.draw_button.setAccessibleName(text)
        self.draw_button.clicked.connect(self._draw)
        for button in (self.correct_button, self.draw_button):
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setEnabled(False)
        settings = QgsSettings()
        self._max_m2 = _number(_LEAST_M2, _MOST_M2, self.tr(" m²"), settings.value(_MAX_M2, DEFAULT_MAX_M2))
        self._max_m2.setSingleStep(50)
        self._max_m2.setToolTip(self.tr("A larger patch is cut: what lies nearest to the click is taken"))
        self._threshold = _number(0, 100, self.tr(" %"), settings.value(_THRESHOLD, DEFAULT_THRESHOLD))
        self._threshold.setSingleStep(5)
        self._threshold.setSpecialValueText(self.tr("never"))
        self._threshold.setToolTip(
            self.tr("The outline ends where the map's confidence crosses this value; needs a map with confidence")
        )
        for box in (self._max_m2, self._threshold):
            box.valueChanged.connect(self._set_limits)
        self._settings = QWidget(self)
        form = QFormLayout(self._settings)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(4)
        form.addRow(self.tr("Patch at most"), self._max_m2)
        form.addRow(self.tr("Cut at confidence"), self._threshold)
        self._max_m2.setAccessibleName(self.tr("Largest patch in square metres"))
        self._threshold.setAccessibleName(self.tr("Confidence at which patches are cut, in percent"))
        self._sentence = Sentence(self)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.correct_button)
        row.addWidget(self.draw_button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._settings)
        column.addWidget(self._sentence)
        self.setFocusProxy(self.correct_button)
        self._settings.hide()
        self._fit_to_font()
        self._set_limits()

    def _fit_to_font(self) -> None:
        side = round(1.2 * self.fontMetrics().height())
        self.draw_button.setIconSize(QSize(side, side))

    # What the user does

    def _toggle(self, on: bool) -> None:
        if not on:
            self.stop()
            return
        if self._canvas.mapTool() is self._tool:
            return
        layer = self._annotations()
        if layer is None or self._layer is None:
            self.correct_button.setChecked(False)
            return
        self._show_map()
        self._hand_over()
        self._before = self._canvas.mapTool()
        self._canvas.setMapTool(self._tool)
        self._settings.show()
        self._say_what_to_do()

    def _draw(self) -> None:
        layer = self._annotations()
        if layer is None:
            return
        self.stop()
        try:
            draw_polygons(layer)
        except AnnotationsError as error:
            self._complain(str(error))

    def _annotations(self) -> QgsVectorLayer | None:
        """The annotation layer, made where there is none; None where that went wrong or was given up."""
        self._say("")
        if self._layer is None:
            return None
        try:
            return annotations_for(self._project, self, self._aerial, self._crs(), self._legend, self._ask_path)
        except AnnotationsError as error:
            self._complain(str(error))
            return None

    def _show_map(self) -> None:
        """A map that is switched off in the layer tree could not be aimed at."""
        if self._layer is None:
            raise AssertionError
        node = self._project.layerTreeRoot().findLayer(self._layer.id())
        if node is not None and not node.isVisible():
            node.setItemVisibilityCheckedParentRecursive(True)

    def _on_deactivated(self) -> None:
        if sip.isdeleted(self):
            return
        self._before = None
        self.correct_button.setChecked(False)
        self._settings.hide()
        self._say("")

    def _set_limits(self, *_) -> None:
        self._tool.set_limits(self._max_m2.value(), self._threshold.value())
        QgsSettings().setValue(_MAX_M2, self._max_m2.value())
        QgsSettings().setValue(_THRESHOLD, self._threshold.value())

    def _hand_over(self) -> None:
        """Tells the tool about the map; the classes that the analyst made are among those to choose from."""
        layer = self._target()
        classes = classes_of(layer) if layer is not None else self._legend
        self._tool.set_result(self._layer, self._confidence, self._legend, classes)

    def _target(self) -> QgsVectorLayer | None:
        """The annotation layer, where there is one already."""
        return None if self._layer is None else find_annotations(self._project, self._crs())

    def _crs(self) -> QgsCoordinateReferenceSystem:
        """That of the aerial image, else of the map."""
        if self._aerial is not None and self._aerial.crs().isValid():
            return self._aerial.crs()
        if self._layer is None:
            raise AssertionError
        return self._layer.crs()

    # What the tool says

    def _add(self, geometry, was: int, now: int) -> None:
        layer = self._annotations()  # it may have been removed meanwhile
        if layer is None or self._layer is None:
            return
        try:
            add_correction(self._project, layer, geometry, self._layer.crs(), self._number_in(layer, was), now)
        except AnnotationsError as error:
            self._complain(str(error))
            return
        self._say_what_to_do()
        self.corrected.emit()

    def _number_in(self, layer: QgsVectorLayer, label: int) -> int:
        """The number that the annotation layer has for a label of the map."""
        name = next((name_key(c.name) for c in self._legend if c.value == label), None)
        return next((c.value for c in classes_of(layer) if name_key(c.name) == name), label)

    def _add_class(self) -> None:
        layer = self._annotations()
        name = self._ask_name(self) if layer is not None else ""
        if not name or not is_annotations(layer):
            return
        try:
            made = add_class(layer, name)
        except AnnotationsError as error:
            self._complain(str(error))
            return
        self._project.setDirty(True)  # the layer's classes are kept there
        self._tool.answer(made.value)
        self._hand_over()

    def _undo(self) -> None:
        layer = self._target()
        if layer is not None and layer.isEditable():
            layer.undoStack().undo()
            layer.triggerRepaint()
            self._say_what_to_do()

    def _redo(self) -> None:
        layer = self._target()
        if layer is not None and layer.isEditable():
            layer.undoStack().redo()
            layer.triggerRepaint()
            self._say_what_to_do()

    def _say_what_to_do(self) -> None:
        layer = self._target()
        unsaved = len(layer.editBuffer().addedFeatures()) if layer is not None and layer.isEditable() else 0
        if not unsaved:
            self._say(self.tr("Click on a wrong patch, then press the key of its right class."))
        elif unsaved == 1:
            self._say(self.tr("One polygon is not saved yet. Ctrl+Z takes it back."))
        else:
            self._say(self.tr("{} polygons are not saved yet. Ctrl+Z takes the last one back.").format(unsaved))

    def _say(self, sentence: str) -> None:
        self._sentence.say(sentence)

    def _complain(self, sentence: str) -> None:
        self._sentence.say(sentence, wrong=True)

    def changeEvent(self, event) -> None:
        super().changeEvent(event)
        if event.type() in (event.Type.FontChange, event.Type.StyleChange) and hasattr(self, "draw_button"):
            self._fit_to_font()


def _put_away(tool: CorrectTool, canvas: QgsMapCanvas) -> None:
    """Deletes the tool, off the canvas; does nothing where that is done."""
    if not sip.isdeleted(canvas) and not sip.isdeleted(tool):
        canvas.unsetMapTool(tool)
        tool.deleteLater()


def _number(least: int, most: int, unit: str, value: Any) -> QSpinBox:
    box = QSpinBox()
    box.setRange(least, most)
    box.setSuffix(unit)
    try:
        box.setValue(round(float(value)))
    except (TypeError, ValueError):
        box.setValue(least)
    return box


def _title() -> str:
    return QgsApplication.translate("CorrectBar", "New class")
