"""Shares as people and spreadsheets read them."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.001, "< 1 %"), (0.0051, "1 %"), (0.396, "40 %"), (1, "100 %")]
)
def test_shares_are_whole_percents_and_none_that_is_there_reads_zero(english, share, text):
    from flair_landcover.ui.result.area_model import share_text

    assert share_text(share) == text


def test_numbers_follow_the_locale(french):
    from flair_landcover.ui.result.area_model import exact_text

    assert exact_text("eau", 840, 0.0345).startswith("eau: 840 m²") and ",5 %" in exact_text("eau", 840, 0.0346)


ROWS = [("water", 1_234_567.04, 0.25), ("bare soil", 0.0, 0.0)]


def test_the_copied_table_has_a_header_tabs_and_plain_numbers(english):
    from flair_landcover.ui.result.area_model import table_text

    assert table_text(ROWS) == "Class\tArea (m²)\tShare (%)\nwater\t1234567.04\t25.00\nbare soil\t0.00\t0.00\n"


def test_the_copied_table_has_the_decimal_sign_of_the_locales_spreadsheets(french):
    from flair_landcover.ui.result.area_model import table_text

    assert table_text(ROWS).splitlines()[1].split("\t")[1:] == ["1234567,04", "25,00"]
