from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from flair_landcover.models.networks.utae import HEADS, MODEL_WIDTH, SAME_SIZE, UTAE, WIDTHS, positional_encoding

from ..conftest import random_series
from ..golden import with_made_up_weights

SIDE = 16  # pixels a side: the least that three halvings and a tile allow


@pytest.fixture(scope="module")
def utae() -> UTAE:
    return with_made_up_weights(UTAE())


@pytest.fixture(scope="module")
def without_normalisation(utae) -> UTAE:
    """The network less the group normalisation over time, the only way past the attention for padded dates."""
    network = copy.deepcopy(utae)
    network.temporal_encoder.in_norm = nn.Identity()
    return network


def _padded(series: torch.Tensor, days: torch.Tensor, count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    tiles = series.shape[0]
    empty = torch.zeros(tiles, count, *series.shape[2:])
    return torch.cat([series, empty], dim=1), torch.cat([days, torch.zeros(tiles, count)], dim=1)


def test_positional_encoding_is_the_published_one():
    """16 values a head, sine and cosine in turn: day / 1000^(2i / 16), the same for all 16 heads."""
    days = [280.0, 0.0, -122.0, 33.5]
    encoded = positional_encoding(torch.tensor([days, [day + 1 for day in days]]))
    assert encoded.shape == (2, 4, 256)
    for tile in (0, 1):
        for date, day in enumerate(days):
            expected = []
            for i in range(8):
                angle = (day + tile) / 1000 ** (2 * i / 16)
                expected += [math.sin(angle), math.cos(angle)]
            assert encoded[tile, date].tolist() == pytest.approx(expected * 16, abs=1e-4)


@torch.inference_mode()
def test_the_map_has_the_extent_of_the_series(utae):
    series, days = random_series(2, side=SIDE)
    assert utae(series, days).shape == (2, WIDTHS[0], SIDE, SIDE)
    assert utae(series[..., :24], days).isfinite().all()


@torch.inference_mode()
def test_the_levels_are_told_from_the_deepest_to_the_map(utae):
    series, days = random_series(2, side=SIDE)
    levels = utae.levels(series, days)
    assert [tuple(level.shape) for level in levels] == [
        (2, width, SIDE // 2**depth, SIDE // 2**depth) for depth, width in reversed(list(enumerate(WIDTHS)))
    ]
    assert torch.equal(levels[-1], utae(series, days))


@torch.inference_mode()
def test_without_halving_all_levels_have_the_extent_of_the_series_whatever_it_is():
    network = with_made_up_weights(UTAE(step=SAME_SIZE))
    series, days = random_series(1, side=10)
    assert [tuple(level.shape) for level in network.levels(series, days)] == [(1, w, 10, 10) for w in WIDTHS[::-1]]
    assert network(series[..., :7], days).shape == (1, WIDTHS[0], 10, 7)


@torch.inference_mode()
def test_the_order_of_the_dates_does_not_matter_but_their_days_do(utae):
    series, days = random_series(1, side=SIDE)
    merged = utae(series, days)
    order = [2, 0, 3, 1]
    torch.testing.assert_close(utae(series[:, order], days[:, order]), merged, rtol=1e-5, atol=1e-5)
    assert (utae(series, days[:, order]) - merged).abs().max() > 1e-3


@torch.inference_mode()
def test_the_day_of_a_padded_date_makes_no_difference(utae):
    series, days = _padded(*random_series(1, side=SIDE))
    merged = utae(series, days)
    days[:, -2:] = torch.tensor([300.0, -77.0])
    assert torch.equal(utae(series, days), merged)


@torch.inference_mode()
def test_attention_gives_padded_dates_no_weight_at_all(utae):
    generator = torch.Generator().manual_seed(3)
    maps = torch.rand(2, 5, WIDTHS[-1], 2, 2, generator=generator)
    padded = torch.tensor([[False, True, False, False, True], [False] * 5])
    merged, weights = utae.temporal_encoder(maps, torch.arange(10.0).view(2, 5), padded)
    assert merged.shape == (2, WIDTHS[-1], 2, 2)
    assert weights.shape == (2, HEADS, 5, 2, 2)
    assert (weights[0, :, [1, 4]] == 0).all()
    assert (weights[1] > 0).all()
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, HEADS, 2, 2))


@torch.inference_mode()
def test_padded_dates_are_passed_by_but_for_the_normalisation_over_time(utae, without_normalisation):
    series, days = random_series(1, side=SIDE)
    padded = _padded(series, days)
    merged = without_normalisation(series, days)
    torch.testing.assert_close(without_normalisation(*padded), merged, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(utae(*padded), utae(series, days), atol=1e-5)  # as in the published code


@torch.inference_mode()
def test_padding_may_stand_anywhere_in_a_series(utae):
    series, days = _padded(*random_series(1, side=SIDE))
    order = [4, 0, 1, 5, 2, 3]
    torch.testing.assert_close(utae(series[:, order], days[:, order]), utae(series, days), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_date_with_a_single_value_is_no_padding(without_normalisation):
    series, days = random_series(1, side=SIDE)
    dark, dark_days = _padded(series, days, count=1)
    dark[0, -1, 3, 5, 7] = 0.5
    assert (without_normalisation(dark, dark_days) - without_normalisation(series, days)).abs().max() > 1e-3


@torch.inference_mode()
def test_a_series_of_padding_alone_gives_finite_numbers(utae):
    assert utae(torch.zeros(1, 3, 10, SIDE, SIDE), torch.zeros(1, 3)).isfinite().all()


@torch.inference_mode()
def test_a_single_date_is_a_series(utae):
    series, days = random_series(1, dates=1, side=SIDE)
    assert utae(series, days).isfinite().all()


def test_heads_share_the_width_evenly():
    assert MODEL_WIDTH % HEADS == 0
    assert all(width % HEADS == 0 for width in WIDTHS)
