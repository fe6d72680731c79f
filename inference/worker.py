"""The engine as a process: calls come in on standard input, answers go out on standard output.

`runtime/protocol.py` defines the messages. A thread reads them; the main thread runs one call at a
time, so that what a call keeps (a loaded model) serves the next one. Logs go to standard error.
When standard input closes the process ends, whatever it is doing: whoever started it is gone.

torch and rasterio are imported inside the calls, so that the process takes messages at once.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import platform
import signal
import sys
import threading
import time
import traceback
from collections import deque
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, Callable

from ..models.cards import BadModel
from ..runtime import protocol
from ..version import plugin_version
from .errors import BadInput, Cancelled
from .job import Report, SegmentationJob

_log = logging.getLogger(__name__)

# Seconds between two progress messages of a call: ten a second look smooth and cost nothing.
PROGRESS_INTERVAL_S = 0.1
# Seconds that a call has to stop and clean up once standard input is closed.
GRACE_S = 5.0


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


class CallQueue:
    """The calls that wait, and what was cancelled; shared by the reading and the running thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[protocol.Call] = deque()
        self._running: int | None = None
        self._stop_running = False
        self._closed = False

    def put(self, call: protocol.Call) -> None:
        """Add a call at the end."""
        with self._changed:
            self._waiting.append(call)
            self._changed.notify()

    def next(self) -> protocol.Call | None:
        """Wait for the next call, which then counts as running. None once the queue is closed."""
        with self._changed:
            self._running = None
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            call = self._waiting.popleft()
            self._running, self._stop_running = call.id, False
            return call

    def cancel(self, id: int) -> bool:
        """Cancel a call; True where it was still waiting: it will not run."""
        with self._changed:
            if self._running == id:
                self._stop_running = True
            for call in self._waiting:
                if call.id == id:
                    self._waiting.remove(call)
                    return True
            return False

    def close(self) -> None:
        """Cancel the running call and let no other start."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()

    def running_is_cancelled(self) -> bool:
        """True once the running call should stop."""
        return self._stop_running or self._closed


class CallReport:
    """The `Report` of one call: each event becomes a message, progress at most ten times a second."""

    def __init__(self, id: int, answers: AnswerStream, calls: CallQueue) -> None:
        self._id = id
        self._answers = answers
        self._calls = calls
        self._held_back: protocol.Progress | None = None
        self._last_sent = -PROGRESS_INTERVAL_S

    def progress(self, fraction: float, message: str, remaining_s: float | None = None) -> None:
        """See `Report.progress`. What comes too early is held back until `flush`, or replaced.

        A stage without an estimate, such as loading the model, is told at once: it may last.
        """
        remaining = None if remaining_s is None else float(remaining_s)
        self._held_back = protocol.Progress(self._id, float(fraction), str(message), remaining)
        if remaining is None or time.monotonic() - self._last_sent >= PROGRESS_INTERVAL_S:
            self.flush()

    def warning(self, message: str) -> None:
        """See `Report.warning`."""
        self._answers.send(protocol.Caution(self._id, str(message)))

    def tile(self, bounds: tuple[float, float, float, float]) -> None:
        """See `Report.tile`."""
        xmin, ymin, xmax, ymax = map(float, bounds)
        self._answers.send(protocol.Tile(self._id, (xmin, ymin, xmax, ymax)))

    def cancelled(self) -> bool:
        """See `Report.cancelled`."""
        return self._calls.running_is_cancelled()

    def flush(self) -> None:
        """Send the progress that was held back, if any: the last one of a call always arrives."""
        if self._held_back is not None:
            self._answers.send(self._held_back)
            self._held_back = None
            self._last_sent = time.monotonic()


def hello(params: dict, report: Report) -> dict:
    """Who answers: ``{"versions": {...}, "devices": [{"id", "name"}], "folder", "executable"}``.

    versions: of plugin, python, torch, rasterio and smp (segmentation-models-pytorch).
    devices: what `SegmentationJob.device` can name here, the fastest first.
    folder: of the code that runs.
    """
    import rasterio
    import torch

    from .backends.torch_backend import available_devices

    versions = {
        "plugin": plugin_version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "rasterio": rasterio.__version__,
        # Read without importing it: the import takes seconds.
        "smp": metadata.version("segmentation-models-pytorch"),
    }
    return {
        "versions": versions,
        "devices": available_devices(),
        "folder": str(Path(__file__).absolute().parent.parent),
        "executable": sys.executable,
    }


def segment(params: dict, report: Report) -> dict:
    """Run a `SegmentationJob` given as its dictionary; answers a `SegmentationResult` as one."""
    job = SegmentationJob.from_dict(params)
    from .segment import segment as run

    return run(job, report).to_dict()


def models(params: dict, report: Report) -> dict:
    """The cards of the installed models: ``{"models": [card, ...]}``."""
    from ..models.library import installed_models

    return {"models": [card.to_dict() for card in installed_models()]}


CALLS: dict[str, Callable[[dict, Report], dict]] = {"hello": hello, "segment": segment, "models": models}


def run_call(call: protocol.Call, answers: AnswerStream, calls: CallQueue) -> None:
    """Run one call and send its result or its error; raises nothing."""
    # At once and for every call: whoever waits knows that it is not in the queue any more.
    answers.send(protocol.Progress(call.id, 0.0, "Started"))
    report = CallReport(call.id, answers, calls)
    try:
        function = CALLS.get(call.call)
        if function is None:
            raise BadInput(
                f"The engine has no call named {call.call!r}: plugin and engine differ in version, restart QGIS."
            )
        result = function(call.params, report)
        report.flush()
        answers.send(protocol.Result(call.id, result))
    except (BadInput, BadModel) as error:
        answers.send(protocol.Failure(call.id, protocol.BAD_INPUT, str(error)))
    except Cancelled as error:
        answers.send(protocol.Failure(call.id, protocol.CANCELLED, str(error) or "The run was cancelled."))
    # SystemExit too: a library that wants to quit must not take the process along without an answer.
    except (Exception, SystemExit) as error:
        detail = traceback.format_exc()
        _log.error("call %s failed\n%s", call.call, detail)
        answers.send(protocol.Failure(call.id, protocol.FAILED, failure_sentence(error), detail))


def failure_sentence(error: BaseException) -> str:
    """What went wrong and what to do, in one sentence for the user."""
    text = " ".join(str(error).split())
    low = text.lower()
    # torch says "out of memory" for CUDA and MPS in errors of several classes, all RuntimeErrors;
    # its CPU allocator raises a bare RuntimeError.
    if isinstance(error, RuntimeError) and "out of memory" in low:
        return "The graphics card ran out of memory: close other programs that use it, or choose the device cpu."
    if isinstance(error, MemoryError) or "defaultcpuallocator" in low:
        return "The computer ran out of memory: close other programs, or choose a smaller extent, then run again."
    if isinstance(error, ImportError):
        return f"The engine's Python environment is incomplete ({text}): install the plugin's folder into it with pip."
    said = f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
    return f"The engine failed ({said}): the details are in the log, please report them."


def main() -> int:
    """Serve calls until standard input closes; the exit status is 0."""
    requests, answers = _take_over_streams()
    # Ctrl-C in a terminal reaches every process of QGIS; ours ends when QGIS does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A crash in native code leaves its stack in the log.
    faulthandler.enable()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    calls = CallQueue()
    threading.Thread(target=_read, args=(requests, answers, calls), name="requests", daemon=True).start()
    while (call := calls.next()) is not None:
        run_call(call, answers, calls)
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


def _read(requests: BinaryIO, answers: AnswerStream, calls: CallQueue) -> None:
    """Take messages until the stream ends, then end the process."""
    with contextlib.suppress(OSError):
        for line in requests:
            _take(line, answers, calls)
    # The running call may hang, or a thread of it may keep the interpreter alive: this ends the
    # process even where no Python code gets to run any more.
    faulthandler.dump_traceback_later(GRACE_S, exit=True)
    calls.close()


def _take(line: bytes, answers: AnswerStream, calls: CallQueue) -> None:
    try:
        request = protocol.decode_request(line)
    except protocol.ProtocolError as error:
        _log.error("%s", error)
        answers.send(protocol.Failure(error.id, protocol.BAD_INPUT, str(error)))
        return
    if isinstance(request, protocol.Call):
        calls.put(request)
    elif calls.cancel(request.id):
        answers.send(protocol.Failure(request.id, protocol.CANCELLED, "The run was cancelled before it began."))
