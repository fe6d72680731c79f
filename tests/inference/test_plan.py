"""The tile lattice and its blocks."""

from __future__ import annotations

import numpy as np
import pytest

from flair_landcover.inference.plan import make_plan, overlap_of
from flair_landcover.inference.raster.windows import Window


@pytest.mark.parametrize(("width", "height"), [(512, 512), (100, 2000), (513, 929), (1500, 1400)])
def test_blocks_cover_every_pixel_of_the_output_once(width, height):
    output = Window(-30, 17, width, height)
    plan = make_plan(width, height, output, 512)
    covered = np.zeros((height, width), int)
    for owner in plan.owners(range(len(plan.columns))):
        column, row, columns, rows = plan.target(owner)
        covered[row : row + rows, column : column + columns] += 1
    assert (covered[17:, : width - 30] == 1).all()
    assert covered.sum() == (height - 17) * (width - 30)


def test_tiles_end_with_the_raster_and_overlap_as_said():
    plan = make_plan(1500, 512, Window(0, 0, 1500, 512), 512)
    assert plan.rows == (0,)
    assert plan.columns[-1] + 512 == 1500
    assert plan.columns == (0, 329, 658, 988)


@pytest.mark.parametrize("length", range(513, 3000, 7))
def test_tiles_overlap_enough_evenly_and_are_no_more_than_needed(length):
    starts = np.array(make_plan(length, 512, Window(0, 0, length, 512), 512).columns)
    shared = 512 - np.diff(starts)
    assert shared.min() >= overlap_of(512) == 96
    assert shared.max() - shared.min() <= 1
    assert starts[0] == 0 and starts[-1] == length - 512
    assert (len(starts) - 1) * (512 - 96) + 96 < length  # one tile fewer would not reach


def test_a_raster_smaller_than_a_tile_has_one():
    plan = make_plan(200, 100, Window(0, 0, 200, 100), 512)
    (owner,) = plan.owners(range(len(plan.columns)))
    assert owner.window == (0, 0, 512, 512)
    assert plan.target(owner) == (0, 0, 200, 100)


def test_every_tile_that_reaches_into_a_block_is_named_and_comes_no_later_than_its_owner():
    plan = make_plan(1300, 1300, Window(0, 0, 1300, 1300), 512)
    everything = [plan.tile(row, column) for row in range(len(plan.rows)) for column in range(len(plan.columns))]
    for owner in plan.owners(range(len(plan.columns))):
        left, top, width, height = owner.block
        reaching = [
            tile
            for tile in everything
            if tile.window[0] < left + width
            and tile.window[0] + 512 > left
            and tile.window[1] < top + height
            and tile.window[1] + 512 > top
        ]
        assert list(plan.touching(owner)) == reaching
        assert max((tile.row, tile.column) for tile in reaching) == (owner.row, owner.column)


@pytest.mark.parametrize(
    "output",
    [
        Window(0, 0, 1, 1),
        Window(416, 416, 1, 1),
        Window(415, 831, 2, 2),
        Window(-50, 1299, 70, 90),
        Window(1299, -9, 5, 10),
        Window(600, 500, 90, 400),
    ],
)
def test_the_owners_are_the_tiles_whose_blocks_the_output_meets(output):
    plan = make_plan(1300, 1300, output, 512)
    everything = [plan.tile(row, column) for row in range(len(plan.rows)) for column in range(len(plan.columns))]
    owners = plan.owners(range(len(plan.columns)))
    assert owners
    assert owners == [tile for tile in everything if tile.block.intersection(output)]


def test_tiles_do_not_move_with_the_extent():
    whole = make_plan(3000, 3000, Window(0, 0, 3000, 3000), 512)
    part = make_plan(3000, 3000, Window(701, 333, 900, 800), 512)
    lattice = {tile.window for tile in whole.owners(range(len(whole.columns)))}
    assert {tile.window for tile in part.owners(range(len(part.columns)))} < lattice
