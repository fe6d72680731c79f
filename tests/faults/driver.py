"""Runs the command line and does something to it at a point: `python driver.py FAULT POINT FOLDER ARGUMENTS...`.

FOLDER is where the map is written. Points are stages of the run as they are told ("checking", "tile 3"), and three of
the end: "copied" (the finished map is in the working folder), "named" (before the first file takes its name) and
"last" (before the map takes its).
"""

from __future__ import annotations

import os
import signal
import sys

TAKES = 1 << 20  # bytes that the disk is filled with at once


def fill(folder: str) -> None:
    """Leaves no byte free on the disk of a folder."""
    size = TAKES
    with open(os.path.join(folder, "filler"), "ab", buffering=0) as filler:
        while size:
            try:
                filler.write(bytes(size))
            except OSError:
                size //= 2


def limit(folder: str) -> None:
    """No file grows beyond its first bytes any more: what a full disk is where none can be mounted."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (16, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def strike(fault: str, folder: str) -> None:
    """Does what the fault's name says."""
    if fault.startswith("SIG"):
        os.kill(os.getpid(), signal.Signals[fault])
    elif fault == "full":
        fill(folder)
    elif fault == "limit":
        limit(folder)
    elif fault == "read-only":
        os.chmod(folder, 0o500)
    else:
        raise ValueError(fault)


def main(fault: str, point: str, folder: str, arguments: list[str]) -> int:
    """The command line's exit status, where it comes to one."""
    import rasterio.shutil

    from flair_landcover.__main__ import main as command_line
    from flair_landcover.engine.bar import BarReport

    struck: list[str] = []

    def reached(name: str) -> None:
        if name == point and not struck:
            struck.append(name)
            strike(fault, folder)

    progress, copy, replace = BarReport.progress, rasterio.shutil.copy, os.replace

    def watched_progress(self, fraction, stage, remaining_s=None) -> None:
        progress(self, fraction, stage, remaining_s)
        reached(f"tile {stage.values['number']}" if stage.code == "tile" else stage.code)

    def watched_copy(*given, **settings) -> None:
        copy(*given, **settings)
        reached("copied")

    def watched_replace(source, target) -> None:
        if os.path.dirname(target) == folder:
            reached("named")
            if str(target).endswith(".tif"):
                reached("last")
        replace(source, target)

    for owner, name, watched in (
        (BarReport, "progress", watched_progress),
        (rasterio.shutil, "copy", watched_copy),
        (os, "replace", watched_replace),
    ):
        setattr(owner, name, watched)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, signal.SIG_DFL)  # whoever started the tests may have it ignored
    status = command_line(arguments)
    if not struck:
        sys.exit(f"the run never came to the point {point!r}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
