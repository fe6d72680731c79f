"""The training loop: by wall time, resumable, with an average of the weights kept beside them."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..models.utt import UTT
from .augment import Crop, draw_crop, draw_whole, stack
from .labels import CLASSES
from .losses import SetCrossEntropy, code_weights
from .pictures import Picture, is_held_out

# Shares of a batch by the kind of picture. Exact labels come first; the coarse ones keep the encoder
# from knowing a handful of places only.
KIND_SHARES = {
    "flair2": 0.25,
    "flair2-renderings": 0.28,
    "generated": 0.20,
    "naip-rural": 0.12,
    "naip-urban": 0.08,
    "ucmerced": 0.07,
}
EXACT_KINDS = frozenset({"flair2", "flair2-renderings", "generated"})


@dataclass(frozen=True)
class FitSettings:
    """How to train.

    seconds: wall time that the learning rate's cosine spans, over all resumed runs together.
    batch, crop: crops a step and their side in pixels. late_batch, late_crop: those of every other
        step once `late` of the time is gone.
    series_every: one step in so many is on whole pictures with their Sentinel-2 series, where there
        are any; series_batch: pictures in it; fused: share of them that fuse the satellite features.
    average: decay of the average of the weights. save_every: seconds between checkpoints.
    """

    seconds: float
    seed: int = 1
    batch: int = 4
    crop: int = 256
    late: float = 0.6
    late_batch: int = 2
    late_crop: int = 384
    series_every: int = 8
    series_batch: int = 2
    fused: float = 0.8
    learning_rate: float = 8e-4
    warm_up: float = 0.02
    weight_decay: float = 0.02
    average: float = 0.998
    save_every: float = 180.0


class Pictures:
    """The pictures of training, drawn by kind and, where labels are exact, by class."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        seen = [picture.name for picture in pictures if is_held_out(picture)]
        if seen:
            raise ValueError(f"{seen[0]} is held out and must not be trained on")
        self.by_kind: dict[str, list[Picture]] = {}
        for picture in pictures:
            self.by_kind.setdefault(picture.kind, []).append(picture)
        if not self.by_kind:
            raise ValueError("there is no picture to train on: give the folder of the data")
        self.kinds = sorted(self.by_kind)
        shares = np.array([KIND_SHARES.get(kind, 0.1) for kind in self.kinds])
        self.shares = shares / shares.sum()
        self.by_class = {kind: _by_class(self.by_kind[kind]) for kind in self.kinds if kind in EXACT_KINDS}
        self.with_series = {
            kind: found
            for kind in self.kinds
            if (found := [picture for picture in self.by_kind[kind] if picture.series is not None])
        }

    def draw(self, size: int, rng: np.random.Generator) -> Crop:
        """One crop. In kinds with exact labels the class at its middle is drawn first, all alike."""
        kind = self.kinds[rng.choice(len(self.kinds), p=self.shares)]
        if kind not in self.by_class:
            return draw_crop(_one(self.by_kind[kind], rng), size, rng)
        classes = self.by_class[kind]
        around = _one(sorted(classes), rng)
        return draw_crop(_one(classes[around], rng), size, rng, around)

    def draw_with_series(self, rng: np.random.Generator) -> Crop:
        """One whole picture with its series, each kind that has any alike."""
        return draw_whole(_one(self.with_series[_one(sorted(self.with_series), rng)], rng), rng)


def _by_class(pictures: Sequence[Picture]) -> dict[int, list[Picture]]:
    """Pictures by the classes of which they hold at least one pixel in 500; "other" is never drawn for."""
    found: dict[int, list[Picture]] = {}
    for picture in pictures:
        counts = np.bincount(picture.codes.ravel(), minlength=CLASSES + 1)
        for value in range(1, CLASSES):
            if counts[value] * 500 >= picture.codes.size:
                found.setdefault(value, []).append(picture)
    return found


def _one(choices: Sequence, rng: np.random.Generator):
    return choices[int(rng.integers(len(choices)))]


@dataclass
class FitState:
    """What a checkpoint holds: the network, the average of its weights, the optimiser, how far it is."""

    network: UTT
    average: UTT
    optimiser: torch.optim.Optimizer
    step: int = 0
    elapsed: float = 0.0


