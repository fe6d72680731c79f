"""The parameter of Processing that takes a Sentinel-2 series in any form, and its widget in the dialog."""

from __future__ import annotations

from qgis.core import QgsMapLayer, QgsProcessingContext, QgsProcessingUtils

from ..layers.sources import absolute, series_path
from .paths_parameter import PathsParameter, several

_PLUGIN = __package__.rpartition(".")[0]


class SeriesParameter(PathsParameter):
    """Layers, or paths of files, folders and products that are no layers; one or several."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description)
        # By its name: the widget needs a QGIS with windows, the parameter does not.
        self.setMetadata({"widget_wrapper": {"class": f"{_PLUGIN}.ui.widgets.series_widget.SeriesWidget"}})


def series_of(value: object, context: QgsProcessingContext) -> tuple[str, ...] | None:
    """What a job holds for a value of the parameter: paths, each once; None for no series.

    Raises ValueError, with a sentence for the user, where a layer has no pixels of its own.
    """
    paths = []
    for each in several(value):
        layer = each if isinstance(each, QgsMapLayer) else QgsProcessingUtils.mapLayerFromString(each, context, False)
        paths.append(absolute(each) if layer is None else series_path(layer))
    return tuple(dict.fromkeys(paths)) or None
