"""How to train, in an analyst's words."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from ...contract.choices import ALL, DECODER, HOLDOUT, KEEP_BASE, LAST, MAX_HOLDOUT
from ..widgets.boxes import narrow
from ..widgets.model_field import DeviceField

# Epochs at most; 0 is the engine's usual number.
_QUICK, _NORMAL, _LONG = 4, 0, 36
# Weights of what the base model says; the usual one is the engine's default.
_USUAL, _FIRM = KEEP_BASE, 3.0
_LARGEST_SEED = 2**31 - 1  # of a spin box


class TrainingSettings(QWidget):
    """Name, length, freedom and hold-out; device and seed under "More"."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = QLineEdit(self)
        self.name.setToolTip(self.tr("What the new model is called in the list of models"))
        self.length = self._choice(
            self.tr("How long the training goes on at most; it ends before where it gets no better"),
            (
                (_QUICK, self.tr("quick, for a first look")),
                (_NORMAL, self.tr("normal")),
                (_LONG, self.tr("long, as far as it gets")),
            ),
        )
        self.length.setCurrentIndex(1)
        self.freedom = self._choice(
            self.tr(
                "A little: the last layers, fast. Very little: these too, but held firmly to the base model where "
                "nothing is drawn, which gains less. More: the whole decoder. Everything: slow, and for many polygons"
            ),
            (
                ((LAST, _FIRM), self.tr("very little (close to the base model)")),
                ((LAST, _USUAL), self.tr("a little (last layers)")),
                ((DECODER, _USUAL), self.tr("more (decoder)")),
                ((ALL, _USUAL), self.tr("everything")),
            ),
        )
        self.freedom.setCurrentIndex(1)
        self.holdout = QSpinBox(self)
        self.holdout.setRange(0, round(100 * MAX_HOLDOUT))
        self.holdout.setSingleStep(5)
        self.holdout.setValue(round(100 * HOLDOUT))
        self.holdout.setSuffix(self.tr(" % of the polygons"))
        self.holdout.setSpecialValueText(self.tr("none"))
        self.holdout.setToolTip(
            self.tr("Polygons that the model never learns from: they show whether it really became better")
        )
        self.everywhere = QCheckBox(self.tr("Use it on images that look otherwise, too"), self)
        self.everywhere.setToolTip(
            self.tr(
                "Usually what is learnt counts where an image has the colours and the contrast of this one; elsewhere "
                "the map stays that of the base model. With this it counts everywhere, and may be worse there"
            )
        )
        self.device = DeviceField(self)
        self.device.setToolTip(self.tr("Where the network is trained"))
        self.seed = QSpinBox(self)
        self.seed.setRange(0, _LARGEST_SEED)
        self.seed.setToolTip(self.tr("The same polygons and seed give the same model"))
        self._lay_out()
        self.name.textChanged.connect(lambda _: self.changed.emit())
        for box in (self.length, self.freedom, self.device):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.everywhere.toggled.connect(lambda _: self.changed.emit())
        for spin in (self.holdout, self.seed):
            spin.valueChanged.connect(lambda _: self.changed.emit())

    def values(self) -> dict:
        """Settings of a `FinetuneJob`."""
        trainable, keep_base = self.freedom.currentData()
        return {
            "name": " ".join(self.name.text().split()),
            "epochs": self.length.currentData(),
            "trainable": trainable,
            "keep_base": keep_base,
            "everywhere": self.everywhere.isChecked(),
            "holdout": self.holdout.value() / 100,
            "seed": self.seed.value(),
            "device": self.device.device(),
        }

    def set_usual_name(self, name: str) -> None:
        """What the model is called where no name is given."""
        self.name.setPlaceholderText(name)

    def set_devices(self, devices: Sequence[tuple[str, str]], chosen: str) -> None:
        """(id, name) of the devices to choose from, as the dock's form has them."""
        self.device.blockSignals(True)
        self.device.clear()
        for id_, name in devices:
            self.device.addItem(name, id_)
        self.device.blockSignals(False)
        self.device.set_device(chosen)

    def _choice(self, help_text: str, entries: Sequence[tuple[object, str]]) -> QComboBox:
        box = QComboBox(self)
        box.setToolTip(help_text)
        narrow(box, 8)
        for value, text in entries:
            box.addItem(text, value)
        return box

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        rows.addRow(self.tr("Name"), self.name)
        rows.addRow(self.tr("How long"), self.length)
        rows.addRow(self.tr("How much may change"), self.freedom)
        rows.addRow(self.tr("Held out"), self.holdout)
        column.addLayout(rows)
        more = QgsCollapsibleGroupBox(self.tr("More"))
        more.setCollapsed(True)
        inner = QFormLayout(more)
        inner.addRow(self.everywhere)
        inner.addRow(self.tr("Device"), self.device)
        inner.addRow(self.tr("Seed"), self.seed)
        column.addWidget(more)
