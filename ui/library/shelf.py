"""The list of models: those at hand, and the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Union

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QTreeWidget, QTreeWidgetItem, QWidget

from ...contract.cards import ModelCard
from ...contract.choices import BUNDLED
from ...models.library import BUNDLED_FOLDER, broken_models, default_model, models_at_hand
from ...models.published import PublishedModel

_DATA = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class AtHand:
    """A model of the library. id: as a job names it. default: it is taken where none is named."""

    id: str
    card: ModelCard
    folder: Path
    default: bool

    @property
    def bundled(self) -> bool:
        """Whether it came with the plugin, and stays."""
        return self.id == BUNDLED


@dataclass(frozen=True)
class ToFetch:
    """A published model. in_library: it was fetched into the library before."""

    model: PublishedModel
    in_library: bool


@dataclass(frozen=True)
class Broken:
    """A folder of the library that cannot be used as a model, and why. It can be deleted."""

    folder: Path
    reason: str


Entry = Union[AtHand, ToFetch, Broken]


def models_shown() -> list[AtHand]:
    """All models at hand; of several with one id the one that the id means."""
    default = default_model()
    shown: dict[str, AtHand] = {}
    for folder, card in models_at_hand():
        name = BUNDLED if folder == BUNDLED_FOLDER else card.id
        shown.setdefault(name, AtHand(name, card, folder, name == default))
    return list(shown.values())


class Shelf(QTreeWidget):
    """published: what can be fetched. chosen: the `Entry` that is now chosen, or None."""

    chosen = pyqtSignal(object)

    def __init__(self, published: Sequence[PublishedModel], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._published = published
        self.setHeaderHidden(True)
        # Names of published models differ at their ends.
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setAccessibleName(self.tr("Models"))
        self.setUniformRowHeights(True)
        self.currentItemChanged.connect(lambda *_: self.chosen.emit(self.current()))

    def current(self) -> Entry | None:
        """What is chosen."""
        item = self.currentItem()
        return None if item is None else item.data(0, _DATA)

    def entries(self) -> list[Entry]:
        """All that can be chosen, from above."""
        return [item.data(0, _DATA) for item in self._items()]

    def choose(self, name: str) -> bool:
        """Chooses a model by its id or its name on the hub; whether there is such a one."""
        for item in self._items():
            if name == _name(item.data(0, _DATA)):
                self.setCurrentItem(item)
                return True
        return False

    def fill(self) -> None:
        """Reads the library anew; what was chosen stays, or the default model is. Emits nothing."""
        before = self.current()
        models = models_shown()
        self.blockSignals(True)
        self.clear()
        at_hand = self._group(self.tr("Ready to map"))
        for entry in models:
            item = self._add(at_hand, entry, entry.card.title, self._kind(entry))
            if entry.default:
                item.setText(0, self.tr("{} (default)").format(entry.card.title))
                font = item.font(0)
                font.setBold(True)
                item.setFont(0, font)
        broken = broken_models()
        group = self._group(self.tr("Cannot be used")) if broken else None
        for folder, reason in broken:
            self._add(group, Broken(folder, reason), folder.name, reason)
        # What was fine-tuned from a fetched model names it too, and may be all that is left of it.
        sources = [entry.card.source for entry in models if not entry.card.fine_tuning]
        families: dict[str, QTreeWidgetItem] = {}
        for model in self._published:
            family, _, rest = model.name.partition("_")
            if family not in families:
                families[family] = self._group(self.tr("{}, published by IGN").format(family))
            there = any(_names(source, model.hub_id) for source in sources)
            title = self.tr("{} (in the library)").format(rest) if there else rest
            self._add(families[family], ToFetch(model, there), title or family, model.hub_id)
        self.expandAll()
        if before is None or not self.choose(_name(before)):
            self.choose(default_model())
        self.blockSignals(False)

    def _items(self) -> list[QTreeWidgetItem]:
        groups = [self.topLevelItem(i) for i in range(self.topLevelItemCount())]
        return [group.child(i) for group in groups for i in range(group.childCount())]

    def _group(self, title: str) -> QTreeWidgetItem:
        group = QTreeWidgetItem([title])
        group.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.addTopLevelItem(group)
        return group

    def _add(self, group: QTreeWidgetItem, entry: Entry, title: str, hint: str) -> QTreeWidgetItem:
        item = QTreeWidgetItem([title])
        item.setData(0, _DATA, entry)
        item.setToolTip(0, f"<p>{escape(title)}<br>{escape(hint)}</p>")  # of a card's text nothing is markup
        group.addChild(item)
        return item

    def _kind(self, entry: AtHand) -> str:
        if entry.bundled:
            return self.tr("comes with the plugin")
        return self.tr("fine-tuned here") if entry.card.fine_tuning else self.tr("installed")


def _name(entry: Entry) -> str:
    if isinstance(entry, Broken):
        return str(entry.folder)
    return entry.id if isinstance(entry, AtHand) else entry.model.hub_id


def _names(source: str, hub_id: str) -> bool:
    """Whether a card's source names a model of the hub, and not one whose name only begins like it."""
    return f"{hub_id} " in f"{source} "
