"""The card of a FLAIR-INC checkpoint of IGN's model collection, read off its weights.

A U-Net with ResNet34 or MiT-B5, DeepLabV3 or FPN with ResNet34, all of segmentation-models-pytorch: prefix
`model.seg_model.`, `seg_model.` or `model.`, 19 outputs of which 12 or 15 were trained.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ...contract.cards import ROLES, BadModel, ModelCard
from ...contract.nomenclature import FLAIR_CLASSES
from .published_classes import class_settings

# Outputs of the FLAIR-INC U-Nets in order (README of IGNF/FLAIR-1, nomenclature of 19 classes); the
# first 12 have the names of ours. Swimming pools, snow and greenhouses are "other" in FLAIR #2.
_OUTPUTS = (
    *(c.name for c in FLAIR_CLASSES[:12]),
    *("swimming pool", "snow", "clear cut", "mixed", "ligneous", "greenhouse", "other"),
)
_LIVE = {12: frozenset(_OUTPUTS[:12])}
_LIVE[15] = _LIVE[12] | {"swimming pool", "snow", "greenhouse"}
# The networks of the collection by a weight of their decoder, after `under_names_of_today`.
_DECODERS = {
    "decoder.blocks.0.conv1.0.weight": ("Unet", "U-Net"),
    "decoder.aspp.convs.0.0.weight": ("DeepLabV3", "DeepLabV3"),
    "decoder.p5.weight": ("FPN", "FPN"),
}
# DeepLabV3's decoder was a sequence of modules in segmentation-models-pytorch 0.3; 0.5 has names for them.
_DEEPLABV3_BEFORE = {"decoder.0.": "decoder.aspp.", "decoder.1.": "decoder.conv.", "decoder.2.": "decoder.bn."}
_FIRST = {"resnet": "encoder.conv1.weight", "mit": "encoder.patch_embed1.proj.weight"}
# MiT's sizes by channels and blocks of the third stage (arXiv 2105.15203, table 6).
_MIT_SIZES = {(160, 2): "mit_b0", (320, 2): "mit_b1", (320, 6): "mit_b2", (320, 18): "mit_b3", (320, 27): "mit_b4"}
_MIT_SIZES[320, 40] = "mit_b5"
# Model cards of IGNF/FLAIR-INC_rgbie_15cl_resnet34-unet: red, green, blue, near infrared, elevation on 0..255.
_MEANS = (105.08, 110.87, 101.82, 106.38, 53.26)
_STDS = (52.17, 45.38, 44.0, 39.69, 79.3)


def is_flair_inc(weights: dict[str, Tensor]) -> bool:
    """Whether weights, less their prefix, are those of a network of the collection."""
    return "segmentation_head.0.weight" in weights and any(first in weights for first in _FIRST.values())


def under_names_of_today(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a DeepLabV3 of an older segmentation-models-pytorch under today's names; others as they are."""
    if "decoder.0.convs.0.0.weight" not in weights:
        return weights
    return {_DEEPLABV3_BEFORE.get(name[:10], name[:10]) + name[10:]: value for name, value in weights.items()}


def flair_inc_card(path: Path, weights: dict[str, Tensor], live_classes: int | None = None) -> ModelCard:
    """The card of a checkpoint whose weights, less their prefix and under today's names, are `weights`.

    live_classes: see `checkpoints.read_checkpoint`. Raises BadModel where it takes or gives what no such network does.
    """
    first = next(name for name in _FIRST.values() if name in weights)
    channels, outputs = bands_and_outputs(path, weights, "", first)
    architecture, called = _network(path, weights)
    if channels not in (3, 4, 5) or outputs != len(_OUTPUTS):
        raise BadModel(
            f"{path} has {channels} aerial bands and {outputs} outputs, where a FLAIR-INC {called} has 3 to 5 and 19: "
            "choose another checkpoint."
        )
    if live_classes is None:
        live_classes = 12 if "12cl" in path.name.lower() else 15
    if live_classes not in _LIVE:
        raise BadModel(f"A FLAIR-INC U-Net has 12 or 15 live classes, not {live_classes}: choose one of them.")
    return ModelCard(
        id=path.stem.lower(),
        title=f"FLAIR-INC {called} from {path.name}",
        architecture=architecture,
        inputs=ROLES[:channels],
        scale=1.0,
        means=_MEANS[:channels],
        stds=_STDS[:channels],
        fill={},
        licence="Licence Ouverte 2.0 (Etalab)",
        source="IGN, FLAIR-INC model collection",
        **class_settings(_OUTPUTS, _LIVE[live_classes]),
    )


def _network(path: Path, weights: dict[str, Tensor]) -> tuple[str, str]:
    """The architecture of a FLAIR-INC network as cards write it, and what it is called."""
    encoder = "resnet34"
    if _FIRST["mit"] in weights:
        third = weights.get("encoder.patch_embed3.proj.weight")
        blocks = {name.split(".")[2] for name in weights if name.startswith("encoder.block3.")}
        encoder = _MIT_SIZES.get((third.shape[0] if third is not None and third.ndim else 0, len(blocks)), "")
        if not encoder:
            raise BadModel(f"{path} has an encoder that this version does not know: choose a FLAIR-INC network.")
    for name, (decoder, called) in _DECODERS.items():
        if name in weights:
            return f"smp:{decoder}:{encoder}", called
    return f"smp:Unet:{encoder}", "U-Net"  # loading then says which weight it lacks


def bands_and_outputs(
    path: Path, weights: dict[str, Tensor], prefix: str, first: str = _FIRST["resnet"]
) -> tuple[int, int]:
    """How many bands the first convolution of a network takes, and how many outputs its last one gives."""
    first, last = f"{prefix}{first}", f"{prefix}segmentation_head.0.weight"
    for name in (first, last):
        if name not in weights:
            raise BadModel(f"{path} does not fit the network: the weight {name} is missing; choose another model.")
        if weights[name].ndim != 4:
            raise BadModel(
                f"{path} does not fit the network: the weight {name} has the shape {tuple(weights[name].shape)} "
                "instead of that of a convolution; choose another model."
            )
    return weights[first].shape[1], weights[last].shape[0]
