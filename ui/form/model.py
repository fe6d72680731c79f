"""Which model, and in one line what it is bad at; on which device."""

from __future__ import annotations

import os
from pathlib import Path

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QToolButton, QWidget

from ...models.cards import BadModel, ModelCard, read_card
from ...models.library import BUNDLED, installed_models


def _narrow(box: QComboBox) -> None:
    """Lets the dock be narrower than the longest entry."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(4)


class ModelField(QWidget):
    """The installed models, and a button for a model folder's card or a checkpoint."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models = QComboBox(self)
        self._models.setAccessibleName(self.tr("Model"))
        _narrow(self._models)
        self._browse = QToolButton(self)
        self._browse.setText("…")
        self._browse.setToolTip(self.tr("Choose a checkpoint or the card.json of a model folder"))
        self._browse.setAccessibleName(self.tr("Model: choose a file"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._models, 1)
        layout.addWidget(self._browse)
        self.setFocusProxy(self._models)
        self.refresh()
        self._models.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._browse.clicked.connect(self._choose_file)

    def model(self) -> str:
        """As a job names it: an id, or the path of a model folder or checkpoint."""
        return self._models.currentData() or BUNDLED

    def set_model(self, model: str) -> None:
        """Chooses an installed model by its id, or a path that exists."""
        index = self._models.findData(model)
        if index < 0 and os.path.exists(model):
            self._models.addItem(os.path.basename(model), model)
            index = self._models.count() - 1
            try:
                card = read_card(Path(model if os.path.isdir(model) else os.path.dirname(model)))
            except BadModel:  # a checkpoint: what it is the engine finds out
                card = None
            else:
                self._models.setItemText(index, card.title)
            self._models.setItemData(index, card, Qt.ItemDataRole.UserRole + 1)
            self._models.setItemData(index, model, Qt.ItemDataRole.ToolTipRole)
        if index >= 0:
            self._models.setCurrentIndex(index)

    def refresh(self) -> None:
        """Offers models that were installed since."""
        for card in installed_models():
            if self._models.findData(card.id) < 0:
                self._models.addItem(card.title, card.id)
                self._models.setItemData(self._models.count() - 1, card, Qt.ItemDataRole.UserRole + 1)

    def card(self) -> ModelCard | None:
        """The card of the model chosen; None for a checkpoint."""
        return self._models.currentData(Qt.ItemDataRole.UserRole + 1)

    def title(self) -> str:
        """What the analyst reads."""
        return self._models.currentText()

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self,
            self.tr("Model"),
            "",
            self.tr("Models (*.json *.safetensors *.ckpt *.pth *.pt);;All files (*)"),
        )
        if path:
            self.set_model(path)


class DeviceField(QComboBox):
    """Where the network runs; what there is, the engine says."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Device"))
        _narrow(self)
        self.addItem(self.tr("automatic"), "auto")

    def set_devices(self, devices: list[dict]) -> None:
        """Shows what the engine's `hello` found, the fastest first; what was chosen stays, where it can."""
        chosen = self.device()
        self.blockSignals(True)
        self.clear()
        self.addItem(self.tr("automatic ({})").format(devices[0]["name"]) if devices else self.tr("automatic"), "auto")
        for device in devices:
            self.addItem(device["name"], device["id"])
        self.setCurrentIndex(max(0, self.findData(chosen)))
        self.blockSignals(False)
        if self.device() != chosen:
            self.currentIndexChanged.emit(self.currentIndex())

    def device(self) -> str:
        """As a job names it."""
        return self.currentData()

    def name(self, device: str) -> str:
        """What the analyst reads for a device that a job or its result names."""
        index = self.findData(device)
        return self.itemText(index) if index >= 0 else device

    def set_device(self, device: str) -> None:
        """Chooses a device; one that the engine has not named yet is kept until it does."""
        index = self.findData(device)
        if index < 0:
            self.addItem(device, device)
            index = self.count() - 1
        self.setCurrentIndex(index)
