"""Scores of a network on pictures it did not learn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..contract.nomenclature import FLAIR_CLASSES
from ..inference.backends.backend import Series
from ..inference.predict import augmented
from .augment import at_model_gsd, keep_roles
from .dataset import Picture
from .labels import CLASSES, CODES, UNKNOWN, allowed_classes

STRIDE = 32  # the network halves its input five times
BINS = 15  # of the calibration error, as in Guo et al., arXiv 1706.04599, section 4


@dataclass(frozen=True)
class Tally:
    """What counting predictions gives; tallies add up.

    table: pixels by code (rows) and predicted value 1..13 (columns), (codes, CLASSES) int64; row 0 has no label.
    bins: of pixels with an exact label, by the likeliest class's probability in steps of 1 / BINS: number, sum of
        those probabilities, number of hits; (BINS, 3) float64.
    """

    table: np.ndarray
    bins: np.ndarray

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.table + other.table, self.bins + other.bins)


@torch.no_grad()
def probabilities(
    network: nn.Module,
    picture: Picture,
    roles: frozenset[str],
    with_series: bool = False,
    augmentation: str = "none",
) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities (CLASSES, H, W) float32 and codes (H, W) uint8 at 0.2 m a pixel, from the bands of `roles`.

    augmentation: at test time, of `inference.predict.AUGMENTATIONS`.
    Raises ValueError where a series is asked for and the picture has none.
    """
    aerial, codes = at_model_gsd(picture)
    aerial = keep_roles(aerial, roles & picture.roles)
    height, width = codes.shape
    aerial = functional.pad(aerial[None], (0, -width % STRIDE, 0, -height % STRIDE), mode="reflect")
    series = None
    if with_series:
        if picture.series is None or picture.days is None:
            raise ValueError(f"{picture.name} has no Sentinel-2 series")
        series = picture.series[None].astype(np.float32), picture.days[None].astype(np.float32)
    network = network.eval()
    device = next((weights.device for weights in network.parameters()), torch.device("cpu"))

    def run(tiles: np.ndarray, dates: Series | None) -> np.ndarray:
        given = [torch.from_numpy(array).to(device) for array in (tiles, *(dates or ()))]
        return network(*given).float().softmax(1).cpu().numpy()

    return augmented(run, aerial.numpy(), series, augmentation)[0, :, :height, :width], codes.numpy()


def predict(
    network: nn.Module, picture: Picture, roles: frozenset[str], with_series: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted values 1..13 and codes, both (H, W) uint8 at 0.2 m a pixel, from the bands of `roles` alone."""
    odds, codes = probabilities(network, picture, roles, with_series)
    return (odds.argmax(0) + 1).astype(np.uint8), codes


def tally(
    network: nn.Module,
    pictures: Iterable[Picture],
    roles: frozenset[str],
    with_series: bool = False,
    augmentation: str = "none",
) -> Tally:
    """Counts the predictions of pictures, see `probabilities`."""
    table, bins = np.zeros((max(CODES.values()) + 1, CLASSES), np.int64), np.zeros((BINS, 3))
    for picture in pictures:
        odds, codes = probabilities(network, picture, roles, with_series, augmentation)
        predicted, sure = odds.argmax(0), odds.max(0)
        pairs = codes.astype(np.int64) * CLASSES + predicted
        table += np.bincount(pairs.ravel(), minlength=table.size).reshape(table.shape)
        exact = (codes != UNKNOWN) & (codes <= CLASSES)
        place = np.minimum((sure[exact] * BINS).astype(int), BINS - 1)
        hit = predicted[exact] + 1 == codes[exact]
        for column, weights in enumerate((None, sure[exact], hit)):
            bins[:, column] += np.bincount(place, weights, BINS)
    table[UNKNOWN] = 0
    return Tally(table, bins)


def calibration_error(bins: np.ndarray) -> float | None:
    """Expected calibration error, 0..1: how far probabilities are from the share of hits, by the bins of a `Tally`.

    Naeini et al., AAAI 2015; Guo et al., arXiv 1706.04599, equation 3. None without pixels.
    """
    number, sure, hits = bins.T
    return _share(np.abs(sure - hits).sum(), number.sum())


def exact_scores(table: np.ndarray) -> dict:
    """Scores of pixels with an exact label.

    table: of a `Tally`. Returns overall accuracy, the mean of the intersections over
    unions (IoU) of the classes that occur in the truth, those IoU by class name, and the number of
    pixels; shares in 0..1 with three decimals.
    """
    square = table[1 : CLASSES + 1]
    hit, truth, predicted = np.diag(square), square.sum(1), square.sum(0)
    present = truth > 0
    iou = hit[present] / (truth + predicted - hit)[present]
    names = [land.name for land, there in zip(FLAIR_CLASSES, present) if there]
    return {
        "overall_accuracy": _share(hit.sum(), truth.sum()),
        "mean_iou_of_classes_present": round(float(iou.mean()), 3) if len(iou) else None,
        "iou": {name: round(float(value), 3) for name, value in zip(names, iou)},
        "share_of_truth": {name: _share(n, truth.sum()) for name, n in zip(names, truth[present])},
        "pixels": int(truth.sum()),
    }


def coarse_scores(table: np.ndarray) -> dict:
    """How often the prediction is one of the classes that a pixel's code allows, of all codes and of each."""
    allowed = allowed_classes()
    hit, truth = (table * allowed).sum(1), table.sum(1)
    by_code = {name: _share(hit[code], truth[code]) for name, code in CODES.items() if truth[code]}
    return {"agreement": _share(hit.sum(), truth.sum()), "by_label": by_code, "pixels": int(truth.sum())}


def _share(part: float, whole: float) -> float | None:
    return round(float(part) / float(whole), 3) if whole else None
