"""The confusion matrix and the scores that follow from it, of any legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..contract.finetuning import Scores
from ..contract.nomenclature import LandCoverClass


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int, labels: int | None = None) -> np.ndarray:
    """Pixels by truth (rows) and prediction (columns), int64 (labels, classes).

    truth, predicted: indices, of one shape; where the truth is negative nothing is counted. classes: that can be
    predicted. labels: that the truth can hold, where these are others; None: the classes.
    """
    shape = (classes if labels is None else labels, classes)
    known = truth >= 0
    pairs = truth[known].astype(np.int64) * classes + predicted[known]
    return np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)


def accuracy(matrix: np.ndarray) -> float | None:
    """Share of the pixels that are predicted right, 0..1; None without pixels."""
    pixels = int(matrix.sum())
    return float(np.trace(matrix)) / pixels if pixels else None


def class_ious(matrix: np.ndarray) -> dict[int, float]:
    """Intersection over union of each class that occurs in the truth, 0..1, by index."""
    hit, truth = np.diag(matrix), matrix.sum(axis=1)
    union = truth + matrix.sum(axis=0) - hit
    return {int(index): float(hit[index] / union[index]) for index in np.flatnonzero(truth)}


def mean_iou(matrix: np.ndarray) -> float | None:
    """The mean over the classes that occur in the truth, 0..1; None where there is none."""
    found = class_ious(matrix)
    return float(np.mean(list(found.values()))) if found else None


def scores(matrix: np.ndarray, legend: Sequence[LandCoverClass], where: str) -> Scores:
    """The scores of a model on polygons. where: see `Scores`."""
    return Scores(
        where=where,
        accuracy=rounded(accuracy(matrix), 4),
        mean_iou=rounded(mean_iou(matrix), 4),
        iou={legend[index].name: round(iou, 4) for index, iou in class_ious(matrix).items()},
        pixels=int(matrix.sum()),
    )


def rounded(score: float | None, digits: int) -> float | None:
    """A score as cards and reports hold it."""
    return None if score is None else round(score, digits)
