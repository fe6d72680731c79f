"""Collars that a raster does not declare: a fill value, in all colours alike, along its edge."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ...contract.notices import Warn, notice, with_evidence
from .copies import block_of
from .intact import JPEG_2000
from .open import unreadable
from .sample import Sample
from .windows import Window

COLOURS = 3  # bands that the fill must stand in, the first ones: later ones may hold heights, or a mask
# A collar reaches along an edge for so many pixels, and for such a share of it. Of all 600 real rasters of the project
# the one with a collar has a run of 916 pixels (one side whole), all others 10 at most (a gap between lidar points).
SHORTEST_RUN = 64
SHORTEST_SHARE = 0.02
_NEARLY = 3  # digital numbers of 8 bits by which lossy compression leaves a fill, away from its rim
_MOST_CHUNKS = 64  # blocks of an edge that are looked at, evenly spread where it has more
_LEVEL_SIDE = 1024  # pixels a side of the reduced picture whose edges are looked at where blocks are dear
_LOWEST = (-9999, -32768)  # fills that heights and signed numbers often have


@dataclass(frozen=True)
class Collar:
    """Fill values along the edge of a raster.

    fills: each with the share of the edge, 0..1, that has it. near: the fill that is nearly there, or None.
    """

    fills: dict[float, float]
    near: float | None = None


def find_collar(dataset: DatasetReader, files: tuple[str, ...], sample: Sample) -> Collar:
    """Looks along a raster's edges, without what it declares to be no data. files: of which it is made.

    Nothing is found in a raster that is nothing but one value. Raises BadInput where it cannot be read.
    """
    top = max(sample.pixels[number].max() for number in colours_of(dataset))
    candidates = fills_of(dataset.dtypes[0], float(top))
    # a block takes long to decode there, but a picture of fewer pixels does not
    dear = any(file.lower().endswith(JPEG_2000) for file in files)
    try:
        block = block_of(dataset, files)
        edges = list(_edges_of_level(dataset) if dear else _edges(dataset, block))
    except RasterioError as error:
        raise unreadable(dataset.name, error) from None

    def reached(fill: float, within: int) -> bool:
        return any(edge.longest(fill, within) >= shortest_run(edge.side) for edge in edges)

    # a reduced picture is not the raster's own pixels: there these must have the fill, too
    within = _NEARLY if dear else 0
    found = [fill for fill in candidates if reached(fill, within) and (not dear or pure_in(sample, (fill,)).any())]
    if found and not without_collar(sample, found).valid.any():
        return Collar({})
    around = sum(edge.side for edge in edges)
    fills = {fill: sum(edge.pixels_of(fill, within) for edge in edges) / around for fill in found}
    nearly = not fills and dataset.dtypes[0] == "uint8"
    return Collar(fills, next((fill for fill in candidates if nearly and reached(fill, _NEARLY)), None))


def without_collar(sample: Sample, fills: Collection[float]) -> Sample:
    """The sample in which fill values have no data."""
    if not fills:
        return sample
    pure_ones = pure_in(sample, fills)
    filled = None if sample.filled is None else sample.filled & ~pure_ones
    return replace(sample, valid=sample.valid & ~pure_ones, filled=filled)


def tell_of_collar(collar: Collar, sample: Sample, warn: Warn) -> None:
    """Says what is left out, with the window where its rim is seen best. sample: as it was taken."""
    for fill, share in collar.fills.items():
        within = pure_in(sample, (fill,)).mean(axis=(1, 2))
        picture = sample.picture(1, int(np.abs(within - 0.5).argmin()))
        told = notice("collar", value=fill, percent=max(1, round(100 * share)))
        warn(with_evidence(told, picture, share_of_edge=share))
    if collar.near is not None:
        warn(with_evidence(notice("nearly_a_collar", value=collar.near), within=_NEARLY))


def colours_of(dataset: DatasetReader) -> list[int]:
    """Numbers of the bands in which a fill must stand: the first ones, of one type."""
    numbers = range(1, min(COLOURS, dataset.count) + 1)
    return [number for number in numbers if dataset.dtypes[number - 1] == dataset.dtypes[0]]


def fills_of(dtype: str, top: float) -> tuple[float, ...]:
    """What a raster of a type may be filled with. top: its highest value, with all bits set where there are fewer."""
    bits = next((n for n in range(1, 17) if 2**n - 1 == top), None)
    of_bits = () if bits is None else (top,)
    if dtype == "uint8":
        return tuple(dict.fromkeys((0.0, 255.0, *of_bits)))
    if np.issubdtype(dtype, np.integer):
        ends = np.iinfo(dtype)
        signed = tuple(map(float, _LOWEST)) if ends.min else ()
        return tuple(dict.fromkeys((0.0, float(ends.min), float(ends.max), *signed, *of_bits)))
    ends_of_floats = float(np.finfo(dtype).max)
    return tuple(dict.fromkeys((0.0, float("nan"), -ends_of_floats, ends_of_floats, *map(float, _LOWEST), *of_bits)))


def pure(pixels: np.ndarray, fill: float, within: float = 0) -> np.ndarray:
    """Where all bands have a fill value. pixels: (bands, ...). Returns (...) bool."""
    if np.isnan(fill):
        alike = np.isnan(pixels)
    else:
        alike = np.abs(pixels.astype(np.float64) - fill) <= within if within else pixels == fill
    everywhere: np.ndarray = alike.all(axis=0)
    return everywhere


def pure_in(sample: Sample, fills: Iterable[float]) -> np.ndarray:
    """Where all colours of a sample have one of the fill values, (windows, rows, columns) bool."""
    first = sample.pixels[1]
    colours = [sample.pixels[n] for n in range(1, COLOURS + 1) if n in sample.pixels]
    stacked = np.stack([band for band in colours if band.dtype == first.dtype])
    found = np.zeros(sample.valid.shape, bool)
    for fill in fills:
        found |= pure(stacked, fill)
    return found


@dataclass(frozen=True)
class _Edge:
    """What was read along a side of the raster.

    pixels: (bands, n). valid: (n,) bool. side: pixels of the whole side.
    """

    pixels: np.ndarray
    valid: np.ndarray
    side: int

    def longest(self, fill: float, within: float) -> float:
        """Pixels of the raster that a fill value reaches along it without a break."""
        return float(runs(self._pure(fill, within)).max(initial=0)) * self._each

    def pixels_of(self, fill: float, within: float) -> float:
        """Pixels of the raster along it that have a fill value."""
        return float(np.count_nonzero(self._pure(fill, within))) * self._each

    @property
    def _each(self) -> float:
        """Pixels of the side that each of those read stands for."""
        return self.side / len(self.valid)

    def _pure(self, fill: float, within: float) -> np.ndarray:
        return pure(self.pixels, fill, within) & self.valid


def shortest_run(side: int) -> float:
    """Pixels that a collar reaches along a side of so many."""
    return max(SHORTEST_RUN, SHORTEST_SHARE * side)


def runs(marked: np.ndarray) -> np.ndarray:
    """The length of the run that each marked pixel is in, 0 for the others. marked: (n,) bool."""
    ends = np.flatnonzero(np.diff(np.concatenate(([False], marked, [False])).astype(np.int8)))
    lengths = np.zeros(len(marked), np.int64)
    for start, end in zip(ends[::2], ends[1::2]):
        lengths[start:end] = end - start
    return lengths


def _edges(dataset: DatasetReader, block: tuple[int, int]) -> Iterator[_Edge]:
    """The raster's sides, each read by the blocks that it crosses."""
    height, width = dataset.shape
    rows, columns = block
    for row in (0, height - 1):
        yield _edge(dataset, [Window(at, row, min(columns, width - at), 1) for at in _starts(width, columns)], width)
    for column in (0, width - 1):
        yield _edge(dataset, [Window(column, at, 1, min(rows, height - at)) for at in _starts(height, rows)], height)


