"""The window of a fine-tuning: set it up, watch it, evaluate it. QGIS stays usable beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from pathlib import Path

from qgis.core import QgsApplication, QgsGeometry, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QApplication, QDialog, QMessageBox, QStackedWidget, QVBoxLayout, QWidget

from ...contract import calls
from ...contract.cards import BadModel
from ...contract.finetuning import FinetuneJob
from ...contract.notices import Notice
from ...contract.segmentation import SegmentationJob
from ...layers.area import Area
from ...layers.polygons import remove_copy
from ...layers.results import temporary_path
from ...layers.run_request import RunRequest
from ...models.library import discard_model, keep_model, remove_old_candidates
from ...runtime.client import EngineClient, shared_client
from ..tasks.background_task import EngineTask
from ..widgets.details import details_text
from ..widgets.lifetime import Connections
from ..widgets.messages import Messages
from ..widgets.windows import ask, fit
from .evaluation_page import EvaluationPage
from .request import DockServices, FinetuneRequest
from .setup_page import SetupPage
from .training_page import TrainingPage

_COLUMNS, _LINES, _LEAST_COLUMNS = 64, 42, 44  # of text, that fit into the window's usual size


class Page(IntEnum):
    """Where the window stands, by the place of its page."""

    SETUP = 0
    TRAINING = 1
    EVALUATION = 2


def finetune_task(job: FinetuneJob, name: str, client: EngineClient) -> EngineTask:
    """The engine's call `finetune`; its pieces: the values of an epoch. name: of the model to be."""
    title = QApplication.translate("FinetuneDialog", "Fine-tuning of {}").format(name)
    return EngineTask(title, calls.FINETUNE, job, client, "on_epoch")


