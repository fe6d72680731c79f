"""Asks the engine in the background: the main thread never waits for an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qgis.PyQt.QtCore import QObject, pyqtSignal

from ...contract.calls import EngineCall, Travelling
from ...runtime.client import EngineClient, shared_client
from ...runtime.errors import CancelledError, EngineError

# Questions whose thread runs: a thread must not speak through an object that is gone. They have no
# parent either, which would delete them with its window.
_asking: set[Question] = set()


class Question(QObject):
    """One kind of question. Only the latest one counts: an answer to an earlier one is dropped.

    call: of `contract.calls`. client: gives the connection to the engine.
    answered: the answer. failed: the EngineError.
    """

    answered = pyqtSignal(object)
    failed = pyqtSignal(object)
    _came = pyqtSignal(int, object, object)
    _over = pyqtSignal()

    def __init__(self, call: EngineCall[Any, Any], client: Callable[[], EngineClient] = shared_client) -> None:
        super().__init__()
        self._call = call
        self._client = client
        self._lock = threading.Lock()
        self._latest = 0
        self._waiting: tuple[EngineClient, Travelling] | None = None
        self._thread: threading.Thread | None = None
        self._came.connect(self._tell)
        self._over.connect(self._rest)

    def ask(self, params: Travelling) -> None:
        """Asks; what was asked before is given up."""
        with self._lock:
            self._latest += 1
            # The connection of this moment: once the plugin is unloaded, a thread must not open another.
            self._waiting = self._client(), params
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"FLAIR {self._call.name}", daemon=True)
                _asking.add(self)
                self._thread.start()

    def drop(self) -> None:
        """Gives up what was asked; no answer comes. Waits for nothing."""
        with self._lock:
            self._latest += 1
            self._waiting = None

    def _work(self) -> None:
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, None
                if waiting is None:
                    self._thread = None
                    self._over.emit()
                    return
                number = self._latest
            client, params = waiting
            answer, error = None, None
            try:
                answer = client.call(self._call, params, is_cancelled=lambda n=number: n != self._latest)
            except CancelledError:
                continue
            except EngineError as failure:
                error = failure
            self._came.emit(number, answer, error)

    def _rest(self) -> None:
        with self._lock:
            if self._thread is None:
                _asking.discard(self)

    def _tell(self, number: int, answer: Travelling | None, error: EngineError | None) -> None:
        if number != self._latest:
            return
        if error is not None:
            self.failed.emit(error)
        else:
            self.answered.emit(answer)
