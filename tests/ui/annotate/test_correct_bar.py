"""Correcting a map from the panel of results, to polygons in the annotation layer."""

from __future__ import annotations

import gc

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsSettings, QgsVectorLayer
from qgis.gui import QgsMapToolPan
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtWidgets import QApplication, QLabel, QSpinBox, QVBoxLayout, QWidget

from ..canvas.conftest import click, items_of, pixel_at, settle
from .conftest import key

WATER, FOREST = 5, 7


@pytest.fixture(autouse=True)
def fresh_settings(application):
    QgsSettings().remove("flair_landcover/correct")
    yield
    QgsSettings().remove("flair_landcover/correct")


@pytest.fixture
def asked() -> dict:
    """What the user answers when asked, and how often that was."""
    return {"path": "", "name": "", "times": 0}


@pytest.fixture
def panel(canvas, project, land_cover, english, asked, tmp_path):
    """The panel of results in a dock of 300 pixels."""
    from flair_landcover.ui.annotate.correct_bar import CorrectBar
    from flair_landcover.ui.result.result_panel import ResultPanel

    canvas.setLayers([land_cover])
    settle(canvas)
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    made = ResultPanel(project, canvas, CorrectBar(project, canvas))
    layout.addWidget(made)
    holder.resize(300, 700)
    holder.show()
    QApplication.processEvents()
    asked["path"] = str(tmp_path / "mine.gpkg")

    def ask_path(parent, proposed: str) -> str:
        asked["times"] += 1
        return asked["path"]

    bar = made.findChild(CorrectBar)
    bar._ask_path, bar._ask_name = ask_path, lambda parent: asked["name"]
    yield made
    if not sip.isdeleted(made):
        made.close()
    holder.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def bar(panel):
    from flair_landcover.ui.annotate.correct_bar import CorrectBar

    return panel.findChild(CorrectBar)


def layer_of(project) -> QgsVectorLayer | None:
    from flair_landcover.layers.annotations import find_annotations

    return find_annotations(project)


def click_at(canvas, column: float, row: float) -> None:
    place = pixel_at(canvas, column, row)
    click(canvas, place.x(), place.y())


def said(bar) -> str:
    return "\n".join(label.text() for label in bar.findChildren(QLabel) if label.isVisible())


def test_a_wrong_patch_becomes_a_polygon_of_the_annotation_layer(canvas, bar, project, asked):
    bar.correct_button.click()
    assert bar.correct_button.isChecked() and asked["times"] == 1
    assert "Click on a wrong patch" in said(bar)
    click_at(canvas, 65, 100)
    key(canvas, Qt.Key.Key_7)
    layer = layer_of(project)
    (feature,) = layer.getFeatures()
    assert (feature["class"], feature["was"]) == (FOREST, WATER)
    assert feature.geometry().area() == pytest.approx(8) and layer.crs().authid() == "EPSG:2154"
    assert layer.isModified() and "not saved" in said(bar)
    assert project.layerTreeRoot().findLayers()[0].layer() is layer


def test_ctrl_z_takes_the_last_polygon_back_and_shift_brings_it_again(canvas, bar, project):
    bar.correct_button.click()
    for column in (65, 150):
        click_at(canvas, column, 100)
        key(canvas, Qt.Key.Key_1)
    layer = layer_of(project)
    assert layer.featureCount() == 2 and "2 polygons" in said(bar)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    key(canvas, Qt.Key.Key_Z, control)
    assert layer.featureCount() == 1 and "One polygon" in said(bar)
    key(canvas, Qt.Key.Key_Z, control | shift)
    assert layer.featureCount() == 2


def test_the_annotation_layer_that_is_there_is_used(canvas, bar, annotations, project, asked):
    bar.correct_button.click()
    click_at(canvas, 65, 100)
    key(canvas, Qt.Key.Key_2)
    assert asked["times"] == 0 and annotations.featureCount() == 1 and layer_of(project) is annotations


def test_without_a_file_for_the_layer_nothing_begins(canvas, bar, project, asked, tmp_path):
    asked["path"] = ""
    bar.correct_button.click()
    assert not bar.correct_button.isChecked() and canvas.mapTool() is None and layer_of(project) is None
    (tmp_path / "taken.gpkg").write_text("no GeoPackage")
    asked["path"] = str(tmp_path / "taken.gpkg")
    bar.correct_button.click()
    assert not bar.correct_button.isChecked() and "choose another name" in said(bar)


def test_a_class_that_is_not_in_the_list_is_named_and_stays(canvas, bar, project, asked):
    bar.correct_button.click()
    asked["name"] = "solar panels"
    click_at(canvas, 65, 100)
    for _ in range(20):
        key(canvas, Qt.Key.Key_Down)
    key(canvas, Qt.Key.Key_Return)
    layer = layer_of(project)
    (feature,) = layer.getFeatures()
    assert (feature["class"], feature["was"]) == (14, WATER)
    click_at(canvas, 150, 100)
    key(canvas, Qt.Key.Key_D)  # now it has a key of its own
    assert sorted(feature["class"] for feature in layer.getFeatures()) == [14, 14]
    assert layer.renderer().categories()[13].label() == "solar panels"


def test_giving_up_a_new_class_keeps_the_outline(canvas, bar, project, asked):
    bar.correct_button.click()
    click_at(canvas, 65, 100)
    for _ in range(20):
        key(canvas, Qt.Key.Key_Down)
    key(canvas, Qt.Key.Key_Return)
    assert items_of(canvas) == {"QgsRubberBand"} and layer_of(project).featureCount() == 0
    asked["name"] = "123"
    key(canvas, Qt.Key.Key_Return)
    assert "letters" in said(bar) and items_of(canvas) == {"QgsRubberBand"}


