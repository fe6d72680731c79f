"""The tiles of an aerial image, as a parameter names them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingUtils,
    QgsRasterLayer,
    QgsVectorLayer,
)

from ..layers.sources import absolute
from ..layers.tiles import image_paths
from .paths_parameter import several

_LOOKED_AT = 20  # files of a folder, for one that has a CRS


def tiles_of(value: object, context: QgsProcessingContext) -> tuple[str, ...]:
    """What a job holds for a value of the parameter: paths, each once; none where nothing is given.

    Raises ValueError, with a sentence for the user, where a layer has no pixels of its own.
    """
    paths: list[str] = []
    for each in several(value):
        if not isinstance(each, QgsMapLayer):
            each = QgsProcessingUtils.mapLayerFromString(each, context, False) or each
        paths += image_paths(each) if isinstance(each, QgsRasterLayer) else (absolute(_path(each)),)
    return tuple(dict.fromkeys(paths))


def crs_of_tiles(paths: Iterable[str]) -> QgsCoordinateReferenceSystem:
    """The CRS of the first tile that has one, to bring extents and polygons into; invalid where none has."""
    for path in paths:
        files = _first_files(path) if os.path.isdir(path) else [path]
        for file in files:
            crs = _crs_of(file)
            if crs.isValid():
                return crs
    return QgsCoordinateReferenceSystem()


def _path(given: str | QgsMapLayer) -> str:
    return given.source().split("|")[0] if isinstance(given, QgsMapLayer) else given


def _first_files(folder: str) -> list[str]:
    files: list[str] = []
    for inside, folders, names in os.walk(folder):
        folders.sort()
        files += [os.path.join(inside, name) for name in sorted(names)]
        if len(files) >= _LOOKED_AT:
            break
    return files[:_LOOKED_AT]


def _crs_of(path: str) -> QgsCoordinateReferenceSystem:
    for kind, provider in ((QgsRasterLayer, "gdal"), (QgsVectorLayer, "ogr")):  # the latter: of a tile index
        layer = kind(path, "", provider, kind.LayerOptions(False))
        if layer.isValid() and layer.crs().isValid():
            return layer.crs()
    return QgsCoordinateReferenceSystem()
