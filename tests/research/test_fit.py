from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from flair_landcover.models.networks.utt import UTT
from flair_landcover.research.crops import ImageCrops
from flair_landcover.research.fit import FitState, fit, load_state, new_state, save_state
from flair_landcover.research.losses import LabelLoss
from flair_landcover.research.recipe import TrainingStage

# So many steps that a few are nothing of them: the learning rate stays at its top.
STAGE = TrainingStage(steps=100_000, batch=2, crop=64, warm_up=0.0)
SEED = 1


def quiet(line: str) -> None:
    pass


def start(stage: TrainingStage = STAGE) -> FitState:
    torch.manual_seed(SEED)
    return new_state(UTT(), LabelLoss(), stage, torch.device("cpu"))


@pytest.fixture
def crops(scene) -> ImageCrops:
    return ImageCrops([scene], {"generated": 1.0})


def test_a_few_steps_lower_the_loss(crops):
    losses = fit(start(), crops, STAGE, SEED, report=quiet, stop_after=16)
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4])


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(crops, tmp_path):
    whole = fit(start(), crops, STAGE, SEED, report=quiet, stop_after=4, bf16=False)
    first = fit(start(), crops, STAGE, SEED, tmp_path / "state.ckpt", quiet, stop_after=2, bf16=False)
    resumed = load_state(start(), tmp_path / "state.ckpt")
    assert resumed.step == 2
    second = fit(resumed, crops, STAGE, SEED, report=quiet, stop_after=2, bf16=False)
    assert resumed.step == 4
    assert first + second == pytest.approx(whole, rel=1e-2)


def test_a_finished_run_takes_no_more_steps(crops, tmp_path):
    state = start()
    state.step = STAGE.steps
    save_state(state, tmp_path / "state.ckpt")
    assert fit(load_state(start(), tmp_path / "state.ckpt"), crops, STAGE, SEED, report=quiet) == []


def test_the_learning_rate_rises_and_then_falls_to_nearly_nothing(crops):
    stage = replace(STAGE, steps=8, warm_up=0.25, crop=32)
    state, rates = start(stage), []
    for _ in range(stage.steps):
        fit(state, crops, stage, SEED, report=quiet, stop_after=1, bf16=False)
        rates.append(state.optimiser.param_groups[0]["lr"])
    assert rates[0] < rates[1] < rates[2] == max(rates)
    assert rates[-1] < 0.1 * max(rates)


def test_late_steps_have_crops_of_their_own(crops):
    sizes = []

    class Noting(LabelLoss):
        def forward(self, network, batch, fuse):
            sizes.append(tuple(batch.codes.shape))
            return super().forward(network, batch, fuse)

    stage = replace(STAGE, steps=10, crop=32, late_batch=1, late_crop=64)
    fit(new_state(UTT(), Noting(), stage, torch.device("cpu")), crops, stage, SEED, report=quiet, bf16=False)
    assert sizes == [(2, 32, 32)] * 8 + [(1, 64, 64), (2, 32, 32)]


def test_steps_with_a_series_teach_the_satellite_branch(crops):
    stage = replace(STAGE, series_every=1, series_batch=1, fused=1.0)
    state = start(stage)
    before = {name: values.clone() for name, values in state.network.state_dict().items()}
    losses = fit(state, crops, stage, SEED, report=quiet, stop_after=1)
    after = state.network.state_dict()
    assert np.isfinite(losses).all()
    for name in ("arch_hr.in_conv.conv.conv.0.weight", "reshape_utae_output.1.weight", "arch_vhr.encoder.conv1.weight"):
        assert not torch.equal(before[name], after[name]), name
