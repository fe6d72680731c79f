"""Where the pixels of a fetched image lie: a grid of square pixels in a CRS that measures in true metres."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsDistanceArea,
    QgsGeometry,
    QgsPointXY,
    QgsRectangle,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import QCoreApplication

from .web_capabilities import ServerFacts
from .web_layer import WebLayer, crs_of, crs_text

BLOCK = 1024  # pixels a side that are asked for at once
TILE = 256  # pixels a side of a tile where nothing else is known
LARGEST = 100_000_000  # pixels of an image beyond which the user is asked again: 10,000 x 10,000, 2 km a side at 0.2 m

MOST = 2_000_000_000  # pixels that one image may have at all: 9 km a side at 0.2 m

_LAMBERT_93 = "EPSG:2154"
# Mainland France and Corsica, coarsely (degrees east and north): beyond the border by 20 km at most, where Lambert-93
# is as true as within.
_FRANCE = (
    "Polygon((-5.4 48.9, -1.9 50.0, 1.4 51.2, 2.6 51.2, 5.0 50.3, 8.4 49.1, 7.7 47.4, 6.9 46.5, 7.3 45.6, 7.9 44.0, "
    "8.2 43.3, 9.8 43.2, 9.8 41.2, 8.3 41.2, 8.2 43.0, 4.0 42.9, 3.3 42.2, -2.0 43.0, -1.7 44.5, -2.0 46.5, -5.4 47.6, "
    "-5.4 48.9))"
)
_TRUE = 0.01  # by which a CRS may stretch lengths and still count as true: Lambert-93 and UTM do by 0.3 % at most
_SAME = 0.01  # by which a zoom may be coarser than the pixels asked for and still count as fine enough
_PROBE_M = 50.0  # metres to each side over which a CRS is measured


@dataclass(frozen=True)
class FetchGrid:
    """A raster to come. crs: as `crs_of` takes it. left, top: its upper left corner. pixel_m: a pixel's side in metres.
    width, height: in pixels."""

    crs: str
    left: float
    top: float
    pixel_m: float
    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def extent(self) -> QgsRectangle:
        """In its CRS."""
        right, bottom = self.left + self.width * self.pixel_m, self.top - self.height * self.pixel_m
        return QgsRectangle(self.left, bottom, right, self.top)


@dataclass(frozen=True)
class SourceGrid:
    """The pixels that a server is asked for.

    across, down: units of its CRS to a pixel. first_column, first_row: how far the grid's corner lies inside the block
    that it begins in, so that no tile is asked for twice. tiled: whether the server has tiles. exact: whether they
    are the pixels wanted and need not be resampled.
    """

    crs: str
    left: float
    top: float
    across: float
    down: float
    width: int
    height: int
    block: int = BLOCK
    first_column: int = 0
    first_row: int = 0
    tiled: bool = False
    exact: bool = False

    def blocks(self) -> list[tuple[int, int, int, int]]:
        """(column, row, width, height) of each request, row by row."""
        columns = _edges(self.first_column, self.width, self.block)
        return [
            (column, row, width, height)
            for row, height in _edges(self.first_row, self.height, self.block)
            for column, width in columns
        ]

    def requests(self) -> int:
        """How many pictures the server gives."""
        if not self.tiled:
            columns = math.ceil((self.first_column + self.width) / self.block)
            return columns * math.ceil((self.first_row + self.height) / self.block)
        columns = math.ceil((self.first_column % TILE + self.width) / TILE)
        return columns * math.ceil((self.first_row % TILE + self.height) / TILE)

    def rectangle(self, column: int, row: int, width: int, height: int) -> QgsRectangle:
        """Where a block lies, in the server's CRS."""
        left, top = self.left + column * self.across, self.top - row * self.down
        return QgsRectangle(left, top - height * self.down, left + width * self.across, top)


