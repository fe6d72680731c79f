"""The part of a fetch that talks to the model hub: a process of its own, which `hub.fetch_model` starts.

It is one because huggingface_hub reads its settings when it is imported, which segmentation-models-pytorch does early
in ours, and because a request that hangs ends at once only with its process. Nothing of the package is imported here.

Standard input: one line of JSON (``hub_id``, ``file``, ``revision`` or null, ``folder``); the process ends when it is
closed. Standard output, JSON, one a line: ``{"bytes", "total" or null}``, and at the end ``{"done": path of the
partial file, "commit", "etag"}`` or ``{"error": kind, "detail", "missing" (bytes, of disk_full)}``. Other lines are
log.

Used of huggingface_hub, alike in 0.24, 1 and 2: `hf_hub_url`, `get_hf_file_metadata`, `file_download.http_get`.
`hf_hub_download` is not, because since 2 it throws a partial file away when it fails.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import ssl
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

_CHUNK = 1 << 18  # bytes; huggingface_hub's own 10 MB are lost with a connection, and are its steps of progress
_PAUSE_S = 0.1  # between two messages of progress
_NETWORK_LIBRARIES = {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"}
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # not every system has quotas
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


class _Failure(Exception):
    """A failure whose kind is known."""

    def __init__(self, kind: str, detail: str = "", missing: int = 0) -> None:
        super().__init__(detail)
        self.kind, self.missing = kind, missing


class _Partial(io.FileIO):
    """A partial file, written at its end, that says how far it is."""

    def __init__(self, path: Path, total: int | None) -> None:
        super().__init__(str(path), "ab")
        self._total = total
        self._said = 0.0

    def write(self, data) -> int:  # type: ignore[override]
        written, view = 0, memoryview(data)
        while written < len(view):  # a raw file may take less than it is given
            written += super().write(view[written:])
        if time.monotonic() - self._said >= _PAUSE_S:
            self._said = time.monotonic()
            _say(bytes=self.tell(), total=self._total)
        return written

    def restart(self) -> None:
        """Throws away what is there."""
        self.seek(0)  # truncating alone leaves the position behind
        self.truncate()


def main() -> int:
    """Reads the request, fetches the file, says how it went; exit status 0 in any case that was said."""
    here = os.path.dirname(os.path.abspath(__file__))
    # Started by its path: this folder would stand in for libraries of the same names.
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _say(**_fetch(**request))
    except Exception as error:
        kind, detail = _kind(error)
        _say(error=kind, detail=detail, missing=getattr(error, "missing", 0))
    return 0


def _fetch(hub_id: str, file: str, revision: str | None, folder: str) -> dict:
    from huggingface_hub import constants, file_download, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    for module in (constants, file_download):  # 0.2x has a copy in each; where there is none, steps are just larger
        if hasattr(module, "DOWNLOAD_CHUNK_SIZE"):
            module.DOWNLOAD_CHUNK_SIZE = _CHUNK
    url = hf_hub_url(hub_id, file, revision=revision)
    found = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    if not found.etag or not found.commit_hash:
        raise _Failure("no_hub")
    headers = build_hf_headers()
    if urlsplit(found.location)[:2] != urlsplit(url)[:2]:
        headers.pop("authorization", None)  # a store for files, which is none of the hub's hosts
    # Named by what is in it: bytes of one version are never continued with those of another.
    partial = Path(folder) / f"{file}.{hashlib.sha256(found.etag.encode()).hexdigest()[:12]}.part"
    with _Partial(partial, found.size) as output:
        if found.size is not None and output.tell() > found.size:
            output.restart()
        _check_room(partial.parent, (found.size or 0) - output.tell())
        _say(bytes=output.tell(), total=found.size)
        while found.size is None or output.tell() < found.size:
            before = output.tell()
            try:
                file_download.http_get(
                    found.location, output, resume_size=before, headers=headers, expected_size=found.size
                )
                break
            except Exception:
                if found.size is not None and output.tell() > found.size:  # the server sent all of it once more
                    output.restart()
                elif output.tell() <= before:  # as long as each try brings something, there is another one
                    raise
        _say(bytes=output.tell(), total=output.tell())
        os.fsync(output.fileno())
    return {"done": str(partial), "commit": found.commit_hash, "etag": found.etag}


def _check_room(folder: Path, needed: int) -> None:
    missing = needed - shutil.disk_usage(folder).free
    if missing > 0:
        raise _Failure("disk_full", missing=missing)


def _kind(error: Exception) -> tuple[str, str]:
    """What kind of failure an error is, and its own first line."""
    from huggingface_hub import utils

    text = str(error).strip() or type(error).__name__
    chain = _chain(error)
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
    elif any(isinstance(each, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY" in str(each) for each in chain):
        kind = "certificate"
    elif any("Timeout" in base.__name__ for base in type(error).__mro__):
        kind = "timeout"
    elif type(error).__module__.partition(".")[0] in _NETWORK_LIBRARIES:
        kind = "no_network"
    elif isinstance(error, OSError):
        kind = "disk_full" if error.errno in _FULL else "unwritable" if error.errno in _UNWRITABLE else "other"
    return kind, text.splitlines()[0] if text else ""


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error and what led to it."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
