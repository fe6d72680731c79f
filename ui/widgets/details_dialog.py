"""The window that shows the details behind a message."""

from __future__ import annotations

from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtGui import QFontDatabase, QFontInfo
from qgis.PyQt.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

_COLUMNS, _LINES = 90, 28  # of the text before the user makes the window larger
_COPIED_MS = 2_000


class DetailsDialog(QDialog):
    """Shows a sentence and a plain text, which one click copies whole. Leaves other windows usable."""

    def __init__(self, sentence: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("FLAIR Land Cover: details"))
        self.setSizeGripEnabled(True)
        label = QLabel(self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setText(sentence)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text = QPlainTextEdit(self)
        self._text.setReadOnly(True)
        self._text.setPlainText(text)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        if not QFontInfo(font).fixedPitch():  # some desktops name none
            font.setFamily("monospace")
        self._text.setFont(font)
        self._text.setAccessibleName(self.tr("Details"))
        # The text is only read: the Tab key goes on to the buttons.
        self._text.setTabChangesFocus(True)
        buttons = QDialogButtonBox(self)
        self.copy_button = buttons.addButton(self.tr("&Copy"), QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button.setToolTip(self.tr("Copies all of the text, to be pasted into a report."))
        self.copy_button.clicked.connect(self._copy)
        self.close_button = buttons.addButton(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(label)
        layout.addWidget(self._text, 1)
        layout.addWidget(buttons)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._offer_copy)
        self._fit()
        self.copy_button.setFocus()

    def text(self) -> str:
        """What it shows, and copies."""
        return self._text.toPlainText()

    def _fit(self) -> None:
        """As large as the text usually needs, smaller than the screen."""
        metrics = self._text.fontMetrics()
        width, height = metrics.averageCharWidth() * _COLUMNS, metrics.lineSpacing() * _LINES
        screen = QApplication.primaryScreen().availableSize()
        self.resize(min(width, screen.width() * 9 // 10), min(height, screen.height() * 8 // 10))

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.text())
        self.copy_button.setText(self.tr("Copied"))
        self._again.start(_COPIED_MS)

    def _offer_copy(self) -> None:
        self.copy_button.setText(self.tr("&Copy"))
