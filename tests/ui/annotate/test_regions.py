"""Connected regions of labels, and their outlines."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsRectangle

from flair_landcover.ui.annotate.regions import connected, filled, polygon_of, region_at

from .conftest import picture

ALL = 10**9


def flooded(mask: np.ndarray, seed: tuple[int, int]) -> np.ndarray:
    """The connected part, pixel by pixel: slow, and plainly right."""
    found, waiting = np.zeros_like(mask), [seed]
    while waiting:
        row, column = waiting.pop()
        inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
        if inside and mask[row, column] and not found[row, column]:
            found[row, column] = True
            waiting += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return found


@pytest.mark.parametrize("share", [0.3, 0.55, 0.6, 0.65, 0.9, 1.0])
def test_a_region_is_what_a_flood_fill_finds(share):
    noise = np.random.default_rng(1).random((80, 70)) < share
    seed = tuple(np.argwhere(noise)[len(np.argwhere(noise)) // 2])
    assert (connected(noise, seed) == flooded(noise, seed)).all()


def test_a_region_that_winds_through_the_whole_window_is_found_as_one():
    snake = np.zeros((101, 101), bool)
    snake[::2] = True
    snake[1::4, -1] = snake[3::4, 0] = True
    assert (connected(snake, (0, 0)) == snake).all()
    snake[50, 50] = False
    assert connected(snake, (0, 0)).sum() + connected(snake, (100, 0)).sum() == snake.sum()


def test_pixels_that_touch_by_a_corner_are_not_connected():
    labels = picture("a.", ".a")
    assert region_at(labels, (0, 0), ALL).mask.sum() == 1


def test_the_region_has_the_label_of_the_click_alone():
    labels = picture("aab", "aab", "bbb")
    assert region_at(labels, (0, 0), ALL).mask.sum() == 4
    assert region_at(labels, (2, 0), ALL).mask.sum() == 5


def test_a_region_that_is_too_large_is_cut_to_what_is_nearest():
    labels = np.zeros((101, 101), np.uint8)
    region = region_at(labels, (50, 30), 317)
    rows, columns = np.nonzero(region.mask)
    reach = np.hypot(rows - 50, columns - 30).max()
    assert region.cut and 300 <= region.mask.sum() <= 317
    assert reach == pytest.approx(10, abs=0.6)  # 317 = pi * 10.05²


def test_what_the_cut_separates_from_the_click_is_left_out():
    labels = picture("a.aaa", "a.a.a", "aaa.a", "....a", "....a")
    region = region_at(labels, (0, 0), 6)
    assert (connected(region.mask, (0, 0)) == region.mask).all() and region.mask[0, 0] and not region.mask[0, 2]


def test_one_pixel_is_always_left():
    assert region_at(np.zeros((9, 9), np.uint8), (4, 4), 1).mask.sum() == 1


def test_a_region_that_fits_is_not_cut_and_one_that_leaves_the_window_is():
    labels = np.zeros((9, 9), np.uint8)
    labels[3:5, 3:5] = 1
    assert not region_at(labels, (3, 3), ALL).cut
    assert region_at(labels, (0, 0), ALL).cut


@pytest.mark.parametrize(("seed", "columns"), [((5, 2), range(0, 10)), ((5, 17), range(10, 20))])
def test_confidence_cuts_the_region_on_the_side_of_the_click(seed, columns):
    labels, percent = np.ones((10, 20), np.uint8), np.full((10, 20), 90, np.uint8)
    percent[:, 10:] = 30
    found = region_at(labels, seed, ALL, percent, 60).mask
    assert (found.any(axis=0) == np.isin(np.arange(20), columns)).all()
    assert region_at(labels, seed, ALL, percent, 0).mask.all()


def test_single_doubtful_pixels_do_not_riddle_the_region():
    labels, percent = np.ones((20, 20), np.uint8), np.full((20, 20), 90, np.uint8)
    percent[::4, ::4] = 20
    assert region_at(labels, (10, 10), ALL, percent, 50).mask.all()


def test_holes_below_a_size_belong_to_the_region_on_request():
    labels = np.ones((9, 9), np.uint8)
    labels[2, 2] = labels[5:8, 5:8] = 2
    labels[0, 4] = 3  # at the border of what is known: how far it goes is not
    assert region_at(labels, (4, 4), ALL).mask.sum() == 81 - 11
    assert region_at(labels, (4, 4), ALL, least_hole=9).mask.sum() == 81 - 10
    assert region_at(labels, (4, 4), ALL, least_hole=10).mask.sum() == 81 - 1


@pytest.mark.parametrize("border", ["first row", "last row", "first column", "last column"])
def test_what_reaches_the_border_is_no_hole(border):
    mask = np.ones((5, 6), bool)
    side = {"first row": (0, 3), "last row": (4, 3), "first column": (2, 0), "last column": (2, 5)}[border]
    mask[side] = False
    assert (filled(mask, 100) == mask).all()


def test_a_region_with_filled_holes_is_still_no_larger_than_the_limit():
    labels = np.where(np.random.default_rng(5).random((300, 300)) < 0.1, 2, 1)
    labels[150, 150] = 1
    region = region_at(labels, (150, 150), 20_000, least_hole=25)
    assert 19_000 < region.mask.sum() <= 20_000


def test_the_polygon_covers_exactly_the_pixels():
    mask = picture("##.", "#.#", "###") == ord("#")
    polygon = polygon_of(mask, QgsRectangle(100, 50, 106, 56))  # pixels of 2
    assert polygon.area() == 7 * 4 and polygon.isGeosValid()
    assert polygon.boundingBox() == QgsRectangle(100, 50, 106, 56)


def test_rings_have_corners_only_where_they_turn():
    (ring,) = polygon_of(np.ones((3, 5), bool), QgsRectangle(0, 0, 5, 3)).asPolygon()
    assert sorted((point.x(), point.y()) for point in ring[:-1]) == [(0, 0), (0, 3), (5, 0), (5, 3)]
    assert ring[0] == ring[-1]


@pytest.mark.parametrize(
    "rows",
    [
        ("####", "#..#", "####"),
        ("#####", "#.#.#", "#####"),
        ("#####", "#.###", "##.##", "#####"),  # two holes that touch in a point
        ("###", "#.#", "##."),  # a hole that touches the outline in a point
        (".##", "#.#", "###"),
        (".####", "#.#.#", "##.##", "#####"),
    ],
)
def test_holes_and_pixels_that_touch_by_a_corner_make_a_valid_polygon(rows):
    mask = picture(*rows) == ord("#")
    mask = connected(mask, tuple(np.argwhere(mask)[-1]))
    polygon = polygon_of(mask, QgsRectangle(0, 0, mask.shape[1], mask.shape[0]))
    assert polygon.isGeosValid() and polygon.area() == mask.sum() and not polygon.isMultipart()


@pytest.mark.parametrize("share", [0.55, 0.62, 0.75, 0.95])
def test_the_polygon_of_any_region_is_valid_and_covers_it(share):
    noise = np.random.default_rng(3).random((120, 130)) < share
    noise[60, 60] = True
    mask = connected(noise, (60, 60))
    polygon = polygon_of(mask, QgsRectangle(0, 0, 130, 120))
    assert polygon.isGeosValid() and polygon.area() == mask.sum()
