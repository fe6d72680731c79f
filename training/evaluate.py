"""Scores of a network on pictures it did not learn from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..models.nomenclature import FLAIR_CLASSES
from ..models.utt import UTT
from .augment import at_model_gsd, keep_roles
from .labels import CLASSES, CODES, UNKNOWN, allowed_classes
from .pictures import Picture

STRIDE = 32  # the network halves its input five times


@torch.no_grad()
def predict(network: UTT, picture: Picture, roles: frozenset[str], with_series: bool = False) -> tuple[Tensor, Tensor]:
    """Predicted values 1..13 and codes, both (H, W) uint8 at 0.2 m a pixel, from the bands of `roles` alone."""
    aerial, codes = at_model_gsd(picture)
    aerial = keep_roles(aerial, roles & picture.roles)
    height, width = codes.shape
    aerial = functional.pad(aerial[None], (0, -width % STRIDE, 0, -height % STRIDE), mode="reflect")
    series = days = None
    if with_series:
        if picture.series is None or picture.days is None:
            raise ValueError(f"{picture.name} has no Sentinel-2 series")
        series = torch.from_numpy(picture.series)[None].float()
        days = torch.from_numpy(picture.days)[None].float()
    logits = network.eval()(aerial, series, days)[0, :, :height, :width]
    return (logits.argmax(0) + 1).to(torch.uint8), codes


def confusion(
    network: UTT, pictures: Iterable[Picture], roles: frozenset[str], with_series: bool = False
) -> np.ndarray:
    """Pixels by code (rows) and predicted value 1..13 (columns): (codes, CLASSES) int64; row 0 has no label."""
    table = np.zeros((max(CODES.values()) + 1, CLASSES), np.int64)
    for picture in pictures:
        predicted, codes = predict(network, picture, roles, with_series)
        pairs = codes.long() * CLASSES + predicted.long() - 1
        table += torch.bincount(pairs.flatten(), minlength=table.size).view(table.shape).numpy()
    table[UNKNOWN] = 0
    return table


def exact_scores(table: np.ndarray) -> dict:
    """Scores of pixels with an exact label.

    table: as `confusion` gives it. Returns overall accuracy, the mean of the intersections over
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
