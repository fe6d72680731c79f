"""From a model card to its network."""

from __future__ import annotations

import textwrap

from torch import Tensor, nn

from ...contract.cards import BadModel, ModelCard
from .torchvision_operators import import_segmentation_models


def build_network(card: ModelCard) -> nn.Module:
    """The card's network with fresh weights, in eval mode.

    Raises BadModel where this version does not know the architecture.
    """
    kind, _, rest = card.architecture.partition(":")
    if kind == "utt":
        from .utt import UTT

        network: nn.Module = UTT(
            in_channels=len(card.inputs),
            classes=len(card.outputs),
            satellite_bands=len(card.satellite.bands) if card.satellite else 10,
            satellite=card.satellite is not None,
            metadata=card.metadata,
        )
    elif kind == "flairhub":
        network = _build_flairhub(card, *rest.split("-", 1))
    elif kind == "smp" and rest.count(":") == 1:
        architecture, encoder = rest.split(":")
        smp = import_segmentation_models()
        try:
            network = smp.create_model(
                architecture, encoder, encoder_weights=None, in_channels=len(card.inputs), classes=len(card.outputs)
            )
        except (KeyError, ValueError, RuntimeError) as error:
            reason = textwrap.shorten(str(error).strip("\"'"), 120)  # smp lists all of its encoders
            raise BadModel(
                f"The architecture {card.architecture} of model {card.id} cannot be built ({reason}): "
                "update the plugin."
            ) from None
        if card.metadata:
            from .flair1 import MetadataNetwork

            network = MetadataNetwork(network)
    else:
        raise _unknown(card)
    return network.eval()


def _build_flairhub(card: ModelCard, encoder: str, decoder: str = "") -> nn.Module:
    from .flairhub import DECODERS, ENCODERS, FlairHub

    if encoder not in ENCODERS or decoder not in DECODERS:
        raise _unknown(card)
    return FlairHub(
        encoder,
        decoder,
        in_channels=len(card.inputs),
        classes=len(card.outputs),
        satellite_bands=len(card.satellite.bands) if card.satellite else 10,
        satellite=card.satellite is not None,
    )


def _unknown(card: ModelCard) -> BadModel:
    return BadModel(f"Model {card.id} has the architecture {card.architecture}, unknown here: update the plugin.")


def load_into(network: nn.Module, weights: dict[str, Tensor], where: str) -> None:
    """Loads a state dict that must fit exactly.

    Raises BadModel that names the first difference: a missing, unknown or differently shaped weight, or
    one of integers where the network computes with fractions.
    """
    expected = network.state_dict()
    for name, tensor in expected.items():
        if name not in weights:
            raise BadModel(f"{where} does not fit the network: the weight {name} is missing; choose another model.")
        if weights[name].shape != tensor.shape:
            raise BadModel(
                f"{where} does not fit the network: the weight {name} has the shape "
                f"{tuple(weights[name].shape)} instead of {tuple(tensor.shape)}; choose another model."
            )
        if tensor.is_floating_point() and not weights[name].is_floating_point():
            raise BadModel(f"{where} does not fit the network: the weight {name} is of integers; choose another model.")
    for name in weights:
        if name not in expected:
            raise BadModel(f"{where} does not fit the network: the weight {name} is unknown; choose another model.")
    network.load_state_dict(weights, assign=True)
