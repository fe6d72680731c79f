"""The box in which the analyst says what a value means: a class, a new class, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.PyQt.QtCore import QEvent, QObject, QSignalBlocker, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QWidget

from ...contract.nomenclature import LandCoverClass, name_key
from ..widgets.theme import swatch
from .meanings import IGNORED, Meaning

_NEW = object()  # the line that asks for a new class's name


class ClassBox(QComboBox):
    """The classes, "new class…" and "ignore". changed: the analyst chose another meaning."""

    changed = pyqtSignal()

    def __init__(self, classes: Sequence[LandCoverClass], value: str, parent: QWidget | None = None) -> None:
        """value: whose meaning it is, "" for none."""
        super().__init__(parent)
        self._classes = tuple(classes)
        self._meanings: list[object] = []
        self._chosen: Meaning | None = None
        self.setAccessibleName(self.tr("Class of {}").format(value or self.tr("no value")))
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        # A wheel that scrolls the table must not change classes on its way.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._fill()
        self.activated.connect(self._on_activated)

    def meaning(self) -> Meaning | None:
        """What is chosen; None: nothing yet."""
        return self._chosen

    def set_meaning(self, meaning: Meaning | None) -> None:
        """Chooses without a signal; a class that is none of the model's is added as a new one."""
        self._chosen = meaning
        self._fill()

    def wheelEvent(self, event) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """While a name is typed, Escape gives it up, and Enter ends it without pressing the dialog's button."""
        if event.type() == QEvent.Type.KeyPress and self.isEditable():
            if event.key() == Qt.Key.Key_Escape:
                self._end_typing("")
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._end_typing(self.currentText())
                return True
        if event.type() == QEvent.Type.FocusOut and self.isEditable() and watched is self.lineEdit():
            self._end_typing(self.currentText())
        return super().eventFilter(watched, event)

    def _fill(self) -> None:
        known = {name_key(c.name) for c in self._classes}
        with QSignalBlocker(self):
            self.clear()
            self._meanings = []
            side = round(0.8 * self.fontMetrics().height())
            for each in self._classes:
                self.addItem(swatch(each.colour, side, self.palette()), each.name)
                self._meanings.append(Meaning(each.name))
            chosen = self._chosen
            if chosen is not None and chosen != IGNORED and name_key(chosen.name) not in known:
                self.addItem(self.tr("{} (new)").format(chosen.name))
                self._meanings.append(chosen)
            self.addItem(self.tr("new class…"))
            self._meanings.append(_NEW)
            self.addItem(self.tr("ignore"))
            self._meanings.append(IGNORED)
            self.setCurrentIndex(self._place_of(chosen))
        self.setToolTip(self.currentText() or self.tr("Choose a class, name a new one, or ignore these polygons"))

    def _place_of(self, meaning: Meaning | None) -> int:
        if meaning is None:
            return -1
        if meaning == IGNORED:
            return len(self._meanings) - 1
        names = [name_key(each.name) if isinstance(each, Meaning) else None for each in self._meanings]
        return names.index(name_key(meaning.name))

    def _on_activated(self, index: int) -> None:
        if self.isEditable() or not 0 <= index < len(self._meanings):
            return
        if self._meanings[index] is _NEW:
            self._start_typing()
        else:
            self._choose(self._meanings[index])

    def _choose(self, meaning: Meaning) -> None:
        before, self._chosen = self._chosen, meaning
        self._fill()
        if meaning != before:
            self.changed.emit()

    def _start_typing(self) -> None:
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setCompleter(None)
        line = self.lineEdit()
        line.clear()
        line.setPlaceholderText(self.tr("name"))
        line.installEventFilter(self)
        line.setFocus(Qt.FocusReason.OtherFocusReason)

    def _end_typing(self, text: str) -> None:
        name = " ".join(text.split())
        self.lineEdit().removeEventFilter(self)
        self.setEditable(False)
        if any(character.isalpha() for character in name):
            known = next((c.name for c in self._classes if name_key(c.name) == name_key(name)), name)
            self._choose(Meaning(known))
        else:
            self._fill()