def test_the_canvas_gets_its_tool_back(canvas, bar):
    pan = QgsMapToolPan(canvas)
    canvas.setMapTool(pan)
    bar.correct_button.click()
    assert canvas.mapTool() is not pan
    key(canvas, Qt.Key.Key_Escape)
    assert canvas.mapTool() is pan and not bar.correct_button.isChecked()
    bar.correct_button.click()
    bar.correct_button.click()
    assert canvas.mapTool() is pan
    bar.correct_button.click()
    canvas.setMapTool(QgsMapToolPan(canvas))
    assert not bar.correct_button.isChecked()


def test_settings_show_while_correcting_work_at_once_and_are_remembered(canvas, bar, project):
    boxes = bar.findChildren(QSpinBox)
    assert not any(box.isVisible() for box in boxes)
    bar.correct_button.click()
    assert all(box.isVisible() and box.accessibleName() for box in boxes)
    size, doubt = boxes
    assert (size.text(), doubt.text()) == ("500 m²", "50 %")
    doubt.setValue(0)
    assert doubt.text() == "never"
    click_at(canvas, 150, 50)
    size.setValue(40)
    key(canvas, Qt.Key.Key_1)
    (feature,) = layer_of(project).getFeatures()
    assert 36 < feature.geometry().area() <= 40.5
    from flair_landcover.ui.annotate.correct_bar import CorrectBar

    again = CorrectBar(project, canvas)
    assert [box.value() for box in again.findChildren(QSpinBox)] == [40, 0]
    again.close()


def test_a_map_without_confidence_cannot_be_cut_by_it(canvas, bar, project, confidence):
    doubt = bar.findChildren(QSpinBox)[1]
    assert doubt.isEnabled()
    project.removeMapLayer(confidence)
    QApplication.processEvents()
    assert not doubt.isEnabled()
    bar.correct_button.click()
    click_at(canvas, 150, 50)
    key(canvas, Qt.Key.Key_1)
    assert layer_of(project).featureCount() == 1


def test_a_hidden_map_is_shown_to_be_corrected(bar, project, land_cover):
    node = project.layerTreeRoot().findLayer(land_cover.id())
    node.setItemVisibilityChecked(False)
    bar.correct_button.click()
    assert node.isVisible()


def test_correcting_ends_when_the_map_is_removed_or_the_dock_closed(canvas, panel, bar, project, land_cover):
    bar.correct_button.click()
    click_at(canvas, 65, 100)
    panel.rest()
    assert not bar.correct_button.isChecked() and canvas.mapTool() is None and items_of(canvas) == set()
    bar.correct_button.click()
    click_at(canvas, 65, 100)
    project.removeMapLayer(land_cover)
    QApplication.processEvents()
    assert not bar.correct_button.isChecked() and canvas.mapTool() is None and items_of(canvas) == set()


def test_a_removed_annotation_layer_is_asked_for_again(canvas, bar, project, asked, tmp_path):
    bar.correct_button.click()
    project.removeMapLayer(layer_of(project))
    asked["path"] = str(tmp_path / "second.gpkg")
    click_at(canvas, 65, 100)
    key(canvas, Qt.Key.Key_1)
    assert asked["times"] == 2 and layer_of(project).featureCount() == 1


def test_drawing_by_hand_makes_the_layer_editable(canvas, bar, project, asked):
    bar.draw_button.click()
    layer = layer_of(project)
    assert layer.isEditable() and asked["times"] == 1 and not bar.correct_button.isChecked()


def test_the_labels_of_a_map_get_the_layers_numbers(canvas, bar, annotations, project, land_cover):
    """A class whose number means another one in the layer keeps its name."""
    from flair_landcover.contract.nomenclature import LandCoverClass
    from flair_landcover.layers.annotations import style_annotations

    own = [LandCoverClass(20, "water", "#1553ae"), LandCoverClass(5, "hedge", "#00aa00")]
    style_annotations(annotations, own)
    bar.correct_button.click()
    click_at(canvas, 65, 100)
    key(canvas, Qt.Key.Key_2)
    (feature,) = annotations.getFeatures()
    assert (feature["class"], feature["was"]) == (5, 20)


def test_everything_fits_into_a_dock_of_300_pixels(panel, bar):
    bar.correct_button.click()
    QApplication.processEvents()
    assert panel.window().width() == 300
    for child in (bar.correct_button, bar.draw_button, *bar.findChildren(QSpinBox)):
        assert bar.rect().contains(child.geometry().translated(child.parentWidget().mapTo(bar, child.rect().topLeft())))


def test_all_is_reached_by_keyboard(bar):
    for widget in (bar.correct_button, bar.draw_button, *bar.findChildren(QSpinBox)):
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus


@pytest.mark.parametrize("by", ["close", "delete"])
def test_a_bar_that_is_gone_leaves_nothing_on_the_canvas(application, canvas, project, land_cover, annotations, by):
    from flair_landcover.ui.annotate.correct_bar import CorrectBar
    from flair_landcover.ui.annotate.correct_tool import CorrectTool

    canvas.setLayers([land_cover])
    settle(canvas)
    signals = (canvas.extentsChanged, canvas.destinationCrsChanged)
    before = [canvas.receivers(signal) for signal in signals]
    made = CorrectBar(project, canvas)
    made.set_result(land_cover, None, None, ())
    made.cycle = [made]  # garbage only for the collector, as widgets with listeners are
    made.correct_button.click()
    click_at(canvas, 65, 100)
    assert items_of(canvas) == {"QgsRubberBand"}
    if by == "close":
        made.close()
    else:
        sip.delete(made)
    del made
    gc.collect()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert items_of(canvas) == set() and not canvas.findChildren(CorrectTool)
    assert [canvas.receivers(signal) for signal in signals] == before
