"""The map on the canvas while it grows."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QBuffer, QByteArray, QIODevice, QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QImage, QPainter

from flair_landcover.ui.canvas import tiles
from flair_landcover.ui.canvas.tiles import LiveTiles

from .conftest import LEFT, PIXEL_M, TOP, colour, crs, drag, items_of, pixel_at, settle, shot

BUILDING, WATER = "#db0e9a", "#1553ae"
WHITE = (255, 255, 255)


def place(column: int, row: int, pixel_m: float = PIXEL_M) -> tuple[float, ...]:
    """The transform of a picture whose upper left corner is a pixel of the rasters."""
    return (pixel_m, 0.0, LEFT + column * PIXEL_M, 0.0, -pixel_m, TOP - row * PIXEL_M)


def png(size: int = 100, *colours: str) -> bytes:
    """A picture in up to four quarters: upper left, upper right, lower left, lower right."""
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    quarters = [(0, 0), (1, 0), (0, 1), (1, 1)] if len(colours) > 1 else [(0, 0)]
    side = size // 2 if len(colours) > 1 else size
    for (x, y), name in zip(quarters, colours):
        if name:
            painter.fillRect(x * side, y * side, side, side, QColor(name))
    painter.end()
    return encoded(image)


def encoded(image: QImage) -> bytes:
    held = QByteArray()
    buffer = QBuffer(held)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return bytes(held)


def over_white(name: str) -> tuple[int, ...]:
    """A colour at the tiles' opacity on a white map."""
    return tuple(round(c * tiles.OPACITY + 255 * (1 - tiles.OPACITY)) for c in QColor(name).getRgb()[:3])


def seen_at(canvas, column: float, row: float) -> tuple[int, ...]:
    at = pixel_at(canvas, column, row)
    return colour(shot(canvas), at.x(), at.y())


def near(found, wanted) -> bool:
    return all(abs(a - b) <= 2 for a, b in zip(found, wanted))


@pytest.fixture
def live(canvas):
    made = LiveTiles(canvas, crs(2154))
    yield made
    made.remove()


def test_a_picture_is_painted_at_its_place_on_a_canvas_of_another_crs(canvas, live):
    live.add(place(50, 50), png(100, BUILDING, WATER, "", BUILDING))
    assert near(seen_at(canvas, 75, 75), over_white(BUILDING))
    assert near(seen_at(canvas, 125, 75), over_white(WATER))
    assert seen_at(canvas, 75, 125) == WHITE, "transparent where there is nothing"
    assert near(seen_at(canvas, 125, 125), over_white(BUILDING))
    for column, row in ((46, 75), (154, 75), (75, 46), (125, 154)):
        assert seen_at(canvas, column, row) == WHITE
    # The grid of Lambert-93 is turned against Web Mercator's there: the corner is at its exact pixel.
    for column, row in ((53, 53), (147, 53), (147, 147)):
        assert seen_at(canvas, column, row) != WHITE


def test_pictures_come_one_by_one(canvas, live):
    live.add(place(0, 0), png(100, BUILDING))
    assert near(seen_at(canvas, 50, 50), over_white(BUILDING)) and seen_at(canvas, 150, 50) == WHITE
    live.add(place(100, 0), png(100, WATER))
    assert near(seen_at(canvas, 50, 50), over_white(BUILDING))
    assert near(seen_at(canvas, 150, 50), over_white(WATER))


def test_neighbours_leave_no_gap_and_do_not_add_up(canvas, live):
    for column in range(0, 200, 25):
        for row in range(0, 200, 25):
            live.add(place(column, row), png(25, WATER))
    picture = shot(canvas)
    for column in range(4, 197):
        at = pixel_at(canvas, column, column)
        assert near(colour(picture, at.x(), at.y()), over_white(WATER)), column


