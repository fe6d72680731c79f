"""Models from disk: our folders, and checkpoints as IGN publishes them.

Which format a checkpoint has is read off its keys:
- a U-T&T of FLAIR #2 (IGNF/FLAIR-2): keys under `state_dict`, prefix `model.`, and `criterion.*`
  weights that prediction does not need;
- a FLAIR-INC network of IGN's model collection: see `flair_inc_card`;
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
from ...contract.cards import WEIGHTS_NAME, BadModel, ModelCard, SatelliteInput, digest_of, read_card, write_card
from ...contract.nomenclature import FLAIR_CLASSES
from .build import build_network, load_into
from .flair_inc_card import bands_and_outputs, flair_inc_card, is_flair_inc, under_names_of_today
from .flairhub_card import flairhub_card, is_flairhub
from .gated import with_all_states
from .weights import load_weights, save_weights

_CONTAINERS = ("state_dict", "model_state_dict")
_PREFIXES = ("model.seg_model.", "seg_model.", "model.")
_NOT_THE_NETWORK = ("criterion.", "train_metrics.", "val_metrics.", "aux_decoders.", "model.aux_decoders.")


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
    elif is_flair_inc(plain):
        plain = under_names_of_today(plain)
        card = flair_inc_card(path, plain, live_classes)
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


def _utt_card(path: Path, weights: dict[str, Tensor]) -> ModelCard:
    channels, outputs = bands_and_outputs(path, weights, "arch_vhr.")
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
