"""The table that maps values to classes, used with keys and mouse."""

from __future__ import annotations

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsFeature, QgsField
from qgis.PyQt.QtCore import QEvent, Qt, QVariant
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QLabel, QTreeWidget, QVBoxLayout, QWidget

from ..annotate.conftest import lambert, memory_layer, square
from ..canvas.conftest import wait_for

PANELS = LandCoverClass(14, "solar panels", "#0000ff")


@pytest.fixture
def table(application, english):
    """In a window of 300 pixels."""
    from flair_landcover.ui.finetune.value_table import ValueTable

    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    made = ValueTable()
    made.heard = []
    made.changed.connect(lambda: made.heard.append(made.class_map()))
    layout.addWidget(made)
    holder.resize(300, 320)
    holder.show()
    yield made
    made.close()
    holder.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def show(table, layer, field: str = "kind") -> None:
    table.set_layer(layer, field)
    wait_for(lambda: not table.is_counting())
    QApplication.processEvents()


def box(table, value: str):
    return table._boxes[value]


def choose(table, value: str, text: str) -> None:
    """As the analyst does it: the line of the open list."""
    found = box(table, value)
    found.setCurrentIndex(found.findText(text))
    found.activated.emit(found.currentIndex())


def type_class(table, value: str, name: str, end=Qt.Key.Key_Return) -> None:
    choose(table, value, "new class…")
    QTest.keyClicks(box(table, value).lineEdit(), name)
    QTest.keyClick(box(table, value).lineEdit(), end)
    QApplication.processEvents()


def said(table) -> str:
    return "\n".join(label.text() for label in table.findChildren(QLabel) if label.isVisible())


def rows(table) -> list[list[str]]:
    tree = table.findChild(QTreeWidget)
    return [[tree.topLevelItem(i).text(c) for c in range(3)] for i in range(tree.topLevelItemCount())]


def test_known_values_have_their_class_and_others_wait(table, project):
    show(table, memory_layer(project, "string", ["Water", "roof", "7", "roof"], pixels=100))
    assert rows(table) == [["roof", "2", "801 m²"], ["7", "1", "401 m²"], ["Water", "1", "401 m²"]]
    assert table.class_map() == (("7", "deciduous"), ("Water", "water"))
    assert box(table, "roof").currentIndex() == -1
    assert table.complaint() == "Choose a class for roof, or ignore it." and table.complaint() in said(table)


def cosia(project, *values):
    """A layer with CoSIA's fields `numero` and `classe`."""
    layer = memory_layer(project, "int", [], pixels=100)
    layer.dataProvider().deleteAttributes([0])
    layer.dataProvider().addAttributes([QgsField("numero", QVariant.Int), QgsField("classe", QVariant.String)])
    layer.updateFields()
    features = []
    for number, value in enumerate(values):
        feature = QgsFeature(layer.fields())
        feature.setAttributes(list(value))
        feature.setGeometry(square(number * 100, 0, 100))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    return layer


def test_names_and_numbers_of_cosia_are_known(table, project):
    layer = cosia(project, (9, "Feuillu"), (4, "Piscine"), (14, "Terre labourée"))
    show(table, layer, "classe")
    assert dict(table.class_map()) == {"Feuillu": "deciduous", "Piscine": "other", "Terre labourée": "plowed land"}
    assert table.complaint() == "" and "CoSIA" not in table.remark()
    show(table, layer, "numero")
    assert dict(table.class_map()) == {"9": "deciduous", "4": "other", "14": "plowed land"}
    assert "The numbers are taken as CoSIA's." in said(table)


def test_a_value_gets_a_class_or_is_ignored(table, project):
    show(table, memory_layer(project, "string", ["roof", "yard", "7"], pixels=100))
    choose(table, "roof", "building")
    choose(table, "yard", "ignore")
    assert dict(table.class_map()) == {"roof": "building", "yard": "", "7": "deciduous"}
    assert table.complaint() == "" and table.heard[-1] == table.class_map()


def test_a_new_class_is_typed_in_its_place(table, project):
    show(table, memory_layer(project, "string", ["pv"] * 3, pixels=100))
    type_class(table, "pv", " solar  panels ")
    assert table.class_map() == (("pv", "solar panels"),)
    assert box(table, "pv").currentText() == "solar panels (new)" and not box(table, "pv").isEditable()
    assert "New to the model: solar panels." in said(table)


def test_the_name_of_a_class_that_there_is_makes_no_new_one(table, project):
    show(table, memory_layer(project, "string", ["pv"] * 3, pixels=100))
    type_class(table, "pv", "BUILDING")
    assert table.class_map() == (("pv", "building"),) and table.remark() == ""


