"""The image to map: a layer of the project, a file, or several tiles as one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from qgis.core import QgsMapLayer, QgsProject, QgsProviderRegistry, QgsRasterLayer
from qgis.PyQt.QtCore import QCoreApplication, QSignalBlocker, Qt
from qgis.PyQt.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from ...layers.tiles import add_tiles, image_paths, layer_of_image, tiles_name
from ..widgets.layers_dialog import LayersDialog
from ..widgets.raster_chooser import RasterChooser


def _tr(text: str) -> str:
    return QCoreApplication.translate("ImageField", text)


class ImageField(RasterChooser):
    """A list of the project's layers, and a menu for files, several tiles, a folder of them or an index.

    Several tiles are `pending` until the engine has looked at them (see `show_tiles`); then they are a layer of the
    project like any other.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_tr("Aerial image"), adds_layer=True, parent=parent)
        self._tiles: tuple[str, ...] = ()
        menu = QMenu(self._browse)
        for text, choose in (
            (_tr("File, or several tiles…"), self._choose_files),
            (_tr("Folder of tiles…"), self._choose_folder),
            (_tr("Tile index…"), self._choose_index),
            (_tr("Several layers…"), self._choose_layers),
        ):
            menu.addAction(text).triggered.connect(lambda _=False, c=choose: c())
        hint = _tr("Choose a file, several tiles, a folder of them or an index")
        self._browse.setToolTip(hint)
        self._browse.setAccessibleName(_tr("Aerial image: {}").format(hint))
        self._browse.setMenu(menu)
        self._browse.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._browse.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def paths(self) -> tuple[str, ...]:
        """What a job's `input` holds, () where nothing is chosen.

        Raises ValueError, with a sentence for the user, where the layer has no pixels of its own.
        """
        layer = self.layer()
        return self.pending() if layer is None else image_paths(layer)

    def pending(self) -> tuple[str, ...]:
        """The tiles that are chosen and not yet a layer."""
        return self._tiles if self.layer() is None and self.path() else ()

    def set_tiles(self, paths: Sequence[str]) -> None:
        """Chooses several tiles, a folder of them or an index, or the layer that shows them already."""
        layer = layer_of_image(paths)
        if layer is not None:
            self.set_layer(layer)
        elif paths:
            self._tiles = tuple(paths)
            self._offer_file("\n".join(paths), tiles_name(paths, len(paths) if len(paths) > 1 else 0))

    def show_tiles(self, readable: str, count: int) -> bool:
        """Makes the pending tiles a layer and chooses it; False where QGIS cannot show them.

        readable: what GDAL opens for all of them, as the engine answers. count: of the files.
        """
        layer = add_tiles(QgsProject.instance(), self._tiles, readable, tiles_name(self._tiles, count))
        if layer is None:
            return False
        with QSignalBlocker(self._layers):  # which tells of each step
            self._layers.setAdditionalItems([])
            self._layers.setLayer(layer)
        self.changed.emit()
        return True

    def _choose_files(self) -> None:
        filters = QgsProviderRegistry.instance().fileRasterFilters()
        paths, _ = QFileDialog.getOpenFileNames(self, self._title, self._folder, filters)
        if paths:
            self._folder = os.path.dirname(paths[0])
            self.set_path(paths[0]) if len(paths) == 1 else self.set_tiles(paths)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, _tr("Folder of tiles"), self._folder)
        if path:
            self._folder = path
            self.set_tiles((path,))

    def _choose_index(self) -> None:
        filters = _tr("Tile index (*.gpkg *.shp *.geojson *.json);;All files (*)")
        path, _ = QFileDialog.getOpenFileName(self, _tr("Tile index"), self._folder, filters)
        if path:
            self._folder = os.path.dirname(path)
            self.set_tiles((path,))

    def _choose_layers(self) -> None:
        hint = _tr("Check the layers that are tiles of one image:")
        dialog = LayersDialog(_tr("Tiles of an aerial image"), hint, [], self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._take_layers(dialog.layers()))
        dialog.open()

    def _take_layers(self, layers: list[QgsMapLayer]) -> None:
        own = [layer for layer in layers if isinstance(layer, QgsRasterLayer)]
        web = next((layer for layer in own if layer.providerType() != "gdal"), None)
        if web is not None or len(own) == 1:
            self.set_layer(web or own[0])  # which says what is wrong with it
        elif own:
            self.set_tiles(tuple(dict.fromkeys(path for layer in own for path in image_paths(layer))))
