"""A small server that speaks what huggingface_hub asks of a model hub when it fetches a file.

As the hub does, it answers for ``/<owner>/<name>/resolve/<revision>/<file>`` with a redirection to where the bytes are
(a path of another host, which here is this one under its other name), and puts what is known of the file into the
headers of that answer.
"""

from __future__ import annotations

import hashlib
import http.server
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

COMMIT = "0123456789abcdef" * 2 + "01234567"
_STEP = 1 << 16  # bytes written at a time


@dataclass
class Request:
    """What was asked for."""

    method: str
    path: str
    range: str | None
    token: str | None
    agent: str | None


@dataclass
class Hub:
    """What the server gives, and what it was asked; a test changes it while it runs.

    files: content by ``<owner>/<name>/<file>``. failure: (status, X-Error-Code) of every answer about a file.
    breaks: after how many bytes each of the next connections that give a file is cut. pause_s: between two steps
    of bytes. store: where bytes are, ``host`` (another host), ``path`` (another path of this one) or "" (here).
    ranges: whether a part of a file can be asked for. signed_in: False where a network's sign-in page answers instead.
    moved: new id by old id of repositories that were renamed. silent: whether no request is ever answered.
    stated_size: what the hub says that a file's size is; None: what it is. stated_sha256 likewise.
    """

    port: int = 0
    scheme: str = "http"
    files: dict[str, bytes] = field(default_factory=dict)
    failure: tuple[int, str] | None = None
    breaks: list[int] = field(default_factory=list)
    pause_s: float = 0.0
    store: str = "host"
    ranges: bool = True
    signed_in: bool = True
    moved: dict[str, str] = field(default_factory=dict)
    stated_size: int | None = None
    stated_sha256: str | None = None
    silent: bool = False
    requests: list[Request] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def of_bytes(self) -> list[Request]:
        """The requests that asked for bytes, in order."""
        return [request for request in self.requests if request.method == "GET"]


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and localhost that nobody vouches for, and its key."""
    certificate, key = folder / "hub.pem", folder / "hub.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@contextmanager
def running_hub(certificate: tuple[Path, Path] | None = None) -> Iterator[Hub]:
    """A hub that runs in a thread until the end. certificate: with its key, for https."""
    hub = Hub(scheme="https" if certificate else "http")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *_) -> None:
            pass

        def _answer(self) -> None:
            asked = self.headers
            hub.requests.append(
                Request(self.command, self.path, asked["Range"], asked["Authorization"], asked["User-Agent"])
            )
            if hub.silent:
                time.sleep(30)
                return
            if not hub.signed_in:
                self._head(200, {"Content-Type": "text/html", "Content-Length": "0"})
                return
            if self.path.startswith("/store/"):
                self._give(self.path[len("/store/") :])
                return
            repository, _, rest = self.path.strip("/").partition("/resolve/")
            revision, _, file = rest.partition("/")
            if repository in hub.moved:
                self._head(307, {"Location": f"/{hub.moved[repository]}/resolve/{rest}", "Content-Length": "0"})
            elif hub.failure is not None:
                self._head(hub.failure[0], {"X-Error-Code": hub.failure[1], "Content-Length": "0"})
            elif f"{repository}/{file}" not in hub.files:
                self._head(404, {"X-Error-Code": "EntryNotFound", "Content-Length": "0"})
            elif revision not in ("main", COMMIT):
                self._head(404, {"X-Error-Code": "RevisionNotFound", "Content-Length": "0"})
            else:
                self._describe(f"{repository}/{file}")

        def _describe(self, name: str) -> None:
            content = hub.files[name]
            sha256 = hub.stated_sha256 or hashlib.sha256(content).hexdigest()
            size = hub.stated_size or len(content)
            known = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(size)}
            if hub.store:
                start = f"{hub.scheme}://localhost:{hub.port}" if hub.store == "host" else ""
                self._head(302, {**known, "Location": f"{start}/store/{name}", "Content-Length": "0"})
            else:
                self._give(name, known)

        def _give(self, name: str, known: dict[str, str] | None = None) -> None:
            content = hub.files[name]
            # the store's own ETag is not the hub's; where it is asked after a redirection, the hub's headers are here
            sha256 = hub.stated_sha256 or hashlib.sha256(content).hexdigest()
            headers = {"ETag": f'"{sha256}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes", **(known or {})}
            start = 0
            if hub.ranges and self.headers["Range"]:
                start = int(self.headers["Range"].removeprefix("bytes=").partition("-")[0])
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            headers["Content-Length"] = str(len(content) - start)
            self._head(206 if start else 200, headers)
            if self.command == "HEAD":
                return
            end = start + hub.breaks.pop(0) if hub.breaks else len(content)
            for at in range(start, min(end, len(content)), _STEP):
                time.sleep(hub.pause_s)
                try:
                    self.wfile.write(content[at : min(at + _STEP, end)])
                except OSError:  # whoever asked is gone
                    return

        def _head(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

    return Handler
