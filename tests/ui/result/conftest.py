"""What the tests of results share: finished runs of small maps, a project and a canvas."""

from __future__ import annotations

import itertools
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.tests.answers import segmentation_result
from flair_landcover.tests.jobs import segmentation_job
from flair_landcover.tests.qgis_application import qgis_application

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from osgeo import gdal
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QEvent, QLocale
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.tests.qgis_side import write_aerial, write_raster

MADE = datetime(2024, 5, 1, 14, 2, 30)
SIZE = 140
# Square metres by class value, as in the legend's order; two classes are nowhere.
AREAS = [12_400.0, 310.0, 1_870.0, 60.0, 0.0, 5_210.0, 8_800.0, 900.0, 0.0, 49_600.0, 120_340.0, 90.0, 420.0]


class Runs:
    """Makes what finished runs leave: files, the engine's answer, and what was asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def make(
        self,
        confidence: bool = False,
        probabilities: bool = False,
        aerial_layer: str = "",
        difference: bool = False,
        **changes,
    ):
        """(result, request). The map: 13 columns of 10 pixels, one a class, then 10 of nodata."""
        from flair_landcover.layers.run_request import RunRequest

        folder = self._folder / f"run {next(self._numbers)}"
        folder.mkdir()
        labels = np.repeat(np.array([*range(1, 14), 0], np.uint8), 10)[None, None, :].repeat(SIZE, axis=1)
        output = write_raster(folder / "land cover.tif", labels)
        give_palette(output)
        percent = np.full((1, SIZE, SIZE), 93, np.uint8)
        paths = {
            "confidence": str(write_raster(folder / "confidence.tif", percent)) if confidence else None,
            "probabilities": str(write_raster(folder / "probabilities.tif", percent.repeat(13, axis=0)))
            if probabilities
            else None,
            "difference": str(write_raster(folder / "difference.tif", labels[:, ::-1] * (labels == 7)))
            if difference
            else None,
        }
        given = {
            "output": str(output),
            **paths,
            "areas_m2": {str(c.value): area for c, area in zip(FLAIR_CLASSES, AREAS)},
            "classes": [[c.value, c.name, c.colour] for c in FLAIR_CLASSES],
            "complete": True,
            "model": {"id": "bundled", "title": "U-T&T starter"},
            **changes,
        }
        job = segmentation_job(str(folder / "aerial.tif"), str(output), **paths)
        return segmentation_result(**given), RunRequest(job, "ortho", "U-T&T starter", aerial_layer, "", 1)


def give_palette(path: Path) -> None:
    """The colours inside the file, as the engine writes them."""
    dataset = gdal.Open(str(path), gdal.GA_Update)
    table = gdal.ColorTable()
    for c in FLAIR_CLASSES:
        table.SetColorEntry(c.value, (*c.rgb, 255))
    dataset.GetRasterBand(1).SetColorTable(table)
    dataset.GetRasterBand(1).SetNoDataValue(0)


@pytest.fixture(scope="session")
def application():
    return qgis_application()


@pytest.fixture
def runs(application, tmp_path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture
def project(application):
    """The project of the window; empty again afterwards."""
    found = QgsProject.instance()
    found.clear()
    yield found
    found.clear()
    found.layerTreeRoot().setHasCustomLayerOrder(False)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def aerial(project, tmp_path) -> QgsRasterLayer:
    """An aerial layer of the project, in a group with another layer above it and one below."""
    group = project.layerTreeRoot().addGroup("images")
    layers = [
        QgsRasterLayer(str(write_aerial(tmp_path / f"{name}.tif", SIZE, 3)), name)
        for name in ("above", "aerial", "below")
    ]
    for layer in layers:
        assert layer.isValid()
        project.addMapLayer(layer, False)
        group.addLayer(layer)
    return layers[1]


@pytest.fixture
def english(application):
    """Numbers as in English; the locale of before afterwards."""
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom))
    yield
    QLocale.setDefault(before)


@pytest.fixture
def french(application):
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.French, QLocale.Country.France))
    yield
    QLocale.setDefault(before)
