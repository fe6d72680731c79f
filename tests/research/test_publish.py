from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from flair_landcover.contract.cards import WEIGHTS_NAME, digest_of, read_card
from flair_landcover.models.networks.utt import UTT
from flair_landcover.models.networks.weights import load_weights
from flair_landcover.research.dataset import ALL_ROLES, LabelledImage
from flair_landcover.research.evaluate import predict
from flair_landcover.research.publish import limits_of, publish, write_weights
from flair_landcover.research.recipe import Recipe, TrainingStage


class Little:
    """The material of a recipe that has one patch and one generated scene."""

    def __init__(self, patch: LabelledImage, scene: LabelledImage) -> None:
        self.patches = (patch,)
        self._measured = {"flair2": [patch], "generated": [scene]}

    def pictures(self):
        return self.patches

    def measured(self):
        return self._measured

    def description(self):
        return "one patch"

    def held_out(self):
        return "the same patch;"


@pytest.fixture(scope="module")
def network() -> UTT:
    torch.manual_seed(2)
    return UTT().eval()


@pytest.fixture
def material(scene) -> Little:
    return Little(replace(scene, name="flair2/1", kind="flair2"), scene)


RECIPE = Recipe("small", "Small", "free", TrainingStage(steps=2), digest="sha256:00")
FOLDS = {"five bands": {"overall_accuracy": 0.5}}


def test_a_model_folder_predicts_as_its_card_says(network, material, tmp_path):
    card = publish(RECIPE, network, material, FOLDS, tmp_path / "model")
    assert read_card(tmp_path / "model") == card
    assert card.weights_digest == digest_of(tmp_path / "model" / WEIGHTS_NAME)
    stored = UTT()
    stored.load_state_dict(load_weights(tmp_path / "model" / WEIGHTS_NAME))
    labels, codes = predict(stored, material.patches[0], ALL_ROLES)
    said = card.scores["real FLAIR #2 patches"]["five bands"]
    assert said["overall_accuracy"] == pytest.approx((labels == codes).mean(), abs=1e-3)
    assert card.seen["red"] == (round(float(material.patches[0].bands[0].mean()), 1),) * 2
    assert 0 <= said["expected_calibration_error"] <= 1
    other, _ = predict(network, material.patches[0], ALL_ROLES)
    assert card.scores["agreement of stored and float32 weights"] == pytest.approx((labels == other).mean(), abs=1e-4)
    assert card.scores["leave one patch out"] == FOLDS
    assert "sha256:00" in card.source and "one patch" in card.training_data
    assert {"RGB", "RGB and Sentinel-2 series"} <= set(card.scores["generated scenes"])


def test_an_older_model_of_that_name_is_replaced_whole_and_nothing_else_is_left(network, material, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old.txt").write_text("old")
    publish(RECIPE, network, material, {}, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["card.json", WEIGHTS_NAME]


def test_a_failure_while_measuring_leaves_the_older_model(network, material, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old.txt").write_text("old")
    broken = replace(material.patches[0], bands=np.zeros((3, 8, 8), np.uint8))
    with pytest.raises((ValueError, RuntimeError)):
        publish(RECIPE, network, Little(broken, broken), {}, tmp_path / "model")
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "old.txt"]


def test_rounding_keeps_the_weights_near_and_the_file_small(network, tmp_path):
    stored = write_weights(network, tmp_path / "model")
    assert (tmp_path / "model" / WEIGHTS_NAME).stat().st_size < 29e6
    rounded = dict(stored.named_parameters())
    for name, weights in network.named_parameters():
        assert (rounded[name] - weights).abs().max() <= 0.5 * weights.abs().max(), name


def test_the_line_of_limits_follows_from_the_scores_on_real_images():
    patches = {"five bands": {"iou": {"building": 0.6, "water": 0.3, "coniferous": 0.1}}}
    renderings = {"RGB": {"iou": {"building": 0.1, "vineyard": 0.0}}}
    scores = {"leave one patch out": patches, "renderings of FLAIR #2 scenes": renderings, "generated scenes": patches}
    assert limits_of(scores) == "Finds building; is unsure of water; mostly misses coniferous, vineyard."
    assert limits_of({"renderings of FLAIR #2 scenes": renderings}) == "Mostly misses building, vineyard."
    assert limits_of({"generated scenes": patches}) == "Not measured on real pictures."
