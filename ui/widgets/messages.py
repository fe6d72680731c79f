"""The plugin's messages in QGIS's message bar, with the details one click away."""

from __future__ import annotations

import html
from dataclasses import dataclass

from qgis.core import Qgis
from qgis.gui import QgsMessageBar, QgsMessageBarItem
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject
from qgis.PyQt.QtWidgets import QPushButton, QWidget

from ...runtime.blanking import blank_user
from .details_dialog import DetailsDialog

_TITLE = "FLAIR Land Cover"
_STAYS = 0
_WARNING_S = 12
_INFO_S = 8


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

    def info(self, sentence: str) -> None:
        """Good news; goes after a while."""
        self._say(Qgis.MessageLevel.Info, _INFO_S, sentence, "")

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
