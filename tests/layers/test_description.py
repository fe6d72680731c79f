"""The legend of a land-cover layer, and what the layer says about itself."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import numpy as np
import pytest

from flair_landcover.tests import qgis_side
from flair_landcover.tests.answers import segmentation_result

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsPalettedRasterRenderer, QgsRasterLayer

RESULT_PROPERTY = "flair_landcover/result"  # saved in people's projects: it may not change
RESULT = segmentation_result(
    areas_m2={"1": 12.5, "7": 0.0},
    classes=[[1, "toit d'été", "#102030"], [7, "grass", "#00ff7f"]],
    model={"id": "m", "title": "Model"},
    complete=False,
)


def one_value_layer(path) -> QgsRasterLayer:
    return QgsRasterLayer(str(qgis_side.write_raster(path, np.ones((1, 4, 4), np.uint8))), path.stem)


def test_a_layer_gets_the_classes_that_it_is_given(application, tmp_path):
    from flair_landcover.layers.styling import style_land_cover

    path = qgis_side.write_raster(tmp_path / "map.tif", np.ones((1, 4, 4), np.uint8))
    layer = QgsRasterLayer(str(path), "map")
    legend = [(1, "roof", "#102030"), (7, "grass", "#00ff7f")]
    style_land_cover(layer, legend)
    assert isinstance(layer.renderer(), QgsPalettedRasterRenderer)
    assert [(int(c.value), c.label, c.color.name()) for c in layer.renderer().classes()] == legend


def test_a_description_holds_what_the_panel_shows_as_json_that_is_saved_with_the_layer(application, tmp_path):
    from flair_landcover.layers.description import describe_result

    layer = one_value_layer(tmp_path / "map.tif")
    describe_result(
        layer, RESULT, datetime(2024, 5, 1, 14, 2, tzinfo=timezone.utc), "aerial", "confidence", "all", "other"
    )
    described = json.loads(layer.customProperty(RESULT_PROPERTY))
    assert datetime.fromisoformat(described.pop("made")) == datetime(2024, 5, 1, 14, 2, tzinfo=timezone.utc)
    assert described == {
        "areas_m2": {"1": 12.5, "7": 0.0},
        "classes": [[1, "toit d'été", "#102030"], [7, "grass", "#00ff7f"]],
        "model": {"id": "m", "title": "Model"},
        "complete": False,
        "changed_m2": None,
        "aerial_layer": "aerial",
        "confidence_layer": "confidence",
        "probabilities_layer": "all",
        "difference_layer": "other",
        "layer": layer.id(),
        "name": "map",
    }


def test_a_complete_map_of_an_unnamed_model_is_described_as_such(application, tmp_path):
    from flair_landcover.layers.description import describe_result

    layer = one_value_layer(tmp_path / "map.tif")
    result = segmentation_result(areas_m2=RESULT.areas_m2, classes=RESULT.classes)
    describe_result(layer, result, datetime(2024, 5, 1, 14, 2))
    described = json.loads(layer.customProperty(RESULT_PROPERTY))
    assert described["complete"] is True and described["model"] == {"id": "", "title": ""}
    assert datetime.fromisoformat(described["made"]).utcoffset() is not None
