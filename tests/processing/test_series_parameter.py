"""The parameter SENTINEL2: any form of a series, from scripts, models and the dialog."""

from __future__ import annotations

import numpy as np
import pytest

from flair_landcover.tests import qgis_side

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsApplication, QgsProcessingContext, QgsProject, QgsRasterLayer
from qgis.PyQt.QtWidgets import QWidget

from flair_landcover.processing.series_parameter import SeriesParameter, series_of
from flair_landcover.ui.widgets.series_chooser import SeriesChooser


@pytest.fixture
def parameter(application) -> SeriesParameter:
    found = QgsApplication.processingRegistry().algorithmById("flair:segment").parameterDefinition("SENTINEL2")
    assert isinstance(found, SeriesParameter)
    return found


@pytest.fixture
def context(application) -> QgsProcessingContext:
    made = QgsProcessingContext()
    made.setProject(QgsProject.instance())
    return made


@pytest.fixture
def layers(application, tmp_path):
    """Two layers of the project."""
    found = []
    for name in ("20210415", "20210420"):
        path = qgis_side.write_raster(tmp_path / f"{name}.tif", np.ones((10, 4, 4), np.uint8), pixel_m=10.0)
        found.append(QgsRasterLayer(str(path), name))
        QgsProject.instance().addMapLayer(found[-1])
    yield found
    QgsProject.instance().clear()


def test_layers_files_folders_and_products_are_accepted_and_nothing_too(parameter, context, layers, tmp_path):
    for value in (None, "", [], layers[0], layers, layers[0].id(), str(tmp_path), "S2A.SAFE", [layers[0], "a.zip"]):
        assert parameter.checkValueIsAcceptable(value, context), value
    for value in (3, [3], {"a": 1}):
        assert not parameter.checkValueIsAcceptable(value, context), value


def test_what_was_given_becomes_paths(context, layers, tmp_path, monkeypatch):
    first, second = (layer.source() for layer in layers)
    assert series_of(None, context) is None and series_of([], context) is None
    assert series_of(layers[0], context) == (first,)
    assert series_of([layers[0].id(), "20210420", first], context) == (first, second)
    assert series_of(str(tmp_path), context) == (str(tmp_path),)
    monkeypatch.chdir(tmp_path)
    assert series_of(["20210420.tif"], context) == (second,)


def test_a_copy_is_the_same_parameter(parameter, context, tmp_path):
    copy = parameter.clone()
    assert isinstance(copy, SeriesParameter) and copy.help() == parameter.help()
    assert copy.checkValueIsAcceptable(str(tmp_path), context)
    assert (copy.name(), copy.description(), copy.flags()) == ("SENTINEL2", parameter.description(), parameter.flags())


def test_the_dialog_has_the_chooser_and_gets_back_what_it_was_given(parameter, context, layers, tmp_path):
    from processing.gui.wrappers import WidgetWrapperFactory

    dialog = QWidget()
    wrapper = WidgetWrapperFactory.create_wrapper(parameter, dialog)
    assert isinstance(wrapper.widget, SeriesChooser)
    assert wrapper.parameterValue() is None
    told = []
    wrapper.widgetValueHasChanged.connect(lambda _: told.append(wrapper.parameterValue()))
    for value in ([str(tmp_path)], [layers[1].id()], [layer.id() for layer in layers]):
        wrapper.setParameterValue(value, context)
        assert wrapper.parameterValue() == value
    assert told[-1] == [layer.id() for layer in layers]
    wrapper.setParameterValue(layers[0], context)
    assert wrapper.parameterValue() == [layers[0].id()]
    wrapper.setParameterValue(None, context)
    assert wrapper.parameterValue() is None
