"""What the engine remarks on a job that it will do all the same: a line that unfolds."""

from __future__ import annotations

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QToolButton, QVBoxLayout, QWidget

from .field import Sentence


class Remarks(QWidget):
    """Hidden while there is nothing to remark."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._button = QToolButton(self)
        self._button.setCheckable(True)
        self._button.setAutoRaise(True)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._text = Sentence(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._button)
        layout.addWidget(self._text)
        self._remarks: list[str] = []
        self._button.toggled.connect(lambda _: self._show())
        self._show()

    def set_remarks(self, remarks: list[str]) -> None:
        """Shows these sentences instead of those before."""
        self._remarks = remarks
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._remarks))
        count = len(self._remarks)
        self._button.setText(self.tr("one remark") if count == 1 else self.tr("{} remarks").format(count))
        unfolded = self._button.isChecked()
        self._button.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        self._text.say("\n".join(f"• {remark}" for remark in self._remarks) if unfolded else "")
