"""Chooses a raster: a layer of the project, or a file."""

from __future__ import annotations

import os

from qgis.core import QgsMapLayerProxyModel, QgsProject, QgsProviderRegistry, QgsRasterLayer
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import QSignalBlocker, pyqtSignal
from qgis.PyQt.QtWidgets import QFileDialog, QWidget

from ...layers.results import companions, result_layers
from ...layers.sources import layer_of, raster_path
from .boxes import lay_in_row, narrow, small_button


class RasterChooser(QWidget):
    """A list of the project's raster layers and a button for files. Maps that the plugin made are not offered.

    optional: whether nothing can be chosen; the entry for it reads `nothing`. adds_layer: whether a file
    becomes a layer of the project; otherwise it is an entry of this list alone.
    """

    changed = pyqtSignal()

    def __init__(
        self,
        title: str,
        optional: bool = False,
        nothing: str = "",
        adds_layer: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._adds_layer = adds_layer
        self._folder = ""
        self._file = ""  # the entry beside the project's layers
        self._layers = QgsMapLayerComboBox(self)
        self._layers.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer)
        self._layers.setAllowEmptyLayer(optional, nothing)
        self._layers.setAccessibleName(title)
        narrow(self._layers)
        self._browse = small_button(self, self.tr("Choose a file"), self.tr("{}: choose a file").format(title))
        lay_in_row(self, self._layers, self._browse)
        self._optional = optional
        self._results: set[str] = set()
        self._leave_results_out()
        project = QgsProject.instance()
        project.layersAdded.connect(self._leave_results_out)
        project.layersRemoved.connect(self._leave_results_out)
        self.set_layer(None if optional else self._layers.currentLayer())
        self._layers.currentIndexChanged.connect(self._on_index)
        self._browse.clicked.connect(self._choose_file)

    def layer(self) -> QgsRasterLayer | None:
        """The layer chosen, None where a file is chosen or nothing."""
        return self._layers.currentLayer()

    def set_layer(self, layer: QgsRasterLayer | None) -> None:
        """Chooses a layer of the project, or nothing; a map that the plugin made is passed over."""
        if layer is None and self._optional:
            self._layers.setCurrentIndex(0)  # setLayer(None) would choose no entry at all
        elif layer is None or layer.id() not in self._results:
            self._layers.setLayer(layer)

    def path(self) -> str:
        """What the engine opens, "" where nothing is chosen.

        Raises ValueError, with a sentence for the user, where the layer has no pixels of its own.
        """
        layer = self.layer()
        if layer is not None:
            return raster_path(layer)
        return self._given_file()

    def set_path(self, path: str) -> bool:
        """Chooses the layer that shows a file, else the file itself; True where it is now chosen.

        Where files become layers and the file cannot be opened nothing changes.
        """
        layer = layer_of(path)
        if layer is not None:
            self._layers.setLayer(layer)
            return True
        if self._adds_layer:
            layer = QgsRasterLayer(path, os.path.splitext(os.path.basename(path))[0])
            if not layer.isValid():
                return False
            QgsProject.instance().addMapLayer(layer)
            self._layers.setLayer(layer)
            return True
        self._offer_file(path, os.path.basename(os.path.normpath(path)))
        return True

    def _given_file(self) -> str:
        return self._file if self._layers.currentText() in self._layers.additionalItems() else ""

    def _offer_file(self, path: str, name: str) -> None:
        """Chooses what is no layer, as the last entry of the list."""
        self._file = path
        with QSignalBlocker(self._layers):  # which tells of each step
            self._layers.setAdditionalItems([name])
            self._layers.setCurrentIndex(self._layers.count() - 1)
        self._on_index(self._layers.currentIndex())

    def _leave_results_out(self, *_) -> None:
        project = QgsProject.instance()
        results = [each for layer in result_layers(project) for each in companions(project, layer)]
        self._results = {layer.id() for layer in results}
        self._layers.setExceptedLayerList(results)

    def _on_index(self, index: int) -> None:
        if index < 0 and self._optional:  # the layer chosen left the project
            self._layers.setCurrentIndex(0)
        else:
            self._layers.setToolTip("" if self.layer() is not None else self._given_file())
            self.changed.emit()

    def _choose_file(self) -> None:
        filters = QgsProviderRegistry.instance().fileRasterFilters()
        path, _ = QFileDialog.getOpenFileName(self, self._title, self._folder, filters)
        if path:
            self._folder = os.path.dirname(path)
            self.set_path(path)
