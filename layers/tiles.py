"""Layers of the project that show several tiles as one image."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QCoreApplication

from .sources import layer_of, raster_path

# Custom property of such a layer: JSON list of what a job's `input` holds.
TILES_PROPERTY = "flair_landcover/tiles"


def add_tiles(project: QgsProject, paths: Sequence[str], readable: str, name: str) -> QgsRasterLayer | None:
    """Adds a layer that shows tiles; None where they cannot be shown.

    paths: as a job names them. readable: what GDAL opens for all of them, such as the text of a virtual raster, which
    the project keeps as the layer's source.
    """
    layer = QgsRasterLayer(readable, name)
    if not layer.isValid():
        return None
    layer.setCustomProperty(TILES_PROPERTY, json.dumps(list(paths)))
    project.addMapLayer(layer)
    return layer


def image_paths(layer: QgsRasterLayer) -> tuple[str, ...]:
    """What a job's `input` holds for a layer: its tiles, or its one file.

    Raises ValueError, with a sentence for the user, where the layer has no pixels of its own.
    """
    return _tiles_of(layer) or (raster_path(layer),)


def layer_of_image(paths: Sequence[str]) -> QgsRasterLayer | None:
    """The project's layer that shows an image, of one file or of several, if any."""
    for layer in QgsProject.instance().mapLayers().values():
        if isinstance(layer, QgsRasterLayer) and _tiles_of(layer) == tuple(paths):
            return layer
    return layer_of(paths[0]) if len(paths) == 1 else None


def tiles_name(paths: Sequence[str], count: int) -> str:
    """What such a layer is called: "12 tiles of FOLDER". count: of its files."""
    whole = paths[0] if len(paths) == 1 else os.path.dirname(paths[0])
    place = os.path.basename(os.path.normpath(whole))
    if count == 1:
        return _tr("one tile of {}").format(place)
    return _tr("{} tiles of {}").format(count, place) if count else _tr("tiles of {}").format(place)


def _tiles_of(layer: QgsRasterLayer) -> tuple[str, ...]:
    text = layer.customProperty(TILES_PROPERTY)
    try:
        values = json.loads(text) if isinstance(text, str) else []
    except ValueError:  # written by hand
        return ()
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()


def _tr(text: str) -> str:
    return QCoreApplication.translate("Tiles", text)
