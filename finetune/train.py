"""The training itself: frozen parts computed once, then epochs over what they gave.

The memory that the prepared crops take is bounded by `MEMORY`; a crop of 256 x 256 pixels of the bundled model takes
3 to 4 MB for `last` and `decoder`, so the default of 64 crops takes about 200 MB.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..contract.cards import ModelCard
from ..contract.errors import Cancelled
from ..contract.report import Epoch
from ..evaluation.confusion import confusion_matrix, mean_iou
from ..models.networks.gated import GatedNetwork
from .log_probabilities import base_loss, base_shares, class_log_probabilities, class_weights, label_loss
from .samples import Sample
from .trained_stages import CACHED, Chain, bytes_of, concatenated, map_tensors

MEMORY = 2**30  # bytes of prepared crops; what would go beyond is not drawn
_CLIP = 1.0  # norm of the gradient that a step may have at most
_WARM_UP = 32  # steps in which the learning rate rises: with few polygons the first epochs can be the best
_DECAY = 0.01  # weight decay
_PATIENCE = 1 / 3  # share of the epochs without a better one after which the training ends


@dataclass(frozen=True)
class Hyperparameters:
    """How to train.

    epochs: passes over the prepared crops. batch: crops a step. rate: learning rate at its highest.
    keep_base: weight of the distillation. seed: of the order of crops.
    """

    epochs: int
    batch: int
    rate: float
    keep_base: float
    seed: int


@dataclass(frozen=True)
class PreparedCrop:
    """A crop after the frozen part of the network: what the trained stages are called with, and what is asked.

    target: (size, size) int16, as in `Sample`. base: what `log_probabilities.base_shares` gives, or None.
    """

    calls: list
    target: Tensor
    base: Tensor | None


@dataclass
class TrainingResult:
    """What a training came to.

    best_epoch: from 1 on. stopped: ``end``, ``early`` or ``enough``. history: what `FinetuneReport.epoch` was told.
    seconds: of the preparation and of the training. crops: prepared. cached: bytes of these.
    """

    best_epoch: int = 0
    stopped: str = "end"
    history: list[Epoch] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    crops: int = 0
    cached: int = 0


def prepare_crops(
    samples: Iterator[Sample],
    network: nn.Module,
    chain: Chain,
    base: tuple[ModelCard, nn.Module] | None,
    device: str,
    each: Callable[[], None],
    budget: int = MEMORY,
) -> list[PreparedCrop]:
    """Runs the frozen part on every sample, once.

    network: as the training begins with it. base: card and network of the model whose probabilities it is held to,
    None where it is held to none; a model of one state gives what the network gives. each: called after every sample.
    """
    whole = chain.stages[0] is network  # then raw inputs are kept, which half precision would spoil
    prepared: list[PreparedCrop] = []
    size = 0

    def kept(tensor: Tensor) -> Tensor:
        return tensor.cpu() if whole else tensor.to(CACHED).cpu()

    for sample in samples:
        maps = [tensor[None] for tensor in (sample.aerial, sample.series, sample.days) if tensor is not None]
        inputs = _on(device, maps)
        calls, logits = chain.record(partial(network, *inputs))
        if base is not None and isinstance(base[1], GatedNetwork):
            with torch.no_grad():
                logits = base[1](*inputs)
        shares = None if base is None else base_shares(logits, base[0]).cpu()
        prepared.append(PreparedCrop(map_tensors(calls, kept), sample.target, shares))
        size += bytes_of((prepared[-1].calls, shares))
        each()
        if size > budget * len(prepared) / (len(prepared) + 1):
            break
    return prepared


def train(
    network: nn.Module,
    chain: Chain,
    card: ModelCard,
    crops: list[PreparedCrop],
    held_out: list[PreparedCrop],
    settings: Hyperparameters,
    device: str,
    bf16: bool,
    report: Any,
    progress: Callable[[float, float | None], None],
) -> TrainingResult:
    """Trains the chain's stages; the network is left with the best state in eval mode.

    The best state is the one with the highest mean IoU on the hold-out, of states alike to a hundredth the one with
    the least loss there; or the last where nothing is held out.
    report: a `FinetuneReport`. progress: takes the share that is done and the seconds that are left.
    Raises Cancelled where the user stopped it, or had enough before the first step.
    """
    classes = len(card.classes)
    weights = class_weights([crop.target for crop in crops], classes).to(device)
    optimiser = torch.optim.AdamW(chain.parameters, lr=settings.rate, weight_decay=_DECAY)
    steps = math.ceil(len(crops) / settings.batch)
    total = settings.epochs * steps
    patience = max(3, math.ceil(settings.epochs * _PATIENCE))
    rng = np.random.default_rng([settings.seed, 1])
    result, best, highest = TrainingResult(), _state(chain), None
    started, done = time.perf_counter(), 0

    def outputs(batch: list[PreparedCrop]) -> Tensor:
        calls = _on(device, concatenated([crop.calls for crop in batch]))
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            logits = chain.run(calls)
        return class_log_probabilities(logits, card)

    network.eval()  # statistics of batch normalisations and dropouts stay out of it
    for number in range(1, settings.epochs + 1):
        matrix, losses = np.zeros((classes, classes), np.int64), []
        order = rng.permutation(len(crops))
        enough = False
        for start in range(0, len(crops), settings.batch):
            if report.cancelled():
                raise Cancelled
            if enough := report.enough():
                break
            batch = [crops[index] for index in order[start : start + settings.batch]]
            for group in optimiser.param_groups:
                group["lr"] = settings.rate * _schedule(done, total)
            target = torch.stack([crop.target for crop in batch]).to(device)
            predicted = outputs(batch)
            loss = label_loss(predicted, target, weights)
            if settings.keep_base:
                shares = torch.cat([crop.base for crop in batch]).to(device)
                loss = loss + settings.keep_base * base_loss(predicted, target, shares)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(chain.parameters, _CLIP)
            optimiser.step()
            losses.append(loss.item())
            matrix += _confusion(predicted, target)
            done += 1
            progress(done / total, (time.perf_counter() - started) / done * (total - done))
        if not losses:
            if number == 1:
                raise Cancelled
            result.stopped = "enough"
            break
        held_loss, held_matrix = _evaluated(held_out, outputs, weights, classes)
        held_iou = mean_iou(held_matrix)
        rank = None if held_loss is None or held_iou is None else (round(held_iou, 2), -held_loss)
        better = rank is None or highest is None or rank > highest
        if better:
            best, highest, result.best_epoch = _state(chain), rank, number
        result.history.append(
            Epoch(
                number=number,
                of=settings.epochs,
                loss=float(np.mean(losses)),
                holdout_loss=held_loss,
                holdout_iou=held_iou,
                training_iou=mean_iou(matrix),
                best=better,
                phase="Training",
            )
        )
        report.epoch(result.history[-1])
        if enough or number - result.best_epoch >= patience:
            result.stopped = "enough" if enough else "early"
            break
    with torch.no_grad():
        for parameter, value in zip(chain.parameters, best):
            parameter.copy_(value)
    network.requires_grad_(False)
    result.seconds["training"] = time.perf_counter() - started
    result.crops, result.cached = len(crops), bytes_of([(crop.calls, crop.base) for crop in crops])
    return result


@torch.no_grad()
def _evaluated(
    held_out: list[PreparedCrop], outputs: Callable[[list[PreparedCrop]], Tensor], weights: Tensor, classes: int
) -> tuple[float | None, np.ndarray]:
    """Mean over the classes of the loss of their held-out pixels, and the confusion; None where nothing is held out."""
    matrix, losses, pixels = np.zeros((classes, classes), np.int64), torch.zeros(classes), torch.zeros(classes)
    for crop in held_out:
        predicted, target = outputs([crop]).cpu(), crop.target[None]
        known = target >= 0
        labels = target[known].long()
        missed = -predicted.permute(0, 2, 3, 1)[known].gather(1, labels[:, None])[:, 0]
        losses.index_add_(0, labels, missed)
        pixels.index_add_(0, labels, torch.ones_like(missed))
        matrix += _confusion(predicted, target)
    there = pixels > 0
    return (float((losses[there] / pixels[there]).mean()) if there.any() else None), matrix


def _confusion(predicted: Tensor, target: Tensor) -> np.ndarray:
    likeliest = predicted.detach().argmax(dim=1)
    return confusion_matrix(target.cpu().numpy(), likeliest.cpu().numpy(), predicted.shape[1])


def _on(device: str, values: Any) -> Any:
    """Tensors nested in `values` as float32 on the device, maps with their channels last: that is faster on CPUs."""

    def moved(tensor: Tensor) -> Tensor:
        tensor = tensor.to(device).float()
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    return map_tensors(values, moved)


def _state(chain: Chain) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in chain.parameters]


def _schedule(step: int, total: int) -> float:
    """Factor of the learning rate: a short rise, then half a cosine."""
    rise = min(_WARM_UP, max(1, total // 4))
    return min(1.0, (step + 1) / rise) * (0.5 * (1 + math.cos(math.pi * step / total)) + 0.01)
