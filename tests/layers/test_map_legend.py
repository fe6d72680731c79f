"""The legends of maps that came into the project as copies."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from osgeo import gdal
from qgis.core import QgsPalettedRasterRenderer, QgsProject, QgsRasterLayer
from qgis.PyQt.QtGui import QColor

from flair_landcover.layers.map_legend import MapLegends

WANTED = [(c.value, c.name, c.colour) for c in FLAIR_CLASSES]
POOL = (14, "swimming pool", "#3de6eb")


def write_map(path: Path, left: float = 652000, tags: bool = True, more: tuple = ()) -> Path:
    """A map as the engine writes it, without what lies beside it."""
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), 60, 60, 1, gdal.GDT_Byte, ["NBITS=4"])
    dataset.SetGeoTransform((left, 0.2, 0, 6862000, 0, -0.2))
    dataset.SetProjection("EPSG:2154")
    band = dataset.GetRasterBand(1)
    table = gdal.ColorTable()
    table.SetColorEntry(0, (0, 0, 0, 0))
    classes = [*WANTED, *more]
    for value, _, colour in classes:
        table.SetColorEntry(value, (*(int(colour[i : i + 2], 16) for i in (1, 3, 5)), 255))
    band.SetColorTable(table)
    band.SetNoDataValue(0)
    if tags:
        band.SetMetadata({f"CLASS_{value}": name for value, name, _ in classes})
    band.WriteArray(np.arange(3600, dtype=np.uint8).reshape(60, 60) % 14)
    dataset = None
    return path


@pytest.fixture
def added(application):
    """Adds a file to a project that is looked at, and gives the legend that QGIS shows then, and the layer."""
    project = QgsProject()
    legends = MapLegends(project)

    def add(path: Path | QgsRasterLayer):
        layer = path if isinstance(path, QgsRasterLayer) else QgsRasterLayer(str(path), "map")
        project.addMapLayer(layer)
        return legend(layer)

    yield add
    legends.rest()
    project.clear()


def legend(layer: QgsRasterLayer) -> list[tuple[int, str, str]]:
    return [(int(c.value), c.label, c.color.name()) for c in layer.renderer().classes()]


COPIES = {
    "alone": lambda maps, path: shutil.copyfile(maps[0], path),
    "translated": lambda maps, path: gdal.Translate(str(path), str(maps[0]), options="-of COG"),
    "warped": lambda maps, path: gdal.Warp(str(path), str(maps[0]), options="-t_srs EPSG:32631"),
    "warped of two": lambda maps, path: gdal.Warp(str(path), [str(each) for each in maps]),
    "a VRT": lambda maps, path: gdal.BuildVRT(str(path), [str(each) for each in maps]),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_shows_the_classes_alone_by_their_names(how, added, tmp_path):
    maps = [write_map(tmp_path / "a.tif"), write_map(tmp_path / "b.tif", 652012)]
    path = tmp_path / ("copy.vrt" if how == "a VRT" else "copy.tif")
    COPIES[how](maps, path)
    assert added(path) == WANTED


def test_a_models_own_classes_have_their_names_or_their_numbers(added, tmp_path):
    named = write_map(tmp_path / "a.tif", more=(POOL,))
    assert added(named) == [*WANTED, POOL]
    nameless = write_map(tmp_path / "b.tif", more=(POOL,), tags=False)
    assert added(nameless) == [*WANTED, (14, "14", POOL[2])]


def test_a_layer_that_has_a_style_keeps_it(added, tmp_path):
    layer = QgsRasterLayer(str(write_map(tmp_path / "a.tif")), "map")
    mine = [QgsPalettedRasterRenderer.Class(1, QColor("#123456"), "mine")]
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, mine))
    assert added(layer) == [(1, "mine", "#123456")]


def test_another_raster_with_a_colour_table_is_left_alone(added, tmp_path):
    path = write_map(tmp_path / "a.tif", tags=False)
    dataset = gdal.Open(str(path), gdal.GA_Update)
    table = gdal.ColorTable()
    table.SetColorEntry(3, (1, 2, 3, 255))
    dataset.GetRasterBand(1).SetColorTable(table)
    dataset = None
    assert len(added(path)) == 16


def test_nothing_is_looked_at_after_the_plugin_has_gone(application, tmp_path):
    project = QgsProject()
    MapLegends(project).rest()
    layer = QgsRasterLayer(str(write_map(tmp_path / "a.tif")), "map")
    project.addMapLayer(layer)
    assert len(legend(layer)) == 16
    project.clear()
