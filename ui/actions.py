"""The plugin's entries in QGIS's toolbar and Raster menu."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication, QObject
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from ..processing.icons import ICON_PATH


def make_segment_action(parent: QObject) -> QAction:
    """The action that opens the dialog of `flair:segment`."""
    action = QAction(QIcon(ICON_PATH), QCoreApplication.translate("Actions", "Land cover of an aerial image…"), parent)
    action.setObjectName("flairLandCoverSegment")
    action.triggered.connect(_open_dialog)
    return action


def _open_dialog() -> None:
    import processing  # QGIS's own plugin, which is loaded once the window stands

    processing.execAlgorithmDialog("flair:segment")