def test_pictures_follow_pan_zoom_rotation_and_crs(canvas, live):
    live.add(place(50, 50), png(100, BUILDING, WATER, WATER, BUILDING))
    extent = canvas.extent()
    steps = [
        lambda: canvas.setExtent(extent.buffered(100)),
        lambda: canvas.zoomByFactor(0.2),
        lambda: canvas.setRotation(40),
        lambda: canvas.setRotation(0),
        lambda: canvas.setDestinationCrs(crs(2154)),
        lambda: canvas.setDestinationCrs(crs(4326)),
        lambda: canvas.resize(300, 400),
    ]
    for step in steps:
        step()
        settle(canvas)
        assert near(seen_at(canvas, 75, 75), over_white(BUILDING))
        assert near(seen_at(canvas, 125, 75), over_white(WATER))


def test_pictures_that_come_out_of_sight_are_there_when_looked_for(canvas, live):
    extent = canvas.extent()
    canvas.setExtent(type(extent)(0, 0, 100, 100))
    settle(canvas)
    live.add(place(50, 50), png(100, WATER))
    assert colour(shot(canvas), 200, 150) == WHITE
    canvas.setExtent(extent)
    settle(canvas)
    assert near(seen_at(canvas, 100, 100), over_white(WATER))


def test_pictures_lie_above_the_layers_and_below_what_is_drawn_on_the_canvas(canvas, live, plain):
    from qgis.core import QgsGeometry, QgsRectangle

    from flair_landcover.ui.canvas.items import AreaOutline

    canvas.setLayers([plain(100, "grey")])
    settle(canvas)
    assert seen_at(canvas, 100, 100) == (100, 100, 100)
    live.add(place(0, 0), png(200, BUILDING))
    mixed = tuple(round(c * 0.8 + 100 * 0.2) for c in QColor(BUILDING).getRgb()[:3])
    assert near(seen_at(canvas, 100, 100), mixed)
    outline = AreaOutline(canvas)
    outline.show(QgsGeometry.fromRect(QgsRectangle(LEFT + 10, TOP - 30, LEFT + 30, TOP - 10)), crs(2154))
    assert not near(seen_at(canvas, 50, 50), mixed)
    outline.remove()
    assert near(seen_at(canvas, 50, 50), mixed)


def test_a_large_picture_is_right_to_its_far_corner(canvas, live):
    # 4 km a side: placed by three corners in one piece, the fourth would be off by more than a metre.
    size, pixel_m = 2500, 1.6
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.fillRect(size - 100, size - 100, 100, 100, QColor(WATER))
    painter.end()
    live.add(place(0, 0, pixel_m), encoded(image))
    far = size * pixel_m / PIXEL_M
    at = pixel_at(canvas, far, far)
    centre = canvas.getCoordinateTransform().toMapCoordinates(at)
    canvas.setExtent(type(canvas.extent())(centre.x() - 4, centre.y() - 3, centre.x() + 4, centre.y() + 3))
    settle(canvas)
    inside, outside = far - 0.5 / PIXEL_M, far + 0.5 / PIXEL_M
    assert near(seen_at(canvas, inside, inside), over_white(WATER))
    assert seen_at(canvas, outside, inside) == WHITE
    assert seen_at(canvas, inside, outside) == WHITE


def test_what_has_no_place_in_the_canvas_crs_is_left_out_and_comes_back(canvas, live):
    elsewhere = LiveTiles(canvas, crs(4326))
    elsewhere.add((1.0, 0.0, 0.0, 0.0, 1.0, 85.0), png(10, WATER))  # to 95 degrees north, which is nowhere
    live.add(place(50, 50), png(100, BUILDING))
    assert near(seen_at(canvas, 100, 100), over_white(BUILDING))
    canvas.setDestinationCrs(crs(4326))
    settle(canvas)
    assert near(seen_at(canvas, 100, 100), over_white(BUILDING))
    canvas.setExtent(type(canvas.extent())(0, 84, 10, 90))
    settle(canvas)
    assert near(colour(shot(canvas), 200, 100), over_white(WATER))
    elsewhere.remove()


