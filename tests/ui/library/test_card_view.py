"""A card as an analyst reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtGui import QColor

from flair_landcover.contract.cards import ModelCard, SatelliteInput, read_card
from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass
from flair_landcover.models.library import BUNDLED_FOLDER
from flair_landcover.models.published import PUBLISHED
from flair_landcover.ui.library.card_view import CardView, model_html, published_html, scores, square

CARD = ModelCard(id="ours", title="Ours", architecture="utt")


def shown(card: ModelCard, size: int = 22_200_000) -> str:
    view = CardView()
    view.show_html(lambda muted: model_html(card, size, muted))
    return view.toPlainText()


def test_a_card_says_what_the_model_takes_and_gives_and_where_it_is_from(application):
    card = replace(CARD, satellite=SatelliteInput(), limits="Misses roofs.", licence="CC BY 4.0", source="a village")
    text = shown(card)
    for part in ("Ours", "Misses roofs.", "CC BY 4.0", "a village", "22.2 MB", "utt", "ours", "0.2 m"):
        assert part in text
    assert "red, green, blue, near infrared (optional), height above ground (optional)" in text


@pytest.mark.parametrize(
    ("satellite", "word"),
    [(None, "none"), (SatelliteInput(), "optional"), (SatelliteInput(required=True), "required")],
)
def test_it_says_whether_sentinel2_is_needed(application, satellite, word):
    lines = shown(replace(CARD, satellite=satellite, fill={})).splitlines()
    assert lines[lines.index("Sentinel-2") + 1] == word


def test_the_legend_has_a_square_of_its_colour_for_each_class_that_is_predicted(application):
    html = model_html(replace(CARD, outputs=(1, 2, 0)), 0, "#777777")
    assert html.count("square:") == 2
    assert "square:db0e9a" in html and "building" in html and "water" not in html
    pixel = square(QColor(FLAIR_CLASSES[0].colour), QColor("#777777")).pixelColor(6, 6)
    assert pixel.name() == FLAIR_CLASSES[0].colour


def test_scores_stand_with_where_they_were_measured():
    stated = read_card(BUNDLED_FOLDER).scores
    found = scores(stated)
    assert found and all(score.where and score.mean_iou is not None for score in found)
    assert not [score for score in found if "share" in score.where]


def test_scores_of_all_kinds_of_cards_are_read():
    before = {"where": "holdout", "accuracy": 0.4, "mean_iou": 0.25, "iou": {"building": 0.3}}
    nested = {"polygons": {"before": before}, "base model": {"published": {"mean_iou": 0.6, "measured_on": "tests"}}}
    found = {score.where: (score.accuracy, score.mean_iou) for score in scores(nested)}
    assert found == {"polygons, before": (0.4, 0.25), "tests": (None, 0.6)}


def test_a_model_without_scores_says_so(application):
    assert "None are stated" in shown(CARD)


def test_what_a_card_says_is_text_and_never_markup_or_a_file(application):
    kind = LandCoverClass(1, "<b>roof</b>", 'red"><img src="/etc/hostname')
    card = replace(CARD, title="<img src='x.png'> & co", limits="<script>", outputs=(1,), classes=(kind,))
    text = shown(card)
    assert "<img src='x.png'> & co" in text and "<script>" in text and "<b>roof</b>" in text
    assert "/etc/hostname" not in text


def test_a_published_model_says_what_is_published_of_it(application):
    model = next(model for model in PUBLISHED if model.name == "FLAIR-HUB_LC-A_IR_convnextv2tiny-upernet")
    view = CardView()
    view.show_html(lambda muted: published_html(model, False, muted))
    text = view.toPlainText()
    for part in (model.name, "near infrared, red, green", "etalab-2.0", "29.8 million", "0.627", model.measured_on):
        assert part in text
