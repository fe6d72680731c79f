"""Models from disk: our folders, and checkpoints as IGN publishes them.

Which format a checkpoint has is read off its keys:
- a U-T&T of FLAIR #2 (IGNF/FLAIR-2): keys under `state_dict`, prefix `model.`, and `criterion.*`
  weights that prediction does not need;
- a FLAIR-INC U-Net (ResNet34) of IGN's model collection: prefix `model.seg_model.`, `seg_model.` or
  `model.`, 19 outputs of which 12 or 15 were trained;
- a FLAIR-HUB land-cover network: see `flairhub_card`.
"""

from __future__ import annotations

import os
import pickle  # nosec B403 - for the name of its error alone
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from .cards import ROLES, WEIGHTS_NAME, BadModel, ModelCard, SatelliteInput, digest_of, read_card, write_card
from .flairhub_card import flairhub_card, is_flairhub
from .networks import build_network, load_into
from .nomenclature import FLAIR_CLASSES, OTHER
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
    network = build_network(card)
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
    elif "encoder.conv1.weight" in plain and "segmentation_head.0.weight" in plain:
        card = _flair_inc_card(path, plain, live_classes)
    elif is_flairhub(plain):
        card = flairhub_card(path, plain)
    else:
        first = next(iter(stored), "nothing")
        raise BadModel(
            f"{path} is no checkpoint that this version knows (its first weight is {first}): "
            "give a FLAIR-2 U-T&T, a FLAIR-INC ResNet34 U-Net, a FLAIR-HUB land-cover model or a model folder."
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
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        save_weights(weights, part / WEIGHTS_NAME)
        card = replace(card, id=folder.name, weights_digest=digest_of(part / WEIGHTS_NAME))
        write_card(card, part)
        part.chmod(0o755)  # mkdtemp lets only its owner in; a shared model must be readable
        os.replace(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
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


def _ends(path: Path, weights: dict[str, Tensor], prefix: str) -> tuple[int, int]:
    """How many bands the first convolution of a U-Net takes, and how many outputs its last one gives."""
    first, last = (f"{prefix}{name}.weight" for name in ("encoder.conv1", "segmentation_head.0"))
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
    channels, outputs = _ends(path, weights, "")
    if channels not in (3, 4, 5) or outputs != len(_FLAIR_INC_OUTPUTS):
        raise BadModel(
            f"{path} has {channels} aerial bands and {outputs} outputs, where a FLAIR-INC U-Net has 3 to 5 and 19: "
            "choose another checkpoint."
        )
    if live_classes is None:
        live_classes = 12 if "12cl" in path.name.lower() else 15
    if live_classes not in _FLAIR_INC_LIVE:
        raise BadModel(f"A FLAIR-INC U-Net has 12 or 15 live classes, not {live_classes}: choose one of them.")
    by_name = {c.name: c.value for c in FLAIR_CLASSES}
    live = _FLAIR_INC_LIVE[live_classes]
    return ModelCard(
        id=path.stem.lower(),
        title=f"FLAIR-INC U-Net from {path.name}",
        architecture="smp:Unet:resnet34",
        inputs=ROLES[:channels],
        scale=1.0,
        means=_FLAIR_INC_MEANS[:channels],
        stds=_FLAIR_INC_STDS[:channels],
        fill={},
        outputs=tuple(by_name.get(name, OTHER) if name in live else 0 for name in _FLAIR_INC_OUTPUTS),
        licence="Licence Ouverte 2.0 (Etalab)",
        source="IGN, FLAIR-INC model collection",
    )
