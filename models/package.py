"""A model on its way between libraries: a zip of its folder, or the folder itself, looked at before it is let in.

What comes from elsewhere is not trusted: nothing of it is unpacked outside the folder it is meant for, followed as a
link, or run. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Callable

from ..contract.atomic import atomic_file, atomic_folder
from ..contract.cards import CARD_NAME, WEIGHTS_NAME, BadModel, ModelCard, card_from_dict, read_card
from ..contract.nomenclature import LandCoverClass
from ..contract.plain import fitting

# Five times the largest network that is built here, FLAIR-HUB's swinlarge-upernet with Sentinel-2 of 205 million
# weights, in float32: whatever is larger fills a disk rather than maps.
MOST_BYTES = 4 << 30
# A model has a card, weights and perhaps a report and a few pictures.
MOST_FILES = 64
# A card that lists every polygon and epoch of its fine-tuning is still below 1 MiB; it is read whole, as are no others.
MOST_CARD_BYTES = 16 << 20
# Quantised weights deflate to three quarters and a report to a tenth; deflate at its best, on zeros, to a thousandth.
MOST_DEFLATED = 100
_SMALL = 1 << 20  # bytes, below which it does not matter how far a file was deflated
_CHUNK = 1 << 20
_WORTH_DEFLATING = 0.9  # of the size: float32 weights deflate to 0.93, which is not worth the seconds that it takes
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_JUNK = {"__macosx", "thumbs.db", "desktop.ini"}  # what file managers add, beside names with a dot in front
_OUTSIDE = re.compile(r"/|[A-Za-z]:|.*\\|(.*/)?\.\.(/|\Z)", re.DOTALL)
# A part of a path that means one file on every system that QGIS runs on: none of the names that Windows gives to
# devices (Microsoft, "Naming Files, Paths, and Namespaces"), no letter that it reserves, no dot or space at the end.
_DEVICE = r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.[^/]*)?(/|$)"
_RESERVED = r"/<>:\"|?*\x00-\x1f\ud800-\udfff"
_PART = rf"(?!{_DEVICE})[^{_RESERVED}]*[^{_RESERVED}. ]"
_PORTABLE = re.compile(rf"{_PART}(/{_PART})*", re.IGNORECASE)
_CHECKPOINTS = (".ckpt", ".pth", ".pt", ".safetensors")
# What zipfile raises where an archive is damaged or uses what Python cannot read.
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError)


@dataclass(frozen=True)
class _Contents:
    """The files of a model: the size of each in bytes, by its path below the model folder, and how to open one."""

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
    is replaced. Hidden files and what file managers add are left out.
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

    Raises BadModel, with nothing left behind, where the zip or folder is unsafe, is no model or does not hold the
    weights that its card names, or where there is no room.
    """
    folder = Path(folder)
    with _open(path) as contents:
        card = _card_of(contents)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with atomic_folder(folder) as part:
                for name in sorted(contents.sizes):
                    target = part.joinpath(*name.split("/"))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    # "x": a name that the disk takes for another one's is an error and overwrites nothing.
                    with contents.reading(name) as source, open(target, "xb") as copy:
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
    """The files of a model folder that is safe to copy. Raises BadModel where it is not."""
    if not (folder / CARD_NAME).is_file():  # before its files are counted: it may be somebody's whole disk
        raise BadModel(f"{folder} is not a model folder: it has no {CARD_NAME}.")
    sizes = {}
    try:
        for path in _walk(folder):
            name = path.relative_to(folder).as_posix()
            kind = path.lstat()
            if stat.S_ISLNK(kind.st_mode):
                raise BadModel(f"{folder} holds the link {name}: replace it by the file itself.")
            if not stat.S_ISREG(kind.st_mode):
                raise BadModel(f"{folder} holds {name}, which is no plain file: remove it.")
            sizes[name] = kind.st_size
            _check_count(len(sizes), folder)
    except OSError as error:
        raise BadModel(f"{folder} cannot be read ({error.strerror or error}): see that you may.") from None
    _check_names(sizes, folder)
    _check_total(sizes, folder)

    yield _Contents(folder, sizes, lambda name: (folder / name).open("rb"))


