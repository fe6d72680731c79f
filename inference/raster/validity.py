"""Where a raster has data, as a raster of its own: without the collars that it does not declare and its gaps.

A collar is followed inwards from the edge through all pixels that have the fill, so that a roof or a shadow of the same
value inside the picture stays. Only parts of the raster that it reaches are read; what comes out depends on the raster
alone.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from .collar import colours_of, pure, runs, shortest_run
from .coverage import Coverage, declares_no_data
from .open import unreadable
from .virtual import Band, Source, of_bands
from .windows import Window

_SIDE = 1024  # pixels a side, at least, of the parts that a collar is followed through
_BLOCK = 512  # pixels a side of the inner tiles of the file
_ROWS = 512  # rows of the file that are written at once
_HAS_DATA = 255

Told = Callable[[float], None]


def write_validity(
    dataset: DatasetReader, fills: tuple[float, ...], coverage: Coverage | None, path: Path, told: Told
) -> None:
    """Writes a raster of one uint8 band: 0 in collars of the fill values and where nothing is covered, else 255.

    told: takes the share, 0..1, that is done, and may raise to end it. Raises BadInput where the raster cannot be read.
    """
    try:
        collar = _followed(dataset, fills, coverage, told) if fills else None
        _write(dataset, collar, coverage, path)
    except RasterioError as error:
        raise unreadable(dataset.name, error) from None


def with_validity(dataset: DatasetReader, path: Path) -> str:
    """The text of a virtual raster: an open one's bands, with data where it has some itself and a file says so, too.

    path: of what `write_validity` wrote.
    """
    shape, whole = dataset.shape, Window(0, 0, dataset.width, dataset.height)

    def source(band: int | str, dtype: str, hidden: float | None = None, readable: str = dataset.name) -> Source:
        return Source(readable, band, whole, (0, 0), (shape, dtype, dataset.block_shapes[0]), hidden)

    bands = []
    for number, dtype in enumerate(dataset.dtypes, start=1):
        colour = dataset.colorinterp[number - 1]
        bands.append(
            Band(
                dtype,
                [source(number, dtype)],
                colour="" if colour in (ColorInterp.alpha, ColorInterp.undefined) else colour.name.capitalize(),
                description=dataset.descriptions[number - 1] or "",
                bits=dataset.tags(number, ns="IMAGE_STRUCTURE").get("NBITS", ""),
            )
        )
    if not declares_no_data(dataset):
        mask = [source(1, "uint8", readable=str(path))]
    else:  # data where any band has some, as the engine reads it
        own = [source(f"mask,{number}", "uint8", hidden=0) for number in dataset.indexes]
        mask = [*own, source(1, "uint8", hidden=_HAS_DATA, readable=str(path))]
    crs_wkt = dataset.crs.to_wkt() if dataset.crs else ""
    return of_bands(shape, crs_wkt, dataset.transform, bands, Band("uint8", mask))


@dataclass
class _Part:
    """A part of the raster in which a collar may go on.

    free, reached: (rows, columns) bool, packed: what has the fill or no data, and what of it the collar has reached.
    """

    shape: tuple[int, int]
    free: bytes
    reached: bytes

    @classmethod
    def of(cls, free: np.ndarray, reached: np.ndarray) -> _Part:
        return cls(free.shape, _packed(free), _packed(reached))

    def unpacked(self, packed: bytes) -> np.ndarray:
        bits = np.frombuffer(zlib.decompress(packed), np.uint8)
        count = self.shape[0] * self.shape[1]
        return np.unpackbits(bits, count=count).reshape(self.shape).astype(bool)


def _packed(marked: np.ndarray) -> bytes:
    return zlib.compress(np.packbits(marked).tobytes(), 1)


class _Collar:
    """The parts that a collar reaches. rows, columns: where parts begin, and where the last one ends."""

    def __init__(self, rows: list[int], columns: list[int]) -> None:
        self.rows, self.columns = rows, columns
        self.parts: dict[tuple[int, int], _Part] = {}

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows) - 1, len(self.columns) - 1

    def window(self, place: tuple[int, int]) -> Window:
        row, column = place
        return Window.between(self.columns[column], self.rows[row], self.columns[column + 1], self.rows[row + 1])

    def reached(self) -> Iterator[tuple[Window, _Part]]:
        """The parts that were read, each with its window."""
        return ((self.window(place), part) for place, part in self.parts.items())

    def edge(self) -> Iterator[tuple[int, int]]:
        """The parts along the raster's edge."""
        height, width = self.shape
        for row in range(height):
            for column in range(width) if row in (0, height - 1) else sorted({0, width - 1}):
                yield row, column


