"""The small list of classes beside an outlined region: which one is right?"""

from __future__ import annotations

import string
from collections.abc import Sequence

from qgis.PyQt.QtCore import QEvent, QRect, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent, QPalette
from qgis.PyQt.QtWidgets import QFrame, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ...contract.nomenclature import LandCoverClass
from ..widgets.theme import swatch

KEYS = "1234567890" + string.ascii_uppercase
# The row of digits as French keyboards give it without Shift.
_AZERTY = dict(zip("&é\"'(-è_çà", KEYS))
_WITH = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.MetaModifier,
)


def key_of(place: int) -> str:
    """The key of the class at a place of the list, from 0 on; "" beyond the last letter."""
    return KEYS[place] if place < len(KEYS) else ""


def place_of(event: QKeyEvent) -> int | None:
    """The place in the list that a key stands for; None for other keys, and together with Ctrl, Alt or Meta."""
    if any(event.modifiers() & modifier for modifier in _WITH):
        return None
    text = event.text()
    place = KEYS.find(_AZERTY.get(text, text.upper())) if len(text) == 1 else -1
    return place if place >= 0 else None


class ClassChoices(QFrame):
    """Lies on the canvas's viewport and leaves the keyboard to the canvas.

    chosen: a class was clicked, its value. pointed: a class is the current one. new_asked: the line for a class
    that is not in the list.
    """

    chosen = pyqtSignal(int)
    pointed = pyqtSignal(int)
    new_asked = pyqtSignal()

    def __init__(self, viewport: QWidget, classes: Sequence[LandCoverClass]) -> None:
        super().__init__(viewport)
        self._classes = tuple(classes)
        self._beside: QRect | None = None
        self.setObjectName("flairClassChoices")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._headline = QLabel(self)
        self._headline.setTextFormat(Qt.TextFormat.PlainText)
        self._list = QListWidget(self)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setAccessibleName(self.tr("The right class"))
        self._list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self._list.setMouseTracking(True)
        self._list.currentRowChanged.connect(self._point)
        self._list.itemEntered.connect(self._list.setCurrentItem)
        self._list.itemClicked.connect(self.accept)
        gap = self.fontMetrics().height() // 4
        column = QVBoxLayout(self)
        column.setContentsMargins(gap, gap, gap, gap)
        column.setSpacing(gap)
        column.addWidget(self._headline)
        column.addWidget(self._list)
        self._colour()
        self._fill()
        self.hide()

    def ask(self, headline: str, beside: QRect, current: int | None) -> None:
        """Shows the list. beside: the region on the viewport. current: value of the class to begin with."""
        self._headline.setText(headline)
        row = next((row for row, c in enumerate(self._classes) if c.value == current), 0)
        self._list.setCurrentRow(row)
        self.show()
        self.place(beside)
        self.raise_()
        self._point(row)

    def place(self, beside: QRect) -> None:
        """Beside a region on the viewport, and all of it in sight; over the region only where there is no room."""
        self._beside = beside
        self._fit()
        gap = self.fontMetrics().height() // 2
        viewport = self.parentWidget().rect()
        x = beside.right() + gap
        if x + self.width() > viewport.width() and beside.left() - gap - self.width() >= 0:
            x = beside.left() - gap - self.width()
        x = max(0, min(x, viewport.width() - self.width()))
        y = max(0, min(beside.center().y() - self.height() // 2, viewport.height() - self.height()))
        self.move(x, y)

    def headline(self) -> str:
        """What stands above the list."""
        return self._headline.text()

    def texts(self) -> list[str]:
        """The lines of the list."""
        return [self._list.item(row).text() for row in range(self._list.count())]

    def current(self) -> int | None:
        """The value of the class that Enter would take; None on the line for a new one."""
        row = self._list.currentRow()
        return self._classes[row].value if 0 <= row < len(self._classes) else None

    def step(self, down: int) -> None:
        """Goes some lines down, or up where it is negative."""
        self._list.setCurrentRow(max(0, min(self._list.count() - 1, self._list.currentRow() + down)))

    def take(self, place: int) -> bool:
        """Takes the class at a place of the list; False where there is none."""
        if not 0 <= place < len(self._classes):
            return False
        self._list.setCurrentRow(place)
        self.accept()
        return True

    def accept(self, *_) -> None:
        """Takes the current line."""
        value = self.current()
        if value is None:
            self.new_asked.emit()
        else:
            self.chosen.emit(value)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self._beside is not None:
            self.place(self._beside)

    # What is done here is not for the map below.

    def mousePressEvent(self, event) -> None:
        event.accept()

    def mouseMoveEvent(self, event) -> None:
        event.accept()

    def mouseReleaseEvent(self, event) -> None:
        event.accept()

    def mouseDoubleClickEvent(self, event) -> None:
        event.accept()

    def wheelEvent(self, event) -> None:
        event.accept()

    def _colour(self) -> None:
        palette = self.parentWidget().palette()
        ground = palette.color(QPalette.ColorRole.Window).name()
        text, edge = palette.color(QPalette.ColorRole.WindowText).name(), palette.color(QPalette.ColorRole.Mid).name()
        # As a style sheet: those of QGIS's dark themes make frames and labels transparent.
        self.setStyleSheet(
            f"#flairClassChoices {{ background-color: {ground}; border: 1px solid {edge}; }}"
            f"#flairClassChoices QLabel {{ background-color: {ground}; color: {text}; }}"
        )

    def _fill(self) -> None:
        side = round(0.8 * self.fontMetrics().height())
        self._list.setIconSize(QSize(side, side))
        for place, entry in enumerate(self._classes):
            text = self.tr("{key}  {name}").format(key=key_of(place) or " ", name=entry.name)
            self._list.addItem(QListWidgetItem(swatch(entry.colour, side, self.palette()), text))
        self._list.addItem(QListWidgetItem(self.tr("+  new class…")))

    def _fit(self) -> None:
        """As wide and high as its lines, and no larger than the viewport."""
        viewport = self.parentWidget()
        margins = self.layout().contentsMargins()
        room = self.layout().spacing() + margins.top() + margins.bottom() + self._headline.sizeHint().height()
        rows = sum(self._list.sizeHintForRow(row) for row in range(self._list.count()))
        width = max(self._list.sizeHintForColumn(0), self._headline.sizeHint().width())
        width += margins.left() + margins.right()
        self.resize(min(width, viewport.width()), min(room + rows, viewport.height()))
        self.layout().activate()
        # What a theme's style adds round the lines, it does not tell.
        missing = self._list.verticalScrollBar().maximum()
        if missing:
            self.resize(self.width(), min(self.height() + missing, viewport.height()))
            self.layout().activate()
        wider = self._list.sizeHintForColumn(0) - self._list.viewport().width()
        if wider > 0:
            self.resize(min(self.width() + wider, viewport.width()), self.height())

    def _point(self, row: int) -> None:
        if 0 <= row < len(self._classes) and not self.isHidden():
            self.pointed.emit(self._classes[row].value)
