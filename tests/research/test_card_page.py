from __future__ import annotations

from pathlib import Path

import pytest

from flair_landcover.contract.cards import read_card
from flair_landcover.models.library import BUNDLED_FOLDER
from flair_landcover.research import card_page

ROOT = Path(__file__).parents[2]
FOUND = {
    "overall_accuracy": 0.5,
    "mean_iou_of_classes_present": 0.25,
    "expected_calibration_error": 0.125,
    "iou": {"water": 0.75, "building": 0.0},
    "share_of_truth": {"water": 0.6, "building": 0.4},
    "pixels": 4,
}
SCORES = {
    "measured": "On a pond.",
    "leave one patch out": {"RGB": FOUND, "RGB, flips at test time": {**FOUND, "overall_accuracy": 0.625}},
    "rural tiles": {"RGB": {"agreement": 0.9}},
    "agreement of stored and float32 weights": 0.999,
}


def test_the_page_of_the_bundled_model_says_what_its_card_says():
    page = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8")
    assert card_page.with_scores(page, read_card(BUNDLED_FOLDER).scores) == page


def test_scores_by_input_and_by_class_stand_between_the_marks_and_nothing_else_changes():
    page = f"# A\n\n{card_page.BEGIN}\nold\n{card_page.END}\n\nafter\n"
    text = card_page.with_scores(page, SCORES)
    assert text.startswith("# A\n\n") and text.endswith("\n\nafter\n") and "old" not in text
    assert "| RGB | 0.500 | 0.250 | 0.125 |" in text
    assert "| RGB, flips at test time | 0.625 | 0.250 | 0.125 |" in text
    assert "| building | 0.400 | 0.000 |" in text
    assert "rural" not in text
    assert card_page.with_scores(text, SCORES) == text


def test_the_command_writes_into_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{card_page.BEGIN}\n{card_page.END}\n")
    assert card_page.main([str(BUNDLED_FOLDER), str(page)]) == 0
    assert "IoU of class" in page.read_text()
    assert list(tmp_path.iterdir()) == [page]


@pytest.mark.parametrize("case", ["no marks", "no page", "no model"])
def test_what_cannot_be_written_is_said(case, tmp_path, capsys):
    page = tmp_path / "page.md"
    if case != "no page":
        page.write_text("nothing")
    model = tmp_path / "none" if case == "no model" else BUNDLED_FOLDER
    assert card_page.main([str(model), str(page)]) == 2
    said = {"no marks": "needs a line", "no page": "No such file", "no model": "none"}[case]
    assert said in capsys.readouterr().err
