"""Text in the dock: sentences that wrap, names that give way."""

from __future__ import annotations

from enum import Enum

from qgis.PyQt.QtCore import QEvent, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QPainter, QTextOption
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QWidget

from .theme import alarm, doubtful, muted

_LEAST_CHARACTERS = 6


class ElidedLabel(QLabel):
    """One line of plain text, shown whole in the tooltip."""

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        width = self.fontMetrics().averageCharWidth() * _LEAST_CHARACTERS
        return QSize(width, super().minimumSizeHint().height())

    def paintEvent(self, event) -> None:
        room = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room.width())
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        option = QTextOption(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        option.setTextDirection(self.layoutDirection())
        painter.drawText(QRectF(room), text, option)


SMALL = 0.9  # of the usual size of text


class Tone(Enum):
    """In which colour a sentence stands."""

    NOTE = "note"
    DOUBT = "doubt"
    WRONG = "wrong"


_COLOURS = {Tone.NOTE: muted, Tone.DOUBT: doubtful, Tone.WRONG: alarm}


class Sentence(QLabel):
    """Small text under a field that wraps and takes no room while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone = Tone.NOTE
        self.setWordWrap(True)
        font = self.font()
        font.setPointSizeF(SMALL * font.pointSizeF())
        self.setFont(font)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A path without spaces cannot wrap; it must not widen the dock.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.hide()

    def say(self, text: str, wrong: bool = False) -> None:
        """Shows the text, in the colour of errors where something is wrong; hides where it is empty."""
        self.say_in(Tone.WRONG if wrong else Tone.NOTE, text)

    def say_in(self, tone: Tone, text: str) -> None:
        """Shows the text in the colour of a tone; hides where it is empty."""
        self._tone = tone
        self._colour()
        self.setText(text)
        self.setVisible(bool(text))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self._colour()

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._colour()

    def _colour(self) -> None:
        # The window's: QGIS's themes give their colours to windows, not to the plain widgets in them.
        colour = _COLOURS[self._tone](self.window().palette())
        # As a style sheet: beside those of QGIS's dark themes a palette does not count.
        self.setStyleSheet(f"QLabel {{ color: {colour.name()}; }}")
