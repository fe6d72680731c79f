"""The grid of an image to fetch, and what its server is asked for."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsPointXY,
    QgsRectangle,
)

from flair_landcover.layers.web_capabilities import ServerFacts, TileGrid
from flair_landcover.layers.web_grid import FetchGrid, grid_over, is_true, local_crs, source_grid
from flair_landcover.layers.web_layer import WebLayer

DEGREES = QgsCoordinateReferenceSystem("EPSG:4326")
EDGE = 20_037_508.342789244
ZOOMS = tuple(2 * EDGE / 256 / 2**zoom for zoom in range(21, -1, -1))
TILES = ServerFacts(grids=[TileGrid(resolution, -EDGE, EDGE) for resolution in ZOOMS])


def crs(code: int) -> QgsCoordinateReferenceSystem:
    return QgsCoordinateReferenceSystem(f"EPSG:{code}")


def around(longitude: float, latitude: float) -> QgsRectangle:
    return QgsRectangle(longitude - 0.001, latitude - 0.001, longitude + 0.001, latitude + 0.001)


@pytest.mark.parametrize(
    ("place", "chosen"),
    [
        ((2.35, 48.85), 2154),  # Paris
        ((-4.4, 48.4), 2154),  # Brest
        ((9.1, 42.2), 2154),  # Corsica
        ((7.75, 48.58), 2154),  # Strasbourg
        ((3.9, 43.6), 2154),  # Montpellier
        ((-1.47, 43.49), 2154),  # Bayonne
        ((2.38, 51.03), 2154),  # Dunkirk
        ((4.35, 50.85), 32631),  # Brussels
        ((11.5, 48.1), 32632),  # Munich
        ((-3.7, 40.4), 32630),  # Madrid
        ((55.5, -21.1), 32740),  # Reunion
        ((-61.5, 16.2), 32620),  # Guadeloupe
        ((-52.3, 4.9), 32622),  # Cayenne
        ((-0.1, 51.5), 32630),  # London
    ],
)
def test_the_crs_is_lambert_93_in_france_and_the_utm_zone_elsewhere(application, place, chosen):
    found = local_crs(around(*place), DEGREES, [crs(3857), crs(4326), QgsCoordinateReferenceSystem()])
    assert found.authid() == f"EPSG:{chosen}"


def test_a_crs_at_hand_that_measures_in_true_metres_is_taken_first(application):
    munich, paris = around(11.5, 48.1), around(2.35, 48.85)
    assert local_crs(munich, DEGREES, [crs(3857), crs(25832)]).authid() == "EPSG:25832"
    assert local_crs(paris, DEGREES, [crs(3857), crs(3948)]).authid() == "EPSG:3948"  # a conformal conic zone of France
    assert local_crs(munich, DEGREES, [crs(2154), crs(3395)]).authid() == "EPSG:32632"  # Lambert-93 is not for there


@pytest.mark.parametrize(
    ("code", "true"),
    [(2154, True), (32631, True), (3948, True), (3857, False), (3395, False), (4087, False), (4326, False)],
)
def test_only_metres_of_the_ground_count(application, code, true):
    assert is_true(crs(code), QgsPointXY(2.35, 48.85)) is true


def test_feet_are_no_metres(application):
    assert is_true(crs(2263), QgsPointXY(-73.9, 40.7)) is False


def test_at_a_pole_a_crs_is_asked_for(application):
    with pytest.raises(ValueError, match="too near a pole"):
        local_crs(around(10, 86), DEGREES, [])


def test_a_grid_lies_on_whole_pixels_around_what_was_drawn(application):
    drawn = QgsRectangle(942_390.45, 6_538_500.13, 942_400.4, 6_538_510.0)
    grid = grid_over(drawn, crs(2154), 0.2, crs(2154))
    assert (grid.left, grid.top, grid.width, grid.height) == (942_390.4, 6_538_510.0, 50, 50)
    assert grid.crs == "EPSG:2154" and grid.extent().contains(drawn)


def test_two_areas_that_touch_have_grids_that_fit(application):
    one = grid_over(QgsRectangle(942_390.0, 6_538_500.0, 942_400.07, 6_538_510.0), crs(2154), 0.2, crs(2154))
    two = grid_over(QgsRectangle(942_400.07, 6_538_500.0, 942_410.0, 6_538_510.0), crs(2154), 0.2, crs(2154))
    assert (one.left - two.left) / 0.2 == pytest.approx(round((one.left - two.left) / 0.2), abs=1e-6)


def test_a_drawing_in_web_mercator_becomes_a_grid_in_metres_of_the_ground(application):
    transform = QgsCoordinateTransform(DEGREES, crs(3857), QgsCoordinateTransformContext())
    middle = transform.transform(QgsPointXY(2.35, 48.85))
    drawn = QgsRectangle(middle.x() - 76, middle.y() - 76, middle.x() + 76, middle.y() + 76)
    grid = grid_over(drawn, crs(3857), 0.2, crs(2154))
    assert 495 <= grid.width <= 515 and 495 <= grid.height <= 515  # 152 m of Mercator are 100 m at 48.85 degrees


@pytest.mark.parametrize(
    ("extent", "pixel", "target", "sentence"),
    [
        (QgsRectangle(2.0, 48.0, 2.001, 48.001), 0.2, 3857, "does not measure in true metres there"),
        (QgsRectangle(2.0, 48.0, 2.001, 48.001), 0.2, 4326, "does not measure in true metres there"),
        (QgsRectangle(2.0, 48.0, 2.001, 48.001), 0.0, 2154, "give one in metres"),
        (QgsRectangle(2.0, 48.0, 2.0, 48.0), 0.2, 2154, "has no width or no height"),
    ],
)
def test_what_can_be_no_grid_is_refused(application, extent, pixel, target, sentence):
    with pytest.raises(ValueError, match=sentence):
        grid_over(extent, DEGREES, pixel, crs(target))


def test_half_a_country_is_refused_at_once(application):
    with pytest.raises(ValueError, match=r"million pixels of 0\.2 m: draw a smaller one, of 2,000 million at most"):
        grid_over(QgsRectangle(500_000, 6_300_000, 900_000, 6_900_000), crs(2154), 0.2, crs(2154))


def lambert(width: int, height: int, pixel: float = 0.2) -> FetchGrid:
    return FetchGrid("EPSG:2154", 942_390.4, 6_538_568.0, pixel, width, height)


@pytest.mark.parametrize(("pixel", "zoom"), [(0.2, 20), (0.21, 19), (0.25, 19), (0.5, 18), (0.11, 20), (0.05, 21)])
def test_the_zoom_is_the_coarsest_that_is_as_fine_as_the_pixels(application, pixel, zoom):
    # At 45.8 degrees a pixel of zoom 19 is 0.2082 m on the ground.
    found = source_grid(WebLayer("t", "wms", "type=xyz", "EPSG:3857", ZOOMS), lambert(300, 200, pixel), TILES)
    assert found.across == pytest.approx(2 * EDGE / 256 / 2**zoom, rel=1e-9) and found.tiled and not found.exact


def test_blocks_cover_all_once_and_end_where_tiles_do(application):
    found = source_grid(WebLayer("t", "wms", "type=xyz", "EPSG:3857", ZOOMS), lambert(2000, 1500), TILES)
    covered = sum(width * height for _, _, width, height in found.blocks())
    assert covered == found.width * found.height
    for column, row, width, height in found.blocks():
        box = found.rectangle(column, row, width, height)
        for edge, last in (
            (box.xMaximum(), column + width == found.width),
            (-box.yMinimum(), row + height == found.height),
        ):
            tiles = (edge + EDGE) / found.across / 256
            assert last or tiles == pytest.approx(round(tiles), abs=1e-6)


def test_tiles_that_lie_between_the_grids_pixels_are_resampled(application):
    layer = WebLayer("t", "wms", "tileMatrixSet=L", "EPSG:2154", (0.2, 0.4))
    on = ServerFacts(grids=[TileGrid(0.2, 0.0, 12_000_000.0, (256, 256))])
    between = ServerFacts(grids=[TileGrid(0.2, 0.07, 12_000_000.0, (256, 256))])
    assert source_grid(layer, lambert(300, 200), on).exact
    assert source_grid(layer, lambert(300, 200), ServerFacts()).exact  # where tiles begin is not known
    assert not source_grid(layer, lambert(300, 200), between).exact
    assert not source_grid(layer, lambert(300, 200, 0.3), on).exact


def test_a_wms_that_draws_degrees_alone_is_asked_for_pixels_as_fine_in_both_directions(application):
    found = source_grid(WebLayer("w", "wms", "", "EPSG:4326"), lambert(300, 200), ServerFacts({"EPSG:4326"}))
    assert not found.exact and not found.tiled and found.crs == "EPSG:4326"
    assert found.down == pytest.approx(0.2 / 111_000, rel=0.05) and found.across > found.down
    assert source_grid(WebLayer("w", "wms", "", "EPSG:4326"), lambert(300, 200), ServerFacts({"EPSG:2154"})).exact


def test_a_server_that_draws_no_large_pictures_is_asked_for_small_ones(application):
    found = source_grid(WebLayer("w", "wms", "", "EPSG:2154"), lambert(1000, 1000), ServerFacts(largest=400))
    assert len(found.blocks()) == found.requests() == 9
    assert max(max(width, height) for _, _, width, height in found.blocks()) == 400
