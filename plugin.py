"""Puts the plugin into QGIS and takes it out again, with all that it brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.core import QgsApplication, QgsMapLayer, QgsProject, QgsSettings
from qgis.PyQt.QtCore import Qt, QTimer

from .processing.provider import FlairProvider
from .runtime.client import close_shared_client

if TYPE_CHECKING:
    from .layers.map_legend import MapLegends
    from .ui.actions import Actions
    from .ui.dock import LandCoverDock

_DOCK_OPEN = "flair_landcover/dock_open"


class FlairLandCoverPlugin:
    """What QGIS loads. iface: QgisInterface, or None in qgis_process."""

    def __init__(self, iface) -> None:
        self._iface = iface
        self._provider: FlairProvider | None = None
        self._actions: Actions | None = None
        self._legends: MapLegends | None = None
        self._dock: LandCoverDock | None = None

    def initProcessing(self) -> None:
        """Registers the Processing provider (all that qgis_process asks for)."""
        self._provider = FlairProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Registers everything; the dock itself is made when it is first opened."""
        from .layers.map_legend import MapLegends
        from .ui.actions import Actions

        self.initProcessing()
        self._actions = Actions(self._iface, self.open_dock, self.open_finetune, self.open_library, self.open_engine)
        self._legends = MapLegends(QgsProject.instance())
        QgsApplication.instance().aboutToQuit.connect(self._quit)
        if QgsSettings().value(_DOCK_OPEN, False, type=bool):
            QTimer.singleShot(0, self._reopen_dock)

    def open_dock(self, layer: QgsMapLayer | None = None) -> LandCoverDock:
        """Opens the dock, with a raster layer as its aerial image."""
        if self._dock is None:
            from .ui.dock import LandCoverDock

            self._dock = LandCoverDock(self._iface)
            self._dock.closedStateChanged.connect(self._remember_dock)
            if not self._iface.mainWindow().restoreDockWidget(self._dock):
                self._iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self._dock)
        self._dock.show_for(layer)
        return self._dock

    def open_finetune(self) -> None:
        """Opens the dock, and the window of a fine-tuning over it."""
        self.open_dock().open_finetune()

    def open_library(self) -> None:
        """Opens the dock, and the window of the models over it."""
        self.open_dock().open_library()

    def open_engine(self) -> None:
        """Opens the dock, and the window of the engine over it."""
        self.open_dock().open_engine()

    def unload(self) -> None:
        """Removes everything, the worker process included."""
        if self._actions is not None:
            QgsApplication.instance().aboutToQuit.disconnect(self._quit)
            self._actions.remove()
            self._actions = None
        if self._legends is not None:
            self._legends.rest()
            self._legends = None
        if self._dock is not None:
            dock, self._dock = self._dock, None
            dock.closedStateChanged.disconnect(self._remember_dock)
            dock.unload()
            self._iface.removeDockWidget(dock)
            dock.deleteLater()
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
        close_shared_client()

    def _reopen_dock(self) -> None:
        if self._actions is not None:
            self.open_dock()

    def _remember_dock(self, closed: bool) -> None:
        QgsSettings().setValue(_DOCK_OPEN, not closed)

    def _quit(self) -> None:
        """QGIS ends without unloading its plugins: whatever runs is stopped here."""
        if self._dock is not None:
            self._dock.stop()
        close_shared_client()
