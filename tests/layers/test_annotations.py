"""Annotation layers: made, styled, filled, saved and found again."""

# ruff: noqa: F811 - fixtures are named where they are used

from __future__ import annotations

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsVectorLayer, QgsWkbTypes

from flair_landcover.tests.qgis_side import write_polygons

from ..ui.annotate.conftest import (  # noqa: F401 - fixtures
    aerial,
    annotation_layer,
    application,
    canvas,
    english,
    lambert,
    land_cover,
    project,
    same,
    square,
)
from ..ui.canvas.conftest import crs

PANELS = LandCoverClass(14, "solar panels", "#0000ff")


def layers():
    from flair_landcover.layers import annotations as layers

    return layers


def test_a_new_layer_is_a_geopackage_of_polygons_with_its_fields(project, tmp_path):
    layer = layers().create_annotations(tmp_path / "new folder" / "mine.gpkg", lambert())
    assert layer.isValid() and layer.crs() == lambert() and layer.featureCount() == 0
    assert layer.wkbType() == QgsWkbTypes.Type.Polygon
    assert layer.dataProvider().storageType() == "GPKG" and layer.source().endswith("mine.gpkg|layername=annotations")
    fields = {field.name(): field.typeName() for field in layer.fields()}
    assert list(fields) == ["fid", "class", "was", "note", "made"]
    assert fields["class"] == fields["was"] == "Integer" and fields["made"] == "DateTime"
    assert not [path for path in (tmp_path / "new folder").iterdir() if "part" in path.name]


def test_classes_are_offered_in_the_form_and_shown_in_their_colours_half_transparent(annotations):
    index = annotations.fields().indexFromName("class")
    setup = annotations.editorWidgetSetup(index)
    assert setup.type() == "ValueMap"
    assert setup.config()["map"] == [{c.name: c.value} for c in FLAIR_CLASSES]
    *classes, other = annotations.renderer().categories()
    assert [(c.value(), c.label(), c.symbol().color().name()) for c in classes] == [
        (c.value, c.name, c.colour) for c in FLAIR_CLASSES
    ]
    assert all(0 < c.symbol().color().alpha() < 200 for c in classes)
    assert other.label() == "no class yet"
    assert layers().classes_of(annotations) == FLAIR_CLASSES


def test_a_layer_lies_on_top_also_in_an_order_of_its_own(project, land_cover, tmp_path):
    root = project.layerTreeRoot()
    root.setHasCustomLayerOrder(True)
    layer = layers().add_annotations(project, layers().create_annotations(tmp_path / "a.gpkg", lambert()))
    assert root.findLayers()[0].layer() == layer
    assert root.customLayerOrder()[0] == layer


def test_other_files_are_never_written_over(project, tmp_path):
    text = tmp_path / "notes.gpkg"
    text.write_text("not yours")
    others = write_polygons(tmp_path / "others.gpkg", [[(0, 0), (1, 0), (1, 1)]], 2154)
    before = others.read_bytes()
    for path in (text, others):
        with pytest.raises(layers().AnnotationsError, match="choose another name"):
            layers().create_annotations(path, lambert())
    assert text.read_text() == "not yours" and others.read_bytes() == before


def test_an_annotation_layer_that_is_there_is_opened_with_what_it_holds(project, annotations, tmp_path):
    layers().add_correction(project, annotations, square(0, 0, 10), lambert(), 5, 7)
    layers().save_annotations(annotations)
    again = layers().create_annotations(tmp_path / "annotations.gpkg", lambert())
    assert again.featureCount() == 1
    assert layers().add_annotations(project, again) is annotations  # not twice in the project


