"""Polygons drawn with the mouse."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsGeometry
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QLabel

from flair_landcover.ui.canvas.area_tools import PolygonTool

from .conftest import LEFT_BUTTON, click, items_of, move

RIGHT_BUTTON = Qt.MouseButton.RightButton
TRIANGLE = [(100, 50), (300, 80), (180, 250)]
CROSSING = [(100, 50), (300, 200), (300, 50), (100, 200)]


@pytest.fixture
def tool(canvas):
    made = PolygonTool(canvas)
    made.heard = []
    made.drawn.connect(lambda geometry: made.heard.append(geometry))
    made.cancelled.connect(lambda: made.heard.append("cancelled"))
    made.refused.connect(lambda sentence: made.heard.append(sentence))
    canvas.setMapTool(made)
    return made


def polygon(canvas, corners) -> QgsGeometry:
    to_map = canvas.getCoordinateTransform().toMapCoordinates
    return QgsGeometry.fromPolygonXY([[to_map(QPoint(*corner)) for corner in corners]])


def click_all(canvas, corners) -> None:
    for corner in corners:
        click(canvas, *corner)


def assert_drawn(canvas, found, corners) -> None:
    wanted = polygon(canvas, corners)
    assert found.symDifference(wanted).area() < 1e-6 * wanted.area()
    assert len(found.asPolygon()[0]) == len(corners) + 1


def double_click(canvas, x: int, y: int) -> None:
    """As a mouse does: the first click, then the double click with a release but no press of its own."""
    click(canvas, x, y)
    QTest.mouseDClick(canvas.viewport(), LEFT_BUTTON, pos=QPoint(x, y))


def test_the_right_button_ends_a_polygon(canvas, tool):
    click_all(canvas, TRIANGLE)
    click(canvas, 20, 20, RIGHT_BUTTON)
    (found,) = tool.heard
    assert_drawn(canvas, found, TRIANGLE)
    assert items_of(canvas) == set() and not tool.is_drawing()


def test_a_double_click_adds_the_last_corner_and_ends_a_polygon(canvas, tool):
    click_all(canvas, TRIANGLE[:2])
    double_click(canvas, *TRIANGLE[2])
    (found,) = tool.heard
    assert_drawn(canvas, found, TRIANGLE)
    assert not tool.is_drawing()


@pytest.mark.parametrize("key", [Qt.Key.Key_Backspace, Qt.Key.Key_Delete])
def test_backspace_and_delete_take_the_last_corner_back(canvas, tool, key):
    click_all(canvas, [*TRIANGLE[:2], (20, 290)])
    QTest.keyClick(canvas, key)
    click(canvas, *TRIANGLE[2])
    click(canvas, *TRIANGLE[2], RIGHT_BUTTON)
    assert_drawn(canvas, tool.heard[0], TRIANGLE)


def test_taking_all_corners_back_leaves_a_tool_that_begins_anew(canvas, tool):
    click_all(canvas, TRIANGLE[:2])
    for _ in range(4):
        QTest.keyClick(canvas, Qt.Key.Key_Backspace)
    assert not tool.is_drawing() and items_of(canvas) == set() and tool.heard == []


def test_the_band_follows_the_cursor(canvas, tool):
    click_all(canvas, TRIANGLE[:2])
    move(canvas, *TRIANGLE[2])
    (band,) = (item for item in canvas.scene().items() if type(item).__name__ == "QgsRubberBand")
    before = band.asGeometry().area()
    assert before == pytest.approx(polygon(canvas, TRIANGLE).area(), rel=1e-6)
    move(canvas, 180, 290)
    (band,) = (item for item in canvas.scene().items() if type(item).__name__ == "QgsRubberBand")
    assert band.asGeometry().area() > before


def test_the_area_is_told_as_it_is_on_the_ground(canvas, tool):
    click_all(canvas, TRIANGLE[:2])
    move(canvas, *TRIANGLE[2])
    words = canvas.viewport().findChild(QLabel).text()
    # A metre of Web Mercator is 0.696 m there.
    wanted = polygon(canvas, TRIANGLE).area() * 0.696**2
    assert float(words.removesuffix(" m²")) == pytest.approx(wanted, rel=0.01)


def test_a_polygon_that_crosses_itself_is_refused_and_can_be_mended(canvas, tool):
    click_all(canvas, CROSSING)
    assert canvas.viewport().findChild(QLabel).text() == "edges cross"
    click(canvas, 20, 20, RIGHT_BUTTON)
    (sentence,) = tool.heard
    assert "cross" in sentence and "Backspace" in sentence
    assert tool.is_drawing()
    QTest.keyClick(canvas, Qt.Key.Key_Backspace)
    click(canvas, 20, 20, RIGHT_BUTTON)
    assert_drawn(canvas, tool.heard[1], CROSSING[:3])


def test_two_corners_are_refused(canvas, tool):
    click_all(canvas, TRIANGLE[:2])
    click(canvas, 20, 20, RIGHT_BUTTON)
    (sentence,) = tool.heard
    assert "three corners" in sentence and tool.is_drawing()


def test_three_corners_on_a_line_are_refused(canvas, tool):
    click_all(canvas, [(100, 100), (200, 100), (300, 100)])
    click(canvas, 20, 20, RIGHT_BUTTON)
    assert isinstance(tool.heard[0], str) and tool.is_drawing()


def test_a_click_twice_at_the_same_place_is_one_corner(canvas, tool):
    click_all(canvas, [TRIANGLE[0], TRIANGLE[0], *TRIANGLE[1:]])
    click(canvas, 20, 20, RIGHT_BUTTON)
    assert_drawn(canvas, tool.heard[0], TRIANGLE)


def test_escape_drops_all_corners(canvas, tool):
    click_all(canvas, TRIANGLE)
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert tool.heard == ["cancelled"] and items_of(canvas) == set() and not tool.is_drawing()


def test_the_right_button_before_the_first_corner_says_nothing(canvas, tool):
    click(canvas, 20, 20, RIGHT_BUTTON)
    assert tool.heard == []


def test_deleting_is_left_to_qgis_while_nothing_is_drawn(canvas, tool):
    from qgis.PyQt.QtCore import QEvent
    from qgis.PyQt.QtGui import QKeyEvent
    from qgis.PyQt.QtWidgets import QApplication

    def is_wanted() -> bool:
        event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier)
        event.ignore()
        QApplication.sendEvent(canvas, event)
        return event.isAccepted()

    assert not is_wanted()
    click(canvas, *TRIANGLE[0])
    assert is_wanted()


def test_a_deleted_tool_leaves_nothing_behind(canvas, tool):
    click_all(canvas, TRIANGLE)
    sip.delete(tool)
    assert items_of(canvas) == set()
