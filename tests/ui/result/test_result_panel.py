"""The panel beside a map, with real layers, a real project and a real canvas."""

from __future__ import annotations

import gc
import weakref
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsCoordinateReferenceSystem, QgsSingleBandGrayRenderer
from qgis.gui import QgsMapCanvas
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QPoint, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QComboBox, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from flair_landcover.tests.qgis_side import LEFT, TOP

MADE = datetime(2024, 5, 1, 14, 2)


@pytest.fixture
def canvas(application, project):
    """In EPSG:3857; the maps are in EPSG:2154."""
    made = QgsMapCanvas()
    made.resize(280, 280)
    made.show()
    made.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    QApplication.processEvents()
    yield made
    if not sip.isdeleted(made):
        sip.delete(made)


@pytest.fixture
def make_panel(canvas, project, english):
    """Makes a panel in a window 300 pixels wide."""
    from flair_landcover.ui.result.result_panel import ResultPanel

    holders = []

    def make() -> ResultPanel:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        panel = ResultPanel(project, canvas)
        layout.addWidget(panel)
        holder.resize(300, 500)
        holder.show()
        QApplication.processEvents()
        holders.append(holder)
        return panel

    yield make
    for holder in holders:
        if not sip.isdeleted(holder):
            for panel in holder.findChildren(ResultPanel):
                panel.close()
            holder.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def panel(make_panel):
    return make_panel()


@pytest.fixture
def add(runs, project):
    """Adds a finished run's layers; minutes: after 14:02."""
    from flair_landcover.layers.results import add_result

    def do(minutes: int = 0, **changes):
        request, result = runs.make(**changes)
        return add_result(project, request, result, MADE + timedelta(minutes=minutes))

    return do


def settle() -> None:
    for _ in range(3):
        QApplication.processEvents()


def choices(panel) -> list[str]:
    box = panel.findChild(QComboBox)
    return [box.itemText(i) for i in range(box.count())]


def rows(panel) -> list:
    return table_of(panel).rows()


def table_of(panel):
    from flair_landcover.ui.result.area_table import AreaTable

    return panel.findChild(AreaTable)


def swipe_button(panel) -> QToolButton:
    return next(button for button in panel.findChildren(QToolButton) if button.text() == "Swipe")


def tool(panel, name: str) -> QToolButton:
    return next(button for button in panel.findChildren(QToolButton) if button.accessibleName() == name)


def line(panel) -> str:
    from flair_landcover.ui.widgets.labels import ElidedLabel

    return panel.findChild(ElidedLabel).text()


def test_the_panel_is_hidden_until_there_is_a_result_and_again_without_one(panel, add, project, aerial):
    settle()
    assert panel.isHidden()
    layer = add(aerial_layer=aerial.id())
    settle()
    assert panel.isVisible() and panel.layer() == layer
    project.removeMapLayer(layer)
    settle()
    assert panel.isHidden() and panel.layer() is None
    add()
    settle()
    assert panel.isVisible()
    project.clear()
    settle()
    assert panel.isHidden()


def test_results_are_listed_latest_first_and_the_latest_is_shown(add, make_panel):
    add(0), add(2)
    latest = add(5)
    panel = make_panel()
    assert choices(panel) == ["U-T&T starter, 14:07", "U-T&T starter, 14:04", "U-T&T starter, 14:02"]
    assert panel.layer() == latest


def test_a_result_is_chosen_in_the_list_or_by_the_dock(add, make_panel):
    first, second = add(0), add(2)
    panel = make_panel()
    box = panel.findChild(QComboBox)
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert panel.layer() == first
    panel.show_layer(second)
    assert panel.layer() == second and box.currentIndex() == 0
    third = add(4)
    settle()
    assert panel.layer() == second  # what the user looks at stays
    panel.show_layer(None)
    assert panel.layer() == third and box.currentData() == third.id()


