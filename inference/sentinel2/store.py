"""Blocks of a series on the grid of 10 m: each is read and warped once and serves all tiles above it.

A tile is 102 m wide and its superpatch 400 m: without this every pixel of the series would be read some twenty times.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from affine import Affine

from ..raster.geobox import Window, intersection
from .clouds import FLAIR_2, CloudRule
from .series import Acquisition
from .warp import Frame, OpenFiles, read_cover, read_reflectance

# Bytes that a run may keep of a series. 12 dates of 100 km2 fit in, 72 dates of 16 km2; as a map is made in strips of
# 2.7 km from top to bottom, that also lets most blocks between two strips be read once.
BUDGET = 256 * 2**20
_BLOCK_BYTES = 32 * 2**20  # the most that a block takes, so that the budget holds two rows of them over a strip
_SIDES = (256, 128, 64, 32)  # pixels of 10 m a side that a block can have


@dataclass(frozen=True)
class Pixels:
    """Some pixels of a series, of T acquisitions.

    values: uint16 (T, bands, rows, columns), reflectance x 10000, 0 where missing. missing: bool (T, rows, columns).
    covers: uint8 (T, rows, columns), how often a pixel counts as covered (see `clouds.cover`).
    """

    values: np.ndarray
    missing: np.ndarray
    covers: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.values.nbytes + self.missing.nbytes + self.covers.nbytes


class BlockStore:
    """Windows of a series on a grid of 10 m, for several threads.

    area: the part of the grid that windows lie in, as a window; blocks do not reach out of it. transform, crs_wkt: of
    the grid. Which pixels make up a block depends on these alone, so that a pixel has one value however it is asked
    for. budget: bytes to keep; blocks used least recently are forgotten beyond it. rule: by which pixels are covered.
    """

    def __init__(
        self,
        acquisitions: tuple[Acquisition, ...],
        crs_wkt: str,
        transform: Affine,
        area: Window,
        budget: int = BUDGET,
        rule: CloudRule = FLAIR_2,
    ) -> None:
        self._acquisitions = acquisitions
        self._crs_wkt = crs_wkt
        self._transform = transform
        self._area = area
        self._budget = budget
        self._rule = rule
        self._bands = len(acquisitions[0].bands)
        self._side = _side(len(acquisitions) * (2 * self._bands + 2))
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[int, int], Future[Pixels]] = OrderedDict()

    def read(self, window: Window) -> Pixels:
        """The pixels of a window that lies in the area. Raises BadInput where the series cannot be read."""
        column, row, width, height = window
        count = len(self._acquisitions)
        result = Pixels(
            np.zeros((count, self._bands, height, width), np.uint16),
            np.ones((count, height, width), bool),
            np.zeros((count, height, width), np.uint8),
        )
        for down in range(row // self._side, (row + height - 1) // self._side + 1):
            for across in range(column // self._side, (column + width - 1) // self._side + 1):
                place = self._window(across, down)
                shared = place and intersection(place, window)
                if not shared:
                    continue
                block = self._block(across, down)
                there, here = _slices(shared, place), _slices(shared, window)
                for name in ("values", "missing", "covers"):
                    getattr(result, name)[(..., *here)] = getattr(block, name)[(..., *there)]
        return result

    def _window(self, across: int, down: int) -> Window | None:
        return intersection((across * self._side, down * self._side, self._side, self._side), self._area)

    def _block(self, across: int, down: int) -> Pixels:
        """A block from memory; the first thread that asks reads it, others that ask meanwhile wait."""
        key = (across, down)
        with self._lock:
            waiting = self._blocks.get(key)
            if waiting is not None:
                self._blocks.move_to_end(key)
            else:
                mine = self._blocks[key] = Future()
        if waiting is not None:
            return waiting.result()
        try:
            block = self._load(self._window(across, down))
        except BaseException as error:
            with self._lock:
                self._blocks.pop(key, None)
            mine.set_exception(error)
            raise
        mine.set_result(block)
        self._forget()
        return block

    def _forget(self) -> None:
        with self._lock:
            sizes = {key: future.result().nbytes for key, future in self._blocks.items() if future.done()}
            total = sum(sizes.values())
            for key, size in sizes.items():
                if total <= self._budget:
                    return
                del self._blocks[key]
                total -= size

    def _load(self, window: Window) -> Pixels:
        column, row, width, height = window
        frame = Frame(self._crs_wkt, self._transform * Affine.translation(column, row), width, height)
        count = len(self._acquisitions)
        values = np.zeros((count, self._bands, height, width), np.uint16)
        missing = np.ones((count, height, width), bool)
        covers = np.zeros((count, height, width), np.uint8)
        with OpenFiles() as files:
            for index, acquisition in enumerate(self._acquisitions):
                values[index], missing[index] = read_reflectance(acquisition, frame, files)
                if missing[index].all():
                    continue
                covered, without_data = read_cover(acquisition, frame, files, self._rule)
                missing[index] |= without_data
                if covered is not None:
                    covers[index] = covered
        return Pixels(values, missing, covers)


def _side(bytes_a_pixel: int) -> int:
    most = math.sqrt(_BLOCK_BYTES / bytes_a_pixel)
    return next((side for side in _SIDES if side <= most), _SIDES[-1])


def _slices(part: Window, whole: Window) -> tuple[slice, slice]:
    """Rows and columns of a window within another."""
    column, row = part[0] - whole[0], part[1] - whole[1]
    return slice(row, row + part[3]), slice(column, column + part[2])
