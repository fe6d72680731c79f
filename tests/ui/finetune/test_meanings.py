"""What values mean by themselves, and which classes have too little."""

from __future__ import annotations

import pytest

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.class_names import COSIA, FLAIR
from flair_landcover.contract.class_plan import plan_classes
from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from flair_landcover.ui.finetune.value_counts import (
    IGNORED,
    Meaning,
    ValueCount,
    class_totals,
    is_new,
    preset,
    too_little,
)

OWN = (LandCoverClass(5, "hedge", "#00aa00"), LandCoverClass(20, "Water", "#0000ff"))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("5", "water"),
        ("water", "water"),
        ("Plowed  LAND", "plowed land"),
        ("BARE_SOIL", "bare soil"),
        ("Feuillus", "deciduous"),
        ("", ""),
    ],
)
def test_numbers_and_names_of_classes_are_known(value, name):
    assert preset(value, FLAIR_CLASSES) == Meaning(name)


@pytest.mark.parametrize("value", ["20", "0", "roof", "5.5"])
def test_other_values_wait_for_the_analyst(value):
    assert preset(value, FLAIR_CLASSES) is None


def test_what_the_layer_says_of_its_numbers_counts_before_the_models_numbers():
    assert preset("5", FLAIR_CLASSES, OWN) == Meaning("hedge") and is_new(Meaning("hedge"), FLAIR_CLASSES)
    assert preset("20", FLAIR_CLASSES, OWN) == Meaning("water")
    assert preset("6", FLAIR_CLASSES, OWN) == Meaning("coniferous")


def test_what_is_preset_is_what_the_engine_takes_it_for():
    card = ModelCard("m", "M", "utt")
    values = ["5", "water", "Plowed LAND", "13", "14", "Zone perméable", "Piscine", ""]
    for numbers in (FLAIR, COSIA):
        plan = plan_classes(card, values, [(value, preset(value, card.classes, (), numbers).name) for value in values])
        assert plan.assigned == plan_classes(card, values, (), numbers).assigned


def test_values_of_one_class_count_together_and_what_is_ignored_does_not():
    counts = [ValueCount("1", 2, 90.0), ValueCount("roof", 3, 110.0), ValueCount("x", 9, 1e6), ValueCount("y", 1, 1.0)]
    meanings = {"1": Meaning("building"), "roof": Meaning("building"), "x": IGNORED}
    assert class_totals(counts, meanings) == {"building": (5, 200.0)}


def test_a_class_needs_three_polygons_and_200_square_metres():
    assert too_little({"a": (3, 200.0), "b": (2, 900.0), "c": (9, 199.0)}) == ["b", "c"]
    assert not is_new(Meaning("WATER"), FLAIR_CLASSES) and not is_new(IGNORED, FLAIR_CLASSES)
