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

from ..raster.geobox import GeoBox
from ..raster.windows import Window
from .clouds import FLAIR_2, CloudRule
from .series import Acquisition
from .warp import OpenFiles, read_cover, read_reflectance

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

    grid: in whose pixels windows count. area: the part of it that they lie in, also past its edges; blocks do not
    reach out of it. Which pixels make up a block depends on these alone, so that a pixel has one value however it is
    asked for. budget: bytes to keep; blocks used least recently are forgotten beyond it. rule: by which pixels are
    covered.
    """

    def __init__(
        self,
        acquisitions: tuple[Acquisition, ...],
        grid: GeoBox,
        area: Window,
        budget: int = BUDGET,
        rule: CloudRule = FLAIR_2,
    ) -> None:
        self._acquisitions = acquisitions
        self._grid = grid
        self._area = area
        self._budget = budget
        self._rule = rule
        self._bands = len(acquisitions[0].bands)
        self._side = _side(len(acquisitions) * (2 * self._bands + 2))
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[int, int], Future[Pixels]] = OrderedDict()

    def read(self, window: Window) -> Pixels:
        """The pixels of a window that lies in the area. Raises BadInput where the series cannot be read."""
        result = self._nothing(window)
        for down in range(window.row // self._side, (window.bottom - 1) // self._side + 1):
            for across in range(window.column // self._side, (window.right - 1) // self._side + 1):
                place = self._window(across, down)
                shared = place and place.intersection(window)
                if place is None or shared is None:
                    continue
                block = self._block(across, down)
                there, here = shared.within(place), shared.within(window)
                for name in ("values", "missing", "covers"):
                    getattr(result, name)[(..., *here)] = getattr(block, name)[(..., *there)]
        return result

    def _window(self, across: int, down: int) -> Window | None:
        return Window(across * self._side, down * self._side, self._side, self._side).intersection(self._area)

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
            window = self._window(across, down)
            if window is None:
                raise AssertionError
            block = self._load(window)
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
        geobox, block = self._grid.crop(window), self._nothing(window)
        with OpenFiles() as files:
            for index, acquisition in enumerate(self._acquisitions):
                block.values[index], block.missing[index] = read_reflectance(acquisition, geobox, files)
                if block.missing[index].all():
                    continue
                covered, without_data = read_cover(acquisition, geobox, files, self._rule)
                block.missing[index] |= without_data
                if covered is not None:
                    block.covers[index] = covered
        return block

    def _nothing(self, window: Window) -> Pixels:
        """A window in which every pixel is missing."""
        shape = (len(self._acquisitions), *window.shape)
        values = np.zeros((shape[0], self._bands, *window.shape), np.uint16)
        return Pixels(values, np.ones(shape, bool), np.zeros(shape, np.uint8))


def _side(bytes_a_pixel: int) -> int:
    most = math.sqrt(_BLOCK_BYTES / bytes_a_pixel)
    return next((side for side in _SIDES if side <= most), _SIDES[-1])
