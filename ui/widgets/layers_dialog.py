"""The project's raster layers, each with a check box."""

from __future__ import annotations

from qgis.core import QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)


class LayersDialog(QDialog):
    """hint: what to check. checked: ids of the layers that are checked at first."""

    def __init__(self, title: str, hint: str, checked: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self._list = QListWidget(self)
        self._list.setAccessibleName(self.windowTitle())
        label = QLabel(hint, self)
        label.setWordWrap(True)
        label.setBuddy(self._list)
        for node in QgsProject.instance().layerTreeRoot().findLayers():
            if isinstance(node.layer(), QgsRasterLayer):
                item = QListWidgetItem(node.layer().name(), self._list)
                item.setData(Qt.ItemDataRole.UserRole, node.layer().id())
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setToolTip(node.layer().source())
                chosen = node.layer().id() in checked
                item.setCheckState(Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, Qt.Orientation.Horizontal, self
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        for widget in (label, self._list, buttons):
            column.addWidget(widget)

    def layers(self) -> list[QgsMapLayer]:
        """Those that are checked and still in the project."""
        items = [self._list.item(row) for row in range(self._list.count())]
        checked = [item for item in items if item.checkState() == Qt.CheckState.Checked]
        layers = [QgsProject.instance().mapLayer(item.data(Qt.ItemDataRole.UserRole)) for item in checked]
        return [layer for layer in layers if layer]
