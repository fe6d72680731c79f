"""Calls from QGIS to the engine's worker process, from any thread.

QGIS runs each Processing algorithm and each task in whichever thread is free, and nothing of Qt is needed to talk to
a process: three threads of Python's wait for what comes and goes on its pipes, and put each answer into the queue of
the caller that waits for it. So it works the same where no event loop runs (a test, `qgis_process`), where the caller
blocks the main one, in Qt 5 and in Qt 6.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import queue
import signal
import subprocess  # nosec B404 # for the names of its constants; `processes` starts what runs
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from ..contract import protocol
from ..contract.calls import Answer, EngineCall, Params
from ..contract.cards import BadModel
from ..contract.errors import ProtocolError
from ..contract.notices import Notice, Stage
from ..contract.report import Epoch
from .environment import Engine, child_environment, find_engine, worker_command
from .errors import BadInputError, CancelledError, EngineDied, EngineError, EngineFailed, EngineNotFound
from .processes import read_lines, start

__all__ = [
    "BadInputError",
    "CancelledError",
    "EngineClient",
    "EngineDied",
    "EngineError",
    "EngineFailed",
    "EngineNotFound",
    "close_shared_client",
    "engine_is_busy",
    "no_engine_meanwhile",
    "shared_client",
]

# Between two questions to the caller whether it wants to stop.
_CALLER_S = 0.1
# How long a cancelled call may take to stop: the engine asks once a tile, and a tile of eight
# passes can take half a minute on a slow CPU.
CANCEL_S = 60.0
# How long a worker may take to end by itself: its own grace is 5 seconds.
_CLOSE_S = 8.0
# Between a worker's end and the last of its log, where another process keeps it open.
_LAST_LINES_S = 1.0
_LOG_LINES = 40
# A worker that ended before it began the call is replaced unnoticed, but not for ever.
_ATTEMPTS = 3


@dataclass(frozen=True)
class _Gone:
    """The worker ended before it answered. error: what to tell."""

    error: EngineDied


class _Worker:
    """One worker process and the threads that read from it and write to it. Raises EngineDied where it cannot start."""

    def __init__(self, engine: Engine, command: list[str]) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._inboxes: dict[int | None, queue.SimpleQueue] = {}
        self._messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()  # None: no more, close its input
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._why = ""
        self._gone: _Gone | None = None
        try:
            self._process = start(command, child_environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as error:
            raise EngineDied(
                f"The engine could not be started with {engine.python}: {error.strerror or error}."
            ) from None
        into, out, log = self._process.stdin, self._process.stdout, self._process.stderr
        if into is None or out is None or log is None:
            raise AssertionError
        # Written by a thread of its own: a worker that is stuck does not read, and its callers must be able to cancel.
        threading.Thread(target=self._write, args=(into,), name="FLAIR Land Cover messages", daemon=True).start()
        self._log_reader = read_lines(log, self._take_log)
        self._reader = read_lines(out, self._take_answer)

    def call(self, message: protocol.Call, inbox: queue.SimpleQueue) -> None:
        """Start a call whose answers go to `inbox`, `_Gone` last where the worker ends before."""
        line = protocol.encode(message)
        with self._lock:
            if self._gone is not None:
                inbox.put(self._gone)
                return
            self._inboxes[message.id] = inbox
        self._messages.put(line)

    def cancel(self, id: int) -> None:
        """Ask the worker to stop the call."""
        self._messages.put(protocol.encode(protocol.Cancel(id)))

    def enough(self, id: int) -> None:
        """Ask the worker to end the call and keep what it has done."""
        self._messages.put(protocol.encode(protocol.Enough(id)))

    def forget(self, id: int) -> None:
        """Drop further answers to the call."""
        with self._lock:
            self._inboxes.pop(id, None)

    def kill(self, why: str) -> None:
        """End the process at once. why: the sentence for whoever else waits on it."""
        self._why = why
        self._messages.put(None)  # ends a worker that a script started and waits for, which is killed alone
        self._process.kill()
        self._reader.join(_LAST_LINES_S)
        self._end()

    def close(self) -> None:
        """Close the worker's standard input, so that it stops what it does and ends; kill it where it does not."""
        self._why = "The engine was closed: run again."
        self._messages.put(None)
        self._reader.join(_CLOSE_S)
        self.kill(self._why)

    def look_after(self) -> None:
        """Ends what waits on a process that has ended while another one, which it started, holds its output open."""
        if self._process.poll() is not None:
            self._reader.join(_LAST_LINES_S)
            self._end()

    @property
    def pid(self) -> int | None:
        """The process's id, None once it has ended."""
        return self._process.pid if self.alive() else None

    def alive(self) -> bool:
        """Whether the worker takes calls."""
        return self._gone is None

    def idle(self) -> bool:
        """Whether no caller waits for an answer."""
        return not self._inboxes

    def _write(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError), stream:  # it has ended, which its reader tells
            for message in iter(self._messages.get, None):
                stream.write(message)
                stream.flush()

    def _take_log(self, line: bytes | None) -> None:
        if line and line.strip():
            self._log.append(line.decode("utf-8", "replace").rstrip())

    def _take_answer(self, line: bytes | None) -> None:
        """Hand out a line of the worker; None: it has ended."""
        if line is None:
            self._end()
            return
        try:
            answer = protocol.decode_answer(line)
        except ProtocolError as error:
            if error.id is None:
                # What prints before the worker takes over its output: the start-up files of an interpreter.
                self._take_log(line)
                return
            sentence = f"Plugin and engine differ in version ({error}): restart QGIS."
            answer = protocol.Failure(error.id, protocol.FAILED, sentence)
        except Exception as error:
            self._why = f"The connection to the engine broke ({type(error).__name__}: {error}): run again."
            self._process.kill()
            return
        with self._lock:
            inbox = self._inboxes.get(answer.id)
            if isinstance(answer, (protocol.Result, protocol.Failure)):
                self._inboxes.pop(answer.id, None)
        if inbox is not None:
            inbox.put(answer)

    def _end(self) -> None:
        """Tells those who wait that the process has ended; once, however often it is called."""
        code = self._process.wait()
        self._messages.put(None)
        self._log_reader.join(_LAST_LINES_S)
        with self._lock:
            if self._gone is not None:
                return
            self._gone = _Gone(EngineDied(self._why or _death_sentence(code), "\n".join(self._log)))
            inboxes, self._inboxes = self._inboxes, {}
        for inbox in inboxes.values():
            inbox.put(self._gone)


