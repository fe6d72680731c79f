"""Models from disk: our folders, and checkpoints as IGN publishes them.

Which format a checkpoint has is read off its keys:
- a U-T&T of FLAIR #2 (IGNF/FLAIR-2): keys under `state_dict`, prefix `model.`, and `criterion.*`
  weights that prediction does not need;
- a FLAIR-INC network of IGN's model collection (a U-Net with ResNet34 or MiT-B5, DeepLabV3 or FPN with
  ResNet34): prefix `model.seg_model.`, `seg_model.` or `model.`, 19 outputs of which 12 or 15 were trained;
- a FLAIR-HUB land-cover network: see `flairhub_card`.
"""

from __future__ import annotations

import pickle  # nosec B403 - for the name of its error alone
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ...contract.atomic import atomic_folder
from ...contract.cards import ROLES, WEIGHTS_NAME, BadModel, ModelCard, SatelliteInput, digest_of, read_card, write_card
from ...contract.nomenclature import FLAIR_CLASSES, OTHER
from .build import build_network, load_into
from .flairhub_card import flairhub_card, is_flairhub
from .gated import with_all_states
from .own_classes import own_classes
from .weights import load_weights, save_weights

_CONTAINERS = ("state_dict", "model_state_dict")
_PREFIXES = ("model.seg_model.", "seg_model.", "model.")
_NOT_THE_NETWORK = ("criterion.", "train_metrics.", "val_metrics.", "aux_decoders.", "model.aux_decoders.")

