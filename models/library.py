"""The models at hand: the bundled one, those the user installed, and any folder or file.

Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ..contract.atomic import hidden_folder, write_json
from ..contract.cards import CARD_NAME, WEIGHTS_NAME, BadModel, ModelCard, read_card
from ..contract.choices import BUNDLED
from ..contract.files import why_no_file

BUNDLED_FOLDER = Path(__file__).parent / "bundled"
DEFAULT_NAME = "default.json"  # in the user's folder: {"model": id}
CANDIDATE_DAYS = 7  # a candidate that nobody kept or discarded for so long was left by a program that was killed
_ID_LENGTH = 60  # characters of an id, which is also a folder's name


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


def models_at_hand() -> list[tuple[Path, ModelCard]]:
    """Folder and card of all models at hand that can be read; a broken folder is left out."""
    models = []
    for folder in model_folders():
        try:
            models.append((folder, read_card(folder)))
        except BadModel:
            continue
    return models


def broken_models() -> list[tuple[Path, str]]:
    """Folders of the user's library that cannot be used as models, each with a sentence on why."""
    broken = []
    for folder in model_folders():
        try:
            read_card(folder)
        except BadModel as error:
            broken.append((folder, str(error)))
    return broken


def installed_models() -> list[ModelCard]:
    """Cards of all models at hand that can be read; a broken folder is left out."""
    return [card for _, card in models_at_hand()]


def find_model(name: str) -> Path:
    """The folder or checkpoint file that `name` means: "bundled", a card's id, a path, or, empty, the default model.

    A card or weights file inside a model folder means that folder. Where two models have one id, the
    first of `model_folders` is meant.
    Raises BadModel where there is no such model.
    """
    if name in ("", BUNDLED):
        return find_installed(name or default_model())
    path = Path(os.path.expanduser(name))
    exists = os.path.exists(path)
    if path.is_absolute() or exists:
        if not exists:
            raise BadModel(f"There is no model at {name}: choose an existing model folder or checkpoint.")
        if path.name in (CARD_NAME, WEIGHTS_NAME) and (path.parent / CARD_NAME).is_file():
            return path.parent
        reason = why_no_file(str(path))
        if reason:
            raise BadModel(f"The model {name} {reason}.")
        return path
    return find_installed(name)


def find_installed(name: str) -> Path:
    """The folder of the model at hand that has the id `name`, or is "bundled"; a path is no id.

    Raises BadModel where there is no such model.
    """
    if name == BUNDLED:
        return BUNDLED_FOLDER
    known: dict[str, Path] = {}
    for folder, card in models_at_hand():
        known.setdefault(card.id, folder)
    if name not in known:
        raise BadModel(f"There is no model named {name}: choose one of {', '.join(known) or 'none installed'}.")
    return known[name]


def default_model() -> str:
    """The id of the model that is taken where none is named: the one chosen, or "bundled" where it is gone."""
    try:
        chosen = json.loads((user_folder() / DEFAULT_NAME).read_text(encoding="utf-8"))["model"]
        return BUNDLED if find_installed(chosen) == BUNDLED_FOLDER else chosen
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # never chosen, gone (BadModel), or spoilt
        return BUNDLED


def set_default_model(name: str) -> None:
    """Makes the model at hand that has the id `name` the default one.

    Raises BadModel where there is no such model, or where the choice cannot be written.
    """
    chosen = BUNDLED if find_installed(name) == BUNDLED_FOLDER else name
    user = user_folder()
    try:
        user.mkdir(parents=True, exist_ok=True)
        write_json(user / DEFAULT_NAME, {"model": chosen})
    except OSError as error:
        raise BadModel(
            f"The default model cannot be written into {user} ({error.strerror or error}): "
            "see that the folder can be written and the disk has room, then choose again."
        ) from None


def rename_model(name: str, title: str) -> ModelCard:
    """Gives the installed model of the id `name` another title; its id, which is its folder, stays.

    Raises BadModel where there is no such model, it is the bundled one, the title is empty or cannot be written.
    """
    folder = find_installed(name)
    if folder == BUNDLED_FOLDER:
        raise BadModel("The bundled model belongs to the plugin and keeps its title: rename one that you installed.")
    _check_own(folder)
    title = _one_line(title)
    if not title:
        raise BadModel("The new title is empty: give one by which you know the model.")
    try:
        _edit_card(folder, title=title)
    except OSError as error:
        raise BadModel(
            f"The title of {name} cannot be written into {folder} ({error.strerror or error}): "
            "see that the folder can be written and the disk has room, then rename it again."
        ) from None
    return read_card(folder)


def delete_model(name: str) -> bool:
    """Removes the installed model of the id `name`; whether it was the default one, which "bundled" is then.

    A model that cannot be used is meant by the name of its folder.
    Raises BadModel where there is no such model, it is the bundled one or cannot be removed.
    """
    broken = {folder.name: folder for folder, _ in broken_models()}
    if name in broken:
        discard_model(broken[name])
        return False
    folder = find_installed(name)
    if folder == BUNDLED_FOLDER:
        raise BadModel("The bundled model belongs to the plugin and stays: delete one that you installed.")
    was_default = default_model() == name
    discard_model(folder)
    if was_default:
        # Else a model that gets this id later would be the default one unasked.
        with contextlib.suppress(BadModel):
            set_default_model(BUNDLED)
    return was_default