class FinetuneDialog(QDialog):
    """dock: what it knows and does. canvas: what it shows is previewed. messages: of the plugin.

    kept: the ModelCard of a model that is now in the library.
    """

    kept = pyqtSignal(object)

    def __init__(
        self,
        dock: DockServices,
        canvas: QgsMapCanvas,
        messages: Messages,
        client: Callable[[], EngineClient] = shared_client,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("flairLandCoverFinetune")
        self.setWindowTitle(self.tr("FLAIR Land Cover: fine-tune the model"))
        self.setSizeGripEnabled(True)
        self._dock = dock
        self._canvas = canvas
        self._messages = messages
        self._client = client
        self._task: EngineTask | None = None
        self._of_task = Connections()
        self._request: FinetuneRequest | None = None
        self._cancelled = False
        self._warnings: list[Notice] = []
        self._candidate: Path | None = None
        self._previews: list[Callable[[], None]] = []  # each cancels one that waits or goes on
        self._decision: Callable[[], None] | None = None
        self._shut = False
        remove_old_candidates()

        self.setup = SetupPage(dock, client)
        self.training = TrainingPage()
        self.evaluation = EvaluationPage()
        self._pages = QStackedWidget(self)
        for page in (self.setup, self.training, self.evaluation):
            self._pages.addWidget(page)
        QVBoxLayout(self).addWidget(self._pages)
        self.setup.train_asked.connect(self._train)
        self.training.enough_asked.connect(self._enough)
        self.training.cancel_asked.connect(self._cancel)
        self.evaluation.preview_asked.connect(self._preview)
        self.evaluation.keep_asked.connect(lambda title: self._decide(lambda: self._keep(title)))
        self.evaluation.discard_asked.connect(lambda: self._decide(self._discard))
        fit(self, _COLUMNS, _LINES, _LEAST_COLUMNS)

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
            self._of_task.close()
            task.stop()
        self._let_go()
        self.hide()

    def _let_go(self) -> None:
        """Of the form and the polygons; once."""
        if self._shut:
            return
        self._shut = True
        self.setup.close()
        self._forget_polygons()

    def _forget_polygons(self) -> None:
        if self._request is not None:
            remove_copy(self._request.polygons)

    # Training

    def _train(self, request: FinetuneRequest) -> None:
        self._forget_polygons()
        self._request, self._cancelled, self._warnings = request, False, []
        self._task = task = finetune_task(request.job, request.title, self._client())
        for signal, slot in (
            ("progressed", self.training.show_progress),
            ("warned", self._on_warned),
            ("piece_done", self._on_epoch),
            ("stopping", self._on_stopping),
            ("ended", self._on_ended),
        ):
            self._of_task.add(task.signals, signal, slot)
        self.training.begin(request.title, waits=self._dock.is_mapping())
        self._show(Page.TRAINING)
        task.start_in(QgsApplication.taskManager())

    def _enough(self) -> None:
        if self._task is not None:
            self._task.enough()
            self.training.show_stopping(keeps=True)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.stop()
            self._on_stopping()

    def _on_stopping(self) -> None:
        self._cancelled = True
        self.training.show_stopping(keeps=False)

    def _on_epoch(self, epoch: tuple) -> None:
        self.training.add_epoch(*epoch)

    def _on_warned(self, notice: Notice) -> None:
        self._warnings.append(notice)
        self.training.add_warning(notice)

    def _on_ended(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        if self._request is None:
            raise AssertionError
        self._of_task.close()
        self._forget_polygons()
        if task.result is not None and not self._cancelled:
            self._candidate = Path(task.result.folder)
            self.evaluation.show_result(task.result, self._request)
            self._show(Page.EVALUATION)
            QApplication.alert(self)
            return
        if task.result is not None:  # it was done before it could be stopped
            self._remove(Path(task.result.folder))
        self._show(Page.SETUP)
        self.setup.check_soon()
        if task.error is not None:
            sentence = str(task.error)
            details = details_text(self._request.job, task.error, self._warnings, self._dock.versions())
            self._messages.error(sentence, details)
            self.setup.say_outcome(sentence, wrong=True)
        else:
            self.setup.say_outcome(self.tr("Cancelled: nothing was kept."))

    # The decision

    def _preview(self) -> None:
        request = self._request
        if request is None:
            raise AssertionError
        title = self.evaluation.title() or request.title
        layer = QgsProject.instance().mapLayer(request.aerial_layer)
        if not isinstance(layer, QgsRasterLayer):
            self.evaluation.say(self.tr("The image {} has left the project: add it again.").format(request.image), True)
            return
        crs = self._canvas.mapSettings().destinationCrs()
        shown = Area((QgsGeometry.fromRect(self._canvas.extent()),), crs, False, "")
        try:
            extent, _ = shown.in_image(layer)
        except ValueError as error:
            self.evaluation.say(str(error), True)
            return
        name = self.tr("Preview of {}").format(title)
        image = replace(request.job.image, model=str(self._candidate))
        job = SegmentationJob(image, temporary_path(), extent=extent)
        run = RunRequest(job, name, title, layer.id(), layer.crs().toWkt(), title=name)
        self.evaluation.say(self.tr("The preview is being mapped; it comes as a layer of its own."))

        def ended(done: bool, error: Exception | None) -> None:
            self._previews.remove(cancel)
            if not self._shut:
                self._on_preview_ended(done, error)

        cancel = self._dock.map_image(run, ended)
        self._previews.append(cancel)

    def _on_preview_ended(self, done: bool, error: Exception | None) -> None:
        if self._decision is not None and not self._previews:
            decision, self._decision = self._decision, None
            decision()
        elif done:
            self.evaluation.say(self.tr("The preview lies above the image."))
        elif error is not None:
            self.evaluation.say(str(error), True)
        else:
            self.evaluation.say("")

    def _decide(self, decision: Callable[[], None]) -> None:
        """Does it, once no preview reads the model any more."""
        if self._candidate is None or self._decision is not None:
            return
        if not self._previews:
            decision()
            return
        self._decision = decision
        self.evaluation.set_decidable(False)
        self.evaluation.say(self.tr("Waits until the preview has stopped…"))
        for cancel in list(self._previews):
            cancel()

    def _keep(self, title: str) -> None:
        if self._candidate is None:
            raise AssertionError
        try:
            card = keep_model(self._candidate, title or None)
        except BadModel as error:
            self.evaluation.set_decidable(True)
            self.evaluation.say(str(error), True)
            return
        self._candidate = None
        self._messages.info(self.tr("{} is now in the list of models.").format(card.title))
        self.kept.emit(card)
        self.accept()

    def _discard(self) -> None:
        if self._candidate is not None:
            self._remove(self._candidate)
            self._candidate = None
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
        ask(
            self,
            self.tr("The training is not over."),
            self.tr("Close the window and lose what was learned so far?"),
            {self.tr("Stop the training"): (QMessageBox.ButtonRole.DestructiveRole, self._stop_and_close)},
            self.tr("Go on training"),
        )

    def _ask_about_candidate(self) -> None:
        title = self.evaluation.title()
        ask(
            self,
            self.tr("The new model {} was neither kept nor thrown away.").format(title),
            self.tr("Keep it?"),
            {
                self.tr("Keep"): (
                    QMessageBox.ButtonRole.AcceptRole,
                    lambda: self._decide(lambda: self._keep(self.evaluation.title())),
                ),
                self.tr("Throw away"): (
                    QMessageBox.ButtonRole.DestructiveRole,
                    lambda: self._decide(self._discard_and_close),
                ),
            },
        )

    def _stop_and_close(self) -> None:
        task, self._task = self._task, None
        if task is not None:  # it may have ended while the question stood
            self._of_task.close()
            task.stop()
            # What it wrote in spite of that is among the candidates, which are removed after a week.
        if self._candidate is None:
            self.reject()

    def _discard_and_close(self) -> None:
        if self._candidate is not None:
            self._remove(self._candidate)
            self._candidate = None
        self.reject()

    def _show(self, page: Page) -> None:
        self._pages.setCurrentIndex(page)
