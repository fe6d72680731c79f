"""Chooses a Sentinel-2 series: layers or a layer group of the project, files, a folder or a product."""

from __future__ import annotations

import os
from dataclasses import dataclass

from qgis.core import QgsApplication, QgsLayerTreeGroup, QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QSignalBlocker, Qt, QTimer, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFileDialog,
    QMenu,
    QToolButton,
    QWidget,
)

from ...layers.description import RESULT_PROPERTY
from ...layers.sources import layer_of, series_path, series_paths
from .boxes import lay_in_row, narrow, small_button
from .layers_dialog import LayersDialog


@dataclass(frozen=True)
class SeriesChoice:
    """One entry of the list; all empty: no series.

    layers: ids of layers, in the order of the layer tree. group: names of the group that holds them, from the
    root of the layer tree on; empty: no group. paths: files, or one folder or product.
    """

    layers: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class SeriesChooser(QWidget):
    """A list of the project's raster layers and groups of them, and a button for all else.

    changed: another series is chosen, or other layers are in the group chosen.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = ""
        self._choices = [SeriesChoice()]
        self._picked: SeriesChoice | None = None  # several layers, or paths: not in the project's tree
        self._box = QComboBox(self)
        self._box.addItem(self.tr("none"))
        self._box.setAccessibleName(self.tr("Sentinel-2"))
        narrow(self._box)
        self._browse = small_button(
            self,
            self.tr("Choose files, a folder, a product or several layers"),
            self.tr("Sentinel-2: choose files, a folder, a product or several layers"),
        )
        self._browse.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        menu = QMenu(self._browse)
        for text, choose in (
            (self.tr("Files…"), self._choose_files),
            (self.tr("Folder or .SAFE product…"), self._choose_folder),
            (self.tr("Several layers…"), self._choose_layers),
        ):
            menu.addAction(text).triggered.connect(lambda _=False, c=choose: c())
        self._browse.setMenu(menu)
        self._browse.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        lay_in_row(self, self._box, self._browse)

        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._refresh)
        self._project = QgsProject.instance()
        self._tree = self._project.layerTreeRoot()
        self._follows = True
        for signal in self._signals():
            signal.connect(self._refresh_soon)
        self._box.currentIndexChanged.connect(lambda _: self._on_index())
        self._refresh()

    def close(self) -> bool:
        """Lets go of the project; may be called again."""
        self._soon.stop()
        if self._follows:
            self._follows = False
            for signal in self._signals():
                signal.disconnect(self._refresh_soon)
        return super().close()

    def choice(self) -> SeriesChoice:
        """What is chosen."""
        return self._choices[max(0, self._box.currentIndex())]

    def paths(self) -> tuple[str, ...] | None:
        """What the engine opens, None where nothing is chosen.

        Raises ValueError, with a sentence for the user, where a layer has no pixels of its own.
        """
        chosen = self.choice()
        layers = [self._project.mapLayer(id) for id in chosen.layers]
        return chosen.paths or series_paths(layer for layer in layers if layer) or None

    def set_paths(self, paths: tuple[str, ...]) -> bool:
        """Chooses the layers that show these files, else the files themselves; none: no series.

        Files that are gone are not chosen; True where they are there.
        """
        if not paths:
            self._choose(SeriesChoice())
            return True
        if not all(os.path.exists(path) for path in paths):
            return False
        layers = [layer_of(path, series_path) for path in paths]
        if all(layers):
            self.set_layers(layers)
        else:
            self._choose(SeriesChoice(paths=tuple(paths)))
        return True

    def set_layers(self, layers: list[QgsMapLayer]) -> None:
        """Chooses layers of the project; the group, where one holds just these."""
        ids = [layer.id() for layer in layers]
        self._refresh()
        for choice in self._choices:
            if choice.layers and set(choice.layers) == set(ids):
                self._choose(choice)
                return
        self._choose(SeriesChoice(layers=tuple(ids)))

    def set_group(self, group: QgsLayerTreeGroup) -> None:
        """Chooses a group of the layer tree that holds raster layers."""
        self._refresh()
        names = _names(group)
        for choice in self._choices:
            if choice.group == names:
                self._choose(choice)

    # The list

    def _signals(self) -> tuple:
        return (
            self._project.layersAdded,
            self._project.layersRemoved,
            self._tree.nameChanged,
            self._tree.addedChildren,
            self._tree.removedChildren,
        )

    def _refresh_soon(self, *_) -> None:
        self._soon.start()

    def _refresh(self) -> None:
        """Lists what the project has now; what was chosen stays, where it is still there."""
        self._soon.stop()
        before = self.choice()
        layers = [layer for layer in self._project.mapLayers().values() if isinstance(layer, QgsRasterLayer)]
        layers.sort(key=lambda layer: layer.name().casefold())
        choices = [SeriesChoice(), *(SeriesChoice(layers=(layer.id(),)) for layer in layers), *self._groups()]
        if self._picked is not None:
            there = tuple(id for id in self._picked.layers if self._project.mapLayer(id))
            self._picked = SeriesChoice(layers=there, paths=self._picked.paths)
            if self._picked in choices:  # nothing is left of it, or a single layer
                self._picked = None
            else:
                choices.append(self._picked)
        index = self._place_of(before, choices)
        with QSignalBlocker(self._box):
            self._box.clear()
            for choice in choices:
                self._box.addItem(self._icon(choice), self._text(choice))
                self._box.setItemData(self._box.count() - 1, "\n".join(choice.paths), Qt.ItemDataRole.ToolTipRole)
            self._box.setCurrentIndex(index)
        self._choices = choices
        self._box.setToolTip("\n".join(choices[index].paths) or self._box.currentText())
        if (choices[index].layers, choices[index].paths) != (before.layers, before.paths):
            self.changed.emit()

    def _place_of(self, before: SeriesChoice, choices: list[SeriesChoice]) -> int:
        if before in choices:
            return choices.index(before)
        if before.group:  # renamed, or with other layers
            same = [choice for choice in choices if choice.group == before.group]
            same += [choice for choice in choices if choice.group and choice.layers == before.layers]
            # A group around it may hold the same layers.
            same.sort(key=lambda choice: len(choice.group) != len(before.group))
            return choices.index(same[0]) if same else 0
        left = SeriesChoice(layers=tuple(id for id in before.layers if self._project.mapLayer(id)))
        return choices.index(left) if left in choices else 0

    def _groups(self) -> list[SeriesChoice]:
        """Groups with raster layers, but for those of a land-cover map."""
        found = []
        for group in self._tree.findGroups(True):
            layers = [node.layer() for node in group.findLayers()]
            layers = [layer for layer in layers if isinstance(layer, QgsRasterLayer)]
            if layers and not any(layer.customProperty(RESULT_PROPERTY) for layer in layers):
                found.append(SeriesChoice(tuple(layer.id() for layer in layers), _names(group)))
        return found

    def _text(self, choice: SeriesChoice) -> str:
        if choice.group:
            return self.tr("{} ({})").format(choice.group[-1], len(choice.layers))
        if len(choice.layers) == 1:
            return self._project.mapLayer(choice.layers[0]).name()
        if choice.layers:
            return self.tr("{} layers").format(len(choice.layers))
        if len(choice.paths) == 1:
            return os.path.basename(os.path.normpath(choice.paths[0]))
        return self.tr("{} files").format(len(choice.paths)) if choice.paths else self.tr("none")

    def _icon(self, choice: SeriesChoice):
        name = "mActionFolder" if choice.group else "mIconRaster" if choice.layers else "mIconFile"
        return QgsApplication.getThemeIcon(f"/{name}.svg" if choice != SeriesChoice() else "")

    # Choosing

    def _choose(self, choice: SeriesChoice) -> None:
        if choice not in self._choices:
            self._picked = choice
            self._refresh()
        if choice in self._choices:
            self._box.setCurrentIndex(self._choices.index(choice))

    def _on_index(self) -> None:
        self._box.setToolTip("\n".join(self.choice().paths) or self._box.currentText())
        self.changed.emit()

    def _choose_files(self) -> None:
        filters = self.tr("Sentinel-2 (*.tif *.tiff *.vrt *.jp2 *.img *.nc *.zip *.npy *.xml);;All files (*)")
        paths, _ = QFileDialog.getOpenFileNames(self, self.tr("Sentinel-2"), self._folder, filters)
        if paths:
            self._folder = os.path.dirname(paths[0])
            self.set_paths(tuple(paths))

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self.tr("Folder of a Sentinel-2 series"), self._folder)
        if path:
            self._folder = os.path.dirname(path)
            self.set_paths((path,))

    def _choose_layers(self) -> None:
        title, hint = self.tr("Layers of a Sentinel-2 series"), self.tr("Check the layers of the series, one a date:")
        dialog = LayersDialog(title, hint, list(self.choice().layers), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.set_layers(dialog.layers()) if dialog.layers() else None)
        dialog.open()


def _names(group: QgsLayerTreeGroup) -> tuple[str, ...]:
    names: list[str] = []
    while group.parent():  # the root has none
        names.insert(0, group.name())
        group = group.parent()
    return tuple(names)
