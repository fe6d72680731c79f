"""`flair:finetune`: a model that learned from the analyst's own polygons."""

from __future__ import annotations

import os
from dataclasses import replace

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProcessingOutputFolder,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from ..contract import calls
from ..contract.choices import HOLDOUT as USUAL_HOLDOUT
from ..contract.choices import KEEP_BASE as USUAL_KEEP_BASE
from ..contract.choices import MAX_HOLDOUT, TRAINABLE
from ..contract.class_plan import parse_class_map
from ..contract.finetuning import FinetuneJob, FinetuneResult
from ..contract.report import Epoch
from ..layers.polygons import PolygonFile, copied_file, remove_copy, saved_file
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
    GivenImage,
    given_image,
    image_parameters,
)

POLYGONS = "POLYGONS"
CLASS_FIELD = "CLASS_FIELD"
CLASS_MAP = "CLASS_MAP"
NAME = "NAME"
EPOCHS = "EPOCHS"
TRAINABLE_LAYERS = "TRAINABLE"
HOLDOUT = "HOLDOUT"
KEEP_BASE = "KEEP_BASE"
EVERYWHERE = "EVERYWHERE"
ONE_CLASS = "ONE_CLASS"
SEED = "SEED"
OUTPUT = "OUTPUT"
REPORT = "REPORT"
MODEL_FOLDER = "MODEL_FOLDER"
MODEL_ID = "MODEL_ID"
MEAN_IOU_BEFORE = "MEAN_IOU_BEFORE"
MEAN_IOU_AFTER = "MEAN_IOU_AFTER"

_FIELD = "class"
_LARGEST_SEED = 2**31 - 1  # of a number in Processing


