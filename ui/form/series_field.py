"""What is known of the series chosen: its dates, which of them are used, and whether its effect is mapped too."""

from __future__ import annotations

from qgis.PyQt.QtCore import QEvent, QLocale, QRect, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QPainter, QPalette, QPen
from qgis.PyQt.QtWidgets import QAbstractButton, QCheckBox, QSizePolicy, QVBoxLayout, QWidget

from ...contract.answers import CLEAR, CLOUDY, REJECTED, SeriesDate, SeriesOverview
from ..widgets.labels import Sentence
from ..widgets.theme import muted

_MONTHS = 12
_MARK, _SMALLEST_MARK = 0.75, 0.5  # of the height of a line of text
_FULL_ROWS = 3  # of marks in a month; with more, marks get smaller
_ARROWS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)
_KEPT_SERIES = 20  # series whose dates left out are remembered


class DateMark(QAbstractButton):
    """One date, checked where it is used.

    A full disc: clear; a half: cloudy in parts; a cross: rejected; a ring: unknown; a ring struck through: left out.
    """

    moved = pyqtSignal(object)  # the key of an arrow, Home or End

    def __init__(self, date: SeriesDate, parent: QWidget) -> None:
        super().__init__(parent)
        self.date = date
        self.setCheckable(True)
        self.setChecked(True)
        # One stop of Tab for all marks: the strip moves it along.
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.toggled.connect(lambda _: self._describe())
        self._describe()

    def _describe(self) -> None:
        date = self.date
        if date.state == "unknown" or date.clear is None:
            sky = self.tr("{}: clouds unknown").format(date.date)
        else:
            percent = QLocale().toString(100 * (1 - date.clear), "f", 0)
            sky = self.tr("{}: {} % cloudy").format(date.date, percent)
        if date.state == REJECTED:
            sky += self.tr(", not used where half is covered")
        if not self.isChecked():
            sky += self.tr(", left out")
        self.setAccessibleName(sky)
        self.setToolTip(f"{sky}\n{date.name}".strip())

    def keyPressEvent(self, event) -> None:
        if event.key() in _ARROWS:
            self.moved.emit(event.key())
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # The window's palette: QGIS's themes give their colours to windows, not to the plain widgets in them.
        palette, used, state = self.window().palette(), self.isChecked(), self.date.state
        line = palette.color(QPalette.ColorRole.WindowText) if used else muted(palette)
        fill = palette.color(QPalette.ColorRole.Highlight)
        side = min(self.width(), self.height())
        stroke = max(1.0, side / 9)
        square = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        inset = square.adjusted(*(sign * (stroke / 2 + side / 20) for sign in (1, 1, -1, -1)))
        if self.hasFocus() or self.underMouse():
            ground = palette.color(QPalette.ColorRole.Highlight if self.hasFocus() else QPalette.ColorRole.WindowText)
            ground.setAlphaF(0.35)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(QRectF(self.rect()), stroke, stroke)
        if used and state in (CLEAR, CLOUDY):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            # Angles in sixteenths of a degree, from the left: all, or the lower half.
            painter.drawPie(inset, 180 * 16, (360 if state == "clear" else 180) * 16)
        painter.setPen(QPen(line, stroke))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if used and state == REJECTED:
            painter.drawLine(inset.topLeft(), inset.bottomRight())
            painter.drawLine(inset.topRight(), inset.bottomLeft())
        else:
            painter.drawEllipse(inset)
        if not used:
            painter.drawLine(square.bottomLeft(), square.topRight())
        painter.end()


