"""U-T&T from a U-Net: the aerial branch is one that was trained, the satellite branch is new and silent at first.

What the fusion adds to the encoder's maps comes out of two last layers for each stage: the 1x1 convolution of the
cropped map (`UTT.fm_utae_featmap_cropped`) and the last linear layer of the MLP of its mean
(`UTT.fm_utae_featmap_collapsed`). Weights and biases of both start at zero, so that exactly zero is added, whatever the
series holds, and the network gives the U-Net's logits. It can still be learnt: the gradient of a last layer depends on
what comes into it, which is not zero, and once that layer has moved, the layers before it get theirs (the "zero
convolutions" of Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", arXiv 2302.05543,
section 3.1).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import nn

from ...contract.cards import ROLES, WEIGHTS_NAME, BadModel, ModelCard, SatelliteInput, digest_of, write_card
from ..library import keep_model, model_id, user_folder, working_folder
from .build import build_network, load_into
from .checkpoints import load_model
from .gated import only_state
from .utt import UTT
from .weights import save_weights

UNET = "smp:Unet:resnet34"
SEED = 0  # of the satellite branch's first weights
_TILE_METRES = 102.4  # what the central 10 x 10 pixels of 10 m of a series cover (arXiv 2310.13336, section 4)
_TOLERANCE = 0.05  # of those metres


def make_utt(model: Path, title: str | None = None, seed: int = SEED) -> ModelCard:
    """Puts the U-T&T of a U-Net, a model folder or a checkpoint, into the library; returns the card it has there.

    title: None or empty: "U-T&T from" and the U-Net's title. The U-Net stays as it is.
    Raises BadModel, with nothing new in the library, where the model is no such U-Net or nothing can be written.
    """
    model = Path(model)
    card, unet = load_model(model)
    digest = card.weights_digest or digest_of(model / WEIGHTS_NAME if model.is_dir() else model)
    card, network = utt_from_unet(replace(card, weights_digest=digest), unet, seed)
    card = replace(card, title=(title or "").strip() or card.title)
    try:
        with working_folder() as part:
            folder = part / "model"
            folder.mkdir()
            save_weights(network.state_dict(), folder / WEIGHTS_NAME)
            weights = digest_of(folder / WEIGHTS_NAME)
            write_card(replace(card, id=model_id(card.title), weights_digest=weights), folder)
            return keep_model(folder)
    except (OSError, SafetensorError) as error:
        raise BadModel(
            f"The new model cannot be put into {user_folder()} ({getattr(error, 'strerror', None) or error}): "
            "see that the folder can be written and the disk has room, then make it again."
        ) from None


def utt_from_unet(card: ModelCard, unet: nn.Module, seed: int = SEED) -> tuple[ModelCard, UTT]:
    """Card and network, in eval mode, of a U-T&T whose logits are those of the U-Net until it is fine-tuned.

    card, unet: of a U-Net with ResNet34 on five bands, as `load_model` gives them. Its outputs keep their meaning,
    which checkpoints get by the names of the classes, so that each is the class of `nomenclature` that it was.
    seed: of the satellite branch; torch's own random numbers go on as if none had been drawn.
    The new card has no digest yet; its source names the parent with its own.
    Raises BadModel where the model is another one.
    """
    _check(card)
    unet = only_state(card, unet)
    made = _card(card)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(made)
    if not isinstance(network, UTT):
        raise AssertionError
    with torch.no_grad():
        last = [list(perceptron.children())[-1] for perceptron in network.fm_utae_featmap_collapsed.mlps]
        for layer in (*network.fm_utae_featmap_cropped.conv_list, *last):
            for weights in layer.parameters():
                weights.zero_()
    aerial = {f"arch_vhr.{name}": value for name, value in unet.state_dict().items()}
    load_into(network, {**network.state_dict(), **aerial}, card.title)
    return made, network


def _check(card: ModelCard) -> None:
    """Raises BadModel where the card is not that of a U-Net that fits into a U-T&T."""
    remedy = "choose a U-Net with ResNet34 on five bands, such as FLAIR-INC_rgbie_15cl_resnet34-unet"
    if card.architecture == "utt":
        raise BadModel(f"The model {card.title} is a U-T&T already: fine-tune it as it is, or {remedy}.")
    if card.architecture != UNET:
        raise BadModel(f"The model {card.title} is {card.architecture}, not {UNET}: {remedy}.")
    if card.metadata:
        raise BadModel(f"The model {card.title} has a branch for metadata, which a U-T&T has otherwise: {remedy}.")
    if sorted(card.inputs) != sorted(ROLES):
        raise BadModel(f"The model {card.title} takes {', '.join(card.inputs)}, not {', '.join(ROLES)}: {remedy}.")
    metres = card.tile_size * card.ground_sampling_distance
    if abs(metres - _TILE_METRES) > _TOLERANCE * _TILE_METRES:
        raise BadModel(
            f"The tiles of the model {card.title} are {metres:g} m a side, where U-T&T's series cover {_TILE_METRES} m"
            f": {remedy}."
        )


def _card(card: ModelCard) -> ModelCard:
    parent = f"{card.title} ({card.id}, {card.weights_digest or 'weights without a digest'})"
    return replace(
        card,
        title=f"U-T&T from {card.title}",
        architecture="utt",
        satellite=SatelliteInput(),
        source=(
            f"U-T&T (Garioud et al., arXiv 2310.13336) made with FLAIR Land Cover from {parent}, which is its aerial "
            "branch; its satellite branch is new and has learnt nothing. Of the parent: "
            f"{card.source or 'see its card'}"
        ),
        training_data=f"The aerial branch: {card.training_data or 'see the card of its parent'}",
        limits=(
            "Fine-tune it with a Sentinel-2 series, all of its layers, before its satellite input means anything: "
            f"until then a series changes nothing and its maps are those of {card.title}. {card.limits}"
        ).strip(),
        scores={f"{card.title}, measured before the satellite branch was added": card.scores} if card.scores else {},
        weights_digest="",
        fine_tuning={},
    )
