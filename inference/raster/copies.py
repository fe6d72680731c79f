"""Copies in tiles of rasters of which a window takes long to read: stored in rows, in huge tiles or in one piece."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ...contract.errors import BadInput
from .intact import is_one_strip, jpeg_2000_tile, one_line
from .open import unreadable
from .windows import Window
from .write import BLOCK, padded

_LARGE = 1024  # pixels a side of blocks up to which a raster is stored in tiles: JPEG 2000 of that size is common
_WINDOW = 512  # pixels a side of the window whose reading is timed
# Seconds a window from which on reading may hold the network up, which takes 0.5 s on two cores. Measured there on four
# bands of 8 bits, 8192 pixels a side: 0.004 s in tiles of 256 pixels, 0.01 (DEFLATE) to 0.04 s (LZW) in rows, 0.2 to
# 0.4 s in one strip, 0.3 to 0.8 s in JPEG 2000 of one tile, 2 s in JPEG 2000 of 1024 by 4096. Copying took 2 to 50 s.
_SLOW_S = 0.2
_WRITTEN_BYTES_S = 100e6  # bytes that a disk takes in a second, a slow one
_LEAST_GAIN_S = 10.0  # that a copy must save: below it is not worth its place on the disk
_SOME = 16  # files at either end of a list that are opened
_AT_ONCE = 512  # rows and columns that are read at once, at least
_READERS = 2  # threads that read windows; see `read_ahead`

Told = Callable[[float], None]


@dataclass(frozen=True)
class Untiled:
    """What reading a raster takes that is not stored in tiles.

    block: (rows, columns) that GDAL decodes at once. pixel_bytes: of all bands. seconds: that a window took to read.
    """

    block: tuple[int, int]
    pixel_bytes: int
    seconds: float


@dataclass(frozen=True)
class Copy:
    """A copy that is worth being made. window: what of the raster it holds, in its pixels. size: bytes, at most."""

    window: Window
    size: int


def untiled(dataset: DatasetReader, files: tuple[str, ...]) -> Untiled | None:
    """How long a window of a raster takes to read, which is tried; None where it is stored in tiles.

    files: of which it is made. Raises BadInput where it cannot be read.
    """
    rows, columns, large = _blocks(dataset, files)
    if not large or len(set(dataset.dtypes)) > 1:
        return None
    middle = Window(dataset.width // 2, dataset.height // 2, _WINDOW, _WINDOW)
    window = middle.shared(Window(0, 0, dataset.width, dataset.height))
    began = time.perf_counter()
    try:
        dataset.read(window=rasterio.windows.Window(*window))
    except RasterioError as error:
        raise unreadable(dataset.name, error) from None
    seconds = time.perf_counter() - began
    return Untiled(
        (min(rows, dataset.height), min(columns, dataset.width)),
        sum(np.dtype(dtype).itemsize for dtype in dataset.dtypes),
        seconds,
    )


def block_of(dataset: DatasetReader, files: tuple[str, ...]) -> tuple[int, int]:
    """(rows, columns) of a raster that are decoded at once. files: of which it is made."""
    rows, columns, _ = _blocks(dataset, files)
    return min(rows, dataset.height), min(columns, dataset.width)


def _blocks(dataset: DatasetReader, files: tuple[str, ...]) -> tuple[int, int, bool]:
    """Rows and columns that are decoded at once, and whether a file of the raster is not stored in tiles."""
    found, large = [], False
    # of many tiles, which are alike, some; the last ones may be those of an infrared image
    some = files if len(files) <= 2 * _SOME else files[:_SOME] + files[-_SOME:]
    for file in some if dataset.driver == "VRT" else ("",):
        try:
            with rasterio.open(file) if file else nullcontext(dataset) as part:
                if part.driver != "VRT":
                    found.append(_block_of_file(part))
                    large |= max(*found[-1], *_tile_of(part)) > _LARGE
        except RasterioError:  # no raster, as an index of tiles
            continue
    rows, columns = map(max, zip(*found)) if found else dataset.block_shapes[0]
    return rows, columns, large


def _block_of_file(dataset: DatasetReader) -> tuple[int, int]:
    """(rows, columns) of a file that are decoded at once."""
    rows, columns = dataset.block_shapes[0]
    in_one = is_one_strip(dataset) or dataset.driver in ("PNG", "JPEG")
    return (dataset.height if in_one else rows), columns


def _tile_of(dataset: DatasetReader) -> tuple[int, int]:
    """(rows, columns) of a JPEG 2000's tiles: GDAL shows blocks of 1024 pixels of one that is whole."""
    return jpeg_2000_tile(dataset.name) or (0, 0) if dataset.driver.startswith("JP2") else (0, 0)