class DateStrip(QWidget):
    """The marks, in any width; Tab comes to one of them, the arrows go to the others, Space leaves one out.

    changed: a date was left out or taken again by the analyst.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._marks: list[DateMark] = []
        self._rows: list[tuple[int, int]] = []  # a year and the y of its first row of marks
        self.setAccessibleName(self.tr("Dates of the Sentinel-2 series"))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_dates(self, dates: tuple[SeriesDate, ...], left_out: frozenset[str]) -> None:
        """Shows these dates instead of those before; left_out: the ISO dates that are not used."""
        if tuple(mark.date for mark in self._marks) != dates:
            for mark in self._marks:
                mark.hide()
                mark.deleteLater()
            self._marks = [DateMark(date, self) for date in dates]
            for mark in self._marks:
                mark.clicked.connect(lambda _=False, m=mark: self._on_clicked(m))
                mark.moved.connect(lambda key, m=mark: self._go(m, key))
                mark.show()
            self._stop_at(self._marks[0] if self._marks else None)
        for mark in self._marks:
            mark.setChecked(mark.date.date not in left_out)
        self._arrange()

    def left_out(self) -> frozenset[str]:
        """ISO dates of the series that are not used."""
        return frozenset(mark.date.date for mark in self._marks if not mark.isChecked())

    def mark_of(self, date: str) -> DateMark:
        """The mark of an ISO date. Raises StopIteration where the series has none."""
        return next(mark for mark in self._marks if mark.date.date == date)

    def sizeHint(self) -> QSize:
        return QSize(20 * self.fontMetrics().averageCharWidth(), self.height())

    def _on_clicked(self, mark: DateMark) -> None:
        self._stop_at(mark)
        self.changed.emit()

    # The keyboard

    def _stop_at(self, mark: DateMark | None) -> None:
        for each in self._marks:
            each.setFocusPolicy(Qt.FocusPolicy.StrongFocus if each is mark else Qt.FocusPolicy.ClickFocus)

    def _go(self, mark: DateMark, key: int) -> None:
        """Left and Right: to the date before or after; Up and Down: the same season of the year before or after."""
        at = self._marks.index(mark)
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            year = int(mark.date.date[:4]) + (1 if key == Qt.Key.Key_Down else -1)
            there = [each for each in self._marks if int(each.date.date[:4]) == year]
            if not there:
                return
            target = min(there, key=lambda each: abs(_day(each) - _day(mark)))
        else:
            last = len(self._marks) - 1
            places = {Qt.Key.Key_Left: at - 1, Qt.Key.Key_Right: at + 1, Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}
            target = self._marks[min(max(0, places[key]), last)]
        self._stop_at(target)
        target.setFocus(Qt.FocusReason.TabFocusReason)

    # Where the marks are

    def _arrange(self) -> None:
        """Marks from the left in each month, in as many rows as they need; smaller where there are many."""
        line = self.fontMetrics().height()
        left, month_width = self._columns()
        mark = min(_MARK * line, month_width - 2)
        busiest = max((len(marks) for marks in self._by_month().values()), default=0)
        while mark > _SMALLEST_MARK * line and busiest > _FULL_ROWS * max(1, int((month_width - 2) // mark)):
            mark -= 0.5
        side = max(1, int(mark))
        across = max(1, (month_width - 2) // side)
        y = line + 2
        self._rows = []
        by_month = self._by_month()
        for year in sorted({year for year, _ in by_month}):
            self._rows.append((year, y))
            rows = 1
            for month in range(1, _MONTHS + 1):
                for i, each in enumerate(by_month.get((year, month), ())):
                    row, column = divmod(i, across)
                    rows = max(rows, row + 1)
                    each.setGeometry(left + (month - 1) * month_width + 1 + column * side, y + row * side, side, side)
            y += max(rows * side, line) + 3
        self.setFixedHeight(y if self._marks else 0)
        self.update()

    def _by_month(self) -> dict[tuple[int, int], list[DateMark]]:
        found: dict[tuple[int, int], list[DateMark]] = {}
        for mark in self._marks:
            found.setdefault((int(mark.date.date[:4]), mark.date.month), []).append(mark)
        return found

    def _columns(self) -> tuple[int, int]:
        """Where January begins, and how wide a month is."""
        left = self.fontMetrics().horizontalAdvance("2000 ")
        return left, max(1, (self.width() - left) // _MONTHS)

    def paintEvent(self, event) -> None:
        if not self._marks:
            return
        painter = QPainter(self)
        left, month_width = self._columns()
        line = self.fontMetrics().height()
        text, faint = muted(self.window().palette()), muted(self.window().palette())
        faint.setAlphaF(0.35)
        centre = Qt.AlignmentFlag.AlignCenter
        for month in range(1, _MONTHS + 1):
            x = left + (month - 1) * month_width
            painter.setPen(faint)
            painter.drawLine(x - 1, 0, x - 1, self.height())
            painter.setPen(text)
            painter.drawText(QRect(x, 0, month_width, line), centre, self._month_name(month, month_width))
        for year, y in self._rows:
            painter.setPen(text)
            painter.drawText(QRect(0, y, left, line), Qt.AlignmentFlag.AlignLeft, str(year))
            painter.setPen(faint)
            painter.drawLine(left - 1, y - 2, left - 1 + _MONTHS * month_width, y - 2)
        painter.end()

    def _month_name(self, month: int, width: int) -> str:
        name = QLocale().standaloneMonthName(month, QLocale.FormatType.NarrowFormat)
        fits = self.fontMetrics().horizontalAdvance(name) <= width
        return name if fits else name[:1]

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange, QEvent.Type.LocaleChange):
            self._arrange()


def _day(mark: DateMark) -> int:
    """A day of the year, near enough to compare."""
    return 31 * mark.date.month + int(mark.date.date[8:10])


class SeriesField(QWidget):
    """The calendar of the series, a line that counts, and the wish for a layer of what the series changes.

    Hidden while no series is chosen, but for the wish, which is then disabled.
    changed: a date was left out or taken again, or the wish was.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._paths: tuple[str, ...] = ()
        self._left_out: dict[str, list[str]] = {}
        self._known = False
        self._states: dict[str, str] = {}  # by ISO date
        self.strip = DateStrip(self)
        self.line = Sentence(self)
        self.difference_box = QCheckBox(self.tr("show what the series changes"), self)
        self.difference_box.setToolTip(
            self.tr(
                "A second layer: where the map would be another without Sentinel-2, the class that it would have "
                "there. The run takes about twice as long."
            )
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.strip, self.line, self.difference_box):
            layout.addWidget(widget)
        self.setFocusProxy(self.difference_box)
        self.strip.changed.connect(self._on_dates)
        self.difference_box.toggled.connect(lambda _: self.changed.emit())
        self.set_paths(())

    # The series

    def set_paths(self, paths: tuple[str, ...]) -> None:
        """Another series is chosen, of which nothing is known yet; none: no series."""
        if paths == self._paths and self._known:
            return
        self._paths = paths
        self.difference_box.setEnabled(bool(paths))
        self.set_unknown()

    def set_unknown(self, text: str = "") -> None:
        """No dates are known (any more); the line says the text."""
        self._known = False
        self.strip.set_dates((), frozenset())
        self.strip.setVisible(False)
        self.line.say(text)

    def wait(self) -> None:
        """The engine looks at the dates: those before stay until it answers."""
        if not self._known:
            self.set_unknown(self.tr("Looking at the dates…"))

    def set_known(self, answer: SeriesOverview) -> None:
        """Shows the dates of the series."""
        self._known = True
        self.strip.set_dates(answer.dates, frozenset(self._remembered()))
        self.strip.setVisible(bool(answer.dates))
        self._states = {each.date: each.state for each in answer.dates}
        self._count()

    # What is chosen

    def leave_out(self) -> tuple[str, ...]:
        """ISO dates not to use; those remembered for the series while its dates are not known.

        Raises ValueError, with a sentence for the user, where no date is left.
        """
        if not self._known:
            return tuple(self._remembered())
        left_out = self.strip.left_out()
        if left_out and len(left_out) == len(self._states):
            raise ValueError(self.tr("All dates are left out: take some of them again, or choose no Sentinel-2."))
        return tuple(sorted(left_out))

    def difference(self) -> bool:
        """Whether a layer of what the series changes is wanted."""
        return bool(self._paths) and self.difference_box.isChecked()

    def set_difference(self, wanted: bool) -> None:
        """Chooses whether a layer of what the series changes is wanted."""
        self.difference_box.setChecked(wanted)

    def remembered(self) -> dict[str, list[str]]:
        """Dates left out by series, of the latest series."""
        return dict(list(self._left_out.items())[-_KEPT_SERIES:])

    def set_remembered(self, left_out: dict[str, list[str]]) -> None:
        """Takes up what `remembered` gave."""
        self._left_out = {key: list(dates) for key, dates in left_out.items() if isinstance(dates, list)}

    def _remembered(self) -> list[str]:
        return self._left_out.get(_key(self._paths), [])

    def _on_dates(self) -> None:
        key = _key(self._paths)
        self._left_out.pop(key, None)
        left_out = sorted(self.strip.left_out())
        if left_out:
            self._left_out[key] = left_out  # at the end: the latest
        self._count()
        self.changed.emit()

    def _count(self) -> None:
        left_out = self.strip.left_out()
        used = [date for date, state in self._states.items() if state != REJECTED and date not in left_out]
        # The network is fed one mean a calendar month, whatever the year.
        months = len({date[5:7] for date in used})
        self.line.say(
            (self.tr("{} of {} dates, one month") if months == 1 else self.tr("{} of {} dates, {} months")).format(
                len(used), len(self._states), months
            )
        )


def _key(paths: tuple[str, ...]) -> str:
    return "\n".join(paths)
