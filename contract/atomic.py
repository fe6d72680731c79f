"""Files and folders that appear under their final name whole, or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PART = ".part"  # ends the name of a folder for what is half written


def hidden_folder(folder: Path, name: str) -> Path:
    """A new folder in `folder` for what is to become `name` there: on the same disk, so that it can be renamed.

    Its own name begins with a dot and ends with PART, and only its owner may look into it. Raises OSError.
    """
    return Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=PART, dir=folder))


def flush(path: Path) -> None:
    """Waits until a file is on its disk: some tell only then that they are full. Raises OSError."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """The path to write a file to that takes the name `path` at the end, in place of a file that is there.

    It is flushed to the disk before. It has the final name's suffix, since some drivers go by it, and the rights that
    new files have. Where the block raises, nothing is left and what was there before stays. Raises OSError where it
    cannot be written or renamed.
    """
    path = Path(path)
    hidden = hidden_folder(path.parent, path.name)
    try:
        yield hidden / path.name
        flush(hidden / path.name)
        os.replace(hidden / path.name, path)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes values as indented JSON in UTF-8, as `atomic_file` does, for all to read: a library may be shared.

    What UTF-8 cannot hold is replaced by ?.
    """
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    with atomic_file(path) as part:
        with open(part, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
        part.chmod(0o644)


@contextlib.contextmanager
def atomic_folder(path: Path, replace: bool = False) -> Iterator[Path]:
    """A new folder to write into that takes the name `path` at the end; else as `atomic_file`.

    replace: whether it may take the place of what is there, which is removed then; without it nothing may be there.
    """
    path = Path(path)
    hidden = hidden_folder(path.parent, path.name)
    new, old = hidden / path.name, hidden / f"{path.name}.old"
    try:
        new.mkdir()
        new.chmod(0o755)  # whatever the umask: a library of models may be shared
        yield new
        for folder, _, names in os.walk(new):
            for name in names:
                flush(Path(folder, name))
        if replace and os.path.lexists(path):
            os.rename(path, old)
        try:
            os.rename(new, path)
        except OSError:
            if os.path.lexists(old):
                os.rename(old, path)
            raise
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
