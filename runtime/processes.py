"""Programs that run beside QGIS: their lines as they come, and an end to all of them on a cancel.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess  # nosec B404 # runs interpreters that the user or this plugin chose, never through a shell
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from .errors import CancelledError

NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # for programs on Windows that would open one
_POLL_S = 0.1
_KILL_S = 10.0
# Between a program's end and the last of its lines, where another process keeps its output open.
_LAST_LINES_S = 1.0


@dataclass(frozen=True)
class Finished:
    """How a program ended.

    status: its exit status, negative for a signal on POSIX; None where it was ended after its time was over.
    output: standard output and standard error together.
    """

    status: int | None
    output: str


def run_lines(
    command: Sequence[str],
    environment: Mapping[str, str],
    on_line: Callable[[str], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    on_tick: Callable[[], None] | None = None,
    timeout_s: float | None = None,
) -> Finished:
    """Runs a program and hands out its lines; the functions are called in the calling thread.

    on_line(line without its end), is_cancelled() and on_tick() about ten times a second. The program, and whatever
    it started, is gone when this returns or raises.

    Raises CancelledError once `is_cancelled` is true, OSError where the program cannot be started.
    """
    # A group of its own, so that it can be ended with all that it starts.
    process = start(command, environment, start_new_session=os.name == "posix")
    if process.stdout is None:
        raise AssertionError
    lines: queue.SimpleQueue = queue.SimpleQueue()
    read_lines(process.stdout, lines.put)
    said: list[str] = []
    over, ended = False, 0.0
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    try:
        while not over:
            if is_cancelled is not None and is_cancelled():
                raise CancelledError("The installation was cancelled.")
            if deadline is not None and time.monotonic() > deadline:
                kill_tree(process)
                return Finished(None, "\n".join(said))
            if on_tick is not None:
                on_tick()
            try:
                line = lines.get(timeout=_POLL_S)
            except queue.Empty:
                # What it started may hold the pipe open after its own end.
                if process.poll() is not None:
                    ended = ended or time.monotonic()
                    over = time.monotonic() - ended > _LAST_LINES_S
                continue
            while line is not None:
                said.append(line.decode("utf-8", "replace"))
                if on_line is not None:
                    on_line(said[-1])
                try:
                    line = lines.get_nowait()
                except queue.Empty:
                    break
            over = line is None
        return Finished(process.wait(), "\n".join(said))
    finally:
        kill_tree(process)


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
    stderr: int = subprocess.STDOUT,
    start_new_session: bool = False,
) -> subprocess.Popen:
    """Starts a program whose standard output is a pipe, without a window of its own. Raises OSError."""
    return subprocess.Popen(  # nosec B603 # a list of arguments of our own, no shell
        list(command),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=dict(environment),
        start_new_session=start_new_session,
        creationflags=NO_WINDOW,
    )


def read_lines(stream: IO[bytes], take: Callable[[bytes | None], object]) -> threading.Thread:
    """Hands out the lines of a pipe without their ends, and None once it is closed, in a thread that is returned."""

    def read() -> None:
        try:
            with stream, contextlib.suppress(OSError, ValueError):
                for line in stream:
                    take(line.rstrip(b"\r\n"))
        finally:
            take(None)

    thread = threading.Thread(target=read, name="FLAIR Land Cover reader", daemon=True)
    thread.start()
    return thread


def kill_tree(process: subprocess.Popen) -> None:
    """Ends a program started by `run_lines` and all that it started; one that has ended is no error."""
    if os.name == "posix":
        # Also after the program's own end: the group, and its number, is there as long as one of its processes is.
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        taskkill = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(  # nosec B603 # a program of Windows by its full path, a number as argument
                [taskkill, "/T", "/F", "/PID", str(process.pid)],
                capture_output=True,
                timeout=_KILL_S,
                creationflags=NO_WINDOW,
            )
    if process.poll() is None:
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_KILL_S)
