"""What QGIS holds, as plain values."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsGeometry, QgsProject, QgsRasterLayer

from flair_landcover.layers.sources import absolute, assigned_crs, polygon_in, raster_path, series_path, series_paths
from flair_landcover.tests.qgis_side import LEFT, TOP, without_crs, write_aerial


def transform(source: str, target: str) -> QgsCoordinateTransform:
    source, target = (QgsCoordinateReferenceSystem(crs) for crs in (source, target))
    return QgsCoordinateTransform(source, target, QgsProject.instance())


def test_a_raster_opened_with_options_of_qgis_gives_its_file(application, aerial):
    layer = QgsRasterLayer(f"{aerial}|option:NUM_THREADS=2", "aerial")
    assert layer.isValid()
    assert raster_path(layer) == str(aerial)


def test_the_crs_that_a_layer_was_given_goes_with_it_and_its_files_own_does_not(application, aerial, tmp_path):
    layer = QgsRasterLayer(str(aerial), "aerial")
    assert assigned_crs(layer) == ""
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:27572"))
    assert assigned_crs(layer) == "EPSG:27572"
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:4326"))  # what QGIS may be set to take for files without one
    assert assigned_crs(layer) == ""


def test_a_crs_without_a_code_goes_with_the_layer_as_text(application, aerial):
    layer = QgsRasterLayer(str(aerial), "aerial")
    layer.setCrs(QgsCoordinateReferenceSystem("PROJ:+proj=laea +lat_0=47 +lon_0=2 +units=m"))
    text = assigned_crs(layer)
    assert text.startswith("PROJ") and QgsCoordinateReferenceSystem.fromWkt(text) == layer.crs()


def test_a_file_without_a_crs_has_that_of_its_layer(application, aerial, tmp_path):
    path = without_crs(aerial, tmp_path / "plain.tif")
    layer = QgsRasterLayer(str(path), "plain")
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:2154"))
    assert assigned_crs(layer) == "EPSG:2154"


def test_an_existing_relative_path_becomes_absolute_and_others_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tif").touch()
    assert absolute("a.tif") == str(tmp_path / "a.tif")
    assert absolute("bundled") == "bundled"


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("/s/20210415.tif", "/s/20210415.tif"),
        ('NETCDF:"/s/S2 10m.nc":B2', "/s/S2 10m.nc"),
        ("NETCDF:C:\\s\\S2.nc:B2", "C:\\s\\S2.nc"),
        ("SENTINEL2_L2A:/s/S2A.SAFE/MTD_MSIL2A.xml:10m:EPSG_32631", "/s/S2A.SAFE"),
        ("SENTINEL2_L2A:/vsizip//s/S2A.zip/S2A.SAFE/MTD_MSIL2A.xml:20m:EPSG_32631", "/s/S2A.zip"),
        ("/s/S2A.SAFE/MTD_MSIL2A.xml", "/s/S2A.SAFE/MTD_MSIL2A.xml"),
    ],
)
def test_a_layer_of_a_part_gives_the_cube_or_product_that_holds_it(application, source, path):
    layer = QgsRasterLayer(source, "part")
    assert series_path(layer) == path


def test_layers_of_one_cube_give_it_once_in_the_order_of_the_layers(application, aerial):
    layers = [QgsRasterLayer(source, "x") for source in (str(aerial), 'NETCDF:"/s.nc":B2', 'NETCDF:"/s.nc":B3')]
    assert series_paths(layers) == (str(aerial), "/s.nc")


@pytest.mark.parametrize(
    ("file", "name", "behind"),
    [
        ("clip.tif", "S2 2021-04-15", "@2021-04-15"),
        ("S2_20210415.tif", "my 2021-06-01", ""),
        ("clip.tif", "spring", ""),
        ("clip.tif", "2021-13-45", ""),
    ],
)
def test_a_layers_name_dates_a_file_whose_name_does_not(application, tmp_path, file, name, behind):
    path = str(write_aerial(tmp_path / file, size=8))
    assert series_path(QgsRasterLayer(path, name)) == path + behind
    assert absolute(path + behind) == path + behind


def test_vectors_are_no_series(application):
    from qgis.core import QgsVectorLayer

    with pytest.raises(ValueError, match="The layer points is no raster"):
        series_path(QgsVectorLayer("Point", "points", "memory"))


def test_a_polygon_is_moved_to_the_images_crs_and_the_original_stays(application):
    polygon = QgsGeometry.fromWkt("Polygon((6 45, 6.1 45, 6.1 45.1, 6 45))")
    moved = polygon_in(polygon, transform("EPSG:4326", "EPSG:2154"))
    x, y = moved["coordinates"][0][0]
    assert moved["type"] == "Polygon" and 900_000 < x < 1_000_000 and 6_400_000 < y < 6_500_000
    assert polygon.boundingBox().xMaximum() == 6.1


def test_a_polygon_in_the_same_crs_keeps_its_coordinates(application):
    polygon = QgsGeometry.fromWkt(f"Polygon(({LEFT} {TOP}, {LEFT + 1} {TOP}, {LEFT} {TOP - 1}, {LEFT} {TOP}))")
    assert polygon_in(polygon, transform("EPSG:2154", "EPSG:2154"))["coordinates"][0][0] == [LEFT, TOP]
