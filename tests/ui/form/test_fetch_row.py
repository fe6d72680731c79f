"""The row that fetches the area of a web layer, from a server in the test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from osgeo import gdal
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsGeometry,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest

from flair_landcover.contract.origin import ORIGIN_TAG
from flair_landcover.layers import web_pictures
from flair_landcover.layers.area import Area
from flair_landcover.tests.qgis_side import LEFT, TOP, read_pixels, write_aerial
from flair_landcover.tests.ui.form.conftest import wait_for
from flair_landcover.tests.web_server import LICENCE, OWNER, Reply, WebServer
from flair_landcover.ui.form.area_field import AreaField
from flair_landcover.ui.form.fetch_row import FetchRow
from flair_landcover.ui.form.form_fields import FormFields, WrongField
from flair_landcover.ui.form.image_field import ImageField
from flair_landcover.ui.form.infrared_field import InfraredField

LAMBERT = QgsCoordinateReferenceSystem("EPSG:2154")


@pytest.fixture
def server(application, tmp_path, monkeypatch):
    monkeypatch.setattr(web_pictures, "PAUSES_S", (0.0, 0.0))
    made = WebServer(write_aerial(tmp_path / "aerial.tif"))
    yield made
    made.close()


@pytest.fixture
def asked() -> list[str]:
    """Questions asked; they are answered with no."""
    return []


@pytest.fixture
def row(canvas, asked):
    made = FetchRow(
        ImageField(),
        InfraredField(),
        AreaField(canvas),
        lambda: 0.2,
        confirm=lambda question: bool(asked.append(question)),
    )
    made.show()
    yield made
    made.shut()
    made._area.close()


def add(source: str, name: str) -> QgsRasterLayer:
    layer = QgsRasterLayer(source, name, "wms")
    QgsProject.instance().addMapLayer(layer)
    return layer


def drawn(width: float = 20.0, height: float = 20.0) -> Area:
    """From 4 m east and 10 m south of the corner of `write_aerial`: its pixels 20 and 50."""
    box = QgsRectangle(LEFT + 4, TOP - 10 - height, LEFT + 4 + width, TOP - 10)
    return Area((QgsGeometry.fromRect(box),), LAMBERT, False, "box")


def fetch(row: FetchRow) -> None:
    QTest.mouseClick(row.button, Qt.MouseButton.LeftButton)
    wait_for(lambda: not row.task.working())


def test_it_shows_for_web_layers_alone(row, server, aerial):
    row._aerial.set_layer(aerial)
    assert not row.isVisible() and row.complaint(row._aerial) == ""
    row._aerial.set_layer(add(server.wms(), "ortho"))
    assert row.isVisible() and "ortho is a web layer" in row.complaint(row._aerial)


def test_without_an_area_it_says_so_and_with_one_what_it_takes(row, server):
    row._aerial.set_layer(add(server.wms(), "ortho"))
    assert not row.button.isEnabled() and "Draw the area that is to be fetched from ortho" in row.cost.text()
    row._area.set_area(drawn())
    assert row.button.isEnabled()
    assert row.cost.text() == (
        "100 × 100 pixels, one picture of the server, at most 0.0 MB; in EPSG:2154 - RGF93 v1 / Lambert-93, pixels of "
        "0.2 m"
    )
    assert server.requests == []


def test_the_image_comes_as_a_layer_above_the_web_layer_and_is_chosen(row, server, tmp_path):
    web = add(server.wms(), "ortho")
    row._aerial.set_layer(web)
    row._area.set_area(drawn())
    row.file.setFilePath(str(tmp_path / "fetched.tif"))
    QTest.mouseClick(row.button, Qt.MouseButton.LeftButton)
    assert row.task.working() and not row.button.isEnabled()
    wait_for(lambda: not row.task.working())
    layer = row._aerial.layer()
    assert layer.name() == "ortho (fetched)" and layer.source() == str(tmp_path / "fetched.tif")
    assert (layer.metadata().rights(), layer.metadata().licenses()) == ([OWNER], [LICENCE])
    names = [node.name() for node in QgsProject.instance().layerTreeRoot().findLayers()]
    assert names == ["ortho (fetched)", "ortho"]
    assert np.array_equal(read_pixels(layer.source()), read_pixels(tmp_path / "aerial.tif")[:3, 50:150, 20:120])
    assert not row.isVisible() and row.file.filePath() == ""


def test_image_and_infrared_come_on_the_same_grid_by_one_click(row, server, tmp_path):
    row._aerial.set_layer(add(server.wms(), "ortho"))
    row._infrared.set_layer(add(server.wmts(layer="ORTHO.IRC"), "ortho IRC"))
    row._area.set_area(drawn())
    row.file.setFilePath(str(tmp_path / "fetched"))
    fetch(row)
    paths = [Path(chooser.layer().source()) for chooser in (row._aerial, row._infrared)]
    assert [path.name for path in paths] == ["fetched.tif", "fetched_infrared.tif"]
    one, other = (gdal.Open(str(path)) for path in paths)
    assert one.GetGeoTransform() == other.GetGeoTransform() and one.RasterXSize == other.RasterXSize == 100
    infrared = read_pixels(tmp_path / "aerial.tif")[3, 50:150, 20:120]
    assert np.array_equal(other.ReadAsArray()[0], infrared)
    assert other.GetRasterBand(1).GetDescription() == "Near infrared"
    assert json.loads(other.GetMetadataItem(ORIGIN_TAG))["server_layer"] == "ORTHO.IRC"


def test_infrared_beside_an_image_of_a_file_has_that_ones_pixels(row, server, tmp_path):
    coarse = QgsRasterLayer(str(write_aerial(tmp_path / "ortho.tif")), "file")
    QgsProject.instance().addMapLayer(coarse)
    row._pixel_m = lambda: 0.5
    row._aerial.set_layer(coarse)
    row._infrared.set_layer(add(server.wms(layer="ORTHO.IRC"), "ortho IRC"))
    row._area.set_area(drawn())
    fetch(row)
    assert row._aerial.layer() is coarse and row._infrared.layer().rasterUnitsPerPixelX() == pytest.approx(0.2)


def test_tiles_of_web_mercator_drawn_on_a_canvas_of_theirs_come_in_lambert_93(row, server, canvas):
    mercator = QgsCoordinateReferenceSystem("EPSG:3857")
    QgsProject.instance().setCrs(mercator)
    row._aerial.set_layer(add(server.xyz(), "tiles"))
    transform = QgsCoordinateTransform(LAMBERT, mercator, QgsProject.instance())
    box = transform.transformBoundingBox(drawn().geometries[0].boundingBox())
    row._area.set_area(Area((QgsGeometry.fromRect(box),), mercator, False, "box"))
    assert "in EPSG:2154 - RGF93 v1 / Lambert-93, pixels of 0.2 m" in row.cost.text()
    fetch(row)
    layer = row._aerial.layer()
    assert layer.name() == "tiles (fetched)" and layer.crs() == LAMBERT
    assert layer.rasterUnitsPerPixelX() == pytest.approx(0.2)


def test_a_large_image_is_asked_for_again_with_its_size(row, server, asked):
    row._aerial.set_layer(add(server.wms(), "ortho"))
    row._area.set_area(drawn(2001.0, 2000.0))
    fetch(row)
    (question,) = asked
    assert "10,005 × 10,000 pixels, 100 pictures of the server, at most 300 MB" in question
    assert server.requests == [] and row.isVisible()


def test_what_failed_is_told_until_something_changes_and_the_web_layer_stays(row, server):
    web = add(server.wms(), "ortho")
    row._aerial.set_layer(web)
    row._area.set_area(drawn())
    server.wrong = lambda parameters, before: Reply(500)
    fetch(row)
    assert "The layer ortho could not be fetched, 3 tries" in row.cost.text()
    assert row._aerial.layer() is web and row.button.isEnabled() and len(QgsProject.instance().mapLayers()) == 1
    row._area.set_area(drawn(10.0))
    assert "50 × 100 pixels" in row.cost.text()
    server.wrong = lambda parameters, before: None
    fetch(row)
    assert row._aerial.layer().name() == "ortho (fetched)", (row.cost.text(), row.button.isEnabled(), server.requests)


def test_where_the_infrared_fails_the_image_is_kept_and_the_rest_can_be_tried_again(row, server, tmp_path):
    row._aerial.set_layer(add(server.wms(), "ortho"))
    row._infrared.set_layer(add(server.wms(layer="ORTHO.IRC"), "ortho IRC"))
    row._area.set_area(drawn())
    server.wrong = lambda parameters, before: Reply(500) if "IRC" in parameters["LAYERS"] else None
    fetch(row)
    assert row._aerial.layer().name() == "ortho (fetched)" and row._infrared.layer().name() == "ortho IRC"
    assert "The layer ortho IRC could not be fetched" in row.cost.text()
    server.wrong = lambda parameters, before: None
    fetch(row)
    one, other = row._aerial.layer(), row._infrared.layer()
    assert other.name() == "ortho IRC (fetched)" and one.extent() == other.extent()


def test_a_cancel_keeps_nothing(row, server, tmp_path):
    row._aerial.set_layer(add(server.wms(), "ortho"))
    row._infrared.set_layer(add(server.wms(layer="ORTHO.IRC"), "ortho IRC"))
    row._area.set_area(drawn())
    row.file.setFilePath(str(tmp_path / "fetched.tif"))
    server.wrong = lambda parameters, before: Reply(wait_s=20) if "IRC" in parameters["LAYERS"] else None
    QTest.mouseClick(row.button, Qt.MouseButton.LeftButton)
    wait_for(lambda: (tmp_path / "fetched.tif").exists())
    assert row.task.cancel_button.isVisible()
    QTest.mouseClick(row.task.cancel_button, Qt.MouseButton.LeftButton)
    wait_for(lambda: not row.task.working())
    assert row.cost.text() == "Cancelled: nothing was kept."
    assert list(tmp_path.glob("*fetched*")) == [] and len(QgsProject.instance().mapLayers()) == 2


def test_a_file_that_a_layer_shows_is_not_written(row, server, aerial):
    row._aerial.set_layer(add(server.wms(), "map"))
    row._area.set_area(drawn())
    row.file.setFilePath(aerial.source())
    assert not row.button.isEnabled() and "The layer ortho shows this file" in row.cost.text()


def test_in_the_form_image_and_infrared_are_fetched_and_go_into_the_job(canvas, server, tmp_path):
    ortho, infrared = add(server.wms(), "ortho"), add(server.wms(layer="ORTHO.IRC"), "ortho IRC")
    fields = FormFields(canvas)
    fields.aerial.set_layer(ortho)
    fields.infrared.set_layer(infrared)
    fields.area.set_area(drawn())
    with pytest.raises(WrongField, match="ortho is a web layer") as wrong:
        fields.job()
    assert wrong.value.field == "aerial"
    fields.fetch.file.setFilePath(str(tmp_path / "fetched.tif"))
    fields.fetch.button.click()
    wait_for(lambda: not fields.fetch.task.working())
    job = fields.job()
    assert job.image.input == (str(tmp_path / "fetched.tif"),)
    assert job.image.infrared == str(tmp_path / "fetched_infrared.tif")
    fields.infrared.set_layer(infrared)
    with pytest.raises(WrongField, match="ortho IRC is a web layer") as wrong:
        fields.job()
    assert wrong.value.field == "infrared"
    fields.close()
