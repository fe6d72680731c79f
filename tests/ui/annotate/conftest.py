"""What the tests of annotations share: a map with confidence on a canvas in Web Mercator, and an annotation layer."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.tests.answers import segmentation_result

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsCoordinateReferenceSystem, QgsFeature, QgsGeometry, QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QLocale, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.tests.qgis_side import LEFT, PIXEL_M, TOP, write_aerial, write_raster

from ..canvas.conftest import (  # noqa: F401 - fixtures
    SIZE,
    application,
    canvas,
    click,
    pixel_at,
    settle,
    wait_for,
)

LEGEND: list = [[c.value, c.name, c.colour] for c in FLAIR_CLASSES]


def painted() -> np.ndarray:
    """(200, 200): grass, a pond of 20 x 10 pixels, a forest to the right, and a frame of nodata."""
    labels = np.full((SIZE, SIZE), 10, np.uint8)
    labels[90:110, 60:70] = 5
    labels[:, 120:] = 7
    labels[[0, -1]] = labels[:, [0, -1]] = 0
    return labels


def doubted() -> np.ndarray:
    """(200, 200): 90 percent, but 30 in the upper half of the forest."""
    percent = np.full((SIZE, SIZE), 90, np.uint8)
    percent[:100, 120:] = 30
    return percent


@pytest.fixture
def project(application):  # noqa: F811
    """The project of the window; empty again afterwards."""
    found = QgsProject.instance()
    found.clear()
    yield found
    found.clear()
    found.layerTreeRoot().setHasCustomLayerOrder(False)


@pytest.fixture
def aerial(project, tmp_path) -> QgsRasterLayer:
    layer = QgsRasterLayer(str(write_aerial(tmp_path / "ortho.tif", SIZE, 3)), "ortho")
    project.addMapLayer(layer)
    return layer


@pytest.fixture
def land_cover(project, aerial, tmp_path) -> QgsRasterLayer:
    """A result of the project over the aerial image, with confidence."""
    from flair_landcover.layers.description import describe_result
    from flair_landcover.layers.styling import style_land_cover

    confidence = QgsRasterLayer(str(write_raster(tmp_path / "confidence.tif", doubted()[None])), "Confidence")
    layer = QgsRasterLayer(str(write_raster(tmp_path / "map.tif", painted()[None])), "Land cover")
    for each in (confidence, layer):
        project.addMapLayer(each)
    style_land_cover(layer, [(value, name, colour) for value, name, colour in LEGEND])
    areas = {str(value): float((painted() == value).sum()) * PIXEL_M**2 for value, _, _ in LEGEND}
    result = segmentation_result(areas_m2=areas, classes=LEGEND, model={"id": "bundled", "title": "Starter"})
    describe_result(layer, result, datetime(2024, 5, 1), aerial.id(), confidence.id())
    return layer


@pytest.fixture
def confidence(project, land_cover) -> QgsRasterLayer:
    (layer,) = project.mapLayersByName("Confidence")
    return layer


@pytest.fixture
def english(application):  # noqa: F811
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom))
    yield
    QLocale.setDefault(before)


@pytest.fixture(name="annotations")
def annotation_layer(project, tmp_path) -> QgsVectorLayer:
    """An empty annotation layer of the project, in the aerial image's CRS."""
    from flair_landcover.layers.annotations import add_annotations, create_annotations

    return add_annotations(project, create_annotations(tmp_path / "annotations.gpkg", lambert()))


def lambert() -> QgsCoordinateReferenceSystem:
    return QgsCoordinateReferenceSystem("EPSG:2154")


def picture(*rows: str) -> np.ndarray:
    """A character a pixel."""
    return np.array([[ord(letter) for letter in row] for row in rows], np.uint8)


def square(column: int, row: int, pixels: int) -> QgsGeometry:
    """A square of the rasters' pixels, in Lambert-93."""
    corners = [(column, row), (column + pixels, row), (column + pixels, row + pixels), (column, row + pixels)]
    ring = ", ".join(f"{LEFT + x * PIXEL_M} {TOP - y * PIXEL_M}" for x, y in [*corners, corners[0]])
    return QgsGeometry.fromWkt(f"POLYGON(({ring}))")


def memory_layer(project, kind: str, values: list, pixels: int = 10) -> QgsVectorLayer:
    """A layer of squares in Lambert-93 with a field `kind`; kind: its type, such as "string"."""
    layer = QgsVectorLayer(f"Polygon?crs=EPSG:2154&field=kind:{kind}", "mine", "memory")
    features = []
    for number, value in enumerate(values):
        feature = QgsFeature(layer.fields())
        feature.setAttributes([value])
        feature.setGeometry(square(number * pixels, 0, pixels))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    project.addMapLayer(layer)
    return layer


def key(canvas, which, modifier=Qt.KeyboardModifier.NoModifier) -> None:  # noqa: F811
    QTest.keyClick(canvas, which, modifier)
    QApplication.processEvents()


def same(one: QgsGeometry, other: QgsGeometry) -> bool:
    return one.symDifference(other).area() < 1e-6
