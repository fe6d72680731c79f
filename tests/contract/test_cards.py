from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from flair_landcover.contract.cards import (
    CARD_NAME,
    WEIGHTS_NAME,
    ModelCard,
    SatelliteInput,
    card_from_dict,
    digest_of,
    has_other_classes,
    learned_classes,
    read_card,
    write_card,
)
from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass

from ..refusal import refusal

CARD = ModelCard(
    id="vignes",
    title="Vignes à 0,25 m",
    architecture="smp:Unet:resnet18",
    inputs=("nir", "red", "green"),
    scale=1.0,
    means=(106.5, 105.5, 111.25),
    stds=(39.75, 52.25, 45.5),
    fill={"nir": 0.5},
    ground_sampling_distance=0.25,
    satellite=SatelliteInput(("B2", "B8"), 16, 10000.0, required=True, averaging="dates", days_sign=-1),
    outputs=(2, 0, 1),
    classes=(LandCoverClass(1, "vine", "#660082"), LandCoverClass(2, "the rest", "#000000")),
    scores={"held out": {"vine": 0.5}},
    weights_digest="sha256:00",
)


HEDGE: dict[str, Any] = {"value": 14, "name": "hedge", "colour": "#405060"}
PANELS = LandCoverClass(15, "solar panels", "#102030")


def _settings(**changes) -> dict:
    return {**json.loads(json.dumps(CARD.to_dict())), **changes}


@pytest.mark.parametrize("card", [CARD, ModelCard(id="a", title="A", architecture="utt")])
def test_a_card_survives_json(card):
    assert card_from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_a_card_holds_the_models_own_classes_beside_what_they_mean_among_the_13():
    own = {"own_classes": (LandCoverClass(**HEDGE), PANELS), "own_outputs": (14, 0, 15)}
    card = ModelCard(id="a", title="A", architecture="utt", outputs=(10, 0, 1, 5), **own)
    assert card_from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_a_card_of_an_older_version_has_no_classes_of_its_own_beside_its_legend():
    values = _settings()
    del values["own_classes"], values["own_outputs"]
    assert card_from_dict(values) == CARD


OURS = ModelCard(id="a", title="A", architecture="utt")
TAUGHT = replace(OURS, classes=(*FLAIR_CLASSES, PANELS), outputs=(*OURS.outputs, 15), fine_tuning={"made": "x"})


@pytest.mark.parametrize(
    ("card", "learned", "others"),
    [
        (OURS, (), False),
        (TAUGHT, (PANELS,), False),
        (replace(TAUGHT, fine_tuning={}), (), True),
        (CARD, (), True),
        (replace(CARD, fine_tuning={"polygons": {"new_classes": ["vine"]}}), CARD.classes[:1], True),
        (replace(OURS, own_classes=(LandCoverClass(**HEDGE),), own_outputs=(14,)), (), True),
        (replace(TAUGHT, fine_tuning={}, own_classes=FLAIR_CLASSES, own_outputs=OURS.outputs), (PANELS,), False),
    ],
)
def test_classes_that_were_taught_are_told_from_those_that_are_not_of_the_13(card, learned, others):
    assert learned_classes(card) == learned
    assert has_other_classes(card) == others


def test_a_card_survives_its_folder(tmp_path):
    (tmp_path / WEIGHTS_NAME).touch()
    assert write_card(CARD, tmp_path) == tmp_path / CARD_NAME
    assert read_card(tmp_path) == CARD
    assert sorted(path.name for path in tmp_path.iterdir()) == [CARD_NAME, WEIGHTS_NAME]
    assert "Vignes à 0,25 m" in (tmp_path / CARD_NAME).read_text(encoding="utf-8")


def test_writing_a_card_replaces_the_old_one(tmp_path):
    (tmp_path / WEIGHTS_NAME).touch()
    write_card(CARD, tmp_path)
    write_card(replace(CARD, title="New"), tmp_path)
    assert read_card(tmp_path).title == "New"


def test_settings_of_later_versions_are_left_out():
    values = _settings(colour_space="lab")
    values["satellite"]["clouds"] = 60
    values["classes"][0]["parent"] = None
    assert card_from_dict(values) == CARD


def test_optional_settings_have_defaults():
    card = card_from_dict({"id": "a", "title": "A", "architecture": "utt", "satellite": {}})
    assert card == ModelCard(id="a", title="A", architecture="utt", satellite=SatelliteInput())
    assert card.satellite.bands == ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
    assert card.outputs == tuple(range(1, 14))


