"""Puts the plugin into QGIS and takes it out again, with all that it brought."""

from __future__ import annotations

from qgis.core import QgsApplication

from .processing.provider import FlairProvider
from .runtime.client import close_shared_client


class FlairLandCoverPlugin:
    """What QGIS loads. iface: QgisInterface, or None in qgis_process."""

    def __init__(self, iface) -> None:
        self._iface = iface
        self._provider: FlairProvider | None = None
        self._action = None

    def initProcessing(self) -> None:
        """Registers the Processing provider (all that qgis_process asks for)."""
        self._provider = FlairProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Registers everything."""
        from .ui.actions import make_segment_action

        self.initProcessing()
        self._action = make_segment_action(self._iface.mainWindow())
        self._iface.addRasterToolBarIcon(self._action)
        self._iface.addPluginToRasterMenu("FLAIR Land Cover", self._action)

    def unload(self) -> None:
        """Removes everything, the worker process included."""
        if self._action is not None:
            self._iface.removeRasterToolBarIcon(self._action)
            self._iface.removePluginRasterMenu("FLAIR Land Cover", self._action)
            self._action.deleteLater()
            self._action = None
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
        close_shared_client()
