"""Wrong patches outlined by click, with real mouse and key events on a canvas in another CRS."""

from __future__ import annotations

import numpy as np
import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsGeometry, QgsPointXY, QgsRasterLayer, QgsRectangle
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QPoint, Qt
from qgis.PyQt.QtGui import QColor, QKeyEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QListWidget

from flair_landcover.tests.qgis_side import LEFT, PIXEL_M, TOP, write_raster

from ..canvas.conftest import click, colour, crs, items_of, move, pixel_at, settle, shot, to_crs
from .conftest import SIZE, key, painted, same

GRASS, WATER, FOREST = 10, 5, 7
RIGHT_BUTTON = Qt.MouseButton.RightButton


@pytest.fixture
def tool(canvas, land_cover, confidence):
    from flair_landcover.ui.annotate.correct_tool import CorrectTool

    canvas.setLayers([land_cover])
    settle(canvas)
    made = CorrectTool(canvas)
    made.heard = []
    made.corrected.connect(lambda geometry, was, now: made.heard.append((geometry, was, now)))
    for signal in ("refused", "left", "new_class_asked", "undo_asked", "redo_asked"):
        getattr(made, signal).connect(lambda *said, name=signal: made.heard.append((name, *said)))
    made.set_result(land_cover, confidence, FLAIR_CLASSES, FLAIR_CLASSES)
    made.set_limits(10_000, 0)
    canvas.setMapTool(made)
    return made


def at(canvas, column: float, row: float) -> tuple[int, int]:
    place = pixel_at(canvas, column, row)
    return place.x(), place.y()


def click_at(canvas, column: float, row: float, *button) -> None:
    click(canvas, *at(canvas, column, row), *button)


def choices(canvas):
    from flair_landcover.ui.annotate.class_choices import ClassChoices

    found = [each for each in canvas.viewport().findChildren(ClassChoices) if not each.isHidden()]
    assert len(found) <= 1
    return found[0] if found else None


def pond() -> QgsGeometry:
    """10 x 20 pixels."""
    return QgsGeometry.fromRect(
        QgsRectangle(LEFT + 60 * PIXEL_M, TOP - 110 * PIXEL_M, LEFT + 70 * PIXEL_M, TOP - 90 * PIXEL_M)
    )


def test_a_click_outlines_the_patch_and_a_key_gives_its_class(canvas, tool):
    click_at(canvas, 65, 100)
    assert tool.is_outlined() and same(tool.outline(), pond()) and tool.heard == []
    assert items_of(canvas) == {"QgsRubberBand"}
    assert choices(canvas).headline() == "water, 8 m²: rather…"
    key(canvas, Qt.Key.Key_7)
    ((geometry, was, now),) = tool.heard
    assert same(geometry, pond()) and geometry.isGeosValid() and (was, now) == (WATER, FOREST)
    assert not tool.is_outlined() and items_of(canvas) == set() and choices(canvas) is None


@pytest.mark.parametrize(
    ("pressed", "value"),
    [(Qt.Key.Key_1, 1), (Qt.Key.Key_9, 9), (Qt.Key.Key_0, 10), (Qt.Key.Key_A, 11), (Qt.Key.Key_C, 13)],
)
def test_the_first_ten_classes_have_digits_and_the_others_letters(canvas, tool, pressed, value):
    click_at(canvas, 65, 100)
    key(canvas, pressed)
    assert tool.heard[0][2] == value


def test_the_digits_of_a_french_keyboard_need_no_shift(canvas, tool):
    click_at(canvas, 65, 100)
    QApplication.sendEvent(
        canvas, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Egrave, Qt.KeyboardModifier.NoModifier, "è")
    )
    assert tool.heard[0][2] == 7


