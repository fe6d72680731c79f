"""`flair:segment`: the land-cover map of an aerial raster."""

from __future__ import annotations

import os
from collections.abc import Callable

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from ..inference.job import SegmentationJob
from ..models.nomenclature import FLAIR_CLASSES
from ..runtime.client import shared_client
from ..runtime.errors import CancelledError, EngineError
from .icons import ICON_PATH
from .sources import absolute, polygon_in, raster_path
from .styling import ConfidenceStyler, LandCoverStyler

INPUT = "INPUT"
BANDS = "BANDS"
ELEVATION = "ELEVATION"
TERRAIN = "TERRAIN"
EXTENT = "EXTENT"
MASK = "MASK"
SENTINEL2 = "SENTINEL2"
MODEL = "MODEL"
DEVICE = "DEVICE"
PRECISION = "PRECISION"
TTA = "TTA"
OUTPUT = "OUTPUT"
OUTPUT_CONFIDENCE = "OUTPUT_CONFIDENCE"
OUTPUT_PROBABILITIES = "OUTPUT_PROBABILITIES"

_BUNDLED = "bundled"
_CHOICES = {
    DEVICE: ["auto", "cpu", "cuda", "mps"],
    PRECISION: ["auto", "fp32", "bf16"],
    TTA: ["none", "flips", "d4"],
}
_OUTPUTS = {OUTPUT: "output", OUTPUT_CONFIDENCE: "confidence", OUTPUT_PROBABILITIES: "probabilities"}


def area_output(class_name: str) -> str:
    """Name of the output number that holds a class's area, such as ``AREA_BARE_SOIL``."""
    return "AREA_" + class_name.upper().replace(" ", "_")


