"""The table of classes beside a map: sorted, copied, switched on and off, from 300 pixels of dock on."""

from __future__ import annotations

from collections.abc import Callable

from qgis.PyQt.QtCore import QEvent, QModelIndex, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QKeyEvent, QKeySequence, QPainter, QPalette
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QMenu,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from ..widgets.theme import draw_outlined, is_dark, muted, swatch_side
from .area_model import COLOUR_ROLE, FRACTION_ROLE, ROW_ROLE, ClassModel, ClassOrder, ClassRow, Column, table_text

_LEAST_BAR = 4.0  # pixels: between the outlines, the colour of the smallest share is still seen
_OFF = 0.3  # opacity of the bar of a class that the map does not show
_NAME_PART = 0.65  # of the width that numbers leave to names and bars, the most that names take


class ClassDelegate(QStyledItemDelegate):
    """For all columns of the table; text of classes that are nowhere is muted."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        super().initStyleOption(option, index)
        row = index.data(ROW_ROLE)
        if not row.area_m2:
            palette = QPalette(option.palette)
            palette.setColor(QPalette.ColorRole.Text, muted(palette))
            option.palette = palette
        if index.column() == Column.MARK:
            side = swatch_side(option)
            option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
            option.decorationSize = QSize(side, side)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        super().paint(painter, option, index)
        if index.column() == Column.MARK:
            self._paint_swatch(painter, option, index)
        elif index.column() == Column.BAR:
            self._paint_bar(painter, option, index)

    def _paint_swatch(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        filled = QStyleOptionViewItem(option)
        self.initStyleOption(filled, index)
        style = option.widget.style() if option.widget else QApplication.style()
        place = style.subElementRect(QStyle.SubElement.SE_ItemViewItemDecoration, filled, option.widget)
        side = swatch_side(option)
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(place).center())
        draw_outlined(painter, square, QColor(index.data(COLOUR_ROLE)), option, 1.0)
        # Some styles draw an empty checkbox in colours that vanish on a dark ground.
        box = style.subElementRect(QStyle.SubElement.SE_ItemViewItemCheckIndicator, filled, option.widget)
        if index.data(ROW_ROLE).shown is False and is_dark(option.palette.color(QPalette.ColorRole.Base)):
            draw_outlined(painter, QRectF(box), None, option)

    def _paint_bar(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        fraction = index.data(FRACTION_ROLE)
        if not fraction:
            return
        pad = option.fontMetrics.averageCharWidth() / 2
        room = QRectF(option.rect).adjusted(pad, 0, -pad, 0)
        height = swatch_side(option)
        width = max(_LEAST_BAR, room.width() * fraction)
        bar = QRectF(room.left(), room.center().y() - height / 2, width, height)
        if option.direction == Qt.LayoutDirection.RightToLeft:
            bar.moveRight(room.right())
        draw_outlined(
            painter, bar, QColor(index.data(COLOUR_ROLE)), option, _OFF if index.data(ROW_ROLE).shown is False else 1.0
        )


class AreaTable(QTreeView):
    """One row a class, by area at first."""

    switched = pyqtSignal(object, bool)  # set of class values, whether to show them

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = ClassModel(self)
        self._model.switched.connect(lambda value, shown: self.switched.emit({value}, shown))
        self._order = ClassOrder(self)
        self._order.setSourceModel(self._model)
        self.setModel(self._order)
        self.setItemDelegate(ClassDelegate(self))
        self.setAccessibleName(self.tr("Area of each class"))
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setUniformRowHeights(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(
            lambda place: self.make_menu().popup(self.viewport().mapToGlobal(place))
        )
        header = self.header()
        header.setSectionsMovable(False)
        header.setSectionsClickable(True)
        header.setMinimumSectionSize(self.fontMetrics().averageCharWidth())
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setStretchLastSection(False)
        self._sorted_by: int = Column.AREA
        self.setSortingEnabled(True)
        self.sortByColumn(Column.AREA, Qt.SortOrder.DescendingOrder)
        # After the view's own connection: the later order stays.
        header.sortIndicatorChanged.connect(self._prefer_largest_first)

    def set_rows(self, rows: list[ClassRow]) -> None:
        """Shows these classes, in the order that the user chose."""
        height = len(self._model.rows) != len(rows)
        self._model.set_rows(rows)
        self._fit_columns()
        if height:
            self.updateGeometry()

    def rows(self) -> list[ClassRow]:
        """The classes in the order in which they are seen."""
        return [self._order.index(i, 0).data(ROW_ROLE) for i in range(self._order.rowCount())]

    def text(self) -> str:
        """The whole table as it is sorted, for a spreadsheet."""
        return table_text((row.name, row.area_m2, row.share) for row in self.rows())

    def copy(self) -> None:
        """Puts the table on the clipboard."""
        QApplication.clipboard().setText(self.text())

    def make_menu(self) -> QMenu:
        """The context menu; it deletes itself once closed."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        everything = {row.value for row in self._model.rows if row.shown is not None}
        chosen = {row.value for row in self._chosen() if row.shown is not None}

        def add(text: str, do: Callable[[], None], enabled: bool) -> None:
            action = menu.addAction(text)
            action.setEnabled(enabled)
            action.triggered.connect(lambda _=False: do())

        add(self.tr("Show all classes"), lambda: self.switched.emit(everything, True), bool(everything))
        add(self.tr("Hide all classes"), lambda: self.switched.emit(everything, False), bool(everything))
        add(self.tr("Show only what is selected"), lambda: self._show_only(chosen, everything - chosen), bool(chosen))
        menu.addSeparator()
        add(self.tr("Copy table"), self.copy, bool(self._model.rows))
        return menu

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space switches what is selected, whatever column the focus is in; Ctrl+C copies the table."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() == Qt.Key.Key_Space and self._chosen():
            rows = [row for row in self._chosen() if row.shown is not None]
            self.switched.emit({row.value for row in rows}, not all(row.shown for row in rows))
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._fit_columns()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_columns()
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        """High enough for all classes: the dock scrolls, not the table in it."""
        return QSize(super().sizeHint().width(), self._height(self._order.rowCount()))

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), self._height(min(5, self._order.rowCount())))

    def _height(self, rows: int) -> int:
        row = self.sizeHintForRow(0) if self._order.rowCount() else 0
        return self.header().sizeHint().height() + rows * row + 2 * self.frameWidth()

    def _chosen(self) -> list[ClassRow]:
        return [index.data(ROW_ROLE) for index in self.selectionModel().selectedRows()]

    def _show_only(self, shown: set[int], hidden: set[int]) -> None:
        self.switched.emit(hidden, False)
        self.switched.emit(shown, True)

    def _prefer_largest_first(self, section: int, order: Qt.SortOrder) -> None:
        """A first click on an area or a share puts the largest on top; Qt would begin with the smallest."""
        first, self._sorted_by = section != self._sorted_by, section
        wanted = Qt.SortOrder.DescendingOrder
        if first and section in (Column.AREA, Column.SHARE, Column.BAR) and order != wanted:
            self.sortByColumn(section, wanted)

    def _fit_columns(self) -> None:
        """Numbers get what they need, names what leaves the bars a fair part, bars the rest."""
        header = self.header()
        spare = self.viewport().width()
        for column in (Column.MARK, Column.AREA, Column.SHARE):
            wanted = self.sizeHintForColumn(column)
            if column != Column.MARK:
                wanted = max(wanted, header.sectionSizeHint(column))
            header.resizeSection(column, wanted)
            spare -= wanted
        letter = self.fontMetrics().averageCharWidth()
        name = max(self.sizeHintForColumn(Column.NAME), header.sectionSizeHint(Column.NAME))
        name = max(5 * letter, min(name, round(_NAME_PART * spare)))
        header.resizeSection(Column.NAME, name)
        header.resizeSection(Column.BAR, max(letter, spare - name))
