"""A label that gives way: a long name is cut in its middle instead of widening the dock."""

from __future__ import annotations

from qgis.PyQt.QtCore import QRectF, QSize, Qt
from qgis.PyQt.QtGui import QPainter, QTextOption
from qgis.PyQt.QtWidgets import QLabel

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
