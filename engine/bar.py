"""How far a job is, as a bar in a terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..contract.notices import Notice, Stage, english
from ..contract.report import Epoch
from .signals import endings, handled, leave_closed_terminal


@contextmanager
def progress_bar() -> Iterator[BarReport]:
    """A report that shows a bar while the job inside runs, and that Ctrl+C and the signals to end cancel."""
    from tqdm import tqdm

    with tqdm(total=1.0, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}", leave=False) as bar:
        report = BarReport(bar)
        with handled([signal.SIGINT, *endings()], report.stop):
            yield report


class BarReport:
    """Shows a job's progress as a bar and its warnings above it; Ctrl+C and the signals to end are its cancel."""

    def __init__(self, bar) -> None:
        self._bar = bar
        self._stopped = False

    def stop(self, number: int, *_: object) -> None:
        """Takes a signal; a Ctrl+C after it ends the program at once. The others may come twice, as a shell passes on
        that its terminal closes.

        Python would raise KeyboardInterrupt wherever the main thread is, also in the start of a reading
        thread, which then nobody waits for: it would read on from rasters that are closed.
        """
        self._stopped = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if number != signal.SIGINT:
            leave_closed_terminal()

    def progress(self, fraction: float, stage: Stage, remaining_s: float | None = None) -> None:
        self._bar.set_postfix_str(english(stage), refresh=False)
        with suppress(OSError):  # the terminal is closed: a signal says so
            self._bar.update(max(0.0, fraction - self._bar.n))

    def warning(self, notice: Notice) -> None:
        self._bar.write(f"Warning: {english(notice)}", file=sys.stderr)

    def tile(self, transform: tuple[float, ...], png: bytes) -> None:
        pass

    def epoch(self, epoch: Epoch) -> None:
        text = f"Epoch {epoch.number} of {epoch.of}, loss {epoch.loss:.3f}"
        text += "" if epoch.holdout_iou is None else f", IoU of the hold-out {epoch.holdout_iou:.3f}"
        self._bar.write(text + (", the best so far" if epoch.best else ""), file=sys.stderr)

    def cancelled(self) -> bool:
        return self._stopped

    def enough(self) -> bool:
        return False
