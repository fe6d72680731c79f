"""Folders and zip files as lists of the files in them, which are read where they lie: nothing is unpacked."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from ...contract.errors import BadInput

_PROTECTED = 0x1  # bit of a zip entry's flags (APPNOTE 6.3.10, section 4.4.4)
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what GDAL's /vsizip/ reads in every build
_ODD = (OSError, RuntimeError, ValueError, EOFError, struct.error, OverflowError)  # of zipfile at damaged entries
_OTHERS = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".7z", ".rar")


@dataclass(frozen=True)
class Files:
    """The files of a folder or of a zip file.

    root: as rasterio takes it. names: relative, with slashes, ascending.
    """

    path: str
    root: str
    names: tuple[str, ...]

    def text(self, name: str) -> str:
        """A file's text; BadInput where it cannot be read."""
        try:
            if self.root == self.path:
                return Path(self.path, name).read_text(encoding="utf-8", errors="replace")
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(name).decode("utf-8", errors="replace")
        except (zipfile.BadZipFile, zlib.error, *_ODD) as error:
            raise BadInput(f"{self.path} cannot be read to its end ({error}): copy or download it again.") from None

    def source(self, name: str) -> str:
        """A file as rasterio opens it."""
        return f"{self.root}/{name}"


def is_zip(path: str) -> bool:
    """Whether a path is called a zip file."""
    return path.lower().endswith(".zip") and not os.path.isdir(path)


def files_of(path: str) -> Files:
    """All files of a folder and the folders in it, or of a zip file.

    Raises BadInput where the zip file is damaged, or packed in a way that cannot be read where it lies.
    """
    if os.path.isdir(path):
        names = [
            Path(current, name).relative_to(path).as_posix() for current, _, files in os.walk(path) for name in files
        ]
        return Files(path, path, tuple(sorted(names)))
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and _wanted(entry.filename)]
    except (zipfile.BadZipFile, *_ODD) as error:
        raise BadInput(f"The zip file {path} cannot be read ({error}): copy or download it again.") from None
    if any(entry.flag_bits & _PROTECTED for entry in entries):
        raise BadInput(f"The zip file {path} is protected by a password: unpack it and choose the folder.")
    if any(entry.compress_type not in _READABLE for entry in entries):
        raise BadInput(
            f"The zip file {path} is compressed in a way that can only be read unpacked: unpack it and choose the "
            "folder."
        )
    return Files(path, f"/vsizip/{{{path}}}", tuple(sorted(entry.filename for entry in entries)))


def check_no_other_archive(path: str) -> None:
    """Raises BadInput for archives that are no zip files, by their names."""
    if path.lower().endswith(_OTHERS) and not os.path.isdir(path):
        raise BadInput(f"{path} is an archive that can only be read unpacked: unpack it and choose the folder.")


def _wanted(name: str) -> bool:
    """Not what programs put beside the files: macOS keeps a shadow of each under __MACOSX."""
    return not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")
