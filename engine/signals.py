"""The signals that ask a process to end, where the system has them."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A stop asked for by the system, a terminal that closes, and Windows's Ctrl+Break and closing console.
_ENDINGS = ("SIGTERM", "SIGHUP", "SIGBREAK")


def endings() -> list[signal.Signals]:
    """Signals besides Ctrl+C's that ask to end; not those that whoever started the process has it ignore, as nohup."""
    there = [signal.Signals[name] for name in _ENDINGS if hasattr(signal, name)]
    return [number for number in there if signal.getsignal(number) != signal.SIG_IGN]


@contextmanager
def handled(numbers: list[signal.Signals], handler: Callable) -> Iterator[None]:
    """Signals go to a handler, in the main thread, as long as the block inside runs."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)


def leave_closed_terminal() -> None:
    """Sends what is still printed nowhere where the terminal is closed: writing there would be an error."""
    for descriptor in (1, 2):
        try:
            closed = stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor)
        except OSError:
            continue
        if closed:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, descriptor)
            os.close(null)
