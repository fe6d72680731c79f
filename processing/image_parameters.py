"""The parameters that all algorithms on an aerial image share: the image, what goes with it, model and device."""

from __future__ import annotations

import re

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsRasterLayer,
)
from qgis.PyQt.QtCore import QCoreApplication

from ..contract.choices import BUNDLED, DEVICES, PRECISIONS
from ..contract.image import ImageSettings
from ..layers.sources import absolute, raster_path
from ..models.library import default_model
from .algorithm import choice, described, or_refuse
from .series_parameter import SeriesParameter, series_of

INPUT = "INPUT"
BANDS = "BANDS"
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


def image_settings(
    algorithm: QgsProcessingAlgorithm, parameters: dict, context: QgsProcessingContext
) -> tuple[QgsRasterLayer, ImageSettings]:
    """The layer of INPUT, and what all parameters named above give.

    For `prepareAlgorithm`, which runs on the main thread.
    Raises QgsProcessingException, with a sentence for the user, where one of them cannot be used.
    """
    layer = algorithm.parameterAsRasterLayer(parameters, INPUT, context)
    if layer is None:
        raise QgsProcessingException(algorithm.invalidRasterError(parameters, INPUT))
    model = algorithm.parameterAsString(parameters, MODEL, context) or default_model()
    settings = ImageSettings(
        input=(or_refuse(raster_path, layer),),
        bands=algorithm.parameterAsString(parameters, BANDS, context),
        elevation=_optional_path(algorithm, parameters, ELEVATION, context),
        terrain=_optional_path(algorithm, parameters, TERRAIN, context),
        sentinel2=or_refuse(series_of, parameters.get(SENTINEL2), context),
        leave_out=tuple(re.findall(r"[^\s,;]+", algorithm.parameterAsString(parameters, LEAVE_OUT, context))),
        model=model if model == BUNDLED else absolute(model),
        **{name.lower(): algorithm.parameterAsEnumString(parameters, name, context) for name in (DEVICE, PRECISION)},
    )
    return layer, settings


def _optional_path(
    algorithm: QgsProcessingAlgorithm, parameters: dict, name: str, context: QgsProcessingContext
) -> str | None:
    if parameters.get(name) in (None, ""):
        return None
    layer = algorithm.parameterAsRasterLayer(parameters, name, context)
    if layer is None:
        raise QgsProcessingException(algorithm.invalidRasterError(parameters, name))
    return or_refuse(raster_path, layer)


def _definitions() -> dict[str, QgsProcessingParameterDefinition]:
    raster, string = QgsProcessingParameterRasterLayer, QgsProcessingParameterString
    definitions = (
        described(
            raster(INPUT, _tr("Aerial image")),
            _tr("Raster file or layer with red, green and blue, 8 or 16 bits, in a projected CRS."),
        ),
        described(
            string(BANDS, _tr("Bands"), optional=True),
            _tr(
                "Which band is what, such as 'R=1 G=2 B=3 NIR=4 ELEVATION=5'. Left empty: by the bands' "
                "descriptions, else in this order. An elevation band counts 0.2 m to one digital number."
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
