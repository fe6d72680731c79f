from __future__ import annotations

import numpy as np
import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.evaluation.confusion import class_ious, confusion_matrix, mean_iou, scores


def test_pixels_without_truth_count_for_nothing():
    matrix = confusion_matrix(np.array([[0, 1], [-1, -2]]), np.array([[0, 0], [1, 1]]), 2)
    assert matrix.tolist() == [[1, 0], [1, 0]]


def test_classes_that_the_truth_does_not_hold_have_no_score():
    matrix = np.array([[3, 1, 0], [0, 2, 2], [0, 0, 0]])
    assert class_ious(matrix) == {0: 0.75, 1: pytest.approx(2 / 5)}
    assert mean_iou(matrix) == pytest.approx((0.75 + 0.4) / 2)


def test_scores_carry_the_names_of_the_legend():
    matrix = np.zeros((13, 13), np.int64)
    matrix[4, 4], matrix[4, 6] = 3, 1
    assert scores(matrix, FLAIR_CLASSES, "holdout").to_dict() == {
        "where": "holdout",
        "accuracy": 0.75,
        "mean_iou": 0.75,
        "iou": {"water": 0.75},
        "pixels": 4,
    }


def test_without_pixels_there_are_no_scores():
    empty = scores(np.zeros((13, 13), np.int64), FLAIR_CLASSES, "training")
    assert (empty.accuracy, empty.mean_iou, empty.iou, empty.pixels) == (None, None, {}, 0)
