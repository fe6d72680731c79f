"""The plugin's entries in QGIS's toolbar, its Raster menu and the menu of raster layers."""

from __future__ import annotations

from collections.abc import Callable

from qgis.core import QgsMapLayerType, QgsRasterLayer
from qgis.gui import QgisInterface
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from ..processing.algorithm import ICON_PATH

_MENU = "FLAIR Land Cover"


class Actions:
    """All ways in.

    open_dock: opens the dock, for the layer that it is given. open_finetune, open_library, open_engine: open the
    window of a fine-tuning, of the models, and of the engine.
    """

    def __init__(
        self,
        iface: QgisInterface,
        open_dock: Callable,
        open_finetune: Callable,
        open_library: Callable,
        open_engine: Callable,
    ) -> None:
        self._iface = iface
        self._dock = self._action("flairLandCoverDock", _tr("Land cover of an aerial image"), lambda: open_dock(None))
        self._finetune = self._action("flairLandCoverFinetuneAction", _tr("Fine-tune the model…"), open_finetune)
        self._batch = self._action(
            "flairLandCoverBatch", _tr("In Processing, for many images…"), lambda: _open_dialog(iface)
        )
        self._models = self._action("flairLandCoverModelsAction", _tr("Models…"), open_library)
        self._engine = self._action("flairLandCoverEngineAction", _tr("Engine…"), open_engine)
        self._layer = self._action(
            "flairLandCoverLayer",
            _tr("Land cover of this layer"),
            lambda: open_dock(iface.layerTreeView().currentLayer()),
        )
        iface.addRasterToolBarIcon(self._dock)
        self._in_menu = (self._dock, self._finetune, self._batch, self._models, self._engine)
        for action in self._in_menu:
            iface.addPluginToRasterMenu(_MENU, action)
        iface.addCustomActionForLayerType(self._layer, "", QgsMapLayerType.RasterLayer, True)

    def remove(self) -> None:
        """Takes all of them away."""
        self._iface.removeRasterToolBarIcon(self._dock)
        for action in self._in_menu:
            self._iface.removePluginRasterMenu(_MENU, action)
        self._iface.removeCustomActionForLayerType(self._layer)
        for action in (*self._in_menu, self._layer):
            action.deleteLater()

    def _action(self, name: str, text: str, run: Callable) -> QAction:
        action = QAction(QIcon(ICON_PATH), text, self._iface.mainWindow())
        action.setObjectName(name)
        action.triggered.connect(lambda _=False: run())
        return action


def _tr(text: str) -> str:
    return QCoreApplication.translate("Actions", text)


def _open_dialog(iface: QgisInterface) -> None:
    """Opens the algorithm's dialog, with the layer that is selected as its image."""
    import processing  # QGIS's own plugin, which is loaded once the window stands

    active = iface.activeLayer()
    given = {"INPUT": active.id()} if isinstance(active, QgsRasterLayer) else {}
    processing.execAlgorithmDialog("flair:segment", given)