class FinetuneAlgorithm(FlairAlgorithm):
    """Copies its parameters to plain values and hands the job to the engine."""

    def name(self) -> str:
        return "finetune"

    def displayName(self) -> str:
        return self.tr("Fine-tune a land-cover model")

    def tags(self) -> list[str]:
        return self.tr("land cover,training,fine-tuning,deep learning,polygons,samples,correct,FLAIR").split(",")

    def shortHelpString(self) -> str:
        return self.tr(
            "<p>Makes a new model out of another one and some polygons whose class is known: better on this image, "
            "and as it was on images that look otherwise. A dozen polygons of several classes, drawn where the map is "
            "wrong, are enough to begin with.</p>"
            "<p>Some polygons, separate in space, are held out to measure what was gained. The new model is a folder; "
            "where no folder is given it goes into the library, from where Land cover of an aerial image takes it "
            "by the id that comes out. The HTML report tells the scores before and after.</p>"
            "<p>Names that are no classes of the model make new classes.</p>"
        )

    def initAlgorithm(self, configuration: dict | None = None) -> None:
        folder = QgsProcessingParameterFolderDestination(
            OUTPUT, self.tr("Model folder"), optional=True, createByDefault=False
        )
        report = QgsProcessingParameterFileDestination(
            REPORT, self.tr("Report"), "HTML (*.html *.htm)", optional=True, createByDefault=False
        )
        self.add(
            *image_parameters(INPUT, TILES, BANDS, INFRARED, ELEVATION, TERRAIN, SENTINEL2, LEAVE_OUT),
            *self._of_polygons(),
            *image_parameters(MODEL),
            *self._of_training(),
            *image_parameters(DEVICE, PRECISION),
            described(folder, self.tr("Folder to make for the new model. Left empty: a place in the library.")),
            described(report, self.tr("HTML page of the scores before and after. Left empty: in the model folder.")),
        )
        self.addOutput(QgsProcessingOutputFolder(MODEL_FOLDER, self.tr("Folder of the new model")))
        self.addOutput(QgsProcessingOutputString(MODEL_ID, self.tr("Id of the new model")))
        self.addOutput(QgsProcessingOutputNumber(MEAN_IOU_BEFORE, self.tr("Mean IoU of the base model")))
        self.addOutput(QgsProcessingOutputNumber(MEAN_IOU_AFTER, self.tr("Mean IoU of the new model")))

    def _of_polygons(self) -> tuple:
        return (
            described(
                QgsProcessingParameterFeatureSource(
                    POLYGONS, self.tr("Polygons"), [QgsProcessing.SourceType.TypeVectorPolygon]
                ),
                self.tr("Polygons on the image whose class is known."),
            ),
            described(
                # Optional, as QGIS does not take a field's default for one that is not given.
                QgsProcessingParameterField(
                    CLASS_FIELD, self.tr("Field of the class"), _FIELD, parentLayerParameterName=POLYGONS, optional=True
                ),
                self.tr(
                    "The field that holds each polygon's class: its number or its name, the model's, FLAIR's or "
                    "CoSIA's, in English or French. Left empty: 'class'."
                ),
            ),
            described(
                QgsProcessingParameterString(CLASS_MAP, self.tr("Class of each value"), optional=True),
                self.tr(
                    "What values of the field mean where they are no number or name of a class, such as "
                    "'haie=brushwood; 7=deciduous; solar=solar panels; unsure='. A name that is no class of the "
                    "model makes a new one; nothing after the sign means that those polygons are left out."
                ),
            ),
        )

    def _of_training(self) -> tuple:
        number = QgsProcessingParameterNumber
        whole, real = number.Type.Integer, number.Type.Double
        return (
            described(
                QgsProcessingParameterString(NAME, self.tr("Name"), optional=True),
                self.tr("Title of the new model. Left empty: the base model's, corrected."),
            ),
            described(
                number(EPOCHS, self.tr("Epochs"), whole, 0, minValue=0),
                self.tr("How often all samples are looked at, at most; 0 takes the usual number."),
                advanced=True,
            ),
            choice(
                TRAINABLE_LAYERS,
                self.tr("What may change"),
                TRAINABLE,
                self.tr("The last layers (fast), the decoder, or all of the network."),
            ),
            described(
                number(HOLDOUT, self.tr("Share held out"), real, USUAL_HOLDOUT, minValue=0.0, maxValue=MAX_HOLDOUT),
                self.tr("Share of the polygons that the model never learns from, to measure it; 0 for none."),
                advanced=True,
            ),
            described(
                number(KEEP_BASE, self.tr("Weight of what it knew"), real, USUAL_KEEP_BASE, minValue=0.0),
                self.tr("How strongly unlabelled pixels hold the model to the base model; 0 lets it forget."),
                advanced=True,
            ),
            described(
                QgsProcessingParameterBoolean(EVERYWHERE, self.tr("Use it on images that look otherwise, too"), False),
                self.tr(
                    "Usually what is learnt counts where an image has the colours and the contrast of this one; "
                    "elsewhere the map stays that of the base model. With this it counts everywhere, and may be "
                    "worse there."
                ),
                advanced=True,
            ),
            described(
                QgsProcessingParameterBoolean(ONE_CLASS, self.tr("Go on with one class alone"), False),
                self.tr("Polygons of one class alone teach the model to see that class everywhere."),
                advanced=True,
            ),
            described(
                number(SEED, self.tr("Seed"), whole, 0, minValue=0, maxValue=_LARGEST_SEED),
                self.tr("The same seed and input give the same model."),
                advanced=True,
            ),
        )

    def prepareAlgorithm(
        self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Copies all that belongs to QGIS to plain values and files: the work itself runs in another thread."""
        image = given_image(self, parameters, context)
        field = self.parameterAsString(parameters, CLASS_FIELD, context) or _FIELD
        class_map = or_refuse(parse_class_map, self.parameterAsString(parameters, CLASS_MAP, context))
        self._polygons = self._polygon_file(parameters, image, field, context)
        self._job = FinetuneJob(
            image.settings,
            polygons=self._polygons.path,
            layer=self._polygons.layer,
            class_field=field,
            class_map=class_map,
            name=self.parameterAsString(parameters, NAME, context).strip(),
            epochs=self.parameterAsInt(parameters, EPOCHS, context),
            trainable=self.parameterAsEnumString(parameters, TRAINABLE_LAYERS, context),
            holdout=self.parameterAsDouble(parameters, HOLDOUT, context),
            keep_base=self.parameterAsDouble(parameters, KEEP_BASE, context),
            everywhere=self.parameterAsBool(parameters, EVERYWHERE, context),
            one_class=self.parameterAsBool(parameters, ONE_CLASS, context),
            seed=self.parameterAsInt(parameters, SEED, context),
        )
        return True

    def work(self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> dict:
        folder = self.parameterAsString(parameters, OUTPUT, context)
        report = self.parameterAsFileOutput(parameters, REPORT, context)
        job = replace(
            self._job,
            output=os.path.abspath(folder) if folder else None,
            report=os.path.abspath(report) if report else None,
        )

        def show_epoch(epoch: Epoch) -> None:
            feedback.pushInfo(self._epoch_text(epoch))

        try:
            result = call_engine(calls.FINETUNE, job, feedback, on_epoch=show_epoch)
        finally:
            remove_copy(self._polygons)
        self._show_scores(result, feedback)
        return {
            OUTPUT: result.folder,
            REPORT: result.report,
            MODEL_FOLDER: result.folder,
            MODEL_ID: result.card.id,
            MEAN_IOU_BEFORE: result.before.mean_iou,
            MEAN_IOU_AFTER: result.after.mean_iou,
        }

    def _polygon_file(
        self, parameters: dict, image: GivenImage, field: str, context: QgsProcessingContext
    ) -> PolygonFile:
        source = self.parameterAsSource(parameters, POLYGONS, context)
        if source is None:
            raise QgsProcessingException(self.invalidSourceError(parameters, POLYGONS))
        layer = self.parameterAsVectorLayer(parameters, POLYGONS, context)
        # Of a definition, which may be about selected features, QGIS knows what is meant, the layer does not.
        whole = not isinstance(parameters[POLYGONS], QgsProcessingFeatureSourceDefinition)
        saved = saved_file(layer, field) if layer is not None and whole else None
        near = None if image.extent is None else (image.extent, image.crs)
        return saved or or_refuse(copied_file, source, field, context.transformContext(), near)

    def _show_scores(self, result: FinetuneResult, feedback: QgsProcessingFeedback) -> None:
        before, after = result.before, result.after
        names = [name for name in after.iou if name in before.iou]
        for name in names:
            feedback.pushInfo(f"{name}: IoU {before.iou[name]:.2f} → {after.iou[name]:.2f}")
        if before.mean_iou is not None and after.mean_iou is not None:
            feedback.pushInfo(self.tr("Mean IoU: {:.2f} → {:.2f}").format(before.mean_iou, after.mean_iou))
        feedback.pushInfo(self.tr("Share of the image whose label changes: {:.1%}").format(result.changed))
        feedback.pushInfo(
            self.tr("Model {}: {} ({:.0f} s on {})").format(
                result.card.id, result.folder, result.seconds, result.device
            )
        )

    def _epoch_text(self, epoch: Epoch) -> str:
        """One line for the log, such as ``Epoch 3 of 40: loss 0.712, hold-out IoU 0.31``."""
        parts = [self.tr("Epoch {} of {}: loss {:.3f}").format(epoch.number, epoch.of, epoch.loss)]
        if epoch.holdout_iou is not None:
            parts.append(self.tr("hold-out IoU {:.2f}").format(epoch.holdout_iou))
        return ", ".join(parts)