def local_crs(
    extent: QgsRectangle,
    crs: QgsCoordinateReferenceSystem,
    candidates: list[QgsCoordinateReferenceSystem],
) -> QgsCoordinateReferenceSystem:
    """The CRS for an image of a place: the first candidate that measures in true metres there, else Lambert-93 in
    mainland France and the UTM zone elsewhere.

    extent: in `crs`. Raises ValueError, with a sentence for the user, where no CRS of these reaches.
    """
    place = _middle_in_degrees(extent, crs)
    for candidate in candidates:
        used = candidate.bounds()  # in degrees; empty where it is not known
        if candidate.isValid() and (used.isEmpty() or used.contains(place)) and is_true(candidate, place):
            return candidate
    if QgsGeometry.fromWkt(_FRANCE).contains(place):
        return QgsCoordinateReferenceSystem(_LAMBERT_93)
    if not -80 <= place.y() <= 84:
        raise ValueError(_tr("The area lies too near a pole for a UTM zone: choose a CRS for the image."))
    zone = min(60, int((place.x() + 180) // 6) + 1)
    return QgsCoordinateReferenceSystem(f"EPSG:{(32600 if place.y() >= 0 else 32700) + zone}")


def is_true(crs: QgsCoordinateReferenceSystem, place: QgsPointXY) -> bool:
    """Whether a CRS counts metres, and those of the ground, at a place in degrees."""
    if crs.isGeographic() or QgsUnitTypes.encodeUnit(crs.mapUnits()) != "meters":
        return False
    try:
        there = QgsCoordinateTransform(_degrees(), crs, QgsCoordinateTransformContext()).transform(place)
    except QgsCsException:
        return False
    measure = QgsDistanceArea()
    measure.setSourceCrs(crs, QgsCoordinateTransformContext())
    measure.setEllipsoid(crs.ellipsoidAcronym())
    for dx, dy in ((_PROBE_M, 0.0), (0.0, _PROBE_M)):
        ends = (QgsPointXY(there.x() + sign * dx, there.y() + sign * dy) for sign in (-1, 1))
        length = measure.measureLine(*ends)
        if not (math.isfinite(length) and abs(length / (2 * _PROBE_M) - 1) <= _TRUE):
            return False
    return True


def grid_over(
    extent: QgsRectangle,
    crs: QgsCoordinateReferenceSystem,
    pixel_m: float,
    target: QgsCoordinateReferenceSystem,
) -> FetchGrid:
    """The grid over an extent in `crs`, its pixels' edges at whole multiples of their size in the CRS `target`.

    Raises ValueError, with a sentence for the user, where that CRS does not reach, is not in true metres there, or
    the extent is nothing.
    """
    if not (math.isfinite(pixel_m) and pixel_m > 0):
        raise ValueError(_tr("The pixel size is {}: give one in metres.").format(pixel_m))
    if extent.isEmpty():
        raise ValueError(_tr("The area has no width or no height: draw a larger one."))
    if not is_true(target, _middle_in_degrees(extent, crs)):
        raise ValueError(
            _tr("The CRS {} does not measure in true metres there: choose a local one, such as the UTM zone.").format(
                target.userFriendlyIdentifier()
            )
        )
    try:
        box = QgsCoordinateTransform(crs, target, QgsCoordinateTransformContext()).transformBoundingBox(extent)
    except QgsCsException:
        raise ValueError(_tr("The area lies outside the CRS of the image: choose it anew.")) from None
    if not box.isFinite():
        raise ValueError(_tr("The area lies outside the CRS of the image: choose it anew."))
    # A hundredth of a pixel more or less is the noise of coordinates.
    first, last = math.floor(box.xMinimum() / pixel_m + 0.01), math.ceil(box.xMaximum() / pixel_m - 0.01)
    bottom, top = math.floor(box.yMinimum() / pixel_m + 0.01), math.ceil(box.yMaximum() / pixel_m - 0.01)
    if (last - first) * (top - bottom) > MOST:
        raise ValueError(
            _tr("The area has {:,} million pixels of {:g} m: draw a smaller one, of {:,} million at most.").format(
                (last - first) * (top - bottom) // 1_000_000, pixel_m, MOST // 1_000_000
            )
        )
    left, upper = round(first * pixel_m, 9), round(top * pixel_m, 9)
    return FetchGrid(crs_text(target), left, upper, pixel_m, last - first, top - bottom)


def source_grid(layer: WebLayer, grid: FetchGrid, facts: ServerFacts) -> SourceGrid:
    """What to ask the server of a layer for, so that its pixels are no coarser than the grid's where it has such.

    Raises ValueError, with a sentence for the user, where the layer's CRS does not reach.
    """
    if not layer.resolutions:
        block = min(BLOCK, facts.largest or BLOCK)
        if layer.crs == grid.crs or grid.crs in facts.crs:
            size = (grid.width, grid.height)
            return SourceGrid(grid.crs, grid.left, grid.top, grid.pixel_m, grid.pixel_m, *size, block, exact=True)
        across, down = _pixel_in(layer, grid)
        return _around(layer, grid, across, down, None, block)
    resolution = resolution_for(layer, grid)
    tiles = facts.grid_of(resolution)
    if layer.crs == grid.crs and abs(resolution - grid.pixel_m) * max(grid.width, grid.height) < 0.05 * grid.pixel_m:
        column, row = _offsets(grid.left, grid.top, resolution, tiles)
        if all(abs(offset - round(offset)) < 0.02 for offset in (column, row)):
            return SourceGrid(
                grid.crs,
                grid.left,
                grid.top,
                grid.pixel_m,
                grid.pixel_m,
                grid.width,
                grid.height,
                first_column=round(column) % BLOCK,
                first_row=round(row) % BLOCK,
                tiled=True,
                exact=True,
            )
    return _around(layer, grid, resolution, resolution, (resolution, tiles), BLOCK)


def resolution_for(layer: WebLayer, grid: FetchGrid) -> float:
    """The coarsest zoom of a layer of tiles that is as fine as a grid, else its finest."""
    wanted = min(_pixel_in(layer, grid)) * (1 + _SAME)
    return max((r for r in layer.resolutions if r <= wanted), default=layer.resolutions[0])


def finest_m(layer: WebLayer, grid: FetchGrid) -> float:
    """Metres on the ground to the finest pixel that a layer has, 0.0 where its server draws any."""
    return grid.pixel_m * layer.resolutions[0] / min(_pixel_in(layer, grid)) if layer.resolutions else 0.0


def ground_m(layer: WebLayer, grid: FetchGrid, source: SourceGrid) -> float:
    """Metres on the ground to a pixel that a server is asked for."""
    if source.crs == grid.crs:
        return source.across
    across, down = _pixel_in(layer, grid)
    return grid.pixel_m * max(source.across / across, source.down / down)


def _pixel_in(layer: WebLayer, grid: FetchGrid) -> tuple[float, float]:
    """How far a pixel of the grid reaches along the axes of a layer's CRS, in its units."""
    if layer.crs == grid.crs:
        return grid.pixel_m, grid.pixel_m
    transform = _between(grid, layer.crs)
    middle, step = grid.extent().center(), grid.pixel_m / 2 * 100  # a hundred pixels: of one, rounding would be seen
    try:
        west, east = (transform.transform(middle.x() + s * step, middle.y()) for s in (-1, 1))
        south, north = (transform.transform(middle.x(), middle.y() + s * step) for s in (-1, 1))
    except QgsCsException:
        raise _outside(layer) from None
    across = math.hypot(east.x() - west.x(), north.x() - south.x()) / 100
    down = math.hypot(east.y() - west.y(), north.y() - south.y()) / 100
    if not (math.isfinite(across) and math.isfinite(down) and across > 0 and down > 0):
        raise _outside(layer)
    return across, down


def _around(layer: WebLayer, grid: FetchGrid, across: float, down: float, tiles, block: int) -> SourceGrid:
    """Pixels of a layer's own CRS all around the grid, with a border for resampling; at the tiles' pixels where known.

    tiles: the resolution and the `TileGrid` or None; None for a server that draws anything.
    """
    try:
        box = _between(grid, layer.crs).transformBoundingBox(grid.extent())
    except QgsCsException:
        raise _outside(layer) from None
    if not box.isFinite():
        raise _outside(layer)
    known = tiles[1] if tiles else None
    origin = (known.left, known.top) if known else (0.0, 0.0)
    border = 4
    first = math.floor((box.xMinimum() - origin[0]) / across) - border
    last = math.ceil((box.xMaximum() - origin[0]) / across) + border
    upper = math.floor((origin[1] - box.yMaximum()) / down) - border
    lower = math.ceil((origin[1] - box.yMinimum()) / down) + border
    left, top = origin[0] + first * across, origin[1] - upper * down
    return SourceGrid(
        layer.crs,
        left,
        top,
        across,
        down,
        last - first,
        lower - upper,
        block,
        first_column=first % block if known else 0,
        first_row=upper % block if known else 0,
        tiled=tiles is not None,
    )


def _offsets(left: float, top: float, resolution: float, tiles) -> tuple[float, float]:
    """How many pixels a place lies from where the tiles begin; 0 where that is not known."""
    return ((left - tiles.left) / resolution, (tiles.top - top) / resolution) if tiles else (0.0, 0.0)


def _edges(first: int, length: int, block: int) -> list[tuple[int, int]]:
    """(start, length) of the blocks that a length falls into, which begins `first` inside of one."""
    starts = [0, *range(block - first, length, block)]
    return [(start, end - start) for start, end in zip(starts, [*starts[1:], length])]


def _between(grid: FetchGrid, crs: str) -> QgsCoordinateTransform:
    return QgsCoordinateTransform(crs_of(grid.crs), crs_of(crs), QgsCoordinateTransformContext())


def _middle_in_degrees(extent: QgsRectangle, crs: QgsCoordinateReferenceSystem) -> QgsPointXY:
    try:
        middle = QgsCoordinateTransform(crs, _degrees(), QgsCoordinateTransformContext()).transform(extent.center())
    except QgsCsException:
        middle = QgsPointXY(math.inf, math.inf)
    if not (math.isfinite(middle.x()) and math.isfinite(middle.y())):
        raise ValueError(_tr("The area lies outside its CRS: choose it anew."))
    return middle


def _degrees() -> QgsCoordinateReferenceSystem:
    return QgsCoordinateReferenceSystem("EPSG:4326")


def _outside(layer: WebLayer) -> ValueError:
    return ValueError(_tr("The area lies outside the CRS of the layer {}: choose it anew.").format(layer.name))


def _tr(text: str) -> str:
    return QCoreApplication.translate("WebGrid", text)
