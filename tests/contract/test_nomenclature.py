from __future__ import annotations

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES, NODATA, OTHER, name_key

# README of IGNF/FLAIR-1, written off by hand.
PUBLISHED = [
    (1, "building", "#db0e9a", (219, 14, 154)),
    (2, "pervious surface", "#938e7b", (147, 142, 123)),
    (3, "impervious surface", "#f80c00", (248, 12, 0)),
    (4, "bare soil", "#a97101", (169, 113, 1)),
    (5, "water", "#1553ae", (21, 83, 174)),
    (6, "coniferous", "#194a26", (25, 74, 38)),
    (7, "deciduous", "#46e483", (70, 228, 131)),
    (8, "brushwood", "#f3a60d", (243, 166, 13)),
    (9, "vineyard", "#660082", (102, 0, 130)),
    (10, "herbaceous vegetation", "#55ff00", (85, 255, 0)),
    (11, "agricultural land", "#fff30d", (255, 243, 13)),
    (12, "plowed land", "#e4df7c", (228, 223, 124)),
    (13, "other", "#000000", (0, 0, 0)),
]


def test_the_classes_are_the_published_ones_in_their_order():
    assert [(c.value, c.name, c.colour, c.rgb) for c in FLAIR_CLASSES] == PUBLISHED


def test_other_is_the_last_class_and_nodata_is_none_of_them():
    assert OTHER == 13
    assert NODATA not in {c.value for c in FLAIR_CLASSES}


def test_a_class_cannot_be_changed_in_passing():
    with pytest.raises(AttributeError):
        FLAIR_CLASSES[0].value = 2


@pytest.mark.parametrize("name", ["Forêt dense", "foret dense", "FORÊT-DENSE", "Fore\u0302t_dense"])
def test_case_accents_and_spaces_tell_no_two_names_apart(name):
    assert name_key(name) == "foretdense"
