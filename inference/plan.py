"""The tile plan: which windows the network sees, and which tile finishes which block of the map.

Tiles lie on a lattice that is anchored at the raster, never at the extent, and they read whatever
the raster holds around the extent. A pixel's label therefore depends on the raster and the model
alone: two adjacent extents give, up to their very border, the labels of both predicted at once.

Along each axis there are as few tiles as overlap enough, evenly spread from the raster's one edge to the
other. The block of tile (i, j) reaches from its start to the start of the next tile: no later tile
touches it, so once tiles are predicted row by row the tile that owns a block is the last to add to it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .raster.windows import Window

_OVERLAP_SHARE = 3 / 16  # of a tile that neighbours share: 96 pixels of 512, three strides of the deepest map
_STRIP_COLUMNS = 32  # columns of tiles blended at once: what waits stays below 75 MB however wide the raster is


def overlap_of(tile_size: int) -> int:
    """Pixels that neighbouring tiles share at least."""
    return int(tile_size * _OVERLAP_SHARE)


@dataclass(frozen=True)
class Tile:
    """One input window of the network and the block of the map that it finishes.

    row, column: index in the lattice. window: what the network sees (it may reach past a raster
    that is smaller than a tile). block: the window of which this is the last tile.
    """

    row: int
    column: int
    window: Window
    block: Window


@dataclass(frozen=True)
class TilePlan:
    """A lattice of tiles over a raster of `width` x `height` grid pixels, and the part of it to map.

    output: the window to write, which may cross the raster's edge.
    """

    width: int
    height: int
    tile_size: int
    output: Window
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    def tile(self, row: int, column: int) -> Tile:
        """The tile of a lattice index."""
        left, block_width = _block(self.columns, column, self.width)
        top, block_height = _block(self.rows, row, self.height)
        window = Window(left, top, self.tile_size, self.tile_size)
        return Tile(row, column, window, Window(left, top, block_width, block_height))

    def target(self, tile: Tile) -> Window | None:
        """The part of a tile's block that is to be written, or None."""
        return tile.block.intersection(self.output)

    def owners(self, columns: range) -> list[Tile]:
        """The tiles of those lattice columns whose blocks hold something to write, in reading order."""
        # a lattice over a whole region has millions of tiles, an extent a few: skip the rows above and below it
        rows = range(max(0, bisect_right(self.rows, self.output.row) - 1), bisect_left(self.rows, self.output.bottom))
        tiles = (self.tile(row, column) for row in rows for column in columns)
        return [tile for tile in tiles if self.target(tile)]

    def touching(self, tile: Tile) -> Iterator[Tile]:
        """The tiles whose windows reach into the part of this tile's block that is to be written, itself included."""
        target = self.target(tile)
        if target is None:
            return
        for row in range(_first_reaching(self.rows, tile.row, self.tile_size), tile.row + 1):
            for column in range(_first_reaching(self.columns, tile.column, self.tile_size), tile.column + 1):
                candidate = self.tile(row, column)
                if candidate.window.intersection(target):
                    yield candidate


@dataclass(frozen=True)
class Strip:
    """Some lattice columns of a plan, which are blended together.

    targets: by (row, column) of the owning tile, the window of its block that is to be written.
    reaches: the tiles that it takes in reading order, each with the owners whose blocks it reaches into.
    """

    targets: dict[tuple[int, int], Window]
    reaches: dict[Tile, list[tuple[int, int]]]


def plan_strips(plan: TilePlan, wanted: Callable[[Window], bool]) -> Iterator[Strip]:
    """The strips of a plan from left to right, without the blocks of which nothing is wanted.

    Together their tiles are all that the network predicts; a tile at the seam of two strips counts in both.
    """
    for first in range(0, len(plan.columns), _STRIP_COLUMNS):
        yield _strip(plan, range(first, min(first + _STRIP_COLUMNS, len(plan.columns))), wanted)


def _strip(plan: TilePlan, columns: range, wanted: Callable[[Window], bool]) -> Strip:
    targets: dict[tuple[int, int], Window] = {}
    reaches: dict[Tile, list[tuple[int, int]]] = {}
    for owner in plan.owners(columns):
        target = plan.target(owner)
        if target is None or not wanted(target):
            continue
        targets[owner.row, owner.column] = target
        for tile in plan.touching(owner):
            reaches.setdefault(tile, []).append((owner.row, owner.column))
    return Strip(targets, dict(sorted(reaches.items(), key=lambda item: (item[0].row, item[0].column))))


def make_plan(width: int, height: int, output: Window, tile_size: int) -> TilePlan:
    """The plan of a raster of `width` x `height` pixels for the window `output`."""
    return TilePlan(width, height, tile_size, output, _starts(height, tile_size), _starts(width, tile_size))


def _starts(length: int, tile_size: int) -> tuple[int, ...]:
    if length <= tile_size:
        return (0,)
    overlap = overlap_of(tile_size)
    gaps = -(-(length - overlap) // (tile_size - overlap)) - 1
    return tuple(index * (length - tile_size) // gaps for index in range(gaps + 1))


def _block(starts: tuple[int, ...], index: int, length: int) -> tuple[int, int]:
    end = starts[index + 1] if index + 1 < len(starts) else length
    return starts[index], end - starts[index]


def _first_reaching(starts: tuple[int, ...], index: int, tile_size: int) -> int:
    """Index of the first tile that reaches past the start of tile `index` along one axis."""
    first = index
    while first > 0 and starts[first - 1] + tile_size > starts[index]:
        first -= 1
    return first
