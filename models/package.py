"""A model on its way between libraries: a zip of its folder, or the folder itself, looked at before it is let in.

A model is made of files with known names; whatever else lies beside them is left where it is. What comes from elsewhere
is not trusted: no name in an archive ever becomes a path, and nothing is followed as a link, or run. Standard library
only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Callable

from ..contract.atomic import atomic_file, atomic_folder
from ..contract.cards import CARD_NAME, WEIGHTS_NAME, BadModel, ModelCard, card_from_dict, read_card

# The files of a model, and the bytes that each may have. Weights: five times the largest network that is built here,
# FLAIR-HUB's swinlarge-upernet with Sentinel-2 of 205 million weights, in float32. A card that lists every polygon and
# epoch of its fine-tuning is still below 1 MiB, and a report a few.
MOST_BYTES = {CARD_NAME: 16 << 20, WEIGHTS_NAME: 4 << 30, "report.html": 64 << 20}
_CHUNK = 1 << 20
_WORTH_DEFLATING = 0.9  # of the size: float32 weights deflate to 0.93, which is not worth the seconds that it takes
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHECKPOINTS = (".ckpt", ".pth", ".pt", ".safetensors")
# What zipfile raises where an archive is damaged, encrypted or uses what Python cannot read.
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError)


@dataclass(frozen=True)
class _Contents:
    """The files of a model: the size of each in bytes, by its name, and how to open one."""

    where: Path
    sizes: Mapping[str, int]
    open: Callable[[str], IO[bytes]]

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        """A file, opened; what turns out to be wrong with the archive becomes one sentence. Raises OSError too."""
        try:
            with self.open(name) as file:
                yield file
        except BadModel:
            raise
        except _BAD_ZIP as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BadModel(f"{self.where} is damaged ({reason}): fetch or export it again.") from None


def is_package(path: Path) -> bool:
    """Whether a file is to be read as a zip of a model; torch's checkpoints, which are zips too, are not."""
    suffix = Path(path).suffix.lower()
    return suffix == ".zip" or (suffix not in _CHECKPOINTS and zipfile.is_zipfile(path))


def export_model(folder: Path, path: Path) -> int:
    """Writes a model folder as a zip, beside first and then renamed into place; returns the zip's bytes.

    The same files give the same zip, byte by byte, with one release of zlib: names are sorted and times are fixed. A
    card that names no digest of its weights gets it in the zip, as an import asks for it. A file that is there already
    is replaced. Files that are no part of a model stay out.
    Raises BadModel where the folder is no model or is damaged, or the zip cannot be written.
    """
    folder, path = Path(folder), Path(path)
    if not folder.is_dir():
        raise BadModel(
            f"{folder} is not a model folder: import the checkpoint first, then export the model it becomes."
        )
    if path.is_dir():
        raise BadModel(f"{path} is a folder: give the name of the zip to write.")
    read_card(folder)
    with _open_folder(folder) as contents:
        try:
            return _write_zip(contents, _card_with_digest(contents), path)
        except OSError as error:
            raise BadModel(
                f"The model cannot be exported to {path} ({error.strerror or error}): "
                "choose a place that can be written and has room."
            ) from None


def read_package(path: Path) -> tuple[ModelCard, int]:
    """Card and bytes, unpacked, of a zip or folder that `unpack` would take; writes nothing.

    Raises BadModel where it would not.
    """
    with _open(path) as contents:
        card = _card_of(contents)
        _check_digest(_weights_digest(contents), card, contents)
        return card, sum(contents.sizes.values())


def unpack(path: Path, folder: Path) -> ModelCard:
    """Writes the files of a zip or folder of a model into the new folder `folder`; returns the card.

    Raises BadModel, with nothing left behind, where the zip or folder is no model, holds more than one has or does not
    hold the weights that its card names, or where there is no room.
    """
    folder = Path(folder)
    with _open(path) as contents:
        card = _card_of(contents)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with atomic_folder(folder) as part:
                for name in sorted(contents.sizes):
                    with contents.reading(name) as source, open(part / name, "wb") as copy:
                        digest = _copy(source, copy)
                    if name == WEIGHTS_NAME:
                        _check_digest(digest, card, contents)
            return card
        except OSError as error:
            raise BadModel(
                f"{contents.where} cannot be copied into {folder} ({error.strerror or error}): "
                "see that the folder can be written and the disk has room, then import it again."
            ) from None


def _open(path: Path) -> AbstractContextManager[_Contents]:
    path = Path(path)
    return _open_folder(path) if path.is_dir() else _open_zip(path)


@contextmanager
def _open_folder(folder: Path) -> Iterator[_Contents]:
    """The files of a model folder. Raises BadModel where one is not what it should be."""
    if not (folder / CARD_NAME).is_file():
        raise BadModel(f"{folder} is not a model folder: it has no {CARD_NAME}.")
    sizes = {}
    try:
        for name in filter(lambda name: os.path.lexists(folder / name), MOST_BYTES):
            kind = (folder / name).lstat()
            if not stat.S_ISREG(kind.st_mode):
                raise BadModel(f"{folder} holds {name} as a link or no plain file: replace it by the file itself.")
            sizes[name] = kind.st_size
    except OSError as error:
        raise BadModel(f"{folder} cannot be read ({error.strerror or error}): see that you may.") from None
    _check_sizes(sizes, folder)
    yield _Contents(folder, sizes, lambda name: (folder / name).open("rb"))


