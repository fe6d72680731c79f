"""Parameters of Processing that take rasters, or what holds them and is no layer."""

from __future__ import annotations

import os

from qgis.core import (
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterLayer,
)


class PathsParameter(QgsProcessingParameterMultipleLayers):
    """Layers, or paths of files and folders that are no layers; one or several.

    To Processing it is an optional list of raster layers, which keeps it usable in models and in qgis_process
    (there: the parameter once for each layer or path).
    """

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description, QgsProcessing.SourceType.TypeRaster, None, True)

    def checkValueIsAcceptable(self, value: object, context: QgsProcessingContext | None = None) -> bool:
        """Whether it could be rasters; what they hold is the engine's to find out."""
        return all(isinstance(each, (str, QgsMapLayer)) for each in several(value))

    def clone(self) -> QgsProcessingParameterDefinition:
        copy = type(self)(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy


class RasterOrFolderParameter(QgsProcessingParameterRasterLayer):
    """A raster layer, or nothing; scripts may give the path of a folder or an index of tiles too."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description, optional=True)

    def checkValueIsAcceptable(self, value: object, context: QgsProcessingContext | None = None) -> bool:
        """Whether it could be a raster or hold some."""
        if isinstance(value, str) and os.path.exists(value):
            return True
        if context is None:
            return super().checkValueIsAcceptable(value)
        return super().checkValueIsAcceptable(value, context)

    def clone(self) -> QgsProcessingParameterDefinition:
        copy = RasterOrFolderParameter(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy


def several(value: object) -> list:
    """A value as a list, without what is empty."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return [each for each in values if each not in (None, "")]