def _death_sentence(code: int) -> str:
    """What became of a process that ended by itself. code: its exit status, negative for a signal on Unix."""
    if sys.platform == "win32" and code >= 0x80000000:  # the codes of exceptions
        return f"The engine crashed (code {code:#x}): the end of its log may say why; run again."
    if code >= 0:
        return f"The engine ended by itself with status {code}: the end of its log says why; run again."
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return (
            "The engine was killed (SIGKILL), most often by the system because memory ran out: "
            "close other programs or choose a smaller extent, then run again."
        )
    return f"The engine crashed ({name}): the end of its log may say why; run again."


# Why no engine is started at the moment, a sentence; "": it is.
_meanwhile = ""


def _find_engine_now() -> Engine:
    if _meanwhile:
        raise EngineNotFound(_meanwhile)
    return find_engine()


class EngineClient:
    """Runs calls in a worker process that stays warm between them; usable from any thread.

    find: says which Python runs the engine; asked at each call, so that a changed setting counts.
    command: program and arguments of the worker for it.
    """

    def __init__(
        self,
        find: Callable[[], Engine] = _find_engine_now,
        command: Callable[[Engine], list[str]] = worker_command,
    ) -> None:
        self._find = find
        self._command = command
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._closed = False
        self._running = 0  # calls that are no quick questions
        self._ids = itertools.count(1)
        atexit.register(self.close)

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None while none runs."""
        worker = self._worker
        return worker.pid if worker is not None else None

    def call(
        self,
        call: EngineCall[Params, Answer],
        params: Params,
        on_progress: Callable[[float, Stage, float | None], None] | None = None,
        on_warning: Callable[[Notice], None] | None = None,
        on_tile: Callable[[tuple[float, ...], bytes], None] | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
        is_enough: Callable[[], bool] | None = None,
    ) -> Answer:
        """Run a call of `contract.calls` and wait for its answer.

        The worker runs one call at a time, in the order in which they come, and beside it the quick
        ones. The functions are called in the calling thread:
        on_progress(fraction 0..1, stage, seconds remaining or None), on_warning(notice),
        on_tile(transform, png) as `protocol.TileDone` says, on_epoch(epoch), and
        is_cancelled() and is_enough() about ten times a second. Where one raises, the call is cancelled
        and the exception goes on.

        is_enough: once it is true the call ends early and its result keeps what was done; a call
        that has done nothing yet is cancelled.

        A call that was cancelled too late to stop gives its result; a quick one is given up at once.

        Raises BadInputError, CancelledError, EngineFailed, EngineDied, EngineNotFound.
        """
        handlers: dict[type, Callable | None] = {
            protocol.Progress: on_progress and (lambda m: on_progress(m.progress, m.stage, m.remaining_s)),
            protocol.Caution: on_warning and (lambda m: on_warning(m.warning)),
            protocol.TileDone: on_tile and (lambda m: on_tile(m.transform, m.png)),
            protocol.EpochDone: on_epoch and (lambda m: on_epoch(m.epoch)),
        }
        self._count(not call.quick)
        try:
            result = self._call(call, params.to_dict(), handlers, is_cancelled, is_enough)
            return call.answer.from_dict(result)
        except BadModel as error:
            raise BadInputError(str(error)) from None
        except ProtocolError as error:
            raise EngineFailed(f"Plugin and engine differ in version ({error}): restart QGIS.") from None
        finally:
            self._count(-(not call.quick))

    def busy(self) -> bool:
        """Whether a call waits or runs that is more than a quick question."""
        return self._running > 0

    def _count(self, change: int) -> None:
        with self._lock:
            self._running += change

    def _call(
        self,
        asked: EngineCall,
        params: dict,
        handlers: dict,
        is_cancelled: Callable[[], bool] | None,
        is_enough: Callable[[], bool] | None,
    ) -> dict:
        attempt = 0
        while True:
            attempt += 1
            if _asked(is_cancelled) or _asked(is_enough):
                raise CancelledError("The run was cancelled.")
            worker = self._running_worker()
            call = protocol.Call(next(self._ids), asked.name, params)
            inbox: queue.SimpleQueue = queue.SimpleQueue()
            worker.call(call, inbox)
            began, end = _listen(worker, call.id, asked.quick, inbox, handlers, is_cancelled, is_enough)
            if isinstance(end, protocol.Result):
                return end.result
            if isinstance(end, protocol.Failure):
                raise _error(end)
            if began or attempt == _ATTEMPTS:
                raise end.error

    def close(self) -> None:
        """End the worker, and with it what it runs; further calls are refused."""
        atexit.unregister(self.close)
        with self._lock:
            self._closed = True
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _running_worker(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise EngineError("The engine was closed: load the plugin again.")
            engine = self._find()
            worker = self._worker
            if worker is not None and worker.alive():
                # Another choice of Python counts as soon as nobody waits for the present one.
                if worker.engine == engine or not worker.idle():
                    return worker
                worker.close()
            self._worker = _Worker(engine, self._command(engine))
            return self._worker


def _asked(question: Callable[[], bool] | None) -> bool:
    return question is not None and question()


def _listen(
    worker: _Worker,
    id: int,
    quick: bool,
    inbox: queue.SimpleQueue,
    handlers: dict,
    is_cancelled: Callable[[], bool] | None,
    is_enough: Callable[[], bool] | None,
) -> tuple[bool, protocol.Result | protocol.Failure | _Gone]:
    """Hand a call's events to its handlers until it ends: (the worker began it, how it ended)."""
    began, deadline, enough = False, None, False
    try:
        while True:
            if deadline is not None:
                if time.monotonic() > deadline:
                    worker.kill("The engine was stopped because it did not react to a cancel: run again.")
                    raise CancelledError("The run was cancelled; the engine did not react and was stopped.")
            elif _asked(is_cancelled):
                # Nobody misses the answer of a quick call, and a map may run beside it: it ends as it will.
                if quick:
                    raise CancelledError("The question was given up.")
                worker.cancel(id)
                deadline = time.monotonic() + CANCEL_S
            elif not enough and _asked(is_enough):
                worker.enough(id)
                enough = True
            try:
                event = inbox.get(timeout=_CALLER_S)
            except queue.Empty:
                worker.look_after()
                continue
            if isinstance(event, (protocol.Result, protocol.Failure, _Gone)):
                return began, event
            # The worker says so as soon as it takes a call.
            began = True
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)
    except BaseException:
        worker.forget(id)
        worker.cancel(id)
        raise


