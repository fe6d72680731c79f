"""The settings that most analysts leave as they are."""

from __future__ import annotations

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QFormLayout, QWidget


class MoreField(QWidget):
    """Precision, test-time augmentation, probabilities."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._precision = self._choice(
            self.tr("Arithmetic of the network; automatic measures what is faster on this computer"),
            (("auto", self.tr("automatic")), ("fp32", self.tr("32 bits")), ("bf16", self.tr("16 bits (bfloat16)"))),
        )
        self._tta = self._choice(
            self.tr("Looks at each tile several times, turned and mirrored, and takes the mean"),
            (
                ("none", self.tr("one look a tile")),
                ("flips", self.tr("4 looks (4 times as long)")),
                ("d4", self.tr("8 looks (8 times as long)")),
            ),
        )
        self._probabilities = QCheckBox(self.tr("with all probabilities"), self)
        self._probabilities.setToolTip(self.tr("A raster with one band for each class, probability x 255"))
        self._probabilities.toggled.connect(lambda _: self.changed.emit())
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        layout.addRow(self.tr("Precision"), self._precision)
        layout.addRow(self.tr("Looks"), self._tta)
        layout.addRow(self._probabilities)

    def precision(self) -> str:
        """As a job names it."""
        return self._precision.currentData()

    def tta(self) -> str:
        """As a job names it."""
        return self._tta.currentData()

    def probabilities(self) -> bool:
        """Whether the probabilities of all classes are wanted."""
        return self._probabilities.isChecked()

    def set_values(self, precision: str, tta: str, probabilities: bool) -> None:
        """Chooses all three; unknown names change nothing."""
        for box, value in ((self._precision, precision), (self._tta, tta)):
            if box.findData(value) >= 0:
                box.setCurrentIndex(box.findData(value))
        self._probabilities.setChecked(probabilities)

    def _choice(self, help_text: str, entries: tuple[tuple[str, str], ...]) -> QComboBox:
        box = QComboBox(self)
        box.setToolTip(help_text)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(4)
        for value, text in entries:
            box.addItem(text, value)
        box.currentIndexChanged.connect(lambda _: self.changed.emit())
        return box