def test_the_list_follows_names_of_layers_and_groups_and_removed_layers(add, make_panel, project):
    add(0)
    second = add(2)
    panel = make_panel()
    second.setName("North")
    settle()
    assert choices(panel) == ["North", "U-T&T starter, 14:02"]
    project.layerTreeRoot().findGroup("U-T&T starter, 14:02").setName("South")
    settle()
    assert choices(panel) == ["North", "South"]
    project.removeMapLayer(second)
    settle()
    assert choices(panel) == ["South"]


def test_a_layer_that_processing_describes_after_adding_it_is_found(panel, project, runs):
    from qgis.core import QgsRasterLayer

    from flair_landcover.layers.description import describe_result
    from flair_landcover.layers.styling import style_land_cover

    result, _ = runs.make()
    layer = QgsRasterLayer(result.output, "Land cover")
    project.addMapLayer(layer)
    settle()
    assert panel.isHidden()
    style_land_cover(layer, result.classes)
    describe_result(layer, result, MADE)
    settle()
    assert panel.isVisible() and choices(panel) == ["U-T&T starter, 14:02"]


def test_areas_shares_names_and_colours_are_the_results(add, make_panel):
    add()
    shown = {row.value: row for row in rows(make_panel())}
    assert [(row.value, row.name, row.colour) for row in sorted(shown.values(), key=lambda row: row.place)] == [
        (c.value, c.name, c.colour) for c in FLAIR_CLASSES
    ]
    assert shown[10].area_m2 == 49_600 and shown[10].share == pytest.approx(0.248)
    assert sum(row.share for row in shown.values()) == pytest.approx(1)


def test_what_sentinel_2_changed_is_told_where_it_is_known(add, make_panel):
    aerial_alone, with_series = add(), add(1, difference=True, changed_m2=4_200.0)
    panel = make_panel()
    (told,) = (label for label in panel.findChildren(QLabel) if "Sentinel-2" in label.text())
    assert told.text() == "Sentinel-2 changed 0.42 ha (2 %)" and told.isVisible() and told.toolTip()
    panel.show_layer(aerial_alone)
    assert not told.isVisible()
    panel.show_layer(with_series)
    assert told.isVisible()


def test_a_map_of_nothing_shows_no_shares(add, make_panel):
    add(areas_m2={str(c.value): 0.0 for c in FLAIR_CLASSES})
    assert {row.share for row in rows(make_panel())} == {0.0}


def test_a_checkbox_switches_the_class_on_the_map_and_follows_the_renderer(add, make_panel, project):
    from flair_landcover.ui.result.result_panel import legend_of, show_classes

    layer = add()
    panel = make_panel()
    project.setDirty(False)
    table_of(panel).setCurrentIndex(table_of(panel).model().index(0, 0))
    QTest.keyClick(table_of(panel), Qt.Key.Key_Space)
    assert legend_of(layer)[11].color.alpha() == 0
    assert [row.value for row in rows(panel) if not row.shown] == [11]
    assert project.isDirty()
    show_classes(layer, {11}, True)
    show_classes(layer, {3}, False)
    assert [row.value for row in rows(panel) if not row.shown] == [3]


def test_what_is_off_and_the_opacity_are_read_back_from_a_saved_project(add, make_panel, project, tmp_path):
    from flair_landcover.ui.result.result_panel import show_classes

    layer = add()
    show_classes(layer, {2, 9}, False)
    layer.setOpacity(0.35)
    assert project.write(str(tmp_path / "project.qgz"))
    panel = make_panel()
    project.clear()
    settle()
    assert panel.isHidden()
    assert project.read(str(tmp_path / "project.qgz"))
    settle()
    assert panel.isVisible() and choices(panel) == ["U-T&T starter, 14:02"]
    assert sorted(row.value for row in rows(panel) if not row.shown) == [2, 9]
    assert panel.findChild(QSlider).value() == 35


def test_classes_cannot_be_switched_where_the_layer_is_shown_in_another_way(add, make_panel):
    layer = add()
    panel = make_panel()
    layer.setRenderer(QgsSingleBandGrayRenderer(layer.dataProvider(), 1))
    assert {row.shown for row in rows(panel)} == {None}


