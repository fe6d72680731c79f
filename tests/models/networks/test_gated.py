from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from flair_landcover.contract.cards import WEIGHTS_NAME, BadModel, ModelCard, write_card
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.models.networks.gated import WINDOW, GatedNetwork, only_state, statistics_of

CARD = ModelCard(id="small", title="Small", architecture="smp:Unet:resnet18")
HEAD = ("segmentation_head.0.weight", "segmentation_head.0.bias")


def image(brightness: float, size: int = WINDOW, seed: int = 0) -> torch.Tensor:
    """(5, size, size): a noisy picture of some brightness, its heights noise."""
    noise = torch.randn(5, size, size, generator=torch.Generator().manual_seed(seed))
    return brightness + 0.05 * noise


def statistics(brightness: float) -> torch.Tensor:
    return torch.stack([statistics_of(image(brightness, seed=seed), CARD) for seed in (1, 2)])


@pytest.fixture(scope="module")
def earlier() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network(CARD).requires_grad_(False)


@pytest.fixture(scope="module")
def later(earlier) -> torch.nn.Module:
    changed = copy.deepcopy(earlier)
    changed.segmentation_head[0].bias += torch.arange(13.0)
    changed.segmentation_head[0].weight.mul_(-1)
    return changed


@pytest.fixture(scope="module")
def gated_network(earlier, later) -> GatedNetwork:
    before = {name: earlier.state_dict()[name] for name in HEAD}
    return GatedNetwork(later, [before], [statistics(0.3)], CARD).eval()


@pytest.fixture(scope="module")
def latest(later) -> torch.nn.Module:
    changed = copy.deepcopy(later)
    changed.segmentation_head[0].bias.neg_()
    return changed


@pytest.fixture(scope="module")
def twice(earlier, later, latest) -> GatedNetwork:
    """Made on an image of brightness 0.3, then again on one of 0.6."""
    before = [{name: network.state_dict()[name] for name in HEAD} for network in (earlier, later)]
    return GatedNetwork(latest, before, [statistics(0.3), statistics(0.6)], CARD).eval()


def test_an_image_that_looks_alike_is_mapped_by_the_later_state(gated_network, later):
    tile = image(0.31, 512)[None]
    assert torch.equal(gated_network(tile), later(tile))


def test_an_image_that_looks_otherwise_is_mapped_by_the_earlier_state(gated_network, earlier):
    tile = image(0.6, 512)[None]
    assert torch.equal(gated_network(tile), earlier(tile))


def test_a_tile_of_both_passes_from_one_to_the_other(gated_network, earlier, later):
    tile = torch.cat([image(0.3, 768)[:, :, :384], image(0.6, 768)[:, :, :384]], dim=2)[None]
    share = gated_network.share(tile)[0, 0]
    assert share.shape == (768, 768)
    assert (share[:, :150] == 1).all() and (share[:, -150:] == 0).all()
    assert (share.diff(dim=1).abs() < 0.1).all()  # no edge
    mixed, before, after = (network(tile) for network in (gated_network, earlier, later))
    assert torch.equal(mixed[..., :150], after[..., :150]) and torch.equal(mixed[..., -150:], before[..., -150:])


def test_the_same_brightness_with_another_contrast_looks_otherwise(gated_network):
    tile = image(0.3, 512)
    assert gated_network.share(tile[None]).min() == 1
    assert gated_network.share((0.3 + 4 * (tile - 0.3))[None]).max() == 0


def test_heights_do_not_count(gated_network):
    tile = image(0.3, 512)
    tile[4] += 3.0
    assert gated_network.share(tile[None]).min() == 1


@pytest.mark.parametrize("brightness, share", [(0.3, 1.0), (0.6, 0.0)])
def test_a_band_that_was_not_given_does_not_count(gated_network, brightness, share):
    tile = image(brightness, 512)
    tile[3:] = 0.0
    assert (gated_network.share(tile[None]) == share).all()


def test_a_picture_of_nothing_is_mapped_by_the_earlier_state(gated_network):
    assert (gated_network.share(torch.zeros(1, 5, 256, 256)) == 0).all()


@pytest.mark.parametrize("size", [(64, 96), (256, 512), (288, 1024)])
def test_tiles_may_have_any_size_that_the_network_takes(gated_network, size):
    tile = image(0.3, 1024)[:, : size[0], : size[1]]
    assert gated_network.share(tile[None]).shape == (1, 1, *size)
    assert gated_network(tile[None]).shape == (1, 13, *size)