def size_of(folder: Path) -> int:
    """Bytes of all files of a model folder; what cannot be read counts nothing."""
    total = 0
    for path in Path(folder).rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def candidates_folder() -> Path:
    """Where models lie that were made and are not yet kept: inside the user's folder, and never listed."""
    return user_folder() / ".candidates"


def model_id(title: str, taken: Callable[[str], bool] = lambda _: False) -> str:
    """An id for a new model of that title, which no model at hand and no folder of the library has yet.

    taken: whether an id is promised to somebody else. The id has lowercase ASCII letters and digits with hyphens
    between; it is ``model`` where the title has none.
    """
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode("ascii")
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:_ID_LENGTH].strip("-") or "model"
    return next(name for name in _free_ids(slug) if not taken(name))


def keep_model(candidate: Path, title: str | None = None) -> ModelCard:
    """Moves a model folder into the library, under its card's id or, where that is taken, the id with a number.

    title: the model's new title; None or empty: as it is. The folder appears under its final name whole or not
    at all. Old candidates are removed on the way. Returns the card as it is in the library.
    Raises BadModel where the folder is no model or cannot be moved.
    """
    candidate = Path(candidate)
    card = read_card(candidate)
    user = user_folder()
    try:
        user.mkdir(parents=True, exist_ok=True)
        with _in_library(candidate, user) as folder:
            for name in _free_ids(card.id if _is_id(card.id) else model_id(card.id)):
                kept = replace(card, id=name, title=_one_line(title or "") or card.title)
                if kept != card:
                    _edit_card(folder, id=kept.id, title=kept.title)
                try:
                    os.rename(folder, user / name)
                except OSError:
                    if (user / name).exists():  # another process was quicker
                        continue
                    raise
                break
    except OSError as error:
        raise BadModel(
            f"The model {card.title} cannot be put into {user} ({error.strerror or error}): "
            "see that the folder can be written and the disk has room, then keep it again."
        ) from None
    remove_old_candidates()
    return kept


def discard_model(candidate: Path) -> None:
    """Removes a model folder of the library or of its candidates; one that is not there is no error.

    Raises BadModel where the folder lies elsewhere, is no model or cannot be removed.
    """
    candidate = Path(candidate)
    if not os.path.lexists(candidate):
        return
    _check_own(candidate)
    try:
        # Under its name it is there whole or not at all, whatever happens on the way.
        with working_folder() as part:
            os.rename(candidate, part / candidate.name)
            shutil.rmtree(part / candidate.name)
    except OSError as error:
        raise BadModel(
            f"The model folder {candidate} cannot be removed ({error.strerror or error}): "
            "close the programs that use it, then try again."
        ) from None


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """A new folder on the library's disk for what is half done; one that a kill leaves goes with old candidates.

    Raises OSError where it cannot be made.
    """
    candidates_folder().mkdir(parents=True, exist_ok=True)
    part = hidden_folder(candidates_folder(), "model")
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def remove_old_candidates() -> None:
    """Removes the candidates that nothing was written into for a week; what cannot be removed stays."""
    oldest = time.time() - CANDIDATE_DAYS * 86_400
    with contextlib.suppress(OSError):
        for path in list(candidates_folder().iterdir()):
            with contextlib.suppress(OSError):
                if max(p.lstat().st_mtime for p in (path, *path.glob("*"))) >= oldest:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()


def _free_ids(name: str) -> Iterator[str]:
    """The name, then the name with 2, 3, ... after it, without those that a model or a folder has."""
    taken = {card.id for card in installed_models()} | {BUNDLED}
    user = user_folder()
    number = 1
    while True:
        candidate = name if number == 1 else f"{name}-{number}"
        if candidate not in taken and not os.path.lexists(user / candidate):
            yield candidate
        number += 1


def _is_id(text: str) -> bool:
    """Whether a text is safe as a folder's name in the library."""
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]*", text) is not None and len(text) <= 2 * _ID_LENGTH


@contextlib.contextmanager
def _in_library(candidate: Path, user: Path) -> Iterator[Path]:
    """The candidate where it can be renamed into the library: itself on the same disk, else a copy of it.

    A candidate that was copied is removed once all went well.
    """
    if _on_one_disk(candidate, user):
        yield candidate
        return
    with working_folder() as part:
        yield Path(shutil.copytree(candidate, part / "model"))
        shutil.rmtree(candidate, ignore_errors=True)


def _check_own(folder: Path) -> None:
    """Raises BadModel unless a folder is a model that lies itself in the library or among its candidates."""
    allowed = {_real(user_folder()), _real(candidates_folder())}
    if _real(folder.parent) not in allowed or folder.is_symlink() or not (folder / CARD_NAME).is_file():
        raise BadModel(f"{folder} is no model of the library: change or remove it by hand where that is needed.")


def _edit_card(folder: Path, **changes: str) -> None:
    """Changes some settings of a card and keeps all others, those of later versions too. Raises OSError."""
    path = folder / CARD_NAME
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **changes})


def _one_line(text: str) -> str:
    """A title without line ends and without what UTF-8 cannot hold."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())


def _on_one_disk(one: Path, other: Path) -> bool:
    return os.stat(one).st_dev == os.stat(other).st_dev


def _real(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
