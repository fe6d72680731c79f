"""The parameter of Processing that takes a Sentinel-2 series in any form, and its widget in the dialog."""

from __future__ import annotations

from qgis.core import (
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingUtils,
)

from ..layers.sources import absolute, series_path

_PLUGIN = __package__.rpartition(".")[0]


class SeriesParameter(QgsProcessingParameterMultipleLayers):
    """Layers, or paths of files, folders and products that are no layers; one or several.

    To Processing it is an optional list of raster layers, which keeps it usable in models and in qgis_process
    (there: the parameter once for each layer or path).
    """

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description, QgsProcessing.SourceType.TypeRaster, None, True)
        # By its name: the widget needs a QGIS with windows, the parameter does not.
        self.setMetadata({"widget_wrapper": {"class": f"{_PLUGIN}.ui.widgets.series_widget.SeriesWidget"}})

    def checkValueIsAcceptable(self, value: object, context: QgsProcessingContext | None = None) -> bool:
        """Whether it could be a series; what it holds is the engine's to find out."""
        return all(isinstance(each, (str, QgsMapLayer)) for each in _several(value))

    def clone(self) -> QgsProcessingParameterDefinition:
        copy = SeriesParameter(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy


def series_of(value: object, context: QgsProcessingContext) -> tuple[str, ...] | None:
    """What a job holds for a value of the parameter: paths, each once; None for no series.

    Raises ValueError, with a sentence for the user, where a layer has no pixels of its own.
    """
    paths = []
    for each in _several(value):
        layer = each if isinstance(each, QgsMapLayer) else QgsProcessingUtils.mapLayerFromString(each, context, False)
        paths.append(absolute(each) if layer is None else series_path(layer))
    return tuple(dict.fromkeys(paths)) or None


def _several(value: object) -> list:
    """A value as a list, without what is empty."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return [each for each in values if each not in (None, "")]
