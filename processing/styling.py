"""Gives a land-cover layer its legend of named, coloured classes."""

from __future__ import annotations

from typing import ClassVar

from qgis.core import (
    QgsMapLayer,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
)
from qgis.PyQt.QtGui import QColor

Legend = list[tuple[int, str, str]]  # value, name, #rrggbb


def style_land_cover(layer: QgsRasterLayer, legend: Legend) -> None:
    """Shows the classes of `legend` in their colours; nodata stays transparent."""
    classes = [QgsPalettedRasterRenderer.Class(value, QColor(colour), name) for value, name, colour in legend]
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))


class LandCoverStyler(QgsProcessingLayerPostProcessorInterface):
    """Styles the result when Processing loads it into the project."""

    # Processing keeps no reference to a Python post-processor: without this it is gone before it is called.
    _waiting: ClassVar[dict[int, LandCoverStyler]] = {}

    def __init__(self, legend: Legend) -> None:
        super().__init__()
        self._legend = legend
        self._waiting[id(self)] = self

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        self._waiting.pop(id(self), None)
        if isinstance(layer, QgsRasterLayer):
            style_land_cover(layer, self._legend)