class SegmentAlgorithm(QgsProcessingAlgorithm):
    """Copies its parameters to plain values, hands the job to the engine and styles what comes back."""

    def name(self) -> str:
        return "segment"

    def displayName(self) -> str:
        return self.tr("Land cover of an aerial image")

    def icon(self) -> QIcon:
        return QIcon(ICON_PATH)

    def tags(self) -> list[str]:
        return self.tr("land cover,land use,segmentation,deep learning,orthophoto,FLAIR,U-T&T,Sentinel-2").split(",")

    def shortHelpString(self) -> str:
        return self.tr(
            "<p>Maps the land cover of an aerial image in the 13 classes of IGN's FLAIR with the U-T&amp;T "
            "network. Best on images of 0.2 m with red, green, blue, near infrared and height above ground; red, "
            "green and blue alone work too, less accurately.</p>"
            "<p>The network runs in a process of its own, so QGIS stays usable, and on the graphics card where "
            "there is one. The result is a Cloud Optimized GeoTIFF of class values 1 to 13 (0: no data) that carries "
            "its legend.</p>"
            "<p>The map does not depend on the extent: neighbouring extents fit together without a seam.</p>"
        )

    def tr(self, text: str) -> str:
        return QCoreApplication.translate("SegmentAlgorithm", text)

    def createInstance(self) -> SegmentAlgorithm:
        return SegmentAlgorithm()

    def initAlgorithm(self, configuration: dict | None = None) -> None:
        def add(parameter: QgsProcessingParameterDefinition, text: str, advanced: bool = False) -> None:
            parameter.setHelp(text)
            if advanced:
                parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
            self.addParameter(parameter)

        add(
            QgsProcessingParameterRasterLayer(INPUT, self.tr("Aerial image")),
            self.tr("Raster file or layer with red, green and blue, 8 or 16 bits, in a projected CRS."),
        )
        add(
            QgsProcessingParameterString(BANDS, self.tr("Bands"), optional=True),
            self.tr(
                "Which band is what, such as 'R=1 G=2 B=3 NIR=4 ELEVATION=5'. Left empty: by the bands' "
                "descriptions, else in this order. An elevation band counts 0.2 m to one digital number."
            ),
        )
        add(
            QgsProcessingParameterRasterLayer(ELEVATION, self.tr("Height above ground"), optional=True),
            self.tr(
                "Raster of heights above ground in metres (surface model minus terrain model), or a surface model "
                "where a terrain model is given too."
            ),
        )
        add(
            QgsProcessingParameterRasterLayer(TERRAIN, self.tr("Terrain model"), optional=True),
            self.tr("Raster of the ground's altitude in metres; it is subtracted from the heights."),
            advanced=True,
        )
        add(
            QgsProcessingParameterExtent(EXTENT, self.tr("Extent"), optional=True),
            self.tr("Part of the image to map. Left empty: all of it."),
        )
        add(
            QgsProcessingParameterFeatureSource(
                MASK, self.tr("Mask"), [QgsProcessing.SourceType.TypeVectorPolygon], optional=True
            ),
            self.tr("Polygons outside of which nothing is mapped."),
        )
        add(
            QgsProcessingParameterRasterLayer(SENTINEL2, self.tr("Sentinel-2"), optional=True),
            self.tr(
                "Raster of 10 bands (B2 B3 B4 B5 B6 B7 B8 B8A B11 B12, reflectance x 10000), or 10 for each date of "
                "a series with band descriptions like '2021-04-15 B8A'. It tells crops and trees apart by season."
            ),
        )
        add(
            QgsProcessingParameterString(MODEL, self.tr("Model"), defaultValue=_BUNDLED),
            self.tr("'bundled', the id of an installed model, or the path of a model folder or checkpoint."),
            advanced=True,
        )
        for name, title, text in (
            (
                DEVICE,
                self.tr("Device"),
                self.tr("Where the network runs; auto takes a graphics card if there is one."),
            ),
            (
                PRECISION,
                self.tr("Precision"),
                self.tr("Arithmetic of the network; auto measures what is faster."),
            ),
            (
                TTA,
                self.tr("Test-time augmentation"),
                self.tr("Averages several views of each tile: flips takes 4 times, d4 8 times as long."),
            ),
        ):
            options = _CHOICES[name]
            add(
                QgsProcessingParameterEnum(name, title, options, defaultValue=options[0], usesStaticStrings=True),
                text,
                advanced=True,
            )
        add(
            QgsProcessingParameterRasterDestination(OUTPUT, self.tr("Land cover")),
            self.tr("GeoTIFF of class values 1 to 13; 0 is no data."),
        )
        for name, title, text in (
            (OUTPUT_CONFIDENCE, self.tr("Confidence"), self.tr("GeoTIFF of the class's probability in percent.")),
            (
                OUTPUT_PROBABILITIES,
                self.tr("Class probabilities"),
                self.tr("GeoTIFF with one band for each class, probability x 255."),
            ),
        ):
            add(QgsProcessingParameterRasterDestination(name, title, optional=True, createByDefault=False), text)
        for c in FLAIR_CLASSES:
            self.addOutput(QgsProcessingOutputNumber(area_output(c.name), self.tr("Area of {} (m²)").format(c.name)))

    def prepareAlgorithm(
        self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Copies all that belongs to QGIS to plain values: the work itself runs in another thread."""
        layer = self.parameterAsRasterLayer(parameters, INPUT, context)
        if layer is None:
            raise QgsProcessingException(self.invalidRasterError(parameters, INPUT))
        self._aerial_layer = layer.id()
        model = self.parameterAsString(parameters, MODEL, context)
        self._settings = dict(
            input=_or_refuse(raster_path, layer),
            bands=self.parameterAsString(parameters, BANDS, context),
            elevation=self._optional_path(parameters, ELEVATION, context),
            terrain=self._optional_path(parameters, TERRAIN, context),
            extent=self._extent(parameters, layer.crs(), context),
            mask=self._mask(parameters, layer.crs(), context),
            sentinel2=self._optional_path(parameters, SENTINEL2, context),
            model=model if model == _BUNDLED else absolute(model),
            **{name.lower(): self.parameterAsEnumString(parameters, name, context) for name in _CHOICES},
        )
        return True

    def processAlgorithm(
        self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict:
        # Only here: what prepareAlgorithm asks for is loaded, or missed, even where the run fails.
        outputs = {name: self.parameterAsOutputLayer(parameters, name, context) for name in _OUTPUTS}
        outputs = {name: path for name, path in outputs.items() if path}
        job = SegmentationJob(
            **self._settings, **{_OUTPUTS[name]: os.path.abspath(path) for name, path in outputs.items()}
        )

        shown = None

        def show_progress(fraction: float, message: str, remaining_s: float | None) -> None:
            nonlocal shown
            feedback.setProgress(100 * fraction)
            # QGIS keeps every text in its log: one for each step and each percent, not for each tile.
            if remaining_s is None or int(100 * fraction) != shown:
                shown = int(100 * fraction)
                feedback.setProgressText(message)

        try:
            result = shared_client().call(
                "segment",
                job.to_dict(),
                on_progress=show_progress,
                on_warning=feedback.pushWarning,
                is_cancelled=feedback.isCanceled,
            )
        except CancelledError:
            raise QgsProcessingException(self.tr("Cancelled: nothing was written.")) from None
        except EngineError as error:
            if error.detail:
                feedback.pushDebugInfo(error.detail)
            raise QgsProcessingException(str(error)) from None

        self._show_areas(result, feedback)
        self._style_when_loaded(result, outputs, context)
        # By name: a model with a legend of its own may give a value another meaning.
        areas = {name: result["areas_m2"][str(value)] for value, name, _ in result["classes"]}
        return {**outputs, **{area_output(c.name): areas.get(c.name, 0.0) for c in FLAIR_CLASSES}}

    def _style_when_loaded(self, result: dict, outputs: dict[str, str], context: QgsProcessingContext) -> None:
        land_cover = None
        if context.willLoadLayerOnCompletion(outputs[OUTPUT]):
            land_cover = LandCoverStyler(result, self._aerial_layer)
            context.layerToLoadOnCompletionDetails(outputs[OUTPUT]).setPostProcessor(land_cover)
        confidence = outputs.get(OUTPUT_CONFIDENCE)
        if confidence and context.willLoadLayerOnCompletion(confidence):
            context.layerToLoadOnCompletionDetails(confidence).setPostProcessor(ConfidenceStyler(land_cover))

    def _show_areas(self, result: dict, feedback: QgsProcessingFeedback) -> None:
        total = sum(result["areas_m2"].values()) or 1.0
        for value, name, _ in result["classes"]:
            area = result["areas_m2"][str(value)]
            feedback.pushInfo(f"{name}: {area:,.0f} m² ({area / total:.1%})")
        feedback.pushInfo(
            self.tr("Tiles: {}; {:.1f} s on {}, {}").format(
                result["tiles"], result["seconds"], result["device"], result["precision"]
            )
        )

    def _optional_path(self, parameters: dict, name: str, context: QgsProcessingContext) -> str | None:
        if parameters.get(name) in (None, ""):
            return None
        layer = self.parameterAsRasterLayer(parameters, name, context)
        if layer is None:
            raise QgsProcessingException(self.invalidRasterError(parameters, name))
        return _or_refuse(raster_path, layer)

    def _extent(
        self, parameters: dict, crs: QgsCoordinateReferenceSystem, context: QgsProcessingContext
    ) -> tuple[float, float, float, float] | None:
        extent = self.parameterAsExtent(parameters, EXTENT, context, crs)
        if extent.isNull():
            return None
        return extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()

    def _mask(
        self, parameters: dict, crs: QgsCoordinateReferenceSystem, context: QgsProcessingContext
    ) -> tuple[dict, ...] | None:
        if parameters.get(MASK) in (None, ""):
            return None
        source = self.parameterAsSource(parameters, MASK, context)
        if source is None:
            raise QgsProcessingException(self.invalidSourceError(parameters, MASK))
        transform = QgsCoordinateTransform(source.sourceCrs(), crs, context.transformContext())
        geometries = [feature.geometry() for feature in source.getFeatures()]
        return tuple(_or_refuse(polygon_in, geometry, transform) for geometry in geometries if not geometry.isEmpty())


def _or_refuse(copy: Callable, *arguments: object):
    """What `copy` gives; its ValueError becomes what Processing shows to the user."""
    try:
        return copy(*arguments)
    except ValueError as error:
        raise QgsProcessingException(str(error)) from None
