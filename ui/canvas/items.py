"""What the items on the canvas have in common: their order, their colours, and how they leave."""

from __future__ import annotations

from qgis.core import QgsGeometry
from qgis.gui import QgsMapCanvas, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtGui import QColor, QPalette

# QGIS draws the map itself at -10 and everything else (rubber bands, annotations) at 0 and above.
Z_TILES = -9.0
Z_SWIPED_MAP = -8.0  # covers the tiles too: left of the line stands the aerial image
Z_SWIPE_LINE = 1000.0

_FILL_ALPHA = 48  # of 255: the picture below stays readable


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