# Outputs of the FLAIR-INC U-Nets in order (README of IGNF/FLAIR-1, nomenclature of 19 classes); the
# first 12 have the names of ours. Swimming pools, snow and greenhouses are "other" in FLAIR #2.
_FLAIR_INC_OUTPUTS = (
    *(c.name for c in FLAIR_CLASSES[:12]),
    *("swimming pool", "snow", "clear cut", "mixed", "ligneous", "greenhouse", "other"),
)
_FLAIR_INC_LIVE = {12: frozenset(_FLAIR_INC_OUTPUTS[:12])}
_FLAIR_INC_LIVE[15] = _FLAIR_INC_LIVE[12] | {"swimming pool", "snow", "greenhouse"}
# The networks of the collection by a weight of their decoder (segmentation-models-pytorch), after `_of_today`.
_FLAIR_INC_DECODERS = {
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
_FLAIR_INC_MEANS = (105.08, 110.87, 101.82, 106.38, 53.26)
_FLAIR_INC_STDS = (52.17, 45.38, 44.0, 39.69, 79.3)


def load_model(path: Path) -> tuple[ModelCard, nn.Module]:
    """Card and network, in eval mode on the CPU with float32 weights, of a model folder or a checkpoint file.

    Raises BadModel where it is neither, or where its weights do not fit.
    """
    path = Path(path)
    if path.is_dir():
        card = read_card(path)
        weights_path = path / WEIGHTS_NAME
        if card.weights_digest and digest_of(weights_path) != card.weights_digest:
            raise BadModel(f"The weights in {path} are not those that its card names: install the model again.")
        weights = load_weights(weights_path)
    else:
        card, weights = read_checkpoint(path)
    # Not on torch's meta device, though the fresh weights are thrown away: buffers that no state dict
    # holds (Swin) would stay there, and some encoders (MiT) read values while they are built.
    network = with_all_states(card, build_network(card), weights)
    load_into(network, weights, str(path))
    return card, network


def read_checkpoint(path: Path, live_classes: int | None = None) -> tuple[ModelCard, dict[str, Tensor]]:
    """Card and float32 state dict, in our names, of a checkpoint file (.ckpt, .pth, .pt or .safetensors).

    live_classes: 12 or 15, how many outputs of a FLAIR-INC U-Net were trained; None: from the file's
        name ("12cl" or "15cl"), else 15.
    Raises BadModel where the file is no checkpoint of a known format.
    """
    path = Path(path)
    stored = {name: value for name, value in _read_tensors(path).items() if not name.startswith(_NOT_THE_NETWORK)}
    plain = _without_prefix(stored)
    plain = {name: value.float() if value.is_floating_point() else value for name, value in plain.items()}
    if "arch_vhr.encoder.conv1.weight" in plain:
        card = _utt_card(path, plain)
    elif "segmentation_head.0.weight" in plain and any(first in plain for first in _FIRST.values()):
        plain = _of_today(plain)
        card = _flair_inc_card(path, plain, live_classes)
    elif is_flairhub(plain):
        card = flairhub_card(path, plain)
    else:
        first = next(iter(stored), "nothing")
        raise BadModel(
            f"{path} is no checkpoint that this version knows (its first weight is {first}): "
            "give a FLAIR-2 U-T&T, a FLAIR-INC network, a FLAIR-HUB land-cover model or a model folder."
        )
    return card, plain


def install_checkpoint(path: Path, folder: Path, live_classes: int | None = None) -> ModelCard:
    """Turns a checkpoint file into the model folder `folder`, complete or not at all; returns its card.

    Raises BadModel where the checkpoint does not fit its network, or the folder exists or cannot be written.
    """
    folder = Path(folder)
    if folder.exists():
        raise BadModel(f"{folder} exists already: choose another name or remove it.")
    card, weights = read_checkpoint(path, live_classes)
    load_into(build_network(card), weights, str(path))
    try:
        return _write_folder(card, weights, folder)
    except (OSError, SafetensorError) as error:
        raise BadModel(f"{folder} cannot be written ({error}): choose another place or free disk space.") from None


def _write_folder(card: ModelCard, weights: dict[str, Tensor], folder: Path) -> ModelCard:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as part:
        save_weights(weights, part / WEIGHTS_NAME)
        card = replace(card, id=folder.name, weights_digest=digest_of(part / WEIGHTS_NAME))
        write_card(card, part)
    return card


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint file by name, whatever container holds them."""
    if path.suffix.lower() == ".safetensors":
        try:
            return load_file(str(path))
        except (OSError, SafetensorError) as error:
            raise BadModel(f"{path} cannot be read as safetensors ({error}): choose another file.") from None
    try:
        # weights_only: an unpickled checkpoint could run any code; only tensors and plain values are let in.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise BadModel(
            f"{path} is not a checkpoint of plain weights: choose another file, or save its state_dict alone."
        ) from None
    except Exception as error:  # a foreign file leads the unpickler to any error: IndexError, struct.error, ...
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadModel(f"{path} is not a model checkpoint ({reason}): choose a .ckpt, .pth or .safetensors.") from None
    for container in _CONTAINERS:
        if isinstance(content, dict) and isinstance(content.get(container), dict):
            content = content[container]
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise BadModel(f"{path} holds no network weights: choose a checkpoint that was saved with its state_dict.")
    return content


def _without_prefix(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if weights and all(name.startswith(prefix) for name in weights):
            return {name[len(prefix) :]: value for name, value in weights.items()}
    return weights


def _of_today(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a DeepLabV3 of an older segmentation-models-pytorch under today's names; others as they are."""
    if "decoder.0.convs.0.0.weight" not in weights:
        return weights
    return {_DEEPLABV3_BEFORE.get(name[:10], name[:10]) + name[10:]: value for name, value in weights.items()}


def _ends(path: Path, weights: dict[str, Tensor], prefix: str, first: str = _FIRST["resnet"]) -> tuple[int, int]:
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


def _utt_card(path: Path, weights: dict[str, Tensor]) -> ModelCard:
    channels, outputs = _ends(path, weights, "arch_vhr.")
    if channels != 5 or outputs != len(FLAIR_CLASSES):
        raise BadModel(
            f"{path} has {channels} aerial bands and {outputs} classes, where a FLAIR #2 U-T&T has 5 and 13: "
            "choose another checkpoint."
        )
    return ModelCard(
        id=path.stem.lower(),
        title=f"U-T&T from {path.name}",
        architecture="utt",
        fill={},
        satellite=SatelliteInput() if any(name.startswith("arch_hr.") for name in weights) else None,
        metadata=any(name.startswith("mtd_mlp.") for name in weights),
        source="https://github.com/IGNF/FLAIR-2",
    )


def _flair_inc_card(path: Path, weights: dict[str, Tensor], live_classes: int | None) -> ModelCard:
    first = next(name for name in _FIRST.values() if name in weights)
    channels, outputs = _ends(path, weights, "", first)
    architecture, called = _flair_inc_network(path, weights)
    if channels not in (3, 4, 5) or outputs != len(_FLAIR_INC_OUTPUTS):
        raise BadModel(
            f"{path} has {channels} aerial bands and {outputs} outputs, where a FLAIR-INC {called} has 3 to 5 and 19: "
            "choose another checkpoint."
        )
    if live_classes is None:
        live_classes = 12 if "12cl" in path.name.lower() else 15
    if live_classes not in _FLAIR_INC_LIVE:
        raise BadModel(f"A FLAIR-INC U-Net has 12 or 15 live classes, not {live_classes}: choose one of them.")
    by_name = {c.name: c.value for c in FLAIR_CLASSES}
    live = _FLAIR_INC_LIVE[live_classes]
    legend, own_outputs = own_classes(_FLAIR_INC_OUTPUTS, live)
    return ModelCard(
        id=path.stem.lower(),
        title=f"FLAIR-INC {called} from {path.name}",
        architecture=architecture,
        inputs=ROLES[:channels],
        scale=1.0,
        means=_FLAIR_INC_MEANS[:channels],
        stds=_FLAIR_INC_STDS[:channels],
        fill={},
        outputs=tuple(by_name.get(name, OTHER) if name in live else 0 for name in _FLAIR_INC_OUTPUTS),
        licence="Licence Ouverte 2.0 (Etalab)",
        source="IGN, FLAIR-INC model collection",
        own_classes=legend,
        own_outputs=own_outputs,
    )


def _flair_inc_network(path: Path, weights: dict[str, Tensor]) -> tuple[str, str]:
    """The architecture of a FLAIR-INC network as cards write it, and what it is called."""
    encoder = "resnet34"
    if _FIRST["mit"] in weights:
        third = weights.get("encoder.patch_embed3.proj.weight")
        blocks = {name.split(".")[2] for name in weights if name.startswith("encoder.block3.")}
        encoder = _MIT_SIZES.get((third.shape[0] if third is not None and third.ndim else 0, len(blocks)), "")
        if not encoder:
            raise BadModel(f"{path} has an encoder that this version does not know: choose a FLAIR-INC network.")
    for name, (decoder, called) in _FLAIR_INC_DECODERS.items():
        if name in weights:
            return f"smp:{decoder}:{encoder}", called
    return f"smp:Unet:{encoder}", "U-Net"  # loading then says which weight it lacks
