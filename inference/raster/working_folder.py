"""A hidden folder beside what is being written: removed at the end, and by the next run where its own was killed."""

from __future__ import annotations

import glob
import shutil
import time
from pathlib import Path

from filelock import FileLock, Timeout

from ...contract.atomic import PART, hidden_folder

_LOCK = "in-use"  # file in a working folder that its run holds locked for as long as it lives

_OLD_S = 86_400.0  # seconds after which what a killed run of another name has left is removed

_held: set[WorkingFolder] = set()  # by runs of this process


class WorkingFolder:
    """A folder of its own for one run, `path`, with a name that begins with a dot.

    folder: where it is made. name: what is being written; working folders of that name that no run holds any
    more are removed first, those of other names once nothing was written into them for a day. Raises OSError where it
    cannot be made.
    """

    def __init__(self, folder: Path, name: str) -> None:
        _remove_abandoned(folder, name)
        self._name = name
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

    def is_alone(self) -> bool:
        """Whether no other run that lives, of any process, has a working folder of the same name."""
        return not _is_held(self.path.parent, self._name, self.path)

    def discard(self) -> None:
        """Removes the folder with all that is still in it."""
        _held.discard(self)
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def discard_held() -> None:
    """Removes the working folders of all runs of this process, from any thread: it is about to be ended."""
    for working in list(_held):
        working.discard()


def is_being_written(folder: Path, name: str) -> bool:
    """Whether a run that lives, of any process, has a working folder there for what is to get that name."""
    return _is_held(folder, name)


def _is_held(folder: Path, name: str, own: Path | None = None) -> bool:
    return any(part != own and _lock_of(part) is Timeout for part in _folders_of(folder, name))


def _remove_abandoned(folder: Path, name: str) -> None:
    """Removes the working folders for a name that no run holds, and those for other names that are old."""
    others = [part for part in Path(folder).glob(f".*{PART}") if (part / _LOCK).is_file() and _is_old(part)]
    for part in {*_folders_of(folder, name), *others}:
        if _lock_of(part) is None:
            shutil.rmtree(part, ignore_errors=True)


def _is_old(part: Path) -> bool:
    """Whether nothing was written into a folder for a day: on a disk without working locks a run may live in it."""
    try:
        return max(path.lstat().st_mtime for path in (part, *part.iterdir())) < time.time() - _OLD_S
    except OSError:
        return False


def _folders_of(folder: Path, name: str) -> list[Path]:
    """Working folders for a name, without those of names that only begin with it."""
    found = Path(folder).glob(f".{glob.escape(name)}.*{PART}")
    return [part for part in found if "." not in part.name[len(name) + 2 : -len(PART)]]


def _lock_of(part: Path) -> type[BaseException] | None:
    """None where nobody holds a working folder, Timeout where a run does, OSError where a disk has no locks.

    OSError too where its lock is not there (yet): a run may have made it this moment.
    """
    if not (part / _LOCK).is_file():
        return OSError
    try:
        with FileLock(part / _LOCK, timeout=0):
            return None
    except Timeout:
        return Timeout
    except (OSError, NotImplementedError):
        return OSError
