"""Text in the dock: sentences that wrap, fields with a note, remarks that unfold, names that give way."""

from __future__ import annotations

from qgis.PyQt.QtCore import QEvent, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QPainter, QTextOption
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ...contract.notices import Notice
from ...runtime.wording import worded
from .theme import alarm, muted

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


_SMALL = 0.9  # of the usual size of text


class Sentence(QLabel):
    """Small text under a field that wraps and takes no room while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wrong = False
        self.setWordWrap(True)
        font = self.font()
        font.setPointSizeF(_SMALL * font.pointSizeF())
        self.setFont(font)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A path without spaces cannot wrap; it must not widen the dock.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.hide()

    def say(self, text: str, wrong: bool = False) -> None:
        """Shows the text, in the colour of errors where something is wrong; hides where it is empty."""
        self._wrong = wrong
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
        palette = self.window().palette()
        colour = alarm(palette) if self._wrong else muted(palette)
        # As a style sheet: beside those of QGIS's dark themes a palette does not count.
        self.setStyleSheet(f"QLabel {{ color: {colour.name()}; }}")


class Field(QWidget):
    """A widget with a note and a complaint below; the complaint hides the note while it stands."""

    def __init__(self, widget: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._note = ""
        self._complaint = ""
        self._sentence = Sentence(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(widget)
        layout.addWidget(self._sentence)
        self.setFocusProxy(widget)

    @property
    def complaint(self) -> str:
        """What is wrong with the field, or ""."""
        return self._complaint

    def set_note(self, text: str) -> None:
        """What the field says when nothing is wrong."""
        self._note = text
        self._show()

    def set_complaint(self, text: str) -> None:
        """What is wrong and what to do, in one sentence; "": nothing."""
        self._complaint = text
        self._show()

    def _show(self) -> None:
        self._sentence.say(self._complaint or self._note, wrong=bool(self._complaint))


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

    def set_remarks(self, remarks: list[Notice]) -> None:
        """Shows these instead of those before."""
        self._remarks = [worded(remark) for remark in remarks]
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._remarks))
        count = len(self._remarks)
        self._button.setText(self.tr("one remark") if count == 1 else self.tr("{} remarks").format(count))
        unfolded = self._button.isChecked()
        self._button.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        self._text.say("\n".join(f"• {remark}" for remark in self._remarks) if unfolded else "")
