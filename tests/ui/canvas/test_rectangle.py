"""Rectangles drawn with the mouse."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsGeometry
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QPoint, Qt
from qgis.PyQt.QtGui import QPalette
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QLabel

from flair_landcover.ui.canvas.area_tools import RectangleTool

from .conftest import LEFT_BUTTON, click, colour, crs, drag, items_of, move, press, release, settle, shot


@pytest.fixture
def tool(canvas):
    made = RectangleTool(canvas)
    made.heard = []
    made.drawn.connect(lambda geometry: made.heard.append(geometry))
    made.cancelled.connect(lambda: made.heard.append("cancelled"))
    canvas.setMapTool(made)
    return made


def rectangle(canvas, start, end) -> QgsGeometry:
    """What lies between two places on the viewport."""
    from qgis.core import QgsRectangle

    to_map = canvas.getCoordinateTransform().toMapCoordinates
    return QgsGeometry.fromRect(QgsRectangle(to_map(QPoint(*start)), to_map(QPoint(*end))))


def assert_same(found: QgsGeometry, wanted: QgsGeometry) -> None:
    assert found.symDifference(wanted).area() < 1e-6 * wanted.area()


def labels(canvas) -> list[str]:
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return [label.text() for label in canvas.viewport().findChildren(QLabel)]


def test_a_drag_draws_a_rectangle_in_the_canvas_crs(canvas, tool):
    drag(canvas, (100, 50), (300, 200))
    (found,) = tool.heard
    assert_same(found, rectangle(canvas, (100, 50), (300, 200)))
    assert items_of(canvas) == set() and labels(canvas) == []


def test_a_drag_to_the_upper_left_draws_the_same_rectangle(canvas, tool):
    drag(canvas, (300, 200), (100, 50))
    assert_same(tool.heard[0], rectangle(canvas, (100, 50), (300, 200)))


def test_a_click_and_another_click_draw_a_rectangle(canvas, tool):
    click(canvas, 100, 50)
    move(canvas, 250, 120)
    assert tool.heard == [] and items_of(canvas) == {"QgsRubberBand"}
    click(canvas, 300, 200)
    assert_same(tool.heard[0], rectangle(canvas, (100, 50), (300, 200)))


def test_a_double_click_begins_a_rectangle_and_does_not_end_it(canvas, tool):
    click(canvas, 100, 50)
    QTest.mouseDClick(canvas.viewport(), LEFT_BUTTON, pos=QPoint(100, 50))
    assert tool.heard == [] and tool.is_drawing()


def test_a_hand_that_trembles_while_clicking_draws_nothing_yet(canvas, tool):
    drag(canvas, (100, 50), (102, 51))
    assert tool.heard == [] and tool.is_drawing()


def test_a_line_is_no_rectangle(canvas, tool):
    drag(canvas, (100, 50), (300, 50))
    assert tool.heard == [] and tool.is_drawing()


def test_escape_drops_the_rectangle_also_while_the_button_is_down(canvas, tool):
    press(canvas, 100, 50)
    move(canvas, 200, 150, LEFT_BUTTON)
    assert items_of(canvas) == {"QgsRubberBand"}
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    release(canvas, 200, 150)
    assert tool.heard == ["cancelled"] and items_of(canvas) == set()


def test_escape_before_the_first_corner_cancels_too(canvas, tool):
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert tool.heard == ["cancelled"]


def test_the_right_button_drops_the_rectangle(canvas, tool):
    click(canvas, 100, 50)
    click(canvas, 200, 150, Qt.MouseButton.RightButton)
    assert tool.heard == ["cancelled"] and not tool.is_drawing()


def test_other_keys_stay_with_the_canvas(canvas, tool):
    before = canvas.extent()
    click(canvas, 100, 50)
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.extent() != before and tool.is_drawing()


def test_the_first_corner_stays_on_the_ground_when_the_map_moves(canvas, tool):
    click(canvas, 100, 50)
    corner = canvas.getCoordinateTransform().toMapCoordinates(QPoint(100, 50))
    canvas.setExtent(canvas.extent().buffered(20))
    settle(canvas)
    click(canvas, 300, 200)
    box = tool.heard[0].boundingBox()
    assert (box.xMinimum(), box.yMaximum()) == pytest.approx((corner.x(), corner.y()), abs=1e-6)


def test_the_size_is_told_as_it_is_on_the_ground(canvas, tool):
    press(canvas, 100, 50)
    move(canvas, 200, 150, LEFT_BUTTON)
    (words,) = labels(canvas)
    sides, area = words.replace(",", ".").rsplit(". ", 1)
    width, height = (float(side.split()[0]) for side in sides.split(" × "))
    # 100 pixels of 0.3 m in Web Mercator; at 45.9 degrees north a metre of it is 0.696 m.
    assert width == pytest.approx(30 * 0.696, abs=0.2) and height == pytest.approx(30 * 0.696, abs=0.2)
    assert float(area.removesuffix(" m²")) == pytest.approx(width * height, rel=0.02)


@pytest.mark.parametrize("night", [False, True])
def test_the_size_is_readable_in_every_theme(canvas, tool, night):
    palette = QPalette(canvas.palette())
    paper, ink = (Qt.GlobalColor.black, Qt.GlobalColor.white) if night else (Qt.GlobalColor.white, Qt.GlobalColor.black)
    palette.setColor(QPalette.ColorRole.ToolTipBase, paper)
    palette.setColor(QPalette.ColorRole.ToolTipText, ink)
    canvas.setPalette(palette)
    press(canvas, 100, 50)
    move(canvas, 200, 150, LEFT_BUTTON)
    picture = shot(canvas)
    label = canvas.viewport().findChild(QLabel)
    inner = label.geometry().adjusted(3, 3, -3, -3)
    greys = [sum(colour(picture, x, inner.center().y())) / 3 for x in range(inner.left(), inner.right())]
    assert min(greys) < 80 and max(greys) > 200
    # The frame's inside, left of the first letter, is paper.
    assert colour(picture, label.x() + 2, label.y() + 2) == ((0, 0, 0) if night else (255, 255, 255))


def test_the_size_stays_on_the_canvas(canvas, tool):
    press(canvas, 300, 200)
    move(canvas, 398, 298, LEFT_BUTTON)
    label = canvas.viewport().findChild(QLabel)
    assert canvas.viewport().rect().contains(label.geometry())


def test_a_rectangle_is_upright_on_a_rotated_canvas(canvas, tool):
    canvas.setRotation(30)
    settle(canvas)
    drag(canvas, (150, 100), (250, 200))
    corners = tool.heard[0].asPolygon()[0]
    pixels = [canvas.getCoordinateTransform().transform(corner) for corner in corners]
    assert {round(p.x()) for p in pixels} == {150, 250} and {round(p.y()) for p in pixels} == {100, 200}


def test_another_crs_of_the_canvas_begins_anew(canvas, tool):
    click(canvas, 100, 50)
    move(canvas, 200, 100)
    canvas.setDestinationCrs(crs(2154))
    assert not tool.is_drawing() and items_of(canvas) == set() and tool.heard == []


def test_another_tool_leaves_nothing_behind(canvas, tool):
    click(canvas, 100, 50)
    move(canvas, 200, 150)
    canvas.unsetMapTool(tool)
    assert items_of(canvas) == set() and labels(canvas) == []
    # And the tool works again when it is taken again.
    canvas.setMapTool(tool)
    drag(canvas, (100, 50), (300, 200))
    assert len(tool.heard) == 1


def test_the_tool_may_be_unset_by_who_hears_of_the_rectangle(canvas, tool):
    tool.drawn.connect(lambda geometry: canvas.unsetMapTool(tool))
    drag(canvas, (100, 50), (300, 200))
    assert canvas.mapTool() is None and len(tool.heard) == 1


def test_a_deleted_tool_leaves_nothing_behind(canvas, tool):
    click(canvas, 100, 50)
    move(canvas, 200, 150)
    assert items_of(canvas) == {"QgsRubberBand"}
    sip.delete(tool)
    assert items_of(canvas) == set() and labels(canvas) == [] and canvas.mapTool() is None


def test_a_canvas_that_goes_away_in_the_middle_takes_the_tool_along(canvas, tool):
    click(canvas, 100, 50)
    move(canvas, 200, 150)
    sip.delete(canvas)
    assert sip.isdeleted(tool)


def test_its_size_can_be_read_in_a_theme_that_makes_labels_transparent(application, canvas, tool):
    application.setStyleSheet("QLabel { background: transparent; color: #808080; }")
    try:
        press(canvas, 100, 50)
        move(canvas, 200, 150, LEFT_BUTTON)
        (label,) = canvas.viewport().findChildren(QLabel)
        wanted = canvas.palette().color(QPalette.ColorRole.ToolTipBase)
        assert label.grab().toImage().pixelColor(3, 3) == wanted
        tool.cancel()
    finally:
        application.setStyleSheet("")
