"""Tiny made-up wheels and local servers of packages, for the real pip.

The packages have the names of the engine's, which are too big to install in a test, and hold one small module each.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import importlib.metadata
import json
import re
import ssl
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

# name: (version, module, what it requires)
ENGINE_PACKAGES = {
    "torch": ("2.6.0", "torch", ["filelock"]),
    "segmentation-models-pytorch": ("0.5.0", "segmentation_models_pytorch", ["torch>=1.8", "tqdm"]),
    "rasterio": ("1.4.3", "rasterio", ["numpy>=1.24"]),
    "numpy": ("2.1.0", "numpy", []),
    "pyogrio": ("0.10.0", "pyogrio", ["numpy"]),
    "shapely": ("2.0.6", "shapely", ["numpy"]),
    "safetensors": ("0.4.5", "safetensors", []),
    "huggingface-hub": ("0.30.0", "huggingface_hub", ["filelock", "tqdm"]),
    "filelock": ("3.16.0", "filelock", []),
    "tqdm": ("4.67.0", "tqdm", []),
}


def write_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    module: str = "",
    requires: list[str] | None = None,
    tag: str = "py3-none-any",
    requires_python: str = "",
    filling: int = 0,
) -> Path:
    """A wheel as the binary distribution format asks for it. filling: bytes of a data file in it, not compressed."""
    module = module or name.replace("-", "_")
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Python: {requires_python}\n" if requires_python else ""
    metadata += "".join(f"Requires-Dist: {each}\n" for each in requires or [])
    about = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    files = {
        f"{module}/__init__.py": f"__version__ = {version!r}\n".encode(),
        f"{stem}.dist-info/METADATA": metadata.encode(),
        f"{stem}.dist-info/WHEEL": about.encode(),
    }
    if filling:
        files[f"{module}/data.bin"] = bytes(filling)
    record = f"{stem}.dist-info/RECORD"
    rows = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(content)}\n")
    files[record] = "".join([*rows, f"{record},,\n"]).encode()
    wheel = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel


def write_engine_wheels(folder: Path, without: str = "") -> Path:
    """The folder with a wheel for each of `ENGINE_PACKAGES`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (version, module, requires) in ENGINE_PACKAGES.items():
        if name != without:
            write_wheel(folder, name, version, module, requires)
    return folder


class Index:
    """A server of packages on this machine.

    url: of its index. asked: paths of wheels that were fetched. slow: wheels whose name begins so trickle.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.slow = ""


@contextmanager
def serve_index(wheels: Path, certificate: Path | None = None) -> Iterator[Index]:
    """Serves a folder of wheels as an index. certificate: PEM of key and certificate, for https."""
    index = Index("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = unquote(self.path).strip("/").split("/")[-1]
            if self.path.startswith("/simple/"):
                found = [w.name for w in wheels.glob("*.whl") if w.name.split("-")[0].replace("_", "-") == name]
                links = "".join(f'<a href="/files/{each}">{each}</a>' for each in found)
                self._answer(200 if found else 404, f"<!DOCTYPE html><html><body>{links}</body></html>".encode())
                return
            index.asked.append(name)
            self._answer(200, (wheels / name).read_bytes(), bool(index.slow) and name.startswith(index.slow))

        def _answer(self, status: int, content: bytes, slow: bool = False) -> None:
            self.send_response(status)
            is_wheel = self.path.startswith("/files/")
            self.send_header("Content-Type", "application/octet-stream" if is_wheel else "text/html")
            self.send_header("Content-Length", str(len(content)))
            if is_wheel:
                self.send_header("Cache-Control", "max-age=365000000, immutable, public")
            self.end_headers()
            step = 65536 if slow else max(1, len(content))
            try:
                for start in range(0, len(content), step):
                    self.wfile.write(content[start : start + step])
                    if slow:
                        time.sleep(0.1)
            except OSError:  # whoever asked was killed
                self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    with serving(Handler, certificate) as port:
        index.url = f"{'https' if certificate else 'http'}://localhost:{port}/simple/"
        yield index


class AskingProxy(http.server.BaseHTTPRequestHandler):
    """A proxy that wants a name and a password, whatever is asked of it."""

    def do_GET(self) -> None:
        body = b"Proxy Authentication Required"
        self.send_response(407, "Proxy Authentication Required")
        self.send_header("Proxy-Authenticate", 'Basic realm="office"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_CONNECT = do_GET  # noqa: N815 # the name is that of the HTTP method

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(handler: type, certificate: Path | None = None) -> Iterator[int]:
    """A server in a thread of its own; the port that it listens on."""
    server = http.server.ThreadingHTTPServer(("localhost", 0), handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def write_certificate(folder: Path) -> tuple[Path, str]:
    """A certificate for localhost that nobody trusts: a file with its key, and its own text.

    Raises OSError where there is no openssl.
    """
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    both.write_text(key.read_text() + certificate.read_text())
    return both, certificate.read_text()


def pack_environment(python: str, folder: Path) -> Path:
    """The folder with a wheel of every package that the environment of the interpreter `python` holds.

    What was installed is packed again, not compressed: an installation with the real packages, without a network.
    Packages that are linked from a checkout are left out.
    """
    where = subprocess.run(
        [python, "-I", "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    packages = Path(where.stdout.strip())
    folder.mkdir(parents=True, exist_ok=True)
    for distribution in importlib.metadata.distributions(path=[str(packages)]):
        url = json.loads(distribution.read_text("direct_url.json") or "{}")
        if url.get("dir_info", {}).get("editable") or not distribution.files:
            continue
        about = distribution.read_text("WHEEL") or ""
        tags = [line.split(": ", 1)[1] for line in about.splitlines() if line.startswith("Tag: ")]
        together = "-".join(".".join(dict.fromkeys(part)) for part in zip(*(tag.split("-") for tag in tags)))
        name = re.sub(r"[-_.]+", "_", distribution.metadata["Name"])
        with zipfile.ZipFile(folder / f"{name}-{distribution.version}-{together}.whl", "w") as archive:
            for file in distribution.files:
                # Scripts beside the packages, and what the installation itself wrote.
                if ".." in file.parts or file.suffix == ".pyc" or file.name in ("INSTALLER", "REQUESTED"):
                    continue
                if (packages / file).is_file():
                    archive.write(packages / file, file.as_posix())
    return folder
