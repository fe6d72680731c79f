"""What is made once in a test run, also where its tests are shared out among processes (pytest-xdist)."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path


def run_folder(base: Path) -> Path:
    """The folder of the whole run. base: pytest's own (`getbasetemp()`), of which each process has one."""
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """`folder` as `make` has filled it, called with it new and empty; other processes wait for the first.

    What fails is made anew by whoever asks next.
    """
    done = folder.with_name(folder.name + ".done")
    lock = folder.with_name(folder.name + ".lock")
    while True:
        try:
            lock.mkdir()
            break
        except FileExistsError:
            time.sleep(0.05)
    try:
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    finally:
        lock.rmdir()
    return folder
