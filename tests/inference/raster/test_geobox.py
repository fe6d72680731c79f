"""The grid that a job predicts on."""

from __future__ import annotations

import pytest
from affine import Affine

from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.raster.windows import Window

NORTH_UP = Affine(0.2, 0, 1000, 0, -0.2, 5000)


def test_a_raster_of_the_models_sampling_distance_keeps_its_pixels():
    grid = GeoBox(NORTH_UP, "", (200, 300))
    assert grid.at(0.2) is grid
    assert (grid.transform, grid.width, grid.height) == (NORTH_UP, 300, 200)


def test_another_sampling_distance_covers_the_raster_from_the_same_corner():
    grid = GeoBox(Affine(0.5, 0, 1000, 0, -0.5, 5000), "", (40, 101)).at(0.2)
    assert (grid.width, grid.height) == (253, 100)  # 50.5 m and 20 m
    assert grid.transform.almost_equals(NORTH_UP)
    assert grid.pixel_area_m2 == pytest.approx(0.04)


def test_pixels_in_feet_are_counted_in_metres():
    grid = GeoBox(Affine(1, 0, 0, 0, -1, 0), "", (100, 100), 0.3048).at(0.2)
    assert grid.pixel_size_m == pytest.approx((0.2, 0.2))
    assert grid.width == 153  # 30.48 m


def test_an_extent_on_pixel_edges_is_exactly_those_pixels():
    grid = GeoBox(NORTH_UP, "", (200, 300))
    assert grid.window_of((1002, 4990, 1008, 4996)) == (10, 20, 30, 30)
    assert grid.window_bounds(Window(10, 20, 30, 30)) == pytest.approx((1002, 4990, 1008, 4996))


def test_an_extent_between_pixel_edges_is_snapped_outwards():
    grid = GeoBox(NORTH_UP, "", (200, 300))
    assert grid.window_of((1002.1, 4990.1, 1008.1, 4996.1)) == (10, 19, 31, 31)
