"""Lengths, areas and times as people read them."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtCore import QLocale

from flair_landcover.ui.widgets.amounts import area_text, duration_text, sides_text, time_left


@pytest.fixture
def locale():
    """Takes the name of a locale, which holds until the test ends."""
    before = QLocale()
    yield lambda name: QLocale.setDefault(QLocale(name))
    QLocale.setDefault(before)


@pytest.mark.parametrize(
    ("area_m2", "text"),
    [
        (0, "0 m²"),
        (60.4, "60 m²"),
        (999.4, "999 m²"),
        (1_000, "0.10 ha"),
        (12_400, "1.24 ha"),
        (1_234_000, "123.4 ha"),
        (123_456_000, "12,346 ha"),
    ],
)
def test_areas_are_hectares_and_small_ones_square_metres(locale, area_m2, text):
    locale("en_GB")
    assert area_text(area_m2) == text


def test_sides_are_metres_and_short_ones_have_a_decimal(locale):
    locale("en_GB")
    assert sides_text(412.3, 99.86) == "412 m × 99.9 m"


def test_numbers_follow_the_locale(locale):
    locale("fr_FR")
    assert area_text(12_400) == "1,24 ha"
    assert sides_text(12.5, 300) == "12,5 m × 300 m"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (18.4, "18 s"),
        (61, "1 min"),
        (59.7, "1 min"),
        (95, "2 min"),
        (3590, "1 h 0 min"),
        (7190, "2 h 0 min"),
    ],
)
def test_times_read_as_people_say_them(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "a few seconds left"),
        (9, "about 10 s left"),
        (33, "about 35 s left"),
        (58, "about 1 min left"),
        (89, "about 1 min left"),
        (91, "about 2 min left"),
        (59 * 60, "about 59 min left"),
        (59.7 * 60, "about 1 h 00 min left"),
        (5 * 3600 + 7 * 60, "about 5 h 07 min left"),
    ],
)
def test_time_left_is_told_as_roughly_as_it_is_known(seconds, text):
    assert time_left(seconds) == text
