"""What a fetched model's card is told of where it comes from; the fetch itself is tested through the worker."""

from __future__ import annotations

import pytest

from flair_landcover.contract.cards import BadModel, ModelCard
from flair_landcover.engine import import_published as module
from flair_landcover.engine.import_published import import_published, with_origin
from flair_landcover.models.published import PublishedModel

CARD = ModelCard(id="x", title="X", architecture="smp:Unet:resnet34")
PUBLISHED = PublishedModel("IGNF/X", "X.pth", mean_iou=0.59, measured_on="the test patches")


def test_a_silent_card_gets_the_published_licence_source_and_scores():
    card = with_origin(CARD, PUBLISHED)
    assert card.licence == "etalab-2.0" and card.source == "IGNF/X on the model hub"
    assert card.scores == {"published": {"mean_iou": 0.59, "measured_on": "the test patches"}}


def test_what_a_card_says_itself_stays():
    said = ModelCard("x", "X", "utt", licence="CC0", source="IGN, models.", scores={"here": {"accuracy": 0.5}})
    card = with_origin(said, PUBLISHED)
    assert (card.licence, card.scores) == ("CC0", {"here": {"accuracy": 0.5}})
    assert card.source == "IGN, models; IGNF/X on the model hub"


def test_nothing_is_made_up_for_a_model_of_which_nothing_is_known():
    card = with_origin(CARD, PublishedModel("somebody/x", "x.pth", licence=""))
    assert (card.licence, card.scores) == ("", {})


def test_a_model_that_is_in_the_library_is_not_fetched_again(monkeypatch):
    there = ModelCard("there", "There", "utt", source="IGN; IGNF/X on the model hub")
    monkeypatch.setattr(module, "installed_models", lambda: [there])
    with pytest.raises(BadModel, match="in the library already, as there"):
        import_published("IGNF/X")
