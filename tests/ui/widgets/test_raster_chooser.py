"""Choosing a raster: a layer, a file, or nothing."""

from __future__ import annotations

from datetime import datetime

import pytest
from qgis.core import QgsProject, QgsRasterLayer

from flair_landcover.layers.description import describe_result
from flair_landcover.tests import qgis_side
from flair_landcover.tests.answers import segmentation_result
from flair_landcover.ui.widgets.raster_chooser import RasterChooser


def test_a_layer_of_the_project_gives_its_file(aerial):
    chooser = RasterChooser("Aerial image")
    assert chooser.layer() is aerial
    assert chooser.path() == aerial.source()


def test_a_web_layer_is_refused_with_the_reason(web):
    chooser = RasterChooser("Aerial image")
    with pytest.raises(ValueError, match="web map comes from WMS, which gives pictures and not the pixels"):
        chooser.path()


def test_nothing_is_chosen_at_first_where_that_is_allowed(aerial):
    chooser = RasterChooser("Sentinel-2", optional=True, nothing="none")
    assert chooser.layer() is None and chooser.path() == ""
    assert chooser.focusProxy().currentText() == "none"


def test_nothing_is_chosen_again_once_the_layer_leaves_the_project(aerial):
    chooser = RasterChooser("Sentinel-2", optional=True, nothing="none")
    chooser.set_layer(aerial)
    told = []
    chooser.changed.connect(lambda: told.append(chooser.path()))
    QgsProject.instance().removeMapLayer(aerial.id())
    assert chooser.path() == "" and chooser.focusProxy().currentText() == "none"
    assert told[-1] == ""


def test_a_file_is_an_entry_of_its_own(application, tmp_path):
    path = str(qgis_side.write_aerial(tmp_path / "heights.tif", bands=1))
    chooser = RasterChooser("Heights", optional=True, nothing="none")
    assert chooser.set_path(path)
    assert chooser.path() == path and chooser.layer() is None
    assert QgsProject.instance().mapLayers() == {}


def test_a_file_of_a_layer_in_the_project_chooses_the_layer(aerial):
    chooser = RasterChooser("Heights", optional=True, nothing="none")
    assert chooser.set_path(aerial.source())
    assert chooser.layer() is aerial


def test_an_aerial_file_becomes_a_layer_of_the_project(application, tmp_path):
    path = str(qgis_side.write_aerial(tmp_path / "ortho_2021.tif"))
    chooser = RasterChooser("Aerial image", adds_layer=True)
    assert chooser.set_path(path)
    assert chooser.layer().name() == "ortho_2021" and chooser.path() == path
    assert list(QgsProject.instance().mapLayers().values()) == [chooser.layer()]


def test_a_file_that_is_no_raster_is_not_added(application, tmp_path):
    (tmp_path / "notes.tif").write_text("no raster")
    chooser = RasterChooser("Aerial image", adds_layer=True)
    assert not chooser.set_path(str(tmp_path / "notes.tif"))
    assert QgsProject.instance().mapLayers() == {}


def test_maps_of_the_plugin_are_no_images(application, tmp_path, aerial):
    confidence = raster_layer(tmp_path, "confidence")
    result = raster_layer(tmp_path, "a map")
    classes = [[1, "building", "#db0e9a"]]
    answer = segmentation_result(classes=classes, areas_m2={"1": 2.0}, model={"id": "m", "title": "M"})
    describe_result(result, answer, datetime(2024, 5, 1), aerial_layer=aerial.id(), confidence_layer=confidence.id())
    QgsProject.instance().addMapLayers([confidence, result])
    chooser = RasterChooser("Aerial image")
    assert chooser.focusProxy().count() == 1 and chooser.layer() is aerial
    chooser.set_layer(result)
    assert chooser.layer() is aerial
    QgsProject.instance().removeMapLayer(aerial.id())
    assert chooser.layer() is None


def raster_layer(folder, name: str) -> QgsRasterLayer:
    return QgsRasterLayer(str(qgis_side.write_aerial(folder / f"{name}.tif", bands=1)), name)