def test_the_unit_is_a_share_of_the_bands_range_whatever_the_card_scales(earlier):
    card = replace(CARD, scale=1.0, means=(100.0,) * 5, stds=(50.0,) * 5)
    tiles = [(image(brightness, 512) * 255 - 100) / 50 for brightness in (0.3, 0.31, 0.6)]
    network = GatedNetwork(earlier, [{}], [statistics_of(tiles[0][:, :WINDOW, :WINDOW], card)[None]], card)
    assert [float(network.share(tile[None]).mean()) for tile in tiles] == [1.0, 1.0, 0.0]


def test_a_model_folder_holds_both_states(gated_network, tmp_path):
    save_file({name: value.contiguous() for name, value in gated_network.state_dict().items()}, tmp_path / WEIGHTS_NAME)
    write_card(CARD, tmp_path)
    card, again = load_model(tmp_path)
    assert card == CARD and isinstance(again, GatedNetwork)
    for tile in (image(0.3, 512)[None], image(0.6, 512)[None]):
        assert torch.equal(again(tile), gated_network(tile))


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("before.0.segmentation_head/0/bias", torch.zeros(4), "segmentation_head.0.bias does not fit"),
        ("before.0.segmentation_head/0/bias", torch.zeros(13, dtype=torch.int8), "bias does not fit"),
        ("before.0.nothing", torch.zeros(4), "nothing does not fit"),
        ("looks.0", torch.zeros(3, 5), "looked like"),
        ("looks.0", torch.zeros(0, 8), "looked like"),
        ("looks.0", torch.zeros(3, 8, dtype=torch.int64), "looked like"),
        ("looks.0", torch.full((3, 8), torch.nan), "cannot be read"),
        ("looks.2", torch.zeros(3, 8), "cannot be read"),
    ],
)
def test_states_that_do_not_fit_are_refused(gated_network, tmp_path, name, value, said):
    weights = {**gated_network.state_dict(), name: value}
    save_file({name: value.contiguous() for name, value in weights.items()}, tmp_path / WEIGHTS_NAME)
    write_card(CARD, tmp_path)
    with pytest.raises(BadModel, match=said):
        load_model(tmp_path)


def test_a_band_that_was_filled_with_any_value_does_not_count(earlier):
    card = replace(CARD, scale=1.0, means=(105.08,) * 5, stds=(52.17,) * 5, fill={"nir": -2.0142})
    tile = (image(0.3, 512) * 255 - 105.08) / 52.17
    network = GatedNetwork(earlier, [{}], [statistics_of(tile[:, :WINDOW, :WINDOW], card)[None]], card)
    without = tile.clone()
    without[3] = card.fill["nir"]
    assert network.share(tile[None]).min() == network.share(without[None]).min() == 1


@pytest.mark.parametrize("brightness, state", [(0.9, "earlier"), (0.3, "later"), (0.6, "latest")])
def test_of_several_states_each_counts_on_its_own_image(twice, brightness, state, request):
    tile = image(brightness, 512)[None]
    assert torch.equal(twice(tile), request.getfixturevalue(state)(tile))
    assert (twice.share(tile) == (state != "earlier")).all()
    assert twice.matching_state(statistics(brightness)) == ("earlier", "later", "latest").index(state)


def test_where_images_look_alike_the_latest_state_counts(earlier, later, latest):
    before = [{name: network.state_dict()[name] for name in HEAD} for network in (earlier, later)]
    network = GatedNetwork(latest, before, [statistics(0.3), statistics(0.3)], CARD).eval()
    tile = image(0.3, 512)[None]
    assert torch.equal(network(tile), latest(tile)) and network.matching_state(statistics(0.3)) == 2


def test_every_state_is_given_whole(twice, earlier, later, latest):
    for stored, network in zip(twice.states(), (earlier, later, latest), strict=True):
        assert stored.keys() == network.state_dict().keys()
        assert all(torch.equal(tensor, stored[name]) for name, tensor in network.state_dict().items())
    assert [known.shape for known in twice.known_statistics()] == [(2, 8), (2, 8)]


def test_all_that_belongs_to_a_network_lies_on_its_device(later):
    """As on a graphics card: torch's meta device stands for one here."""
    network = copy.deepcopy(later).to("meta")
    before = [{name: network.state_dict()[name].clone() for name in HEAD}]
    made = GatedNetwork(network, before, [statistics(0.3).to("meta")], CARD)
    assert {tensor.device.type for tensor in (*made.parameters(), *made.buffers())} == {"meta"}


def test_what_needs_one_state_refuses_several(earlier, gated_network):
    assert only_state(CARD, earlier) is earlier
    with pytest.raises(BadModel, match="What Small was fine-tuned to counts on images like one alone: choose"):
        only_state(CARD, gated_network)
