"""Fetching published models from the model hub, through huggingface_hub.

The cache is the folder ``published`` inside the library's: ``published/<owner>--<name>/<file>``, and beside each file
``<file>.json`` with its sha256. Whatever lies there under that name is used without any network, also a file that was
put there by hand; its sha256 is recorded at first use and checked ever after. Reading it is `checkpoints`' work, which
executes no pickle.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

from ..contract.atomic import write_json
from ..contract.cards import BadModel, digest_of
from ..models.library import user_folder
from ..models.published import PublishedModel, find_published

_TRANSFER = Path(__file__).with_name("hub_transfer.py")
_POLL_S = 0.1
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


class FetchCancelled(Exception):
    """The caller stopped the fetch. The partial file is kept; the next fetch goes on from it."""


def cache_path(model: PublishedModel | str) -> Path:
    """Where a published model's file lies once it is fetched, and where one that was downloaded by hand belongs.

    Raises BadModel where the text names no model.
    """
    model = _published(model)
    return user_folder() / "published" / model.hub_id.replace("/", "--") / model.file


def fetch_model(
    model: PublishedModel | str,
    on_progress: Callable[[int, int | None], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> Path:
    """The checkpoint file of a published model, fetched if it is not in the cache yet.

    model: one of `published.PUBLISHED`, or the text that names it; also any ``owner/name`` on the hub, whose file is
        taken to be named as IGN names its own.
    on_progress(bytes so far, bytes in all or None): called in this thread, a few times a second.
    is_cancelled(): asked ten times a second.
    Where the hub is, which token, proxy and timeouts it takes follow huggingface_hub's usual variables (HF_ENDPOINT,
    HF_TOKEN, HF_HUB_DOWNLOAD_TIMEOUT, ...).
    Raises BadModel (one sentence with the next step) where the file cannot be had or is not the one that it was, and
    FetchCancelled.
    """
    model = _published(model)
    path = cache_path(model)
    try:
        if path.is_file():
            return _checked(path, model)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.parent, is_cancelled):
            if not path.is_file():  # another process may just have fetched it
                _fetch(model, path, on_progress, is_cancelled)
            return _checked(path, model)
    except OSError as error:
        raise BadModel(
            f"{path} cannot be written or read ({error.strerror or error}): see that its folder can be written and the "
            "disk has room, then fetch the model again."
        ) from None


def _published(model: PublishedModel | str) -> PublishedModel:
    if isinstance(model, PublishedModel):
        return model
    known = find_published(model)
    if known is not None:
        return known
    name = model.strip()
    if not _HUB_ID.fullmatch(name) or ".." in name:
        raise BadModel(
            f"There is no published model named {name}: choose one of the list of published models, or name one on "
            "the hub as owner/name."
        )
    stem = name.rpartition("/")[2]
    return PublishedModel(name, f"{stem}_weights.pth" if stem.startswith("FLAIR-INC") else f"{stem}.safetensors")


# The cache


def _checked(path: Path, model: PublishedModel) -> Path:
    """The path, once the file is known to be the one that it was; its sha256 is recorded where it is seen first.

    Raises BadModel where it is another.
    """
    digest = digest_of(path)
    record = _record_path(path)
    if model.digest is not None and digest != model.digest:
        raise BadModel(
            f"{path} is not the file that was published as {model.hub_id} (its sha256 differs): delete it and fetch "
            "the model again."
        )
    if not record.exists():
        with contextlib.suppress(OSError):  # a cache that is shared and cannot be written is no reason to stop
            _write_record(path, model, digest)
        return path
    try:
        recorded = json.loads(record.read_text(encoding="utf-8"))["sha256"]
    except (ValueError, KeyError, TypeError):
        raise BadModel(f"{record} is damaged: delete it and {path.name}, then fetch the model again.") from None
    if digest != recorded:
        raise BadModel(
            f"{path} has changed since it was first used (its sha256 differs): delete it and {record.name}, then "
            "fetch the model again."
        )
    return path


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _write_record(path: Path, model: PublishedModel, digest: str, commit: str | None = None) -> None:
    """Writes what is known of a file beside it. commit: what it was fetched at; None: it was put there by hand."""
    values = {"hub_id": model.hub_id, "revision": commit, "size": path.stat().st_size, "sha256": digest}
    write_json(_record_path(path), values)


@contextlib.contextmanager
def _alone(folder: Path, is_cancelled: Callable[[], bool] | None) -> Iterator[None]:
    """Holds off other processes that fetch the same model. Raises FetchCancelled while it waits for one."""
    from filelock import FileLock, Timeout

    lock = FileLock(str(folder.with_name(f".{folder.name}.lock")))
    while True:
        try:
            lock.acquire(timeout=_POLL_S)
            break
        except Timeout:
            _stop_if(is_cancelled)
    try:
        yield
    finally:
        lock.release()


# The transfer


def _fetch(
    model: PublishedModel,
    path: Path,
    on_progress: Callable[[int, int | None], None] | None,
    is_cancelled: Callable[[], bool] | None,
) -> None:
    """Fetches the file to `path`, under which it appears complete or not at all."""
    done = {}
    for message in _transfer(model, path.parent, is_cancelled):
        if "error" in message:
            raise BadModel(_sentence(message, model, path))
        if "done" in message:
            done = message
        elif on_progress is not None:
            on_progress(message["bytes"], message["total"])
    if not done:
        raise BadModel(f"The fetch of {model.name} ended early: try again{_by_hand(model, path)}.")
    partial = done["done"]
    digest = digest_of(partial)
    # A large file's ETag on the hub is its sha256.
    stated = f"sha256:{done['etag']}" if re.fullmatch(r"[0-9a-f]{64}", done["etag"]) else digest
    if digest != stated or digest != (model.digest or digest):
        partial.unlink()
        raise BadModel(
            f"{model.file} did not arrive as it was published (its sha256 differs), and was deleted: fetch the model "
            f"again{_by_hand(model, path)}."
        )
    os.replace(partial, path)
    _write_record(path, model, digest, done["commit"])
    for other in path.parent.glob(f"{path.name}.*.part"):  # of versions that nobody will go on with
        with contextlib.suppress(OSError):
            other.unlink()


def _transfer(model: PublishedModel, folder: Path, is_cancelled: Callable[[], bool] | None) -> Iterator[dict]:
    """What `hub_transfer` says. Its process is gone when this ends, however it does. Raises FetchCancelled."""
    context = multiprocessing.get_context("spawn")  # a new Python: nothing of huggingface_hub is loaded in it
    messages, theirs = context.Pipe(duplex=False)
    request = {"messages": theirs, "hub_id": model.hub_id, "file": model.file, "revision": model.revision}
    arguments = (str(_TRANSFER), {"REQUEST": {**request, "folder": folder}}, "__main__")
    process = context.Process(target=runpy.run_path, args=arguments, daemon=True)
    process.start()
    theirs.close()
    try:
        while True:
            _stop_if(is_cancelled)
            if messages.poll(_POLL_S):
                yield messages.recv()
    except (EOFError, BrokenPipeError):  # it has ended
        pass
    finally:
        process.kill()
        process.join()
        messages.close()


def _stop_if(is_cancelled: Callable[[], bool] | None) -> None:
    if is_cancelled is not None and is_cancelled():
        raise FetchCancelled("The fetch was cancelled.")


def _by_hand(model: PublishedModel, path: Path) -> str:
    return f", or download {model.file} by hand into {path.parent}"


def _sentence(message: dict, model: PublishedModel, path: Path) -> str:
    """The sentence for what the transfer failed of: what is wrong, what to do next."""
    kind, by_hand = message["error"], _by_hand(model, path)
    detail = re.sub(r"\s+", " ", message["detail"]).strip().rstrip(".:")[:200]
    if kind == "disk_full":
        room = f"{message['missing'] / 1e6:,.0f} MB more" if message["missing"] else "more"
        return (
            f"The disk of {path.parent} is too full for {model.file}: free {room}, then fetch the model again; what "
            "has arrived is kept."
        )
    if kind == "unwritable":
        return f"The folder {path.parent} cannot be written ({detail}): allow that, then fetch the model again."
    if kind == "gated":
        return (
            f"The model hub gives {model.hub_id} only to those with access: set the environment variable "
            f"HF_TOKEN to the token of an account that has it and try again{by_hand}."
        )
    if kind == "not_found":
        at = f" at revision {model.revision[:7]}" if model.revision else ""
        return f"The model hub has no {model.file} of {model.hub_id}{at}: check the name or update the plugin{by_hand}."
    if kind == "certificate":
        return (
            f"The certificate of the model hub cannot be verified ({detail}): name the file of your network's "
            f"certificates in the environment variable SSL_CERT_FILE and try again{by_hand}."
        )
    if kind == "no_hub":
        return (
            "What answered is no model hub, such as the page where a network is signed in to: open the network in a "
            f"browser or check HF_ENDPOINT, then try again{by_hand}."
        )
    said = {
        "timeout": "The model hub did not answer in time",
        "no_network": "The model hub cannot be reached",
        "status": "The model hub refused or failed",
    }.get(kind, "The model could not be fetched")
    return f"{said} ({detail}): check the connection and try again{by_hand}."