def _walk(folder: Path) -> Iterator[Path]:
    """What lies in a folder and below, but folders and what is left out; a link to a folder is not followed."""
    for path in sorted(folder.iterdir()):
        if _is_junk(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


@contextmanager
def _open_zip(path: Path) -> Iterator[_Contents]:
    """The files of a zip that is safe to unpack. Raises BadModel where it is not."""
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise BadModel(f"{path} cannot be read ({error.strerror or error}): choose an existing model.") from None
    except _BAD_ZIP:
        raise BadModel(f"{path} is not a zip, or is cut off: fetch or export it again.") from None
    with archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        _check_count(len(archive.infolist()), path)
        # What the zip holds, and what Python made of that: it ends at a zero byte, and may come from an extra field.
        _check_names([info.orig_filename for info in archive.infolist()], path)
        _check_names([info.filename for info in archive.infolist()], path)
        for info in members:
            _check_member(info, path)
        _check_total({info.filename: info.file_size for info in members}, path)
        found = {info.filename: info for info in members if not any(map(_is_junk, info.filename.split("/")))}
        top = _top_folder(found, path)
        inside = {name[len(top) :]: info for name, info in found.items()}
        sizes = {name: info.file_size for name, info in inside.items()}
        yield _Contents(path, sizes, lambda name: archive.open(inside[name]))


def _check_member(info: zipfile.ZipInfo, path: Path) -> None:
    name = info.filename
    if info.flag_bits & 0x1:
        raise BadModel(f"{path} is encrypted: unpack it with its password, then import the folder.")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise BadModel(f"{path} holds {name!r}, which is a link or no plain file: do not trust it.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadModel(f"{path} is compressed in a way that is not read here: unpack it, then import the folder.")
    if info.file_size > max(_SMALL, MOST_DEFLATED * info.compress_size):
        raise BadModel(
            f"{path} holds {name!r}, which would swell more than {MOST_DEFLATED} times when unpacked: do not trust it."
        )


def _check_names(names: Mapping[str, int] | list[str], where: Path) -> None:
    """Raises BadModel unless every name, with / between folders, stays inside and means one file on any system."""
    seen = set()
    for name in names:
        plain = name[:-1] if name.endswith("/") else name
        if _OUTSIDE.match(plain):
            raise BadModel(f"{where} holds {name!r}, a path that leads outside of its folder: do not trust it.")
        if not _PORTABLE.fullmatch(plain):
            raise BadModel(f"{where} holds {name!r}, which is no file name on every system: rename or remove it.")
        folded = unicodedata.normalize("NFC", plain).casefold()
        if folded in seen:
            raise BadModel(f"{where} holds {name!r} twice, or twice but for upper and lower case: remove one of them.")
        seen.add(folded)


def _is_junk(part: str) -> bool:
    return part.startswith(".") or part.lower() in _JUNK


def _check_count(count: int, where: Path) -> None:
    if count > MOST_FILES:
        raise BadModel(f"{where} holds more than {MOST_FILES} files, which no model has: choose a model.")


def _check_total(sizes: Mapping[str, int], where: Path) -> None:
    if sum(sizes.values()) > MOST_BYTES:
        raise BadModel(
            f"{where} holds more than {MOST_BYTES >> 30} GiB, five times the largest model known: do not trust it."
        )


def _top_folder(names: Mapping[str, object], path: Path) -> str:
    """The one folder, with a slash behind, that holds all files of a zip; empty where the card lies outside of any."""
    if CARD_NAME in names:
        return ""
    tops = {name.split("/")[0] + "/" for name in names}
    if len(tops) == 1 and (top := tops.pop()) + CARD_NAME in names:
        return top
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
    _check_values(card, contents)
    return card


def _check_values(card: ModelCard, contents: _Contents) -> None:
    """Raises BadModel where a setting that `card_from_dict` lets pass would make whoever shows or runs it stumble."""
    fits = fitting(ModelCard, vars(card))
    complaints = [f"an odd {name}" for name in vars(card) if name not in fits]
    for land in (*card.classes, *card.own_classes):
        if vars(land).keys() != fitting(LandCoverClass, vars(land)).keys() or not _COLOUR.fullmatch(land.colour):
            complaints.append("an odd class")
    if not complaints:
        sizes = (card.scale, card.elevation_step_m, card.ground_sampling_distance, card.tile_size)
        numbers = {"size or scale": sizes, "mean": card.means, "std": card.stds}
        complaints += [f"an odd {name}" for name, several in numbers.items() if not all(map(math.isfinite, several))]
        complaints += ["a size or scale of zero"] if min(sizes) <= 0 else []
    if complaints:
        raise BadModel(f"The card in {contents.where} has {complaints[0]}: fetch or export the model again.")


def _card_values(contents: _Contents) -> dict:
    for name in (CARD_NAME, WEIGHTS_NAME):
        if name not in contents.sizes:
            raise BadModel(f"{contents.where} holds no {name}, so it is no whole model: fetch or export it again.")
    if contents.sizes[CARD_NAME] > MOST_CARD_BYTES:
        raise BadModel(f"The card in {contents.where} is larger than {MOST_CARD_BYTES >> 20} MiB: do not trust it.")
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
    deflated = len(zlib.compress(sample, 1))
    # What deflates too well is stored, or its import would take it for a trap.
    worth = len(sample) / MOST_DEFLATED * 2 < deflated < len(sample) * _WORTH_DEFLATING
    return zipfile.ZIP_DEFLATED if worth else zipfile.ZIP_STORED
