"""The classes of a result as a table model, their order, and their areas and shares as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from qgis.PyQt.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QLocale,
    QModelIndex,
    QObject,
    QSortFilterProxyModel,
    Qt,
    pyqtSignal,
)

from ..widgets.amounts import M2_PER_HA, area_text

# What the delegates draw from.
COLOUR_ROLE = int(Qt.ItemDataRole.UserRole)  # str, #rrggbb
FRACTION_ROLE = COLOUR_ROLE + 1  # float, share as part of the largest share, 0..1
ROW_ROLE = COLOUR_ROLE + 2  # ClassRow


def percent_number(share: float) -> str:
    """A share (0..1) in whole percent without the sign; what is there but rounds to nothing is "< 1"."""
    return _tr("< 1") if 0 < share < 0.005 else _number(100 * share, 0)


def share_text(share: float) -> str:
    """The same with the sign, as in a sentence."""
    return _tr("{} %").format(percent_number(share))


def exact_text(name: str, area_m2: float, share: float) -> str:
    """A class with its area and share in full, for a tooltip: "water: 1,234 m², 0.12 ha, 3.4 %"."""
    return _tr("{}: {} m², {} ha, {} %").format(
        name, _number(area_m2, 0), _number(area_m2 / M2_PER_HA, 2), _number(100 * share, 1)
    )


def table_text(rows: Iterable[tuple[str, float, float]]) -> str:
    """Lines of class, area in m² and share in percent, separated by tabs, below a header.

    rows: name, square metres, share 0..1. Numbers have the locale's decimal sign, which is what a spreadsheet
    of the same locale reads as a number, and nothing between thousands.
    """
    lines = ["\t".join((_tr("Class"), _tr("Area (m²)"), _tr("Share (%)")))]
    for name, area_m2, share in rows:
        lines.append("\t".join((name, _number(area_m2, 2, grouped=False), _number(100 * share, 2, grouped=False))))
    return "\n".join(lines) + "\n"


def _number(value: float, decimals: int, grouped: bool = True) -> str:
    locale = QLocale()
    if not grouped:
        locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
    return locale.toString(float(value), "f", decimals)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Areas", text)


class Column(IntEnum):
    """Columns of the table; the first one holds the checkbox and the legend's colour."""

    MARK = 0
    NAME = 1
    AREA = 2
    SHARE = 3
    BAR = 4


@dataclass(frozen=True)
class ClassRow:
    """One class of a map.

    place: position in the legend. value: class value. colour: #rrggbb. share: of the mapped area, 0..1.
    shown: whether the map shows it; None where the layer's renderer does not know the class.
    """

    place: int
    value: int
    name: str
    colour: str
    area_m2: float
    share: float
    shown: bool | None


class ClassModel(QAbstractTableModel):
    """Rows in the legend's order."""

    switched = pyqtSignal(int, bool)  # class value, whether to show it: asked for, not done yet

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[ClassRow] = []

    @property
    def rows(self) -> list[ClassRow]:
        return self._rows

    def set_rows(self, rows: list[ClassRow]) -> None:
        """Shows these classes. Where they are the same as before, what is selected and in view stays."""
        if [row.value for row in rows] != [row.value for row in self._rows]:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
        elif rows != self._rows:
            self._rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(Column) - 1))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(Column)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        flags = super().flags(index)
        if index.isValid() and index.column() == Column.MARK and self._rows[index.row()].shown is not None:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole):
        if not index.isValid():
            return None
        row, column = self._rows[index.row()], Column(index.column())
        if role == ROW_ROLE:
            return row
        if role == COLOUR_ROLE:
            return row.colour
        if role == FRACTION_ROLE:
            largest = max(each.share for each in self._rows)
            return row.share / largest if largest else 0.0
        if role == Qt.ItemDataRole.DisplayRole:
            return {
                Column.NAME: row.name,
                Column.AREA: area_text(row.area_m2),
                Column.SHARE: percent_number(row.share),
            }.get(column)
        if role == Qt.ItemDataRole.CheckStateRole and column == Column.MARK and row.shown is not None:
            return Qt.CheckState.Checked if row.shown else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ToolTipRole:
            return exact_text(row.name, row.area_m2, row.share)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            spoken = {Column.MARK: row.name, Column.SHARE: share_text(row.share), Column.BAR: share_text(row.share)}
            return spoken.get(column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (Column.AREA, Column.SHARE):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def setData(self, index: QModelIndex, value, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or not index.flags() & Qt.ItemFlag.ItemIsUserCheckable:
            return False
        self.switched.emit(self._rows[index.row()].value, Qt.CheckState(value) == Qt.CheckState.Checked)
        return True

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole):
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            titles: dict[int, str] = {
                Column.NAME: self.tr("Class"),
                Column.AREA: self.tr("Area"),
                Column.SHARE: self.tr("%"),
            }
            return titles.get(section, "")
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            tips: dict[int, str] = {
                Column.MARK: self.tr("Sort in the legend's order"),
                Column.NAME: self.tr("Sort by name"),
                Column.AREA: self.tr("Sort by area"),
                Column.SHARE: self.tr("Sort by share"),
                Column.BAR: self.tr("Sort by share"),
            }
            return tips[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in (Column.AREA, Column.SHARE) else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None


class ClassOrder(QSortFilterProxyModel):
    """Sorts by the legend's order, name, area or share; classes that are nowhere come last either way."""

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        return self._key(left) < self._key(right)

    def _key(self, index: QModelIndex):
        row: ClassRow = index.data(ROW_ROLE)
        if index.column() == Column.MARK:
            return row.place
        if index.column() == Column.NAME:
            return row.name.casefold()
        if not row.area_m2 and self.sortOrder() == Qt.SortOrder.AscendingOrder:
            return float("inf")
        return row.area_m2
