"""Class and confidence under the cursor."""

from __future__ import annotations

import math

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsPointXY, QgsRasterLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, QTimer, pyqtSignal

from ...contract.nomenclature import NODATA

_PAUSE_MS = 40  # between two looks: 25 a second follow the hand
_NO_CONFIDENCE = 255  # nodata of the confidence raster


class CursorIdentify(QObject):
    """Says what the watched layers hold under the cursor.

    seen: (class value, confidence in percent or None), or None outside, on nodata and when the
    cursor leaves the canvas.
    """

    seen = pyqtSignal(object)

    def __init__(self, canvas: QgsMapCanvas, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._labels: QgsRasterLayer | None = None
        self._confidence: QgsRasterLayer | None = None
        self._listening = False
        self._point: QgsPointXY | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._look)

    def watch(self, labels: QgsRasterLayer | None, confidence: QgsRasterLayer | None) -> None:
        """labels: the land-cover layer, None to end; confidence: its confidence layer, or None."""
        self._labels, self._confidence = labels, confidence
        self._timer.stop()
        self._listen(labels is not None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave and self._listening:
            self._timer.stop()
            self.seen.emit(None)
        return False

    def _listen(self, listening: bool) -> None:
        if listening == self._listening or sip.isdeleted(self._canvas):
            return
        self._listening = listening
        if listening:
            self._canvas.xyCoordinates.connect(self._move)
            self._canvas.viewport().installEventFilter(self)
        else:
            self._canvas.xyCoordinates.disconnect(self._move)
            self._canvas.viewport().removeEventFilter(self)

    def _move(self, point: QgsPointXY) -> None:
        self._point = QgsPointXY(point)
        if not self._timer.isActive():
            self._timer.start()

    def _look(self) -> None:
        if sip.isdeleted(self._canvas):
            return
        value = self._sample(self._labels)
        if value is None or value == NODATA:
            self.seen.emit(None)
            return
        confidence = self._sample(self._confidence)
        self.seen.emit((value, None if confidence == _NO_CONFIDENCE else confidence))

    def _sample(self, layer: QgsRasterLayer | None) -> int | None:
        """The layer's first band at the cursor; None outside, on nodata, or where the layer is gone."""
        if layer is None or sip.isdeleted(layer) or not layer.isValid():
            return None
        settings = self._canvas.mapSettings()
        to_layer = QgsCoordinateTransform(settings.destinationCrs(), layer.crs(), settings.transformContext())
        try:
            point = to_layer.transform(self._point)
        except QgsCsException:
            return None
        value, ok = layer.dataProvider().sample(point, 1)
        return int(value) if ok and math.isfinite(value) else None
