"""The training loop: seeded, resumable, with an average of the weights kept beside them."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..contract.atomic import atomic_file
from .augment import Crop, stack
from .crops import Crops
from .recipe import TrainingStage

LATE = 0.6  # share of the steps after which a stage's larger crops come in
_SAVE_EVERY = 180.0  # seconds between checkpoints
_REPORT_EVERY = 30.0  # seconds
_LARGEST_GRADIENT = 2.0  # norm


@dataclass
class FitState:
    """What a checkpoint holds: the network, the average of its weights, the loss, the optimiser, how far it is.

    loss: takes the network, a batch and whether to fuse (see `losses.LabelLoss`); it may have weights of its own.
    """

    network: nn.Module
    average: nn.Module
    loss: nn.Module
    optimiser: torch.optim.Optimizer
    step: int = 0

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return next(self.network.parameters()).device


def best_device() -> torch.device:
    """A graphics card where torch can use one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def new_state(
    network: nn.Module, loss: nn.Module, stage: TrainingStage, device: torch.device | None = None
) -> FitState:
    """The start of a stage, from the weights that the network has."""
    device = device or best_device()
    network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss = loss.to(device)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    trained = [*network.parameters(), *loss.parameters()]
    groups = [
        {"params": [weights for weights in trained if weights.ndim > 1], "weight_decay": stage.weight_decay},
        {"params": [weights for weights in trained if weights.ndim <= 1], "weight_decay": 0.0},
    ]
    return FitState(network, average, loss, torch.optim.AdamW(groups, lr=stage.learning_rate))


def save_state(state: FitState, path: Path) -> None:
    """Writes a checkpoint that `load_state` continues from, whole or not at all."""
    stored = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "loss": state.loss.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
    }
    with atomic_file(path) as part:
        torch.save(stored, part)


def load_state(state: FitState, path: Path) -> FitState:
    """Takes into a new state what `save_state` wrote of one like it, and returns it."""
    stored = torch.load(path, map_location=state.device, weights_only=True)
    state.network.load_state_dict(stored["network"])
    state.average.load_state_dict(stored["average"])
    state.loss.load_state_dict(stored["loss"])
    state.optimiser.load_state_dict(stored["optimiser"])
    state.step = stored["step"]
    return state


def fit(
    state: FitState,
    crops: Crops,
    stage: TrainingStage,
    seed: int,
    checkpoint: Path | None = None,
    report: Callable[[str], None] = print,
    stop_after: int | None = None,
    bf16: bool | None = None,
) -> list[float]:
    """Trains to the end of the stage, all runs of this state together, or for `stop_after` more steps.

    Returns the losses of the steps taken. Leaves a checkpoint every few minutes and at the end, where a path is
    given. bf16: whether to compute in bfloat16; None: measured, as processors differ.
    """
    last = stage.steps if stop_after is None else min(stage.steps, state.step + stop_after)
    losses: list[float] = []
    if state.step >= last:
        return losses
    bf16 = _bf16_is_faster(state, stage, report) if bf16 is None else bf16
    started = saved = logged = time.monotonic()
    _train_what_learns(state.network)
    while state.step < last:
        rng = np.random.default_rng([seed, state.step])
        for group in state.optimiser.param_groups:
            group["lr"] = stage.learning_rate * _schedule(state.step / stage.steps, stage.warm_up)
        batch, fuse = _batch(crops, stage, state.step, rng)
        with torch.autocast(state.device.type, torch.bfloat16, enabled=bf16):
            loss = state.loss(state.network, _moved(batch, state.device), fuse)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), _LARGEST_GRADIENT)
        state.optimiser.step()
        state.step += 1
        # the average moves faster at the start, when it knows little
        decay = min(stage.average, (1 + state.step) / (10 + state.step))
        move_weights(state.average, state.network, 1 - decay)
        losses.append(loss.item())
        now = time.monotonic()
        if now - logged > _REPORT_EVERY:
            seconds = (now - started) / len(losses)
            report(
                f"step {state.step} of {stage.steps}, loss {np.mean(losses[-20:]):.3f}, {seconds:.2f} s a step, "
                f"{(stage.steps - state.step) * seconds / 60:.0f} minutes left"
            )
            logged = now
        if checkpoint is not None and now - saved > _SAVE_EVERY:
            save_state(state, checkpoint)
            saved = now
    if checkpoint is not None:
        save_state(state, checkpoint)
    return losses


def _train_what_learns(network: nn.Module) -> None:
    """Train mode for the parts that learn; a frozen part keeps the statistics of its batch normalisations too."""
    for part in network.children():
        part.train(any(weights.requires_grad for weights in part.parameters()))


def _batch(crops: Crops, stage: TrainingStage, step: int, rng: np.random.Generator) -> tuple[Crop, bool | None]:
    """The crops of a step, and whether the satellite features are fused; None without a series."""
    if stage.series_every and crops.with_series and step % stage.series_every == stage.series_every - 1:
        batch = stack([crops.draw_with_series(rng) for _ in range(stage.series_batch)])
        return batch, bool(rng.random() < stage.fused)
    late = stage.late_batch and step > LATE * stage.steps and step % 2 == 0
    count, size = (stage.late_batch, stage.late_crop) if late else (stage.batch, stage.crop)
    return stack([crops.draw(size, rng) for _ in range(count)]), None


def _moved(batch: Crop, device: torch.device) -> Crop:
    aerial = batch.aerial.to(device).contiguous(memory_format=torch.channels_last)
    moved = replace(batch, aerial=aerial, codes=batch.codes.to(device))
    if batch.series is None or batch.days is None:
        return moved
    return replace(moved, series=batch.series.to(device), days=batch.days.to(device))


def _schedule(share: float, warm_up: float) -> float:
    """Factor of the learning rate once `share` of the steps is gone: a short rise, then half a cosine."""
    if share < warm_up:
        return 0.05 + 0.95 * share / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (share - warm_up) / (1 - warm_up)))) + 1e-3


@torch.no_grad()
def move_weights(network: nn.Module, towards: nn.Module, share: float) -> None:
    """Moves the weights and statistics of a network by a share of the way to those of another; counters are copied."""
    moved = network.state_dict()
    for name, values in towards.state_dict().items():
        if values.is_floating_point():
            moved[name].lerp_(values, share)
        else:
            moved[name].copy_(values)


_measured: dict[tuple[type, int, int], bool] = {}  # what was found in this process, by network, batch and crop


def _bf16_is_faster(state: FitState, stage: TrainingStage, report: Callable[[str], None]) -> bool:
    """Whether a step costs less in bfloat16 here, measured once: some processors have it, some imitate it.

    Runs on a copy, so that the weights and their statistics stay as they are. Counts processor time
    and takes the best of three, because other programs may be at work.
    """
    if state.device.type != "cpu":
        return True
    kind = (type(state.network), stage.batch, stage.crop)
    if kind in _measured:
        return _measured[kind]
    network = copy.deepcopy(state.network).requires_grad_(True).train()
    aerial = torch.rand(stage.batch, 5, stage.crop, stage.crop).contiguous(memory_format=torch.channels_last)
    seconds = {True: math.inf, False: math.inf}
    for _ in range(3):
        for bf16 in seconds:
            started = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits: Tensor = network(aerial)
            logits.float().logsumexp(1).mean().backward()
            seconds[bf16] = min(seconds[bf16], time.process_time() - started)
    report(f"a pass takes {seconds[True]:.2f} s of processor in bfloat16, {seconds[False]:.2f} s in float32")
    _measured[kind] = seconds[True] < seconds[False]
    return _measured[kind]
