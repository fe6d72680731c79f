"""What is known of the series chosen: its dates, which of them are used, and whether its effect is mapped too."""

from __future__ import annotations

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from ...contract.answers import REJECTED, SeriesOverview
from ..widgets.field import Sentence
from .date_strip import DateStrip

_KEPT_SERIES = 20  # series whose dates left out are remembered


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
