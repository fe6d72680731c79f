from __future__ import annotations

import pytest

from flair_landcover.contract.class_names import COSIA, COSIA15, FLAIR, FLAIR19, find_class, numbering
from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass

# The field `classe` of CoSIA by its field `numero`, and what FLAIR calls it.
COSIA_NAMES = [
    (1, "Bâtiment", "building"),
    (2, "Zone perméable", "pervious surface"),
    (3, "Zone imperméable", "impervious surface"),
    (4, "Piscine", "swimming pool"),
    (5, "Sol nu", "bare soil"),
    (6, "Surface eau", "water"),
    (7, "Neige", "snow"),
    (8, "Conifère", "coniferous"),
    (9, "Feuillu", "deciduous"),
    (10, "Broussaille", "brushwood"),
    (11, "Vigne", "vineyard"),
    (12, "Pelouse", "herbaceous vegetation"),
    (13, "Culture", "agricultural land"),
    (14, "Terre labourée", "plowed land"),
    (15, "Serre", "greenhouse"),
]
# A model that has all of FLAIR's 19 classes, with numbers of its own.
ALL = tuple(LandCoverClass(40 - number, name, "#000000") for number, name in enumerate(FLAIR19))


def name_of(value, classes=FLAIR_CLASSES, **settings):
    found = find_class(value, classes, **settings)
    return None if found is None else found.name


@pytest.mark.parametrize(("number", "french", "english"), COSIA_NAMES)
def test_cosias_names_and_numbers_are_flairs_classes(number, french, english):
    assert name_of(french, ALL) == english
    assert name_of(str(number), ALL, numbers=COSIA) == english
    merged = english if english in {c.name for c in FLAIR_CLASSES} else "other"
    assert name_of(french) == merged and name_of(str(number), numbers=COSIA) == merged


@pytest.mark.parametrize(
    ("name", "english"),
    [
        ("Bâtiments", "building"),
        ("BATI", "building"),
        ("zones_imperméables", "impervious surface"),
        ("ZONE-IMPERMEABLE", "impervious surface"),
        ("Surface perméable", "pervious surface"),
        ("Surface d\u2019eau", "water"),
        ("Surfaces en eau", "water"),
        ("eaux", "water"),
        ("Feuillus", "deciduous"),
        ("Conife\u0300res", "coniferous"),
        ("Terres labourées", "plowed land"),
        ("végétation herbacée", "herbaceous vegetation"),
        ("Cultures", "agricultural land"),
        ("Vignes", "vineyard"),
        ("Broussailles", "brushwood"),
        ("Autre", "other"),
        ("Autres", "other"),
        ("Ligneux", "ligneous"),
        ("Coupe", "clear cut"),
        ("Buildings", "building"),
        ("swimming_pool", "swimming pool"),
    ],
)
def test_plurals_accents_case_hyphens_and_small_words_make_no_difference(name, english):
    assert name_of(name, ALL) == english


@pytest.mark.parametrize("number", range(1, 20))
def test_numbers_above_the_models_are_flairs_of_19(number):
    assert name_of(str(number)) == (FLAIR19[number - 1] if number < 13 else "other")


def test_a_models_own_numbers_and_names_count_first():
    own = (LandCoverClass(3, "Piscine", "#0000ff"), LandCoverClass(14, "solar", "#ffff00"), *FLAIR_CLASSES[3:6])
    assert name_of("piscine", own) == name_of("3", own) == name_of("swimming pool", own) == "Piscine"
    assert name_of("14", own) == "solar"
    assert name_of("15", own) is None  # FLAIR's numbers are none of a model's that goes on by itself after 13
    assert name_of("Serre", own) is None and name_of("building", own) is None  # no "other" to take them


@pytest.mark.parametrize("value", ["haie", "0", "20", "5.5", "", "zone", "arbre"])
def test_other_values_are_none(value):
    assert name_of(value) is None


def test_what_two_classes_of_a_model_are_is_not_guessed():
    two = (LandCoverClass(1, "Eau", "#000000"), LandCoverClass(2, "plan d'eau", "#000001"))
    assert name_of("water", two) is None and name_of("EAU", two) == "Eau"


def test_the_fields_of_a_layer_say_whose_numbers_they_are():
    assert numbering("numero", ["fid", "numero", "classe"]) == COSIA
    assert numbering("NUMERO", ["Classe", "NUMERO"]) == COSIA
    assert numbering("numero", ["numero", "nom"]) == FLAIR
    assert numbering("class", ["class", "classe"]) == FLAIR
    assert len(COSIA15) == len(COSIA_NAMES)
