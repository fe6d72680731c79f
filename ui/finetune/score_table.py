"""The table of scores before and after: for each class two bars and the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qgis.PyQt.QtCore import QEvent, QModelIndex, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QPainter
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from ...contract.finetuning import FinetuneResult
from ..widgets.theme import draw_outlined, muted, swatch_side
from .finetune_text import change_text, score_text

_NAME, _BARS, _BEFORE, _AFTER, _CHANGE = range(5)
_ROW_ROLE = Qt.ItemDataRole.UserRole
_NAME_LETTERS = 14  # of a name that are shown before any bar is
_ROWS_SHOWN = 8  # at least, before the table scrolls


@dataclass(frozen=True)
class ScoreRow:
    """One class. before, after: IoU 0..1, None where it was not measured."""

    name: str
    colour: str
    before: float | None
    after: float | None


def score_rows(result: FinetuneResult) -> list[ScoreRow]:
    """The measured classes of a fine-tuning, in the order of the new model's legend."""
    before, after = result.before.iou, result.after.iou
    return [
        ScoreRow(entry.name, entry.colour, before.get(entry.name), after.get(entry.name))
        for entry in result.card.classes
        if entry.name in before or entry.name in after
    ]


class ScoreTable(QTreeWidget):
    """One row a class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("IoU of each class before and after"))
        self.setHeaderLabels([self.tr("Class"), "IoU", self.tr("Before"), self.tr("After"), self.tr("Change")])
        self.headerItem().setToolTip(
            _BARS, self.tr("Intersection over union, 0 to 1: above the base model's, below the new model's")
        )
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setItemDelegate(_ScoreDelegate(self))
        header = self.header()
        header.setSectionsMovable(False)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(self.fontMetrics().averageCharWidth())
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def set_rows(self, rows: Sequence[ScoreRow]) -> None:
        """Shows these classes."""
        self.clear()
        for row in rows:
            item = QTreeWidgetItem(self)
            item.setData(_NAME, _ROW_ROLE, row)
            item.setText(_NAME, row.name)
            item.setToolTip(_NAME, row.name)
            item.setText(_BEFORE, score_text(row.before))
            item.setText(_AFTER, score_text(row.after))
            item.setText(_CHANGE, change_text(row.before, row.after))
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self._height(max(3, self.topLevelItemCount())))

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), self._height(min(_ROWS_SHOWN, self.topLevelItemCount())))

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()
            self.updateGeometry()

    def _height(self, rows: int) -> int:
        row = self.sizeHintForRow(0) if self.topLevelItemCount() else self.fontMetrics().height()
        return self.header().sizeHint().height() + rows * row + 2 * self.frameWidth()

    def _fit(self) -> None:
        """Numbers get what they need, names most of what is left, bars the rest."""
        header = self.header()
        spare = self.viewport().width()
        for column in (_BEFORE, _AFTER, _CHANGE):
            wanted = max(self.sizeHintForColumn(column), header.sectionSizeHint(column))
            header.resizeSection(column, wanted)
            spare -= wanted
        name = min(
            max(self.sizeHintForColumn(_NAME), header.sectionSizeHint(_NAME)),
            max(round(0.6 * spare), min(spare, _NAME_LETTERS * self.fontMetrics().averageCharWidth())),
        )
        name = max(0, name)
        header.resizeSection(_NAME, name)
        header.resizeSection(_BARS, max(0, spare - name))


class _ScoreDelegate(QStyledItemDelegate):
    """Swatches, bars, and numbers at the right edge."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        super().initStyleOption(option, index)
        # Nothing can be chosen here: no mark of the focus, which some styles paint like a choice.
        option.state &= ~QStyle.StateFlag.State_HasFocus
        if index.column() in (_BEFORE, _AFTER, _CHANGE):
            option.displayAlignment = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        elif index.column() == _NAME:
            side = swatch_side(option)
            option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
            option.decorationSize = QSize(side, side)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        size = super().sizeHint(option, index)
        return QSize(size.width(), max(size.height(), round(1.5 * option.fontMetrics.height())))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        super().paint(painter, option, index)
        row = index.sibling(index.row(), _NAME).data(_ROW_ROLE)
        if index.column() == _NAME:
            side = swatch_side(option)
            room = QRectF(option.rect)
            place = QRectF(room.left() + side / 4, room.center().y() - side / 2, side, side)
            draw_outlined(painter, place, QColor(row.colour), option)
        elif index.column() == _BARS:
            self._paint_bars(painter, option, row)

    def _paint_bars(self, painter: QPainter, option: QStyleOptionViewItem, row: ScoreRow) -> None:
        pad = option.fontMetrics.averageCharWidth() / 2
        room = QRectF(option.rect).adjusted(pad, 0, -pad, 0)
        if room.width() < 2 * option.fontMetrics.height():  # too short to be compared
            return
        height = swatch_side(option) * 0.6
        top = room.center().y() - height - 1
        for value, colour, y in (
            (row.before, muted(option.palette), top),
            (row.after, QColor(row.colour), top + height + 2),
        ):
            if value is not None:
                draw_outlined(painter, QRectF(room.left(), y, max(2.0, room.width() * value), height), colour, option)
