"""A hidden folder beside what is being written: removed at the end, and by the next run where its own was killed."""

from __future__ import annotations

import glob
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from ...contract.atomic import PART, hidden_folder

_LOCK = "in-use"  # file in a working folder that its run holds locked for as long as it lives

_held: set[WorkingFolder] = set()  # by runs of this process


class WorkingFolder:
    """A folder of its own for one run, `path`, with a name that begins with a dot.

    folder: where it is made. name: what is being written; working folders of that name that no run holds any
    more are removed first. Raises OSError where it cannot be made.
    """

    def __init__(self, folder: Path, name: str) -> None:
        _remove_abandoned(folder, name)
        self.path = hidden_folder(folder, name)
        try:
            self._lock = FileLock(self.path / _LOCK, thread_local=False)  # see `discard_held`
            self._lock.acquire()
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        _held.add(self)

    def __enter__(self) -> WorkingFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def discard(self) -> None:
        """Removes the folder with all that is still in it."""
        _held.discard(self)
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def discard_held() -> None:
    """Removes the working folders of all runs of this process, from any thread: it is about to be ended."""
    for working in list(_held):
        working.discard()


def _remove_abandoned(folder: Path, name: str) -> None:
    for part in Path(folder).glob(f".{glob.escape(name)}.*{PART}"):
        try:
            with FileLock(part / _LOCK, timeout=0):
                pass
        except (Timeout, OSError, NotImplementedError):  # at work, or a disk without locks
            continue
        shutil.rmtree(part, ignore_errors=True)
