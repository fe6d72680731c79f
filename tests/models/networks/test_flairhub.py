from __future__ import annotations

import pytest
import torch

from flair_landcover.models.networks.flairhub import DECODERS, ENCODERS, FlairHub

from ..conftest import random_series, random_tiles
from ..golden import (
    flairhub_inputs,
    flairhub_outputs,
    flairhub_shapes,
    forget_weights,
    made_up_weights,
    with_made_up_weights,
)

PUBLISHED = (
    "LC-A_convnextv2tiny-upernet",
    "LC-A_convnextv2tiny-unet",
    "LC-A_swinbase-upernet",
    "LC-D_convnextv2tiny-upernet",
    "LC-D_swinbase-upernet",
)
ROUNDING = 1e-4  # of logits of about 10, where the same sums are done in another order


@pytest.fixture(scope="module", autouse=True)
def little_memory():
    yield
    forget_weights()


def _named(name: str) -> FlairHub:
    kind, _, architecture = name.partition("_")
    encoder, decoder = architecture.split("-")
    return FlairHub(encoder, decoder, satellite=kind == "LC-D").eval()


@pytest.fixture(scope="module")
def aerial_alone() -> FlairHub:
    return with_made_up_weights(FlairHub("convnextv2tiny", "unet"))


@pytest.fixture(scope="module")
def with_series() -> FlairHub:
    return with_made_up_weights(FlairHub("convnextv2tiny", "upernet", satellite=True))


@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_are_those_of_the_published_implementation(name):
    network = _named(name)
    network.load_state_dict(made_up_weights(flairhub_shapes()[name]), strict=True)
    aerial, series, days = flairhub_inputs()
    with torch.inference_mode():
        logits = network(aerial, series, days) if network.has_satellite else network(aerial)
    assert logits.shape == (1, 19, 512, 512)
    expected = torch.from_numpy(flairhub_outputs()[name])
    torch.testing.assert_close(logits[0, :, ::8, ::8], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", PUBLISHED)
def test_state_dict_has_the_published_names_and_shapes(name):
    with torch.device("meta"):
        network = _named(name)
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == flairhub_shapes()[name]


def test_every_reference_network_is_compared():
    assert set(flairhub_shapes()) == set(flairhub_outputs()) == set(PUBLISHED)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("encoder", ["convnextv2tiny", "swintiny"])
@torch.inference_mode()
def test_logits_have_the_extent_of_the_tiles_whatever_it_is(encoder, decoder):
    network = with_made_up_weights(FlairHub(encoder, decoder, in_channels=4, classes=6))
    assert network(random_tiles(2, channels=4)).shape == (2, 6, 64, 64)
    assert network(random_tiles(1, channels=4, rows=96, columns=160)).shape == (1, 6, 96, 160)


@torch.inference_mode()
def test_tiles_of_a_batch_get_what_they_get_alone(with_series):
    tiles, (series, days) = random_tiles(3, channels=3), random_series(3, side=10)
    alone = torch.cat([with_series(tiles[i : i + 1], series[i : i + 1], days[i : i + 1]) for i in range(3)])
    swapped = with_series(tiles[:1], series[1:2], days[1:2])
    assert (alone[:1] - swapped).abs().max() > 0.01  # the series counts, so a neighbour's would be seen
    torch.testing.assert_close(with_series(tiles, series, days), alone, rtol=0, atol=ROUNDING)
    torch.testing.assert_close(
        with_series(tiles[[2, 0]], series[[2, 0]], days[[2, 0]]), alone[[2, 0]], rtol=0, atol=ROUNDING
    )


@torch.inference_mode()
def test_the_days_of_dates_count_but_not_those_of_padding(with_series):
    tile, (series, days) = random_tiles(1, channels=3), random_series(1, side=10)
    series[:, -1] = 0
    before = with_series(tile, series, days)
    days[:, -1] += 40
    assert torch.equal(with_series(tile, series, days), before)
    days[:, 0] += 40
    assert (with_series(tile, series, days) - before).abs().max() > 1e-3


@torch.inference_mode()
def test_a_series_of_padding_alone_gives_finite_numbers(with_series):
    tile = random_tiles(1, channels=3)
    assert with_series(tile, torch.zeros(1, 1, 10, 10, 10), torch.zeros(1, 1)).isfinite().all()


@torch.inference_mode()
def test_the_fusion_of_a_network_without_series_is_kept_and_never_runs(aerial_alone):
    tile = random_tiles(1, channels=3)
    before = aerial_alone(tile)
    kept = [convolution.weight.clone() for convolution in aerial_alone.fusion_handler.conv_f]
    for convolution in aerial_alone.fusion_handler.conv_f:
        convolution.weight.fill_(torch.nan)
    assert torch.equal(aerial_alone(tile), before)
    for convolution, weight in zip(aerial_alone.fusion_handler.conv_f, kept):
        convolution.weight.copy_(weight)


SERIES, DAYS = torch.ones(1, 4, 10, 10, 10), torch.ones(1, 4)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "needs a Sentinel-2 series"),
        ({"series": SERIES}, "needs the days"),
        ({"series": SERIES[0], "days": DAYS}, "has the shape"),
        ({"series": SERIES, "days": DAYS[:, :3]}, "has the shape"),
        ({"series": SERIES[..., :1], "days": DAYS}, "at least 2 pixels a side"),
        ({"series": SERIES.repeat(2, 1, 1, 1, 1), "days": DAYS.repeat(2, 1)}, "1 aerial tiles do not go with"),
        ({"series": SERIES, "days": DAYS, "metadata": torch.ones(1, 45)}, "no metadata branch"),
    ],
)
def test_inputs_that_do_not_belong_together_are_refused(with_series, settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        with_series(random_tiles(1, channels=3), **settings)


def test_a_series_is_refused_by_a_network_without_satellite(aerial_alone):
    with pytest.raises(ValueError, match="no satellite branch"):
        aerial_alone(random_tiles(1, channels=3), SERIES, DAYS)


@pytest.mark.parametrize("encoder", ["convnextv2tiny", "swintiny"])
def test_tiles_that_the_strides_do_not_divide_are_refused(encoder):
    with torch.device("meta"):
        network = FlairHub(encoder, "upernet")
    with pytest.raises(ValueError, match="multiple of 32 pixels a side, not 64 x 48"):
        network(random_tiles(1, channels=3, columns=48))


@pytest.mark.parametrize(("encoder", "millions"), [("convnextv2tiny", 29.8), ("convnextv2base", 90.2)])
def test_networks_have_as_many_parameters_as_their_model_cards_say(encoder, millions):
    with torch.device("meta"):
        network = FlairHub(encoder, "upernet")
    running = [*network.encoders.parameters(), *network.main_decoders.parameters()]
    assert sum(parameter.numel() for parameter in running) / 1e6 == pytest.approx(millions, abs=0.06)


def test_the_encoders_are_those_of_the_published_collection():
    assert set(ENCODERS) == {"convnextv2tiny", "convnextv2base", "swintiny", "swinsmall", "swinbase", "swinlarge"}
