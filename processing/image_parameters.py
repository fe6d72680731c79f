"""The parameters that all algorithms on an aerial image share: the image, what goes with it, model and device."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QCoreApplication

from ..contract.choices import BUNDLED, DEVICES, PRECISIONS
from ..contract.image import ImageSettings
from ..layers.sources import absolute, assigned_crs, raster_path
from ..layers.tiles import image_paths
from ..layers.web_layer import is_web_layer
from ..models.library import default_model
from .algorithm import choice, described, or_refuse
from .paths_parameter import PathsParameter, RasterOrFolderParameter
from .series_parameter import SeriesParameter, series_of
from .tiles import crs_of_tiles, tiles_of

INPUT = "INPUT"
TILES = "TILES"
BANDS = "BANDS"
INFRARED = "INFRARED"
ELEVATION = "ELEVATION"
TERRAIN = "TERRAIN"
SENTINEL2 = "SENTINEL2"
LEAVE_OUT = "LEAVE_OUT"
MODEL = "MODEL"
DEVICE = "DEVICE"
PRECISION = "PRECISION"


def image_parameters(*names: str) -> tuple[QgsProcessingParameterDefinition, ...]:
    """The definitions of some of the parameters named above."""
    definitions = _definitions()
    return tuple(definitions[name] for name in names)


@dataclass(frozen=True)
class GivenImage:
    """The image that the parameters above name, and how it is to be looked at.

    crs: of the image; invalid where it is not known. layer: its id in the project or the run, "" where the image is of
    several tiles. extent: in that CRS, None where the image is of several tiles.
    """

    settings: ImageSettings
    crs: QgsCoordinateReferenceSystem
    layer: str
    extent: QgsRectangle | None


def given_image(algorithm: QgsProcessingAlgorithm, parameters: dict, context: QgsProcessingContext) -> GivenImage:
    """What all parameters named above give.

    For `prepareAlgorithm`, which runs on the main thread.
    Raises QgsProcessingException, with a sentence for the user, where one of them cannot be used.
    """
    tiles = or_refuse(tiles_of, parameters.get(TILES), context)
    one = parameters.get(INPUT) not in (None, "")
    if one == bool(tiles):
        raise QgsProcessingException(
            _tr("Give the aerial image either as one raster (INPUT) or as several tiles (TILES), not both.")
            if one
            else _tr("There is no aerial image: give one raster (INPUT), or several tiles or a folder of them (TILES).")
        )
    layer = algorithm.parameterAsRasterLayer(parameters, INPUT, context) if one else None
    if one and layer is None:
        raise QgsProcessingException(algorithm.invalidRasterError(parameters, INPUT))
    _refuse_web_layer(layer)
    model = algorithm.parameterAsString(parameters, MODEL, context) or default_model()
    settings = ImageSettings(
        input=tiles if layer is None else or_refuse(image_paths, layer),
        crs="" if layer is None else assigned_crs(layer),
        bands=algorithm.parameterAsString(parameters, BANDS, context),
        infrared=_optional_path(algorithm, parameters, INFRARED, context),
        elevation=_optional_path(algorithm, parameters, ELEVATION, context),
        terrain=_optional_path(algorithm, parameters, TERRAIN, context),
        sentinel2=or_refuse(series_of, parameters.get(SENTINEL2), context),
        leave_out=tuple(re.findall(r"[^\s,;]+", algorithm.parameterAsString(parameters, LEAVE_OUT, context))),
        model=model if model == BUNDLED else absolute(model),
        **{name.lower(): algorithm.parameterAsEnumString(parameters, name, context) for name in (DEVICE, PRECISION)},
    )
    if layer is None:
        return GivenImage(settings, crs_of_tiles(tiles), "", None)
    return GivenImage(settings, layer.crs(), layer.id(), layer.extent())


def _optional_path(
    algorithm: QgsProcessingAlgorithm, parameters: dict, name: str, context: QgsProcessingContext
) -> str | None:
    if parameters.get(name) in (None, ""):
        return None
    layer, value = algorithm.parameterAsRasterLayer(parameters, name, context), parameters[name]
    if layer is None and name == INFRARED and isinstance(value, str) and os.path.exists(value):
        return absolute(value)  # a folder of tiles, or an index of them
    if layer is None:
        raise QgsProcessingException(algorithm.invalidRasterError(parameters, name))
    if name == INFRARED:
        _refuse_web_layer(layer)
    return or_refuse(raster_path, layer)


def _refuse_web_layer(layer: QgsRasterLayer | None) -> None:
    if is_web_layer(layer) and layer is not None:
        raise QgsProcessingException(
            _tr("The layer {} is a web layer: fetch its area first with flair:fetcharea, and give what came.").format(
                layer.name()
            )
        )


def _definitions() -> dict[str, QgsProcessingParameterDefinition]:
    raster, string = QgsProcessingParameterRasterLayer, QgsProcessingParameterString
    definitions = (
        described(
            raster(INPUT, _tr("Aerial image"), optional=True),
            _tr(
                "Raster file or layer with red, green and blue, 8 or 16 bits, in a projected CRS. Left empty where the "
                "image is given as tiles."
            ),
        ),
        described(
            PathsParameter(TILES, _tr("Tiles of an aerial image")),
            _tr(
                "Instead of one aerial image: several rasters that are one image, a folder of them, or a tile index "
                "(a vector file with the paths in its field location). For one map a tile, which fit together to the "
                "pixel, run a batch with all tiles here and one tile after the other as the extent."
            ),
        ),
        described(
            string(BANDS, _tr("Bands"), optional=True),
            _tr(
                "Which band is what, such as 'R=1 G=2 B=3 NIR=4 ELEVATION=5'. Left empty: by the bands' "
                "descriptions, by what they look like, else in this order. An elevation band counts 0.2 m to one "
                "digital number."
            ),
        ),
        described(
            RasterOrFolderParameter(INFRARED, _tr("Infrared image")),
            _tr(
                "Colour infrared image of the same place, such as BD ORTHO's IRC: its near infrared is used, the band "
                "that is described so, else the first. A folder or an index of tiles is taken too."
            ),
        ),
        described(
            raster(ELEVATION, _tr("Height above ground"), optional=True),
            _tr(
                "Raster of heights above ground in metres (surface model minus terrain model), or a surface model "
                "where a terrain model is given too."
            ),
        ),
        described(
            raster(TERRAIN, _tr("Terrain model"), optional=True),
            _tr("Raster of the ground's altitude in metres; it is subtracted from the heights."),
            advanced=True,
        ),
        described(
            SeriesParameter(SENTINEL2, _tr("Sentinel-2 series")),
            _tr(
                "A year of Sentinel-2 tells crops and trees apart by season: a raster or layer of the 10 bands B2 B3 "
                "B4 B5 B6 B7 B8 B8A B11 B12 (or 10 for each date), several of one date each, a folder of them, "
                "Level-2A products (.SAFE, Theia's, or .zip), a NetCDF cube, or an array of FLAIR #2."
            ),
        ),
        described(
            string(LEAVE_OUT, _tr("Sentinel-2 dates to leave out"), optional=True),
            _tr("Dates of the series that are not used, such as '2021-04-15 2021-04-20'."),
            advanced=True,
        ),
        described(
            string(MODEL, _tr("Model"), optional=True),
            _tr(
                "The id of an installed model ('bundled' is the plugin's own), or the path of a model folder or "
                "checkpoint. Left empty: the default model of the library."
            ),
            advanced=True,
        ),
        choice(
            DEVICE,
            _tr("Device"),
            DEVICES,
            _tr("Where the network runs; auto takes a graphics card if there is one."),
        ),
        choice(
            PRECISION,
            _tr("Precision"),
            PRECISIONS,
            _tr("Arithmetic of the network; auto measures what is faster."),
        ),
    )
    return {definition.name(): definition for definition in definitions}


def _tr(text: str) -> str:
    return QCoreApplication.translate("ImageParameters", text)