def test_keys_that_stand_for_no_class_are_left_to_qgis(canvas, tool):
    def is_wanted(which, text: str, modifier=Qt.KeyboardModifier.NoModifier) -> bool:
        event = QKeyEvent(QEvent.Type.ShortcutOverride, which, modifier, text)
        event.ignore()
        QApplication.sendEvent(canvas, event)
        return event.isAccepted()

    assert not is_wanted(Qt.Key.Key_1, "1")  # nothing is outlined
    click_at(canvas, 65, 100)
    assert is_wanted(Qt.Key.Key_1, "1") and is_wanted(Qt.Key.Key_C, "c")
    assert not is_wanted(Qt.Key.Key_D, "d")  # there are 13 classes
    assert not is_wanted(Qt.Key.Key_1, "1", Qt.KeyboardModifier.ControlModifier)


def test_arrows_and_enter_choose_in_the_list(canvas, tool):
    click_at(canvas, 65, 100)
    assert choices(canvas).current() == 1
    for _ in range(3):
        key(canvas, Qt.Key.Key_Down)
    key(canvas, Qt.Key.Key_Up)
    assert choices(canvas).current() == 3
    key(canvas, Qt.Key.Key_Return)
    assert tool.heard[0][1:] == (WATER, 3)


def test_the_list_begins_with_the_class_chosen_last_and_never_with_the_maps_own(canvas, tool):
    click_at(canvas, 65, 100)
    key(canvas, Qt.Key.Key_7)
    click_at(canvas, 65, 100)
    assert choices(canvas).current() == FOREST
    click_at(canvas, 140, 150)
    assert tool.is_outlined() and choices(canvas).current() == 1


def test_a_class_is_chosen_in_the_list_with_the_mouse(canvas, tool):
    click_at(canvas, 65, 100)
    found = choices(canvas)
    listed = found.findChild(QListWidget)
    assert found.texts()[:2] == ["1  building", "2  pervious surface"] and found.texts()[9].startswith("0  herb")
    assert found.texts()[-1] == "+  new class…" and found.texts()[10].startswith("A  agri")
    place = listed.visualItemRect(listed.item(2)).center()
    QTest.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QApplication.processEvents()
    assert tool.heard[0][1:] == (WATER, 3) and choices(canvas) is None
    assert canvas.viewport().rect().contains(found.geometry())


def test_the_outline_has_the_colour_of_the_class_that_is_pointed_at(canvas, tool):
    click_at(canvas, 65, 100)

    def band() -> str:
        (found,) = (item for item in canvas.scene().items() if type(item).__name__ == "QgsRubberBand")
        assert found.fillColor().alpha() < 255
        return found.strokeColor().name()

    assert band() == FLAIR_CLASSES[0].colour
    key(canvas, Qt.Key.Key_Down)
    assert band() == FLAIR_CLASSES[1].colour


def test_escape_and_the_right_button_drop_the_outline_and_another_click_replaces_it(canvas, tool):
    click_at(canvas, 65, 100)
    key(canvas, Qt.Key.Key_Escape)
    assert not tool.is_outlined() and items_of(canvas) == set() and tool.heard == []
    click_at(canvas, 65, 100)
    click_at(canvas, 20, 20, RIGHT_BUTTON)
    assert not tool.is_outlined() and tool.heard == []
    click_at(canvas, 65, 100)
    click_at(canvas, 150, 20)
    assert tool.is_outlined() and not same(tool.outline(), pond()) and choices(canvas).headline().startswith("deci")


def test_escape_without_an_outline_leaves_the_tool(canvas, tool):
    key(canvas, Qt.Key.Key_Escape)
    assert tool.heard == [("left",)]


def test_moving_the_mouse_draws_and_reads_nothing(canvas, tool, land_cover, monkeypatch):
    from flair_landcover.ui.annotate import correct_tool as module

    monkeypatch.setattr(module, "read_window", lambda *_: pytest.fail("read"))
    for column in range(40, 120, 10):
        move(canvas, *at(canvas, column, 100))
    assert items_of(canvas) == set()


def test_outside_the_map_and_on_nodata_a_sentence_says_so(canvas, tool):
    click_at(canvas, 0.5, 100)
    click_at(canvas, -40, 100)
    assert [said[0] for said in tool.heard] == ["refused", "refused"]
    assert "no map at this place" in tool.heard[0][1] and not tool.is_outlined()