@pytest.mark.parametrize("broken", [b"", b"no picture", png(10, WATER)[:40]])
def test_what_is_no_picture_is_left_out(canvas, live, broken):
    live.add(place(0, 0), broken)
    live.add(place(50, 50), png(100, BUILDING))
    assert near(seen_at(canvas, 100, 100), over_white(BUILDING))


def test_more_pixels_than_the_budget_are_kept_coarser_at_the_same_place(canvas, live, monkeypatch):
    monkeypatch.setattr(tiles, "PIXEL_BUDGET", 20_000)
    quarters = png(100, BUILDING, WATER, WATER, BUILDING)
    for column, row in ((0, 0), (100, 0), (0, 100), (100, 100)):
        live.add(place(column, row), quarters)
    assert live._pixels <= 20_000
    assert {piece.image.width() for piece in live._pieces} == {50}, "those that came later too"
    for column, row in ((25, 25), (175, 175), (125, 25), (25, 125)):
        assert near(seen_at(canvas, column, row), over_white(BUILDING))
        assert near(seen_at(canvas, column, row + 50 if row < 125 else row - 50), over_white(WATER))


def test_the_canvas_is_painted_sharp_on_a_dense_screen(canvas, live, monkeypatch):
    live.add(place(0, 0), png(200, WATER))
    picture = QImage(800, 600, QImage.Format.Format_ARGB32_Premultiplied)
    picture.setDevicePixelRatio(2)
    picture.fill(Qt.GlobalColor.white)
    monkeypatch.setattr(type(canvas), "devicePixelRatioF", lambda self: 2.0)
    live.updatePosition()
    painter = QPainter(picture)
    live.paint(painter)
    painter.end()
    assert live._picture.width() == 800
    middle = pixel_at(canvas, 100, 100)
    assert colour(picture, 2 * middle.x(), 2 * middle.y()) == QColor(WATER).getRgb()[:3]


def test_a_pan_with_the_mouse_takes_the_pictures_along(canvas, live):
    from qgis.gui import QgsMapToolPan

    live.add(place(50, 50), png(100, BUILDING, WATER, WATER, BUILDING))
    before = pixel_at(canvas, 75, 75)
    pan = QgsMapToolPan(canvas)
    canvas.setMapTool(pan)
    drag(canvas, (200, 150), (260, 170))
    settle(canvas)
    after = pixel_at(canvas, 75, 75)
    assert (after.x() - before.x(), after.y() - before.y()) == (60, 20)
    assert near(seen_at(canvas, 75, 75), over_white(BUILDING))


def test_removed_tiles_leave_nothing_and_late_ones_do_no_harm(canvas, live):
    live.add(place(0, 0), png(200, WATER))
    live.remove()
    live.remove()
    live.add(place(0, 0), png(200, WATER))
    canvas.setDestinationCrs(crs(2154))
    settle(canvas)
    assert items_of(canvas) == set() and seen_at(canvas, 100, 100) == WHITE


def test_the_canvas_may_go_first(canvas, live):
    live.add(place(0, 0), png(200, WATER))
    sip.delete(canvas)
    live.add(place(0, 0), png(200, WATER))
    live.remove()
    live.remove()


def test_a_repaint_of_one_corner_needs_no_tile_painted_again(canvas, live, monkeypatch):
    for column in range(0, 200, 50):
        live.add(place(column, 0), png(50, WATER))
    shot(canvas)
    painted = []
    monkeypatch.setattr(tiles, "_draw", lambda *arguments: painted.append(arguments))
    live.update(QRectF(QPointF(0, 0), QPointF(10, 10)))
    shot(canvas)
    assert painted == []
    live.add(place(0, 50), png(50, WATER))
    shot(canvas)
    assert len(painted) == 1
