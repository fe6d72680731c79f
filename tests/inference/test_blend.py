"""Blending of overlapping tiles."""

from __future__ import annotations

import numpy as np

from flair_landcover.inference.blend import Blender, tile_weights
from flair_landcover.inference.plan import make_plan
from flair_landcover.inference.raster.windows import Window


def blend(plan, give):
    """Runs all tiles of a plan through a blender; give(tile) -> probabilities or None."""
    owners = plan.owners(range(len(plan.columns)))
    targets = {(owner.row, owner.column): plan.target(owner) for owner in owners}
    into: dict = {}
    for owner in owners:
        for tile in plan.touching(owner):
            into.setdefault(tile, []).append((owner.row, owner.column))
    blender = Blender(targets, tile_weights(plan.tile_size, 16))
    result = np.zeros((2, plan.height, plan.width), np.float32)
    for tile in sorted(into, key=lambda t: (t.row, t.column)):
        finished = blender.add(tile, give(tile), into[tile])
        if finished is not None:
            column, row, width, height = targets[tile.row, tile.column]
            result[:, row : row + height, column : column + width] = finished
    return result, blender


def test_tiles_that_agree_are_given_back_as_they_are():
    plan = make_plan(150, 170, Window(0, 0, 150, 170), 64)
    truth = np.random.default_rng(0).random((1, 234, 214)).astype(np.float32)
    truth = np.concatenate([truth, 1 - truth])

    def give(tile):
        left, top, _, _ = tile.window
        return truth[:, top : top + 64, left : left + 64]

    result, _ = blend(plan, give)
    np.testing.assert_allclose(result, truth[:, :170, :150], atol=1e-6)


def test_blocks_are_the_mean_of_their_tiles_weighted_towards_tile_centres():
    plan = make_plan(116, 64, Window(0, 0, 116, 64), 64)
    assert plan.columns == (0, 52)
    result, _ = blend(
        plan,
        lambda tile: np.full((2, 64, 64), [[[1.0]], [[0.0]]] if tile.column == 0 else [[[0.0]], [[1.0]]], np.float32),
    )
    weights = tile_weights(64, 16)[32]
    expected = weights[52:] / (weights[52:] + weights[:12])
    np.testing.assert_allclose(result[0, 32, 52:64], expected, atol=1e-6)
    assert (np.diff(result[0, 32, 52:64]) < 0).all()
    assert (result[0, :, :52] == 1).all()
    assert (result[1, :, 64:] == 1).all()


def test_a_tile_with_nothing_to_say_leaves_its_share_to_the_others():
    plan = make_plan(116, 64, Window(0, 0, 116, 64), 64)
    result, _ = blend(plan, lambda tile: None if tile.column == 0 else np.full((2, 64, 64), 0.5, np.float32))
    assert not result[:, :, :52].any()
    np.testing.assert_allclose(result[:, :, 52:], 0.5)


def test_nothing_is_kept_when_all_is_finished():
    plan = make_plan(300, 300, Window(0, 0, 300, 300), 64)
    _, blender = blend(plan, lambda tile: np.full((2, 64, 64), 0.5, np.float32))
    assert not blender._waiting
