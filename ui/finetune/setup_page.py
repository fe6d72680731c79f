"""The first page: which polygons mean what, and how to train; checked by the engine while it changes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

from qgis.core import QgsApplication, QgsFieldProxyModel, QgsMapLayer, QgsMapLayerProxyModel, QgsProject, QgsVectorLayer
from qgis.gui import QgsFieldComboBox, QgsMapLayerComboBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...contract import calls
from ...contract.answers import AnnotationSummary
from ...contract.finetuning import FinetuneJob
from ...contract.nomenclature import FLAIR_CLASSES
from ...layers.annotation_files import AnnotationsError
from ...layers.annotations import CLASS_FIELD, find_annotations
from ...layers.polygons import PolygonFile, copied_file, remove_copy, saved_file
from ...models.library import candidates_folder
from ...runtime.client import EngineClient, shared_client
from ...runtime.errors import BadInputError, EngineError
from ..tasks.question import Check
from ..widgets.boxes import narrow
from ..widgets.labels import ElidedLabel, Sentence
from ..widgets.lifetime import Connections
from ..widgets.model_field import ModelField
from ..widgets.remarks import Remarks
from ..widgets.windows import scrolling
from .finetune_text import summary_text
from .request import DockServices, FinetuneRequest
from .training_settings import TrainingSettings
from .value_table import ValueTable

_PAUSE_MS = 300  # after a change, before the engine is asked
# What may change in a polygon layer that its file, or the copy of it, does not show.
_EDITS = ("layerModified", "afterRollBack", "afterCommitChanges", "subsetStringChanged", "crsChanged", "dataChanged")


class SetupPage(QWidget):
    """Asks for polygons, field, classes and settings.

    dock: says what image is looked at and how; `show_image` is to be called whenever that is another.
    train_asked: a FinetuneRequest, checked. Its copy of the polygons, if any, is the receiver's.
    """

    train_asked = pyqtSignal(object)

    def __init__(
        self,
        dock: DockServices,
        client: Callable[[], EngineClient] = shared_client,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._dock = dock
        self._of_layer = Connections()
        self._file: PolygonFile | None = None  # of the polygons as they are now; None: not known, or edited since
        self._asked: FinetuneRequest | None = None

        self.image = ElidedLabel()
        self.model = ModelField()
        self.polygons = QgsMapLayerComboBox()
        self.polygons.setFilters(QgsMapLayerProxyModel.Filter.PolygonLayer)
        self.draw_button = QToolButton()
        self.draw_button.setIcon(QgsApplication.getThemeIcon("/mActionAddPolygon.svg"))
        text = self.tr("Draw polygons of known class, in an annotation layer that is made where there is none")
        self.draw_button.setToolTip(text)
        self.draw_button.setAccessibleName(text)
        self.field = QgsFieldComboBox()
        self.field.setFilters(QgsFieldProxyModel.Filter.AllTypes)
        for box in (self.polygons, self.field):
            # A long name must not widen the window.
            narrow(box, 8)
        self.table = ValueTable()
        self.summary = Sentence()
        self.remarks = Remarks()
        self.settings = TrainingSettings()
        self.one_class = QCheckBox(self.tr("Train with one class alone all the same"))
        self.one_class.hide()
        self.outcome = Sentence()
        self.reason = Sentence()
        self.train_button = QPushButton(self.tr("Train"))
        self.train_button.setDefault(True)
        self._lay_out()

        self._check = Check(calls.ANNOTATIONS, client, _PAUSE_MS, self._look, self.train_button, self.reason)
        self._check.answered.connect(self._on_answer)
        self._check.failed.connect(self._on_failure)

        self._preset()
        self.polygons.layerChanged.connect(self._on_layer)
        self.field.fieldChanged.connect(lambda _: self._on_field())
        self.model.changed.connect(self._on_model)
        self.table.changed.connect(self.check_soon)
        self.settings.changed.connect(self.check_soon)
        self.one_class.toggled.connect(lambda _: self.check_soon())
        self.train_button.clicked.connect(self._train)
        self.draw_button.clicked.connect(lambda _: self._draw())
        self._on_model()
        self._on_layer(self.polygons.currentLayer())
        self.show_image()

    def show_image(self) -> None:
        """The form has another image, or looks at it in another way."""
        image = self._dock.image()
        if image.layer is None:
            self.image.setText(self.tr("none yet: choose one in the panel"))
        else:
            text = self.tr("{}, with infrared") if image.with_infrared else "{}"
            if image.with_series:
                both = self.tr("{}, with infrared and Sentinel-2")
                text = both if image.with_infrared else self.tr("{}, with Sentinel-2")
            self.image.setText(text.format(image.layer.name()))
        self.check_soon()

    def say_outcome(self, sentence: str, wrong: bool = False) -> None:
        """How the training before ended; stays until the next one begins."""
        self.outcome.say(sentence, wrong)

    def check_soon(self) -> None:
        """Checks once changes pause; until then nothing can be trained."""
        self._check.soon()

    def close(self) -> bool:
        """Lets go of the layer and the engine."""
        self._check.close()
        self._of_layer.close()
        self.table.close()
        self._drop_file()
        return super().close()

    # What is chosen

    def _preset(self) -> None:
        """The dock's model and device, and the annotation layer."""
        self.model.set_model(self._dock.model)
        image = self._dock.image().layer
        layer = find_annotations(QgsProject.instance(), image.crs() if image else None)
        if layer is not None:
            self.polygons.setLayer(layer)
        self.settings.set_devices(self._dock.devices, self._dock.device)

    def _on_model(self) -> None:
        card = self.model.card()
        self.table.set_classes(card.classes if card else FLAIR_CLASSES)
        self.settings.set_usual_name(self.tr("{}, corrected").format(self.model.title()))
        self.check_soon()

    def _draw(self) -> None:
        """Has polygons drawn in the annotation layer, which becomes the one that is learnt from."""
        image, card = self._dock.image().layer, self.model.card()
        if image is None:
            self.say_outcome(self.tr("Choose an image in the panel first: polygons are drawn over it."), wrong=True)
            return
        classes = card.classes if card else FLAIR_CLASSES
        try:
            layer = self._dock.annotations(self, image, classes)
            if layer is None:
                return
            self.polygons.setLayer(layer)
            self._dock.draw(layer)
        except AnnotationsError as error:
            self.say_outcome(str(error), wrong=True)
            return
        self.say_outcome(self.tr("Draw on the map, and give each polygon its class."))

    def _on_layer(self, layer: QgsMapLayer | None) -> None:
        self._of_layer.close()
        vector = layer if isinstance(layer, QgsVectorLayer) else None
        self.field.setLayer(vector)
        if vector is not None:
            for signal in _EDITS:
                self._of_layer.add(vector, signal, self._on_edited)
            if vector.fields().lookupField(CLASS_FIELD) >= 0:
                self.field.setField(vector.fields().at(vector.fields().lookupField(CLASS_FIELD)).name())
        self._on_field()

    def _on_field(self) -> None:
        layer = self.polygons.currentLayer()
        self._drop_file()
        self.one_class.setChecked(False)
        self.one_class.hide()
        self.table.set_layer(layer if isinstance(layer, QgsVectorLayer) else None, self.field.currentField())
        self.check_soon()

    def _on_edited(self, *_) -> None:
        self._drop_file()
        self.check_soon()

    def _drop_file(self) -> None:
        file, self._file = self._file, None
        remove_copy(file)

    # Checking

    def _look(self) -> None:
        if self.isHidden():  # another page is shown; this one checks anew when it comes back
            return
        try:
            self._asked = self._request()
        except ValueError as error:
            self._refuse(str(error))
            return
        if self._asked is None:  # the table is still counting, and says so
            return
        self._check.ask(self._asked.job)

    def _request(self) -> FinetuneRequest | None:
        """What the page asks for as it stands; None while that is not known.

        Raises ValueError, with a sentence for the user, where something is missing or wrong.
        """
        chosen = self._dock.image()
        if chosen.settings is None:
            raise ValueError(chosen.complaint)
        layer, field, image = self.polygons.currentLayer(), self.field.currentField(), chosen.layer
        if image is None:
            raise AssertionError
        if layer is None:
            raise ValueError(self.tr("Draw polygons, or add a polygon layer to the project."))
        if not field:
            raise ValueError(self.tr("Choose the field of {} that holds the classes.").format(layer.name()))
        if self.table.is_counting():
            return None
        if self.table.complaint():
            raise ValueError(self.tr("Train waits for the table of classes."))
        if self._file is None:
            transforms = QgsProject.instance().transformContext()
            self._file = saved_file(layer, field) or copied_file(
                layer, field, transforms, (image.extent(), image.crs())
            )
        values = self.settings.values()
        job = FinetuneJob(
            replace(chosen.settings, model=self.model.model(), device=values.pop("device")),
            **values,
            polygons=self._file.path,
            layer=self._file.layer,
            class_field=field,
            class_map=self.table.class_map(),
            one_class=self.one_class.isChecked(),
        )
        title = job.name or self.settings.name.placeholderText()
        return FinetuneRequest(
            job, title, self.model.title(), self._file, image.id(), image.crs().toWkt(), image.name()
        )

    def _on_answer(self, answer: AnnotationSummary) -> None:
        self.summary.say(summary_text(answer))
        self.remarks.set_remarks(answer.warnings)
        self._check.allow(self._asked)

    def _on_failure(self, error: EngineError) -> None:
        if isinstance(error, BadInputError) and error.field == "one_class":
            self.one_class.show()
        self._refuse(str(error))

    def _refuse(self, sentence: str) -> None:
        self.summary.say("")
        self.remarks.set_remarks([])
        self._check.wait(sentence, wrong=True)

    def _train(self) -> None:
        request = self._check.take()
        if request is None:
            return
        self.outcome.say("")
        self._file = None  # the copy goes with the request
        folder = candidates_folder() / uuid.uuid4().hex[:12]
        self.train_asked.emit(replace(request, job=replace(request.job, output=str(folder))))

    # Building

    def _with_button(self, polygons: QWidget) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(polygons, 1)
        row.addWidget(self.draw_button)
        return row

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 4, 0)
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for title, widget in (
            (self.tr("Image"), self.image),
            (self.tr("Base model"), self.model),
            (self.tr("Polygons"), self.polygons),
            (self.tr("Field of the class"), self.field),
        ):
            label = QLabel(title)
            label.setBuddy(widget)
            widget.setAccessibleName(title)
            rows.addRow(label, self._with_button(widget) if widget is self.polygons else widget)
        column.addLayout(rows)
        column.addWidget(self.table, 1)
        for widget in (self.summary, self.remarks, self.settings):
            column.addWidget(widget)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scrolling(inner), 1)
        for widget in (self.outcome, self.reason, self.one_class, self.train_button):
            outer.addWidget(widget)
