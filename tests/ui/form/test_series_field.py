"""What the form says of a series, and what it takes of it."""

from __future__ import annotations

import pytest
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest

from flair_landcover.contract.answers import SeriesOverview
from flair_landcover.ui.form.series_field import SeriesField

ANSWER = SeriesOverview.from_dict(
    {
        "kind": "folder",
        "dates": [
            {"date": "2021-04-15", "name": "20210415.tif", "clear": 0.88, "state": "cloudy"},
            {"date": "2021-04-20", "name": "20210420.tif", "clear": 1.0, "state": "clear"},
            {"date": "2021-06-09", "name": "20210609.tif", "clear": 0.2, "state": "rejected"},
            {"date": "2022-04-18", "name": "20220418.tif", "clear": None, "state": "unknown"},
            {"date": "2022-07-18", "name": "20220718.tif", "clear": 1.0, "state": "clear"},
        ],
        "months": 2,
        "warnings": [],
    }
)


@pytest.fixture
def field(application):
    made = SeriesField()
    made.resize(300, 200)
    made.show()
    yield made
    made.deleteLater()


def leave_out(field, *dates: str) -> None:
    for date in dates:
        QTest.mouseClick(field.strip.mark_of(date), Qt.MouseButton.LeftButton)


def test_without_a_series_there_is_nothing_to_see_or_to_wish(field):
    assert field.strip.isHidden() and field.line.isHidden() and not field.difference_box.isEnabled()
    field.set_difference(True)
    assert not field.difference() and field.leave_out() == ()


def test_the_line_counts_the_dates_that_are_used_and_their_calendar_months(field):
    field.set_paths(("s",))
    field.set_known(ANSWER)
    assert field.line.text() == "4 of 5 dates, 2 months" and field.strip.isVisible()
    leave_out(field, "2022-07-18")
    assert field.line.text() == "3 of 5 dates, one month"


def test_dates_left_out_are_told_in_order(field):
    field.set_paths(("s",))
    field.set_known(ANSWER)
    told = []
    field.changed.connect(lambda: told.append(field.leave_out()))
    leave_out(field, "2022-04-18", "2021-04-15")
    assert told == [("2022-04-18",), ("2021-04-15", "2022-04-18")]


def test_leaving_out_all_is_refused(field):
    field.set_paths(("s",))
    field.set_known(ANSWER)
    leave_out(field, *(each.date for each in ANSWER.dates))
    with pytest.raises(ValueError, match="All dates are left out: take some of them again"):
        field.leave_out()


def test_dates_left_out_come_back_with_their_series_before_the_dates_are_known(field):
    field.set_paths(("s",))
    field.set_known(ANSWER)
    leave_out(field, "2021-04-20")
    field.set_paths(("other",))
    assert field.leave_out() == ()
    field.set_paths(("s",))
    assert field.leave_out() == ("2021-04-20",) and field.strip.isHidden()
    field.set_known(ANSWER)
    assert field.strip.left_out() == {"2021-04-20"}


def test_dates_that_a_series_no_longer_has_are_not_left_out(field):
    field.set_remembered({"s": ["2020-01-01", "2021-04-20"]})
    field.set_paths(("s",))
    field.set_known(ANSWER)
    assert field.leave_out() == ("2021-04-20",)


def test_the_dates_of_the_latest_twenty_series_are_remembered(field):
    for number in range(30):
        field.set_paths((str(number),))
        field.set_known(ANSWER)
        leave_out(field, "2021-04-20")
    assert list(field.remembered()) == [str(number) for number in range(10, 30)]


def test_the_dates_stay_while_they_are_looked_at_in_another_area(field):
    field.set_paths(("s",))
    field.wait()
    assert field.line.text() == "Looking at the dates…"
    field.set_known(ANSWER)
    field.set_paths(("s",))
    field.wait()
    assert field.strip.isVisible() and field.line.text() == "4 of 5 dates, 2 months"


def test_the_wish_for_what_the_series_changes_says_what_it_costs(field):
    field.set_paths(("s",))
    assert "twice as long" in field.difference_box.toolTip()
    told = []
    field.changed.connect(lambda: told.append(field.difference()))
    QTest.mouseClick(field.difference_box, Qt.MouseButton.LeftButton, pos=field.difference_box.rect().center())
    assert told == [True]
