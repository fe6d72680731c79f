"""Which model, and in one line what it is bad at; on which device."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QFileDialog, QWidget

from ...contract.answers import Device
from ...contract.cards import BadModel, ModelCard, read_card
from ...contract.choices import AUTO, BUNDLED
from ...models.library import BUNDLED_FOLDER, default_model, models_at_hand
from .boxes import lay_in_row, narrow, small_button

_CARD, _TITLE = Qt.ItemDataRole.UserRole + 1, Qt.ItemDataRole.UserRole + 2


class ModelField(QWidget):
    """The models at hand, and a button for a model folder's card or a checkpoint; on request one for the library.

    changed: another model is chosen, or its card is another. library_asked: the analyst wants to see the library.
    """

    changed = pyqtSignal()
    library_asked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models = QComboBox(self)
        self._models.setAccessibleName(self.tr("Model"))
        narrow(self._models)
        self._default = ""
        hint = self.tr("Models: what they are good at, and more of them")
        self.library_button = small_button(self, hint, self.tr("Models…"), text="")
        self.library_button.setIcon(QgsApplication.getThemeIcon("/mActionOptions.svg"))
        self.library_button.hide()
        hint = self.tr("Choose a checkpoint or the card.json of a model folder")
        self._browse = small_button(self, hint, self.tr("Model: choose a file"))
        lay_in_row(self, self._models, self.library_button, self._browse)
        self.refresh()
        self._models.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.library_button.clicked.connect(lambda _: self.library_asked.emit())
        self._browse.clicked.connect(self._choose_file)

    def model(self) -> str:
        """As a job names it: an id, or the path of a model folder or checkpoint."""
        return self._models.currentData() or BUNDLED

    def set_model(self, model: str) -> None:
        """Chooses a model at hand by its id, or a path that exists."""
        index = self._models.findData(model)
        if index < 0 and os.path.exists(model):
            try:
                card = read_card(Path(model if os.path.isdir(model) else os.path.dirname(model)))
            except BadModel:  # a checkpoint: what it is the engine finds out
                card = None
            index = self._add(model, os.path.basename(model) if card is None else card.title, card)
            self._models.setItemData(index, model, Qt.ItemDataRole.ToolTipRole)
        if index >= 0:
            self._models.setCurrentIndex(index)

    def choose_default(self) -> None:
        """Chooses the default model."""
        self.set_model(self._default)

    def show_library_button(self) -> None:
        """Offers the library beside the list."""
        self.library_button.show()

    def refresh(self) -> None:
        """Offers the models that are at hand now, the default one marked.

        The choice stays where it can. Whoever had the default model gets the one that is the default now, and so does
        whoever had a model that is gone.
        """
        chosen, card, before = self.model(), self.card(), self._offered()
        usual = not before or chosen == self._default
        paths = [row for row in before if os.path.isabs(row[0]) and os.path.exists(row[0])]
        self._default = default_model()
        self._models.blockSignals(True)
        self._models.clear()
        for folder, found in models_at_hand():
            name = BUNDLED if folder == BUNDLED_FOLDER else found.id
            if self._models.findData(name) < 0:  # of several with one id the first is meant
                marked = self.tr("{} (default)").format(found.title) if name == self._default else ""
                self._add(name, found.title, found, marked)
        for path, title, its_card in paths:
            self._models.setItemData(self._add(path, title, its_card), path, Qt.ItemDataRole.ToolTipRole)
        wanted = self._models.findData(self._default if usual else chosen)
        self._models.setCurrentIndex(wanted if wanted >= 0 else max(0, self._models.findData(self._default)))
        self._models.blockSignals(False)
        if (self.model(), self.card()) != (chosen, card):
            self.changed.emit()

    def card(self) -> ModelCard | None:
        """The card of the model chosen; None for a checkpoint."""
        return self._models.currentData(_CARD)

    def title(self) -> str:
        """What the analyst calls it."""
        return self._models.currentData(_TITLE) or ""

    def _add(self, model: str, title: str, card: ModelCard | None, marked: str = "") -> int:
        """Adds an entry and gives its index. marked: what is shown in place of the title."""
        self._models.addItem(marked or title, model)
        index = self._models.count() - 1
        self._models.setItemData(index, card, _CARD)
        self._models.setItemData(index, title, _TITLE)
        return index

    def _offered(self) -> list[tuple[str, str, ModelCard | None]]:
        box = self._models
        return [(box.itemData(i), box.itemData(i, _TITLE), box.itemData(i, _CARD)) for i in range(box.count())]

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
        narrow(self)
        self.addItem(self.tr("automatic"), AUTO)

    def set_devices(self, devices: Sequence[Device]) -> None:
        """Shows what the engine's `hello` found, the fastest first; what was chosen stays, where it can."""
        chosen = self.device()
        self.blockSignals(True)
        self.clear()
        self.addItem(self.tr("automatic ({})").format(devices[0].name) if devices else self.tr("automatic"), AUTO)
        for device in devices:
            self.addItem(device.name, device.id)
        self.setCurrentIndex(max(0, self.findData(chosen)))
        self.blockSignals(False)
        if self.device() != chosen:
            self.currentIndexChanged.emit(self.currentIndex())

    def devices(self) -> list[tuple[str, str]]:
        """(id, name) of all that is offered."""
        return [(self.itemData(i), self.itemText(i)) for i in range(self.count())]

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