def test_a_result_whose_file_is_gone_still_shows_its_areas(add, make_panel, project, tmp_path):
    layer = add()
    source = Path(layer.source())
    assert project.write(str(tmp_path / "project.qgz"))
    project.clear()
    source.unlink()
    project.read(str(tmp_path / "project.qgz"))
    panel = make_panel()
    assert panel.layer() is not None and not panel.layer().isValid()
    assert rows(panel)[0].area_m2 == 120_340
    assert not swipe_button(panel).isEnabled() and not panel.findChild(QSlider).isEnabled()


def test_the_slider_sets_the_layers_opacity_and_follows_it(add, make_panel):
    layer = add()
    panel = make_panel()
    slider = panel.findChild(QSlider)
    assert slider.value() == 100
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_PageDown)
    assert layer.opacity() == pytest.approx(0.9)
    layer.setOpacity(0.333)
    assert slider.value() == 33
    assert layer.opacity() == pytest.approx(0.333)  # following does not round the layer's own


def test_switching_a_class_keeps_the_opacity(add, make_panel):
    layer = add()
    panel = make_panel()
    panel.findChild(QSlider).setValue(40)
    table_of(panel).switched.emit({1}, False)
    assert layer.opacity() == pytest.approx(0.4) and panel.findChild(QSlider).value() == 40


def test_the_copy_button_puts_the_table_on_the_clipboard(add, make_panel):
    add()
    panel = make_panel()
    tool(panel, "Copy the table of areas").click()
    lines = QApplication.clipboard().text().splitlines()
    assert len(lines) == 14 and lines[1].split("\t")[0] == "agricultural land"


def test_the_zoom_button_shows_the_whole_map_in_the_canvas_crs(add, make_panel, canvas):
    layer = add()
    panel = make_panel()
    tool(panel, "Zoom to this result").click()
    whole = canvas.mapSettings().layerExtentToOutputExtent(layer, layer.extent())
    assert canvas.extent().contains(whole)
    assert canvas.extent().width() < 1.5 * whole.width()


def test_the_swipe_hides_every_result_and_ends_with_its_button(add, make_panel, canvas, aerial, monkeypatch):
    from flair_landcover.ui.canvas.swipe import Swipe

    hidden = []
    set_layers = Swipe.set_layers
    monkeypatch.setattr(
        Swipe, "set_layers", lambda swipe, layers: (hidden.append(list(layers)), set_layers(swipe, layers))[1]
    )
    layers = {add(0, confidence=True), add(2)}
    panel = make_panel()
    items = len(canvas.scene().items())
    swipe_button(panel).click()
    assert swipe_button(panel).isChecked() and len(canvas.scene().items()) > items
    assert layers <= set(hidden[-1]) and len(hidden[-1]) == 3 and aerial not in hidden[-1]
    swipe_button(panel).click()
    assert not swipe_button(panel).isChecked() and len(canvas.scene().items()) == items


def test_the_swipe_switches_a_map_on_that_the_layer_tree_does_not_show(add, make_panel, project):
    layer = add()
    panel = make_panel()
    node = project.layerTreeRoot().findLayer(layer.id())
    node.parent().setItemVisibilityChecked(False)
    swipe_button(panel).click()
    assert node.isVisible()


def test_the_swipe_ends_when_its_map_is_removed(add, make_panel, canvas, project):
    layer = add()
    panel = make_panel()
    items = len(canvas.scene().items())
    swipe_button(panel).click()
    project.removeMapLayer(layer)
    settle()
    assert not swipe_button(panel).isChecked() and len(canvas.scene().items()) == items


def move_over(canvas, column: float, row: float = 70) -> None:
    """Moves the mouse to a pixel of the maps, and waits until it was looked at."""
    from qgis.core import QgsCoordinateTransform, QgsPointXY, QgsProject

    to_canvas = QgsCoordinateTransform(
        QgsCoordinateReferenceSystem("EPSG:2154"), canvas.mapSettings().destinationCrs(), QgsProject.instance()
    )
    point = to_canvas.transform(QgsPointXY(LEFT + column * 0.2, TOP - row * 0.2))
    place = canvas.getCoordinateTransform().transform(point)
    QTest.mouseMove(canvas.viewport(), QPoint(round(place.x()), round(place.y())))
    QTest.qWait(120)