@pytest.mark.parametrize("name", ["id", "title", "architecture"])
def test_a_card_without_a_required_setting_is_refused(name):
    values = _settings()
    del values[name]
    assert name in refusal(card_from_dict, values)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"means": [0.0, 0.0]}, "one mean and std for each input"),
        ({"stds": [1.0] * 4}, "one mean and std for each input"),
        ({"stds": [1.0, 0.0, 1.0]}, "above zero"),
        ({"scale": 0}, "a scale from"),
        ({"inputs": ["red", "green", "thermal"]}, "inputs among red, green, blue, nir, elevation"),
        ({"outputs": [1, 2, 3]}, "outputs whose classes are in its legend"),
        ({"outputs": [0, 0, 0]}, "at least one output"),
        ({"classes": [{"value": 256, "name": "vine", "colour": "#660082"}], "outputs": [256]}, "class values"),
        ({"classes": [{"value": 0, "name": "vine", "colour": "#660082"}], "outputs": [0]}, "class values"),
        ({"classes": [{"value": "1", "name": "vine", "colour": "#660082"}]}, "card"),
        ({"classes": [{"value": 1}]}, "incomplete"),
        ({"classes": [1, 2]}, "incomplete"),
        ({"classes": None}, "incomplete"),
        ({"outputs": [[1], [2], [3]]}, "a sound outputs"),
        ({"own_outputs": [14, 0, 15]}, "own_outputs whose classes are in its own_classes"),
        ({"own_classes": [HEDGE], "own_outputs": [0, 0, 0]}, "at least one of its own_classes that is predicted"),
        ({"own_classes": [HEDGE]}, "at least one of its own_classes that is predicted"),
        ({"own_classes": [HEDGE], "own_outputs": [14] * 4}, "at most as many own_outputs as outputs"),
        ({"own_classes": [{**HEDGE, "value": 300}], "own_outputs": [300]}, "own_classes with values of 1 to 255"),
        ({"own_classes": [14], "own_outputs": [14]}, "incomplete"),
        ({"stds": ["a", "b", "c"]}, "a sound stds"),
        ({"satellite": "yes"}, "incomplete"),
        ({"satellite": {"averaging": "weeks"}}, "an averaging of Sentinel-2 among months, year, dates"),
        ({"satellite": {"cloud_rule": "mine"}}, "a rule for clouds among flair2, flairhub"),
        ({"satellite": {"days_sign": 0}}, "a days_sign of Sentinel-2 that is 1 or -1"),
        ({"architecture": 5}, "a sound architecture"),
        ({"id": None}, "a sound id"),
        ({"licence": None}, "a sound licence"),
        *[({"tile_size": size}, "tile_size") for size in (-512, 0, 1, 10**9, 512.5, True, "512")],
        *[({"ground_sampling_distance": size}, "ground_sampling_distance") for size in (-0.2, 0, 1e9, "0.2")],
        *[({"means": [0.0, value, 0.0]}, "finite numbers as means") for value in (float("nan"), float("inf"))],
        ({"fill": {"nir": float("nan")}}, "finite numbers as fill"),
        ({"fill": {"thermal": 0.0}}, "values to fill in"),
        ({"inputs": ["red", "red", "green"]}, "inputs, each once"),
        ({"inputs": [], "means": [], "stds": []}, "inputs, each once"),
        ({"satellite": {"superpatch": 0}}, "superpatch"),
        ({"satellite": {"superpatch": "40"}}, "Sentinel-2"),
        ({"satellite": {"divisor": 0}}, "divisor"),
        ({"satellite": {"bands": "B2"}}, "Sentinel-2"),
        ({"seen": {"red": 3}}, "incomplete"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(changes, named):
    sentence = refusal(card_from_dict, _settings(**changes), "vignes/card.json")
    assert named in sentence
    assert sentence.startswith("vignes/card.json ")


def test_a_folder_without_a_card_is_no_model(tmp_path):
    assert CARD_NAME in refusal(read_card, tmp_path)
    assert CARD_NAME in refusal(read_card, tmp_path / "nowhere")


def test_a_card_without_weights_is_refused(tmp_path):
    write_card(CARD, tmp_path)
    assert WEIGHTS_NAME in refusal(read_card, tmp_path)


@pytest.mark.parametrize("content", [b"", b"not json", b'{"id": "a"', b"\xff\xfe\xfa", b"[1, 2]", b"null", b"{}"])
def test_a_file_that_is_no_card_is_refused(tmp_path, content):
    (tmp_path / CARD_NAME).write_bytes(content)
    (tmp_path / WEIGHTS_NAME).touch()
    assert CARD_NAME in refusal(read_card, tmp_path)


def test_the_digest_is_that_of_the_bytes(tmp_path):
    content = bytes(range(256)) * 9000  # more than one block of reading
    (tmp_path / "file").write_bytes(content)
    assert digest_of(tmp_path / "file") == "sha256:" + hashlib.sha256(content).hexdigest()
