"""What the tests of the map canvas share: a canvas in Web Mercator over rasters in Lambert-93, and a mouse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flair_landcover.tests.qgis_application import qgis_application

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import (
    QgsContrastEnhancement,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.gui import QgsMapCanvas
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QPoint, QPointF, Qt
from qgis.PyQt.QtGui import QColor, QImage, QMouseEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.tests.qgis_side import LEFT, PIXEL_M, TOP, write_raster

SIZE = 200  # pixels a side of the rasters: 40 m
LEFT_BUTTON, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


@pytest.fixture(scope="session")
def application():
    return qgis_application()


@pytest.fixture
def canvas(application):
    """400 x 300 pixels in EPSG:3857, 0.3 m of the map a pixel, the rasters' middle in its middle."""
    made = QgsMapCanvas()
    made.resize(400, 300)
    made.setFrameStyle(0)
    made.show()
    made.setDestinationCrs(crs(3857))
    middle = to_crs(LEFT + 20, TOP - 20, 3857)
    made.setExtent(QgsRectangle(middle.x() - 60, middle.y() - 45, middle.x() + 60, middle.y() + 45))
    settle(made)
    yield made
    if not sip.isdeleted(made):
        sip.delete(made)
    QgsProject.instance().clear()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def plain(tmp_path):
    """Makes a layer of one value on all of its 200 x 200 pixels; the project owns it."""

    def make(value: int, name: str) -> QgsRasterLayer:
        return raster_layer(tmp_path / f"{name}.tif", np.full((1, SIZE, SIZE), value, np.uint8))

    return make


def raster_layer(path: Path, pixels: np.ndarray) -> QgsRasterLayer:
    layer = QgsRasterLayer(str(write_raster(path, pixels)), path.stem)
    assert layer.isValid()
    layer.setContrastEnhancement(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.NoEnhancement
    )  # the pixels' values are the greys seen
    QgsProject.instance().addMapLayer(layer)
    return layer


def crs(epsg: int) -> QgsCoordinateReferenceSystem:
    return QgsCoordinateReferenceSystem(f"EPSG:{epsg}")


def to_crs(x: float, y: float, epsg: int, source: int = 2154) -> QgsPointXY:
    return QgsCoordinateTransform(crs(source), crs(epsg), QgsProject.instance()).transform(QgsPointXY(x, y))


def pixel_at(canvas, column: float, row: float) -> QPoint:
    """Where on the viewport a pixel's upper left corner of the rasters lies."""
    epsg = int(canvas.mapSettings().destinationCrs().authid().split(":")[1])
    point = to_crs(LEFT + column * PIXEL_M, TOP - row * PIXEL_M, epsg)
    on_canvas = canvas.getCoordinateTransform().transform(point)
    return QPoint(round(on_canvas.x()), round(on_canvas.y()))


def settle(canvas) -> None:
    """Turns the event loop until the map is drawn."""
    for _ in range(3):
        QApplication.processEvents()
        canvas.waitWhileRendering()
    QApplication.processEvents()


def wait_for(condition) -> None:
    for _ in range(500):
        if condition():
            return
        QTest.qWait(10)
    raise AssertionError("it never came")


def shot(canvas) -> QImage:
    """What the user sees."""
    QApplication.processEvents()
    return canvas.grab().toImage()


def colour(image: QImage, x: int, y: int) -> tuple[int, int, int]:
    return QColor(image.pixel(x, y)).getRgb()[:3]


def items_of(canvas) -> set[str]:
    """Kinds of what is on the canvas beside the map."""
    return {type(item).__name__ for item in canvas.scene().items() if item.zValue() != -10}


def move(canvas, x: int, y: int, buttons=NO_BUTTON) -> None:
    """The mouse moves to a place on the viewport (QTest's own move forgets the button that is down)."""
    viewport, at = canvas.viewport(), QPoint(x, y)
    none = Qt.KeyboardModifier.NoModifier
    place, screen = QPointF(at), QPointF(viewport.mapToGlobal(at))
    QApplication.sendEvent(viewport, QMouseEvent(QEvent.Type.MouseMove, place, screen, NO_BUTTON, buttons, none))


def press(canvas, x: int, y: int, button=LEFT_BUTTON) -> None:
    QTest.mousePress(canvas.viewport(), button, pos=QPoint(x, y))


def release(canvas, x: int, y: int, button=LEFT_BUTTON) -> None:
    QTest.mouseRelease(canvas.viewport(), button, pos=QPoint(x, y))


def click(canvas, x: int, y: int, button=LEFT_BUTTON) -> None:
    move(canvas, x, y)
    press(canvas, x, y, button)
    release(canvas, x, y, button)


def drag(canvas, start: tuple[int, int], end: tuple[int, int]) -> None:
    move(canvas, *start)
    press(canvas, *start)
    move(canvas, (start[0] + end[0]) // 2, (start[1] + end[1]) // 2, LEFT_BUTTON)
    move(canvas, *end, LEFT_BUTTON)
    release(canvas, *end)
