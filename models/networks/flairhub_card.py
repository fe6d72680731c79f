"""The card of a FLAIR-HUB checkpoint, read off its weights (IGNF/FLAIR-HUB, arXiv 2506.07080).

A published file holds the names of `flairhub.FlairHub`, with or without the prefix `model.`, beside the weights of
its losses (`criterion.*`) and of decoders that only training needs (`aux_decoders.*`).
"""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor

from ...contract.cards import BadModel, ModelCard, SatelliteInput
from .published_classes import class_settings

_AERIAL = "encoders.AERIAL_RGBI.seg_model.model."
_SERIES = "encoders.SENTINEL2_TS."
_DECODER = "main_decoders.AERIAL_LABEL-COSIA.seg_model."
_FIRST = {"convnextv2": "stem_0.weight", "swin": "patch_embed.proj.weight"}  # an encoder family's first convolution
# By family, channels of the first convolution and blocks of the third stage, which tell the sizes of a family apart
# (timm: convnext.py and swin_transformer.py).
_SIZES = {
    ("convnextv2", 96, 9): "convnextv2tiny",
    ("convnextv2", 128, 27): "convnextv2base",
    ("swin", 96, 6): "swintiny",
    ("swin", 96, 18): "swinsmall",
    ("swin", 128, 18): "swinbase",
    ("swin", 192, 18): "swinlarge",
}

# Outputs in order (README of IGNF/FLAIR-HUB, nomenclature AERIAL_LABEL-COSIA); the last four were never trained.
# Greenhouses, swimming pools and snow are "other" in FLAIR #2.
_OUTPUTS = (
    *("building", "greenhouse", "swimming pool", "impervious surface", "pervious surface", "bare soil", "water"),
    *("snow", "herbaceous vegetation", "agricultural land", "plowed land", "vineyard", "deciduous", "coniferous"),
    *("brushwood", "clear cut", "ligneous", "mixed", "undefined"),
)
_UNTRAINED = frozenset(_OUTPUTS[-4:])
# Mean and standard deviation of each band on 0..255 (configs/train/config_modalities.yaml of IGNF/FLAIR-HUB).
_STATISTICS = {"red": (105.66, 52.23), "green": (111.35, 45.62), "blue": (102.18, 44.29), "nir": (106.59, 39.78)}
# Which three bands a model takes does not show in its weights: IGN's are called LC-A_RGB_* or LC-A_IR_*.
_INFRARED = ("nir", "red", "green")
_COLOURS = ("red", "green", "blue")

# Sentinel-2 as the published training feeds it (configs/train/config_modalities.yaml and data/utils_data/sentinel.py
# of IGNF/FLAIR-HUB): exactly the tile, raw digital numbers, twelve monthly means, days counted from 15 May on. The
# published forward pass reads a series in every batch, and training never leaves it out: it is required.
FLAIR_HUB_SATELLITE = SatelliteInput(
    superpatch=10, required=True, averaging="year", days_sign=-1, cloud_rule="flairhub"
)


def is_flairhub(weights: dict[str, Tensor]) -> bool:
    """Whether weights, less their prefix, are those of a FLAIR-HUB network of any kind."""
    return any(name.startswith("encoders.") for name in weights) and any(
        name.startswith("main_decoders.") for name in weights
    )


def flairhub_card(path: Path, weights: dict[str, Tensor]) -> ModelCard:
    """The card of a checkpoint whose weights, less their prefix, are `weights`.

    A file with ``RGB`` as a part of its name takes red, green and blue, as IGN's LC-A_RGB models do; any other takes
    near infrared, red and green.
    Raises BadModel where the network takes or gives what this version does not know.
    """
    _check_parts(path, weights)
    encoder, channels = _encoder(path, weights)
    if channels != len(_INFRARED):
        raise BadModel(
            f"{path} takes {channels} aerial bands, where this version knows FLAIR-HUB models of 3: "
            "choose another checkpoint."
        )
    inputs = _COLOURS if "rgb" in re.split(r"[^a-z]+", path.name.lower()) else _INFRARED
    head = weights.get(f"{_DECODER}segmentation_head.0.bias")
    outputs = 0 if head is None else head.numel()
    if outputs != len(_OUTPUTS):
        raise BadModel(
            f"{path} has {outputs} outputs, where a FLAIR-HUB land-cover model has {len(_OUTPUTS)}: "
            "choose another checkpoint."
        )
    decoder = "upernet" if any(name.startswith(f"{_DECODER}decoder.psp.") for name in weights) else "unet"
    return ModelCard(
        id=path.stem.lower(),
        title=f"FLAIR-HUB ({', '.join(inputs)}) from {path.name}",
        architecture=f"flairhub:{encoder}-{decoder}",
        inputs=inputs,
        scale=1.0,
        means=tuple(_STATISTICS[role][0] for role in inputs),
        stds=tuple(_STATISTICS[role][1] for role in inputs),
        fill={},
        satellite=FLAIR_HUB_SATELLITE if any(name.startswith(_SERIES) for name in weights) else None,
        licence="etalab-2.0",
        source="https://github.com/IGNF/FLAIR-HUB",
        **class_settings(_OUTPUTS, set(_OUTPUTS) - _UNTRAINED),
    )


def _check_parts(path: Path, weights: dict[str, Tensor]) -> None:
    """Refuses encoders and decoders other than those of land cover from aerial images and Sentinel-2."""
    known = {"encoders": ("AERIAL_RGBI", "SENTINEL2_TS"), "main_decoders": ("AERIAL_LABEL-COSIA",)}
    said = {"encoders": "takes the input", "main_decoders": "maps"}
    for name in weights:
        kind, _, rest = name.partition(".")
        part = rest.partition(".")[0]
        if kind in known and part not in known[kind]:
            raise BadModel(
                f"{path} {said[kind]} {part}, which this version cannot: choose a FLAIR-HUB model for land cover from "
                "an aerial image (LC-A) or from one and Sentinel-2 (LC-D)."
            )


def _encoder(path: Path, weights: dict[str, Tensor]) -> tuple[str, int]:
    """The aerial encoder's name, and how many bands it takes."""
    for family, first in _FIRST.items():
        convolution = weights.get(_AERIAL + first)
        if convolution is None or convolution.ndim != 4:
            continue
        blocks = {
            match[1] for match in (re.match(r".*(?:stages|layers)_2\.blocks\.(\d+)\.", n) for n in weights) if match
        }
        encoder = _SIZES.get((family, convolution.shape[0], len(blocks)))
        if encoder is not None:
            return encoder, convolution.shape[1]
    raise BadModel(
        f"{path} has an encoder that this version does not know: choose a FLAIR-HUB model with ConvNeXtV2 (tiny, base) "
        "or Swin (tiny, small, base, large)."
    )
