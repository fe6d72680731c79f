"""Opens rasters, and says in one sentence why one cannot be opened or read."""

from __future__ import annotations

import os

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ...contract.errors import BadInput
from .intact import check_intact, one_line
from .virtual import is_text


def open_raster(path: str, what: str) -> DatasetReader:
    """Opens a raster for reading, or the text of a virtual one, which is of files that have been looked at.

    Raises BadInput, naming it as `what`, where that is not possible or a file that it is made of is missing or cut off.
    """
    if is_text(path):
        return rasterio.open(path)
    if "://" not in path and not path.startswith("/vsi") and ":" not in path[2:] and not os.path.exists(path):
        raise BadInput(f"{what} {path} does not exist: choose an existing file.")
    check_intact(path, what)
    try:
        return rasterio.open(path)
    except RasterioError as error:
        raise BadInput(f"{what} {path} cannot be read as a raster ({one_line(error)}): choose another file.") from None


def unreadable(path: str, error: RasterioError) -> BadInput:
    """What to raise where a raster opens but some of its pixels cannot be read."""
    reason = one_line(error.__cause__ or error)  # rasterio's own words only point to the cause
    name = "The image" if is_text(path) else path  # the reason names the file of it that is at fault
    return BadInput(f"{name} cannot be read to its end ({reason}): copy or download it again.")
