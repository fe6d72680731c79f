"""A result in the project: where it lies, what it is called, and that it stands without the plugin."""

# ruff: noqa: F811 - fixtures are named where they are used

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.tests import qgis_side

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsReadWriteContext,
    QgsSingleBandGrayRenderer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage
from qgis.PyQt.QtXml import QDomDocument

from ..ui.result.conftest import aerial, application, english, french, project, runs  # noqa: F401 - fixtures

MADE = datetime(2024, 5, 1, 14, 2, 30)

# A QGIS that cannot find the plugin.
_READ_PROJECT = """
import json, sys
from qgis.core import QgsApplication, QgsPalettedRasterRenderer, QgsProject
app = QgsApplication([], False)
app.initQgis()
project = QgsProject.instance()
assert project.read(sys.argv[1])

def tree(node):
    if hasattr(node, "layer"):
        return [node.name(), node.isVisible()]
    return [node.name(), [tree(child) for child in node.children()]]

layer = next(each for each in project.mapLayers().values() if each.name() == "Land cover")
classes = layer.renderer().classes() if isinstance(layer.renderer(), QgsPalettedRasterRenderer) else []
print(json.dumps({
    "valid": all(each.isValid() for each in project.mapLayers().values()),
    "tree": [tree(child) for child in project.layerTreeRoot().children()],
    "legend": [[int(c.value), c.label, c.color.name()] for c in classes],
    "opacity": layer.opacity(),
}))
assert not [name for name in sys.modules if "flair_landcover" in name]
print("done", flush=True)
"""


