"""How far an installation is, from pip's lines and from the files that grow meanwhile.

Standard library only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from .pip_output import COLLECTING, DOWNLOADING, INSTALLED, INSTALLING, PipStep, parse_line

# What is fetched, as a first guess: pip does not know it beforehand. The wheels for the processor on Linux are about
# as large together as the first number (torch 2.13), those for CUDA as the second (torch 2.15); more than the first
# is a CUDA build.
_EXPECTED_BYTES = 450_000_000
_EXPECTED_CUDA_BYTES = 2_700_000_000
_FETCHED = 0.8  # the share of fetching, before unpacking


class PipProgress:
    """Turns pip's output into a share of the whole, which never falls, and a message.

    work: pip's folder for temporary files, in which the wheel that it fetches grows.
    tell(share 0..1, message): called where something has changed.
    unpacked(): how many packages the environment holds; pip says nothing while it unpacks gigabytes.
    """

    def __init__(self, work: Path, tell: Callable[[float, str], None], unpacked: Callable[[], int] = lambda: 0) -> None:
        self._work = work
        self._tell = tell
        self._share = 0.0
        self._message = ""
        self._announced = 0
        self._fetched = 0
        self._now: PipStep | None = None
        self._unpacked = unpacked
        self._to_unpack = 0
        self._before = 0

    def line(self, line: str) -> None:
        """Takes a line of pip's output."""
        step = parse_line(line)
        if step is None:
            return
        if self._now is not None:  # pip fetches one wheel after another
            self._fetched += self._now.size
            self._now = None
        if step.kind == COLLECTING:
            self._say(self._share, f"Looking for {step.names[0]}")
        elif step.kind == DOWNLOADING:
            self._announced += step.size
            if step.file:
                self._now = step
            else:
                self._fetched += step.size
            self.tick()
        elif step.kind == INSTALLING:
            self._to_unpack, self._before = len(step.names), self._unpacked()
            self.tick()
        elif step.kind == INSTALLED:
            self._to_unpack = 0
            self._say(1.0, "The packages are installed")

    def tick(self) -> None:
        """Looks how far the wheel is that is fetched now, or how many packages are unpacked."""
        if self._to_unpack:
            done = max(0, min(self._unpacked() - self._before, self._to_unpack))
            share = _FETCHED + (1 - _FETCHED) * done / self._to_unpack
            self._say(share, f"Unpacking {self._to_unpack} packages ({done} done)")
        if self._now is None:
            return
        here = min(_size_below(self._work, self._now.file), self._now.size or _EXPECTED_BYTES)
        expected = _EXPECTED_BYTES if self._announced <= _EXPECTED_BYTES else _EXPECTED_CUDA_BYTES
        share = _FETCHED * (self._fetched + here) / max(expected, self._announced)
        size = f" ({here / 1e6:.0f} of {self._now.size / 1e6:.0f} MB)" if self._now.size >= 1_000_000 else ""
        self._say(share, f"Downloading {self._now.names[0]}{size}")

    def _say(self, share: float, message: str) -> None:
        share = max(self._share, min(share, 1.0))
        if (share, message) != (self._share, self._message):
            self._share, self._message = share, message
            self._tell(share, message)


def _size_below(folder: Path, name: str) -> int:
    """Bytes of the file `name` in a folder of pip's inside `folder` (``pip-unpack-...``); 0 where there is none yet."""
    sizes = [0]
    with contextlib.suppress(OSError):
        sizes += [path.stat().st_size for path in folder.glob(f"pip-*/{name.replace('[', '[[]')}")]
    return max(sizes)
