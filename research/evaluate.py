"""Scores of a network on images it did not learn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..contract.nomenclature import FLAIR_CLASSES
from ..evaluation.confusion import accuracy, class_ious, confusion_matrix, mean_iou, rounded
from ..inference.backends.backend import Series
from ..inference.predict import augmented
from .augment import at_model_gsd, keep_roles
from .dataset import LabelledImage
from .labels import CLASSES, CODES, UNKNOWN, allowed_classes

STRIDE = 32  # the network halves its input five times
_LABELS = max(CODES.values()) + 1
BINS = 15  # of the calibration error, as in Guo et al., arXiv 1706.04599, section 4


@dataclass(frozen=True)
class EvaluationCounts:
    """What counting predictions gives; counts add up.

    matrix: pixels by code (rows) and predicted value 1..13 (columns), (codes, CLASSES) int64; row 0 has no label.
    bins: of pixels with an exact label, by the likeliest class's probability in steps of 1 / BINS: number, sum of
        those probabilities, number of hits; (BINS, 3) float64.
    """

    matrix: np.ndarray
    bins: np.ndarray

    def __add__(self, other: EvaluationCounts) -> EvaluationCounts:
        return EvaluationCounts(self.matrix + other.matrix, self.bins + other.bins)


@torch.no_grad()
def probabilities(
    network: nn.Module,
    image: LabelledImage,
    roles: frozenset[str],
    with_series: bool = False,
    augmentation: str = "none",
) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities (CLASSES, H, W) float32 and codes (H, W) uint8 at 0.2 m a pixel, from the bands of `roles`.

    augmentation: at test time, of `contract.choices.AUGMENTATIONS`.
    Raises ValueError where a series is asked for and the image has none.
    """
    aerial, codes = at_model_gsd(image)
    aerial = keep_roles(aerial, roles & image.roles)
    height, width = codes.shape
    aerial = functional.pad(aerial[None], (0, -width % STRIDE, 0, -height % STRIDE), mode="reflect")
    series = None
    if with_series:
        if image.series is None or image.days is None:
            raise ValueError(f"{image.name} has no Sentinel-2 series")
        series = image.series[None].astype(np.float32), image.days[None].astype(np.float32)
    network = network.eval()
    device = next((weights.device for weights in network.parameters()), torch.device("cpu"))

    def run(tiles: np.ndarray, dates: Series | None) -> np.ndarray:
        given = [torch.from_numpy(array).to(device) for array in (tiles, *(dates or ()))]
        return network(*given).float().softmax(1).cpu().numpy()

    return augmented(run, aerial.numpy(), series, augmentation)[0, :, :height, :width], codes.numpy()


def predict(
    network: nn.Module, image: LabelledImage, roles: frozenset[str], with_series: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted values 1..13 and codes, both (H, W) uint8 at 0.2 m a pixel, from the bands of `roles` alone."""
    shares, codes = probabilities(network, image, roles, with_series)
    return (shares.argmax(0) + 1).astype(np.uint8), codes


def count_predictions(
    network: nn.Module,
    images: Iterable[LabelledImage],
    roles: frozenset[str],
    with_series: bool = False,
    augmentation: str = "none",
) -> EvaluationCounts:
    """Counts the predictions of images, see `probabilities`."""
    matrix, bins = np.zeros((_LABELS, CLASSES), np.int64), np.zeros((BINS, 3))
    for image in images:
        shares, codes = probabilities(network, image, roles, with_series, augmentation)
        predicted, sure = shares.argmax(0), shares.max(0)
        matrix += label_matrix(codes, predicted)
        exact = (codes != UNKNOWN) & (codes <= CLASSES)
        place = np.minimum((sure[exact] * BINS).astype(int), BINS - 1)
        hit = predicted[exact] + 1 == codes[exact]
        for column, weights in enumerate((None, sure[exact], hit)):
            bins[:, column] += np.bincount(place, weights, BINS)
    return EvaluationCounts(matrix, bins)


def label_matrix(codes: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Pixels by code (rows) and predicted class (columns), int64 (codes, CLASSES); those without a label do not count.

    codes: of `labels`. predicted: the class's value - 1. Both of one shape.
    """
    truth = np.where(codes == UNKNOWN, -1, codes.astype(np.int64))
    return confusion_matrix(truth, predicted, CLASSES, labels=_LABELS)


def scores_of(counts: EvaluationCounts) -> dict:
    """`exact_scores` of what was counted, and the calibration error."""
    return {**exact_scores(counts.matrix), "expected_calibration_error": calibration_error(counts.bins)}


def calibration_error(bins: np.ndarray) -> float | None:
    """Expected calibration error, 0..1: how far probabilities are from the share of hits, by `EvaluationCounts.bins`.

    Naeini et al., AAAI 2015; Guo et al., arXiv 1706.04599, equation 3. None without pixels.
    """
    number, sure, hits = bins.T
    return _share(np.abs(sure - hits).sum(), number.sum())


def exact_scores(matrix: np.ndarray) -> dict:
    """Scores of pixels with an exact label.

    matrix: of `EvaluationCounts`. Returns overall accuracy, the mean of the intersections over
    unions (IoU) of the classes that occur in the truth, those IoU by class name, and the number of
    pixels; shares in 0..1 with three decimals.
    """
    square = exact_matrix(matrix)
    truth, pixels = square.sum(axis=1), int(square.sum())
    ious = {FLAIR_CLASSES[index].name: round(iou, 3) for index, iou in class_ious(square).items()}
    return {
        "overall_accuracy": rounded(accuracy(square), 3),
        "mean_iou_of_classes_present": rounded(mean_iou(square), 3),
        "iou": ious,
        "share_of_truth": {c.name: _share(truth[c.value - 1], pixels) for c in FLAIR_CLASSES if c.name in ious},
        "pixels": pixels,
    }


def exact_matrix(matrix: np.ndarray) -> np.ndarray:
    """The confusion matrix of pixels with an exact label, (CLASSES, CLASSES). matrix: of `EvaluationCounts`."""
    return matrix[1 : CLASSES + 1]


def coarse_scores(matrix: np.ndarray) -> dict:
    """How often the prediction is one of the classes that a pixel's code allows, of all codes and of each."""
    allowed = allowed_classes()
    hit, truth = (matrix * allowed).sum(1), matrix.sum(1)
    by_code = {name: _share(hit[code], truth[code]) for name, code in CODES.items() if truth[code]}
    return {"agreement": _share(hit.sum(), truth.sum()), "by_label": by_code, "pixels": int(truth.sum())}


def _share(part: float, whole: float) -> float | None:
    return round(float(part) / float(whole), 3) if whole else None
