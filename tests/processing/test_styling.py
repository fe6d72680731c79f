"""The legend of a land-cover map, with the plugin and without."""

from __future__ import annotations

import json

import numpy as np
import pytest

from flair_landcover.models.nomenclature import FLAIR_CLASSES
from flair_landcover.tests import qgis_side

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsPalettedRasterRenderer, QgsRasterLayer

# A QGIS that has never heard of the plugin: it may not even be found.
_SHOW_LEGEND = """
import json, sys
from qgis.core import QgsApplication, QgsPalettedRasterRenderer, QgsRasterLayer
app = QgsApplication([], False)
app.initQgis()
layer = QgsRasterLayer(sys.argv[1], "map")
classes = layer.renderer().classes() if isinstance(layer.renderer(), QgsPalettedRasterRenderer) else []
print(json.dumps([[int(c.value), c.label, c.color.name()] for c in classes]))
assert not [name for name in sys.modules if "flair_landcover" in name]
print("done", flush=True)
"""


def test_a_layer_gets_the_classes_that_it_is_given(application, tmp_path):
    from flair_landcover.processing.styling import style_land_cover

    path = qgis_side.write_raster(tmp_path / "map.tif", np.ones((1, 4, 4), np.uint8))
    layer = QgsRasterLayer(str(path), "map")
    legend = [(1, "roof", "#102030"), (7, "grass", "#00ff7f")]
    style_land_cover(layer, legend)
    assert isinstance(layer.renderer(), QgsPalettedRasterRenderer)
    assert [(int(c.value), c.label, c.color.name()) for c in layer.renderer().classes()] == legend


def test_a_layer_that_is_no_raster_is_left_alone(application):
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsVectorLayer

    from flair_landcover.processing.styling import LandCoverStyler

    layer = QgsVectorLayer("Point", "points", "memory")
    before = layer.renderer().dump()
    LandCoverStyler([(1, "roof", "#102030")]).postProcessLayer(layer, QgsProcessingContext(), QgsProcessingFeedback())
    assert layer.renderer().dump() == before


def test_a_qgis_without_the_plugin_shows_the_13_names_and_colours(segment, aerial, base, tmp_path):
    segment(INPUT=aerial, OUTPUT=tmp_path / "map.tif")
    environment = qgis_side.qgis_environment(base, "profile-without-plugin")
    del environment["QGIS_PLUGINPATH"]
    environment.pop("PYTHONPATH", None)
    shown = json.loads(qgis_side.run_python(_SHOW_LEGEND, str(tmp_path / "map.tif"), environment=environment))
    # A palette of 4 bits has 16 entries: no data and two that no pixel has come along.
    assert len(shown) <= 16
    classes = [tuple(entry) for entry in shown if 1 <= entry[0] <= 13]
    assert classes == [(c.value, c.name, c.colour) for c in FLAIR_CLASSES]