@pytest.mark.parametrize(
    ("name", "end"), [("", Qt.Key.Key_Return), ("12", Qt.Key.Key_Return), ("pv", Qt.Key.Key_Escape)]
)
def test_a_name_that_is_given_up_or_none_leaves_things_as_they_were(table, project, name, end):
    show(table, memory_layer(project, "string", ["pv", "roof"]))
    choose(table, "roof", "building")
    heard = len(table.heard)
    type_class(table, "roof", name, end)
    assert table.class_map() == (("roof", "building"),) and box(table, "roof").currentText() == "building"
    assert len(table.heard) == heard and not box(table, "roof").isEditable()


def test_leaving_the_box_takes_the_name(table, project):
    show(table, memory_layer(project, "string", ["pv"]))
    choose(table, "pv", "new class…")
    QTest.keyClicks(box(table, "pv").lineEdit(), "panels")
    QApplication.sendEvent(box(table, "pv").lineEdit(), QEvent(QEvent.Type.FocusOut))
    QApplication.processEvents()
    assert table.class_map() == (("pv", "panels"),)


def test_classes_with_too_little_are_told(table, project):
    show(table, memory_layer(project, "string", ["water"] * 4 + ["building"] * 2, pixels=100))
    assert "Few polygons" in said(table) and "building" in said(table) and "water" not in said(table)


def test_polygons_without_a_value_are_ignored_by_themselves(table, project):
    from qgis.core import NULL

    show(table, memory_layer(project, "string", [NULL, "water"]))
    assert dict(table.class_map()) == {"": "", "water": "water"} and ["(no value)", "1", "4 m²"] in rows(table)


def test_what_the_annotation_layer_calls_its_classes_counts(table, project, annotations):
    from flair_landcover.layers.annotations import add_class, add_correction

    made = add_class(annotations, "solar panels")
    for column, value in ((0, made.value), (60, 5)):
        add_correction(project, annotations, square(column, 0, 50), lambert(), 3, value)
    show(table, annotations, "class")
    assert dict(table.class_map()) == {"14": "solar panels", "5": "water"}
    table.set_classes([*FLAIR_CLASSES, PANELS])
    assert dict(table.class_map())["14"] == "solar panels" and "New" not in said(table)


def test_edits_are_followed_and_choices_stay(table, project, annotations):
    from flair_landcover.layers.annotations import add_correction

    add_correction(project, annotations, square(0, 0, 50), lambert(), 3, 5)
    show(table, annotations, "class")
    choose(table, "5", "other")
    add_correction(project, annotations, square(60, 0, 50), lambert(), 3, 7)
    wait_for(lambda: len(table.class_map()) == 2)
    assert dict(table.class_map()) == {"5": "other", "7": "deciduous"}
    annotations.rollBack()
    wait_for(lambda: not table.class_map())
    assert "no polygons yet" in table.complaint()


def test_another_field_is_matched_anew(table, project, annotations):
    layer = memory_layer(project, "string", ["water"])
    show(table, layer)
    choose(table, "water", "other")
    show(table, annotations, "class")
    show(table, layer)
    assert table.class_map() == (("water", "water"),)


def test_a_field_that_holds_no_classes_is_told(table, project):
    show(table, memory_layer(project, "integer", list(range(101))))
    assert "more than 100 different values" in said(table) and table.class_map() == ()


def test_all_ignored_is_told(table, project):
    show(table, memory_layer(project, "string", ["water"]))
    choose(table, "water", "ignore")
    assert "All polygons are ignored" in table.complaint()


def test_without_a_layer_there_is_nothing_to_say(table, project):
    layer = memory_layer(project, "string", ["water"])
    show(table, layer)
    table.set_layer(None, "")
    assert table.class_map() == () and table.complaint() == "" and rows(table) == []
    table.set_layer(layer, "kind")
    project.removeMapLayer(layer)
    QApplication.processEvents()


def test_a_layer_that_is_removed_takes_its_rows_along(table, project):
    layer = memory_layer(project, "string", ["water"])
    show(table, layer)
    project.removeMapLayer(layer)
    QApplication.processEvents()
    assert table.class_map() == () and rows(table) == []


def test_all_boxes_are_in_sight_and_in_the_order_of_tab(table, project):
    show(table, memory_layer(project, "string", ["a long name of a value that has no room", "water", "roof"]))
    tree = table.findChild(QTreeWidget)
    assert table.window().width() == 300
    right = [box(table, value).mapTo(tree, box(table, value).rect().topRight()).x() for value in table._boxes]
    assert all(edge < tree.width() for edge in right)
    assert all(box(table, value).width() > 80 and box(table, value).accessibleName() for value in table._boxes)
    table.window().activateWindow()
    first, *others = table._boxes.values()
    first.setFocus()
    for other in others:
        QTest.keyClick(QApplication.focusWidget() or first, Qt.Key.Key_Tab)
        assert other.hasFocus()


def test_the_wheel_over_a_box_changes_no_class(table, project):
    from qgis.PyQt.QtCore import QPoint, QPointF
    from qgis.PyQt.QtGui import QWheelEvent

    show(table, memory_layer(project, "string", ["water"]))
    found = box(table, "water")
    found.clearFocus()
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(found, event)
    assert found.currentText() == "water"
