"""The form: the fields, what a run of them costs or why it cannot be, and the Run button."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from qgis.core import QgsApplication, QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QLocale, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QPushButton, QToolButton, QVBoxLayout, QWidget

from ...contract import calls
from ...contract.answers import AerialDescription, Forecast, Hello
from ...contract.image import ImageSettings
from ...contract.notices import Notice
from ...contract.segmentation import SegmentationJob
from ...layers.run_request import RunRequest
from ...runtime.client import EngineClient, shared_client
from ...runtime.errors import BadInputError, EngineDied, EngineError, EngineNotFound
from ..tasks.question import Check, Question
from ..widgets.labels import Sentence
from ..widgets.remarks import Remarks
from ..widgets.windows import scrolling
from .estimate import cost_text, place_text
from .form_fields import FIELD_OF_SETTING, FormFields, WrongField
from .remembered import last_pace, pace_key

_PAUSE_MS = 200  # after a change, before the engine is asked: typing and dragging change much at once


class Form(QWidget):
    """Fields that are checked while they change.

    canvas: where areas are drawn. busy_paths: gives the files that queued runs will write. client: gives the
    connection to the engine.
    run_asked: a RunRequest, checked. versions_known: versions of the engine's libraries, a dict. engine_asked: the
    analyst wants to see to the engine, which is missing or does not start.
    """

    run_asked = pyqtSignal(object)
    versions_known = pyqtSignal(object)
    engine_asked = pyqtSignal()

    def __init__(
        self,
        canvas: QgsMapCanvas,
        busy_paths: Callable[[], list[str]],
        client: Callable[[], EngineClient] = shared_client,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._busy_paths = busy_paths
        self._active = False
        self._greeted = False
        self._described: ImageSettings | None = None  # the image that the bands are known of
        self._asked: SegmentationJob | None = None
        self._looked_at: ImageSettings | None = None
        self._unseen: EngineError | None = None  # why the image could not be looked at
        self._seen: list[Notice] = []  # what was told of the image
        self._checked: list[Notice] = []  # what was told of the whole job

        self.fields = FormFields(canvas)
        self.cost = Sentence()
        self.remarks = Remarks()
        self.doubts_button = QToolButton()
        self.run_button = QPushButton(self.tr("Run"))
        self.reason = Sentence()
        self.engine_button = QPushButton()
        self._lay_out()

        self._check = Check(calls.CHECK, client, _PAUSE_MS, self._look, self.run_button, self.reason)
        self._check.answered.connect(self._on_checked)
        self._check.failed.connect(self._on_failed)
        # Where these fail, the check fails too and says why.
        self._describe_question = Question(calls.DESCRIBE, client)
        self._describe_question.answered.connect(self._on_described)
        self._describe_question.failed.connect(self._on_unseen)
        self._series_question = Question(calls.SERIES, client)
        self._series_question.answered.connect(self.fields.series.set_known)
        self._series_question.failed.connect(lambda _: self.fields.series.set_unknown())
        self._hello_question = Question(calls.HELLO, client)
        self._hello_question.answered.connect(self._on_hello)

        self.fields.changed.connect(self.check_soon)
        self.fields.image_changed.connect(self._describe)
        self.fields.series_changed.connect(self._look_at_series)
        self.fields.area.refused.connect(lambda sentence: self.fields.complain("area", sentence))
        self.run_button.clicked.connect(self._run)
        self.engine_button.clicked.connect(lambda _: self.engine_asked.emit())
        project = QgsProject.instance()
        project.layersAdded.connect(self._on_layers)
        project.layersRemoved.connect(self._on_layers)

    def activate(self) -> None:
        """The form is seen: from now on the engine is asked. Before, nothing is started."""
        self.fields.area.set_outlined(True)
        self.fields.model.refresh()
        if not self._active:
            self._active = True
            self._ask_all()

    def ask_again(self) -> None:
        """Another engine answers from now on: whatever was asked is asked again."""
        if self._active:
            self._greeted, self._described = False, None
            self._ask_all()

    def rest(self) -> None:
        """The form is hidden: nothing of it shows on the canvas."""
        self.fields.area.set_outlined(False)

    def choose_aerial(self, layer: QgsMapLayer | None) -> None:
        """Chooses the aerial image, where the layer is a raster."""
        if isinstance(layer, QgsRasterLayer):
            self.fields.aerial.set_layer(layer)

    def check_soon(self) -> None:
        """Checks the fields once changes pause; until then nothing can be run."""
        self.engine_button.hide()
        self._check.soon()

    def close(self) -> None:
        """Lets go of the canvas, the project and the engine."""
        self._check.close()
        for question in (self._describe_question, self._series_question, self._hello_question):
            question.drop()
        project = QgsProject.instance()
        project.layersAdded.disconnect(self._on_layers)
        project.layersRemoved.disconnect(self._on_layers)
        self.fields.close()

    def _ask_all(self) -> None:
        self._hello_question.ask(calls.Nothing())
        self._describe()
        self._look_at_series()
        self.check_soon()

    # Checking

    def _look(self) -> None:
        self.fields.clear_complaints()
        if self.fields.aerial.pending():
            self._wait_for_tiles()
            return
        try:
            job = self.fields.job()
            busy = {os.path.normcase(path) for path in self._busy_paths()}
            outputs = (job.output, job.confidence, job.probabilities, job.difference)
            if busy & {os.path.normcase(path) for path in outputs if path}:
                raise WrongField("destination", self.tr("A queued run will write this file: choose another name."))
        except WrongField as wrong:
            self._refuse(wrong.field, str(wrong))
            return
        if self._active:
            self._asked = job
            self._check.ask(job, "" if self._greeted else self.tr("Starting the engine…"))

    def _wait_for_tiles(self) -> None:
        if self._unseen is None:
            self._check.wait(self.tr("Looking at the tiles…"))
        else:
            self._on_failed(self._unseen)

    def _on_checked(self, answer: Forecast) -> None:
        job, layer = self._asked, self.fields.aerial.layer()
        if layer is None or job is None:
            return
        request = RunRequest(
            job=job,
            name=layer.name(),
            model_title=self.fields.model.title(),
            aerial_layer=layer.id(),
            crs_wkt=layer.crs().toWkt(),
            tiles=answer.tiles,
            pixels=answer.width * answer.height,
        )
        area = self.fields.area.area()
        title = self.tr("all of the image") if area is None else area.title
        self.fields.set_note("area", f"{place_text(answer)} – {title}")
        self.cost.say(cost_text(answer, last_pace(pace_key(job)), job.tta))
        self._checked = answer.warnings
        self._show_remarks()
        self._check.allow(request)

    def _on_failed(self, error: EngineError) -> None:
        self._refuse(FIELD_OF_SETTING.get(error.field) if isinstance(error, BadInputError) else None, str(error))
        if isinstance(error, (EngineNotFound, EngineDied)):
            missing = isinstance(error, EngineNotFound)
            self.engine_button.setText(self.tr("Install the engine…") if missing else self.tr("Look at the engine…"))
            self.engine_button.show()

    def _refuse(self, name: str | None, sentence: str) -> None:
        """Says why nothing can be run: under the field that is to blame, else under the button."""
        self.cost.say("")
        self._checked = []
        self._show_remarks()
        self.fields.set_note("area", "")
        if name is None:
            self._check.wait(sentence, wrong=True)
        else:
            self.fields.complain(name, sentence)
            self._check.wait(self.tr("Run waits for the field “{}”.").format(self.fields.title(name)))

    def _run(self) -> None:
        request = self._check.take()
        if request is not None:
            self.fields.remember(request.job)  # chooses another file for the next map: checks anew
            self.check_soon()
            self.run_asked.emit(request)

    # The image and the engine

    def _describe(self) -> None:
        """Asks for the bands of the image, and for their pictures where the area lies."""
        image = self.fields.look()
        if image is None:
            self._described = None
            self._forget_remarks()
            self._describe_question.drop()
            self.fields.set_described(None)
            self.fields.set_note("aerial", "")
            return
        known = image == self._described
        if not known:
            self.fields.set_described(None)
            self._forget_remarks()
        if not self._active:
            return
        layer, area, extent = self.fields.aerial.layer(), self.fields.area.area(), None
        if area is not None and layer is not None:
            try:
                extent = area.in_image(layer)[0]
            except ValueError:  # the check says so
                extent = None
        asked = replace(image, bands=self.fields.bands.asked() if known else self.fields.bands_used(image))
        if asked != self._looked_at:
            self._looked_at, self._seen, self._unseen = asked, [], None
        self._describe_question.ask(calls.AerialQuestion(asked, extent))

    def _on_described(self, answer: AerialDescription) -> None:
        image = self.fields.look()
        if image is None:
            return
        if self.fields.aerial.pending():
            if not self.fields.aerial.show_tiles(answer.readable, answer.files):
                self._on_unseen(BadInputError(self.tr("QGIS cannot show these tiles as one image."), field="input"))
            return
        count = self.tr("one band") if answer.count == 1 else self.tr("{} bands").format(answer.count)
        size = f"{answer.width} × {answer.height}"
        pixel_m = QLocale().toString(answer.pixel_m, "g", 3)
        self.fields.set_note("aerial", self.tr("{} pixels of {} m, {}").format(size, pixel_m, count))
        self._seen = answer.findings
        if image == self._described:
            self.fields.bands.set_pictures(answer.pictures)
            self._show_remarks()
            return
        self._described = image
        self.fields.set_described(answer, self.fields.bands_used(image))
        self._show_remarks()
        self.check_soon()

    def _on_unseen(self, error: EngineError) -> None:
        """The image cannot be looked at. The check says why, but for tiles, which are no image before."""
        self._seen, self._unseen = [], error
        if self.fields.aerial.pending():
            self._on_failed(error)

    def _show_remarks(self) -> None:
        """All that the engine told of the image and of the job, each once and beside its field."""
        remarks = list(self._checked)
        for remark in self._seen:
            if not any((remark.code, remark.values) == (other.code, other.values) for other in remarks):
                remarks.append(remark)
        self.remarks.set_remarks(self.fields.set_remarks(remarks))
        names = self.fields.in_doubt()
        self.doubts_button.setVisible(bool(names))
        self.doubts_button.setText(self.tr("In doubt: {}").format(", ".join(map(self.fields.title, names))))

    def _show_doubt(self) -> None:
        """Brings the first field that is in doubt into view."""
        names = self.fields.in_doubt()
        if names:
            self._scrolled.ensureWidgetVisible(self.fields.field(names[0]).remarks)

    def _forget_remarks(self) -> None:
        self._seen, self._checked = [], []
        self._show_remarks()

    def _look_at_series(self) -> None:
        """Asks for the dates of the series where the area lies."""
        try:
            paths = self.fields.sentinel2.paths() or ()
        except ValueError:  # the check says so
            paths = ()
        self.fields.series.set_paths(paths)
        self._series_question.drop()
        job = self.fields.series_job()
        if job is None:
            self.fields.series.set_unknown()
        elif self._active:
            self.fields.series.wait()
            self._series_question.ask(job)

    def _on_hello(self, answer: Hello) -> None:
        self._greeted = True
        self.fields.device.set_devices(answer.devices)
        self.versions_known.emit(answer.versions)

    def _on_layers(self, _: list) -> None:
        """A file may have become free, or shown, with a layer."""
        if self._active:
            self.check_soon()

    def _lay_out(self) -> None:
        inner = QWidget()
        padded = QVBoxLayout(inner)
        padded.setContentsMargins(0, 0, 4, 0)
        padded.addWidget(self.fields)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._scrolled = scrolling(inner)
        column.addWidget(self._scrolled, 1)
        doubts = self.doubts_button
        doubts.setIcon(QgsApplication.getThemeIcon("/mIconWarning.svg"))
        doubts.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        doubts.setAutoRaise(True)
        doubts.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        doubts.setToolTip(self.tr("Shows what is not sure, what is taken instead, and how to change it"))
        doubts.clicked.connect(lambda _: self._show_doubt())
        doubts.hide()
        for widget in (self.cost, self.remarks, doubts, self.run_button, self.reason, self.engine_button):
            column.addWidget(widget)
        self.engine_button.hide()
