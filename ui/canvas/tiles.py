"""The map while it grows: finished blocks are painted on the canvas as they come."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsCsException, QgsPointXY
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QRectF, QSize, Qt
from qgis.PyQt.QtGui import QImage, QPainter, QTransform

from .items import Z_TILES, take_from_scene

OPACITY = 0.8
# Pixels of the pictures kept, 4 bytes each: 128 MiB. Beyond it all are halved in width and height:
# what is seen here is a glimpse of the file that is being written.
PIXEL_BUDGET = 32 * 1024 * 1024
# Pictures are cut into pieces of at most this many pixels a side. Three corners place a piece
# exactly where the CRS are the same; for Lambert-93 on Web Mercator the fourth is off by less than
# 1 cm at 0.2 m a pixel (side² · tan(latitude) / radius of the earth: the change of Mercator's scale along one side).
PIECE = 1024


@dataclass
class _Piece:
    """corners: upper left, upper right and lower left, in the tiles' CRS; place: from pixels to the canvas's CRS."""

    image: QImage
    corners: tuple[tuple[float, float], ...]
    place: QTransform | None = None
    bounds: QRectF | None = None


@dataclass(frozen=True)
class _View:
    """What the painted picture depends on beside the tiles: canvas CRS to pixels, size, device pixel ratio."""

    to_pixels: QTransform
    size: QSize
    ratio: float


class LiveTiles(QgsMapCanvasItem):
    """Blocks of a land-cover map above the layers and below everything else on the canvas.

    They are painted once into a picture of the canvas's size, again where the canvas moves; a
    repaint copies that picture, however many they are.
    """

    def __init__(self, canvas: QgsMapCanvas, crs: QgsCoordinateReferenceSystem) -> None:
        """crs: of the aerial raster, in which `add` places its pictures."""
        super().__init__(canvas)
        self._canvas = canvas
        self._crs = QgsCoordinateReferenceSystem(crs)
        self._canvas_crs: QgsCoordinateReferenceSystem | None = None
        self._pieces: list[_Piece] = []
        self._pixels = 0
        self._halvings = 0
        self._view: _View | None = None
        self._picture: QImage | None = None
        self.setZValue(Z_TILES)
        self.setOpacity(OPACITY)
        self.updatePosition()

    def add(self, transform: tuple[float, float, float, float, float, float], png: bytes) -> None:
        """Paints a picture at its place.

        transform: (a, b, c, d, e, f) from pixels of the picture to the CRS, as rasterio's Affine;
        png: bytes of a PNG file. What is no picture, or comes after `remove`, is left out.
        """
        if sip.isdeleted(self) or self.scene() is None:
            return
        image = QImage.fromData(png, "PNG")
        if image.isNull():
            return
        image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        transformation = self._transformation()
        for piece in _cut(image, transform):
            for _ in range(self._halvings):
                piece.image = _halved(piece.image)
            self._pixels += _area(piece.image)
            _put(piece, transformation)
            self._pieces.append(piece)
            self._paint_piece(piece)
        if self._pixels > PIXEL_BUDGET:
            self._halve()

    def remove(self) -> None:
        """Leaves the canvas for good; may be called twice, and after the canvas is gone."""
        self._pieces = []
        self._picture = None
        take_from_scene(self)

    def boundingRect(self) -> QRectF:
        return QRectF() if self._view is None else QRectF(0, 0, self._view.size.width(), self._view.size.height())

    def updatePosition(self) -> None:
        """Called by the canvas when its extent, size, rotation or CRS is another."""
        settings = self._canvas.mapSettings()
        if settings.destinationCrs() != self._canvas_crs:
            self._canvas_crs = settings.destinationCrs()
            transformation = self._transformation()
            for piece in self._pieces:
                _put(piece, transformation)
            self._picture = None
        view = _View(
            settings.mapToPixel().transform(), self._canvas.viewport().size(), self._canvas.devicePixelRatioF()
        )
        if view != self._view:
            self.prepareGeometryChange()
            self._view = view
            self._picture = None
        if self._picture is None:
            self.update()

    def paint(self, painter: QPainter, option=None, widget=None) -> None:
        if self._view is None or not self._pieces:
            return
        if self._picture is None:
            self._picture = self._paint_all(self._view)
        painter.drawImage(0, 0, self._picture)

    def _paint_all(self, view: _View) -> QImage:
        picture = QImage(view.size * view.ratio, QImage.Format.Format_ARGB32_Premultiplied)
        picture.setDevicePixelRatio(view.ratio)
        picture.fill(Qt.GlobalColor.transparent)
        seen = view.to_pixels.inverted()[0].mapRect(self.boundingRect())
        painter = QPainter(picture)
        for piece in self._pieces:
            if piece.bounds is not None and piece.place is not None and piece.bounds.intersects(seen):
                _draw(painter, piece, view)
        painter.end()
        return picture

    def _paint_piece(self, piece: _Piece) -> None:
        """Adds one to the picture that is there; what is painted anew anyway is left to that."""
        if piece.place is None or self._view is None:
            return
        if self._picture is not None:
            painter = QPainter(self._picture)
            _draw(painter, piece, self._view)
            painter.end()
        self.update(self._view.to_pixels.mapRect(piece.bounds).adjusted(-1, -1, 1, 1))

    def _halve(self) -> None:
        self._halvings += 1
        transformation = self._transformation()
        for piece in self._pieces:
            piece.image = _halved(piece.image)
            _put(piece, transformation)
        self._pixels = sum(_area(piece.image) for piece in self._pieces)

    def _transformation(self) -> QgsCoordinateTransform:
        return QgsCoordinateTransform(self._crs, self._canvas_crs, self._canvas.mapSettings().transformContext())


def _cut(image: QImage, transform: tuple[float, float, float, float, float, float]) -> Iterator[_Piece]:
    a, b, c, d, e, f = transform
    for top in range(0, image.height(), PIECE):
        for left in range(0, image.width(), PIECE):
            right, bottom = min(left + PIECE, image.width()), min(top + PIECE, image.height())
            whole = (right - left, bottom - top) == (image.width(), image.height())
            part = image if whole else image.copy(left, top, right - left, bottom - top)
            corners = ((left, top), (right, top), (left, bottom))
            yield _Piece(part, tuple((a * x + b * y + c, d * x + e * y + f) for x, y in corners))


def _put(piece: _Piece, transformation: QgsCoordinateTransform) -> None:
    """Finds the piece's place on the canvas; it has none where the canvas's CRS does not reach."""
    piece.place = piece.bounds = None
    try:
        corners = [transformation.transform(QgsPointXY(x, y)) for x, y in piece.corners]
    except QgsCsException:
        return
    if not all(math.isfinite(point.x()) and math.isfinite(point.y()) for point in corners):
        return
    origin, right, below = corners
    columns, rows = piece.image.width(), piece.image.height()
    piece.place = QTransform(
        (right.x() - origin.x()) / columns,
        (right.y() - origin.y()) / columns,
        (below.x() - origin.x()) / rows,
        (below.y() - origin.y()) / rows,
        origin.x(),
        origin.y(),
    )
    piece.bounds = piece.place.mapRect(QRectF(0, 0, columns, rows))


def _draw(painter: QPainter, piece: _Piece, view: _View) -> None:
    painter.setTransform(piece.place * view.to_pixels)
    painter.drawImage(0, 0, piece.image)


def _halved(image: QImage) -> QImage:
    # Nearest: a mixture of two classes' colours would be a colour of no class.
    return image.scaled(
        max(1, image.width() // 2),
        max(1, image.height() // 2),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.FastTransformation,
    )


def _area(image: QImage) -> int:
    return image.width() * image.height()