@contextmanager
def _open_zip(path: Path) -> Iterator[_Contents]:
    """The files of a model in a zip. Raises BadModel where they are not all there or one is larger than it may be."""
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise BadModel(f"{path} cannot be read ({error.strerror or error}): choose an existing model.") from None
    except _BAD_ZIP:
        raise BadModel(f"{path} is not a zip, or is cut off: fetch or export it again.") from None
    with archive:
        members = archive.infolist()
        top = _top_folder([info.filename for info in members], path)
        # zipfile cuts a name at a zero byte: what is meant is what the archive says.
        inside = [(info.orig_filename[len(top) :], info) for info in members if info.orig_filename.startswith(top)]
        found = {name: info for name, info in inside if name in MOST_BYTES}
        if len(found) < sum(name in MOST_BYTES for name, _ in inside):
            raise BadModel(f"{path} holds a file of the model twice: do not trust it.")
        sizes = {name: info.file_size for name, info in found.items()}
        _check_sizes(sizes, path)
        yield _Contents(path, sizes, lambda name: archive.open(found[name]))


def _check_sizes(sizes: Mapping[str, int], where: Path) -> None:
    for name, size in sizes.items():
        if size > MOST_BYTES[name]:
            most = MOST_BYTES[name] >> 20
            raise BadModel(f"{name} in {where} is larger than {most} MiB, which none is: do not trust it.")


def _top_folder(names: list[str], path: Path) -> str:
    """The one folder, with a slash behind, that holds the model of a zip; empty where its card lies outside of any."""
    if CARD_NAME in names:
        return ""
    cards = [name for name in names if name.count("/") == 1 and name.endswith(f"/{CARD_NAME}")]
    if len(cards) == 1:
        return cards[0][: -len(CARD_NAME)]
    checkpoints = [name for name in names if name.lower().endswith(_CHECKPOINTS)]
    if len(checkpoints) == 1:
        raise BadModel(f"{path} holds no {CARD_NAME}: unpack it, then import the checkpoint {checkpoints[0]} in it.")
    raise BadModel(f"{path} holds no {CARD_NAME}, so it is no model: choose a zip that a model was exported to.")


def _card_of(contents: _Contents) -> ModelCard:
    """The card, which names a digest. Raises BadModel where card or weights are missing, or the card is spoilt."""
    card = card_from_dict(_card_values(contents), f"The card in {contents.where}")
    if not _DIGEST.fullmatch(str(card.weights_digest)):
        raise BadModel(
            f"The card in {contents.where} names no digest of the weights, so they cannot be checked: "
            "export the model again where it comes from."
        )
    return card


def _card_values(contents: _Contents) -> dict:
    for name in (CARD_NAME, WEIGHTS_NAME):
        if name not in contents.sizes:
            raise BadModel(f"{contents.where} holds no {name}, so it is no whole model: fetch or export it again.")
    try:
        with contents.reading(CARD_NAME) as file:
            text = file.read()
        values = json.loads(text.decode("utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it is no JSON object")
    except BadModel:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise BadModel(
            f"The card in {contents.where} cannot be read ({error}): fetch or export the model again."
        ) from None
    return values


def _card_with_digest(contents: _Contents) -> bytes:
    """The card as it is, but for the digest of the weights where it names none.

    Raises BadModel where the weights are others than it names, or cannot be read.
    """
    values = _card_values(contents)
    digest = _weights_digest(contents)
    try:
        if not values.get("weights_digest"):
            values["weights_digest"] = digest
            return (json.dumps(values, indent=2, ensure_ascii=True) + "\n").encode("ascii")
        with contents.open(CARD_NAME) as file:
            card = file.read()
    except OSError as error:
        raise BadModel(f"{contents.where} cannot be read ({error.strerror or error}): install it again.") from None
    _check_digest(digest, card_from_dict(values, f"The card in {contents.where}"), contents)
    return card


def _weights_digest(contents: _Contents) -> str:
    """``sha256:<hex>`` of the weights. Raises BadModel where they cannot be read."""
    try:
        with contents.reading(WEIGHTS_NAME) as file:
            return _copy(file, None)
    except OSError as error:
        raise BadModel(f"{contents.where} cannot be read ({error.strerror or error}): see that you may.") from None


def _check_digest(digest: str, card: ModelCard, contents: _Contents) -> None:
    if digest != card.weights_digest:
        raise BadModel(
            f"The weights in {contents.where} are not those that its card names: fetch or export the model again."
        )


def _copy(source: IO[bytes], target: IO[bytes] | None) -> str:
    """Copies a stream, or only reads it where there is no target; ``sha256:<hex>`` of its bytes."""
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
    return f"sha256:{digest.hexdigest()}"


def _write_zip(contents: _Contents, card: bytes, path: Path) -> int:
    """Raises OSError where it cannot be written; nothing is left beside then."""
    with atomic_file(path) as part:
        with zipfile.ZipFile(part, "w") as archive:
            for name in sorted(contents.sizes):
                member = zipfile.ZipInfo(name, _EPOCH)
                member.create_system = 3  # Unix, so that Windows writes the same zip
                member.external_attr = (stat.S_IFREG | 0o644) << 16
                member.file_size = len(card) if name == CARD_NAME else contents.sizes[name]
                member.compress_type = zipfile.ZIP_DEFLATED if name == CARD_NAME else _compression(contents, name)
                with archive.open(member, "w") as target:
                    if name == CARD_NAME:
                        target.write(card)
                    else:
                        with contents.open(name) as source:
                            shutil.copyfileobj(source, target, _CHUNK)
        return os.path.getsize(part)


def _compression(contents: _Contents, name: str) -> int:
    """Whether a file is worth deflating, by a sample from its middle."""
    with contents.open(name) as file:
        file.seek(max(0, (contents.sizes[name] - _CHUNK) // 2))
        sample = file.read(_CHUNK)
    worth = len(zlib.compress(sample, 1)) < len(sample) * _WORTH_DEFLATING
    return zipfile.ZIP_DEFLATED if worth else zipfile.ZIP_STORED