def _followed(dataset: DatasetReader, fills: tuple[float, ...], coverage: Coverage | None, told: Told) -> _Collar:
    collar = _Collar(*(_starts(side, block) for side, block in zip(dataset.shape, dataset.block_shapes[0])))
    height, width = collar.shape
    waiting: deque[tuple[tuple[int, int], np.ndarray]] = deque()  # parts with what reaches them anew

    def read(place: tuple[int, int]) -> np.ndarray:
        told(len(collar.parts) / (height * width))
        free = _free(dataset, collar.window(place), fills, coverage)
        collar.parts[place] = _Part.of(free, np.zeros_like(free))
        return free

    for place, seeds in _seeds(collar, {place: read(place) for place in collar.edge()}):
        waiting.append((place, seeds))
    if coverage is not None:  # a gap is an edge, too
        for row in range(height):
            for column in range(width):
                missing = ~coverage.of(collar.window((row, column)))
                if missing.any():
                    waiting.append(((row, column), missing))
    while waiting:
        place, seeds = waiting.popleft()
        if place not in collar.parts:
            read(place)
        part = collar.parts[place]
        free, before = part.unpacked(part.free), part.unpacked(part.reached)
        seeds = seeds & free & ~before
        if not seeds.any():
            continue
        reached = _spread(free, before | seeds)
        part.reached = _packed(reached)
        waiting.extend(_passed_on(collar, place, reached, before))
    return collar


def _starts(side: int, block: int) -> list[int]:
    step = block * -(-_SIDE // block)  # whole blocks, so that each is read once
    return [*range(0, side, step), side]


def _free(dataset: DatasetReader, window: Window, fills: tuple[float, ...], coverage: Coverage | None) -> np.ndarray:
    """Where a collar can go on: (rows, columns) bool."""
    numbers, part = colours_of(dataset), rasterio.windows.Window(*window)
    pixels = dataset.read(numbers, window=part)
    free = np.logical_or.reduce([pure(pixels, fill) for fill in fills])
    if declares_no_data(dataset):
        free |= ~dataset.read_masks(numbers, window=part).any(axis=0)
    if coverage is not None:
        free |= ~coverage.of(window)
    return free


def _seeds(collar: _Collar, free: dict[tuple[int, int], np.ndarray]) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Where a collar begins: runs along the raster's sides that are long enough."""
    height, width = collar.shape
    for row, line in ((0, 0), (height - 1, -1)):
        places = [(row, column) for column in range(width)]
        long = _long(np.concatenate([free[place][line] for place in places]))
        for place in places:
            seeds = np.zeros_like(free[place])
            seeds[line] = long[collar.columns[place[1]] : collar.columns[place[1] + 1]]
            yield place, seeds
    for column, line in ((0, 0), (width - 1, -1)):
        places = [(row, column) for row in range(height)]
        long = _long(np.concatenate([free[place][:, line] for place in places]))
        for place in places:
            seeds = np.zeros_like(free[place])
            seeds[:, line] = long[collar.rows[place[0]] : collar.rows[place[0] + 1]]
            yield place, seeds


def _long(marked: np.ndarray) -> np.ndarray:
    return runs(marked) >= shortest_run(len(marked))


def _passed_on(
    collar: _Collar, place: tuple[int, int], reached: np.ndarray, before: np.ndarray
) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """The parts beside one that what it newly reached goes on to."""
    row, column = place
    height, width = collar.shape
    new = reached & ~before
    sides: dict[tuple[int, int], tuple[Any, Any]] = {
        (row - 1, column): (np.s_[0], np.s_[-1]),
        (row + 1, column): (np.s_[-1], np.s_[0]),
        (row, column - 1): (np.s_[:, 0], np.s_[:, -1]),
        (row, column + 1): (np.s_[:, -1], np.s_[:, 0]),
    }
    for beside, (own, others) in sides.items():
        if 0 <= beside[0] < height and 0 <= beside[1] < width and new[own].any():
            seeds = np.zeros(collar.window(beside).shape, bool)
            seeds[others] = new[own]
            yield beside, seeds


def _spread(free: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """All free pixels that hang together with a reached one, by their sides. Both (rows, columns) bool."""
    if free.all():
        return free.copy()
    across, down = _runs_of(free), _runs_of(free.T)
    count = -1
    while count != (count := int(np.count_nonzero(reached))):
        reached = _along(free, across, reached)
        reached = _along(free.T, down, reached.T).T
    return reached


def _runs_of(free: np.ndarray) -> np.ndarray:
    """A number for each free pixel that it shares with the others of its run along its row."""
    walls = np.ones((free.shape[0], free.shape[1] + 1), np.int32)  # one behind each row, too
    walls[:, :-1] = ~free
    return np.cumsum(walls, dtype=np.int32).reshape(walls.shape)[:, :-1]


def _along(free: np.ndarray, numbers: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """The free pixels whose run has a reached one."""
    hit = np.zeros(int(numbers[-1, -1]) + 1, bool)
    hit[numbers[reached]] = True
    return free & hit[numbers]


def _write(dataset: DatasetReader, collar: _Collar | None, coverage: Coverage | None, path: Path) -> None:
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": dataset.height, "width": dataset.width}
    tiled = {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "compress": "packbits", "bigtiff": "IF_SAFER"}
    with rasterio.open(path, "w", **profile, **tiled, transform=dataset.transform, crs=dataset.crs) as file:
        for top in range(0, dataset.height, _ROWS):
            window = Window(0, top, dataset.width, min(_ROWS, dataset.height - top))
            valid = np.ones(window.shape, bool) if coverage is None else coverage.of(window)
            for where, part in collar.reached() if collar else ():
                shared = where.intersection(window)
                if shared is not None:
                    valid[shared.within(window)] &= ~part.unpacked(part.reached)[shared.within(where)]
            file.write(np.where(valid, np.uint8(_HAS_DATA), np.uint8(0)), 1, window=rasterio.windows.Window(*window))
