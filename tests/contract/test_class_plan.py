from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.class_names import COSIA
from flair_landcover.contract.class_plan import distinct_colour, parse_class_map, plan_classes, value_text
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass
from flair_landcover.contract.notices import english

CARD = ModelCard(id="base", title="Base", architecture="utt")


def refusal(*arguments) -> str:
    with pytest.raises(BadInput) as caught:
        plan_classes(CARD, *arguments)
    assert caught.value.field == "class_map"
    return str(caught.value)


def test_numbers_and_names_are_taken_as_they_are():
    plan = plan_classes(CARD, ["5", "Bare Soil", "water", "HERBACEOUS_vegetation", "décidûous"])
    assert plan.assigned == {"5": 5, "Bare Soil": 4, "water": 5, "HERBACEOUS_vegetation": 10, "décidûous": 7}
    assert plan.legend == FLAIR_CLASSES and plan.new == ()


def test_the_map_goes_before_numbers_and_names():
    plan = plan_classes(CARD, ["5", "water", "x"], [("5", "7"), ("water", ""), ("x", "Vineyard")])
    assert plan.assigned == {"5": 7, "water": None, "x": 9}


def test_a_name_in_the_map_that_the_model_does_not_know_is_a_new_class():
    class_map = [("pv", "solar panels"), ("roof pv", "Solar Panels"), ("tarp", "tarpaulin")]
    plan = plan_classes(CARD, ["pv", "roof pv", "solar  PANELS", "tarp"], class_map)
    assert plan.assigned == {"pv": 14, "roof pv": 14, "solar PANELS": 14, "tarp": 15}
    assert plan.new == ("solar panels", "tarpaulin")
    assert [c.value for c in plan.legend] == list(range(1, 16))
    assert plan.name_of(14) == "solar panels"
    assert len({c.colour for c in plan.legend}) == 15


def test_new_classes_are_those_that_polygons_have():
    plan = plan_classes(CARD, ["water"], [("pv", "solar panels")])
    assert plan.new == () and plan.assigned == {"water": 5}


def test_new_classes_follow_those_of_the_models_own_legend():
    own = (LandCoverClass(3, "roof", "#ff0000"), LandCoverClass(40, "lawn", "#00ff00"))
    card = replace(CARD, classes=own, outputs=(3, 40))
    plan = plan_classes(card, ["roof", "40", "pond"], [("pond", "pond")])
    assert plan.assigned == {"roof": 3, "40": 40, "pond": 41}


def test_an_unlisted_unknown_value_is_refused_by_name():
    assert "'haie' is no class of the model Base" in refusal(["water", "haie"])
    assert "and 2 more" in refusal([f"kind {letter}" for letter in "abcdefg"])
    assert "'20'" in refusal(["20"])


def test_no_value_is_ignored_unless_it_is_mapped():
    assert plan_classes(CARD, ["", "water"]).assigned == {"": None, "water": 5}
    assert plan_classes(CARD, ["", "water"], [("", "other")]).assigned == {"": 13, "water": 5}


def test_a_number_that_is_no_class_is_no_name_of_a_new_one():
    assert "'14'" in refusal(["x"], [("x", "14")])


def test_french_names_are_known_in_a_map_too_and_what_flair_merges_is_a_class_of_its_own_there():
    plan = plan_classes(CARD, ["a", "b"], [("a", "Vignes"), ("b", "Piscine")])
    assert plan.assigned == {"a": 9, "b": 14} and plan.new == ("Piscine",) and plan.notices == ()


def test_a_class_that_the_map_has_made_goes_before_other():
    assert plan_classes(CARD, ["Piscine", "piscines"], [("Piscine", "pool")]).assigned == {
        "Piscine": 14,
        "piscines": 13,
    }
    assert plan_classes(CARD, ["x", "piscines"], [("x", "Piscine")]).assigned == {"x": 14, "piscines": 14}


def test_classes_of_flair_and_cosia_that_are_other_to_the_model_are_told():
    plan = plan_classes(CARD, ["Serre", "Piscine", "Vigne", "", "x"], [("x", "")])
    assert plan.assigned == {"Serre": 13, "Piscine": 13, "Vigne": 9, "": None, "x": None}
    (told,) = plan.notices
    assert english(told).startswith("Serre, Piscine are no classes of the model Base: taken as other, as FLAIR does;")
    (told,) = plan_classes(CARD, ["13", "14", "2"]).notices
    assert english(told).startswith("The number 14 (snow) is taken as one of FLAIR's 19 classes and so as other:")


def test_numbers_in_the_field_of_cosia_are_cosias_and_those_in_the_map_the_models():
    plan = plan_classes(CARD, ["2", "4", "5", "15", "9"], [("9", "9")], COSIA)
    assert plan.assigned == {"2": 2, "4": 13, "5": 4, "15": 13, "9": 9}
    assert english(plan.notices[0]).startswith("4 (swimming pool), 15 (greenhouse) are no classes")
    with pytest.raises(BadInput, match="'16'"):
        plan_classes(CARD, ["16"], (), COSIA)


def test_labels_end_at_255():
    full = tuple(LandCoverClass(value, f"kind {value}", "#000000") for value in range(1, 256))
    with pytest.raises(BadInput, match="no room"):
        plan_classes(replace(CARD, classes=full), ["x"], [("x", "one more")])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (np.float64("nan"), ""),
        ("", ""),
        (3, "3"),
        (3.0, "3"),
        (np.float64(3.0), "3"),
        (np.int64(2**40), str(2**40)),
        (2.5, "2.5"),
        ("  bare   soil ", "bare soil"),
        (True, "true"),
        (np.bool_(False), "false"),
    ],
)
def test_values_as_text(value, text):
    assert value_text(value) == text


def test_a_class_map_is_read_from_text():
    assert parse_class_map("vigne=vineyard; 7 = 3;unsure=;;a=b=water") == (
        ("vigne", "vineyard"),
        ("7", "3"),
        ("unsure", ""),
        ("a=b", "water"),
    )
    assert parse_class_map(" ") == ()
    with pytest.raises(BadInput, match="'vigne'") as caught:
        parse_class_map("vigne")
    assert caught.value.field == "class_map"


def test_many_new_colours_differ_from_all_others():
    colours = [c.colour for c in FLAIR_CLASSES]
    for _ in range(12):
        colours.append(distinct_colour(colours))
    parts = [tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in colours]
    new = range(len(FLAIR_CLASSES), len(parts))
    assert min(math.dist(parts[i], parts[j]) for i in new for j in range(i)) > 40