def _error(failure: protocol.Failure) -> EngineError:
    if failure.kind == protocol.BAD_INPUT:
        return BadInputError(failure.message, failure.detail, failure.field)
    if failure.kind == protocol.CANCELLED:
        return CancelledError(failure.message, failure.detail)
    return EngineFailed(failure.message, failure.detail)


_shared: EngineClient | None = None
_shared_lock = threading.Lock()


def shared_client() -> EngineClient:
    """The client that the whole plugin uses, so that there is one warm worker."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = EngineClient()
        return _shared


def close_shared_client() -> None:
    """End the shared worker (the plugin is unloaded); the next `shared_client` is a new one."""
    global _shared
    with _shared_lock:
        client, _shared = _shared, None
    if client is not None:
        client.close()


def engine_is_busy() -> bool:
    """Whether the shared client maps, trains or does anything else that would be lost with its worker."""
    client = _shared
    return client is not None and client.busy()


@contextlib.contextmanager
def no_engine_meanwhile(sentence: str) -> Iterator[None]:
    """Ends the shared worker, and starts none before this is left: who asks is told the sentence (EngineNotFound).

    For changes of the environment that the worker runs in: Windows does not let go of the files of a program that
    runs, and elsewhere it would go on with files that are gone.
    """
    global _meanwhile
    _meanwhile = sentence
    try:
        close_shared_client()
        yield
    finally:
        _meanwhile = ""
