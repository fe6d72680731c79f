"""The part of a fetch that talks to the model hub: it runs in a process of its own, which `hub.fetch_model` starts.

It is one because a request that hangs ends at once only with its process, and because huggingface_hub reads its
settings when it is imported, which segmentation-models-pytorch does early in ours. It is run by its path: the worker
of QGIS has this package under a name that no other process could import. So nothing of the package is imported here,
and what goes through the pipe is plain.

Used of huggingface_hub, alike in 0.24, 1 and 2: where a file is and what it is, its connections, tokens and errors.
`hf_hub_download` is not, because since 2 each call begins a new file and throws it away when it fails; nor is
`http_get`, which loses the 10 MB that it collects before it writes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import multiprocessing
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

_CHUNK = 1 << 18  # bytes: what is lost with a connection, and the steps of progress
_PAUSE_S = 0.1  # between two messages of progress
_TRIES = 5
_RETRY_S = 1.0
_NETWORK_LIBRARIES = {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"}
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # not every system has quotas
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


class _Failure(Exception):
    """A failure whose kind is known."""

    def __init__(self, kind: str, detail: str = "", missing: int = 0) -> None:
        super().__init__(detail)
        self.kind, self.missing = kind, missing


def transfer(messages: Connection, hub_id: str, file: str, revision: str | None, folder: Path) -> None:
    """Fetches a file of the hub into `folder`, and goes on with what is there of it; the whole of this process.

    messages: gets ``{"bytes", "total" or None}`` a few times a second, and at the end ``{"done": path of the partial
    file, "commit", "etag"}`` or ``{"error": as `_kind` says, "detail", "missing": bytes that the disk lacks}``.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout = sys.stderr  # the worker's answers go out there
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # no word of what is installed here
    if os.environ.get("SSL_CERT_FILE"):  # huggingface_hub before 1 fetches with requests, which reads another name
        os.environ.setdefault("REQUESTS_CA_BUNDLE", os.environ["SSL_CERT_FILE"])
    try:
        messages.send(_fetch(messages, hub_id, file, revision, folder))
    except Exception as error:
        kind, detail = _kind(error)
        messages.send({"error": kind, "detail": detail, "missing": getattr(error, "missing", 0)})


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        raise AssertionError
    parent.join()
    os._exit(1)


def _fetch(messages: Connection, hub_id: str, file: str, revision: str | None, folder: Path) -> dict:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(hub_id, file, revision=revision)
    found = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    if not found.etag or not found.commit_hash:
        raise _Failure("no_hub")
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}  # as large as the hub says, and to be gone on with
    if urlsplit(found.location)[:2] != urlsplit(url)[:2]:
        headers.pop("authorization", None)  # a store for files, which is none of the hub's hosts
    # Named by what is in it: bytes of one version are never continued with those of another.
    partial = folder / f"{file}.{hashlib.sha256(found.etag.encode()).hexdigest()[:12]}.part"
    with open(partial, "ab") as output:
        if found.size is not None and output.tell() > found.size:
            _restart(output)
        missing = (found.size or 0) - output.tell() - shutil.disk_usage(folder).free
        if missing > 0:
            raise _Failure("disk_full", missing=missing)
        messages.send({"bytes": output.tell(), "total": found.size})
        _fill(output, found.location, headers, found.size, messages)
        messages.send({"bytes": output.tell(), "total": output.tell()})
        output.flush()
        os.fsync(output.fileno())
    return {"done": partial, "commit": found.commit_hash, "etag": found.etag}


def _fill(output: BinaryIO, url: str, headers: dict[str, str], total: int | None, messages: Connection) -> None:
    """Appends what lacks of `total` bytes (None: all that comes), unless `_TRIES` in a row bring nothing."""
    tries, said = _TRIES, 0.0
    while total is None or output.tell() < total:
        before = output.tell()
        try:
            with _opened(url, headers, before) as (is_part, chunks):
                if before and not is_part:
                    _restart(output)
                for chunk in chunks:
                    output.write(chunk)
                    if time.monotonic() - said >= _PAUSE_S:
                        said = time.monotonic()
                        messages.send({"bytes": output.tell(), "total": total})
            if total is None:
                return
            if output.tell() < total:
                raise _Failure("no_network", "the connection ended early")
        except Exception as error:
            if _kind(error)[0] not in ("no_network", "timeout"):
                raise
            tries = _TRIES if output.tell() > before else tries - 1
            if not tries:
                raise
            time.sleep(0 if output.tell() > before else _RETRY_S)


@contextlib.contextmanager
def _opened(url: str, headers: dict[str, str], start: int) -> Iterator[tuple[bool, Iterator[bytes]]]:
    """The bytes of a URL from `start` on, in chunks, and whether it is they: some servers give the whole file."""
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import hf_raise_for_status

    headers = {**headers, "Range": f"bytes={start}-"} if start else headers
    settings: dict[str, Any] = {"headers": headers, "timeout": constants.HF_HUB_DOWNLOAD_TIMEOUT}
    session: Any = get_session()
    is_httpx = callable(session.stream)  # which huggingface_hub has from version 1 on; before, it has requests
    with session.stream("GET", url, **settings) if is_httpx else session.get(url, stream=True, **settings) as response:
        hf_raise_for_status(response)
        yield response.status_code == 206, (response.iter_bytes if is_httpx else response.iter_content)(_CHUNK)


def _restart(output: BinaryIO) -> None:
    """Throws away what is there."""
    output.seek(0)  # truncating alone leaves the position behind
    output.truncate()


def _kind(error: Exception) -> tuple[str, str]:
    """What kind of failure an error is, and its own first line."""
    from huggingface_hub import utils

    text = str(error).strip() or type(error).__name__
    whole = "".join(traceback.format_exception(type(error), error, None))  # with what led to it
    status = getattr(getattr(error, "response", None), "status_code", None)
    kind = "other"
    if isinstance(error, _Failure):
        kind, text = error.kind, str(error)
    elif isinstance(error, utils.GatedRepoError) or status in (401, 403):
        kind = "gated"
    elif isinstance(error, (utils.RepositoryNotFoundError, utils.RevisionNotFoundError, utils.EntryNotFoundError)):
        kind = "not_found"
    elif status is not None:
        kind, text = ("not_found", text) if status == 404 else ("status", f"HTTP {status}")
    elif isinstance(error, utils.OfflineModeIsEnabled):
        kind, text = "no_network", "HF_HUB_OFFLINE is set"
    elif "CERTIFICATE_VERIFY" in whole or "SSLCertVerificationError" in whole:
        kind = "certificate"
    elif any("Timeout" in base.__name__ for base in type(error).__mro__):
        kind = "timeout"
    elif type(error).__module__.partition(".")[0] in _NETWORK_LIBRARIES:
        kind = "no_network"
    elif isinstance(error, OSError):
        kind = "disk_full" if error.errno in _FULL else "unwritable" if error.errno in _UNWRITABLE else "other"
    return kind, text.splitlines()[0] if text else ""


if __name__ == "__main__":
    transfer(**globals()["REQUEST"])  # given by `hub`
