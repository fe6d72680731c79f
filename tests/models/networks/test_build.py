from __future__ import annotations

import pytest
import torch
from torch import nn

from flair_landcover.contract.cards import WEIGHTS_NAME, ModelCard, SatelliteInput, write_card
from flair_landcover.models.networks.build import build_network, load_into
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.models.networks.flairhub import FlairHub
from flair_landcover.models.networks.utt import UTT
from flair_landcover.models.networks.weights import save_weights

from ...refusal import refusal
from ..conftest import random_tiles

INPUTS = ("red", "green", "blue", "nir", "elevation")


def _card(architecture: str, bands: int = 5, outputs: int = 13, **settings) -> ModelCard:
    return ModelCard(
        id="x",
        title="X",
        architecture=architecture,
        inputs=INPUTS[:bands],
        means=(0.0,) * bands,
        stds=(1.0,) * bands,
        outputs=(1,) * outputs,
        **settings,
    )


@pytest.mark.parametrize(
    ("architecture", "bands", "outputs"),
    [("smp:Unet:resnet34", 4, 19), ("smp:DeepLabV3Plus:resnet18", 3, 13), ("smp:FPN:tu-resnet18", 5, 2)],
)
@torch.inference_mode()
def test_networks_of_segmentation_models_pytorch_take_the_cards_bands_and_give_its_outputs(
    architecture, bands, outputs
):
    network = build_network(_card(architecture, bands, outputs))
    assert not network.training
    assert network(random_tiles(2, channels=bands)).shape == (2, outputs, 64, 64)


# Encoders that are more than weights: MiT reads values while it is built, EfficientFormer has buffers
# that no state dict holds.
@pytest.mark.parametrize(
    "architecture", ["smp:Segformer:mit_b0", "smp:Unet:tu-efficientformerv2_s0", "smp:Unet:resnet18"]
)
@torch.inference_mode()
def test_a_network_predicts_the_same_from_its_folder(tmp_path, architecture):
    card = _card(architecture, tile_size=224)
    network = build_network(card)
    save_weights(network.state_dict(), tmp_path / WEIGHTS_NAME)
    write_card(card, tmp_path)
    tile = random_tiles(1, rows=224, columns=224)
    loaded_card, loaded = load_model(tmp_path)
    assert loaded_card == card
    torch.testing.assert_close(loaded(tile), network(tile), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("satellite", [SatelliteInput(bands=("B2", "B3", "B4")), None])
def test_a_utt_has_the_branches_of_its_card(metadata, satellite):
    network = build_network(_card("utt", bands=4, outputs=6, satellite=satellite, metadata=metadata))
    assert isinstance(network, UTT)
    assert not network.training
    names = list(network.state_dict())
    assert any(name.startswith("arch_hr.") for name in names) == (satellite is not None)
    assert any(name.startswith("mtd_mlp.") for name in names) == metadata
    assert network.arch_vhr.encoder.conv1.in_channels == 4
    assert network.arch_vhr.segmentation_head[0].out_channels == 6
    if satellite:
        assert network.arch_hr.in_conv.conv.conv[0].in_channels == 3


@pytest.mark.parametrize("satellite", [SatelliteInput(bands=("B2", "B3", "B4")), None])
def test_a_flairhub_network_has_the_parts_of_its_card(satellite):
    network = build_network(_card("flairhub:convnextv2tiny-unet", bands=4, outputs=6, satellite=satellite))
    assert isinstance(network, FlairHub)
    assert not network.training
    weights = network.state_dict()
    assert weights["encoders.AERIAL_RGBI.seg_model.model.stem_0.weight"].shape[1] == 4
    assert len(weights["main_decoders.AERIAL_LABEL-COSIA.seg_model.segmentation_head.0.bias"]) == 6
    first = weights.get("encoders.SENTINEL2_TS.in_conv.conv.conv.0.weight")
    assert first.shape[1] == 3 if satellite else first is None


@pytest.mark.parametrize(
    "architecture",
    [
        *("", "u-net", "smp", "smp:Unet", "smp:Unet:resnet18:more", "flairhub:", "UTT"),
        *("flairhub", "flairhub:swinbase", "flairhub:swinbase-fpn", "flairhub:resnet34-unet"),
        *("smp:Nothing:resnet18", "smp:Unet:nothing", "smp:Unet:tu-nothing", "smp:DPT:resnet18"),
    ],
)
def test_an_unknown_architecture_is_refused_by_its_name(architecture):
    sentence = refusal(build_network, _card(architecture))
    assert f"architecture {architecture}" in sentence
    assert len(sentence) < 300


@pytest.fixture
def layers() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1))


def _change(name: str, value: torch.Tensor | None):
    def change(weights: dict) -> None:
        if value is None:
            del weights[name]
        else:
            weights[name] = value

    return change


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ([("0.bias", None)], "the weight 0.bias is missing"),
        ([("1.weight", torch.ones(4))], "the weight 1.weight has the shape (4,) instead of (3,)"),
        ([("extra", torch.ones(1))], "the weight extra is unknown"),
        ([("0.weight", torch.ones(3, 2, 3, 3, dtype=torch.int8))], "the weight 0.weight is of integers"),
        ([("2.weight", None), ("1.bias", torch.ones(9))], "the weight 1.bias has the shape (9,) instead of (3,)"),
        ([("2.bias", torch.ones(2)), ("0.weight", None), ("a", torch.ones(1))], "the weight 0.weight is missing"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_their_first_difference(layers, changes, difference):
    weights = dict(layers.state_dict())
    for name, value in changes:
        _change(name, value)(weights)
    sentence = refusal(load_into, layers, weights, "my.ckpt")
    assert difference in sentence
    assert sentence.startswith("my.ckpt ")


def test_weights_that_fit_are_loaded(layers):
    weights = {name: torch.full_like(value, 3) for name, value in layers.state_dict().items()}
    load_into(layers, weights, "my.ckpt")
    assert all((value == 3).all() for value in layers.state_dict().values())
    assert all(parameter.requires_grad for parameter in layers.parameters())
