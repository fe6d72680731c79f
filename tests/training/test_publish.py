from __future__ import annotations

import pytest
import torch

from flair_landcover.models.cards import WEIGHTS_NAME, ModelCard, SatelliteInput, digest_of, read_card
from flair_landcover.models.utt import UTT
from flair_landcover.models.weights import load_weights
from flair_landcover.training.fit import FitSettings, Pictures, fit, new_state
from flair_landcover.training.publish import write_model, write_weights


@pytest.fixture(scope="module")
def trained(scene):
    settings = FitSettings(seconds=86400, batch=2, crop=64, warm_up=0.0, series_every=1000)
    state = new_state(settings)
    fit(state, Pictures([scene]), settings, report=lambda line: None, steps=2)
    return state


def test_training_leaves_a_model_folder_that_predicts_as_measured(trained, tmp_path):
    network = write_weights(trained.average, tmp_path / "model")
    card = write_model(
        ModelCard(id="small", title="small", architecture="utt", satellite=SatelliteInput()), tmp_path / "model"
    )
    assert read_card(tmp_path / "model") == card
    assert card.weights_digest == digest_of(tmp_path / "model" / WEIGHTS_NAME)
    again = UTT()
    again.load_state_dict(load_weights(tmp_path / "model" / WEIGHTS_NAME))
    aerial = torch.rand(1, 5, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(again.eval()(aerial), network(aerial))


def test_rounding_keeps_the_weights_near_and_the_file_small(trained, tmp_path):
    network = write_weights(trained.average, tmp_path / "model")
    assert (tmp_path / "model" / WEIGHTS_NAME).stat().st_size < 29e6
    rounded = dict(network.named_parameters())
    for name, weights in trained.average.named_parameters():
        assert (rounded[name] - weights).abs().max() <= 0.5 * weights.abs().max(), name
