"""Class and confidence under the cursor."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.tests.qgis_side import write_raster
from flair_landcover.ui.canvas.identify import CursorIdentify

from .conftest import SIZE, crs, move, pixel_at, raster_layer, settle, wait_for


@pytest.fixture
def labels(tmp_path) -> QgsRasterLayer:
    """Water (5) left, plowed land (12) right, nothing (0) in the lower half."""
    pixels = np.zeros((1, SIZE, SIZE), np.uint8)
    pixels[0, :100, :100], pixels[0, :100, 100:] = 5, 12
    return raster_layer(tmp_path / "labels.tif", pixels)


@pytest.fixture
def confidence(tmp_path) -> QgsRasterLayer:
    """93 % left, not known right; declared nodata as the engine does."""
    pixels = np.full((1, SIZE, SIZE), 255, np.uint8)
    pixels[0, :, :100] = 93
    path = write_raster(tmp_path / "confidence.tif", pixels)
    from osgeo import gdal

    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.GetRasterBand(1).SetNoDataValue(255)
    dataset = None
    layer = QgsRasterLayer(str(path), "confidence")
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.fixture
def identify(canvas):
    made = CursorIdentify(canvas)
    made.heard = []
    made.seen.connect(lambda what: made.heard.append(what))
    yield made
    made.watch(None, None)


def look(canvas, identify, column: float, row: float):
    """What is said about a pixel of the rasters."""
    at = pixel_at(canvas, column, row)
    identify.heard.clear()
    move(canvas, at.x(), at.y())
    wait_for(lambda: identify.heard)
    return identify.heard[-1]


@pytest.mark.parametrize("epsg", [3857, 2154, 4326])
def test_class_and_confidence_are_found_whatever_the_canvas_crs(canvas, identify, labels, confidence, epsg):
    canvas.setDestinationCrs(crs(epsg))
    settle(canvas)
    identify.watch(labels, confidence)
    assert look(canvas, identify, 96, 50) == (5, 93)
    assert look(canvas, identify, 104, 50) == (12, None)


def test_without_a_confidence_layer_the_class_is_told_alone(canvas, identify, labels):
    identify.watch(labels, None)
    assert look(canvas, identify, 50, 50) == (5, None)


def test_nodata_and_outside_are_nothing(canvas, identify, labels, confidence):
    identify.watch(labels, confidence)
    assert look(canvas, identify, 50, 150) is None
    assert look(canvas, identify, -20, 50) is None


def test_values_are_plain_integers(canvas, identify, labels, confidence):
    identify.watch(labels, confidence)
    assert [type(value) for value in look(canvas, identify, 50, 50)] == [int, int]


def test_of_many_moves_the_last_one_counts(canvas, identify, labels):
    identify.watch(labels, None)
    start, end = pixel_at(canvas, 20, 50), pixel_at(canvas, 150, 50)
    for step in range(21):
        move(canvas, start.x() + (end.x() - start.x()) * step // 20, start.y() + (end.y() - start.y()) * step // 20)
    wait_for(lambda: identify.heard)
    QTest.qWait(100)
    assert len(identify.heard) < 10 and identify.heard[-1] == (12, None)


def test_a_hand_that_never_rests_is_told_on_its_way(canvas, identify, labels):
    identify.watch(labels, None)
    at = pixel_at(canvas, 50, 50)

    def moved_and_told() -> bool:
        move(canvas, at.x(), at.y())
        return bool(identify.heard)

    wait_for(moved_and_told)
    assert identify.heard == [(5, None)]


def test_a_cursor_that_leaves_the_canvas_sees_nothing(canvas, identify, labels):
    identify.watch(labels, None)
    at = pixel_at(canvas, 50, 50)
    move(canvas, at.x(), at.y())
    QApplication.sendEvent(canvas.viewport(), QEvent(QEvent.Type.Leave))
    QTest.qWait(100)
    assert identify.heard == [None]


def test_removed_layers_are_nothing(canvas, identify, labels, confidence):
    identify.watch(labels, confidence)
    assert look(canvas, identify, 50, 50) == (5, 93)
    QgsProject.instance().removeMapLayer(confidence.id())
    assert look(canvas, identify, 50, 50) == (5, None)
    QgsProject.instance().removeMapLayer(labels.id())
    assert look(canvas, identify, 50, 50) is None


def test_a_layer_that_goes_between_move_and_look_does_no_harm(canvas, identify, labels):
    identify.watch(labels, None)
    at = pixel_at(canvas, 50, 50)
    move(canvas, at.x(), at.y())
    QgsProject.instance().clear()
    wait_for(lambda: identify.heard)
    assert identify.heard == [None]


def test_who_watches_nothing_hears_nothing(canvas, identify, labels):
    identify.watch(labels, None)
    identify.watch(None, None)
    move(canvas, 200, 150)
    QApplication.sendEvent(canvas.viewport(), QEvent(QEvent.Type.Leave))
    QTest.qWait(100)
    assert identify.heard == []


def test_the_canvas_may_go_first(canvas, identify, labels):
    identify.watch(labels, None)
    move(canvas, 200, 150)
    sip.delete(canvas)
    QTest.qWait(100)
    identify.watch(None, None)
    assert identify.heard == []


def test_an_identify_that_is_deleted_while_it_watches_does_no_harm(canvas, identify, labels):
    other = CursorIdentify(canvas)
    other.watch(labels, None)
    move(canvas, 200, 150)
    sip.delete(other)
    identify.watch(labels, None)
    assert look(canvas, identify, 50, 50) == (5, None)
