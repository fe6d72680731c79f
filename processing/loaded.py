"""The looks that the layers of a map get when Processing loads them, and what the map then says about itself."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import ClassVar

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
)

from ..contract.segmentation import SegmentationResult
from ..layers.description import describe_result
from ..layers.styling import Legend, style_confidence, style_land_cover


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

    aerial_layer: id of the layer that was mapped.
    """

    def __init__(self, result: SegmentationResult, aerial_layer: str = "") -> None:
        super().__init__()
        self._result = result
        self._made = datetime.now(timezone.utc)
        self._layer: QgsRasterLayer | None = None
        self._others = {"aerial_layer": aerial_layer}

    def _style(self, layer: QgsRasterLayer) -> None:
        style_land_cover(layer, self._result.classes)
        self._layer = layer
        self.name_layers()

    def name_layers(self, **layers: str) -> None:
        """Names layers that go with the map, by `describe_result`; they are loaded before it or after it."""
        self._others.update(layers)
        if self._layer is not None:
            describe_result(self._layer, self._result, self._made, **self._others)


class ConfidenceStyler(_Styler):
    """For the confidence of a map. land_cover: the map's own styler, which is told the layer; None: nobody is."""

    def __init__(self, land_cover: LandCoverStyler | None = None) -> None:
        super().__init__()
        self._land_cover = land_cover

    def _style(self, layer: QgsRasterLayer) -> None:
        style_confidence(layer)
        if self._land_cover is not None:
            self._land_cover.name_layers(confidence_layer=layer.id())


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
            self._land_cover.name_layers(difference_layer=layer.id())
