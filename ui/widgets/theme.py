"""Colours that follow QGIS's theme: readable on light and on dark."""

from __future__ import annotations

from qgis.PyQt.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap

_MUTED = 0.65  # share of the text's colour in muted text; the rest is the background's
_DARK = 128  # lightness, half of the largest


def muted(palette: QPalette) -> QColor:
    """Text of lesser weight: notes, units."""
    text, ground = palette.color(QPalette.ColorRole.WindowText), palette.color(QPalette.ColorRole.Window)
    mixed = [_MUTED * a + (1 - _MUTED) * b for a, b in zip(text.getRgb()[:3], ground.getRgb()[:3])]
    return QColor(*(round(channel) for channel in mixed))


def alarm(palette: QPalette) -> QColor:
    """Text that says what is wrong: contrast of at least 4.5 to 1 on usual backgrounds, as WCAG 2 asks."""
    return QColor("#ff9b93" if is_dark(palette.color(QPalette.ColorRole.Window)) else "#b3121d")


def is_dark(background: QColor) -> bool:
    """Whether light text belongs on a background."""
    return background.lightness() < _DARK


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
