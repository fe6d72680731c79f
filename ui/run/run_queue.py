"""The runs that were asked for: one runs, the others wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QCoreApplication, QObject, pyqtSignal

from ...contract import calls
from ...contract.notices import Notice, Stage
from ...contract.segmentation import SegmentationResult
from ...layers.run_request import RunRequest
from ...runtime.client import EngineClient, shared_client
from ..tasks.background_task import EngineTask
from ..widgets.lifetime import Connections


class RunState(Enum):
    """Where a run stands. STOPPING: it was cancelled, or is to keep what is done, and has not ended yet."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(eq=False)
class Run:
    """One entry of the queue; lives on the main thread.

    fraction: 0..1 of the work done. stage: what the engine does, None before it says so. remaining_s: seconds
    still expected, None if unknown. kept: what is done is to be kept (only while STOPPING, or DONE).
    tiles_done: finished pieces of the map that came. started: local time. result: the engine's answer, of a
    DONE run. error: of a FAILED one. watcher: is told of the end, see `RunQueue.add_watched`.
    """

    request: RunRequest
    state: RunState = RunState.WAITING
    fraction: float = 0.0
    stage: Stage | None = None
    remaining_s: float | None = None
    kept: bool = False
    tiles_done: int = 0
    warnings: list[Notice] = field(default_factory=list)
    result: SegmentationResult | None = None
    error: Exception | None = None
    started: datetime | None = None
    watcher: Callable[[bool, Exception | None], None] | None = None


def segment_task(request: RunRequest, client: EngineClient) -> EngineTask:
    """The engine's call `segment` for a request; its pieces: transform of six floats, bytes of a PNG."""
    title = QCoreApplication.translate("RunQueue", "Land cover of {} with {}")
    title = title.format(request.name, request.model_title)
    return EngineTask(title, calls.SEGMENT, request.job, client, "on_tile")


class RunQueue(QObject):
    """Runs requests one after another as QgsTasks; lives on the main thread.

    Only one task is in QGIS's task manager: waiting ones there would take up its few threads.

    client: gives the connection to the engine; asked at the start of each run.

    changed: a run came, went or changed its state. progressed, started: Run. tile_done: Run, transform of six
    floats from the picture's pixels to the aerial raster's CRS, bytes of a PNG. ended: Run, DONE, CANCELLED or
    FAILED; it has left the queue, and the next one starts when all listeners are through.
    """

    changed = pyqtSignal()
    progressed = pyqtSignal(object)
    started = pyqtSignal(object)
    tile_done = pyqtSignal(object, object, object)
    ended = pyqtSignal(object)

    def __init__(self, client: Callable[[], EngineClient] = shared_client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runs: list[Run] = []
        self._client = client
        self._task: EngineTask | None = None
        self._of_task = Connections()
        self._closed = False

    def add(self, request: RunRequest) -> Run:
        """Puts a run at the end; it starts at once where no other runs.

        Raises RuntimeError once the queue is closed.
        """
        if self._closed:
            raise RuntimeError("the queue is closed")
        run = Run(request)
        self.runs.append(run)
        self.changed.emit()
        self._start_next()
        return run

    def add_watched(self, request: RunRequest, ended: Callable[[bool, Exception | None], None]) -> Callable[[], None]:
        """Puts a run at the end as `add` does, and gives what cancels it.

        ended: called once it ended, when all listeners are through, with whether it is done and why it failed, if so.
        """
        run = self.add(request)
        run.watcher = ended
        return lambda: self.cancel(run)

    def cancel(self, run: Run) -> None:
        """Takes a waiting run out; a running one stops within one tile and nothing of it is kept.

        A run that had just finished its map when it was to stop ends as DONE.
        """
        if run not in self.runs:
            return
        if run.state is RunState.WAITING:
            self.runs.remove(run)
            self._end(run, RunState.CANCELLED)
        elif self._task is not None:
            self._task.stop()
            self._mark_stopping()

    def keep(self, run: Run) -> None:
        """Ends a running run with the map as far as it is."""
        if run in self.runs and run.state is RunState.RUNNING and self._task is not None:
            self._task.enough()
            run.state, run.kept = RunState.STOPPING, True
            self.changed.emit()

    def close(self) -> None:
        """Cancels everything and waits for nothing. No signal comes any more."""
        self._closed = True
        task, self._task = self._task, None
        if task is not None:
            self._of_task.close()
            task.stop()
        for run in self.runs:
            run.state = RunState.CANCELLED
        self.runs.clear()

    def _start_next(self) -> None:
        if self._closed or self._task is not None or not self.runs:
            return
        run = self.runs[0]
        self._task = task = segment_task(run.request, self._client())
        for signal, slot in (
            ("progressed", self._on_progressed),
            ("warned", self._on_warned),
            ("piece_done", self._on_tile_done),
            ("stopping", self._mark_stopping),
            ("ended", self._on_ended),
        ):
            self._of_task.add(task.signals, signal, slot)
        run.state, run.started = RunState.RUNNING, datetime.now().astimezone()
        task.start_in(QgsApplication.taskManager())
        self.started.emit(run)
        if self._task is task:
            self.changed.emit()

    def _on_progressed(self, fraction: float, stage: Stage, remaining_s: float | None) -> None:
        # What was under way when the task stopped listening may still arrive.
        if self._task is None:
            return
        run = self.runs[0]
        run.fraction, run.stage, run.remaining_s = fraction, stage, remaining_s
        self.progressed.emit(run)

    def _on_warned(self, warning: Notice) -> None:
        if self._task is not None:
            self.runs[0].warnings.append(warning)

    def _on_tile_done(self, tile: tuple) -> None:
        if self._task is None:
            return
        run = self.runs[0]
        run.tiles_done += 1
        self.tile_done.emit(run, *tile)
        if run.tiles_done == 1:
            self.progressed.emit(run)

    def _mark_stopping(self) -> None:
        if self._task is None:
            return
        run = self.runs[0]
        if run.state is RunState.RUNNING or run.kept:
            run.state, run.kept = RunState.STOPPING, False
            self.changed.emit()

    def _on_ended(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self._of_task.close()
        run = self.runs.pop(0)
        run.remaining_s = None
        try:
            if task.result is not None:
                run.result, run.fraction = task.result, 1.0
                self._end(run, RunState.DONE)
            elif task.error is not None:
                run.error = task.error
                self._end(run, RunState.FAILED)
            else:
                self._end(run, RunState.CANCELLED)
        finally:  # whatever a watcher comes to, the others are not to wait for ever
            self._start_next()

    def _end(self, run: Run, state: RunState) -> None:
        run.state = state
        self.changed.emit()
        self.ended.emit(run)
        if run.watcher is not None:
            run.watcher(state is RunState.DONE, run.error)
