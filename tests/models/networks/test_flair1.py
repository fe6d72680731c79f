from __future__ import annotations

import pytest
import torch

from flair_landcover.contract.cards import ModelCard
from flair_landcover.finetune.trained_stages import trained_chain
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.flair1 import MetadataNetwork

from ..conftest import random_tiles
from ..golden import with_made_up_weights

CARD = ModelCard(id="flair1", title="FLAIR #1", architecture="smp:Unet:resnet34", metadata=True)


@pytest.fixture(scope="module")
def network() -> MetadataNetwork:
    built = build_network(CARD)
    assert isinstance(built, MetadataNetwork)
    return with_made_up_weights(built)


@pytest.fixture(scope="module")
def tile() -> torch.Tensor:
    return random_tiles(1, rows=512, columns=64)


def _metadata(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 45, generator=torch.Generator().manual_seed(seed))


def test_its_weights_have_the_published_names_and_shapes(network):
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    branch = {name: shape for name, shape in shapes.items() if name.startswith("enc.")}
    assert branch == {
        **{"enc.enc_mlp.0.weight": (64, 45), "enc.enc_mlp.0.bias": (64,)},
        **{"enc.enc_mlp.3.weight": (32, 64), "enc.enc_mlp.3.bias": (32,)},
        **{"enc.enc_mlp.6.weight": (16, 32), "enc.enc_mlp.6.bias": (16,)},
    }
    assert all(name.startswith("seg_model.") for name in set(shapes) - set(branch))
    assert shapes["seg_model.encoder.conv1.weight"] == (64, 5, 7, 7)
    assert shapes["seg_model.segmentation_head.0.bias"] == (13,)


@torch.inference_mode()
def test_without_metadata_it_is_the_network_alone(network, tile):
    assert torch.equal(network(tile), network.seg_model(tile))


@torch.inference_mode()
def test_metadata_is_added_to_the_rows_of_the_deepest_map(network, tile):
    encoded = network.enc.enc_mlp(_metadata())
    assert encoded.shape == (1, 16) and (encoded >= 0).all() and encoded.any()
    maps = network.seg_model.encoder(tile)
    rows = encoded.reshape(1, 1, 16, 1).expand(1, 512, 16, 2)
    expected = network.seg_model.segmentation_head(network.seg_model.decoder([*maps[:-1], maps[-1] + rows]))
    torch.testing.assert_close(network(tile, _metadata()), expected)
    assert not torch.equal(network(tile, _metadata()), network(tile))
    assert not torch.equal(network(tile, _metadata(1)), network(tile, _metadata()))


def test_metadata_that_does_not_fit_is_refused(network, tile):
    with pytest.raises(ValueError, match="tiles of 512 rows only"):
        network(random_tiles(1), _metadata())
    with pytest.raises(ValueError, match=r"has the shape \(1, 45\), not \(1, 44\)"):
        network(tile, _metadata()[:, 1:])
    with pytest.raises(ValueError, match=r"of 2 tiles has the shape \(2, 45\)"):
        network(random_tiles(2, rows=512), _metadata())


@pytest.mark.parametrize("trainable", ["last", "decoder", "all"])
def test_it_can_be_fine_tuned(trainable):
    network = build_network(CARD)
    chain = trained_chain(CARD, network, trainable)
    tiles = random_tiles(1)
    calls, result = chain.record(lambda: network(tiles))
    torch.testing.assert_close(chain.run(calls), result)
