"""Polygons for the engine: the layer's own file, or a copy of what QGIS shows."""

from __future__ import annotations

import os

import pytest

from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_side import LEFT, TOP

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from osgeo import ogr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsField,
    QgsGeometry,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorLayerJoinInfo,
)
from qgis.PyQt.QtCore import QVariant

from flair_landcover.layers.polygons import copied_file, remove_copy, saved_file

CONTEXT = QgsCoordinateTransformContext()


@pytest.fixture
def layer(application, tmp_path) -> QgsVectorLayer:
    """Three saved polygons of the classes 1, 5 and none."""
    path = qgis_side.write_annotations(tmp_path / "parcelles é.gpkg", [1, 5, None])
    made = QgsVectorLayer(f"{path}|layername=mask", "parcelles", "ogr")
    assert made.isValid()
    return made


@pytest.fixture
def copies():
    """Remembers copies and removes them."""
    made = []
    yield made
    for file in made:
        remove_copy(file)


def read(file) -> list[tuple]:
    """(value of the field, geometry's type) of each polygon, as another program reads them."""
    dataset = ogr.Open(file.path)
    table = dataset.GetLayerByName(file.layer)
    return [(feature.GetField(0), feature.GetGeometryRef().GetGeometryName()) for feature in table]


def add(layer: QgsVectorLayer, geometry: str, value) -> None:
    feature = QgsFeature(layer.fields())
    feature.setGeometry(QgsGeometry.fromWkt(geometry))
    feature["class"] = value
    assert layer.addFeature(feature)


def box(x: float, y: float, side: float = 4) -> str:
    return QgsGeometry.fromRect(QgsRectangle(LEFT + x, TOP - y - side, LEFT + x + side, TOP - y)).asWkt()


def test_a_saved_layer_is_read_from_its_own_file(layer, tmp_path):
    file = saved_file(layer, "class")
    assert (file.path, file.layer, file.copied) == (str(tmp_path / "parcelles é.gpkg"), "mask", False)
    layer.startEditing()  # without an edit yet
    assert saved_file(layer, "class") == file


def test_what_the_file_does_not_hold_needs_a_copy(layer, tmp_path):
    layer.startEditing()
    add(layer, box(20, 20), 7)
    assert saved_file(layer, "class") is None
    layer.rollBack()
    assert saved_file(layer, "class") is not None
    layer.setSubsetString("class = 1")
    assert saved_file(layer, "class") is None
    layer.setSubsetString("")
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    assert saved_file(layer, "class") is None


def test_fields_that_qgis_computes_or_joins_need_a_copy(layer, copies):
    layer.addExpressionField('"class" + 1', QgsField("next", QVariant.Int))
    assert saved_file(layer, "class") is not None and saved_file(layer, "next") is None
    names = QgsVectorLayer("None?field=number:integer&field=cover:string", "names", "memory")
    for number, cover in ((1, "building"), (5, "water")):
        feature = QgsFeature(names.fields())
        feature.setAttributes([number, cover])
        names.dataProvider().addFeature(feature)
    QgsProject.instance().addMapLayer(names, False)
    join = QgsVectorLayerJoinInfo()
    join.setJoinLayer(names)
    join.setJoinFieldName("number")
    join.setTargetFieldName("class")
    join.setUsingMemoryCache(True)
    assert layer.addJoin(join)
    assert saved_file(layer, "names_cover") is None
    copies.append(copied_file(layer, "names_cover", CONTEXT))
    assert sorted(map(str, read(copies[0]))) == sorted(
        map(str, [("building", "MULTIPOLYGON"), ("water", "MULTIPOLYGON"), (None, "MULTIPOLYGON")])
    )
    QgsProject.instance().removeMapLayer(names.id())


def test_unsaved_edits_are_copied_and_stay_unsaved(layer, copies):
    layer.startEditing()
    add(layer, box(20, 20), 7)
    layer.deleteFeature(1)
    layer.changeAttributeValue(2, layer.fields().lookupField("class"), 9)
    copies.append(copied_file(layer, "class", CONTEXT))
    assert sorted(str(value) for value, _ in read(copies[0])) == ["7", "9", "None"]
    assert layer.isModified()
    assert sorted(f["class"] for f in layer.dataProvider().getFeatures() if f["class"]) == [1, 5]
    assert "parcelles" in os.path.basename(copies[0].path)


def test_a_filter_counts(layer, copies):
    layer.setSubsetString("class = 5")
    copies.append(copied_file(layer, "class", CONTEXT))
    assert [value for value, _ in read(copies[0])] == [5]


def test_curves_stay_curves_and_parts_stay_together(application, copies):
    memory = QgsVectorLayer("MultiSurface?crs=EPSG:2154&field=class:string", "curves", "memory")
    memory.startEditing()
    circle = f"CIRCULARSTRING({LEFT + 5} {TOP - 5},{LEFT + 9} {TOP - 9},{LEFT + 5} {TOP - 5})"
    add(memory, f"MULTISURFACE(CURVEPOLYGON({circle}))", "étang")
    add(memory, f"MULTISURFACE({box(1, 20)},{box(9, 20)})", "bois")
    copies.append(copied_file(memory, "class", CONTEXT))
    assert read(copies[0]) == [("étang", "MULTISURFACE"), ("bois", "MULTISURFACE")]
    dataset = ogr.Open(copies[0].path)
    first, second = (feature.GetGeometryRef().Clone() for feature in dataset.GetLayer(0))
    assert first.HasCurveGeometry(1) and second.GetGeometryCount() == 2


def test_only_what_may_lie_on_the_image_is_copied(layer, copies):
    near = QgsRectangle(LEFT, TOP - 8, LEFT + 7, TOP)
    copies.append(copied_file(layer, "class", CONTEXT, (near, layer.crs())))
    assert [value for value, _ in read(copies[0])] == [1]
    away = QgsRectangle(LEFT + 900, TOP - 8, LEFT + 907, TOP)
    with pytest.raises(ValueError, match="No polygon of the layer parcelles lies on the aerial image"):
        copied_file(layer, "class", CONTEXT, (away, layer.crs()))


def test_a_field_called_fid_is_copied_like_any_other(application, copies):
    memory = QgsVectorLayer("Polygon?crs=EPSG:2154&field=fid:integer&field=class:integer", "keyed", "memory")
    for number in (7, 7):
        feature = QgsFeature(memory.fields())
        feature.setGeometry(QgsGeometry.fromWkt(box(number, 3)))
        feature.setAttributes([number, 1])
        memory.dataProvider().addFeature(feature)
    copies.append(copied_file(memory, "fid", CONTEXT))
    assert [value for value, _ in read(copies[0])] == [7, 7]


def test_a_missing_field_is_named_with_those_there_are(layer):
    with pytest.raises(ValueError, match=r"parcelles has no field cover: choose one of fid, class"):
        copied_file(layer, "cover", CONTEXT)


def test_a_copy_goes_with_its_folder_and_a_layers_own_file_stays(layer):
    copy = copied_file(layer, "class", CONTEXT)
    remove_copy(copy)
    assert not os.path.exists(os.path.dirname(copy.path))
    remove_copy(copy)
    own = saved_file(layer, "class")
    remove_copy(own)
    assert os.path.exists(own.path)
