from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from flair_landcover.research.dataset import ALL_ROLES, RGB
from flair_landcover.research.evaluate import (
    calibration_error,
    coarse_scores,
    count_predictions,
    exact_scores,
    predict,
    probabilities,
)
from flair_landcover.research.labels import CLASSES, CODES


class Brightness(nn.Module):
    """Calls bright pixels deciduous and dark ones water; the near infrared, where given, is called building."""

    def forward(self, aerial, series=None, days=None):
        logits = torch.zeros(len(aerial), CLASSES, *aerial.shape[-2:])
        logits[:, CODES["deciduous"] - 1] = aerial[:, 0] - 0.4
        logits[:, CODES["building"] - 1] = 10 * aerial[:, 3] - 5
        return logits + torch.eye(CLASSES)[CODES["water"] - 1][None, :, None, None] * 1e-3


def matrix(**pixels: int) -> np.ndarray:
    """A confusion matrix from keywords `truth__predicted`, spaces as underscores."""
    counts = np.zeros((max(CODES.values()) + 1, CLASSES), np.int64)
    for pair, number in pixels.items():
        truth, predicted = (name.replace("_", " ") for name in pair.split("__"))
        counts[CODES[truth], CODES[predicted] - 1] = number
    return counts


def test_scores_of_exact_labels():
    scores = exact_scores(matrix(water__water=60, water__building=20, building__building=20))
    assert scores["overall_accuracy"] == 0.8
    assert scores["iou"] == {"building": 0.5, "water": 0.75}
    assert scores["mean_iou_of_classes_present"] == 0.625
    assert scores["pixels"] == 100


def test_a_class_that_is_not_in_the_truth_has_no_score_but_costs():
    scores = exact_scores(matrix(water__water=50, water__vineyard=50))
    assert scores["iou"] == {"water": 0.5}


def test_scores_of_coarse_labels():
    counts = matrix(rural_forest__coniferous=30, rural_forest__deciduous=50, rural_forest__water=20, water__water=100)
    assert coarse_scores(counts) == {"agreement": 0.9, "by_label": {"water": 1.0, "rural forest": 0.8}, "pixels": 200}


def test_only_the_bands_given_reach_the_network(halves):
    counts = count_predictions(Brightness(), [halves], RGB).matrix
    assert exact_scores(counts)["overall_accuracy"] == 1.0
    assert count_predictions(Brightness(), [halves], ALL_ROLES).matrix[CODES["deciduous"], CODES["building"] - 1] > 0


def test_pixels_without_a_label_are_not_scored(halves):
    halves.codes[:10] = 0
    assert count_predictions(Brightness(), [halves], RGB).matrix.sum() == 86 * 96


def test_an_image_of_an_odd_size_is_predicted_whole(halves):
    from dataclasses import replace

    odd = replace(halves, bands=halves.bands[:, :75, :83], codes=halves.codes[:75, :83])
    predicted, codes = predict(Brightness(), odd, RGB)
    assert predicted.shape == codes.shape == (75, 83)
    assert np.array_equal(predicted, codes)


def test_a_score_with_a_series_needs_one(halves):
    with pytest.raises(ValueError, match="has no Sentinel-2 series"):
        predict(Brightness(), halves, RGB, with_series=True)


class Certain(nn.Module):
    """Says water with probability 0.8 of every pixel in the west of its input, and 0.6 in the east."""

    def forward(self, aerial, series=None, days=None):
        shares = torch.full((len(aerial), CLASSES, *aerial.shape[-2:]), 1e-6)
        half = aerial.shape[-1] // 2
        shares[:, CODES["water"] - 1, :, :half] = 0.8
        shares[:, CODES["water"] - 1, :, half:] = 0.6
        shares[:, CODES["other"] - 1, :, :half] = 0.2
        shares[:, CODES["other"] - 1, :, half:] = 0.4
        return shares.log()


def test_the_calibration_error_is_how_far_probabilities_are_from_hits(halves):
    bins = count_predictions(Certain(), [halves], RGB).bins
    # 0.2 too low where all is water, 0.6 too high where nothing is, half of the image each
    assert calibration_error(bins) == pytest.approx(0.4, abs=2e-3)
    assert calibration_error(np.zeros((15, 3))) is None


def test_flips_at_test_time_average_what_the_network_sees_from_four_sides(halves):
    shares, _ = probabilities(Certain(), halves, RGB, augmentation="flips")
    assert shares[CODES["water"] - 1] == pytest.approx(0.7, abs=1e-4)


def test_counts_add_up(halves):
    once = count_predictions(Certain(), [halves], RGB)
    twice = count_predictions(Certain(), [halves, halves], RGB)
    assert np.array_equal((once + once).matrix, twice.matrix)
    assert (once + once).bins == pytest.approx(twice.bins)
