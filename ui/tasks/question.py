"""Asks the engine in the background: the main thread never waits for an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal
from qgis.PyQt.QtWidgets import QAbstractButton

from ...contract.calls import EngineCall, Travelling
from ...runtime.client import EngineClient, shared_client
from ..widgets.labels import Sentence
from .background_task import BackgroundTask


class Question(QObject):
    """One kind of question. Only the latest one counts: an answer to an earlier one is dropped.

    call: of `contract.calls`. client: gives the connection to the engine.
    answered: the answer. failed: the EngineError.
    """

    answered = pyqtSignal(object)
    failed = pyqtSignal(object)

    def __init__(self, call: EngineCall[Any, Any], client: Callable[[], EngineClient] = shared_client) -> None:
        super().__init__()
        self._call = call
        self._client = client
        self._task: BackgroundTask | None = None
        self._next: BackgroundTask | None = None

    def ask(self, params: Travelling) -> None:
        """Asks; what was asked before is given up."""
        self.drop()
        # The connection of this moment: once the plugin is unloaded, a thread must not open another.
        call, client = self._call, self._client()
        self._next = BackgroundTask(call.name, lambda task: client.call(call, params, is_cancelled=task.stopped))
        self._start_next()

    def drop(self) -> None:
        """Gives up what was asked; no answer comes. Waits for nothing."""
        self._next = None
        if self._task is not None:
            self._task.stop()

    def _start_next(self) -> None:
        """One at a time: the one before is told to stop, and soon does."""
        if self._task is None and self._next is not None:
            self._task, self._next = self._next, None
            self._task.signals.ended.connect(self._on_ended)
            self._task.start_quietly()

    def _on_ended(self) -> None:
        task, self._task = self._task, None
        if task is not None and not task.stopped():
            if task.error is not None:
                self.failed.emit(task.error)
            elif not task.cancelled:
                self.answered.emit(task.result)
        self._start_next()


class Check(QObject):
    """Asks the engine about settings once their changes pause; a button waits until it agrees.

    call, client: as of a `Question`. pause_ms: after the last change. look: called then; it calls `ask`, or `wait`
    where something is missing. button: enabled while the engine agrees. reason: where it is said why it is not.
    answered: the answer, after which `allow` enables the button. failed: the EngineError.
    """

    answered = pyqtSignal(object)
    failed = pyqtSignal(object)

    def __init__(
        self,
        call: EngineCall[Any, Any],
        client: Callable[[], EngineClient],
        pause_ms: int,
        look: Callable[[], None],
        button: QAbstractButton,
        reason: Sentence,
    ) -> None:
        super().__init__()
        self._button = button
        self._reason = reason
        self._ready: Any = None
        self._question = Question(call, client)
        self._question.answered.connect(self.answered)
        self._question.failed.connect(self.failed)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(pause_ms)
        self._pause.timeout.connect(look)

    def soon(self) -> None:
        """Looks once changes pause; until then the button does nothing."""
        self._question.drop()
        self.wait(self.tr("Checking…"))
        self._pause.start()

    def ask(self, params: Travelling, meanwhile: str = "") -> None:
        """Asks the engine. meanwhile: what is said until it answers."""
        self.wait(meanwhile or self.tr("Checking…"))
        self._question.ask(params)

    def wait(self, reason: str, wrong: bool = False) -> None:
        """Says why the button does nothing."""
        self._ready = None
        self._button.setEnabled(False)
        self._reason.say(reason, wrong)

    def allow(self, ready: Any) -> None:
        """Enables the button. ready: what `take` gives then."""
        self._ready = ready
        self._reason.say("")
        self._button.setEnabled(True)

    def take(self) -> Any:
        """What was allowed, once; None where nothing is."""
        ready, self._ready = self._ready, None
        self._button.setEnabled(False)
        return ready

    def close(self) -> None:
        """Looks and asks no more."""
        self._pause.stop()
        self._question.drop()
