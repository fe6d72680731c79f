"""How the training goes, epoch by epoch: what it is measured by above, what it minimises below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF, QTextOption
from qgis.PyQt.QtWidgets import QSizePolicy, QWidget

from ...contract.report import Epoch
from ..widgets.theme import muted

_LEAST_CONTRAST = 3.0  # of a line on its ground, as WCAG 2 asks of graphics
_COLUMNS, _LINES = 48, 16  # of text, that fit into the plot's usual size
_STEPS = (1.0, 2.0, 5.0, 10.0)  # of an axis, times a power of ten
_TICKS = 4  # of an axis, about


@dataclass(frozen=True)
class _Line:
    """One curve. key: in an epoch's values. dash: of its pen, which tells it from others without colour."""

    key: str
    name: str
    colour: QColor
    dash: Qt.PenStyle


class TrainingPlot(QWidget):
    """Two panels over the epochs: IoU, and loss. Colours are the palette's."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._epochs: list[Epoch] = []
        self._total = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("How the training goes"))

    def clear(self) -> None:
        """A new training begins."""
        self._epochs, self._total = [], 0
        self.setAccessibleDescription("")
        self.update()

    def add(self, epoch: Epoch) -> None:
        """One more epoch."""
        self._epochs.append(epoch)
        self._total = max(epoch.of, epoch.number)
        self.setAccessibleDescription(self.summary())
        self.update()

    def summary(self) -> str:
        """The latest epoch and the best one in words."""
        if not self._epochs:
            return ""
        last = self._epochs[-1]
        text = self.tr("Epoch {} of {}").format(last.number, self._total)
        key = self._measure()
        best = self._best()
        if key and best is not None and getattr(best, key) is not None:
            return self.tr("{}; best so far: epoch {} with an IoU of {}").format(
                text, best.number, self.locale().toString(float(getattr(best, key)), "f", 2)
            )
        return text

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(_COLUMNS * metrics.averageCharWidth(), _LINES * metrics.lineSpacing())

    def minimumSizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(20 * metrics.averageCharWidth(), 10 * metrics.lineSpacing())

    # Painting

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self._palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        em = self.fontMetrics().height()
        room = QRectF(self.rect()).adjusted(em / 2, em / 2, -em / 2, -em / 2)
        accent, plain = _accent(palette), palette.color(QPalette.ColorRole.Text)
        measure = self._measure() or "holdout_iou"
        above = [_Line(measure, self._measure_name(measure), accent, Qt.PenStyle.SolidLine)]
        below = [_Line("loss", self.tr("Loss"), plain, Qt.PenStyle.SolidLine)]
        if any(epoch.holdout_loss is not None for epoch in self._epochs):
            below.append(_Line("holdout_loss", self.tr("Loss on the polygons held out"), accent, Qt.PenStyle.DashLine))
        label = max(self.fontMetrics().horizontalAdvance(text) for text in ("0.000", "100"))
        half = (room.height() - 1.5 * em) / 2
        upper = QRectF(room.left(), room.top(), room.width(), half)
        lower = QRectF(room.left(), room.top() + half + em / 2, room.width(), half)
        self._paint_panel(painter, upper, above, label, from_zero=True)
        self._paint_panel(painter, lower, below, label, from_zero=False)
        painter.setPen(muted(palette))
        foot = QRectF(room.left(), room.bottom() - em, room.width(), em)
        self._paint_epoch_axis(painter, foot, label)

    def _paint_panel(
        self, painter: QPainter, room: QRectF, lines: Sequence[_Line], label: float, from_zero: bool
    ) -> None:
        metrics = self.fontMetrics()
        em = metrics.height()
        self._paint_legend(painter, QRectF(room.left(), room.top(), room.width(), em), lines)
        frame = QRectF(room.left() + label + em / 2, room.top() + 1.3 * em, 0, 0)
        frame.setBottomRight(QPointF(room.right() - em / 4, room.bottom() - em / 2))
        if frame.width() <= 0 or frame.height() <= 0:
            return
        values = [
            getattr(epoch, line.key) for line in lines for epoch in self._epochs if _finite(getattr(epoch, line.key))
        ]
        low, high = _range(values, from_zero)
        grid = QColor(muted(self._palette()))
        grid.setAlphaF(0.35)
        ticks = _ticks(low, high)
        digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9)) if len(ticks) > 1 else 2
        for tick in ticks:
            y = frame.bottom() - (tick - low) / (high - low) * frame.height()
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
            if values:
                painter.setPen(muted(self._palette()))
                place = QRectF(room.left(), y - em / 2, label, em)
                _write(painter, place, self.locale().toString(tick, "f", digits), Qt.AlignmentFlag.AlignRight)
        best = self._best()
        if best is not None:
            painter.setPen(QPen(muted(self._palette()), max(1.0, em / 16), Qt.PenStyle.DotLine))
            x = self._x(best.number, frame)
            painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
        for line in lines:
            self._paint_line(painter, frame, line, low, high, best)

    def _paint_line(
        self, painter: QPainter, frame: QRectF, line: _Line, low: float, high: float, best: Epoch | None
    ) -> None:
        em = self.fontMetrics().height()
        points = QPolygonF()
        for epoch in self._epochs:
            if _finite(getattr(epoch, line.key)):
                y = frame.bottom() - (getattr(epoch, line.key) - low) / (high - low) * frame.height()
                points.append(QPointF(self._x(epoch.number, frame), y))
        painter.setPen(QPen(line.colour, max(1.5, em / 9), line.dash))
        painter.drawPolyline(points)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(line.colour)
        marked = [points.at(points.count() - 1)] if points.count() else []
        if best is not None and line.key == self._measure() and _finite(getattr(best, line.key)):
            y = frame.bottom() - (getattr(best, line.key) - low) / (high - low) * frame.height()
            marked.append(QPointF(self._x(best.number, frame), y))
        for point in marked:
            painter.drawEllipse(point, em / 5, em / 5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_legend(self, painter: QPainter, room: QRectF, lines: Sequence[_Line]) -> None:
        metrics = self.fontMetrics()
        em = metrics.height()
        x = room.left()
        for line in lines:
            if x + 2 * em > room.right():
                return
            painter.setPen(QPen(line.colour, max(1.5, em / 9), line.dash))
            painter.drawLine(QPointF(x, room.center().y()), QPointF(x + 1.4 * em, room.center().y()))
            x += 1.8 * em
            painter.setPen(self._palette().color(QPalette.ColorRole.Text))
            text = metrics.elidedText(line.name, Qt.TextElideMode.ElideRight, int(room.right() - x))
            painter.drawText(QPointF(x, room.top() + metrics.ascent()), text)
            x += metrics.horizontalAdvance(text) + em

    def _paint_epoch_axis(self, painter: QPainter, room: QRectF, label: float) -> None:
        em = self.fontMetrics().height()
        left = room.left() + label + em / 2
        if not self._total:
            return
        text = self.tr("Epoch {} of {}").format(self._epochs[-1].number, self._total)
        _write(painter, QRectF(left, room.top(), room.right() - left, em), text, Qt.AlignmentFlag.AlignRight)
        best = self._best()
        if best is not None:
            wanted = self.tr("best: {}").format(best.number)
            width = self.fontMetrics().horizontalAdvance(wanted)
            free = room.right() - left - self.fontMetrics().horizontalAdvance(text) - em
            if width < free:
                x = min(
                    max(left, self._x(best.number, QRectF(left, 0, room.right() - left, 1)) - width / 2),
                    left + free - width,
                )
                _write(painter, QRectF(x, room.top(), width + em, em), wanted, Qt.AlignmentFlag.AlignLeft)

    def _palette(self) -> QPalette:
        """The window's: QGIS's themes give their colours to windows, not to the plain widgets in them."""
        return self.window().palette()

    # What is drawn

    def _x(self, number: int, frame: QRectF) -> float:
        share = (number - 1) / (self._total - 1) if self._total > 1 else 0.5
        return frame.left() + share * frame.width()

    def _best(self) -> Epoch | None:
        """The latest epoch that was the best until then."""
        return next((epoch for epoch in reversed(self._epochs) if epoch.best), None)

    def _measure(self) -> str:
        """What the epochs are measured by."""
        for key in ("holdout_iou", "training_iou"):
            if any(_finite(getattr(epoch, key)) for epoch in self._epochs):
                return key
        return ""

    def _measure_name(self, key: str) -> str:
        if key == "training_iou":
            return self.tr("IoU on the training polygons")
        return self.tr("IoU on the polygons held out")


def _write(painter: QPainter, room: QRectF, text: str, side: Qt.AlignmentFlag) -> None:
    """One line, in the middle of the room's height."""
    option = QTextOption(side | Qt.AlignmentFlag.AlignVCenter)
    option.setWrapMode(QTextOption.WrapMode.NoWrap)
    painter.drawText(room, text, option)


def _finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _range(values: Sequence[float], from_zero: bool) -> tuple[float, float]:
    """The ends of an axis that shows all values; 0 to 1 where there are none."""
    if not values:
        return 0.0, 1.0
    low, high = (0.0, max(values)) if from_zero else (min(values), max(values))
    if high - low < 1e-6:
        low, high = (0.0, 0.1) if from_zero else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))
    room = 0.08 * (high - low)
    return (low if from_zero else max(0.0, low - room) if low >= 0 else low - room), high + room


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high."""
    raw = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * each for each in _STEPS if power * each >= raw - 1e-12)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _accent(palette: QPalette) -> QColor:
    """The palette's colour of emphasis that shows on its ground; the text's where none does."""
    ground = palette.color(QPalette.ColorRole.Base)
    for role in (QPalette.ColorRole.Highlight, QPalette.ColorRole.Link):
        if _contrast(palette.color(role), ground) >= _LEAST_CONTRAST:
            return palette.color(role)
    return palette.color(QPalette.ColorRole.Text)


def _contrast(one: QColor, other: QColor) -> float:
    """Contrast ratio, 1 to 21; relative luminance as WCAG 2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: QColor) -> float:
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