def names(node) -> list:
    """The layer tree as nested names."""
    return [
        (child.name(), names(child)) if child.nodeType() == child.NodeType.NodeGroup else child.name()
        for child in node.children()
    ]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def render(layer) -> QImage:
    """The whole map, a pixel for each of the raster's, as QGIS draws it."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(140, 140))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    return job.renderedImage()


def test_a_result_lies_directly_above_its_aerial_layer_in_that_layers_group(runs, project, aerial):
    from flair_landcover.layers.results import add_result

    layer = add_result(project, *runs.make(True, True, aerial.id()), MADE)
    assert names(project.layerTreeRoot()) == [
        (
            "images",
            [
                "above",
                ("U-T&T starter, 14:02", ["Confidence", "Class probabilities", "Land cover"]),
                "aerial",
                "below",
            ],
        )
    ]
    shown = {node.name(): node.isVisible() for node in project.layerTreeRoot().findLayers()}
    assert shown["Land cover"] and not shown["Confidence"] and not shown["Class probabilities"]
    assert project.layerTreeRoot().findLayer(layer.id()).isExpanded()
    assert project.isDirty()


def test_what_sentinel_2_changed_lies_on_top_unchecked_in_the_maps_legend(runs, project, aerial):
    from flair_landcover.layers.description import description_of
    from flair_landcover.layers.results import add_result, companions

    layer = add_result(project, *runs.make(True, aerial_layer=aerial.id(), difference=True, changed_m2=4_200.0), MADE)
    group = project.layerTreeRoot().findLayer(layer.id()).parent()
    assert names(group) == ["Without Sentinel-2", "Confidence", "Land cover"]
    node = group.findLayers()[0]
    assert not node.isVisible() and not node.isExpanded()
    legend = [(int(c.value), c.label, c.color.name()) for c in node.layer().renderer().classes()]
    assert legend == [(c.value, c.name, c.colour) for c in FLAIR_CLASSES]
    description = description_of(layer)
    assert description.difference_layer == node.layer().id() and description.changed_m2 == 4_200.0
    assert node.layer() in companions(project, layer)


def test_a_map_in_the_models_own_classes_has_their_legend_and_areas_in_every_layer(runs, project, aerial):
    from flair_landcover.layers.description import description_of
    from flair_landcover.layers.results import add_result

    legend = [(1, "building", "#db0e9a"), (14, "swimming pool", "#3de6eb"), (16, "greenhouse", "#9999ff")]
    own = {"classes": [list(entry) for entry in legend], "areas_m2": {"1": 80.0, "14": 12.5, "16": 0.0}}
    layer = add_result(project, *runs.make(aerial_layer=aerial.id(), difference=True, **own), MADE)
    description = description_of(layer)
    assert description.classes == tuple(legend) and description.areas_m2 == {1: 80.0, 14: 12.5, 16: 0.0}
    for each in (layer, project.mapLayer(description.difference_layer)):
        assert [(int(c.value), c.label, c.color.name()) for c in each.renderer().classes()] == legend


def test_a_map_of_a_project_of_the_first_version_is_still_a_result(runs, project):
    from flair_landcover.layers.description import RESULT_PROPERTY, description_of
    from flair_landcover.layers.results import add_result, result_layers

    layer = add_result(project, *runs.make(), MADE)
    old = json.loads(layer.customProperty(RESULT_PROPERTY))
    del old["changed_m2"], old["difference_layer"]
    layer.setCustomProperty(RESULT_PROPERTY, json.dumps(old))
    assert result_layers(project) == [layer]
    assert (description_of(layer).changed_m2, description_of(layer).difference_layer) == (None, "")


def test_a_result_whose_aerial_layer_is_gone_lies_at_the_top(runs, project, aerial):
    from flair_landcover.layers.results import add_result

    add_result(project, *runs.make(aerial_layer="gone"), MADE)
    assert names(project.layerTreeRoot())[0] == ("U-T&T starter, 14:02", ["Land cover"])


def test_a_result_leaves_alternatives_and_their_choice_alone(runs, project, aerial):
    from flair_landcover.layers.results import add_result

    group = project.layerTreeRoot().findGroup("images")
    group.setIsMutuallyExclusive(True, 1)
    add_result(project, *runs.make(aerial_layer=aerial.id()), MADE)
    assert [name for name, _ in names(project.layerTreeRoot())] == ["U-T&T starter, 14:02", "images"]
    assert project.layerTreeRoot().findLayer(aerial.id()).isVisible()


def test_groups_of_one_minute_are_told_apart(runs, project):
    from flair_landcover.layers.results import add_result

    for _ in range(4):
        add_result(project, *runs.make(), MADE)
    assert {name for name, _ in names(project.layerTreeRoot())} == {
        "U-T&T starter, 14:02",
        "U-T&T starter, 14:02:30",
        "U-T&T starter, 14:02:30 (2)",
        "U-T&T starter, 14:02:30 (3)",
    }


def test_a_time_with_a_zone_is_shown_as_local_time(runs, project):
    from flair_landcover.layers.results import add_result

    elsewhere = MADE.astimezone(timezone(timedelta(hours=9)))
    add_result(project, *runs.make(), elsewhere)
    assert names(project.layerTreeRoot())[0][0] == "U-T&T starter, 14:02"


def test_an_incomplete_result_is_called_so(runs, project):
    from flair_landcover.layers.description import description_of
    from flair_landcover.layers.results import add_result

    layer = add_result(project, *runs.make(complete=False), MADE)
    assert names(project.layerTreeRoot())[0][0] == "U-T&T starter, 14:02, part"
    assert description_of(layer).complete is False


def test_a_result_is_drawn_above_its_aerial_layer_also_in_a_drawing_order_of_the_users_own(runs, project, aerial):
    from flair_landcover.layers.results import add_result

    root = project.layerTreeRoot()
    root.setHasCustomLayerOrder(True)
    root.setCustomLayerOrder(sorted(project.mapLayers().values(), key=lambda layer: layer.name(), reverse=True))
    add_result(project, *runs.make(True, aerial_layer=aerial.id()), MADE)
    assert [layer.name() for layer in root.customLayerOrder()] == [
        "below",
        "Confidence",
        "Land cover",
        "aerial",
        "above",
    ]


def test_confidence_is_grey_from_0_to_100_percent_and_transparent_on_nodata(runs, project):
    from osgeo import gdal

    from flair_landcover.layers.results import add_result

    result, request = runs.make(confidence=True)
    file = gdal.Open(result.confidence, gdal.GA_Update)
    values = file.ReadAsArray()
    values[:, :10], values[:, 10:20], values[:, 20:30], values[:, 30:] = 0, 50, 100, 255
    file.GetRasterBand(1).SetNoDataValue(255)
    file.WriteArray(values)
    file = None
    add_result(project, result, request, MADE)
    (layer,) = project.mapLayersByName("Confidence")
    assert isinstance(layer.renderer(), QgsSingleBandGrayRenderer)
    stretch = layer.renderer().contrastEnhancement()
    assert (stretch.minimumValue(), stretch.maximumValue()) == (0, 100)
    image = render(layer)
    greys = [QColor(image.pixel(column, 70)).red() for column in (5, 15, 25, 60)]
    assert greys[0] == 0 and 120 <= greys[1] <= 135 and greys[2] == 255
    assert QColor(image.pixel(60, 70)) == QColor("white")  # the background


@pytest.mark.parametrize("which", ["output", "confidence", "probabilities", "difference"])
@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_a_file_that_cannot_be_shown_is_named_and_nothing_is_added(runs, project, which, damage):
    from flair_landcover.layers.results import UnreadableResultError, add_result

    result, request = runs.make(True, True, difference=True)
    Path(getattr(result, which)).unlink()
    if damage == "broken":
        Path(getattr(result, which)).write_text("this is no raster")
    with pytest.raises(UnreadableResultError) as raised:
        add_result(project, result, request, MADE)
    assert getattr(result, which) in str(raised.value) and "run again" in str(raised.value)
    assert project.mapLayers() == {} and names(project.layerTreeRoot()) == []


def test_adding_and_restyling_a_map_writes_nothing_to_it_or_beside_it(runs, project):
    from flair_landcover.layers.results import add_result
    from flair_landcover.ui.result.result_panel import show_classes

    result, request = runs.make()
    folder = Path(result.output).parent
    before = digests(folder)
    layer = add_result(project, result, request, MADE)
    show_classes(layer, {1, 2}, False)
    layer.setOpacity(0.5)
    render(layer)
    project.write(str(folder.parent / "project.qgz"))
    project.clear()
    assert digests(folder) == before


def test_results_are_found_latest_first_and_other_layers_are_not(runs, project, aerial):
    from flair_landcover.layers.results import add_result, result_layers

    times = [MADE, MADE + timedelta(hours=2), MADE + timedelta(hours=1)]
    first, second, third = (add_result(project, *runs.make(), made) for made in times)
    assert result_layers(project) == [second, third, first]


def test_a_layer_with_a_description_that_cannot_be_read_is_no_result(runs, project, aerial):
    from flair_landcover.layers.description import RESULT_PROPERTY
    from flair_landcover.layers.results import result_layers

    for text in ("", "{", "[]", '{"areas_m2": {}}', 7):
        aerial.setCustomProperty(RESULT_PROPERTY, text)
        assert result_layers(project) == []


def test_a_pasted_style_does_not_make_a_layer_a_result_but_a_copy_of_a_result_is_one(runs, project, aerial):
    from flair_landcover.layers.description import RESULT_PROPERTY
    from flair_landcover.layers.results import add_result, result_layers

    layer = add_result(project, *runs.make(), MADE)
    document = QDomDocument()
    element = document.createElement("style")
    layer.writeStyle(element, document, "", QgsReadWriteContext())
    aerial.readStyle(element, "", QgsReadWriteContext())
    assert aerial.customProperty(RESULT_PROPERTY)  # the areas of another file came with the style
    assert result_layers(project) == [layer]
    copy = layer.clone()
    project.addMapLayer(copy)
    assert set(result_layers(project)) == {layer, copy}


def test_a_result_is_called_as_the_user_called_its_layer_or_its_group(runs, project):
    from flair_landcover.layers.results import add_result, result_title

    layer = add_result(project, *runs.make(), MADE)
    group = project.layerTreeRoot().findGroup("U-T&T starter, 14:02")
    assert result_title(project, layer) == "U-T&T starter, 14:02"
    group.setName("Before the storm")
    assert result_title(project, layer) == "Before the storm"
    layer.setName("North")
    assert result_title(project, layer) == "North"


def test_results_that_share_a_group_are_called_after_model_and_time(runs, project):
    from flair_landcover.layers.results import add_result, result_title

    layers = [add_result(project, *runs.make(), MADE + timedelta(hours=i)) for i in range(2)]
    shared = project.layerTreeRoot().addGroup("all maps")
    for layer in layers:
        node = project.layerTreeRoot().findLayer(layer.id())
        shared.addChildNode(node.clone())
        node.parent().removeChildNode(node)
    assert [result_title(project, layer) for layer in layers] == ["U-T&T starter, 14:02", "U-T&T starter, 15:02"]


def test_companions_are_the_layers_of_a_result_that_are_still_there(runs, project):
    from flair_landcover.layers.results import add_result, companions

    layer = add_result(project, *runs.make(True, True), MADE)
    assert [each.name() for each in companions(project, layer)] == ["Land cover", "Confidence", "Class probabilities"]
    project.removeMapLayer(project.mapLayersByName("Confidence")[0])
    assert [each.name() for each in companions(project, layer)] == ["Land cover", "Class probabilities"]


def test_the_description_survives_saving_and_loading_the_project(runs, project, tmp_path, aerial):
    from flair_landcover.layers.description import description_of
    from flair_landcover.layers.results import add_result, result_layers

    layer = add_result(project, *runs.make(True, aerial_layer=aerial.id()), MADE)
    before = description_of(layer)
    assert before.areas_m2[10] == 49_600 and before.classes[12] == (13, "other", "#000000")
    assert before.made == MADE.astimezone() and before.model_title == "U-T&T starter"
    assert before.aerial_layer == aerial.id()
    assert before.confidence_layer == project.mapLayersByName("Confidence")[0].id()
    assert project.write(str(tmp_path / "project.qgz"))
    project.clear()
    assert project.read(str(tmp_path / "project.qgz"))
    (loaded,) = result_layers(project)
    assert description_of(loaded) == before


def test_a_qgis_without_the_plugin_reads_the_project_with_group_order_and_legend(
    runs, project, aerial, tmp_path, tmp_path_factory
):
    from flair_landcover.layers.results import add_result

    layer = add_result(project, *runs.make(True, aerial_layer=aerial.id()), MADE)
    layer.setOpacity(0.7)
    assert project.write(str(tmp_path / "project.qgz"))
    base = tmp_path_factory.mktemp("without the plugin")
    environment = qgis_side.qgis_environment(base, "profile")
    del environment["QGIS_PLUGINPATH"]
    environment.pop("PYTHONPATH", None)
    seen = json.loads(qgis_side.run_python(_READ_PROJECT, str(tmp_path / "project.qgz"), environment=environment))
    assert seen["valid"]
    assert seen["tree"] == [
        [
            "images",
            [
                ["above", True],
                ["U-T&T starter, 14:02", [["Confidence", False], ["Land cover", True]]],
                ["aerial", True],
                ["below", True],
            ],
        ]
    ]
    assert seen["legend"] == [[c.value, c.name, c.colour] for c in FLAIR_CLASSES]
    assert seen["opacity"] == pytest.approx(0.7)


def test_a_map_lies_where_the_user_put_its_image(runs, project, aerial):
    from flair_landcover.layers.results import add_result

    crs = QgsCoordinateReferenceSystem("EPSG:32632")
    result, request = runs.make(aerial_layer=aerial.id())
    layer = add_result(project, result, replace(request, crs_wkt=crs.toWkt()), MADE)
    assert layer.crs() == crs
