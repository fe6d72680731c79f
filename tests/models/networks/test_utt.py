from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch.nn.modules.module import register_module_forward_hook

from flair_landcover.models.networks.utt import UTT

from ..conftest import random_series, random_tiles
from ..golden import (
    CASES,
    PADDED_DATES,
    made_up_weights,
    reference_inputs,
    reference_outputs,
    reference_shapes,
    with_made_up_weights,
)

PARAMETERS = {"metadata": 27_260_296, "plain": 27_254_744}
ARRAYS = ("aerial_logits", "satellite_logits", "aerial_logits_satellite_dropped", "aerial_logits_padded_dates")
ROUNDING = 1e-5  # of logits of about 1, where the same sums are done in another order


@pytest.fixture(scope="module", params=CASES)
def case(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def logits(case) -> dict[str, torch.Tensor]:
    """What our network says where the published one gave the reference arrays."""
    network = UTT(metadata=case == "metadata")
    network.load_state_dict(made_up_weights(reference_shapes(case)), strict=True)
    network.eval()
    aerial, series, days, metadata = reference_inputs(case)
    padded = torch.cat([series, torch.zeros(1, PADDED_DATES, *series.shape[2:])], dim=1)
    padded_days = torch.cat([days, torch.zeros(1, PADDED_DATES)], dim=1)
    with torch.inference_mode():
        fused, satellite = network.forward_both(aerial, series, days, metadata)
        return {
            "aerial_logits": fused,
            "satellite_logits": satellite,
            "aerial_logits_satellite_dropped": network(aerial, metadata=metadata),
            "aerial_logits_padded_dates": network(aerial, padded, padded_days, metadata),
        }


@pytest.mark.parametrize("array", ARRAYS)
def test_logits_are_those_of_the_published_implementation(logits, case, array):
    assert logits[array].shape == (1, 13, 512, 512)
    seen, expected = logits[array][0, :, ::8, ::8], torch.from_numpy(reference_outputs(case)[array])
    torch.testing.assert_close(seen, expected, rtol=0, atol=1e-4)


def test_every_reference_array_is_compared(case):
    assert set(reference_outputs(case)) == set(ARRAYS)


def test_state_dict_has_the_published_names_and_shapes(case):
    ours = {name: list(value.shape) for name, value in UTT(metadata=case == "metadata").state_dict().items()}
    assert ours == reference_shapes(case)


def test_parameters_are_as_many_as_published(utt, utt_with_metadata):
    counted = {
        case: sum(p.numel() for p in network.parameters())
        for case, network in (("metadata", utt_with_metadata), ("plain", utt))
    }
    assert counted == PARAMETERS


def test_a_network_without_satellite_holds_the_aerial_weights_alone():
    names = set(UTT(satellite=False).state_dict())
    assert names == {name for name in UTT().state_dict() if name.startswith("arch_vhr.")}


@torch.inference_mode()
def test_tiles_of_an_aerial_batch_get_what_they_get_alone(utt):
    tiles = random_tiles(3)
    alone = torch.cat([utt(tile[None]) for tile in tiles])
    assert (alone[0] - alone[1]).abs().max() > 0.1  # else anything would pass
    torch.testing.assert_close(utt(tiles), alone, rtol=0, atol=ROUNDING)
    torch.testing.assert_close(utt(tiles[[2, 0]]), alone[[2, 0]], rtol=0, atol=ROUNDING)


@torch.inference_mode()
def test_tiles_of_a_batch_with_series_get_what_they_get_alone(utt):
    tiles, (series, days) = random_tiles(3), random_series(3, side=24)
    alone = torch.cat([utt(tiles[i : i + 1], series[i : i + 1], days[i : i + 1]) for i in range(3)])
    swapped = utt(tiles[:1], series[1:2], days[1:2])
    assert (alone[:1] - swapped).abs().max() > 0.01  # the series counts, so a neighbour's would be seen
    torch.testing.assert_close(utt(tiles, series, days), alone, rtol=0, atol=ROUNDING)
    for order in ([1, 0], [2, 1], [0, 2]):
        batch = utt(tiles[order], series[order], days[order])
        torch.testing.assert_close(batch, alone[order], rtol=0, atol=ROUNDING)


@torch.inference_mode()
def test_a_tile_with_padded_dates_and_its_neighbour_get_what_they_get_alone(utt):
    tiles, (series, days) = random_tiles(2), random_series(2)
    series[1, 2:], days[1, 2:] = 0, 0
    alone = torch.cat([utt(tiles[i : i + 1], series[i : i + 1], days[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(utt(tiles, series, days), alone, rtol=0, atol=ROUNDING)


@torch.inference_mode()
def test_both_logits_of_a_batch_are_those_of_its_tiles(utt):
    tiles, (series, days) = random_tiles(2), random_series(2, dates=2)
    both = utt.forward_both(tiles, series, days)
    alone = [utt.forward_both(tiles[i : i + 1], series[i : i + 1], days[i : i + 1]) for i in range(2)]
    for part in (0, 1):
        assert both[part].shape == (2, 13, 64, 64)
        torch.testing.assert_close(both[part], torch.cat([a[part] for a in alone]), rtol=0, atol=ROUNDING)
    torch.testing.assert_close(both[0], utt(tiles, series, days), rtol=0, atol=0)


@torch.inference_mode()
def test_metadata_of_a_batch_stays_with_its_tile(utt_with_metadata):
    tiles = random_tiles(2, rows=512, columns=32)
    metadata = torch.randn(2, 45, generator=torch.Generator().manual_seed(2))
    alone = torch.cat([utt_with_metadata(tiles[i : i + 1], metadata=metadata[i : i + 1]) for i in range(2)])
    assert (alone[:1] - utt_with_metadata(tiles[:1], metadata=metadata[1:])).abs().max() > 1e-3
    torch.testing.assert_close(utt_with_metadata(tiles, metadata=metadata), alone, rtol=0, atol=ROUNDING)


@torch.inference_mode()
def test_no_pass_is_spent_on_finding_out_a_shape():
    calls: Counter = Counter()
    hook = register_module_forward_hook(lambda module, inputs, output: calls.update([module]))
    try:
        network = UTT().eval()
        assert not calls
        aerial_first, satellite_first = network.arch_vhr.encoder.conv1, network.arch_hr.in_conv.conv.conv[0]
        tiles, (series, days) = random_tiles(2), random_series(2, side=16)
        network(tiles)
        assert (calls[aerial_first], calls[satellite_first]) == (1, 0)
        network(tiles, series, days)
        assert (calls[aerial_first], calls[satellite_first]) == (2, 1)
        network.forward_both(tiles, series, days)
        assert (calls[aerial_first], calls[satellite_first]) == (3, 2)
    finally:
        hook.remove()


@torch.inference_mode()
def test_without_series_the_satellite_branch_makes_no_difference(utt):
    aerial_only = with_made_up_weights(UTT(satellite=False))
    tiles = random_tiles(1)
    assert torch.equal(utt(tiles), aerial_only(tiles))


@torch.inference_mode()
def test_without_metadata_the_metadata_branch_makes_no_difference(utt, utt_with_metadata):
    tiles, (series, days) = random_tiles(1), random_series(1)
    assert torch.equal(utt(tiles, series, days), utt_with_metadata(tiles, series, days))


@torch.inference_mode()
def test_dropping_the_satellite_leaves_its_own_logits_and_the_aerial_ones_without_it(utt):
    tiles, (series, days) = random_tiles(1), random_series(1)
    fused, satellite = utt.forward_both(tiles, series, days)
    dropped, satellite_again = utt.forward_both(tiles, series, days, fuse=False)
    assert torch.equal(dropped, utt(tiles))
    assert torch.equal(satellite_again, satellite)
    assert (fused - dropped).abs().max() > 0.01


@torch.inference_mode()
def test_only_the_central_pixels_of_the_superpatch_make_the_satellite_logits(utt):
    tiles, (series, days) = random_tiles(1), random_series(1)
    _, satellite = utt.forward_both(tiles, series, days)
    features = utt.satellite_features(series, days)
    centre = utt.reshape_utae_output[1](features[..., 15:25, 15:25])
    rows = (torch.arange(64) * 10) // 64  # nearest neighbour: 10 cells of 10 m over the tile's 64 rows
    torch.testing.assert_close(satellite, centre[..., rows[:, None], rows], rtol=0, atol=ROUNDING)


@torch.inference_mode()
def test_the_layers_that_the_published_network_never_reads_are_never_read():
    network = with_made_up_weights(UTT())
    tiles, (series, days) = random_tiles(1), random_series(1, dates=2)
    before = network.forward_both(tiles, series, days)
    for layer in (
        network.fm_utae_featmap_cropped.conv_list[0],
        network.fm_utae_featmap_collapsed.mlps[0],
        network.arch_hr.out_conv,
    ):
        for parameter in layer.parameters():
            parameter.fill_(float("nan"))
    after = network.forward_both(tiles, series, days)
    assert torch.equal(after[0], before[0])
    assert torch.equal(after[1], before[1])


@torch.inference_mode()
def test_other_numbers_of_bands_and_classes_fit():
    network = UTT(in_channels=3, classes=7, satellite_bands=4).eval()
    series, days = random_series(1, side=16)
    assert network(random_tiles(1, channels=3), series[:, :, :4], days).shape == (1, 7, 64, 64)


def test_gradients_reach_both_branches():
    network = UTT()
    network.train()
    series, days = random_series(2, dates=2, side=16)
    fused, satellite = network.forward_both(random_tiles(2), series, days)
    (fused.square().mean() + satellite.square().mean()).backward()
    for layer in (network.arch_vhr.encoder.conv1, network.arch_hr.in_conv.conv.conv[0]):
        assert layer.weight.grad.abs().max() > 0


def test_a_series_is_refused_where_there_is_no_satellite_branch():
    network = UTT(satellite=False)
    with pytest.raises(ValueError, match="no satellite branch"):
        network(random_tiles(1), *random_series(1))
    with pytest.raises(ValueError, match="no satellite branch"):
        network.forward_both(random_tiles(1), *random_series(1))


def test_a_series_without_days_is_refused(utt):
    with pytest.raises(ValueError, match="days of its dates"):
        utt(random_tiles(1), random_series(1)[0])


def test_metadata_is_refused_where_there_is_no_metadata_branch(utt):
    with pytest.raises(ValueError, match="no metadata branch"):
        utt(random_tiles(1), metadata=torch.zeros(1, 45))


def test_metadata_is_refused_for_tiles_of_another_height(utt_with_metadata):
    with pytest.raises(ValueError, match="512 rows"):
        utt_with_metadata(random_tiles(1), metadata=torch.zeros(1, 45))


@pytest.mark.parametrize("days", [torch.zeros(4), torch.zeros(1, 3), torch.zeros(2, 4)])
def test_days_that_are_not_one_a_date_are_refused(utt, days):
    with pytest.raises(ValueError, match=r"\(tiles, dates, bands, rows, columns\)"):
        utt(random_tiles(1), random_series(1, dates=4)[0], days)


@pytest.mark.parametrize("side", [8, 20])
def test_a_superpatch_of_a_side_that_cannot_be_halved_or_is_smaller_than_the_tile_is_refused(utt, side):
    with pytest.raises(ValueError, match=f"not {side} x {side}"):
        utt(random_tiles(1), *random_series(1, side=side))


def test_a_series_for_another_number_of_tiles_is_refused(utt):
    with pytest.raises(ValueError, match="2 aerial tiles do not go with Sentinel-2 series of 1"):
        utt(random_tiles(2), *random_series(1, dates=1, side=16))


def test_metadata_for_another_number_of_tiles_is_refused(utt_with_metadata):
    with pytest.raises(ValueError, match="2 aerial tiles do not go with aerial metadata of 1"):
        utt_with_metadata(random_tiles(2, rows=512, columns=32), metadata=torch.zeros(1, 45))
