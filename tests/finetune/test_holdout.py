from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import shapely

from flair_landcover.contract.errors import Cancelled
from flair_landcover.contract.going_on import listening
from flair_landcover.contract.notices import english
from flair_landcover.finetune.holdout import NARROWEST_GAP_M, split

from .polygons import annotation, made_grid

GRID = made_grid(2000.0)


def scattered(classes: dict[int, int], spacing: float = 150.0, seed: int = 0) -> list:
    """So many polygons of each class, in random order on a grid of places that are `spacing` metres apart."""
    values = [value for value, count in classes.items() for _ in range(count)]
    np.random.default_rng(seed).shuffle(values)
    return [annotation(n + 1, int(v), spacing * (n % 10), spacing * (n // 10)) for n, v in enumerate(values)]


def classes_of(items) -> Counter:
    return Counter(item.value for item in items)


def test_every_polygon_is_on_one_side():
    items = scattered({1: 5, 5: 4, 7: 3})
    sides = split(items, 0.25, 0, GRID)
    assert sorted([*sides.training, *sides.holdout], key=lambda item: item.number) == items
    assert len(sides.holdout) == 3 and not sides.note


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_about_the_share_is_held_out_of_every_class(share):
    items = scattered({1: 20, 5: 20, 7: 20})
    sides = split(items, share, 0, GRID)
    assert len(sides.holdout) == round(60 * share)
    assert set(classes_of(sides.holdout)) == set(classes_of(sides.training)) == {1, 5, 7}


def test_a_rare_class_of_three_is_held_out_even_beyond_the_share():
    items = scattered({1: 40, 5: 3, 7: 3})
    sides = split(items, 0.03, 0, GRID)
    assert set(classes_of(sides.holdout)) == {1, 5, 7}
    assert classes_of(sides.training)[5] == classes_of(sides.training)[7] == 2


def test_no_class_loses_all_of_its_polygons():
    for seed in range(20):
        items = scattered({1: 2, 5: 2, 7: 1, 8: 1, 9: 4}, seed=seed)
        sides = split(items, 0.5, seed, GRID)
        assert set(classes_of(sides.training)) == {1, 5, 7, 8, 9}
        assert 1 <= len(sides.holdout) <= 5


def test_classes_that_are_not_held_out_are_named():
    items = scattered({1: 6, 7: 1, 8: 1})
    sides = split(items, 0.25, 0, GRID, {1: "building", 7: "deciduous", 8: "brushwood"})
    assert "deciduous, brushwood" in english(sides.note) and "building" not in english(sides.note)
    assert "of 7, 8" in english(split(items, 0.25, 0, GRID).note)


def test_a_split_ends_where_the_job_was_stopped():
    with pytest.raises(Cancelled), listening(lambda: True):
        split(scattered({1: 5, 5: 4}), 0.25, 0, GRID)


def test_neighbours_stay_together():
    """Pairs of 2 m between them, 60 m apart: each pair is on one side."""
    items = []
    for pair in range(8):
        value = 1 if pair % 2 else 5
        items += [annotation(2 * pair + i + 1, value, 60 * pair + 12 * i, 0) for i in (0, 1)]
    sides = split(items, 0.25, 0, GRID)
    assert len(sides.holdout) == 4
    assert {(item.number - 1) // 2 for item in sides.holdout}.isdisjoint(
        (item.number - 1) // 2 for item in sides.training
    )
    assert sides.distance_m == pytest.approx(60 - 12 - 10)


def test_polygons_that_touch_or_overlap_are_never_on_two_sides():
    items = [annotation(n + 1, 1 + n % 2, 9 * n, 0) for n in range(10)]  # a chain in which each overlaps the next
    sides = split(items, 0.25, 0, GRID)
    assert not sides.holdout and "one place" in english(sides.note)


def test_the_sides_are_as_far_apart_as_the_polygons_allow():
    """Two clusters of both classes 500 m apart: one of them is held out, not polygons of each."""
    items = [annotation(n + 1, 1 + n % 2, 15 * n, 0) for n in range(6)]
    items += [annotation(n + 7, 1 + n % 2, 15 * n, 500) for n in range(2)]
    sides = split(items, 0.25, 0, GRID)
    assert [item.number for item in sides.holdout] == [7, 8]
    assert sides.distance_m == pytest.approx(490)


def test_a_wide_gap_is_not_worth_half_of_the_polygons():
    """Two rows 100 m apart whose polygons are 6 m apart: some of the polygons are held out, not a row."""
    items = [annotation(n + 1, 1 + n % 2, 12 * (n % 6), 100 * (n // 6), 6) for n in range(12)]
    sides = split(items, 0.25, 0, GRID)
    assert len(sides.holdout) == 3 and sides.distance_m == pytest.approx(6)


def test_a_wide_gap_is_not_worth_a_holdout_of_next_to_nothing():
    """One of 41 polygons lies far away."""
    items = [annotation(n + 1, 1 + n % 2, 15 * (n % 8), 15 * (n // 8)) for n in range(40)]
    sides = split([*items, annotation(41, 1, 1500, 1500)], 0.25, 0, GRID)
    assert len(sides.holdout) == 10


def test_the_distance_is_that_between_the_nearest_of_both_sides():
    generator = np.random.default_rng(1)
    items = [annotation(n + 1, 1 + n % 3, x, y) for n, (x, y) in enumerate(generator.uniform(0, 400, (40, 2)).tolist())]
    sides = split(items, 0.25, 0, GRID)
    nearest = min(shapely.distance(one.geometry, other.geometry) for one in sides.training for other in sides.holdout)
    assert sides.distance_m == pytest.approx(nearest)
    assert nearest > NARROWEST_GAP_M


def test_a_seed_gives_the_same_split_and_another_another():
    items = scattered({1: 10, 5: 10})
    first = split(items, 0.25, 3, GRID)
    assert split(items, 0.25, 3, GRID) == first
    assert len({split(items, 0.25, seed, GRID).holdout for seed in range(10)}) > 5


def test_without_a_share_none_is_held_out():
    items = scattered({1: 10, 5: 10})
    sides = split(items, 0.0, 0, GRID)
    assert sides.training == tuple(items) and not sides.holdout and sides.distance_m is None
    assert "No polygons are held out" in english(sides.note)


def test_too_few_polygons_are_all_trained_on():
    items = scattered({1: 2, 5: 1})
    sides = split(items, 0.25, 0, GRID)
    assert sides.training == tuple(items) and not sides.holdout
    assert "3 polygons are too few" in english(sides.note)


def test_classes_with_one_polygon_each_hold_none_out():
    sides = split(scattered({1: 1, 5: 1, 7: 1, 8: 1, 9: 1}), 0.25, 0, GRID)
    assert not sides.holdout and sides.note


def test_thousands_of_polygons_are_split_too():
    items = [annotation(n + 1, 1 + n % 5, 12.5 * (n % 100), 12.5 * (n // 100)) for n in range(3000)]
    sides = split(items, 0.25, 0, GRID)
    assert len(sides.holdout) == 750
    assert sides.distance_m == pytest.approx(2.5)