def test_the_class_and_the_confidence_under_the_cursor_are_named(add, make_panel, canvas):
    add(confidence=True)
    panel = make_panel()
    tool(panel, "Zoom to this result").click()
    settle()
    assert line(panel) == "Under the cursor: –"
    move_over(canvas, 5)
    assert line(panel) == "Under the cursor: building, 93 %"
    move_over(canvas, 45)
    assert line(panel) == "Under the cursor: water, 93 %"
    move_over(canvas, 135)
    assert line(panel) == "Under the cursor: –"  # nodata


def test_without_a_confidence_layer_the_class_alone_is_named(add, make_panel, canvas):
    add()
    panel = make_panel()
    tool(panel, "Zoom to this result").click()
    settle()
    move_over(canvas, 5)
    assert line(panel) == "Under the cursor: building"


def test_a_line_that_has_no_room_names_the_class_alone(add, make_panel):
    add()
    panel = make_panel()
    panel.window().resize(200, 500)
    settle()
    panel._show_seen((10, 93))
    assert line(panel) == "herbaceous vegetation, 93 %"
    panel.window().resize(700, 500)
    settle()
    assert line(panel) == "Under the cursor: herbaceous vegetation, 93 %"


def test_at_rest_nothing_is_on_the_canvas_and_nothing_is_looked_at_until_it_is_shown_again(add, make_panel, canvas):
    add()
    panel = make_panel()
    tool(panel, "Zoom to this result").click()
    swipe_button(panel).click()
    panel.rest()
    panel.window().hide()
    assert not swipe_button(panel).isChecked()
    move_over(canvas, 5)
    assert line(panel) == "Under the cursor: –"
    panel.window().show()
    settle()
    move_over(canvas, 15)
    assert "pervious surface" in line(panel)


@pytest.mark.parametrize("by", ["close", "delete"])
def test_a_panel_that_is_gone_leaves_nothing_connected(add, make_panel, canvas, project, by):
    layer = add(confidence=True)
    watched = [
        (project, project.layersAdded),
        (project, project.layersRemoved),
        (project, project.layersWillBeRemoved),
        (project, project.readProject),
        (project, project.cleared),
        (project.layerTreeRoot(), project.layerTreeRoot().nameChanged),
        (layer, layer.customPropertyChanged),
        (layer, layer.nameChanged),
        (layer, layer.rendererChanged),
        (layer, layer.styleChanged),
        (layer, layer.opacityChanged),
        (canvas, canvas.xyCoordinates),
        (canvas, canvas.renderStarting),
    ]

    def counts() -> list[int]:
        return [sender.receivers(signal) for sender, signal in watched]

    gc.collect()  # what earlier tests left would disconnect in between
    settle()
    before, items = counts(), len(canvas.scene().items())
    panel = make_panel()
    swipe_button(panel).click()
    holder = panel.window()
    assert sum(counts()) >= sum(before) + len(watched)
    if by == "close":
        panel.close()
        panel.close()  # twice is no harm
    gone = weakref.ref(panel)
    del panel
    sip.delete(holder)
    del holder
    gc.collect()
    assert counts() == before and len(canvas.scene().items()) == items
    assert gone() is None or sip.isdeleted(gone())
    layer.setOpacity(0.2)
    project.clear()
    settle()


def test_the_panel_is_usable_at_300_pixels_and_every_control_by_keyboard(add, make_panel):
    add()
    panel = make_panel()
    assert panel.width() == 300 and panel.minimumSizeHint().width() <= 300
    panel.window().activateWindow()
    first = panel.findChild(QComboBox)
    first.setFocus()
    seen = [QApplication.focusWidget()]
    for _ in range(5):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    assert seen == [
        first,
        tool(panel, "Zoom to this result"),
        tool(panel, "Copy the table of areas"),
        swipe_button(panel),
        panel.findChild(QSlider),
        table_of(panel),
    ]
    assert all(widget.accessibleName() or widget.text() for widget in seen)
