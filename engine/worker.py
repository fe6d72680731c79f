"""The engine as a process: calls come in on standard input, answers go out on standard output.

`contract/protocol.py` defines the messages. A thread reads them; the main thread runs one call at a
time, so that what a call keeps (a loaded model) serves the next one; quick calls, which only look, are
answered beside it by threads of their own. Logs go to standard error. When standard input closes the
process ends, whatever it is doing: whoever started it is gone. So it does at SIGTERM and SIGHUP.

`engine/calls.py` holds what the calls do.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass
from typing import BinaryIO

from ..contract import protocol
from ..contract.cards import BadModel
from ..contract.errors import BadInput, Cancelled, CannotWrite, ProtocolError
from ..contract.notices import Notice, Stage, stage
from ..contract.report import Epoch
from ..inference.raster.working_folder import discard_held
from .calls import SERVED
from .failures import failure_sentence
from .signals import endings

_log = logging.getLogger(__name__)

# Seconds between two progress messages of a call: ten a second look smooth and cost nothing.
PROGRESS_INTERVAL_S = 0.1
# Seconds that a call has to stop and clean up once standard input is closed.
GRACE_S = 5.0
# Seconds of them after which what a call has written is removed even though it has not stopped.
PATIENCE_S = 4.0
# Two, so that a raster is described while another thread is busy loading torch for `hello`.
QUICK_THREADS = 2


class AnswerStream:
    """Writes messages, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: protocol.Answer) -> None:
        """Write `message`. Raises TypeError or ValueError where JSON cannot hold it."""
        line = protocol.encode(message)
        # A reader that went away also closed our standard input, which ends the process.
        with self._lock, contextlib.suppress(OSError):
            self._stream.write(line)
            self._stream.flush()


@dataclass
class _Wishes:
    """What was asked of a running call."""

    cancel: bool = False
    enough: bool = False


