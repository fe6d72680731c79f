from __future__ import annotations

import pytest
import torch
from torch import nn

from flair_landcover.contract.cards import BadModel, ModelCard
from flair_landcover.finetune.trained_stages import (
    CACHED,
    bytes_of,
    concatenated,
    is_local,
    map_tensors,
    trained_chain,
)
from flair_landcover.models.networks.build import build_network

from .scenes import WITH_SATELLITE

ARCHITECTURES = [
    "smp:Unet:resnet18",
    "smp:MAnet:resnet18",
    "smp:Linknet:resnet18",
    "smp:UnetPlusPlus:resnet18",
    "smp:FPN:resnet18",
    "smp:DeepLabV3Plus:resnet18",
    "smp:UPerNet:resnet18",
    "smp:Segformer:resnet18",
    "smp:DPT:tu-vit_tiny_patch16_224",
    "flairhub:convnextv2tiny-upernet",
]


def made(architecture: str) -> tuple[ModelCard, nn.Module]:
    card = ModelCard(id="made", title="Made", architecture=architecture)
    torch.manual_seed(0)
    return card, build_network(card)


def tiles(architecture: str, count: int = 2) -> torch.Tensor:
    side = 224 if "vit" in architecture else 64
    return torch.rand(count, 5, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("trainable", ["last", "decoder", "all"])
@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "flairhub:convnextv2tiny-unet"])
def test_the_chain_gives_what_the_whole_network_gives(architecture, trainable):
    card, network = made(architecture)
    chain = trained_chain(card, network, trainable)
    aerial = tiles(architecture)
    recorded = [chain.record(lambda tile=tile: network(tile[None])) for tile in aerial]
    logits = chain.run(concatenated([calls for calls, _ in recorded]))
    torch.testing.assert_close(logits, network(aerial), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(torch.cat([given for _, given in recorded]), logits, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("with_series", [True, False])
def test_the_satellite_counts_as_frozen(with_series):
    torch.manual_seed(0)
    network = build_network(WITH_SATELLITE)
    chain = trained_chain(WITH_SATELLITE, network, "last")
    inputs = [torch.rand(1, 5, 64, 64)]
    if with_series:
        inputs += [torch.rand(1, 3, 10, 40, 40), torch.tensor([[0.0, 30.0, 60.0]])]
    calls, logits = chain.record(lambda: network(*inputs))
    torch.testing.assert_close(chain.run(calls), logits)


@pytest.mark.parametrize(
    "trainable, trained",
    [
        ("last", ("decoder.blocks.2", "decoder.blocks.3", "decoder.blocks.4", "segmentation_head")),
        ("decoder", ("decoder", "segmentation_head")),
        ("all", ("encoder", "decoder", "segmentation_head")),
    ],
)
def test_only_the_chosen_part_is_trainable(trainable, trained):
    card, network = made("smp:Unet:resnet18")
    chain = trained_chain(card, network, trainable)
    names = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert names == {name for name, _ in network.named_parameters() if name.startswith(trained)}
    assert {id(p) for p in chain.parameters} == {id(p) for p in network.parameters() if p.requires_grad}


@pytest.mark.parametrize("architecture", ARCHITECTURES[4:])
def test_decoders_without_a_row_of_blocks_learn_in_the_head_alone(architecture):
    card, network = made(architecture)
    trained_chain(card, network, "last")
    names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    assert names and all("segmentation_head" in name for name in names)
    assert not is_local(network)


def test_decoders_of_blocks_can_learn_on_crops():
    assert is_local(made("smp:Unet:resnet18")[1]) and is_local(build_network(WITH_SATELLITE))
    assert is_local(made("flairhub:convnextv2tiny-unet")[1])


def test_a_network_without_decoder_and_head_is_refused():
    with pytest.raises(BadModel, match="cannot be trained"):
        trained_chain(ModelCard(id="x", title="Strange", architecture="other"), nn.Conv2d(5, 13, 1), "last")


def test_stages_that_are_no_chain_are_noticed():
    card, network = made("smp:Unet:resnet18")
    chain = trained_chain(card, network, "last")
    with pytest.raises(ValueError, match="end"):
        chain.record(lambda: network(torch.rand(1, 5, 64, 64)) * 2)
    assert not network.segmentation_head._forward_hooks  # nothing stays behind


def test_tensors_are_found_wherever_they_are_nested():
    values = [(torch.ones(2, 3), 7), {"skip": [torch.ones(4), None]}]
    changed = map_tensors(values, lambda tensor: tensor.to(CACHED))
    assert bytes_of(values) == 40 and bytes_of(changed) == 20
    assert changed[0][1] == 7 and changed[1]["skip"][1] is None
    assert concatenated([values, values])[0][0].shape == (4, 3)
