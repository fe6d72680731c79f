"""The dock: the form, the queue of runs, and what they gave."""

from __future__ import annotations

import time
from collections.abc import Callable

from qgis.core import QgsCoordinateReferenceSystem, QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.gui import QgisInterface, QgsDockWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QPushButton, QSplitter, QVBoxLayout, QWidget

from ..contract.cards import ModelCard
from ..contract.segmentation import SegmentationResult
from ..layers.partners import colours_of
from ..layers.results import add_result
from ..runtime.client import EngineClient, shared_client
from .annotate.correct_bar import CorrectBar
from .annotate.drawing import annotations_for, draw_polygons
from .canvas.tiles import LiveTiles
from .engine.engine_dialog import EngineDialog
from .finetune.finetune_dialog import FinetuneDialog, Page
from .finetune.request import DockServices
from .form.form import Form
from .form.remembered import keep_pace, measured_pace, pace_key
from .library.library_dialog import LibraryDialog
from .result.result_panel import ResultPanel
from .run.queue_panel import QueuePanel
from .run.run_queue import Run, RunQueue, RunState
from .widgets.amounts import duration_text
from .widgets.details import details_text
from .widgets.messages import Messages
from .widgets.windows import bring

_FORM_SHARE, _RESULT_SHARE = 9, 11  # of the dock's height, once there is a result


