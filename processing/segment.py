"""`flair:segment`: the land-cover map of an aerial raster."""

from __future__ import annotations

import os

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterRasterDestination,
)

from ..contract import calls, choices
from ..contract.nomenclature import FLAIR_CLASSES
from ..contract.segmentation import SegmentationJob, SegmentationResult
from ..layers.sources import polygon_in, valid_geometries
from .algorithm import FlairAlgorithm, call_engine, choice, described, or_refuse
from .image_parameters import (
    BANDS,
    DEVICE,
    ELEVATION,
    INFRARED,
    INPUT,
    LEAVE_OUT,
    MODEL,
    PRECISION,
    SENTINEL2,
    TERRAIN,
    TILES,
    given_image,
    image_parameters,
)
from .loaded import ConfidenceStyler, DifferenceStyler, LandCoverStyler

EXTENT = "EXTENT"
MASK = "MASK"
TTA = "TTA"
CLASSES = "CLASSES"
STRICT = "STRICT"
OUTPUT = "OUTPUT"
OUTPUT_CONFIDENCE = "OUTPUT_CONFIDENCE"
OUTPUT_PROBABILITIES = "OUTPUT_PROBABILITIES"
OUTPUT_DIFFERENCE = "OUTPUT_DIFFERENCE"

_OUTPUTS = {
    OUTPUT: "output",
    OUTPUT_CONFIDENCE: "confidence",
    OUTPUT_PROBABILITIES: "probabilities",
    OUTPUT_DIFFERENCE: "difference",
}


def area_output(class_name: str) -> str:
    """Name of the output number that holds a class's area, such as ``AREA_BARE_SOIL``."""
    return "AREA_" + class_name.upper().replace(" ", "_")


