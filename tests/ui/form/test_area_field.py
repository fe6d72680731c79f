"""The part of the image to map."""

from __future__ import annotations

import math

import pytest
from qgis.core import (
    QgsBookmark,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsGeometry,
    QgsProject,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.tests.qgis_side import LEFT, TOP
from flair_landcover.ui.form.area_field import Area, AreaField

LAMBERT = QgsCoordinateReferenceSystem("EPSG:2154")
MERCATOR = QgsCoordinateReferenceSystem("EPSG:3857")
BOX = QgsRectangle(LEFT + 5, TOP - 25, LEFT + 30, TOP - 10)


@pytest.fixture
def field(canvas):
    made = AreaField(canvas)
    yield made
    made.close()
    made.deleteLater()


def in_mercator(geometry: QgsGeometry) -> QgsGeometry:
    moved = QgsGeometry(geometry)
    moved.transform(QgsCoordinateTransform(LAMBERT, MERCATOR, QgsProject.instance()))
    return moved


def choose(button, text: str) -> None:
    """Picks the entry of a button's menu."""
    menu = button.menu()
    menu.aboutToShow.emit()
    next(action for action in menu.actions() if action.text() == text).trigger()


def entries(button) -> list[tuple[str, bool]]:
    button.menu().aboutToShow.emit()
    return [(a.text(), a.isEnabled()) for a in button.menu().actions() if not a.isSeparator()]


def test_without_a_choice_all_of_the_image_is_meant(field):
    assert field.area() is None


def test_a_rectangle_in_the_images_crs_is_taken_as_it_is():
    extent, mask = Area((QgsGeometry.fromRect(BOX),), LAMBERT, False, "").extent_and_mask(LAMBERT)
    assert extent == (BOX.xMinimum(), BOX.yMinimum(), BOX.xMaximum(), BOX.yMaximum()) and mask is None


def test_a_rectangle_drawn_on_web_mercator_covers_what_was_drawn():
    drawn = in_mercator(QgsGeometry.fromRect(BOX))
    extent, mask = Area((QgsGeometry.fromRect(drawn.boundingBox()),), MERCATOR, False, "").extent_and_mask(LAMBERT)
    assert mask is None
    assert QgsRectangle(*extent).contains(BOX)
    # the two grids are turned against each other by some 2 degrees here: no more than that is added
    assert QgsRectangle(*extent).width() < BOX.width() + 3


def test_a_polygon_is_a_mask_and_its_box_the_extent():
    triangle = QgsGeometry.fromWkt(f"Polygon(({LEFT} {TOP}, {LEFT + 20} {TOP}, {LEFT} {TOP - 10}, {LEFT} {TOP}))")
    extent, mask = Area((triangle,), LAMBERT, True, "").extent_and_mask(LAMBERT)
    assert extent == (LEFT, TOP - 10, LEFT + 20, TOP)
    assert [polygon["type"] for polygon in mask] == ["Polygon"]
    assert len(mask[0]["coordinates"][0]) == 4


def test_a_polygon_of_another_crs_bends_with_it():
    triangle = QgsGeometry.fromWkt(f"Polygon(({LEFT} {TOP}, {LEFT + 200} {TOP}, {LEFT} {TOP - 100}, {LEFT} {TOP}))")
    (polygon,) = Area((in_mercator(triangle),), MERCATOR, True, "").extent_and_mask(LAMBERT)[1]
    ring = polygon["coordinates"][0]
    assert len(ring) > 60
    moved = QgsGeometry.fromWkt("Polygon((" + ", ".join(f"{x} {y}" for x, y in ring) + "))")
    assert math.isclose(moved.area(), triangle.area(), rel_tol=1e-4)


def test_several_polygons_are_all_wanted():
    parts = tuple(QgsGeometry.fromRect(QgsRectangle(LEFT + x, TOP - 5, LEFT + x + 5, TOP)) for x in (0, 20))
    extent, mask = Area(parts, LAMBERT, True, "").extent_and_mask(LAMBERT)
    assert extent == (LEFT, TOP - 5, LEFT + 25, TOP) and len(mask) == 2


@pytest.mark.parametrize("exact", [True, False])
def test_an_area_that_the_images_crs_does_not_reach_is_refused(exact):
    beyond_the_pole = QgsGeometry.fromRect(QgsRectangle(0, 94, 10, 95))
    with pytest.raises(ValueError, match="outside the CRS"):
        Area((beyond_the_pole,), QgsCoordinateReferenceSystem("EPSG:4326"), exact, "").extent_and_mask(LAMBERT)


def test_the_canvas_is_taken_as_it_shows(field, canvas):
    canvas.setExtent(BOX)
    shown = canvas.extent()
    field.canvas_button.click()
    assert field.area().crs == LAMBERT and not field.area().exact
    assert field.area().extent_and_mask(LAMBERT)[0] == pytest.approx(
        (shown.xMinimum(), shown.yMinimum(), shown.xMaximum(), shown.yMaximum())
    )


def test_a_layers_extent_is_taken_and_all_of_the_image_again(field, aerial):
    choose(field.layer_button, "ortho")
    assert field.area().title == "ortho"
    assert field.area().extent_and_mask(LAMBERT)[0] == pytest.approx((LEFT, TOP - 40, LEFT + 40, TOP))
    choose(field.layer_button, "All of the image")
    assert field.area() is None


def test_selected_polygons_are_taken(field):
    layer = QgsVectorLayer("Polygon?crs=EPSG:2154", "plots", "memory")
    for x in (0, 10, 20):
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(LEFT + x, TOP - 5, LEFT + x + 5, TOP)))
        layer.dataProvider().addFeature(feature)
    QgsProject.instance().addMapLayer(layer)
    assert entries(field.selected_button) == [("Select polygons in a polygon layer first", False)]
    layer.selectByIds([1, 3])
    choose(field.selected_button, "2 of plots")
    extent, mask = field.area().extent_and_mask(LAMBERT)
    assert extent == (LEFT, TOP - 5, LEFT + 25, TOP) and len(mask) == 2