class LandCoverDock(QgsDockWidget):
    """Puts the panels together. iface: QGIS's window. client: gives the connection to the engine."""

    def __init__(self, iface: QgisInterface, client: Callable[[], EngineClient] = shared_client) -> None:
        super().__init__(iface.mainWindow())
        self.setObjectName("flairLandCoverDock")
        self.setWindowTitle("FLAIR Land Cover")
        self._canvas = iface.mapCanvas()
        self._window = iface.mainWindow()
        self._client = client
        self.finetune: FinetuneDialog | None = None
        self.engine: EngineDialog | None = None
        self.library: LibraryDialog | None = None
        self._live: LiveTiles | None = None
        self._left: LiveTiles | None = None  # of the run before, until the canvas shows its layer
        self._clock: list[float] = []  # seconds at which the run began and each of its tiles came
        self._versions: dict | None = None
        self.messages = Messages(iface.messageBar(), iface.mainWindow())
        self.queue = RunQueue(client, self)
        self.form = Form(self._canvas, self._busy_paths, client)
        self.form.fields.model.show_library_button()
        self.form.fields.model.choose_default()
        project = QgsProject.instance()
        self.results = ResultPanel(project, self._canvas, CorrectBar(project, self._canvas))
        upper = QWidget()
        column = QVBoxLayout(upper)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.form, 1)
        self.finetune_button = QPushButton(self.tr("Fine-tune the model…"))
        self.finetune_button.setToolTip(self.tr("Teaches the model with polygons whose class you know"))
        self.finetune_button.setAutoDefault(False)
        column.addWidget(self.finetune_button)
        self.queue_panel = QueuePanel(self.queue)
        column.addWidget(self.queue_panel)
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(upper)
        self._splitter.addWidget(self.results)
        self.setWidget(self._splitter)

        self.finetune_button.clicked.connect(lambda _: self.open_finetune())
        self.form.run_asked.connect(self.queue.add)
        self.form.fields.changed.connect(self._on_form_changed)
        self.form.versions_known.connect(self._on_versions)
        self.form.engine_asked.connect(self.open_engine)
        self.form.fields.model.library_asked.connect(self.open_library)
        self.queue.changed.connect(self.form.check_soon)
        self.queue.started.connect(self._on_started)
        self.queue.tile_done.connect(self._on_tile)
        self.queue.ended.connect(self._on_ended)
        self.opened.connect(self.form.activate)
        self.closed.connect(self._on_closed)
        # A dock that QGIS opened with its window was there before the project was.
        QgsProject.instance().readProject.connect(self.form.fields.take_layers)
        # Of several images the one that the analyst works with; a single band is a height model rather than an image.
        active = iface.activeLayer()
        if isinstance(active, QgsRasterLayer) and active.bandCount() > 1:
            self.form.choose_aerial(colours_of(active) or active)

    def show_for(self, layer: QgsMapLayer | None) -> None:
        """Opens the dock, with the layer as its aerial image where it is a raster."""
        self.setUserVisible(True)
        self.form.choose_aerial(layer)

    def open_finetune(self) -> None:
        """Opens the window of a fine-tuning, or brings the one that is open to the front."""
        if self.finetune is None:
            services = self._services()
            self.finetune = FinetuneDialog(services, self._canvas, self.messages, self._client, self._window)
            self.finetune.kept.connect(self._on_kept)
            self.finetune.finished.connect(self._forget_finetune)
        bring(self.finetune)

    def open_engine(self) -> None:
        """Opens the window of the engine, or brings it to the front."""
        if self.engine is None:
            self.engine = EngineDialog(self._engine_busy, self._window)
            self.engine.changed.connect(self._on_engine_changed)
            self.engine.finished.connect(self._forget_engine)
        bring(self.engine)

    def open_library(self) -> None:
        """Opens the window of the models, or brings it to the front."""
        if self.library is None:
            self.library = LibraryDialog(self._models_in_use, parent=self._window)
            self.library.changed.connect(self._on_library_changed)
        elif not self.library.isVisible():
            self.library.reload()
        bring(self.library)

    def stop(self) -> None:
        """Stops what runs, without a question and without waiting: QGIS ends, or the plugin is unloaded."""
        self.queue.close()
        self.form.fields.fetch.shut()
        if self.finetune is not None:
            self.finetune.shut()
            self._forget_finetune()
        if self.engine is not None:
            self.engine.shut()
            self._forget_engine()
        if self.library is not None:
            library, self.library = self.library, None
            library.shut()
            library.deleteLater()

    def unload(self) -> None:
        """Takes everything off the window, the canvas and the project; a run that goes on is cancelled."""
        QgsProject.instance().readProject.disconnect(self.form.fields.take_layers)
        self.stop()
        self.form.close()
        self.results.close()
        self.messages.close()
        self._remove_live()
        self._remove_left()

    def _busy_paths(self) -> list[str]:
        """Files that runs in the queue will write."""
        jobs = [run.request.job for run in self.queue.runs]
        outputs = [(job.output, job.confidence, job.probabilities, job.difference) for job in jobs]
        return [path for paths in outputs for path in paths if path]

    def _on_versions(self, versions: dict) -> None:
        self._versions = versions

    def _on_closed(self) -> None:
        self.form.rest()
        self.results.rest()

    # The engine and the models

    def _engine_busy(self) -> bool:
        fetching = self.library is not None and self.library.working()
        return bool(self.queue.runs) or self._training() or fetching

    def _models_in_use(self) -> set[str]:
        used = {run.request.job.image.model for run in self.queue.runs}
        return used | ({self.finetune.setup.model.model()} if self.finetune and self._training() else set())

    def _on_library_changed(self) -> None:
        self.form.fields.model.refresh()
        if self.finetune is not None:
            self.finetune.setup.model.refresh()

    def _on_engine_changed(self) -> None:
        self._versions = None
        self.form.ask_again()

    def _forget_engine(self, *_) -> None:
        dialog, self.engine = self.engine, None
        if dialog is not None:
            dialog.deleteLater()

    # A fine-tuning

    def _services(self) -> DockServices:
        fields, project = self.form.fields, QgsProject.instance()
        return DockServices(
            model=fields.model.model(),
            devices=fields.device.devices(),
            device=fields.device.device(),
            image=fields.chosen_image,
            annotations=lambda parent, image, classes: annotations_for(project, parent, image, image.crs(), classes),
            draw=draw_polygons,
            map_image=self.queue.add_watched,
            is_mapping=lambda: bool(self.queue.runs),
            versions=lambda: self._versions,
        )

    def _on_form_changed(self) -> None:
        if self.finetune is not None:
            self.finetune.setup.show_image()

    def _training(self) -> bool:
        return self.finetune is not None and self.finetune.page is Page.TRAINING

    def _on_kept(self, card: ModelCard) -> None:
        self.form.fields.model.refresh()
        self.form.fields.model.set_model(card.id)
        if self.library is not None:
            self.library.reload()

    def _forget_finetune(self, *_) -> None:
        dialog, self.finetune = self.finetune, None
        if dialog is not None:
            dialog.deleteLater()

    # A run

    def _on_started(self, run: Run) -> None:
        self._remove_live()
        self._clock = [time.monotonic()]
        self._live = LiveTiles(self._canvas, QgsCoordinateReferenceSystem.fromWkt(run.request.crs_wkt))

    def _on_tile(self, run: Run, transform: tuple[float, float, float, float, float, float], png: bytes) -> None:
        self._clock.append(time.monotonic())
        if self._live is not None:
            self._live.add(transform, png)

    def _on_ended(self, run: Run) -> None:
        details = details_text(run.request, run.error, run.warnings, self._versions)
        if run.state is RunState.FAILED:
            self._remove_live()
            self.messages.error(str(run.error), details)
        elif run.state is RunState.CANCELLED:
            self._remove_live()
            self.messages.info(self.tr("{}: cancelled, nothing was kept.").format(run.request.name))
        else:
            self._show_result(run, details)

    def _show_result(self, run: Run, details: str) -> None:
        result = run.result
        if result is None or run.started is None:  # it is done
            raise AssertionError
        try:
            layer = add_result(QgsProject.instance(), result, run.request, run.started)
        except ValueError as error:
            self._remove_live()
            self.messages.error(str(error), details)
            return
        self._leave_live()
        self._keep_pace(run, result)
        first = self.results.isHidden()
        self.results.show_layer(layer)
        if first:  # later the heights are the user's
            self._splitter.setSizes([_FORM_SHARE * self.height(), _RESULT_SHARE * self.height()])
        self._say_done(run, result, details)

    def _say_done(self, run: Run, result: SegmentationResult, details: str) -> None:
        name = run.request.name
        if not result.complete:
            text = self.tr("{}: {} of {} tiles were mapped, the rest is empty.").format(
                name, result.tiles, result.planned_tiles
            )
        else:
            device = self.form.fields.device.name(result.device)
            text = self.tr("{}: mapped in {} on {}.").format(name, duration_text(result.seconds), device)
        doubts = sum(told.doubt for told in run.warnings)
        if doubts:
            text += " " + (
                self.tr("One thing is in doubt.") if doubts == 1 else self.tr("{} things are in doubt.").format(doubts)
            )
            self.messages.warning(text, details)
        else:
            self.messages.info(text, details if run.warnings else "")

    def _keep_pace(self, run: Run, result: SegmentationResult) -> None:
        """Remembers how fast the run was, for the next estimate."""
        job = run.request.job
        began, *came = self._clock
        if not (result.complete and result.tiles and came) or run.request.title:  # a preview's model may go
            return
        pace = measured_pace(
            (came[0] - began, came[-1] - began, len(came)),
            result.seconds,
            result.tiles,
            job.tta,
            result.bytes / max(1, run.request.pixels),
        )
        keep_pace(pace_key(job), pace)

    # The pieces on the canvas

    def _remove_live(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.remove()

    def _leave_live(self) -> None:
        """Lets the pieces stay until the canvas has drawn the layer: no blink in between."""
        self._remove_left()
        self._left, self._live = self._live, None
        if self._left is not None:
            self._canvas.mapCanvasRefreshed.connect(self._remove_left)

    def _remove_left(self) -> None:
        left, self._left = self._left, None
        if left is not None:
            self._canvas.mapCanvasRefreshed.disconnect(self._remove_left)
            left.remove()
