"""What the tests of the form share: a canvas over an aerial image, a project and settings of their own."""

from __future__ import annotations

import time

import pytest

from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_application import qgis_application

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsCoordinateReferenceSystem, QgsProject, QgsRasterLayer, QgsSettings
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QEvent
from qgis.PyQt.QtWidgets import QApplication


@pytest.fixture(autouse=True)
def application():
    """Nothing remembered, an empty project before and after."""
    app = qgis_application()
    QgsSettings().remove("flair_landcover")
    QgsProject.instance().clear()
    yield app
    QgsProject.instance().clear()
    QgsSettings().remove("flair_landcover")
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def aerial(tmp_path) -> QgsRasterLayer:
    """200 x 200 pixels of 0.2 m, five bands, in Lambert-93; a layer of the project."""
    layer = QgsRasterLayer(str(qgis_side.write_aerial(tmp_path / "ortho.tif")), "ortho")
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.fixture
def web(application) -> QgsRasterLayer:
    """A layer of a tile server; a layer of the project."""
    layer = QgsRasterLayer("type=xyz&zmin=0&zmax=18&url=http://localhost:1/{z}/{x}/{y}.png", "web map", "wms")
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.fixture
def canvas(application) -> QgsMapCanvas:
    """A canvas in Lambert-93."""
    made = QgsMapCanvas()
    made.resize(400, 300)
    made.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:2154"))
    yield made
    made.deleteLater()


def wait_for(condition, seconds: float = 60.0):
    """Turns the event loop until the condition gives something true, and returns it."""
    until = time.monotonic() + seconds
    while not (given := condition()):
        assert time.monotonic() < until, "it never came"
        QApplication.processEvents()
        time.sleep(0.01)
    return given
