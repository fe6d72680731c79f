"""Several tiles as one image in the form, with a real engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from osgeo import gdal, ogr
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QListWidget

from flair_landcover.layers.tiles import image_paths
from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_side import LEFT, PIXEL_M
from flair_landcover.tests.ui.form.conftest import wait_for
from flair_landcover.ui.widgets.layers_dialog import LayersDialog

from .test_form import client, make_form, model, ready, refused, said  # noqa: F401 - fixtures

CUTS = (0, 70, 140, 200)  # columns, where an aerial raster is cut into tiles


@pytest.fixture
def tiles(tmp_path) -> list[str]:
    """The aerial raster of 200 pixels, cut into three tiles in a folder of their own."""
    pixels = qgis_side.read_pixels(qgis_side.write_aerial(tmp_path / "whole.tif", bands=3))
    folder = tmp_path / "département 49"
    folder.mkdir()
    return [
        str(
            qgis_side.write_raster(
                folder / f"tile_{start}.tif", pixels[:, :, start:end].copy(), left=LEFT + start * PIXEL_M
            )
        )
        for start, end in zip(CUTS, CUTS[1:])
    ]


def shown(layer: QgsRasterLayer) -> np.ndarray:
    """The first band as QGIS has it."""
    block = layer.dataProvider().block(1, layer.extent(), layer.width(), layer.height())
    return np.frombuffer(bytes(block.data()), np.uint8).reshape(layer.height(), layer.width())


def test_a_folder_of_tiles_is_one_layer_and_one_image(make_form, tiles, tmp_path):  # noqa: F811
    folder = str(Path(tiles[0]).parent)
    form = make_form()
    form.fields.aerial.set_tiles((folder,))
    assert form.fields.aerial.pending() == (folder,) and not form.run_button.isEnabled()
    wait_for(lambda: form.fields.aerial.layer())
    layer = form.fields.aerial.layer()
    assert layer.name() == "3 tiles of département 49" and image_paths(layer) == (folder,)
    assert np.array_equal(shown(layer), qgis_side.read_pixels(tmp_path / "whole.tif")[0])
    ready(form)
    assert form.fields.job().image.input == (folder,)
    assert "200 × 200 pixels of 0.2 m, 3 bands" in said(form)
    form.fields.aerial.set_tiles((folder,))  # the layer that is there
    assert len(QgsProject.instance().mapLayers()) == 1


def test_what_the_project_keeps_of_tiles_is_enough_to_go_on(make_form, tiles, tmp_path):  # noqa: F811
    form = make_form()
    form.fields.aerial.set_tiles(tiles)
    wait_for(lambda: form.fields.aerial.layer())
    ready(form)
    QTest.mouseClick(form.run_button, Qt.MouseButton.LeftButton)
    project = QgsProject.instance()
    assert project.write(str(tmp_path / "project.qgz"))
    project.clear()
    assert project.read(str(tmp_path / "project.qgz"))
    again = make_form()
    layer = again.fields.aerial.layer()
    assert layer is not None and layer.isValid() and layer.name() == "3 tiles of département 49"
    ready(again)
    assert again.fields.job().image.input == tuple(tiles)


def test_a_tile_index_is_one_image(make_form, tiles, tmp_path):  # noqa: F811
    index = str(tmp_path / "index.gpkg")
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(index)
    layer = dataset.CreateLayer("index", gdal.Open(tiles[0]).GetSpatialRef(), ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("location", ogr.OFTString))
    for tile in tiles:
        feature = ogr.Feature(layer.GetLayerDefn())
        feature["location"] = tile
        layer.CreateFeature(feature)
    layer = feature = dataset = None
    form = make_form()
    form.fields.aerial.set_tiles((index,))
    wait_for(lambda: form.fields.aerial.layer())
    assert form.fields.aerial.layer().name() == "3 tiles of index.gpkg"
    ready(form)
    assert form.fields.job().image.input == (index,)


def test_layers_of_the_project_are_tiles_of_one_image(make_form, tiles):  # noqa: F811
    layers = [QgsRasterLayer(tile, Path(tile).stem) for tile in tiles]
    QgsProject.instance().addMapLayers(layers)
    form = make_form()
    action = next(a for a in form.fields.aerial._browse.menu().actions() if a.text() == "Several layers…")
    action.trigger()
    dialog = form.fields.aerial.findChild(LayersDialog)
    items = dialog.findChild(QListWidget)
    for row in range(items.count()):
        items.item(row).setCheckState(Qt.CheckState.Checked)
    dialog.accept()
    wait_for(lambda: form.fields.aerial.layer() and form.fields.aerial.layer() not in layers)
    ready(form)
    assert sorted(form.fields.job().image.input) == sorted(tiles)


def test_a_folder_without_rasters_is_refused_under_its_field_until_another_image_is_chosen(
    make_form,  # noqa: F811
    aerial,
    tmp_path,
):
    (tmp_path / "empty").mkdir()
    form = make_form()
    ready(form)
    form.fields.aerial.set_tiles((str(tmp_path / "empty"),))
    refused(form, "holds no raster")
    assert form.reason.text() == "Run waits for the field “Image”."
    form.check_soon()
    QTest.qWait(400)
    assert "holds no raster" in said(form) and not form.run_button.isEnabled()
    form.choose_aerial(aerial)
    ready(form)