def test_a_bookmark_is_taken(field):
    assert entries(field.bookmark_button) == [("There are no bookmarks", False)]
    bookmark = QgsBookmark()
    bookmark.setName("the village")
    bookmark.setExtent(QgsReferencedRectangle(BOX, LAMBERT))
    QgsProject.instance().bookmarkManager().addBookmark(bookmark)
    choose(field.bookmark_button, "the village")
    assert field.area().title == "the village"
    assert QgsRectangle(*field.area().extent_and_mask(LAMBERT)[0]) == BOX


def test_drawing_gives_the_tool_back_that_was_there(field, canvas):
    from qgis.gui import QgsMapToolPan

    pan = QgsMapToolPan(canvas)
    canvas.setMapTool(pan)
    field.rectangle_button.click()
    assert field.rectangle_button.isChecked() and canvas.mapTool() is not pan
    field.polygon_button.click()
    assert field.polygon_button.isChecked() and not field.rectangle_button.isChecked()
    canvas.mapTool().drawn.emit(QgsGeometry.fromRect(BOX))
    assert canvas.mapTool() is pan and not field.polygon_button.isChecked()
    assert field.area().exact and field.area().title == "drawn polygon"
    field.rectangle_button.click()
    field.rectangle_button.click()
    assert canvas.mapTool() is pan and not field.rectangle_button.isChecked()


def test_the_area_is_outlined_while_the_form_is_seen(field, canvas):
    before = len(canvas.scene().items())
    field.set_area(Area((QgsGeometry.fromRect(BOX),), LAMBERT, False, "box"))
    assert len(canvas.scene().items()) > before
    field.set_outlined(False)
    QApplication.processEvents()
    assert len(canvas.scene().items()) == before
    field.set_outlined(True)
    assert len(canvas.scene().items()) > before
    field.close()
    assert len(canvas.scene().items()) == before


def test_the_map_ends_where_the_image_does(aerial):
    wide = QgsRectangle(LEFT + 5, TOP - 25, LEFT + 4000, TOP + 4000)
    extent, _ = Area((QgsGeometry.fromRect(wide),), LAMBERT, False, "").in_image(aerial)
    assert extent == pytest.approx((LEFT + 5, TOP - 25, LEFT + 40, TOP))
    extent, mask = Area((QgsGeometry.fromRect(wide),), LAMBERT, True, "").in_image(aerial)
    assert extent == pytest.approx((LEFT + 5, TOP - 25, LEFT + 40, TOP)) and len(mask) == 1


def test_a_canvas_that_shows_the_world_means_all_of_the_image(aerial):
    world = QgsGeometry.fromRect(QgsRectangle(-2e7, -2e7, 2e7, 2e7))
    extent, _ = Area((world,), MERCATOR, False, "").in_image(aerial)
    assert extent == pytest.approx((LEFT, TOP - 40, LEFT + 40, TOP))


@pytest.mark.parametrize("exact", [True, False])
def test_an_area_beside_the_image_is_left_to_the_engine(aerial, exact):
    beside = QgsRectangle(LEFT + 100, TOP - 25, LEFT + 130, TOP - 10)
    extent, _ = Area((QgsGeometry.fromRect(beside),), LAMBERT, exact, "").in_image(aerial)
    assert QgsRectangle(*extent) == beside


def test_a_drawing_that_was_begun_ends_when_the_dock_closes(field, canvas):
    field.rectangle_button.click()
    tool = canvas.mapTool()
    field.set_outlined(False)
    assert tool is not None and canvas.mapTool() is not tool
    assert not field.rectangle_button.isChecked()


def test_a_layers_name_is_read_as_it_is_written(field, aerial):
    aerial.setName("fields & woods")
    assert ("fields && woods", True) in entries(field.layer_button)
