"""What QGIS holds, as plain values."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsGeometry, QgsProject, QgsRasterLayer

from flair_landcover.processing.sources import absolute, polygon_in, raster_path
from flair_landcover.tests.qgis_side import LEFT, TOP


def transform(source: str, target: str) -> QgsCoordinateTransform:
    source, target = (QgsCoordinateReferenceSystem(crs) for crs in (source, target))
    return QgsCoordinateTransform(source, target, QgsProject.instance())


def test_a_raster_opened_with_options_of_qgis_gives_its_file(application, aerial):
    layer = QgsRasterLayer(f"{aerial}|option:NUM_THREADS=2", "aerial")
    assert layer.isValid()
    assert raster_path(layer) == str(aerial)


def test_an_existing_relative_path_becomes_absolute_and_others_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tif").touch()
    assert absolute("a.tif") == str(tmp_path / "a.tif")
    assert absolute("bundled") == "bundled"


def test_a_polygon_is_moved_to_the_images_crs_and_the_original_stays(application):
    polygon = QgsGeometry.fromWkt("Polygon((6 45, 6.1 45, 6.1 45.1, 6 45))")
    moved = polygon_in(polygon, transform("EPSG:4326", "EPSG:2154"))
    x, y = moved["coordinates"][0][0]
    assert moved["type"] == "Polygon" and 900_000 < x < 1_000_000 and 6_400_000 < y < 6_500_000
    assert polygon.boundingBox().xMaximum() == 6.1


def test_a_polygon_in_the_same_crs_keeps_its_coordinates(application):
    polygon = QgsGeometry.fromWkt(f"Polygon(({LEFT} {TOP}, {LEFT + 1} {TOP}, {LEFT} {TOP - 1}, {LEFT} {TOP}))")
    assert polygon_in(polygon, transform("EPSG:2154", "EPSG:2154"))["coordinates"][0][0] == [LEFT, TOP]
