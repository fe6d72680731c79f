"""The area while it is drawn: its rubber band, and its size in words beside the cursor."""

from __future__ import annotations

from qgis.core import QgsGeometry
from qgis.gui import QgsMapCanvas, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtGui import QPalette
from qgis.PyQt.QtWidgets import QLabel

from .items import make_area_band, take_from_scene


class Sketch:
    """Nothing of it is on the canvas before `show` and after `clear`."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self._canvas = canvas
        self._band: QgsRubberBand | None = None
        self._label: QLabel | None = None

    def show(self, geometry: QgsGeometry, words: str, cursor: QPoint) -> None:
        """geometry: line or polygon in the canvas's CRS; words: may be empty; cursor: on the viewport."""
        if self._band is None:
            self._band = make_area_band(self._canvas, geometry)
        else:
            self._band.setToGeometry(geometry)
        if not words:
            self._drop_label()
            return
        if self._label is None:
            self._label = _make_label(self._canvas)
        self._label.setText(words)
        self._label.adjustSize()
        self._label.move(_beside(cursor, self._label, self._canvas))
        self._label.show()

    def clear(self) -> None:
        """Takes all off the canvas; also where the canvas is gone."""
        take_from_scene(self._band)
        self._band = None
        self._drop_label()

    def _drop_label(self) -> None:
        if self._label is not None and not sip.isdeleted(self._label):
            self._label.hide()
            self._label.deleteLater()
        self._label = None


def _make_label(canvas: QgsMapCanvas) -> QLabel:
    label = QLabel(canvas.viewport())
    label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    palette = canvas.palette()
    ground = palette.color(QPalette.ColorRole.ToolTipBase).name()
    text = palette.color(QPalette.ColorRole.ToolTipText).name()
    # As a style sheet: those of QGIS's dark themes make labels transparent, and a palette does not count beside them.
    label.setStyleSheet(
        f"QLabel {{ background-color: {ground}; color: {text}; border: 1px solid {text}; "
        f"padding: {label.fontMetrics().height() // 5}px; }}"
    )
    return label


def _beside(cursor: QPoint, label: QLabel, canvas: QgsMapCanvas) -> QPoint:
    """Right below the cursor; on its other side where the viewport ends."""
    gap = label.fontMetrics().height()
    viewport = canvas.viewport()
    x, y = cursor.x() + gap, cursor.y() + gap
    if x + label.width() > viewport.width():
        x = cursor.x() - gap - label.width()
    if y + label.height() > viewport.height():
        y = cursor.y() - gap - label.height()
    return QPoint(max(0, x), max(0, y))
