"""The chosen area on the canvas."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsGeometry, QgsRectangle
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QPoint

from flair_landcover.ui.canvas.items import AreaOutline

from .conftest import LEFT, TOP, colour, crs, items_of, pixel_at, settle, shot, to_crs

FIELD = QgsRectangle(LEFT, TOP - 40, LEFT + 40, TOP)


def band_of(canvas):
    (band,) = (item for item in canvas.scene().items() if type(item).__name__ == "QgsRubberBand")
    return band


def test_the_area_stands_at_its_place_on_a_canvas_of_another_crs(canvas):
    outline = AreaOutline(canvas)
    before = shot(canvas)
    outline.show(QgsGeometry.fromRect(FIELD), crs(2154))
    after = shot(canvas)
    corners = [pixel_at(canvas, *corner) for corner in ((0, 0), (200, 0), (200, 200), (0, 200))]
    for corner in corners:
        assert colour(after, corner.x(), corner.y()) != colour(before, corner.x(), corner.y())
    # The colours of the map inside stay what the legend says.
    for other in (QPoint(2, 2), pixel_at(canvas, 100, 100)):
        assert at(after, other) == at(before, other)
    outline.remove()


def test_the_edges_of_a_large_area_are_bent_as_the_transform_bends_them(canvas):
    # All of France: a parallel of Lambert-93 is an arc in Web Mercator.
    france = QgsRectangle(100_000, 6_100_000, 1_200_000, 7_100_000)
    outline = AreaOutline(canvas)
    outline.show(QgsGeometry.fromRect(france), crs(2154))
    shown = band_of(canvas).asGeometry()
    middle = to_crs(650_000, 7_100_000, 3857)
    distance = shown.distance(QgsGeometry.fromPointXY(middle))
    boundary = QgsGeometry(shown.constGet().boundary()).distance(QgsGeometry.fromPointXY(middle))
    straight = QgsGeometry.fromPolylineXY([to_crs(100_000, 7_100_000, 3857), to_crs(1_200_000, 7_100_000, 3857)])
    assert straight.distance(QgsGeometry.fromPointXY(middle)) > 10_000
    assert distance < 100 and boundary < 100
    outline.remove()


def test_the_area_follows_the_canvas_into_another_crs(canvas):
    outline = AreaOutline(canvas)
    outline.show(QgsGeometry.fromRect(FIELD), crs(2154))
    for epsg in (2154, 4326, 3857):
        canvas.setDestinationCrs(crs(epsg))
        centre = band_of(canvas).asGeometry().centroid().asPoint()
        wanted = to_crs(LEFT + 20, TOP - 20, epsg)
        assert (centre.x(), centre.y()) == pytest.approx((wanted.x(), wanted.y()), rel=1e-7)
    outline.remove()


def test_an_area_without_a_place_in_the_canvas_crs_comes_back_in_the_next(canvas):
    outline = AreaOutline(canvas)
    poles = QgsGeometry.fromRect(QgsRectangle(-180, -90, 180, 90))
    outline.show(poles, crs(4326))
    assert items_of(canvas) <= {"QgsRubberBand"}
    canvas.setDestinationCrs(crs(4326))
    assert band_of(canvas).asGeometry().boundingBox() == QgsRectangle(-180, -90, 180, 90)
    outline.remove()


def test_another_area_replaces_the_first_and_clearing_leaves_nothing(canvas):
    outline = AreaOutline(canvas)
    outline.show(QgsGeometry.fromRect(FIELD), crs(2154))
    outline.show(QgsGeometry.fromRect(FIELD.buffered(10)), crs(2154))
    assert band_of(canvas) is not None
    outline.clear()
    assert items_of(canvas) == set()
    canvas.setDestinationCrs(crs(2154))
    assert items_of(canvas) == set()
    outline.remove()


def test_the_area_shown_does_not_change_with_the_callers_geometry(canvas):
    outline = AreaOutline(canvas)
    area = QgsGeometry.fromRect(FIELD)
    outline.show(area, crs(2154))
    area.translate(1000, 0)
    canvas.setDestinationCrs(crs(2154))
    assert band_of(canvas).asGeometry().boundingBox().center().x() == pytest.approx(LEFT + 20)
    outline.remove()


def test_a_removed_outline_stays_away_and_may_be_removed_again(canvas):
    outline = AreaOutline(canvas)
    outline.show(QgsGeometry.fromRect(FIELD), crs(2154))
    outline.remove()
    outline.remove()
    canvas.setDestinationCrs(crs(2154))
    settle(canvas)
    assert items_of(canvas) == set()


def test_the_canvas_may_go_first(canvas):
    outline = AreaOutline(canvas)
    outline.show(QgsGeometry.fromRect(FIELD), crs(2154))
    sip.delete(canvas)
    outline.clear()
    outline.remove()


def test_multipolygons_are_shown_whole(canvas):
    parts = [QgsGeometry.fromRect(QgsRectangle(LEFT + x, TOP - 10, LEFT + x + 10, TOP)) for x in (0, 30)]
    outline = AreaOutline(canvas)
    before = shot(canvas)
    outline.show(QgsGeometry.collectGeometry(parts), crs(2154))
    after = shot(canvas)
    changed = [at(before, p) != at(after, p) for p in (pixel_at(canvas, c, 50) for c in (25, 100, 175))]
    assert changed == [True, False, True]
    outline.remove()


def at(image, point: QPoint) -> tuple[int, int, int]:
    return colour(image, point.x(), point.y())
