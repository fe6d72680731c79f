"""The calendar of a series: marks told apart, left out and taken again by mouse and keyboard, in 300 pixels."""

from __future__ import annotations

import datetime

import pytest
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QPalette
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QVBoxLayout, QWidget

from flair_landcover.contract.answers import SeriesDate, SeriesOverview
from flair_landcover.ui.form.series_field import DateStrip

STATES = (
    SeriesDate("2021-04-15", 0.88, "cloudy", "S2A_MSIL2A_20210415"),
    SeriesDate("2021-04-20", 1.0, "clear"),
    SeriesDate("2021-06-09", 0.2, "rejected"),
    SeriesDate("2022-04-18", None, "unknown"),
)


@pytest.fixture
def make(application):
    holders = []

    def build(dates=STATES, left_out=frozenset(), width: int = 300) -> DateStrip:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        strip = DateStrip()
        column.addWidget(strip)
        column.addStretch()
        holder.resize(width, 300)
        holder.show()
        strip.set_dates(dates, frozenset(left_out))
        for _ in range(3):
            QApplication.processEvents()
        holders.append(holder)
        return strip

    yield build
    for holder in holders:
        holder.deleteLater()


def many(count: int, days: int) -> tuple[SeriesDate, ...]:
    first = datetime.date(2021, 1, 1)
    dates = (first + datetime.timedelta(days=i * days // count) for i in range(count))
    return tuple(SeriesDate(date.isoformat(), 1.0, "clear") for date in dates)


def marks(strip, dates):
    return [strip.mark_of(date.date) for date in dates]


def test_each_state_is_told_apart_without_colour(make):
    strip = make()
    grey = [
        each.grab().toImage().convertToFormat(each.grab().toImage().Format.Format_Mono) for each in marks(strip, STATES)
    ]
    strip.mark_of("2021-04-20").click()
    left_out = strip.mark_of("2021-04-20").grab().toImage()
    grey.append(left_out.convertToFormat(left_out.Format.Format_Mono))
    assert all(a != b for i, a in enumerate(grey) for b in grey[:i])


def test_a_mark_says_its_date_and_clouds_to_the_mouse_and_to_a_screen_reader(make):
    strip = make()
    mark = strip.mark_of("2021-04-15")
    assert mark.toolTip() == "2021-04-15: 12 % cloudy\nS2A_MSIL2A_20210415"
    assert mark.accessibleName() == "2021-04-15: 12 % cloudy" and mark.isCheckable()
    assert strip.mark_of("2022-04-18").accessibleName() == "2022-04-18: clouds unknown"
    assert "80 % cloudy, not used" in strip.mark_of("2021-06-09").accessibleName()
    mark.click()
    assert mark.accessibleName() == "2021-04-15: 12 % cloudy, left out"


def test_a_click_leaves_a_date_out_and_takes_it_again(make):
    strip = make()
    told = []
    strip.changed.connect(lambda: told.append(strip.left_out()))
    for _ in range(2):
        QTest.mouseClick(strip.mark_of("2021-04-20"), Qt.MouseButton.LeftButton)
    assert told == [{"2021-04-20"}, frozenset()]


def test_dates_left_out_before_are_shown_so_and_tell_nobody(make):
    strip = make()
    told = []
    strip.changed.connect(lambda: told.append(1))
    strip.set_dates(STATES, frozenset({"2021-04-15", "1999-01-01"}))
    assert strip.left_out() == {"2021-04-15"} and told == []


def test_the_keyboard_goes_from_date_to_date_and_from_year_to_year(make):
    strip = make()
    strip.activateWindow()
    first = strip.mark_of("2021-04-15")
    first.setFocus()
    path = []
    for key in ("Right", "Right", "Down", "Up", "Left", "End", "Right", "Home", "Left"):
        QTest.keyClick(QApplication.focusWidget(), getattr(Qt.Key, f"Key_{key}"))
        path.append(QApplication.focusWidget().date.date)
    assert path == [
        *("2021-04-20", "2021-06-09", "2022-04-18", "2021-04-20", "2021-04-15"),
        *("2022-04-18", "2022-04-18", "2021-04-15", "2021-04-15"),
    ]
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert strip.left_out() == {"2021-04-15"}


def test_tab_stops_at_one_mark_the_one_that_was_last_used(make):
    strip = make()
    QTest.mouseClick(strip.mark_of("2021-06-09"), Qt.MouseButton.LeftButton)
    stops = [each.date.date for each in marks(strip, STATES) if each.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert stops == ["2021-06-09"]


@pytest.mark.parametrize(("count", "days"), [(1, 1), (12, 365), (72, 365), (72, 730), (300, 1400)])
@pytest.mark.parametrize("width", [180, 300, 700])
def test_all_marks_can_be_hit_whatever_the_number_and_width(make, count, days, width):
    dates = many(count, days)
    strip = make(dates, width=width)
    places = [each.geometry() for each in marks(strip, dates)]
    assert all(strip.rect().contains(place) and min(place.width(), place.height()) >= 5 for place in places)
    assert not any(a.intersects(b) for i, a in enumerate(places) for b in places[:i])


def test_a_month_stands_in_its_column_and_a_year_in_its_row(make):
    strip = make(many(72, 730))
    by_month: dict[str, set[int]] = {}
    for date in many(72, 730):
        by_month.setdefault(date.date[5:7], set()).add(strip.mark_of(date.date).x())
    columns = [(min(xs), max(xs)) for _, xs in sorted(by_month.items())]
    assert all(before[1] < after[0] for before, after in zip(columns, columns[1:]))
    of_year = {
        year: [strip.mark_of(d.date).y() for d in many(72, 730) if d.date[:4] == year] for year in ("2021", "2022")
    }
    assert max(of_year["2021"]) < min(of_year["2022"])


def test_the_height_follows_what_is_shown(make):
    strip = make(many(72, 365))
    tall = strip.height()
    strip.set_dates((), frozenset())
    assert strip.height() == 0
    strip.set_dates(many(12, 365), frozenset())
    assert 0 < strip.height() < tall


@pytest.mark.parametrize("dark", [False, True])
def test_marks_take_their_colours_from_the_theme(make, dark):
    strip = make()
    palette = QPalette()
    ground, ink = ("#202020", "#f0f0f0") if dark else ("#fafafa", "#101010")
    for role, colour in (("Window", ground), ("WindowText", ink), ("Highlight", "#c000c0")):
        palette.setColor(getattr(QPalette.ColorRole, role), QColor(colour))
    strip.window().setPalette(palette)
    QApplication.processEvents()
    mark = strip.mark_of("2021-04-20")
    middle = strip.grab().toImage().pixelColor(mark.geometry().center())
    assert middle.name() == "#c000c0"


def test_what_the_engine_found_becomes_dates():
    answer = {
        "dates": [
            {"date": "2021-04-15", "name": "a, b", "clear": 0.9, "state": "cloudy"},
            {"date": "2021-05-01", "name": "c", "clear": None, "state": "unknown"},
        ],
        "kind": "folder",
        "months": 1,
        "warnings": [],
    }
    assert SeriesOverview.from_dict(answer).dates == (
        SeriesDate("2021-04-15", 0.9, "cloudy", "a, b"),
        SeriesDate("2021-05-01", None, "unknown", "c"),
    )
