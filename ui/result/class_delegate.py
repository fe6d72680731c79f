"""Draws the rows of the table of classes: the legend's colours as swatches and bars, outlined to show on any theme."""

from __future__ import annotations

from qgis.PyQt.QtCore import QModelIndex, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QPainter, QPalette, QPen
from qgis.PyQt.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ..widgets.theme import is_dark, muted
from .area_model import COLOUR_ROLE, FRACTION_ROLE, ROW_ROLE, Column

_OUTLINE = 110  # opacity of outlines in the text's colour, 0..255: black stands out on black, yellow on white
_LEAST_BAR = 4.0  # pixels: between the outlines, the colour of the smallest share is still seen
_OFF = 0.3  # opacity of the bar of a class that the map does not show


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
            side = _swatch_side(option)
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
        side = _swatch_side(option)
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(place).center())
        _draw(painter, square, option, index, 1.0)
        # Some styles draw an empty checkbox in colours that vanish on a dark ground.
        box = style.subElementRect(QStyle.SubElement.SE_ItemViewItemCheckIndicator, filled, option.widget)
        if index.data(ROW_ROLE).shown is False and is_dark(option.palette.color(QPalette.ColorRole.Base)):
            painter.save()
            painter.setPen(QPen(_outline(option), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5))
            painter.restore()

    def _paint_bar(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        fraction = index.data(FRACTION_ROLE)
        if not fraction:
            return
        pad = option.fontMetrics.averageCharWidth() / 2
        room = QRectF(option.rect).adjusted(pad, 0, -pad, 0)
        height = _swatch_side(option)
        width = max(_LEAST_BAR, room.width() * fraction)
        bar = QRectF(room.left(), room.center().y() - height / 2, width, height)
        if option.direction == Qt.LayoutDirection.RightToLeft:
            bar.moveRight(room.right())
        _draw(painter, bar, option, index, _OFF if index.data(ROW_ROLE).shown is False else 1.0)


def _swatch_side(option: QStyleOptionViewItem) -> int:
    return round(option.fontMetrics.height() * 0.7)


def _outline(option: QStyleOptionViewItem) -> QColor:
    chosen = option.state & QStyle.StateFlag.State_Selected
    role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text
    colour = QColor(option.palette.color(role))
    colour.setAlpha(_OUTLINE)
    return colour


def _draw(painter: QPainter, area: QRectF, option: QStyleOptionViewItem, index: QModelIndex, opacity: float) -> None:
    painter.save()
    painter.setOpacity(opacity)
    painter.setPen(QPen(_outline(option), 1))
    painter.setBrush(QColor(index.data(COLOUR_ROLE)))
    # Half a pixel in: the line lies inside the area, and sharp.
    painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
    painter.restore()
