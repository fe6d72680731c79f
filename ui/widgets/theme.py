"""Colours that follow QGIS's theme: readable on light and on dark."""

from __future__ import annotations

from qgis.PyQt.QtCore import QRectF, Qt
from qgis.PyQt.QtGui import QColor, QIcon, QPainter, QPalette, QPen, QPixmap
from qgis.PyQt.QtWidgets import QStyle, QStyleOptionViewItem

_MUTED = 0.65  # share of the text's colour in muted text; the rest is the background's
_DARK = 128  # lightness, half of the largest
_OUTLINE = 110  # opacity of outlines, 0..255


def muted(palette: QPalette) -> QColor:
    """Text of lesser weight: notes, units."""
    text, ground = palette.color(QPalette.ColorRole.WindowText), palette.color(QPalette.ColorRole.Window)
    mixed = [_MUTED * a + (1 - _MUTED) * b for a, b in zip(text.getRgb()[:3], ground.getRgb()[:3])]
    return QColor(*(round(channel) for channel in mixed))


def alarm(palette: QPalette) -> QColor:
    """Text that says what is wrong: contrast of at least 4.5 to 1 on usual backgrounds, as WCAG 2 asks."""
    return QColor("#ff9b93" if is_dark(palette.color(QPalette.ColorRole.Window)) else "#b3121d")


def doubtful(palette: QPalette) -> QColor:
    """Text that says what is not sure; contrast as of `alarm`."""
    return QColor("#ffc766" if is_dark(palette.color(QPalette.ColorRole.Window)) else "#7a4d00")


def is_dark(background: QColor) -> bool:
    """Whether light text belongs on a background."""
    return background.lightness() < _DARK


def swatch_side(option: QStyleOptionViewItem) -> int:
    """Of a legend's square in a table, in pixels."""
    return round(option.fontMetrics.height() * 0.7)


def outline(option: QStyleOptionViewItem) -> QColor:
    """The text's colour, faintly: black stands out on black, yellow on white."""
    chosen = option.state & QStyle.StateFlag.State_Selected
    role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text
    colour = QColor(option.palette.color(role))
    colour.setAlpha(_OUTLINE)
    return colour


def draw_outlined(
    painter: QPainter, area: QRectF, colour: QColor | None, option: QStyleOptionViewItem, opacity: float = 1.0
) -> None:
    """A rectangle of a colour, None: empty, that shows on any ground of a table."""
    painter.save()
    painter.setOpacity(opacity)
    painter.setPen(QPen(outline(option), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush if colour is None else colour)
    # Half a pixel in: the line lies inside the area, and sharp.
    painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
    painter.restore()


def swatch(colour: str, side: int, palette: QPalette) -> QIcon:
    """A square of a legend's colour, outlined to show on any ground."""
    pixmap = QPixmap(side, side)
    pixmap.fill(QColor(colour))
    painter = QPainter(pixmap)
    painter.setPen(palette.color(QPalette.ColorRole.Mid))
    painter.drawRect(0, 0, side - 1, side - 1)
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # the colour is the legend's there, too
    return icon
