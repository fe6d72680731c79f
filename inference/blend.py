"""Blends overlapping tiles into finished blocks of the map, and holds no more than it must.

Each tile's probabilities are weighted towards its centre, cut along block lines and laid aside for
the blocks they fall into; the tile that owns a block (see `plan`) finishes it. What waits at any
time is the overlap below one row of tiles: classes x overlap x width x 4 bytes.
"""

from __future__ import annotations

import numpy as np

from .plan import Tile
from .raster.windows import Window

# A tile's share of a block: where it lies, its weights there (a view), and its probabilities times them.
_Piece = tuple[Window, np.ndarray, np.ndarray]


def tile_weights(tile_size: int, overlap: int) -> np.ndarray:
    """Weight of each pixel of a tile, float32 (tile_size, tile_size): 1 inside, linear to the edge over the overlap."""
    distance = np.minimum(np.arange(tile_size), np.arange(tile_size)[::-1]) + 0.5
    ramp = np.minimum(distance / overlap, 1.0).astype(np.float32)
    return ramp[:, None] * ramp[None, :]


class Blender:
    """Adds tiles in reading order and gives back finished blocks.

    targets: by (row, column) of the owning tile, the window of its block that is to be written.
    weights: (tile_size, tile_size) float32.
    """

    def __init__(self, targets: dict[tuple[int, int], Window], weights: np.ndarray) -> None:
        self._targets = targets
        self._weights = weights
        self._waiting: dict[tuple[int, int], list[_Piece]] = {}

    def add(self, tile: Tile, probabilities: np.ndarray | None, into: list[tuple[int, int]]) -> np.ndarray | None:
        """Adds one tile.

        probabilities: (classes, tile_size, tile_size) float32; None: the tile has nothing to say.
        into: owners, as (row, column), of the blocks that the tile reaches into.
        Returns the finished block of this tile's own, (classes, rows, columns) float32 summing to 1 over
        the classes (0 where no tile said anything), or None where it owns nothing to write or no tile spoke.
        """
        if probabilities is not None:
            for owner in into:
                shared = tile.window.shared(self._targets[owner])
                part = shared.within(tile.window)
                weights = self._weights[part]
                self._waiting.setdefault(owner, []).append((shared, weights, probabilities[(..., *part)] * weights))
        own = (tile.row, tile.column)
        if own not in self._targets:
            return None
        pieces = self._waiting.pop(own, [])
        return _finish(self._targets[own], pieces) if pieces else None


def _finish(target: Window, pieces: list[_Piece]) -> np.ndarray:
    sums = np.zeros((pieces[0][2].shape[0], *target.shape), np.float32)
    total = np.zeros(target.shape, np.float32)
    for window, weights, weighted in pieces:
        part = window.within(target)
        sums[(..., *part)] += weighted
        total[part] += weights
    return np.divide(sums, total, out=sums, where=total > 0)
