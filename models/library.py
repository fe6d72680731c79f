"""The models at hand: the bundled one, those the user installed, and any folder or file.

Standard library only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .cards import CARD_NAME, WEIGHTS_NAME, BadModel, ModelCard, read_card

BUNDLED = "bundled"
BUNDLED_FOLDER = Path(__file__).parent / "bundled"


def user_folder() -> Path:
    """Where installed models live: ``FLAIR_LANDCOVER_MODELS``, else the platform's folder for user data."""
    chosen = os.environ.get("FLAIR_LANDCOVER_MODELS")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "flair_landcover" / "models"


def model_folders() -> list[Path]:
    """Folders of all models at hand, the bundled one first, then the user's by name."""
    user = user_folder()
    installed = sorted(path.parent for path in user.glob(f"*/{CARD_NAME}")) if user.is_dir() else []
    return [
        folder
        for folder in (BUNDLED_FOLDER, *installed)
        if (folder / CARD_NAME).is_file() and not folder.name.startswith(".")  # a dot: an installation in progress
    ]


def installed_models() -> list[ModelCard]:
    """Cards of all models at hand that can be read; a broken folder is left out."""
    cards = []
    for folder in model_folders():
        try:
            cards.append(read_card(folder))
        except BadModel:
            continue
    return cards


def find_model(name: str) -> Path:
    """The folder or checkpoint file that `name` means: "bundled", a card's id, or a path.

    A card or weights file inside a model folder means that folder. Where two models have one id, the
    first of `model_folders` is meant.
    Raises BadModel where there is no such model.
    """
    if name in ("", BUNDLED):
        return BUNDLED_FOLDER
    path = Path(os.path.expanduser(name))
    exists = os.path.exists(path)
    if path.is_absolute() or exists:
        if not exists:
            raise BadModel(f"There is no model at {name}: choose an existing model folder or checkpoint.")
        if path.name in (CARD_NAME, WEIGHTS_NAME) and (path.parent / CARD_NAME).is_file():
            return path.parent
        return path
    known: dict[str, Path] = {}
    for folder in model_folders():
        try:
            known.setdefault(read_card(folder).id, folder)
        except BadModel:
            continue
    if name not in known:
        raise BadModel(f"There is no model named {name}: choose one of {', '.join(known) or 'none installed'}.")
    return known[name]
