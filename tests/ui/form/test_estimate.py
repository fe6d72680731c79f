"""What a run will cost, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flair_landcover.tests.answers import forecast
from flair_landcover.ui.form.estimate import bytes_text, cost_text, place_text
from flair_landcover.ui.form.remembered import Pace

CHECKED = forecast(tiles=24, width=2060, height=1500, area_m2=123_600.0, pixel_m=0.2, largest_bytes=2_500_000)


@pytest.fixture(autouse=True)
def english(application):
    from qgis.PyQt.QtCore import QLocale

    before = QLocale()
    QLocale.setDefault(QLocale("en_GB"))
    yield
    QLocale.setDefault(before)


@pytest.mark.parametrize(
    ("size", "text"), [(30_000, "0.1 MB"), (2_500_000, "2.5 MB"), (4.2e7, "42 MB"), (3.1e9, "3.1 GB")]
)
def test_sizes_read_as_people_say_them(size, text):
    assert bytes_text(size) == text


def test_the_area_is_told_in_metres_and_hectares():
    assert place_text(CHECKED) == "412 m × 300 m, 12.36 ha"


def test_before_the_first_run_no_time_is_made_up():
    assert cost_text(CHECKED, None, "none") == (
        "24 tiles, at most 2.5 MB; how long it takes is known after a first run on this device."
    )


def test_the_time_comes_from_the_last_run():
    pace = Pace(pass_s=0.5, overhead_s=6.0, pixel_bytes=0.1)
    assert cost_text(CHECKED, pace, "none") == "24 tiles, about 18 s, 0.3 MB"
    assert cost_text(CHECKED, pace, "flips") == "24 tiles, about 54 s, 0.3 MB"


def test_a_long_run_is_told_so():
    assert "smaller area" in cost_text(replace(CHECKED, tiles=4000), Pace(0.5, 6.0, 0.1), "none")