def test_a_patch_larger_than_the_limit_is_cut_round_the_click(canvas, tool):
    tool.set_limits(100, 0)
    click_at(canvas, 30, 40)
    area = tool.outline().area()
    assert 95 < area <= 101
    centre = tool.outline().centroid().asPoint()
    assert centre.x() == pytest.approx(LEFT + 30 * PIXEL_M, abs=0.5)
    assert centre.y() == pytest.approx(TOP - 40 * PIXEL_M, abs=0.5)


def test_another_limit_outlines_anew_and_keeps_the_class(canvas, tool):
    tool.set_limits(100, 0)
    click_at(canvas, 30, 40)
    key(canvas, Qt.Key.Key_Down)
    chosen = choices(canvas).current()
    tool.set_limits(50, 0)
    assert 45 < tool.outline().area() <= 51 and choices(canvas).current() == chosen


def test_doubt_cuts_the_patch_where_there_is_a_confidence(canvas, tool, land_cover):
    tool.set_limits(10_000, 50)
    click_at(canvas, 150, 50)
    doubtful = tool.outline()
    click_at(canvas, 150, 150)
    sure = tool.outline()
    assert not doubtful.overlaps(sure) and doubtful.area() == pytest.approx(sure.area(), rel=0.06)
    tool.set_result(land_cover, None, FLAIR_CLASSES, FLAIR_CLASSES)
    click_at(canvas, 150, 50)
    assert tool.outline().area() == pytest.approx(doubtful.area() + sure.area(), rel=0.01)


@pytest.mark.parametrize("epsg", [2154, 3857, 32631])
@pytest.mark.parametrize("rotation", [0, 30, 200])
def test_the_click_finds_its_patch_on_any_canvas(canvas, tool, epsg, rotation):
    canvas.setDestinationCrs(crs(epsg))
    middle = to_crs(LEFT + 20, TOP - 20, epsg)
    canvas.setExtent(QgsRectangle(middle.x() - 40, middle.y() - 30, middle.x() + 40, middle.y() + 30))
    canvas.setRotation(rotation)
    settle(canvas)
    click_at(canvas, 65, 100)
    assert same(tool.outline(), pond())
    # The band is where the pond is seen, in the colour of the list's first class over the pond's own.
    choices(canvas).hide()
    image = shot(canvas)
    inside = colour(image, *at(canvas, 62, 92))
    key(canvas, Qt.Key.Key_Escape)
    assert inside != colour(shot(canvas), *at(canvas, 62, 92))


def test_the_outline_follows_the_canvas_to_another_crs(canvas, tool):
    click_at(canvas, 65, 100)
    canvas.setDestinationCrs(crs(2154))
    (band,) = (item for item in canvas.scene().items() if type(item).__name__ == "QgsRubberBand")
    assert same(band.asGeometry(), pond()) and same(tool.outline(), pond())


def test_the_list_stays_in_sight_when_the_canvas_moves(canvas, tool):
    click_at(canvas, 65, 100)
    for shift in (25, -50):
        extent = canvas.extent()
        extent.setXMinimum(extent.xMinimum() + shift)
        extent.setXMaximum(extent.xMaximum() + shift)
        canvas.setExtent(extent)
        canvas.refresh()
        QApplication.processEvents()
        assert canvas.viewport().rect().contains(choices(canvas).geometry())


def test_the_list_lies_beside_the_patch_where_there_is_room(canvas, tool):
    canvas.resize(1000, 600)
    settle(canvas)
    for column in (65, 190):  # the list is on its right, then on its left
        tool.set_limits(20, 0)
        click_at(canvas, column, 100)
        (band,) = (item for item in canvas.scene().items() if type(item).__name__ == "QgsRubberBand")
        patch = band.sceneBoundingRect().toRect().adjusted(4, 4, -4, -4)
        assert not choices(canvas).geometry().intersects(patch)


