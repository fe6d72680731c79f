"""Lengths and areas as people read them."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtCore import QLocale

from flair_landcover.ui.widgets.sizes import area_text, sides_text


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