def copy_worth(
    found: Untiled | None, shape: tuple[int, int], window: Window, tile: float, stride: float
) -> Copy | None:
    """The copy that saves time where a raster's window is read in tiles, or None.

    shape: (rows, columns) of the raster. window: that is read, in its pixels. tile, stride: pixels a side of a tile,
    and from one to the next.
    """
    if found is None or found.seconds < _SLOW_S:
        return None
    rows, columns = (min(side, block - 1 + tile) for side, block in zip(shape, found.block))  # decoded for a tile
    tiles = math.ceil(window.width / stride) * math.ceil(window.height / stride)
    size = padded(window.width, window.height) * found.pixel_bytes
    pixels = window.width * window.height
    once = found.seconds * max(1.0, pixels / (rows * columns)) + size / _WRITTEN_BYTES_S
    return Copy(window, size) if tiles * found.seconds / _READERS - once > _LEAST_GAIN_S else None


def write_copy(dataset: DatasetReader, copy: Copy, block: tuple[int, int], path: Path, told: Told) -> None:
    """Writes a raster of the same size in tiles, in which the copy's window has the pixels and the rest has none.

    block: (rows, columns) of the raster that are decoded at once. told: takes the share, 0..1, that is done, and may
    raise to end it. Raises BadInput where the raster cannot be read or the file cannot be written.
    """
    profile = {
        "driver": "GTiff",
        "dtype": dataset.dtypes[0],
        "count": dataset.count,
        "height": dataset.height,
        "width": dataset.width,
        "crs": dataset.crs,
        "transform": dataset.transform,
        "nodata": dataset.nodata if len(set(map(repr, dataset.nodatavals))) == 1 else None,
    }
    form = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "sparse_ok": True}
    transparent = dataset.colorinterp[-1] == ColorInterp.alpha
    colours = {"photometric": "rgb" if dataset.count > 2 else "minisblack", "alpha": "yes" if transparent else "no"}
    flags = set().union(*dataset.mask_flag_enums)
    alike = len(set(map(repr, dataset.nodatavals))) == 1
    masked = (MaskFlags.nodata in flags and not alike) or (MaskFlags.per_dataset in flags and not transparent)
    windows = list(_parts(copy.window, block))
    try:
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "w", bigtiff="if_safer", **form, **colours, **profile) as file,
        ):
            for number, window in enumerate(windows):
                told(number / len(windows))
                part = rasterio.windows.Window(*window)
                try:
                    pixels = dataset.read(window=part)
                    valid = dataset.read_masks(window=part).any(axis=0) if masked else None
                except RasterioError as error:
                    raise unreadable(dataset.name, error) from None
                file.write(pixels, window=part)
                if valid is not None:
                    file.write_mask(valid, window=part)
    except RasterioError as error:
        raise BadInput(
            f"The temporary copy of the image in {path.parent.parent} cannot be written ({one_line(error)}): free some "
            "space, or choose another folder for the result."
        ) from None


def _parts(window: Window, block: tuple[int, int]) -> Iterator[Window]:
    """Parts of a window that together read each block of a raster once."""
    rows, columns = (side * -(-_AT_ONCE // side) for side in block)
    for top in range(window.row // rows * rows, window.bottom, rows):
        for left in range(window.column // columns * columns, window.right, columns):
            yield Window(left, top, columns, rows).shared(window)
