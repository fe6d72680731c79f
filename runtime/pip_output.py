"""What pip's lines say about how far it is.

pip has no other interface for this; the lines are those of pip 20 to 25, as its own source prints them
(``pip/_internal/operations/prepare.py``, ``network/download.py``, ``commands/install.py``). A line that is not
known is nothing.

Standard library only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

COLLECTING = "collecting"
DOWNLOADING = "downloading"
INSTALLING = "installing"
INSTALLED = "installed"

_UNITS = {"bytes": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_COLLECTING = re.compile(rf"Collecting ({_NAME})")
_PROCESSING = re.compile(r"Processing (\S.*\.whl)\b")
_FETCHING = re.compile(r"(Downloading|Using cached) (\S+)(?: \(([\d.]+) (bytes|kB|MB|GB)\))?")
_INSTALLING = re.compile(r"Installing collected packages: (.+)")
_INSTALLED = re.compile(r"Successfully installed (.+)")


@dataclass(frozen=True)
class PipStep:
    """One thing that pip does.

    kind: COLLECTING, DOWNLOADING, INSTALLING or INSTALLED.
    names: of the packages it is about.
    file: the wheel that is downloaded; "" else, also for one that the cache holds.
    size: of that wheel in bytes, 0 where pip does not say.
    """

    kind: str
    names: tuple[str, ...]
    file: str = ""
    size: int = 0


def parse_line(line: str) -> PipStep | None:
    """What a line of pip's output says; None where it says nothing about progress."""
    line = line.strip()
    found = _COLLECTING.match(line)
    if found:
        return PipStep(COLLECTING, (found[1],))
    found = _PROCESSING.match(line)
    if found:
        return PipStep(COLLECTING, (_package(found[1]),))
    found = _FETCHING.match(line)
    if found:
        file = unquote(found[2].split("#")[0].rsplit("/", 1)[-1])
        if file.endswith(".metadata"):
            return PipStep(COLLECTING, (_package(file),))
        size = round(float(found[3]) * _UNITS[found[4]]) if found[3] else 0
        return PipStep(DOWNLOADING, (_package(file),), file if found[1] == "Downloading" else "", size)
    found = _INSTALLING.match(line)
    if found:
        return PipStep(INSTALLING, tuple(name.strip() for name in found[1].split(",")))
    found = _INSTALLED.match(line)
    if found:
        return PipStep(INSTALLED, tuple(found[1].split()))
    return None


def _package(file: str) -> str:
    """The package's name in a wheel's file name (PyPA binary distribution format: NAME-VERSION-...)."""
    return re.split(r"[/\\]", file)[-1].split("-")[0].replace("_", "-")
