"""Models from elsewhere into the library: a zip, a model folder or a checkpoint, looked at before it is taken in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..contract.answers import CHECKPOINT, FOLDER, PACKAGE, Recognised
from ..contract.cards import CARD_NAME, WEIGHTS_NAME, BadModel, ModelCard
from ..models.library import keep_model, model_id, user_folder, working_folder
from ..models.networks.checkpoints import install_checkpoint, load_model, read_checkpoint
from ..models.package import is_package, read_package, unpack


def recognise(path: Path | str, live_classes: int | None = None) -> Recognised:
    """What a zip, a model folder (or a file in it) or a checkpoint holds; writes nothing and builds no network.

    live_classes: of a FLAIR-INC U-Net, see `checkpoints.read_checkpoint`.
    Raises BadModel where `import_model` would refuse it for anything but weights that do not fit their network.
    """
    path, kind = _source(path)
    if kind == CHECKPOINT:
        card, weights = read_checkpoint(path, live_classes)
        size = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
        return Recognised(replace(card, id=model_id(path.stem)), size, kind, str(path))
    card, size = read_package(path)
    return Recognised(card, size, kind, str(path))


def import_model(path: Path | str, title: str | None = None, live_classes: int | None = None) -> ModelCard:
    """Takes a zip, a model folder (or a file in it) or a checkpoint into the library; returns the card it has there.

    title: the model's new title; None or empty: as it is. It gets the id of its card, a checkpoint one after its
    title or else its file; where that is taken, with a number. live_classes: see `recognise`. The original stays.
    Raises BadModel, with nothing new in the library, where it is unsafe or no model, its weights do not fit their
    network, or it cannot be written.
    """
    path, kind = _source(path)
    try:
        with working_folder() as part:
            if kind == CHECKPOINT:
                candidate = part / model_id((title or "").strip() or path.stem)
                install_checkpoint(path, candidate, live_classes)
            else:
                candidate = part / "model"
                unpack(path, candidate)
                try:
                    load_model(candidate)
                except BadModel as error:
                    # The analyst knows the file, not the place where it was unpacked for the trial.
                    raise BadModel(str(error).replace(str(candidate), str(path))) from None
            return keep_model(candidate, title)
    except OSError as error:
        raise BadModel(
            f"No model can be put into {user_folder()} ({error.strerror or error}): "
            "see that the folder can be written and the disk has room, then import it again."
        ) from None


def _source(path: Path | str) -> tuple[Path, str]:
    """The path that is meant, and what it is to be read as. Raises BadModel where there is nothing."""
    path = Path(os.path.expanduser(path))
    if path.name in (CARD_NAME, WEIGHTS_NAME) and os.path.isfile(path.parent / CARD_NAME):
        path = path.parent  # the weights alone would be taken without their card's normalisation
    if os.path.isdir(path):
        return path, FOLDER
    if not os.path.isfile(path):
        raise BadModel(f"There is no model at {path}: choose a zip, a model folder or a checkpoint.")
    return path, PACKAGE if is_package(path) else CHECKPOINT
