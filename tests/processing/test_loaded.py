"""The layers of a map that Processing loads: their legend, with the plugin and without, and the map's description."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.tests import qgis_side
from flair_landcover.tests.answers import segmentation_result

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsRasterLayer

RESULT_PROPERTY = "flair_landcover/result"  # saved in people's projects: it may not change
RESULT = segmentation_result(
    areas_m2={"1": 12.5, "7": 0.0},
    classes=[[1, "toit d'été", "#102030"], [7, "grass", "#00ff7f"]],
    model={"id": "m", "title": "Model"},
    complete=False,
)

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


def one_value_layer(path) -> QgsRasterLayer:
    return QgsRasterLayer(str(qgis_side.write_raster(path, np.ones((1, 4, 4), np.uint8))), path.stem)


def test_a_layer_that_is_no_raster_is_left_alone(application):
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsVectorLayer

    from flair_landcover.processing.loaded import LandCoverStyler

    layer = QgsVectorLayer("Point", "points", "memory")
    before = layer.renderer().dump()
    LandCoverStyler(RESULT).postProcessLayer(layer, QgsProcessingContext(), QgsProcessingFeedback())
    assert layer.renderer().dump() == before
    assert layer.customProperty(RESULT_PROPERTY) is None


@pytest.mark.parametrize("first", ["map", "confidence"])
def test_the_map_knows_its_confidence_layer_whichever_is_loaded_first(application, tmp_path, first):
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsSingleBandGrayRenderer

    from flair_landcover.processing.loaded import ConfidenceStyler, LandCoverStyler

    labels, confidence = (one_value_layer(tmp_path / f"{name}.tif") for name in ("map", "confidence"))
    land_cover = LandCoverStyler(RESULT, "aerial")
    steps = [(land_cover, labels), (ConfidenceStyler(land_cover), confidence)]
    del land_cover
    for styler, layer in steps if first == "map" else reversed(steps):
        styler.postProcessLayer(layer, QgsProcessingContext(), QgsProcessingFeedback())
    described = json.loads(labels.customProperty(RESULT_PROPERTY))
    assert (described["aerial_layer"], described["confidence_layer"]) == ("aerial", confidence.id())
    assert isinstance(confidence.renderer(), QgsSingleBandGrayRenderer)
    assert confidence.renderer().contrastEnhancement().maximumValue() == 100
    assert confidence.customProperty(RESULT_PROPERTY) is None


@pytest.mark.parametrize("first", ["map", "difference"])
def test_the_map_knows_what_sentinel_2_changed_whichever_is_loaded_first(application, tmp_path, first):
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback

    from flair_landcover.processing.loaded import DifferenceStyler, LandCoverStyler

    labels, difference = (one_value_layer(tmp_path / f"{name}.tif") for name in ("map", "difference"))
    land_cover = LandCoverStyler(replace(RESULT, changed_m2=12.5))
    legend = [(1, "roof", "#102030"), (7, "grass", "#00ff7f")]
    steps = [(land_cover, labels), (DifferenceStyler(legend, land_cover), difference)]
    del land_cover
    for styler, layer in steps if first == "map" else reversed(steps):
        styler.postProcessLayer(layer, QgsProcessingContext(), QgsProcessingFeedback())
    described = json.loads(labels.customProperty(RESULT_PROPERTY))
    assert (described["difference_layer"], described["changed_m2"]) == (difference.id(), 12.5)
    assert [(int(c.value), c.label, c.color.name()) for c in difference.renderer().classes()] == legend
    assert difference.customProperty(RESULT_PROPERTY) is None


def test_a_confidence_that_is_loaded_alone_is_styled(application, tmp_path):
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback

    from flair_landcover.processing.loaded import ConfidenceStyler

    layer = one_value_layer(tmp_path / "confidence.tif")
    ConfidenceStyler().postProcessLayer(layer, QgsProcessingContext(), QgsProcessingFeedback())
    assert layer.renderer().contrastEnhancement().maximumValue() == 100


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


def test_a_map_that_processing_loads_is_a_result_that_the_dock_knows(model, application, aerial, tmp_path):
    import processing
    from qgis.core import QgsProject

    from flair_landcover.layers.description import description_of
    from flair_landcover.layers.results import result_layers, result_title

    project = QgsProject.instance()
    project.clear()
    layer = QgsRasterLayer(str(aerial), "aerial")
    project.addMapLayer(layer)
    outputs = processing.runAndLoadResults(
        "flair:segment",
        {
            "INPUT": layer,
            "MODEL": str(model),
            "PRECISION": "fp32",
            "DEVICE": "cpu",
            "OUTPUT": str(tmp_path / "map.tif"),
            "OUTPUT_CONFIDENCE": str(tmp_path / "confidence.tif"),
        },
    )
    (loaded,) = result_layers(project)
    description = description_of(loaded)
    (confidence,) = (each for each in project.mapLayers().values() if each.source().endswith("confidence.tif"))
    assert description.aerial_layer == layer.id() and description.confidence_layer == confidence.id()
    assert description.areas_m2[1] == pytest.approx(outputs["AREA_BUILDING"])
    assert sum(description.areas_m2.values()) == pytest.approx(1600)
    assert result_title(project, loaded).startswith("Untrained, ")
    project.clear()
