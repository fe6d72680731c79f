"""Work in the background as a QgsTask: the one way in which the dock does anything beside the main thread.

A task that is started in QGIS's task manager shows in QGIS's own list and can be cancelled there; a short question is
started quietly, in a thread of its own. Either may outlive all who wait for it, as when the plugin is unloaded in the
middle of a run. So a task speaks through the signals of an object of its own, which lives as long as the task, on the
main thread.
"""

from __future__ import annotations

import atexit
import threading
import traceback
from collections.abc import Callable
from typing import Any

from qgis.core import QgsTask, QgsTaskManager
from qgis.PyQt.QtCore import QCoreApplication, QObject, QThreadPool, pyqtSignal

from ...contract.calls import Answer, EngineCall, Params
from ...contract.notices import Stage
from ...runtime.client import EngineClient
from ...runtime.errors import CancelledError, EngineError, EngineFailed

# Tasks that run or wait for it. Without a reference in Python an object of Python can go while QGIS's part of it
# still runs.
_alive: set[BackgroundTask] = set()

# How long the end of Python may wait for a thread that was told to stop; the work looks ten times a second.
_EXIT_S = 3.0


class TaskSignals(QObject):
    """What a task says. Emitted from the task's thread; whoever listens on the main thread gets it there.

    progressed: fraction 0..1, what is done now (a sentence, or a Stage of the engine's), seconds remaining or None.
    warned: a Notice. piece_done: what the engine told of a part of the work, a tuple. stopping: somebody cancelled
    the task in QGIS. ended: the last one, after which `result`, `error` and `cancelled` of the task hold.
    """

    progressed = pyqtSignal(float, object, object)
    warned = pyqtSignal(object)
    piece_done = pyqtSignal(tuple)
    stopping = pyqtSignal()
    ended = pyqtSignal()
    _left = pyqtSignal()  # a quiet task's thread is done


class BackgroundTask(QgsTask):
    """Runs a function in another thread.

    description: what QGIS's list of tasks shows. work: gets this task and gives the result; it asks `stopped` and
    calls `tell`. can_cancel: whether QGIS's list offers to stop it.

    result: what the work gave, None where there is nothing. error: why there is none. cancelled: the work was
    stopped. over: set once the task's thread is done with Python. pool: where a thread of QGIS comes from.
    """

    def __init__(self, description: str, work: Callable[[BackgroundTask], object], can_cancel: bool = True) -> None:
        super().__init__(description, _flags(can_cancel))
        self.signals = TaskSignals()
        self.result: Any = None
        self.error: EngineError | None = None
        self.cancelled = False
        self.over = threading.Event()
        self._work = work
        self._stop = threading.Event()
        self.pool: QThreadPool = QThreadPool.globalInstance()

    def start_in(self, manager: QgsTaskManager) -> None:
        """Hands the task over to QGIS."""
        # Newer versions of QGIS run tasks in a pool of their own.
        self.pool = manager.threadPool() if hasattr(manager, "threadPool") else self.pool
        _alive.add(self)
        manager.addTask(self)

    def start_quietly(self) -> None:
        """Runs beside QGIS's list of tasks, in which QGIS before 3.26 could not hide it."""
        _alive.add(self)
        self.signals._left.connect(self._leave)
        threading.Thread(target=self._run_quietly, name=f"FLAIR {self.description()}", daemon=True).start()

    def stop(self) -> None:
        """Asks the work to end without a result. Waits for nothing."""
        self._stop.set()

    def stopped(self) -> bool:
        """Whether the work is to end without a result."""
        return self._stop.is_set()

    def tell(self, fraction: float, stage: str | Stage, remaining_s: float | None = None) -> None:
        """How far the work is and what it does now, from any thread."""
        self.setProgress(100 * fraction)
        self.signals.progressed.emit(fraction, stage, remaining_s)

    def run(self) -> bool:
        """In a thread of QGIS. Raises nothing: QGIS could not pass it on."""
        # This thread mostly waits: the map canvas, which draws in threads of the same few, gets one in its place.
        self.pool.releaseThread()
        try:
            self._do()
        finally:
            self.pool.reserveThread()
            self.over.set()
        return self.result is not None

    def cancel(self) -> None:
        """Called by QGIS: from its list of tasks, or when it closes."""
        self._stop.set()
        self.signals.stopping.emit()
        super().cancel()

    def finished(self, result: bool) -> None:
        """Called by QGIS on the main thread."""
        _alive.discard(self)
        self.signals.ended.emit()

    def _do(self) -> None:
        try:
            self.result = self._work(self)
        except CancelledError:
            self.cancelled = True
        except EngineError as error:
            self.error = error
        except Exception as error:
            self.error = EngineFailed(
                QCoreApplication.translate(
                    "EngineTask", "The run broke off inside the plugin ({}): please report it with the details."
                ).format(f"{type(error).__name__}: {error}"),
                traceback.format_exc(),
            )

    def _run_quietly(self) -> None:
        self._do()
        self.signals._left.emit()
        self.over.set()

    def _leave(self) -> None:
        self.finished(self.result is not None)


class EngineTask(BackgroundTask):
    """Runs one call of the engine; the result is its answer.

    call, params: of `contract.calls`. client: the connection to the engine, taken on the main thread: a task that
    begins late, once the plugin is unloaded, must not open a new one. pieces: the handler of `EngineClient.call`
    whose arguments are told as `piece_done`.
    """

    def __init__(
        self, description: str, call: EngineCall[Params, Answer], params: Params, client: EngineClient, pieces: str
    ) -> None:
        enough = threading.Event()

        def ask(task: BackgroundTask) -> Answer:
            return client.call(
                call,
                params,
                on_progress=task.tell,
                on_warning=task.signals.warned.emit,
                is_cancelled=task.stopped,
                is_enough=enough.is_set,
                **{pieces: lambda *piece: task.signals.piece_done.emit(piece)},
            )

        super().__init__(description, ask)
        self._enough = enough

    def enough(self) -> None:
        """Asks the run to end with what it has done. Waits for nothing."""
        self._enough.set()


def _flags(can_cancel: bool) -> QgsTask.Flags:
    flags = QgsTask.Flag.CanCancel if can_cancel else QgsTask.Flags()
    # The plugin says itself how a run ended; QGIS before 3.26 cannot be kept from saying it too.
    silent = getattr(QgsTask.Flag, "Silent", None)
    return flags if silent is None else flags | silent


@atexit.register
def _leave_no_thread() -> None:
    """A thread that returns to Python while the interpreter ends would crash the process."""
    running = [task for task in _alive if not task.over.is_set()]
    for task in running:
        task.stop()
    for task in running:
        task.over.wait(_EXIT_S)
        # From the last line of `run` back to Qt.
        task.pool.waitForDone(100)
