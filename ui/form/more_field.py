"""The settings that most analysts leave as they are."""

from __future__ import annotations

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QWidget

from ...contract.choices import AUTO, BF16, D4, FLAIR13, FLIPS, FP32, MODEL, ONE_LOOK
from ..widgets.boxes import narrow


class MoreField(QWidget):
    """Precision, test-time augmentation, whose classes, probabilities."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._precision = self._choice(
            self.tr("Arithmetic of the network; automatic measures what is faster on this computer"),
            ((AUTO, self.tr("automatic")), (FP32, self.tr("32 bits")), (BF16, self.tr("16 bits (bfloat16)"))),
        )
        self._tta = self._choice(
            self.tr("Looks at each tile several times, turned and mirrored, and takes the mean"),
            (
                (ONE_LOOK, self.tr("one look a tile")),
                (FLIPS, self.tr("4 looks (4 times as long)")),
                (D4, self.tr("8 looks (8 times as long)")),
            ),
        )
        self._classes = self._choice(
            self.tr("Whose classes the map shows; new ones that a fine-tuned model has learned are there in both"),
            (
                (FLAIR13, self.tr("the 13 of FLAIR, the rest is other")),
                (MODEL, self.tr("the model's own")),
            ),
        )
        self._classes.setAccessibleName(self.tr("Classes"))
        self._classes_label = QLabel(self.tr("Classes"), self)
        self._classes_label.setBuddy(self._classes)
        self._probabilities = QCheckBox(self.tr("with all probabilities"), self)
        self._probabilities.setToolTip(self.tr("A raster with one band for each class, probability x 255"))
        self._probabilities.toggled.connect(lambda _: self.changed.emit())
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        layout.addRow(self.tr("Precision"), self._precision)
        layout.addRow(self.tr("Looks"), self._tta)
        layout.addRow(self._classes_label, self._classes)
        layout.addRow(self._probabilities)
        self.offer_classes(False)

    def precision(self) -> str:
        """As a job names it."""
        return self._precision.currentData()

    def tta(self) -> str:
        """As a job names it."""
        return self._tta.currentData()

    def classes(self) -> str:
        """As a job names it: the 13 of FLAIR where there is no choice."""
        return self._classes.currentData() if self._offered else FLAIR13

    def offer_classes(self, offered: bool) -> None:
        """Shows the choice of classes, for a model whose classes are others than the 13, or hides it.

        What was chosen is kept for the next such model.
        """
        self._offered = offered
        self._classes.setVisible(offered)
        self._classes_label.setVisible(offered)

    def probabilities(self) -> bool:
        """Whether the probabilities of all classes are wanted."""
        return self._probabilities.isChecked()

    def set_values(self, precision: str, tta: str, classes: str, probabilities: bool) -> None:
        """Chooses all four; unknown names change nothing."""
        for box, value in ((self._precision, precision), (self._tta, tta), (self._classes, classes)):
            if box.findData(value) >= 0:
                box.setCurrentIndex(box.findData(value))
        self._probabilities.setChecked(probabilities)

    def _choice(self, help_text: str, entries: tuple[tuple[str, str], ...]) -> QComboBox:
        box = QComboBox(self)
        box.setToolTip(help_text)
        narrow(box)
        for value, text in entries:
            box.addItem(text, value)
        box.currentIndexChanged.connect(lambda _: self.changed.emit())
        return box
