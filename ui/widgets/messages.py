"""What the plugin says: sentences in QGIS's message bar, and the details behind them, one click away."""

from __future__ import annotations

import html
from dataclasses import dataclass

from qgis.core import Qgis
from qgis.gui import QgsMessageBar, QgsMessageBarItem
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, Qt, QTimer
from qgis.PyQt.QtGui import QFontDatabase, QFontInfo
from qgis.PyQt.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...runtime.blanking import blank_user

_COLUMNS, _LINES = 90, 28  # of the text before the user makes the window larger
_COPIED_MS = 2_000
_TITLE = "FLAIR Land Cover"
_STAYS = 0
_WARNING_S = 12
_INFO_S = 8


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


@dataclass(eq=False)
class _Message:
    item: QgsMessageBarItem
    sentence: str


class Messages(QObject):
    """Says one sentence at a time in a message bar, which may outlive it.

    message_bar: of the main window. parent: over which the details open.
    """

    def __init__(self, message_bar: QgsMessageBar, parent: QWidget) -> None:
        super().__init__(parent)
        self._bar = message_bar
        self._window = parent
        self._closed = False
        self._shown: list[_Message] = []
        self._dialogs: list[DetailsDialog] = []
        message_bar.widgetRemoved.connect(self._forget)

    def error(self, sentence: str, details: str = "") -> None:
        """What failed and what to do next; stays until the user closes it."""
        self._say(Qgis.MessageLevel.Critical, _STAYS, sentence, details)

    def warning(self, sentence: str, details: str = "") -> None:
        """What the user should know; goes after a while."""
        self._say(Qgis.MessageLevel.Warning, _WARNING_S, sentence, details)

    def info(self, sentence: str, details: str = "") -> None:
        """Good news; goes after a while."""
        self._say(Qgis.MessageLevel.Info, _INFO_S, sentence, details)

    def close(self) -> None:
        """Removes all that was said, the open details and itself; what is said afterwards is not shown."""
        if self._closed:
            return
        self._closed = True
        shown, self._shown = self._shown, []
        # Without the bar, QGIS's window is gone, and what was in it.
        if not sip.isdeleted(self._bar):
            self._bar.widgetRemoved.disconnect(self._forget)
            for message in shown:
                self._bar.popWidget(message.item)
        dialogs, self._dialogs = self._dialogs, []
        for dialog in dialogs:
            if not sip.isdeleted(dialog):
                dialog.close()
        self.deleteLater()

    def _say(self, level: Qgis.MessageLevel, seconds: int, sentence: str, details: str) -> None:
        if self._closed:
            return
        # Said again, it is not said twice at a time.
        for message in [message for message in self._shown if message.sentence == sentence]:
            self._bar.popWidget(message.item)
        # The bar takes both for HTML.
        item = QgsMessageBar.createMessage(_TITLE, html.escape(sentence, quote=False))
        message = _Message(item, sentence)
        if details:
            button = QPushButton(self.tr("Details"), item)
            button.clicked.connect(lambda: self._open(sentence, details))
            item.layout().addWidget(button)
        self._shown.append(message)
        self._bar.pushWidget(item, level, seconds)

    def _forget(self, item: QgsMessageBarItem) -> None:
        self._shown = [message for message in self._shown if message.item is not item]

    def _open(self, sentence: str, details: str) -> None:
        text = blank_user(details if sentence in details else f"{sentence}\n\n{details}")
        for dialog in self._dialogs:
            if dialog.text() == text:
                dialog.raise_()
                dialog.activateWindow()
                return
        dialog = DetailsDialog(sentence, text, self._window)
        self._dialogs.append(dialog)
        dialog.finished.connect(lambda: self._dialogs.remove(dialog) if dialog in self._dialogs else None)
        dialog.show()
