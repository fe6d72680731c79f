"""Shows a card: text that follows QGIS's theme, and a legend of colour squares."""

from __future__ import annotations

from collections.abc import Callable

from qgis.PyQt.QtCore import QEvent, QUrl
from qgis.PyQt.QtGui import QColor, QImage, QPainter
from qgis.PyQt.QtWidgets import QTextBrowser, QWidget

from ..widgets.theme import muted
from .card_text import SQUARE

_SIDE = 13  # pixels of a colour square, about a line's height


class CardView(QTextBrowser):
    """Opens no link and loads no file, whatever the text that it shows says."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._html: Callable[[str], str] = lambda _: ""
        self.setOpenLinks(False)
        self.setAccessibleName(self.tr("What is known of the model"))

    def show_html(self, html: Callable[[str], str]) -> None:
        """html: gives the text for a colour of titles, ``#rrggbb``; asked again when QGIS's theme changes."""
        self._html = html
        self._render()
        self.verticalScrollBar().setValue(0)

    def loadResource(self, _kind: int, name: QUrl) -> object:
        """The colour squares; nothing else is there for a text to show."""
        return square(QColor(f"#{name.path()}"), self._muted()) if name.scheme() == SQUARE else None

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ApplicationPaletteChange):
            self._render()

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._render()

    def _render(self) -> None:
        self.setHtml(self._html(self._muted().name()))

    def _muted(self) -> QColor:
        # The window's: QGIS's themes give their colours to windows, not to the plain widgets in them.
        return muted(self.window().palette())


def square(colour: QColor, border: QColor) -> QImage:
    """A colour with a thin border, which shows black on black too. A colour that is none: the border alone."""
    image = QImage(_SIDE, _SIDE, QImage.Format.Format_ARGB32)
    image.fill(colour if colour.isValid() else QColor(0, 0, 0, 0))
    painter = QPainter(image)
    painter.setPen(border)
    painter.drawRect(0, 0, _SIDE - 1, _SIDE - 1)
    painter.end()
    return image
