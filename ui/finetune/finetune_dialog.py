"""The window of a fine-tuning: set it up, watch it, judge it. QGIS stays usable beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from pathlib import Path

from qgis.core import QgsApplication, QgsGeometry, QgsProject, QgsRasterLayer
from qgis.gui import QgsGui, QgsMapCanvas
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QApplication, QDialog, QMessageBox, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from ...contract.cards import BadModel
from ...contract.segmentation import SegmentationJob
from ...layers.polygons import remove_copy
from ...layers.run_request import RunRequest
from ...models.library import discard_model, keep_model, remove_old_candidates
from ...runtime.client import EngineClient, shared_client
from ..form.area_field import Area
from ..form.destination_field import temporary_path
from ..form.form_fields import FormFields
from ..run.run_queue import Run, RunQueue, RunState
from ..widgets.details import details_text
from ..widgets.messages import Messages
from .evaluation_page import JudgePage
from .request import FinetuneRequest
from .setup_page import SetupPage
from .task import FinetuneTask
from .training_page import LearningPage

_COLUMNS, _LINES, _LEAST_COLUMNS = 64, 42, 44  # of text, that fit into the window's usual size


class Page(IntEnum):
    """Where the window stands, by the place of its page."""

    SETUP = 0
    LEARNING = 1
    JUDGE = 2


class FinetuneDialog(QDialog):
    """fields: the dock's form. queue: runs previews. canvas: what it shows is previewed. messages: of the plugin.

    versions: gives the engine's versions for the details of an error, None where they are not known.
    kept: the ModelCard of a model that is now in the library.
    """

    kept = pyqtSignal(object)

    def __init__(
        self,
        fields: FormFields,
        queue: RunQueue,
        canvas: QgsMapCanvas,
        messages: Messages,
        client: Callable[[], EngineClient] = shared_client,
        versions: Callable[[], dict | None] = lambda: None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("flairLandCoverFinetune")
        self.setWindowTitle(self.tr("FLAIR Land Cover: fine-tune the model"))
        self.setSizeGripEnabled(True)
        self._queue = queue
        self._canvas = canvas
        self._messages = messages
        self._client = client
        self._versions = versions
        self._task: FinetuneTask | None = None
        self._request: FinetuneRequest | None = None
        self._cancelled = False
        self._warnings: list[str] = []
        self._candidate: Path | None = None
        self._previews: list[Run] = []
        self._decision: Callable[[], None] | None = None
        self._shut = False
        remove_old_candidates()

        self.setup = SetupPage(fields, client)
        self.learning = LearningPage()
        self.judge = JudgePage()
        self._pages = QStackedWidget(self)
        for page in (self.setup, self.learning, self.judge):
            self._pages.addWidget(page)
        QVBoxLayout(self).addWidget(self._pages)
        self.setup.train_asked.connect(self._train)
        self.learning.enough_asked.connect(self._enough)
        self.learning.cancel_asked.connect(self._cancel)
        self.judge.preview_asked.connect(self._preview)
        self.judge.keep_asked.connect(lambda title: self._decide(lambda: self._keep(title)))
        self.judge.discard_asked.connect(lambda: self._decide(self._discard))
        queue.ended.connect(self._on_run_ended)
        self._fit()

    @property
    def page(self) -> Page:
        """The page that is shown."""
        return Page(self._pages.currentIndex())

    def reject(self) -> None:
        """Closes; where something would be lost, asks first."""
        if self._task is not None:
            self._ask_about_training()
        elif self._candidate is not None:
            self._ask_about_candidate()
        else:
            self._let_go()
            super().reject()

    def accept(self) -> None:
        """Closes, with all decided."""
        self._let_go()
        super().accept()

    def shut(self) -> None:
        """Closes without a question, for unloading: a training is stopped.

        A model that was not decided upon stays among the candidates, which are removed after a week.
        """
        task, self._task = self._task, None
        if task is not None:
            self._part_from(task)
            task.stop()
        self._let_go()
        self.hide()

    def _let_go(self) -> None:
        """Of the queue, the form and the polygons; once."""
        if self._shut:
            return
        self._shut = True
        self._queue.ended.disconnect(self._on_run_ended)
        self.setup.close()
        self._forget_polygons()

    def _forget_polygons(self) -> None:
        if self._request is not None:
            remove_copy(self._request.polygons)

    # Training

    def _train(self, request: FinetuneRequest) -> None:
        self._forget_polygons()
        self._request, self._cancelled, self._warnings = request, False, []
        self._task = task = FinetuneTask(request.job, request.title, self._client())
        signals = task.signals
        signals.progressed.connect(self.learning.show_progress)
        signals.warned.connect(self._on_warned)
        signals.epoch_done.connect(self.learning.add_epoch)
        signals.stopping.connect(self._on_stopping)
        signals.ended.connect(self._on_ended)
        self.learning.begin(request.title, waits=bool(self._queue.runs))
        self._show(Page.LEARNING)
        task.start_in(QgsApplication.taskManager())

    def _part_from(self, task: FinetuneTask) -> None:
        signals = task.signals
        signals.progressed.disconnect(self.learning.show_progress)
        signals.warned.disconnect(self._on_warned)
        signals.epoch_done.disconnect(self.learning.add_epoch)
        signals.stopping.disconnect(self._on_stopping)
        signals.ended.disconnect(self._on_ended)

    def _enough(self) -> None:
        if self._task is not None:
            self._task.enough()
            self.learning.show_stopping(keeps=True)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.stop()
            self._on_stopping()

    def _on_stopping(self) -> None:
        self._cancelled = True
        self.learning.show_stopping(keeps=False)

    def _on_warned(self, sentence: str) -> None:
        self._warnings.append(sentence)
        self.learning.add_warning(sentence)

    def _on_ended(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self._part_from(task)
        self._forget_polygons()
        if task.result is not None and not self._cancelled:
            self._candidate = Path(task.result.folder)
            self.judge.show_result(task.result, self._request)
            self._show(Page.JUDGE)
            QApplication.alert(self)
            return
        if task.result is not None:  # it was done before it could be stopped
            self._remove(Path(task.result.folder))
        self._show(Page.SETUP)
        self.setup.check_soon()
        if task.error is not None:
            sentence = str(task.error)
            details = details_text(self._request.job, task.error, self._warnings, self._versions())
            self._messages.error(sentence, details)
            self.setup.say_outcome(sentence, wrong=True)
        else:
            self.setup.say_outcome(self.tr("Cancelled: nothing was kept."))

    # Judging

    def _preview(self) -> None:
        request, title = self._request, self.judge.title() or self._request.title
        layer = QgsProject.instance().mapLayer(request.aerial_layer)
        if not isinstance(layer, QgsRasterLayer):
            self.judge.say(self.tr("The image {} has left the project: add it again.").format(request.image), True)
            return
        crs = self._canvas.mapSettings().destinationCrs()
        shown = Area((QgsGeometry.fromRect(self._canvas.extent()),), crs, False, "")
        try:
            extent, _ = shown.in_image(layer)
        except ValueError as error:
            self.judge.say(str(error), True)
            return
        name = self.tr("Preview of {}").format(title)
        image = replace(request.job.image, model=str(self._candidate))
        job = SegmentationJob(image, temporary_path(), extent=extent)
        run = RunRequest(job, name, title, layer.id(), layer.crs().toWkt(), title=name)
        self.judge.say(self.tr("The preview is being mapped; it comes as a layer of its own."))
        self._previews.append(self._queue.add(run))

    def _on_run_ended(self, run: Run) -> None:
        if run not in self._previews:
            return
        self._previews.remove(run)
        if self._decision is not None and not self._previews:
            decision, self._decision = self._decision, None
            decision()
        elif run.state is RunState.DONE:
            self.judge.say(self.tr("The preview lies above the image."))
        elif run.state is RunState.FAILED:
            self.judge.say(str(run.error), True)
        else:
            self.judge.say("")

    def _decide(self, decision: Callable[[], None]) -> None:
        """Does it, once no preview reads the model any more."""
        if self._candidate is None or self._decision is not None:
            return
        if not self._previews:
            decision()
            return
        self._decision = decision
        self.judge.set_decidable(False)
        self.judge.say(self.tr("Waits until the preview has stopped…"))
        for run in list(self._previews):
            self._queue.cancel(run)

    def _keep(self, title: str) -> None:
        try:
            card = keep_model(self._candidate, title or None)
        except BadModel as error:
            self.judge.set_decidable(True)
            self.judge.say(str(error), True)
            return
        self._candidate = None
        self._messages.info(self.tr("{} is now in the list of models.").format(card.title))
        self.kept.emit(card)
        self.accept()

    def _discard(self) -> None:
        candidate, self._candidate = self._candidate, None
        self._remove(candidate)
        self._show(Page.SETUP)
        self.setup.check_soon()
        self.setup.say_outcome(self.tr("The new model was thrown away."))

    def _remove(self, candidate: Path) -> None:
        try:
            discard_model(candidate)
        except BadModel as error:
            self._messages.warning(str(error))

    # Closing

    def _ask_about_training(self) -> None:
        box = self._question(
            self.tr("The training is not over."),
            self.tr("Close the window and lose what was learned so far?"),
        )
        stop = box.addButton(self.tr("Stop the training"), QMessageBox.ButtonRole.DestructiveRole)
        on = box.addButton(self.tr("Go on training"), QMessageBox.ButtonRole.RejectRole)
        self._open(box, on, {stop: self._stop_and_close})

    def _ask_about_candidate(self) -> None:
        box = self._question(
            self.tr("The new model {} was neither kept nor thrown away.").format(self.judge.title()),
            self.tr("Keep it?"),
        )
        keep = box.addButton(self.tr("Keep"), QMessageBox.ButtonRole.AcceptRole)
        away = box.addButton(self.tr("Throw away"), QMessageBox.ButtonRole.DestructiveRole)
        back = box.addButton(self.tr("Back"), QMessageBox.ButtonRole.RejectRole)
        choices = {
            keep: lambda: self._decide(lambda: self._keep(self.judge.title())),
            away: lambda: self._decide(self._discard_and_close),
        }
        self._open(box, back, choices)

    def _question(self, sentence: str, more: str) -> QMessageBox:
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.windowTitle())
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(sentence)
        box.setInformativeText(more)
        return box

    def _open(self, box: QMessageBox, usual: QPushButton, choices: dict[QPushButton, Callable[[], None]]) -> None:
        box.setDefaultButton(usual)
        box.setEscapeButton(usual)
        for button, choice in choices.items():
            button.clicked.connect(lambda _=False, choice=choice: choice())
        box.open()

    def _stop_and_close(self) -> None:
        task, self._task = self._task, None
        if task is not None:  # it may have ended while the question stood
            self._part_from(task)
            task.stop()
            # What it wrote in spite of that is among the candidates, which are removed after a week.
        if self._candidate is None:
            self.reject()

    def _discard_and_close(self) -> None:
        candidate, self._candidate = self._candidate, None
        self._remove(candidate)
        self.reject()

    def _show(self, page: Page) -> None:
        self._pages.setCurrentIndex(page)

    def _fit(self) -> None:
        """As large as its pages usually need, smaller than the screen; afterwards as the analyst left it."""
        metrics = self.fontMetrics()
        screen = QApplication.primaryScreen().availableSize()
        width, height = metrics.averageCharWidth() * _COLUMNS, metrics.lineSpacing() * _LINES
        self.resize(min(width, screen.width() * 9 // 10), min(height, screen.height() * 9 // 10))
        self.setMinimumWidth(min(metrics.averageCharWidth() * _LEAST_COLUMNS, screen.width() * 9 // 10))
        QgsGui.enableAutoGeometryRestore(self)
