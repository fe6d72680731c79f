"""Opens rasters, and says in one sentence why one cannot be opened or read."""

from __future__ import annotations

import os

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ...contract.errors import BadInput


def open_raster(path: str, what: str) -> DatasetReader:
    """Opens a raster for reading.

    Raises BadInput, naming it as `what`, where that is not possible.
    """
    if "://" not in path and not path.startswith("/vsi") and ":" not in path[2:] and not os.path.exists(path):
        raise BadInput(f"{what} {path} does not exist: choose an existing file.")
    try:
        return rasterio.open(path)
    except RasterioError as error:
        raise BadInput(f"{what} {path} cannot be read as a raster ({_one_line(error)}): choose another file.") from None


def check_not_truncated(dataset: DatasetReader, what: str) -> None:
    """Raises BadInput where a TIFF on disk ends before its pixels do."""
    if dataset.driver not in ("GTiff", "COG") or not os.path.isfile(dataset.name):
        return
    size = os.path.getsize(dataset.name)
    for index in dataset.indexes:
        height, width = dataset.block_shapes[index - 1]
        last_column, last_row = (dataset.width - 1) // width, (dataset.height - 1) // height
        for row in range(last_row + 1):
            for column in {0, last_column}:
                offset = dataset.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=index)
                length = dataset.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=index)
                if offset and length and int(offset) + int(length) > size:
                    raise BadInput(
                        f"{what} {dataset.name} is truncated: it ends before its pixels do; copy or download it again."
                    )


def unreadable(path: str, error: RasterioError) -> BadInput:
    """What to raise where a raster opens but some of its pixels cannot be read."""
    reason = _one_line(error.__cause__ or error)  # rasterio's own words only point to the cause
    return BadInput(f"{path} cannot be read to its end ({reason}): copy or download it again.")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
