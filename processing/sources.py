"""Copies what belongs to QGIS (layers, geometries) to the plain values that a job holds."""

from __future__ import annotations

import json
import os

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsGeometry, QgsRasterLayer
from qgis.PyQt.QtCore import QCoreApplication


def _tr(text: str) -> str:
    return QCoreApplication.translate("Sources", text)


def absolute(path: str) -> str:
    """An existing file's path from the root: the engine's current folder may be another. Others as they are."""
    return os.path.abspath(path) if os.path.exists(path) else path


def raster_path(layer: QgsRasterLayer) -> str:
    """The data source of a raster layer that GDAL can read outside QGIS too.

    Raises ValueError, with a sentence for the user, for web layers and others without pixels of their own.
    """
    if layer.providerType() != "gdal":
        raise ValueError(
            _tr(
                "The layer {} comes from {}, which gives pictures and not the pixels themselves: "
                "export it to a GeoTIFF first."
            ).format(layer.name(), layer.providerType().upper())
        )
    # Behind the bar are QGIS's own settings for opening the file, which no other program reads.
    return absolute(layer.source().split("|option:")[0])


def polygon_in(geometry: QgsGeometry, transform: QgsCoordinateTransform) -> dict:
    """A polygon as a GeoJSON-like geometry in the CRS that `transform` leads to.

    Raises ValueError, with a sentence for the user, where that CRS does not reach.
    """
    moved = QgsGeometry(geometry)
    try:
        moved.transform(transform)
        # Where the CRS does not reach, PROJ gives infinity and QGIS raises or passes it on.
        reached = moved.boundingBox().isFinite()
    except QgsCsException:
        reached = False
    if not reached:
        raise ValueError(
            _tr("A polygon lies outside the CRS of the aerial image: choose polygons that overlap the image.")
        )
    return json.loads(moved.asJson(6))