class SegmentAlgorithm(FlairAlgorithm):
    """Copies its parameters to plain values, hands the job to the engine and styles what comes back."""

    def name(self) -> str:
        return "segment"

    def displayName(self) -> str:
        return self.tr("Land cover of an aerial image")

    def tags(self) -> list[str]:
        return self.tr("land cover,land use,segmentation,deep learning,orthophoto,FLAIR,U-T&T,Sentinel-2").split(",")

    def shortHelpString(self) -> str:
        return self.tr(
            "<p>Maps the land cover of an aerial image in the 13 classes of IGN's FLAIR with the U-T&amp;T "
            "network. Best on images of 0.2 m with red, green, blue, near infrared and height above ground; red, "
            "green and blue alone work too, less accurately.</p>"
            "<p>The network runs in a process of its own, so QGIS stays usable, and on the graphics card where "
            "there is one. The result is a Cloud Optimized GeoTIFF of class values (1 to 13, more where a model has "
            "more classes; 0: no data) that carries its legend.</p>"
            "<p>The map does not depend on the extent: neighbouring extents fit together without a seam.</p>"
        )

    def initAlgorithm(self, configuration: dict | None = None) -> None:
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(
            *image_parameters(INPUT, TILES, BANDS, INFRARED, ELEVATION, TERRAIN),
            described(
                QgsProcessingParameterExtent(EXTENT, self.tr("Extent"), optional=True),
                self.tr("Part of the image to map. Left empty: all of it."),
            ),
            described(
                QgsProcessingParameterFeatureSource(MASK, self.tr("Mask"), polygons, optional=True),
                self.tr("Polygons outside of which nothing is mapped."),
            ),
            *image_parameters(SENTINEL2, LEAVE_OUT, MODEL, DEVICE, PRECISION),
            choice(
                TTA,
                self.tr("Test-time augmentation"),
                choices.AUGMENTATIONS,
                self.tr("Averages several views of each tile: flips takes 4 times, d4 8 times as long."),
            ),
            choice(
                CLASSES,
                self.tr("Classes"),
                choices.CLASSES,
                self.tr(
                    "Whose classes the map shows. flair13: the 13 of FLAIR; a model's other classes, such as "
                    "greenhouses, swimming pools and snow, become other. model: all of the model's own, with their "
                    "values and colours. New classes that a fine-tuned model was taught by polygons are in both."
                ),
            ),
            described(
                QgsProcessingParameterBoolean(STRICT, self.tr("Refuse what is in doubt"), False),
                self.tr(
                    "Refuse to run where anything given is in doubt, such as bands that could only be guessed. "
                    "Otherwise the run goes on with a warning. For batches that nobody looks at."
                ),
                advanced=True,
            ),
            described(
                QgsProcessingParameterRasterDestination(OUTPUT, self.tr("Land cover")),
                self.tr("GeoTIFF of class values, 1 to 13 for those of FLAIR; 0 is no data."),
            ),
            _optional_raster(
                OUTPUT_CONFIDENCE, self.tr("Confidence"), self.tr("GeoTIFF of the class's probability in percent.")
            ),
            _optional_raster(
                OUTPUT_PROBABILITIES,
                self.tr("Class probabilities"),
                self.tr("GeoTIFF with one band for each class, probability x 255."),
            ),
            _optional_raster(
                OUTPUT_DIFFERENCE,
                self.tr("Without Sentinel-2"),
                self.tr(
                    "GeoTIFF of what the series changes: where the map would be another without Sentinel-2, the class "
                    "that it would have there, 0 elsewhere. The run takes about twice as long."
                ),
            ),
        )
        for c in FLAIR_CLASSES:
            self.addOutput(QgsProcessingOutputNumber(area_output(c.name), self.tr("Area of {} (m²)").format(c.name)))

    def prepareAlgorithm(
        self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Copies all that belongs to QGIS to plain values: the work itself runs in another thread."""
        image = given_image(self, parameters, context)
        self._aerial_layer = image.layer
        self._settings = dict(
            image=image.settings,
            extent=self._extent(parameters, image.crs, context),
            mask=self._mask(parameters, image.crs, context, feedback),
            tta=self.parameterAsEnumString(parameters, TTA, context),
            classes=self.parameterAsEnumString(parameters, CLASSES, context),
            strict=self.parameterAsBool(parameters, STRICT, context),
        )
        return True

    def work(self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> dict:
        # Only here: what prepareAlgorithm asks for is loaded, or missed, even where the run fails.
        outputs = {name: self.parameterAsOutputLayer(parameters, name, context) for name in _OUTPUTS}
        outputs = {name: path for name, path in outputs.items() if path}
        job = SegmentationJob(
            **self._settings, **{_OUTPUTS[name]: os.path.abspath(path) for name, path in outputs.items()}
        )

        result = call_engine(calls.SEGMENT, job, feedback)
        self._show_areas(result, feedback)
        self._style_when_loaded(result, outputs, context)
        # By name: a model with a legend of its own may give a value another meaning.
        areas = {name: result.areas_m2[value] for value, name, _ in result.classes}
        return {**outputs, **{area_output(c.name): areas.get(c.name, 0.0) for c in FLAIR_CLASSES}}

    def _style_when_loaded(
        self, result: SegmentationResult, outputs: dict[str, str], context: QgsProcessingContext
    ) -> None:
        land_cover = None
        if context.willLoadLayerOnCompletion(outputs[OUTPUT]):
            land_cover = LandCoverStyler(result, self._aerial_layer)
            context.layerToLoadOnCompletionDetails(outputs[OUTPUT]).setPostProcessor(land_cover)
        confidence = outputs.get(OUTPUT_CONFIDENCE)
        if confidence and context.willLoadLayerOnCompletion(confidence):
            context.layerToLoadOnCompletionDetails(confidence).setPostProcessor(ConfidenceStyler(land_cover))
        difference = outputs.get(OUTPUT_DIFFERENCE)
        if difference and context.willLoadLayerOnCompletion(difference):
            context.layerToLoadOnCompletionDetails(difference).setPostProcessor(
                DifferenceStyler(result.classes, land_cover)
            )

    def _show_areas(self, result: SegmentationResult, feedback: QgsProcessingFeedback) -> None:
        total = sum(result.areas_m2.values()) or 1.0
        for value, name, _ in result.classes:
            area = result.areas_m2[value]
            feedback.pushInfo(f"{name}: {area:,.0f} m² ({area / total:.1%})")
        if result.changed_m2 is not None:
            share = result.changed_m2 / total
            feedback.pushInfo(self.tr("Sentinel-2 changed {:,.0f} m² ({:.1%})").format(result.changed_m2, share))
        feedback.pushInfo(
            self.tr("Tiles: {}; {:.1f} s on {}, {}").format(
                result.tiles, result.seconds, result.device, result.precision
            )
        )

    def _extent(
        self, parameters: dict, crs: QgsCoordinateReferenceSystem, context: QgsProcessingContext
    ) -> tuple[float, float, float, float] | None:
        extent = self.parameterAsExtent(parameters, EXTENT, context, crs)
        if extent.isNull():
            return None
        return extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()

    def _mask(
        self,
        parameters: dict,
        crs: QgsCoordinateReferenceSystem,
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> tuple[dict, ...] | None:
        if parameters.get(MASK) in (None, ""):
            return None
        source = self.parameterAsSource(parameters, MASK, context)
        if source is None:
            raise QgsProcessingException(self.invalidSourceError(parameters, MASK))
        transform = QgsCoordinateTransform(source.sourceCrs(), crs, context.transformContext())
        geometries = or_refuse(valid_geometries, source, parameters[MASK], context, feedback)
        return tuple(or_refuse(polygon_in, geometry, transform) for geometry in geometries)


def _optional_raster(name: str, title: str, text: str) -> QgsProcessingParameterRasterDestination:
    """A raster that is only written where it is asked for."""
    return described(QgsProcessingParameterRasterDestination(name, title, optional=True, createByDefault=False), text)
