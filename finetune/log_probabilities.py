"""Class probabilities in training, and what is asked of them: the polygons' classes, and the base model's elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ..contract.cards import ModelCard
from .samples import IGNORED, UNLABELLED

_NEVER = -1e4  # log-probability of a class that no output means
# Bounds of a class's weight: a rare class must not drown the others, nor a common one vanish.
_WEIGHTS = (0.3, 4.0)
_STEPS = 255  # probabilities are kept as integers of 8 bits
# Of every so many pixels along an axis one is held to the base model: neighbours say the same.
_THINNED = 2


def class_log_probabilities(logits: Tensor, card: ModelCard) -> Tensor:
    """What `inference.predict.class_probabilities` tells, as logarithms and with gradients.

    logits: (B, outputs, H, W). Returns (B, classes, H, W) float32 in the order of `card.classes`.
    """
    live = [index for index, value in enumerate(card.outputs) if value]
    by_output = logits.float()[:, live].log_softmax(dim=1)
    values = [card.outputs[index] for index in live]
    legend = [c.value for c in card.classes]
    if values == legend:
        return by_output
    never = by_output.new_full((len(by_output), 1, *by_output.shape[2:]), _NEVER)
    by_class = []
    for value in legend:
        places = [place for place, meant in enumerate(values) if meant == value]
        by_class.append(by_output[:, places].logsumexp(dim=1, keepdim=True) if places else never)
    return torch.cat(by_class, dim=1)


def base_shares(logits: Tensor, base: ModelCard) -> Tensor:
    """The base model's class probabilities x 255 of every second pixel, uint8 (B, classes of the base, H/2, W/2).

    logits: (B, outputs, H, W), of which the base model's outputs are the first.
    """
    thinned = logits[:, : len(base.outputs), ::_THINNED, ::_THINNED]
    probabilities = class_log_probabilities(thinned, base).exp()
    return (probabilities * _STEPS).round().to(torch.uint8)


def class_weights(targets: Sequence[Tensor], classes: int) -> Tensor:
    """(classes,) float32: the weight of each class, by the square root of how much rarer it is than the mean class.

    targets: as in `Sample`. Classes that do not occur have weight 0.
    """
    counts = torch.zeros(classes)
    for target in targets:
        counts += torch.bincount(target[target >= 0].long(), minlength=classes)
    seen = counts > 0
    weights = torch.zeros(classes)
    weights[seen] = (counts[seen].mean() / counts[seen]).sqrt().clamp(*_WEIGHTS)
    return weights


def label_loss(log_probabilities: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean cross entropy of the labelled pixels, a scalar; 0 where there is none.

    log_probabilities: (B, classes, H, W). target: (B, H, W), as in `Sample`. weights: (classes,).
    """
    known = target >= 0
    if not known.any():
        return log_probabilities.sum() * 0
    wanted = torch.where(known, target, IGNORED).long()
    return functional.nll_loss(log_probabilities, wanted, weights, ignore_index=IGNORED)


def base_loss(log_probabilities: Tensor, target: Tensor, shares: Tensor) -> Tensor:
    """How far the unlabelled pixels are from the base model: the mean Kullback-Leibler divergence, a scalar.

    Distillation as in Li and Hoiem, "Learning without Forgetting", arXiv 1606.09282, here of every pixel. A class
    that the base model does not have counts as one that it gives no probability.
    log_probabilities: (B, classes, H, W). target: (B, H, W). shares: as `base_shares` gives them.
    """
    log_probabilities = log_probabilities[..., ::_THINNED, ::_THINNED]
    unlabelled = target[..., ::_THINNED, ::_THINNED] == UNLABELLED
    if not unlabelled.any():
        return log_probabilities.sum() * 0
    base = shares.float()
    base = base / base.sum(dim=1, keepdim=True)
    known = base.clamp_min(1 / (2 * _STEPS)).log()
    divergence = (base * (known - log_probabilities[:, : base.shape[1]])).sum(dim=1)
    return divergence[unlabelled].mean()
