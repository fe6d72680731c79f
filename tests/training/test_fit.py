from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from flair_landcover.training.fit import FitSettings, Pictures, fit, load_state, new_state, save_state

# A day of wall time that a few steps are nothing of: the learning rate stays at its top.
SETTINGS = FitSettings(seconds=86400, batch=2, crop=64, warm_up=0.0, series_every=1000)


def quiet(line: str) -> None:
    pass


@pytest.fixture
def pictures(scene) -> Pictures:
    return Pictures([scene])


def test_a_few_steps_lower_the_loss(pictures):
    losses = fit(new_state(SETTINGS), pictures, SETTINGS, report=quiet, steps=16)
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4])


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(pictures, tmp_path):
    whole = fit(new_state(SETTINGS), pictures, SETTINGS, report=quiet, steps=4)
    state = new_state(SETTINGS)
    first = fit(state, pictures, SETTINGS, tmp_path / "state.ckpt", quiet, steps=2)
    resumed = load_state(tmp_path / "state.ckpt", SETTINGS)
    assert (resumed.step, resumed.elapsed) == (2, state.elapsed)
    second = fit(resumed, pictures, SETTINGS, report=quiet, steps=2)
    assert resumed.step == 4
    assert first + second == pytest.approx(whole, rel=1e-2)


def test_a_finished_run_takes_no_more_steps(pictures, tmp_path):
    state = new_state(SETTINGS)
    state.elapsed = SETTINGS.seconds
    save_state(state, tmp_path / "state.ckpt")
    assert fit(load_state(tmp_path / "state.ckpt", SETTINGS), pictures, SETTINGS, report=quiet) == []


def test_steps_with_a_series_teach_the_satellite_branch(pictures):
    settings = replace(SETTINGS, series_every=1, series_batch=1, fused=1.0)
    state = new_state(settings)
    before = {name: values.clone() for name, values in state.network.state_dict().items()}
    losses = fit(state, pictures, settings, report=quiet, steps=1)
    after = state.network.state_dict()
    assert np.isfinite(losses).all()
    for name in ("arch_hr.in_conv.conv.conv.0.weight", "reshape_utae_output.1.weight", "arch_vhr.encoder.conv1.weight"):
        assert not torch.equal(before[name], after[name]), name
