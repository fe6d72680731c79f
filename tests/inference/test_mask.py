"""Where polygons want the map."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from flair_landcover.inference import mask as mask_module
from flair_landcover.inference.mask import Mask
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.raster.windows import Window

NORTH_UP = Affine.translation(1000, 2000) * Affine.scale(0.2, -0.2)
TURNED = Affine.translation(1000, 2000) * Affine.rotation(30) * Affine.scale(0.2, -0.2)
WIDTH, HEIGHT = 900, 700


def polygons(generator: np.random.Generator, transform: Affine) -> tuple[dict, ...]:
    """One to three stars of any size, some of them over the raster's edge, some parts of one geometry."""
    rings = []
    for _ in range(generator.integers(1, 4)):
        angles = np.sort(generator.random(generator.integers(3, 9)) * 2 * np.pi)
        radii = generator.random(len(angles)) * generator.choice([5, 60, 300])
        column, row = generator.random(2) * (WIDTH, HEIGHT)
        ring = [transform * (column + r * np.cos(a), row + r * np.sin(a)) for r, a in zip(radii, angles)]
        rings.append([[*ring, ring[0]]])
    if generator.random() < 0.5:
        return ({"type": "MultiPolygon", "coordinates": rings},)
    return tuple({"type": "Polygon", "coordinates": ring} for ring in rings)


@pytest.mark.parametrize("transform", [NORTH_UP, TURNED])
@pytest.mark.parametrize("squares", [4_000_000, 400])
def test_a_window_touches_the_mask_where_one_of_its_pixels_is_inside(transform, squares, monkeypatch):
    monkeypatch.setattr(mask_module, "_SQUARES", squares)  # few of them are large ones
    generator = np.random.default_rng(squares)
    grid = GeoBox(transform, "", (HEIGHT, WIDTH)).at(0.2)
    answers = []
    for _ in range(12):
        mask = Mask(polygons(generator, transform), grid)
        inside = mask.inside(Window(0, 0, WIDTH, HEIGHT))
        for _ in range(60):
            width, height = generator.integers(1, 200, 2).tolist()
            column, row = generator.integers(0, (WIDTH - width, HEIGHT - height)).tolist()
            expected = inside[row : row + height, column : column + width].any()
            assert mask.touches(Window(column, row, width, height)) == expected
            answers.append(expected)
    assert 50 < sum(answers) < len(answers) - 50


def test_a_mask_beside_the_raster_touches_nothing_of_it():
    grid = GeoBox(NORTH_UP, "", (HEIGHT, WIDTH))
    ring = [(0, 0), (10, 0), (10, 10), (0, 0)]
    assert not Mask(({"type": "Polygon", "coordinates": [ring]},), grid).touches(Window(0, 0, WIDTH, HEIGHT))


def test_without_a_mask_everything_is_wanted():
    grid = GeoBox(NORTH_UP, "", (HEIGHT, WIDTH))
    mask = Mask(None, grid)
    assert mask.touches(Window(3, 4, 5, 6))
    assert mask.inside(Window(3, 4, 5, 6)).all() and mask.inside(Window(3, 4, 5, 6)).shape == (6, 5)
    assert mask.area_m2(Window(3, 4, 5, 6)) == pytest.approx(30 * 0.04)


@pytest.mark.parametrize(("squares", "exactly"), [(4_000_000, 1e-9), (10_000, 0.02)])
def test_the_area_of_a_mask_counts_what_polygons_share_once(squares, exactly, monkeypatch):
    monkeypatch.setattr(mask_module, "_SQUARES", squares)
    grid = GeoBox(NORTH_UP, "", (HEIGHT, WIDTH))

    def square(left: float, top: float, side: float) -> dict:
        right, bottom = left + side, top - side
        ring = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        return {"type": "Polygon", "coordinates": [ring]}

    mask = Mask((square(1010, 1990, 60), square(1040, 1990, 60)), grid)
    assert mask.area_m2(Window(0, 0, WIDTH, HEIGHT)) == pytest.approx(90 * 60, rel=exactly)
