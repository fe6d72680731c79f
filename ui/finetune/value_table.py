"""The table in which the values of a polygon layer's field get their classes."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import QgsVectorLayer
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QObject, QSignalBlocker, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ...contract.class_names import COSIA, FLAIR, find_class, numbering
from ...contract.nomenclature import FLAIR_CLASSES, LandCoverClass, name_key
from ...layers.annotations import classes_of
from ..widgets.amounts import area_text
from ..widgets.boxes import narrow
from ..widgets.labels import Sentence
from ..widgets.theme import swatch
from .value_counts import (
    IGNORED,
    MAX_VALUES,
    Meaning,
    ValueCount,
    ValueCounter,
    class_totals,
    is_new,
    preset,
    too_little,
)

_NEW = object()  # the line that asks for a new class's name
_VALUE, _POLYGONS, _AREA, _CLASS = range(4)
_ROWS_SHOWN = 6  # at least, before the table scrolls
_NARROW = 50  # letters: a narrower table has no room for long titles
_NAMES_SHOWN = 4  # in a sentence


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
        narrow(self, 6)
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
        meaning = self._meanings[index]
        if isinstance(meaning, Meaning):
            self._choose(meaning)
        else:
            self._start_typing()

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
            known = find_class(name, self._classes, or_other=False)
            self._choose(Meaning(known.name if known is not None else name))
        else:
            self._fill()


class ValueTable(QWidget):
    """One row for each distinct value, with its polygons, their area and its class.

    changed: the class map may be another one: the analyst chose, or the layer was counted anew.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[LandCoverClass, ...] = FLAIR_CLASSES
        self._layer: QgsVectorLayer | None = None
        self._field = ""
        self._own: tuple[LandCoverClass, ...] = ()
        self._counts: list[ValueCount] = []
        self._boxes: dict[str, ClassBox] = {}
        self._said: dict[str, Meaning] = {}  # what the analyst chose, also for values that are gone for now
        self._counting = False
        self._too_many = False
        self._counter = ValueCounter(self)
        self._counter.started.connect(self._on_started)
        self._counter.counted.connect(self._on_counted)
        self._counter.lost.connect(self._on_lost)
        self._build()

    # What a dialog asks and tells

    def set_classes(self, classes: Sequence[LandCoverClass]) -> None:
        """The model's classes; what the analyst chose stays, the rest is matched anew."""
        if tuple(classes) != self._classes:
            self._classes = tuple(classes)
            self._show_rows()
            self.changed.emit()

    def set_layer(self, layer: QgsVectorLayer | None, field: str) -> None:
        """The polygons and the field of their classes; None: no layer. The table follows the layer's edits."""
        if layer is not self._layer or field != self._field:
            self._said = {}
        self._layer, self._field = layer, field
        self._counts, self._too_many, self._counting = [], False, False
        self._show_rows()
        self._counter.watch(layer, field)
        self.changed.emit()

    def class_map(self) -> tuple[tuple[str, str], ...]:
        """(value as text, name of its class or "" where it is ignored), as `FinetuneJob` takes it.

        Values that have no class yet are left out, see `complaint`.
        """
        meanings = self.meanings()
        return tuple((value, meaning.name) for value, meaning in meanings.items())

    def meanings(self) -> dict[str, Meaning]:
        """What each value that has a class means, in the table's order."""
        meant = ((value, box.meaning()) for value, box in self._boxes.items())
        return {value: meaning for value, meaning in meant if meaning is not None}

    def counts(self) -> list[ValueCount]:
        """The values of the field as they were last counted."""
        return list(self._counts)

    def is_counting(self) -> bool:
        """Whether the counts are still on their way."""
        return self._counting

    def complaint(self) -> str:
        """Why nothing can be learned from this as it stands, one sentence; "" where it can."""
        if self._layer is None or self._counting:
            return ""
        if self._too_many:
            return self.tr(
                "The field {} has more than {} different values: choose the field that holds the classes."
            ).format(self._field, MAX_VALUES)
        if not self._counts:
            return self.tr("The layer has no polygons yet: draw some, or choose another layer.")
        open_values = [count.value for count in self._counts if self._boxes[count.value].meaning() is None]
        if open_values:
            return self.tr("Choose a class for {}, or ignore it.").format(_listed(open_values))
        if not class_totals(self._counts, self.meanings()):
            return self.tr("All polygons are ignored: give a class to at least one value.")
        return ""

    def remark(self) -> str:
        """What the analyst should know before training: new classes, and classes with too little."""
        meanings = self.meanings()
        totals = class_totals(self._counts, meanings)
        new = [name for name in totals if is_new(Meaning(name), self._classes)]
        remarks = []
        if self._numbers() == COSIA:
            remarks.append(self.tr("The numbers are taken as CoSIA's."))
        if new:
            remarks.append(self.tr("New to the model: {}.").format(_listed(new)))
        weak = too_little(totals)
        if weak:
            remarks.append(
                self.tr("Few polygons or little area, so they may not be learned well: {}.").format(_listed(weak))
            )
        return " ".join(remarks)

    def close(self) -> bool:
        """Lets go of the layer."""
        self._counter.rest()
        return super().close()

    # Building

    def _build(self) -> None:
        self._tree = QTreeWidget(self)
        self._tree.setAccessibleName(self.tr("Values of the field and their classes"))
        self._tree.setHeaderLabels([self.tr("Value"), self.tr("Polygons"), self.tr("Area"), self.tr("Class")])
        self._tree.headerItem().setToolTip(_POLYGONS, self.tr("Number of polygons"))
        self._tree.headerItem().setToolTip(_AREA, self.tr("Area of all polygons of the value"))
        self._tree.setRootIsDecorated(False)
        self._tree.setIndentation(0)
        self._tree.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._tree.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab goes from box to box
        self._tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self._tree.header()
        header.setSectionsMovable(False)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(2 * self.fontMetrics().averageCharWidth())
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._sentence = Sentence(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._tree, 1)
        column.addWidget(self._sentence)
        self._fit()

    # Counting

    def _on_started(self) -> None:
        self._counting = True
        self._say()

    def _on_counted(self, counts: list[ValueCount], too_many: bool) -> None:
        self._counting = False
        self._too_many = too_many
        self._counts = [] if too_many else counts
        self._show_rows()
        self.changed.emit()

    def _on_lost(self) -> None:
        self.set_layer(None, "")

    # Showing

    def _show_rows(self) -> None:
        """All rows anew; while a box is open or typed in, only the numbers."""
        values = [count.value for count in self._counts]
        self._own = classes_of(self._layer) if self._layer is not None else ()
        if sorted(values) == sorted(self._boxes) and self._is_busy():
            self._show_numbers()
            return
        self._tree.clear()
        self._boxes = {}
        for count in self._counts:
            item = QTreeWidgetItem(self._tree)
            box = ClassBox(self._classes, count.value)
            box.set_meaning(self._said.get(count.value) or self._preset(count.value))
            box.changed.connect(lambda value=count.value: self._on_chosen(value))
            self._boxes[count.value] = box
            self._tree.setItemWidget(item, _CLASS, box)
        self._show_numbers()
        self._fit()

    def _preset(self, value: str) -> Meaning | None:
        return preset(value, self._classes, self._own, self._numbers())

    def _numbers(self) -> str:
        """Whose numbers the field's are, see `class_names.numbering`."""
        if self._layer is None:
            return FLAIR
        return numbering(self._field, [field.name() for field in self._layer.fields()])

    def _is_busy(self) -> bool:
        return any(box.isEditable() or box.view().isVisible() for box in self._boxes.values())

    def _show_numbers(self) -> None:
        by_value = {count.value: count for count in self._counts}
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for row, value in enumerate(self._boxes):
            item, count = self._tree.topLevelItem(row), by_value[value]
            shown = value or self.tr("(no value)")
            said = next((c.name for c in self._own if str(c.value) == value), "")
            item.setText(_VALUE, shown)
            item.setToolTip(_VALUE, self.tr("{}: {}").format(shown, said) if said else shown)
            item.setText(_POLYGONS, self.locale().toString(count.polygons))
            item.setText(_AREA, area_text(count.area_m2))
            for column in (_POLYGONS, _AREA):
                item.setTextAlignment(column, int(right))
        self._say()

    def _on_chosen(self, value: str) -> None:
        meaning = self._boxes[value].meaning()
        if meaning is not None:
            self._said[value] = meaning
        self._say()
        self.changed.emit()

    def _say(self) -> None:
        if self._counting and not self._boxes:
            self._sentence.say(self.tr("Counting the polygons…"))
            return
        complaint = self.complaint()
        self._sentence.say(complaint or self.remark(), wrong=bool(complaint))

    # Room

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self.layout().activate()
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "_sentence"):
            self._fit()

    def _fit(self) -> None:
        """Numbers get what they need; values and classes share the rest."""
        header = self._tree.header()
        spare = self._tree.viewport().width()
        narrow = spare < _NARROW * self.fontMetrics().averageCharWidth()
        self._tree.headerItem().setText(_POLYGONS, self.tr("No.") if narrow else self.tr("Polygons"))
        for column in (_POLYGONS, _AREA):
            wanted = max(self._tree.sizeHintForColumn(column), header.sectionSizeHint(column))
            header.resizeSection(column, wanted)
            spare -= wanted
        value = max(self._tree.sizeHintForColumn(_VALUE), header.sectionSizeHint(_VALUE))
        value = min(value, max(0, spare) // 3)  # the classes are what is read and chosen
        header.resizeSection(_VALUE, value)
        header.resizeSection(_CLASS, max(0, spare - value))
        row = ClassBox(self._classes[:1], "").sizeHint().height()
        rows = max(3, min(_ROWS_SHOWN, len(self._boxes)))
        self._tree.setMinimumHeight(header.sizeHint().height() + rows * row + 2 * self._tree.frameWidth())


def _listed(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return shown if more <= 0 else _tr("{} and {} more").format(shown, more)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ValueTable", text)
