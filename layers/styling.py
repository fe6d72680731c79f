"""Gives the layers of a result their looks."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import ClassVar

from qgis.core import (
    QgsColorRampLegendNodeSettings,
    QgsContrastEnhancement,
    QgsMapLayer,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
    QgsSingleBandGrayRenderer,
)
from qgis.PyQt.QtGui import QColor

from .description import describe_result

Legend = list[tuple[int, str, str]]  # value, name, #rrggbb


def style_land_cover(layer: QgsRasterLayer, legend: Legend) -> None:
    """Shows the classes of `legend` in their colours; nodata stays transparent."""
    classes = [QgsPalettedRasterRenderer.Class(value, QColor(colour), name) for value, name, colour in legend]
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))


def style_grey(layer: QgsRasterLayer, maximum: float, suffix: str = "") -> None:
    """Shows the first band from black (0) to white (`maximum`); nodata stays transparent.

    suffix: what the legend writes behind its numbers, such as " %".
    """
    provider = layer.dataProvider()
    renderer = QgsSingleBandGrayRenderer(provider, 1)
    stretch = QgsContrastEnhancement(provider.dataType(1))
    stretch.setContrastEnhancementAlgorithm(QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum)
    stretch.setMinimumValue(0)
    stretch.setMaximumValue(maximum)
    renderer.setContrastEnhancement(stretch)
    settings = QgsColorRampLegendNodeSettings()
    settings.setSuffix(suffix)
    renderer.setLegendSettings(settings)
    layer.setRenderer(renderer)


def style_confidence(layer: QgsRasterLayer) -> None:
    """Shows the confidence of a map, 0 to 100 percent: the darker, the more doubtful."""
    style_grey(layer, 100, " %")


class _Styler(QgsProcessingLayerPostProcessorInterface):
    """Styles a layer when Processing loads it into the project."""

    # Processing keeps no reference to a Python post-processor: without this it is gone before it is called.
    _waiting: ClassVar[dict[int, _Styler]] = {}

    def __init__(self) -> None:
        super().__init__()
        self._waiting[id(self)] = self

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        self._waiting.pop(id(self), None)
        if isinstance(layer, QgsRasterLayer):
            self._style(layer)

    def _style(self, layer: QgsRasterLayer) -> None:
        raise NotImplementedError


class LandCoverStyler(_Styler):
    """For the map: its legend, and its description.

    result: the answer of the engine's call `segment`. aerial_layer: id of the layer that was mapped.
    """

    def __init__(self, result: dict, aerial_layer: str = "") -> None:
        super().__init__()
        self._result = result
        self._made = datetime.now(timezone.utc)
        self._aerial_layer = aerial_layer
        self._layer: QgsRasterLayer | None = None
        self._confidence_layer = ""
        self._difference_layer = ""

    def _style(self, layer: QgsRasterLayer) -> None:
        style_land_cover(layer, [tuple(entry) for entry in self._result["classes"]])
        self._layer = layer
        self._describe()

    def add_confidence(self, layer: QgsRasterLayer) -> None:
        """Names the confidence layer, which may be loaded before the map or after it."""
        self._confidence_layer = layer.id()
        if self._layer is not None:
            self._describe()

    def add_difference(self, layer: QgsRasterLayer) -> None:
        """Names the layer of what Sentinel-2 changed, which may be loaded before the map or after it."""
        self._difference_layer = layer.id()
        if self._layer is not None:
            self._describe()

    def _describe(self) -> None:
        describe_result(
            self._layer,
            self._result,
            self._made,
            aerial_layer=self._aerial_layer,
            confidence_layer=self._confidence_layer,
            difference_layer=self._difference_layer,
        )


class ConfidenceStyler(_Styler):
    """For the confidence of a map. land_cover: the map's own styler, which is told the layer; None: nobody is."""

    def __init__(self, land_cover: LandCoverStyler | None = None) -> None:
        super().__init__()
        self._land_cover = land_cover

    def _style(self, layer: QgsRasterLayer) -> None:
        style_confidence(layer)
        if self._land_cover is not None:
            self._land_cover.add_confidence(layer)


class DifferenceStyler(_Styler):
    """For the layer of what Sentinel-2 changed: the map's legend.

    classes: (value, name, #rrggbb). land_cover: the map's own styler, which is told the layer; None: nobody is.
    """

    def __init__(self, classes: Legend, land_cover: LandCoverStyler | None = None) -> None:
        super().__init__()
        self._classes = classes
        self._land_cover = land_cover

    def _style(self, layer: QgsRasterLayer) -> None:
        style_land_cover(layer, self._classes)
        if self._land_cover is not None:
            self._land_cover.add_difference(layer)
