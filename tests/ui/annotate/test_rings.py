"""Outlines of masks as polygons."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsRectangle

from flair_landcover.ui.annotate.regions import connected
from flair_landcover.ui.annotate.rings import polygon_of, rings_of

from .conftest import picture


def test_the_polygon_covers_exactly_the_pixels():
    mask = picture("##.", "#.#", "###") == ord("#")
    polygon = polygon_of(mask, QgsRectangle(100, 50, 106, 56))  # pixels of 2
    assert polygon.area() == 7 * 4 and polygon.isGeosValid()
    assert polygon.boundingBox() == QgsRectangle(100, 50, 106, 56)


def test_rings_have_corners_only_where_they_turn():
    (ring,) = rings_of(np.ones((3, 5), bool))
    assert sorted(map(tuple, ring[:-1].tolist())) == [(0, 0), (0, 3), (5, 0), (5, 3)]
    assert (ring[0] == ring[-1]).all()


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
