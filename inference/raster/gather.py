"""The files of an aerial image, as one raster that can be opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from ...contract.errors import BadInput
from ...contract.image import ImageSettings


@dataclass(frozen=True)
class Gathered:
    """An image that can be opened, of one file or of several.

    path: as messages name it. readable: what rasterio opens: the path, or the text of a virtual raster.
    files: on the disk, of which it is made.
    """

    path: str
    readable: str
    files: tuple[str, ...]


def gather(image: ImageSettings) -> Gathered:
    """The files of a job's image. Raises BadInput where they make none."""
    if len(image.input) > 1:
        raise BadInput("The aerial image has several files: give one raster.", "input")
    (path,) = image.input
    return Gathered(path, path, (path,))


def stamps(files: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """When each file was last changed, in nanoseconds, and its size in bytes; zeros for what is no file."""
    return tuple(_stamp(path) for path in files)


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
