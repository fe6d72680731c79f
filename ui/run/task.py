"""One call of the engine as a task. Its thread only waits for the engine's process and passes on what that says."""

from __future__ import annotations

import threading
from collections.abc import Callable

from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal

from ...contract import calls
from ...contract.calls import Answer, EngineCall, Params
from ...layers.run_request import RunRequest
from ...runtime.client import EngineClient
from ..tasks.background_task import BackgroundTask, TaskSignals


class EngineTask(BackgroundTask):
    """Runs one call of the engine; the result is its answer.

    description: what QGIS's list of tasks shows. call, params: of `contract.calls`. client: the connection to the
    engine, taken on the main thread: a task that begins late, once the plugin is unloaded, must not open a new
    one. handlers: more of `EngineClient.call`'s handlers by their names. signals: what the task speaks through.
    """

    def __init__(
        self,
        description: str,
        call: EngineCall[Params, Answer],
        params: Params,
        client: EngineClient,
        signals: TaskSignals,
        handlers: dict[str, Callable] | None = None,
    ) -> None:
        enough = threading.Event()

        def ask(task: BackgroundTask) -> Answer:
            return client.call(
                call,
                params,
                on_progress=task.tell,
                on_warning=signals.warned.emit,
                is_cancelled=task.stopped,
                is_enough=enough.is_set,
                **(handlers or {}),
            )

        super().__init__(description, ask, signals)
        self._enough = enough

    def enough(self) -> None:
        """Asks the run to end with what it has done. Waits for nothing."""
        self._enough.set()


class SegmentSignals(TaskSignals):
    """tile_done: transform of six floats, bytes of a PNG."""

    tile_done = pyqtSignal(object, object)


class SegmentTask(EngineTask):
    """Runs the engine's call `segment` for a request."""

    def __init__(self, request: RunRequest, client: EngineClient) -> None:
        signals = SegmentSignals()
        super().__init__(
            QCoreApplication.translate("SegmentTask", "Land cover of {} with {}").format(
                request.name, request.model_title
            ),
            calls.SEGMENT,
            request.job,
            client,
            signals,
            {"on_tile": signals.tile_done.emit},
        )
