"""What lies on the canvas: the items' order, their colours, how they leave, and the outline of the chosen area."""

from __future__ import annotations

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsCsException, QgsGeometry
from qgis.gui import QgsMapCanvas, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtGui import QColor, QPalette

# QGIS draws the map itself at -10 and everything else (rubber bands, annotations) at 0 and above.
Z_TILES = -9.0
Z_SWIPED_MAP = -8.0  # covers the tiles too: left of the line stands the aerial image
Z_SWIPE_LINE = 1000.0

_FILL_ALPHA = 48  # of 255: the picture below stays readable
_PIECES = 100  # of the area's diagonal: edges are bent by a transform, and so need points between their ends


def take_from_scene(item) -> None:
    """Takes a canvas item (or None) off its canvas; does nothing where the item or the canvas is gone already."""
    if item is None or sip.isdeleted(item):
        return
    scene = item.scene()
    if scene is not None:
        scene.removeItem(item)


def make_area_band(canvas: QgsMapCanvas, geometry: QgsGeometry, alpha: int = _FILL_ALPHA) -> QgsRubberBand:
    """A rubber band of `geometry` (in the canvas's CRS) in the palette's highlight colours.

    The line has a core and a rim of contrasting colours, so that it stands out on any picture.
    alpha: of the area inside, 0..255.
    """
    band = QgsRubberBand(canvas, geometry.type())
    palette = canvas.palette()
    line = palette.color(QPalette.ColorRole.Highlight)
    fill = QColor(line)
    fill.setAlpha(alpha)
    band.setStrokeColor(line)
    band.setSecondaryStrokeColor(palette.color(QPalette.ColorRole.HighlightedText))
    band.setFillColor(fill)
    band.setWidth(line_width(canvas))
    band.setToGeometry(geometry)
    return band


def line_width(canvas: QgsMapCanvas) -> int:
    """Width of a line in pixels, by the size of the font and thus of the screen's scaling."""
    return max(2, round(canvas.fontMetrics().height() / 7))


class AreaOutline:
    """Shows one area of any CRS, at its place whatever CRS the canvas takes."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self._canvas = canvas
        self._area: tuple[QgsGeometry, QgsCoordinateReferenceSystem] | None = None
        self._band: QgsRubberBand | None = None
        canvas.destinationCrsChanged.connect(self._draw)

    def show(self, geometry: QgsGeometry, crs: QgsCoordinateReferenceSystem) -> None:
        """geometry: polygon or multipolygon in `crs`; replaces the area shown before."""
        self._area = QgsGeometry(geometry), QgsCoordinateReferenceSystem(crs)
        self._draw()

    def clear(self) -> None:
        """Shows nothing."""
        self._area = None
        take_from_scene(self._band)
        self._band = None

    def remove(self) -> None:
        """Leaves the canvas for good; may be called twice, and after the canvas is gone."""
        self.clear()
        canvas, self._canvas = self._canvas, None
        if canvas is not None and not sip.isdeleted(canvas):
            canvas.destinationCrsChanged.disconnect(self._draw)

    def _draw(self) -> None:
        take_from_scene(self._band)
        self._band = None
        if self._area is None or self._canvas is None:
            return
        geometry = _in_canvas_crs(*self._area, self._canvas)
        if geometry is not None and not geometry.isEmpty():
            # Without a fill: it would tint the map's colours, which are to be compared with the legend.
            self._band = make_area_band(self._canvas, geometry, alpha=0)


def _in_canvas_crs(
    geometry: QgsGeometry, crs: QgsCoordinateReferenceSystem, canvas: QgsMapCanvas
) -> QgsGeometry | None:
    """None where the canvas's CRS has no place for it."""
    settings = canvas.mapSettings()
    transform = QgsCoordinateTransform(crs, settings.destinationCrs(), settings.transformContext())
    if transform.isShortCircuited() or geometry.isEmpty():
        return geometry
    box = geometry.boundingBox()
    step = (box.width() + box.height()) / _PIECES
    moved = geometry.densifyByDistance(step) if step > 0 else QgsGeometry(geometry)
    try:
        moved.transform(transform)
    except QgsCsException:
        return None
    return moved
