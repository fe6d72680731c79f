"""Whether a raster holds what was written into it: a full disk shows at its close alone, or not at all."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError  # what GDAL's errors are raised as at a copy; there is no public name for it
from rasterio.errors import RasterioError

from ...contract.errors import CannotWrite


class Ledger:
    """Checksums of the windows that were written, each once; 4 bytes of checksum a window."""

    def __init__(self) -> None:
        self._entries: list[tuple[rasterio.windows.Window, int]] = []

    def add(self, window: rasterio.windows.Window, pixels: np.ndarray) -> None:
        """pixels: (bands, rows, columns) as they were given to be written."""
        self._entries.append((window, _checksum(pixels)))

    def check(self, path: Path) -> None:
        """Reads a raster from its file and compares it. Raises OSError where it holds anything else."""
        with rasterio.open(path) as dataset:
            for window, checksum in self._entries:
                if _checksum(dataset.read(window=window)) != checksum:
                    raise OSError(f"{path.name} does not hold what was written into it")


def _checksum(pixels: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(pixels).tobytes())


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Turns what goes wrong in writing a map into `CannotWrite`. path: the map's final name."""
    try:
        yield
    except (OSError, RasterioError, CPLE_BaseError) as error:
        cause = error.__cause__ or error  # rasterio's own words only point to it
        reason = getattr(cause, "strerror", None) or " ".join(str(cause).split())
        raise CannotWrite(
            f"The map {path} cannot be written ({reason}): free some disk space or choose another folder, then run "
            "again; what was there before is unchanged."
        ) from error
