from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from flair_landcover.training.evaluate import coarse_scores, confusion, exact_scores, predict
from flair_landcover.training.labels import CLASSES, CODES
from flair_landcover.training.pictures import ALL_ROLES, RGB


class Brightness(nn.Module):
    """Calls bright pixels deciduous and dark ones water; the near infrared, where given, is called building."""

    def forward(self, aerial, series=None, days=None):
        logits = torch.zeros(len(aerial), CLASSES, *aerial.shape[-2:])
        logits[:, CODES["deciduous"] - 1] = aerial[:, 0] - 0.4
        logits[:, CODES["building"] - 1] = 10 * aerial[:, 3] - 5
        return logits + torch.eye(CLASSES)[CODES["water"] - 1][None, :, None, None] * 1e-3


def table(**pixels: int) -> np.ndarray:
    """A confusion table from keywords `truth__predicted`, spaces as underscores."""
    counts = np.zeros((max(CODES.values()) + 1, CLASSES), np.int64)
    for pair, number in pixels.items():
        truth, predicted = (name.replace("_", " ") for name in pair.split("__"))
        counts[CODES[truth], CODES[predicted] - 1] = number
    return counts


def test_scores_of_exact_labels():
    scores = exact_scores(table(water__water=60, water__building=20, building__building=20))
    assert scores["overall_accuracy"] == 0.8
    assert scores["iou"] == {"building": 0.5, "water": 0.75}
    assert scores["mean_iou_of_classes_present"] == 0.625
    assert scores["pixels"] == 100


def test_a_class_that_is_not_in_the_truth_has_no_score_but_costs():
    scores = exact_scores(table(water__water=50, water__vineyard=50))
    assert scores["iou"] == {"water": 0.5}


def test_scores_of_coarse_labels():
    counts = table(rural_forest__coniferous=30, rural_forest__deciduous=50, rural_forest__water=20, water__water=100)
    assert coarse_scores(counts) == {"agreement": 0.9, "by_label": {"water": 1.0, "rural forest": 0.8}, "pixels": 200}


def test_only_the_bands_given_reach_the_network(halves):
    counts = confusion(Brightness(), [halves], RGB)
    assert exact_scores(counts)["overall_accuracy"] == 1.0
    assert confusion(Brightness(), [halves], ALL_ROLES)[CODES["deciduous"], CODES["building"] - 1] > 0


def test_pixels_without_a_label_are_not_scored(halves):
    halves.codes[:10] = 0
    assert confusion(Brightness(), [halves], RGB).sum() == 86 * 96


def test_a_picture_of_an_odd_size_is_predicted_whole(halves):
    from dataclasses import replace

    odd = replace(halves, bands=halves.bands[:, :75, :83], codes=halves.codes[:75, :83])
    predicted, codes = predict(Brightness(), odd, RGB)
    assert predicted.shape == codes.shape == (75, 83)
    assert torch.equal(predicted, codes)


def test_a_score_with_a_series_needs_one(halves):
    with pytest.raises(ValueError, match="has no Sentinel-2 series"):
        predict(Brightness(), halves, RGB, with_series=True)