def new_state(settings: FitSettings) -> FitState:
    """A network with random weights, seeded."""
    torch.manual_seed(settings.seed)
    network = UTT(in_channels=5, classes=CLASSES, satellite=True, metadata=False)
    network = network.to(memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    decayed = [weights for weights in network.parameters() if weights.ndim > 1]
    others = [weights for weights in network.parameters() if weights.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return FitState(network, average, torch.optim.AdamW(groups, lr=settings.learning_rate))


def save_state(state: FitState, path: Path) -> None:
    """Writes a checkpoint that `load_state` continues from, beside first and then renamed into place."""
    part = path.with_suffix(".part")
    stored = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
        "elapsed": state.elapsed,
    }
    torch.save(stored, part)
    os.replace(part, path)


def load_state(path: Path, settings: FitSettings) -> FitState:
    """The state that `save_state` wrote."""
    state = new_state(settings)
    stored = torch.load(path, map_location="cpu", weights_only=True)
    state.network.load_state_dict(stored["network"])
    state.average.load_state_dict(stored["average"])
    state.optimiser.load_state_dict(stored["optimiser"])
    state.step, state.elapsed = stored["step"], stored["elapsed"]
    return state


def fit(
    state: FitState,
    pictures: Pictures,
    settings: FitSettings,
    checkpoint: Path | None = None,
    report: Callable[[str], None] = print,
    steps: int | None = None,
) -> list[float]:
    """Trains until `settings.seconds` of wall time, all runs of this state together, or `steps` more steps.

    Returns the losses of the steps taken. Leaves a checkpoint every `settings.save_every` seconds
    and at the end, where a path is given.
    """
    exact, satellite = SetCrossEntropy(code_weights()), SetCrossEntropy(code_weights(plowed=0.0))
    bf16 = steps is None and _bf16_is_faster(state, settings, report)
    before, started = state.elapsed, time.monotonic()
    saved = logged = started
    last = None if steps is None else state.step + steps
    losses: list[float] = []
    state.network.train()
    while state.elapsed < settings.seconds and (last is None or state.step < last):
        rng = np.random.default_rng([settings.seed, state.step])
        for group in state.optimiser.param_groups:
            group["lr"] = settings.learning_rate * _schedule(state.elapsed / settings.seconds, settings.warm_up)
        loss = _loss(state, pictures, settings, rng, bf16, exact, satellite)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 2.0)
        state.optimiser.step()
        state.step += 1
        _average(state, settings.average)
        losses.append(loss.item())
        now = time.monotonic()
        state.elapsed = before + now - started
        if now - logged > 30:
            report(f"step {state.step}, {state.elapsed / 60:.1f} min, loss {np.mean(losses[-20:]):.3f}")
            logged = now
        if checkpoint is not None and now - saved > settings.save_every:
            save_state(state, checkpoint)
            saved = now
    if checkpoint is not None:
        save_state(state, checkpoint)
    return losses


def _schedule(share: float, warm_up: float) -> float:
    """Factor of the learning rate once `share` of the time is gone: a short rise, then half a cosine."""
    if share < warm_up:
        return 0.05 + 0.95 * share / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (share - warm_up) / (1 - warm_up)))) + 1e-3


def _loss(
    state: FitState,
    pictures: Pictures,
    settings: FitSettings,
    rng: np.random.Generator,
    bf16: bool,
    exact: SetCrossEntropy,
    satellite: SetCrossEntropy,
) -> Tensor:
    if pictures.with_series and state.step % settings.series_every == settings.series_every - 1:
        batch = stack([pictures.draw_with_series(rng) for _ in range(settings.series_batch)])
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits, auxiliary = state.network.forward_both(
                batch.aerial.contiguous(memory_format=torch.channels_last),
                batch.series,
                batch.days,
                fuse=bool(rng.random() < settings.fused),
            )
        return exact(logits, batch.codes) + satellite(auxiliary, batch.codes)
    late = state.elapsed > settings.late * settings.seconds and state.step % 2 == 0
    count, size = (settings.late_batch, settings.late_crop) if late else (settings.batch, settings.crop)
    batch = stack([pictures.draw(size, rng) for _ in range(count)])
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = state.network(batch.aerial.contiguous(memory_format=torch.channels_last))
    return exact(logits, batch.codes)


@torch.no_grad()
def _average(state: FitState, decay: float) -> None:
    """Moves the averaged weights towards the network's, faster at the start."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    averaged = state.average.state_dict()
    for name, values in state.network.state_dict().items():
        if values.is_floating_point():
            averaged[name].lerp_(values, 1 - decay)
        else:
            averaged[name].copy_(values)


def _bf16_is_faster(state: FitState, settings: FitSettings, report: Callable[[str], None]) -> bool:
    """Whether a step costs less in bfloat16 here, measured: some processors have it, some imitate it.

    Runs on a copy, so that the weights and their statistics stay as they are. Counts processor time
    and takes the best of three, because other programs may be at work.
    """
    network = copy.deepcopy(state.network).train()
    aerial = torch.rand(settings.batch, 5, settings.crop, settings.crop).contiguous(memory_format=torch.channels_last)
    seconds = {True: math.inf, False: math.inf}
    for _ in range(3):
        for bf16 in seconds:
            started = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = network(aerial)
            logits.float().logsumexp(1).mean().backward()
            seconds[bf16] = min(seconds[bf16], time.process_time() - started)
    report(f"a step takes {seconds[True]:.2f} s of processor in bfloat16, {seconds[False]:.2f} s in float32")
    return seconds[True] < seconds[False]
