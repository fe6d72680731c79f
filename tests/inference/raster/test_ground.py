"""Metres on the ground of CRS units."""

from __future__ import annotations

import math

import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.raster.ground import on_the_ground, scale_at, unit_metres
from flair_landcover.tests.notices import in_english

PARIS = (2.35, 48.85)
MONTPELLIER = (3.88, 43.61)


def placed(crs: str, place: tuple[float, float], size: float = 0.2, side: int = 1000) -> tuple[GeoBox, list[str]]:
    """A geobox of so many pixels around a place, and what is told of it."""
    (x,), (y,) = transform("EPSG:4326", crs, [place[0]], [place[1]])
    half = side * size / 2
    geobox = GeoBox(Affine(size, 0, x - half, 0, -size, y + half), "", (side, side))
    told: list[str] = []
    return on_the_ground(geobox, CRS.from_user_input(crs), in_english(told)), told


@pytest.mark.parametrize(
    ("crs", "place"),
    [
        ("EPSG:2154", PARIS),
        ("EPSG:2154", (-4.8, 48.4)),  # the west of Brittany
        ("EPSG:2154", (9.2, 41.4)),  # the south of Corsica
        ("EPSG:3949", PARIS),
        ("EPSG:32631", PARIS),
        ("EPSG:25830", (-0.4, 43.0)),
        ("EPSG:3035", PARIS),
        ("EPSG:2056", (8.5, 47.4)),
        ("EPSG:27700", (-1.5, 52.0)),
    ],
)
def test_a_crs_of_its_region_keeps_its_own_metres(crs, place):
    geobox, told = placed(crs, place)
    assert geobox.metres == 1 and geobox.metres_xy is None and told == []
    assert geobox.at(0.2) is geobox


@pytest.mark.parametrize(("crs", "exact"), [("EPSG:3857", False), ("EPSG:3395", True)])
@pytest.mark.parametrize("place", [PARIS, MONTPELLIER, (2.0, 70.0), (-60.0, -33.0)])
def test_mercators_metres_shrink_with_the_latitude(crs, exact, place):
    geobox, told = placed(crs, place)
    assert geobox.metres_xy is None
    # the radius of the circle of latitude against that of the equator
    sine = math.sin(math.radians(place[1]))
    wanted = math.cos(math.radians(place[1])) / math.sqrt(1 - 0.00669438 * sine**2)
    assert geobox.metres == pytest.approx(wanted, rel=1e-5 if exact else 4e-3)
    assert len(told) == 1 and told[0].startswith(f"The aerial raster's CRS, {crs}, does not keep lengths here")


def test_plate_carree_stretches_along_parallels_alone():
    geobox, told = placed("EPSG:4087", PARIS)
    assert geobox.metres_xy is not None
    assert geobox.metres_xy[0] == pytest.approx(math.cos(math.radians(PARIS[1])), rel=3e-3)
    assert geobox.metres_xy[1] == pytest.approx(1, rel=3e-3)
    assert geobox.pixel_area_m2 == pytest.approx(0.04 * geobox.metres_xy[0] * geobox.metres_xy[1])
    assert geobox.at(0.2).pixel_size_m == pytest.approx((0.2, 0.2))
    assert "its pixels of 0.2 m are 0.132 m x 0.2 m on the ground" in told[0]


def test_areas_of_a_projection_that_keeps_them_are_its_own():
    geobox, _ = placed("ESRI:54009", (-4.8, 48.4))
    assert geobox.pixel_area_m2 == pytest.approx(0.04, rel=1e-3)
    assert geobox.metres_xy is not None and geobox.metres_xy[0] != pytest.approx(geobox.metres_xy[1], rel=0.01)


def test_a_raster_over_which_the_scale_varies_is_told():
    near, far = (placed("EPSG:3857", PARIS, size=2.0, side=side)[1] for side in (10_000, 100_000))
    assert not any("varies" in each for each in near)
    (told,) = (each for each in far if "varies" in each)
    assert "off by up to 2 %" in told


def test_a_part_of_a_raster_has_the_scale_of_the_whole():
    geobox, _ = placed("EPSG:4087", PARIS)
    part = geobox.crop(geobox.window_of((*geobox.bounds[:2], geobox.bounds[0] + 20, geobox.bounds[1] + 20)))
    assert (part.metres, part.metres_xy) == (geobox.metres, geobox.metres_xy)
    assert part.at(0.3).pixel_size_m == pytest.approx((0.3, 0.3))


def test_a_place_beyond_the_projection_has_no_scale_and_the_crs_counts():
    assert scale_at(CRS.from_epsg(3857), 1e12, 1e12, 1.0) is None
    geobox = GeoBox(Affine(0.2, 0, 1e12, 0, -0.2, 1e12), "", (10, 10))
    assert on_the_ground(geobox, CRS.from_epsg(3857), in_english([])).metres == 1


@pytest.mark.parametrize(
    ("wkt", "metres"),
    [
        ('LOCAL_CS["site, grid [old]",UNIT["foot",0.3048],AXIS["E",EAST],AXIS["N",NORTH]]', 0.3048),
        (
            'LOCAL_CS["the UNIT, 7",UNIT["US survey foot",0.304800609601219,AUTHORITY["EPSG","9003"]]]',
            0.304800609601219,
        ),
        ('ENGCRS["site",EDATUM["x"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["foot",0.3048]]', 0.3048),
        ('LOCAL_CS["RGF93 v1 / Lambert-93",UNIT["metre",1]]', 1),
        ('LOCAL_CS["no unit"]', 1),
    ],
)
def test_the_unit_of_a_local_crs_is_read(wkt, metres):
    assert unit_metres(CRS.from_wkt(wkt)) == metres


def test_a_crs_in_feet_is_measured_in_metres():
    (x,), (y,) = transform("EPSG:4326", "EPSG:2263", [-73.97], [40.78])
    geobox = GeoBox(Affine(1, 0, x, 0, -1, y), "", (100, 100))
    assert on_the_ground(geobox, CRS.from_epsg(2263), in_english([])).metres == pytest.approx(0.3048006096)