@pytest.mark.parametrize("size", [(400, 300), (200, 120)])
def test_the_list_has_room_on_a_small_canvas(canvas, tool, size):
    canvas.resize(*size)
    settle(canvas)
    click_at(canvas, 65, 100)
    assert canvas.viewport().rect().contains(choices(canvas).geometry())


def test_a_new_class_is_asked_for_on_the_last_line(canvas, tool):
    click_at(canvas, 65, 100)
    for _ in range(20):
        key(canvas, Qt.Key.Key_Down)
    key(canvas, Qt.Key.Key_Return)
    assert tool.heard == [("new_class_asked",)] and tool.is_outlined()
    tool.answer(14)
    assert tool.heard[1][1:] == (WATER, 14)


def test_ctrl_z_asks_for_undo(canvas, tool):
    key(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert tool.heard == [("undo_asked",)]


def test_a_legend_of_other_names_is_matched_by_name(canvas, tool, land_cover):
    own = (LandCoverClass(1, "Water", "#0000ff"), LandCoverClass(2, "hedge", "#00ff00"))
    tool.set_result(land_cover, None, FLAIR_CLASSES, own)
    click_at(canvas, 65, 100)
    assert choices(canvas).headline().startswith("water") and choices(canvas).current() == 2
    assert choices(canvas).texts() == ["1  Water", "2  hedge", "+  new class…"]


def test_another_map_or_another_tool_drops_the_outline(canvas, tool):
    from qgis.gui import QgsMapToolPan

    click_at(canvas, 65, 100)
    tool.set_result(None, None, (), ())
    assert items_of(canvas) == set()
    click_at(canvas, 65, 100)
    assert tool.heard[-1][0] == "refused"
    pan = QgsMapToolPan(canvas)
    canvas.setMapTool(pan)
    assert items_of(canvas) == set()
    click_at(canvas, 65, 100)
    assert items_of(canvas) == set()


def test_a_deleted_tool_leaves_nothing_behind(canvas, tool):
    click_at(canvas, 65, 100)
    sip.delete(tool)
    assert items_of(canvas) == set()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert choices(canvas) is None


def test_a_map_of_a_million_pixels_with_speckles_gives_one_valid_polygon(canvas, tool, project, tmp_path):
    labels = np.full((1, 1000, 1000), GRASS, np.uint8)
    labels[np.random.default_rng(0).random(labels.shape) < 0.1] = FOREST
    labels[0, 100, 100] = GRASS
    layer = QgsRasterLayer(str(write_raster(tmp_path / "large.tif", labels)), "large")
    project.addMapLayer(layer)
    tool.set_result(layer, None, FLAIR_CLASSES, FLAIR_CLASSES)
    tool.set_limits(10_000, 0)
    click_at(canvas, 100.5, 100.5)
    assert tool.outline().isGeosValid() and 9_000 < tool.outline().area() < 10_060


def test_the_window_holds_what_lies_round_the_click_at_the_maps_edge_too(land_cover, confidence):
    from flair_landcover.ui.annotate.map_window import read_window

    point = QgsPointXY(LEFT + 3.5 * PIXEL_M, TOP - 5.5 * PIXEL_M)
    window = read_window(land_cover, confidence, point, 10)
    assert window.seed == (5, 3) and (window.labels == painted()[: len(window.labels), : window.labels.shape[1]]).all()
    assert window.pixel_m2 == pytest.approx(PIXEL_M**2, rel=0.005)
    assert window.confidence.shape == window.labels.shape and window.confidence[50, 125] == 30
    last = read_window(land_cover, None, QgsPointXY(LEFT + SIZE * PIXEL_M, TOP - SIZE * PIXEL_M), 10)
    assert last.seed[0] == len(last.labels) - 1 and last.confidence is None
    assert read_window(land_cover, None, QgsPointXY(LEFT - 1, TOP), 10) is None


def test_swatches_are_the_legends_colours(canvas, tool):
    from flair_landcover.ui.annotate.class_choices import swatch

    icon = swatch("#db0e9a", 12, canvas.palette())
    assert QColor(icon.pixmap(12, 12).toImage().pixel(QPoint(6, 6))).name() == "#db0e9a"
