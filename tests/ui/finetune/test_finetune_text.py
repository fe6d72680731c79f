"""What a training says of itself."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from flair_landcover.contract.answers import AnnotationSummary
from flair_landcover.contract.notices import notice
from flair_landcover.ui.finetune.finetune_text import change_text, share_text, summary_text

from .conftest import SUMMARY


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [(0.2, 0.43, "▲ 0.23"), (0.43, 0.2, "▼ 0.23"), (0.4, 0.401, "="), (None, 0.4, ""), (0.4, None, "")],
)
def test_a_change_is_told_with_an_arrow(before, after, text):
    assert change_text(before, after) == text


def test_shares_are_percents_with_a_digit_where_they_are_small():
    assert [share_text(each) for each in (None, 0.0, 0.012, 0.5)] == ["–", "0\u00a0%", "1.2\u00a0%", "50\u00a0%"]


def test_a_summary_without_a_hold_out_says_why():
    hold = {"training": 6, "holdout": 0, "note": notice("no_holdout").to_dict(), "distance_m": None}
    answer = {**SUMMARY, "classes": SUMMARY["classes"][:1], "holdout": hold}
    text = summary_text(AnnotationSummary.from_dict(answer))
    assert text == (
        "6 polygons of one class, 400 m²: all to learn from, none held out. No polygons are held out, so the scores "
        "are those of the training polygons."
    )
