from __future__ import annotations

import numpy as np
import pytest
import shapely

from flair_landcover.contract.errors import Cancelled
from flair_landcover.finetune.annotations import Annotation
from flair_landcover.finetune.burn import burn, conflict_m2
from flair_landcover.inference.raster.windows import Window

from .polygons import LEFT, TOP, annotation, made_grid

GRID = made_grid(200.0)  # 1000 x 1000 pixels
WHOLE = Window(0, 0, 1000, 1000)


def test_pixels_whose_centre_is_inside_get_the_class():
    labels = burn([annotation(1, 5, 10, 20), annotation(2, 200, 30, 20, 4)], GRID, WHOLE)
    assert labels.dtype == np.uint8 and labels.shape == (1000, 1000)
    expected = np.zeros((1000, 1000), np.uint8)
    expected[100:150, 50:100] = 5
    expected[100:120, 150:170] = 200
    assert (labels == expected).all()


def test_a_polygon_that_reaches_half_into_pixels_takes_those_whose_centre_it_covers():
    shape = shapely.box(LEFT + 0.09, TOP - 1.0, LEFT + 0.71, TOP)
    labels = burn([Annotation(1, 5, shape)], GRID, Window(0, 0, 6, 1))
    assert labels.tolist() == [[5, 5, 5, 5, 0, 0]]


def test_windows_give_the_pixels_of_the_whole():
    generator = np.random.default_rng(0)
    points = generator.uniform(0, 200, (40, 2))
    items = [Annotation(n, 1 + n % 3, shapely.Point(LEFT + x, TOP - y).buffer(7.3)) for n, (x, y) in enumerate(points)]
    whole = burn(items, GRID, WHOLE)
    assert len(np.unique(whole)) == 4
    for column, row, width, height in (Window(0, 0, 300, 250), Window(613, 77, 387, 411), Window(990, 990, 10, 10)):
        part = burn(items, GRID, Window(column, row, width, height))
        assert (part == whole[row : row + height, column : column + width]).all()


def test_a_window_may_reach_beyond_the_raster():
    labels = burn([annotation(1, 5, 0, 0)], GRID, Window(-10, -10, 20, 20))
    assert (labels[10:, 10:] == 5).all() and not labels[:10].any() and not labels[:, :10].any()


def test_where_polygons_disagree_nothing_is_labelled():
    items = [annotation(1, 5, 0, 0), annotation(2, 7, 5, 0), annotation(3, 5, 0, 5)]
    labels = burn(items, GRID, Window(0, 0, 100, 100))
    expected = np.zeros((100, 100), np.uint8)
    expected[0:50, 0:25] = 5
    expected[0:50, 50:75] = 7
    expected[50:75, 0:50] = 5
    assert (labels == expected).all()
    assert conflict_m2(items, GRID) == pytest.approx(5 * 10)


def test_three_polygons_of_which_the_outer_two_agree_are_in_conflict():
    items = [annotation(1, 5, 0, 0), annotation(2, 7, 0, 0), annotation(3, 5, 0, 0)]
    assert not burn(items, GRID, Window(0, 0, 60, 60)).any()
    assert conflict_m2(items, GRID) == pytest.approx(100)


def test_polygons_of_one_class_that_overlap_and_neighbours_that_touch_are_no_conflict():
    items = [annotation(1, 5, 0, 0), annotation(2, 5, 5, 0), annotation(3, 7, 15, 0), annotation(4, 7, 0, 10)]
    assert conflict_m2(items, GRID) == 0
    assert np.count_nonzero(burn(items, GRID, WHOLE)) == 75 * 50 + 2 * 50 * 50


def test_the_area_in_conflict_is_that_of_the_pixels_left_out():
    generator = np.random.default_rng(3)
    items = [
        Annotation(n, 1 + n % 4, shapely.Point(LEFT + x, TOP - y).buffer(11.7))
        for n, (x, y) in enumerate(generator.uniform(20, 180, (30, 2)))
    ]
    covered = burn([Annotation(0, 1, shapely.union_all([item.geometry for item in items]))], GRID, WHOLE) > 0
    left_out = covered & (burn(items, GRID, WHOLE) == 0)
    assert left_out.any()
    assert conflict_m2(items, GRID) == pytest.approx(left_out.sum() * GRID.pixel_area_m2, rel=1e-3)


def test_polygons_on_one_heap_are_counted_without_laying_each_on_each():
    """5,000 polygons in one place make 12 million pairs."""
    generator = np.random.default_rng(5)
    items = [
        Annotation(n, 1 + n % 3, shapely.Point(LEFT + x, TOP - y).buffer(9.3))
        for n, (x, y) in enumerate(generator.uniform(90, 110, (5000, 2)))
    ]
    left_out = (burn([Annotation(0, 1, i.geometry) for i in items], GRID, WHOLE) > 0) & (burn(items, GRID, WHOLE) == 0)
    assert conflict_m2(items, GRID) == pytest.approx(left_out.sum() * GRID.pixel_area_m2)


def test_overlaps_are_counted_on_a_scene_too_large_to_burn():
    grid = made_grid(100_000.0)  # 250 gigapixels
    items = [annotation(1, 5, 10, 10), annotation(2, 7, 15, 10), annotation(3, 5, 99_000, 99_000, 500)]
    assert conflict_m2(items, grid) == pytest.approx(50)


def test_counting_can_be_cancelled():
    items = [annotation(1, 5, 0, 0), annotation(2, 7, 0, 0)]
    with pytest.raises(Cancelled):
        conflict_m2(items, GRID, cancelled=lambda: True)


def test_no_polygons_label_nothing():
    assert not burn([], GRID, Window(0, 0, 10, 10)).any()
    assert conflict_m2([], GRID) == 0
