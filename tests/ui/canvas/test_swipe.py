"""The swipe between the map and what lies below it."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsProject, QgsRasterLayer
from qgis.gui import QgsMapToolPan
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QPoint, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.ui.canvas.area_tools import RectangleTool
from flair_landcover.ui.canvas.swipe import Swipe

from .conftest import LEFT_BUTTON, colour, crs, drag, items_of, move, press, release, settle, shot, wait_for

AERIAL, MAP = (100, 100, 100), (220, 220, 220)


@pytest.fixture
def layers(canvas, plain) -> tuple[QgsRasterLayer, QgsRasterLayer]:
    """The map and the aerial image below it, on the canvas."""
    both = plain(220, "map"), plain(100, "aerial")
    canvas.setLayers(both)
    settle(canvas)
    return both


@pytest.fixture
def swipe(canvas, layers):
    made = Swipe(canvas)
    made.heard = []
    made.stopped.connect(lambda: made.heard.append("stopped"))
    made.set_layers(layers[:1])
    yield made
    if not sip.isdeleted(made):
        made.stop()


def sides(canvas, left: int = 150, right: int = 250, y: int = 100):
    picture = shot(canvas)
    return colour(picture, left, y), colour(picture, right, y)


def start(canvas, swipe) -> None:
    swipe.start()
    wait_for(lambda: sides(canvas)[0] == AERIAL)


def test_left_of_the_line_stands_the_aerial_image_and_right_of_it_the_map(canvas, swipe):
    assert sides(canvas) == (MAP, MAP)
    start(canvas, swipe)
    assert sides(canvas) == (AERIAL, MAP) and swipe.active
    # The line, and nothing of either map, in the middle.
    assert colour(shot(canvas), 200, 20) not in (AERIAL, MAP)


def test_the_line_is_dragged_whatever_tool_is_active(canvas, swipe):
    heard = []
    tool = RectangleTool(canvas)
    tool.drawn.connect(heard.append)
    canvas.setMapTool(tool)
    start(canvas, swipe)
    drag(canvas, (200, 200), (140, 210))
    assert sides(canvas) == (MAP, MAP) and sides(canvas, left=125)[0] == AERIAL
    assert swipe.position == pytest.approx(0.35) and not tool.is_drawing() and heard == []
    # Away from the line the tool has the mouse, also where a drag crosses the line.
    drag(canvas, (60, 100), (300, 200))
    assert len(heard) == 1 and swipe.position == pytest.approx(0.35)


def test_the_line_cannot_be_lost_at_the_edge(canvas, swipe):
    start(canvas, swipe)
    drag(canvas, (200, 200), (-500, 200))
    assert swipe.position == 0
    drag(canvas, (3, 200), (2000, 200))
    assert swipe.position == 1
    drag(canvas, (397, 200), (300, 200))
    assert swipe.position == pytest.approx(0.75)


def test_a_double_click_on_the_line_does_not_reach_the_tool(canvas, swipe):
    tool = RectangleTool(canvas)
    canvas.setMapTool(tool)
    start(canvas, swipe)
    press(canvas, 200, 200)
    release(canvas, 200, 200)
    QTest.mouseDClick(canvas.viewport(), LEFT_BUTTON, pos=QPoint(200, 200))
    assert not tool.is_drawing() and swipe.position == pytest.approx(0.5)


def test_the_right_button_on_the_line_is_the_tools(canvas, swipe):
    start(canvas, swipe)
    press(canvas, 200, 200, Qt.MouseButton.RightButton)
    move(canvas, 300, 200, Qt.MouseButton.RightButton)
    release(canvas, 300, 200, Qt.MouseButton.RightButton)
    assert swipe.position == pytest.approx(0.5)


def test_the_cursor_shows_where_the_line_can_be_taken(canvas, swipe):
    tool = RectangleTool(canvas)
    canvas.setMapTool(tool)
    start(canvas, swipe)
    viewport = canvas.viewport()
    shapes = []
    for x in (100, 200, 300):
        move(canvas, x, 100)
        shapes.append(viewport.cursor().shape())
    cross, split = Qt.CursorShape.CrossCursor, Qt.CursorShape.SplitHCursor
    assert shapes == [cross, split, cross]
    move(canvas, 200, 100)
    QApplication.sendEvent(viewport, QEvent(QEvent.Type.Leave))
    assert viewport.cursor().shape() == cross
    move(canvas, 200, 100)
    swipe.stop()
    assert viewport.cursor().shape() == cross


def test_the_left_side_follows_pan_zoom_crs_and_size(canvas, swipe):
    start(canvas, swipe)
    white = (255, 255, 255)
    canvas.setExtent(canvas.extent().buffered(60))
    settle(canvas)
    # Smaller now: the rasters end before the window does, on both sides.
    wait_for(lambda: sides(canvas, 185, 215, 120) == (AERIAL, MAP))
    wait_for(lambda: sides(canvas, 20, 380) == (white, white))
    for step in (
        lambda: canvas.zoomByFactor(0.4),
        lambda: canvas.setDestinationCrs(crs(2154)),
        lambda: canvas.setRotation(20),
        lambda: canvas.resize(500, 300),
    ):
        step()
        settle(canvas)
        middle = canvas.viewport().width() // 2
        wait_for(lambda at=middle: sides(canvas, at - 20, at + 20) == (AERIAL, MAP))


def test_the_left_side_is_never_the_map_while_it_is_drawn(canvas, swipe):
    swipe.start()
    # Without a turn of the event loop: no picture can be there yet.
    assert colour(canvas.grab().toImage(), 150, 100) == (255, 255, 255)
    start(canvas, swipe)
    canvas.setExtent(canvas.extent().buffered(200))
    for _ in range(20):
        assert sides(canvas)[0] != MAP
        QTest.qWait(5)


def test_a_pan_with_the_mouse_leaves_the_line_where_it_is(canvas, swipe):
    start(canvas, swipe)
    tool = QgsMapToolPan(canvas)
    canvas.setMapTool(tool)
    move(canvas, 120, 150)
    press(canvas, 120, 150)
    move(canvas, 150, 150, LEFT_BUTTON)
    move(canvas, 160, 150, LEFT_BUTTON)
    assert sides(canvas, 180, 220) == (AERIAL, MAP)
    release(canvas, 160, 150)
    settle(canvas)
    wait_for(lambda: sides(canvas, 180, 220) == (AERIAL, MAP))


def test_the_left_side_follows_the_layers_and_their_styles(canvas, swipe, layers, plain):
    start(canvas, swipe)
    layers[1].setOpacity(0.5)
    layers[1].triggerRepaint()
    settle(canvas)
    wait_for(lambda: sides(canvas)[0] not in (AERIAL, MAP))
    canvas.setLayers([layers[0], plain(30, "other")])
    settle(canvas)
    wait_for(lambda: sides(canvas) == ((30, 30, 30), MAP))


def test_another_hidden_layer_takes_effect_at_once(canvas, swipe, layers, plain):
    newer = plain(180, "newer")
    canvas.setLayers([newer, *layers])
    settle(canvas)
    start_left = [newer, layers[0]]
    swipe.set_layers(start_left)
    start(canvas, swipe)
    assert sides(canvas) == (AERIAL, (180, 180, 180))
    swipe.set_layers([newer])
    wait_for(lambda: sides(canvas)[0] == MAP)


def test_it_covers_the_live_tiles_on_its_left(canvas, swipe):
    from flair_landcover.ui.canvas.tiles import LiveTiles

    from .test_tiles import WATER, place, png

    live = LiveTiles(canvas, crs(2154))
    live.add(place(0, 0), png(200, WATER))
    start(canvas, swipe)
    left, right = sides(canvas)
    assert left == AERIAL and right != MAP
    live.remove()


def test_stopping_leaves_nothing_and_it_starts_again_where_it_was(canvas, swipe):
    start(canvas, swipe)
    swipe.move_to(0.8)
    swipe.stop()
    assert items_of(canvas) == set() and sides(canvas) == (MAP, MAP)
    assert swipe.heard == ["stopped"] and not swipe.active
    swipe.stop()
    assert swipe.heard == ["stopped"]
    start(canvas, swipe)
    assert swipe.position == pytest.approx(0.8) and sides(canvas) == (AERIAL, AERIAL)


def test_stopping_while_it_renders_waits_for_nothing_and_leaves_nothing(canvas, swipe):
    swipe.start()
    canvas.refresh()
    swipe.stop()
    settle(canvas)
    QTest.qWait(100)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert items_of(canvas) == set()
    assert [child for child in swipe.children() if "Renderer" in child.metaObject().className()] == []


def test_many_pictures_leave_no_job_behind(canvas, swipe):
    start(canvas, swipe)
    for _ in range(10):
        canvas.zoomByFactor(1.1)
        canvas.refresh()
        QTest.qWait(15)
    settle(canvas)
    QTest.qWait(200)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert [child for child in swipe.children() if "Renderer" in child.metaObject().className()] == []


def test_without_hidden_layers_it_does_not_start_and_ends(canvas, swipe, layers):
    start(canvas, swipe)
    swipe.set_layers([])
    assert not swipe.active and items_of(canvas) == set() and swipe.heard == ["stopped"]
    swipe.start()
    assert not swipe.active


def test_it_ends_when_the_hidden_layers_are_deleted(canvas, swipe, layers):
    start(canvas, swipe)
    QgsProject.instance().removeMapLayer(layers[0].id())
    assert not swipe.active and swipe.heard == ["stopped"] and items_of(canvas) == set()
    settle(canvas)


def test_it_ends_when_a_project_loaded_by_qgis_is_closed(canvas, layers, tmp_path):
    project = QgsProject.instance()
    project.write(str(tmp_path / "project.qgz"))
    project.clear()
    project.read(str(tmp_path / "project.qgz"))
    loaded = {layer.name(): layer for layer in project.mapLayers().values()}
    canvas.setLayers([loaded["map"], loaded["aerial"]])
    settle(canvas)
    swipe = Swipe(canvas)
    swipe.set_layers([loaded["map"]])
    start(canvas, swipe)
    project.clear()
    assert not swipe.active and items_of(canvas) == set()


def test_one_of_two_hidden_layers_may_go(canvas, swipe, layers, plain):
    newer = plain(180, "newer")
    canvas.setLayers([newer, *layers])
    settle(canvas)
    swipe.set_layers([newer, layers[0]])
    start(canvas, swipe)
    QgsProject.instance().removeMapLayer(newer.id())
    settle(canvas)
    assert swipe.active
    wait_for(lambda: sides(canvas) == (AERIAL, MAP))
    swipe.set_layers(layers[:1])


def test_the_aerial_image_may_be_deleted(canvas, swipe, layers):
    start(canvas, swipe)
    QgsProject.instance().removeMapLayer(layers[1].id())
    settle(canvas)
    wait_for(lambda: sides(canvas) == ((255, 255, 255), MAP))


def test_the_canvas_may_go_first(canvas, swipe, layers):
    start(canvas, swipe)
    canvas.refresh()
    sip.delete(canvas)
    assert not swipe.active and swipe.heard == ["stopped"]
    swipe.start()
    swipe.move_to(0.3)
    swipe.set_layers(layers[1:])
    swipe.stop()
    assert not swipe.active


def test_a_swipe_that_is_deleted_while_active_leaves_nothing(canvas, layers):
    swipe = Swipe(canvas)
    swipe.set_layers(layers[:1])
    start(canvas, swipe)
    sip.delete(swipe)
    assert items_of(canvas) == set()
    canvas.refresh()
    settle(canvas)
    assert sides(canvas) == (MAP, MAP)


def test_the_arrow_keys_still_pan_the_map(canvas, swipe):
    start(canvas, swipe)
    before = canvas.extent()
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.extent() != before and swipe.position == pytest.approx(0.5)
