"""The widget of a Sentinel-2 series in Processing's dialog: the chooser that the dock has too."""

from __future__ import annotations

from processing.gui.wrappers import WidgetWrapper
from qgis.core import QgsMapLayer, QgsProcessingParameterDefinition, QgsProject
from qgis.gui import QgsAbstractProcessingParameterWidgetWrapper, QgsGui
from qgis.PyQt.QtWidgets import QWidget

from .series_chooser import SeriesChooser


class SeriesWidget:
    """Makes the wrapper that Processing asks for: the chooser, or in a model QGIS's own list.

    A model fills the parameter from its inputs and from other steps, which the chooser does not know.
    """

    def __new__(
        cls, parameter: QgsProcessingParameterDefinition, dialog: QWidget, row: int = 0, col: int = 0
    ) -> QgsAbstractProcessingParameterWidgetWrapper:
        if type(dialog).__name__ != "ModelerParametersDialog":
            return _ChooserWrapper(parameter, dialog, row, col)
        wrapper = QgsGui.processingGuiRegistry().createModelerParameterWidget(
            dialog.model, dialog.childId, parameter, dialog.context
        )
        wrapper.setDialog(dialog)
        return wrapper


class _ChooserWrapper(WidgetWrapper):
    def createWidget(self) -> SeriesChooser:
        chooser = SeriesChooser()
        chooser.changed.connect(lambda: self.widgetValueHasChanged.emit(self))
        return chooser

    def value(self) -> list[str] | None:
        # Layers by their ids: what is wrong with one is said when the algorithm copies it.
        chosen = self.widget.choice()
        return list(chosen.layers or chosen.paths) or None

    def setValue(self, value: object) -> None:
        values = [each for each in (value if isinstance(value, (list, tuple)) else [value]) if each]
        layers = [each if isinstance(each, QgsMapLayer) else QgsProject.instance().mapLayer(each) for each in values]
        if values and all(layers):
            self.widget.set_layers(layers)
        else:
            self.widget.set_paths(tuple(each for each in values if isinstance(each, str)))
