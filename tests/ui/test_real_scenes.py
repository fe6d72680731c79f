"""Real scenes through the whole job in the dock, with the bundled model: BD ORTHO, and the pairs with a real series."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from osgeo import gdal
from qgis.core import QgsProject, QgsRasterLayer, QgsSettings
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.runtime.client import EngineClient
from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_application import qgis_application
from flair_landcover.tests.ui.bare_window import Window
from flair_landcover.tests.ui.form.conftest import wait_for
from flair_landcover.ui.run.run_queue import Run

DATA = qgis_side.ROOT.resolve().parent / "shared" / "data"
BUILDING, HERBACEOUS = 1, 10
TREES, CROPS = (6, 7), (10, 11, 12)
LIDAR_BUILDING, LIDAR_HIGH = 6, 5  # classes of lidar in the sixth band of BD ORTHO's scenes, not of the map


@pytest.fixture(scope="module")
def client():
    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    made = EngineClient()
    yield made
    made.close()


@pytest.fixture
def make_dock(client):
    """Opens the dock over a copy of a scene, as an analyst who has its layer selected."""
    from flair_landcover.ui.dock import LandCoverDock

    qgis_application()
    QgsSettings().remove("flair_landcover")
    QgsProject.instance().clear()
    made = []

    def make(layer: QgsRasterLayer) -> LandCoverDock:
        QgsProject.instance().addMapLayer(layer)
        window = Window(layer)
        dock = LandCoverDock(window, lambda: client)
        made.append((dock, window))
        dock.form.activate()
        return dock

    yield make
    for dock, window in made:
        dock.unload()
        dock.deleteLater()
        window.mainWindow().deleteLater()
    QgsProject.instance().clear()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QgsSettings().remove("flair_landcover")


def scene(name: str, folder: Path) -> QgsRasterLayer:
    """A copy of a scene: QGIS writes beside what it opens."""
    if not (DATA / name).is_file():
        pytest.skip(f"the real scene is not here (../shared/data/{name})")
    copy = shutil.copy(DATA / name, folder)
    return QgsRasterLayer(str(copy), Path(name).stem)


def mapped(dock) -> tuple[np.ndarray, SegmentationJob]:
    """Presses Run; the labels (rows, columns) of the layer that comes, and the job that made them."""
    wait_for(dock.form.run_button.isEnabled)
    ended: list[Run] = []
    dock.queue.ended.connect(ended.append)
    QTest.mouseClick(dock.form.run_button, Qt.MouseButton.LeftButton)
    (run,) = wait_for(lambda: ended)
    assert run.error is None, run.error
    layer = dock.results.layer()
    assert layer is not None and layer.crs() == dock.form.fields.aerial.layer().crs()
    return qgis_side.read_pixels(layer.source())[0], run.request.job


def share(labels: np.ndarray, classes: tuple[int, ...]) -> float:
    """Of what is mapped."""
    return float(np.isin(labels[labels > 0], classes).mean())


@pytest.mark.parametrize(
    ("name", "recall", "precision"),
    [("770550_6277550_montpellier", 0.8, 0.9), ("792000_6272000_0", 0.8, 0.6), ("792000_6272000_1", 0.6, 0.4)],
)
def test_buildings_of_bd_ortho_are_those_of_lidar(make_dock, tmp_path, name, recall, precision):
    # measured: 0.86 and 0.98; 0.94 and 0.66; 0.68 and 0.47: in the last two the lidar left walls and parts unclassified
    layer = scene(f"ign-bdortho/{name}.tif", tmp_path)
    dock = make_dock(layer)
    labels, job = mapped(dock)
    assert dock.form.fields.in_doubt() == []
    lidar = qgis_side.read_pixels(layer.source())[5]
    assert labels.shape == lidar.shape and job.image.bands == ""
    assert np.mean(labels[lidar == LIDAR_BUILDING] == BUILDING) >= recall
    assert np.mean(lidar[labels == BUILDING] == LIDAR_BUILDING) >= precision
    if name.endswith("montpellier"):  # its high vegetation is classified too; measured 0.89
        assert np.isin(labels[lidar == LIDAR_HIGH], TREES).mean() >= 0.8


@pytest.mark.parametrize(
    ("name", "classes", "least"),
    [
        ("484649_6632630_fields", CROPS, 0.8),  # measured 0.94
        ("870200_6617083_houses", (BUILDING, HERBACEOUS), 0.6),  # 0.72
        ("874375_6616670", (BUILDING, HERBACEOUS, *TREES), 0.7),  # 0.79
        ("876475_6616510", (HERBACEOUS, *TREES), 0.8),  # 0.89
    ],
)
def test_scenes_of_colours_and_heights_from_lidar_are_what_they_show(make_dock, tmp_path, name, classes, least):
    dock = make_dock(scene(f"ign-lidar-scenes/{name}.tif", tmp_path))
    labels, _ = mapped(dock)
    assert dock.form.fields.in_doubt() == []
    assert share(labels, classes) >= least


@pytest.mark.parametrize(
    ("aerial", "series"),
    [
        ("anysat_Abies_alba_1_1005_WEFL_NLF.tif", "anysat_Abies_alba_1_1005_WEFL_NLF.h5"),
        ("maestro_Betula_spec._1_15679_WEFL_NLF.tif", "maestro_Betula_spec._1_15679_WEFL_NLF_2019.h5"),
    ],
)
def test_the_real_pairs_of_an_aerial_tile_and_a_year_are_woods(make_dock, tmp_path, aerial, series):
    layer = scene(f"treesatai-s2-pairs/{aerial}", tmp_path)
    dates = write_dates(DATA / "treesatai-s2-pairs" / series, layer, tmp_path / "series")
    dock = make_dock(layer)
    fields = dock.form.fields
    wait_for(lambda: fields.bands.text())
    for role, number in (("nir", 1), ("red", 2), ("green", 3), ("blue", 4)):  # as the data set says
        box = fields.bands._boxes[role]
        box.setCurrentIndex(box.findData(number))
    fields.sentinel2.set_paths((str(tmp_path / "series"),))
    wait_for(lambda: "of 146 dates" in fields.series.line.text())
    labels, job = mapped(dock)
    assert len(dates) == 146 and job.image.sentinel2 == (str(tmp_path / "series"),)
    provenance = json.loads(gdal.Open(dock.results.layer().source()).GetMetadataItem("FLAIR_LANDCOVER"))
    assert set(provenance["sentinel2_dates"]) <= {f"{date[:4]}-{date[4:6]}-{date[6:]}" for date in dates}
    assert len(provenance["sentinel2_dates"]) >= 12
    assert share(labels, TREES) >= 0.6  # measured 0.79 and 0.68; the starter model tells no conifers here


def write_dates(path: Path, layer: QgsRasterLayer, folder: Path) -> list[str]:
    """A folder of a pair's dates, with their clouds and snow in percent, around the middle of the aerial tile."""
    names = re.findall(rb"S2[AB]_MSIL2A_(\d{8})T\d{6}_N\d{4}_R\d{3}_T\w{5}_", path.read_bytes())
    dates = sorted(name.decode() for name in names)  # as the arrays have them, however the file keeps the names
    try:
        root = gdal.OpenEx(str(path), gdal.OF_MULTIDIM_RASTER).GetRootGroup()
    except RuntimeError:
        pytest.skip("this GDAL reads no HDF5")
    pixels = root.OpenMDArray("sen-2-data").ReadAsArray()
    masks = root.OpenMDArray("sen-2-masks").ReadAsArray()[:, :2].max(axis=1, keepdims=True)
    folder.mkdir()
    middle, side = layer.extent().center(), pixels.shape[-1]
    for date, bands, clouds in zip(dates, pixels, masks):
        for name, values in ((date, bands.astype(np.float32)), (f"{date}_clouds", clouds.astype(np.uint8))):
            written = qgis_side.write_raster(folder / f"{name}.tif", values, pixel_m=10.0)
            dataset = gdal.Open(str(written), gdal.GA_Update)
            dataset.SetGeoTransform((middle.x() - 5 * side, 10.0, 0, middle.y() + 5 * side, 0, -10.0))
            dataset.SetProjection(layer.crs().toWkt())
            dataset = None
    return dates