class CallQueue:
    """Calls that wait, and what was asked of those that run; shared by the reading and the running threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[protocol.Call] = deque()
        self._running: dict[int, _Wishes] = {}
        self._closed = False

    def put(self, call: protocol.Call) -> None:
        """Add a call at the end."""
        with self._changed:
            self._waiting.append(call)
            self._changed.notify()

    def next(self) -> protocol.Call | None:
        """Wait for the next call, which then counts as running until `done`. None once the queue is closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            call = self._waiting.popleft()
            self._running[call.id] = _Wishes()
            return call

    def done(self, id: int) -> None:
        """The call does not run any more."""
        with self._changed:
            self._running.pop(id, None)

    def cancel(self, id: int) -> bool:
        """Cancel a call; True where it was still waiting: it will not run."""
        with self._changed:
            if id in self._running:
                self._running[id].cancel = True
            return self._take_out(id)

    def enough(self, id: int) -> bool:
        """End a running call with what it has done; True where it was still waiting: it will not run."""
        with self._changed:
            if id in self._running:
                self._running[id].enough = True
            return self._take_out(id)

    def close(self) -> None:
        """Cancel the running calls and let no other start."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def is_cancelled(self, id: int) -> bool:
        """True once the running call should stop."""
        return self._closed or self._running[id].cancel

    def is_enough(self, id: int) -> bool:
        """True once the running call should end with what it has done."""
        return self._running[id].enough

    def _take_out(self, id: int) -> bool:
        for call in self._waiting:
            if call.id == id:
                self._waiting.remove(call)
                return True
        return False


@dataclass(frozen=True)
class Lanes:
    """Where calls wait: the slow ones for the main thread, the quick ones for threads of their own."""

    slow: CallQueue
    quick: CallQueue

    def of(self, call: protocol.Call) -> CallQueue:
        """The queue that a call belongs into."""
        served = SERVED.get(call.call)
        return self.quick if served is not None and served.call.quick else self.slow

    def all(self) -> tuple[CallQueue, CallQueue]:
        """Both queues."""
        return self.slow, self.quick


class CallReport:
    """The `Report` of one call: each event becomes a message, progress at most ten times a second."""

    def __init__(self, id: int, answers: AnswerStream, calls: CallQueue) -> None:
        self._id = id
        self._answers = answers
        self._calls = calls
        self._held_back: protocol.Progress | None = None
        self._last_sent = -PROGRESS_INTERVAL_S

    def progress(self, fraction: float, stage: Stage, remaining_s: float | None = None) -> None:
        """See `Report.progress`. What comes too early is held back until `flush`, or replaced.

        A stage without an estimate, such as loading the model, is told at once: it may last.
        """
        remaining = None if remaining_s is None else float(remaining_s)
        self._held_back = protocol.Progress(self._id, float(fraction), stage, remaining)
        if remaining is None or time.monotonic() - self._last_sent >= PROGRESS_INTERVAL_S:
            self.flush()

    def warning(self, notice: Notice) -> None:
        """See `Report.warning`."""
        self._answers.send(protocol.Caution(self._id, notice))

    def tile(self, transform: tuple[float, float, float, float, float, float], png: bytes) -> None:
        """See `Report.tile`."""
        a, b, c, d, e, f = map(float, transform)
        self._answers.send(protocol.TileDone(self._id, (a, b, c, d, e, f), png))

    def epoch(self, epoch: Epoch) -> None:
        """See `FinetuneReport.epoch`."""
        self._answers.send(protocol.EpochDone(self._id, epoch))

    def cancelled(self) -> bool:
        """See `Report.cancelled`."""
        return self._calls.is_cancelled(self._id)

    def enough(self) -> bool:
        """See `Report.enough`."""
        return self._calls.is_enough(self._id)

    def flush(self) -> None:
        """Send the progress that was held back, if any: the last one of a call always arrives."""
        if self._held_back is not None:
            self._answers.send(self._held_back)
            self._held_back = None
            self._last_sent = time.monotonic()


def serve(calls: CallQueue, answers: AnswerStream) -> None:
    """Run the calls of a queue one after another until it is closed."""
    while (call := calls.next()) is not None:
        run_call(call, answers, calls)
        calls.done(call.id)


def run_call(call: protocol.Call, answers: AnswerStream, calls: CallQueue) -> None:
    """Run one call and send its result or its error; raises nothing."""
    # At once and for every call: whoever waits knows that it is not in the queue any more.
    answers.send(protocol.Progress(call.id, 0.0, stage("started")))
    report = CallReport(call.id, answers, calls)
    try:
        served = SERVED.get(call.call)
        if served is None:
            raise BadInput(
                f"The engine has no call named {call.call!r}: plugin and engine differ in version, restart QGIS."
            )
        answer = served.function(served.call.params.from_dict(call.params), report)
        report.flush()
        answers.send(protocol.Result(call.id, answer.to_dict()))
    except ProtocolError as error:
        answers.send(protocol.Failure(call.id, protocol.BAD_INPUT, str(error)))
    except (BadInput, BadModel) as error:
        field = error.field if isinstance(error, BadInput) else "model"
        answers.send(protocol.Failure(call.id, protocol.BAD_INPUT, str(error), field=field))
    except Cancelled as error:
        answers.send(protocol.Failure(call.id, protocol.CANCELLED, str(error) or "The run was cancelled."))
    except CannotWrite as error:
        answers.send(protocol.Failure(call.id, protocol.FAILED, str(error), traceback.format_exc()))
    # SystemExit too: a library that wants to quit must not take the process along without an answer.
    except (Exception, SystemExit) as error:
        detail = traceback.format_exc()
        _log.error("call %s failed\n%s", call.call, detail)
        answers.send(protocol.Failure(call.id, protocol.FAILED, failure_sentence(error), detail))


def main() -> int:
    """Serve calls until standard input closes or a signal asks to end; the exit status is 0."""
    requests, answers = _take_over_streams()
    # Ctrl-C in a terminal reaches every process of QGIS; ours ends when QGIS does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A crash in native code leaves its stack in the log.
    faulthandler.enable()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # GDAL mentions what it works around itself; that would stand in the details of every error.
    logging.getLogger("rasterio").setLevel(logging.WARNING)
    lanes = Lanes(CallQueue(), CallQueue())
    _end_at_signals(lanes)
    threading.Thread(target=_read, args=(requests, answers, lanes), name="requests", daemon=True).start()
    quick = [
        threading.Thread(target=serve, args=(lanes.quick, answers), name=f"quick {number}")
        for number in range(QUICK_THREADS)
    ]
    for thread in quick:
        thread.start()
    serve(lanes.slow, answers)
    for thread in quick:
        thread.join()
    return 0


def _take_over_streams() -> tuple[BinaryIO, AnswerStream]:
    """Keep standard input and output for messages; nothing else in the process reaches them.

    What a library prints, in Python or in C, goes to standard error. File descriptor 0 becomes the
    null device: on Windows a thread that reads a pipe locks it, and a library which looks at its
    standard input while loading would wait for the next message.
    """
    sys.stdout.flush()
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, AnswerStream(answers)


def _read(requests: BinaryIO, answers: AnswerStream, lanes: Lanes) -> None:
    """Take messages until the stream ends, then end the process."""
    try:
        for line in requests:
            _take(line, answers, lanes)
    except OSError:  # the pipe broke: its other end is gone
        pass
    finally:
        _end(lanes)


def _end(lanes: Lanes) -> None:
    """End the process, whatever it is doing."""
    # A running call may hang, or a thread of it may keep the interpreter alive: this ends the
    # process even where no Python code gets to run any more.
    faulthandler.dump_traceback_later(GRACE_S, exit=True)
    for calls in lanes.all():
        calls.close()
    time.sleep(PATIENCE_S)  # this thread ends with the process
    discard_held()


def _end_at_signals(lanes: Lanes) -> None:
    """Let a signal to end do what the end of standard input does."""
    # Python's own handlers wait for the main thread, which may be computing for long; this byte does not.
    ended, signalled = socket.socketpair()
    signalled.setblocking(False)
    signal.set_wakeup_fd(signalled.fileno(), warn_on_full_buffer=False)
    for number in endings():
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        with signalled, ended:  # held open as long as this thread lives
            ended.recv(1)
            _end(lanes)

    threading.Thread(target=wait, name="signals", daemon=True).start()


def _take(line: bytes, answers: AnswerStream, lanes: Lanes) -> None:
    try:
        request = protocol.decode_request(line)
    except ProtocolError as error:
        _log.error("%s", error)
        answers.send(protocol.Failure(error.id, protocol.BAD_INPUT, str(error)))
        return
    except Exception as error:  # whatever the line does to the reader, it gets an answer and the next one is read
        _log.exception("a message could not be read")
        answers.send(protocol.Failure(None, protocol.FAILED, failure_sentence(error), traceback.format_exc()))
        return
    if isinstance(request, protocol.Call):
        lanes.of(request).put(request)
        return
    # The queue that does not know the call does nothing.
    stop = CallQueue.enough if isinstance(request, protocol.Enough) else CallQueue.cancel
    if any([stop(calls, request.id) for calls in lanes.all()]):
        answers.send(protocol.Failure(request.id, protocol.CANCELLED, "The run was cancelled before it began."))