def test_a_folder_that_cannot_be_written_is_told(project, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(layers().AnnotationsError, match="cannot be written"):
        layers().create_annotations(tmp_path / "file" / "a.gpkg", lambert())


def test_the_layer_is_found_again_in_a_saved_project(project, annotations, tmp_path):
    layers().style_annotations(annotations, [*FLAIR_CLASSES, PANELS])
    assert project.write(str(tmp_path / "project.qgz"))
    project.clear()
    assert layers().find_annotations(project) is None
    assert project.read(str(tmp_path / "project.qgz"))
    found = layers().find_annotations(project)
    assert found is not None and layers().classes_of(found)[-1] == PANELS


def test_a_layer_whose_file_is_gone_is_not_found(project, annotations, tmp_path):
    assert project.write(str(tmp_path / "project.qgz"))
    project.clear()
    (tmp_path / "annotations.gpkg").unlink()
    project.read(str(tmp_path / "project.qgz"))
    assert project.mapLayers() and layers().find_annotations(project) is None


def test_a_layer_in_the_images_crs_comes_before_others(project, annotations, tmp_path):
    other = layers().create_annotations(tmp_path / "other.gpkg", crs(32632))
    layers().add_annotations(project, other)
    assert layers().find_annotations(project, lambert()) is annotations
    assert layers().find_annotations(project, crs(32632)) is other
    assert layers().find_annotations(project, crs(4326)) is other  # the topmost


def test_a_correction_is_one_step_that_can_be_undone_and_is_saved_by_the_analyst(project, annotations, tmp_path):
    polygon = square(5, 5, 10)
    layers().add_correction(project, annotations, polygon, lambert(), 5, 7)
    (feature,) = annotations.getFeatures()
    assert (feature["class"], feature["was"]) == (7, 5) and feature["made"].isValid()
    assert same(feature.geometry(), polygon)
    assert annotations.undoStack().undoText() == "Correct water to deciduous"
    file = QgsVectorLayer(str(tmp_path / "annotations.gpkg"), "", "ogr")
    assert annotations.isModified() and file.featureCount() == 0
    annotations.undoStack().undo()
    assert annotations.featureCount() == 0
    annotations.undoStack().redo()
    layers().save_annotations(annotations)
    assert annotations.isEditable() and not annotations.isModified()
    assert QgsVectorLayer(str(tmp_path / "annotations.gpkg"), "", "ogr").featureCount() == 1


def test_a_correction_goes_to_the_layers_own_crs(project, tmp_path):
    layer = layers().add_annotations(project, layers().create_annotations(tmp_path / "utm.gpkg", crs(32632)))
    layers().add_correction(project, layer, square(5, 5, 100), lambert(), 5, 7)
    (feature,) = layer.getFeatures()
    assert feature.geometry().area() == pytest.approx(400, rel=0.005)
    assert feature.geometry().boundingBox().xMinimum() < 400_000  # metres east in UTM 32, not in Lambert-93


def test_a_layer_that_cannot_be_edited_is_told(project, annotations):
    annotations.setReadOnly(True)
    with pytest.raises(layers().AnnotationsError, match="cannot be edited"):
        layers().add_correction(project, annotations, square(0, 0, 5), lambert(), 5, 7)


def test_a_new_class_gets_the_next_number_and_a_colour_of_its_own(annotations):
    made = layers().add_class(annotations, "  solar   panels ")
    assert (made.value, made.name) == (14, "solar panels")
    assert made.colour not in {c.colour for c in FLAIR_CLASSES}
    assert layers().classes_of(annotations)[-1] == made
    assert layers().add_class(annotations, "Solar panels") == made
    assert layers().add_class(annotations, "WATER").value == 5
    with pytest.raises(layers().AnnotationsError, match="letters"):
        layers().add_class(annotations, "17")


def test_the_classes_of_a_map_join_those_of_the_layer_and_change_no_meaning(annotations):
    panels = layers().add_class(annotations, "solar panels")
    hedge = LandCoverClass(14, "hedge", "#123456")
    layers().follow_classes(annotations, [*FLAIR_CLASSES, hedge])
    assert layers().classes_of(annotations)[-2:] == (panels, LandCoverClass(15, "hedge", "#123456"))
    before = annotations.renderer()
    layers().follow_classes(annotations, [*FLAIR_CLASSES, hedge])
    assert annotations.renderer() is before  # nothing to do


def test_other_layers_are_no_annotations(project, land_cover, tmp_path):
    mine = QgsVectorLayer(str(write_polygons(tmp_path / "mine.gpkg", [[(0, 0), (1, 0), (1, 1)]], 2154)), "", "ogr")
    project.addMapLayer(mine)
    assert layers().annotation_layers(project) == [] and layers().classes_of(mine) == ()
