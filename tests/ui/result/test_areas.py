"""Areas and shares as people and spreadsheets read them."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")


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
def test_areas_are_hectares_and_small_ones_square_metres(english, area_m2, text):
    from flair_landcover.ui.result.areas import area_text

    assert area_text(area_m2) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.001, "< 1 %"), (0.0051, "1 %"), (0.396, "40 %"), (1, "100 %")]
)
def test_shares_are_whole_percents_and_none_that_is_there_reads_zero(english, share, text):
    from flair_landcover.ui.result.areas import share_text

    assert share_text(share) == text


def test_numbers_follow_the_locale(french):
    from flair_landcover.ui.result.areas import area_text, exact_text

    assert area_text(12_400) == "1,24 ha"
    assert exact_text("eau", 840, 0.0345).startswith("eau: 840 m²") and ",5 %" in exact_text("eau", 840, 0.0346)


ROWS = [("water", 1_234_567.04, 0.25), ("bare soil", 0.0, 0.0)]


def test_the_copied_table_has_a_header_tabs_and_plain_numbers(english):
    from flair_landcover.ui.result.areas import table_text

    assert table_text(ROWS) == "Class\tArea (m²)\tShare (%)\nwater\t1234567.04\t25.00\nbare soil\t0.00\t0.00\n"


def test_the_copied_table_has_the_decimal_sign_of_the_locales_spreadsheets(french):
    from flair_landcover.ui.result.areas import table_text

    assert table_text(ROWS).splitlines()[1].split("\t")[1:] == ["1234567,04", "25,00"]