def _starts(length: int, block: int) -> list[int]:
    starts = range(0, length, block)
    return [starts[int(index)] for index in np.linspace(0, len(starts) - 1, min(len(starts), _MOST_CHUNKS))]


def _edge(dataset: DatasetReader, parts: list[Window], side: int) -> _Edge:
    numbers, pixels, valid = colours_of(dataset), [], []
    for part in parts:
        window = rasterio.windows.Window(*part)
        pixels.append(dataset.read(numbers, window=window).reshape(len(numbers), -1))
        valid.append(dataset.read_masks(numbers, window=window).any(axis=0).ravel())
    return _Edge(np.concatenate(pixels, axis=1), np.concatenate(valid), side)


def _edges_of_level(dataset: DatasetReader) -> Iterator[_Edge]:
    """The sides of a reduced picture of the raster."""
    numbers = colours_of(dataset)
    scale = min(1.0, _LEVEL_SIDE / max(dataset.shape))
    shape = (len(numbers), *(max(1, round(side * scale)) for side in dataset.shape))
    pixels = dataset.read(numbers, out_shape=shape)
    valid = dataset.read_masks(numbers, out_shape=shape).any(axis=0)
    for end in (0, -1):
        yield _Edge(pixels[:, end], valid[end], dataset.width)
        yield _Edge(pixels[:, :, end], valid[:, end], dataset.height)
