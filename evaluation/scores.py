"""Scores from counted pixels, of any legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..contract.nomenclature import LandCoverClass


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Pixels by truth (rows) and prediction (columns), int64 (classes, classes).

    truth, predicted: indices of classes, of one shape; where the truth is negative nothing is counted.
    """
    known = truth >= 0
    pairs = truth[known].astype(np.int64) * classes + predicted[known]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def ious(table: np.ndarray) -> dict[int, float]:
    """Intersection over union of each class that occurs in the truth, 0..1, by index."""
    hit, truth = np.diag(table), table.sum(axis=1)
    union = truth + table.sum(axis=0) - hit
    return {int(index): float(hit[index] / union[index]) for index in np.flatnonzero(truth)}


def mean_iou(table: np.ndarray) -> float | None:
    """The mean over the classes that occur in the truth, 0..1; None where there is none."""
    found = ious(table)
    return float(np.mean(list(found.values()))) if found else None


def scores(table: np.ndarray, legend: Sequence[LandCoverClass], where: str) -> dict:
    """``{"where", "accuracy", "mean_iou", "iou": {class name: IoU}, "pixels"}`` of a table; see `FinetuneResult`."""
    pixels = int(table.sum())
    mean = mean_iou(table)
    return {
        "where": where,
        "accuracy": round(float(np.trace(table)) / pixels, 4) if pixels else None,
        "mean_iou": None if mean is None else round(mean, 4),
        "iou": {legend[index].name: round(iou, 4) for index, iou in ious(table).items()},
        "pixels": pixels,
    }
