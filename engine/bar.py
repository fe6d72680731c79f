"""How far a job is, as a bar in a terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..contract.notices import Notice, Stage, english
from ..contract.report import Epoch


@contextmanager
def progress_bar() -> Iterator[BarReport]:
    """A report that shows a bar while the job inside runs, and that Ctrl+C cancels."""
    from tqdm import tqdm

    with tqdm(total=1.0, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}", leave=False) as bar:
        report = BarReport(bar)
        before = signal.signal(signal.SIGINT, report.stop)
        try:
            yield report
        finally:
            signal.signal(signal.SIGINT, before)


class BarReport:
    """Shows a job's progress as a bar and its warnings above it; Ctrl+C is its cancel."""

    def __init__(self, bar) -> None:
        self._bar = bar
        self._stopped = False

    def stop(self, *_: object) -> None:
        """Takes Ctrl+C; a second one ends the program at once.

        Python would raise KeyboardInterrupt wherever the main thread is, also in the start of a reading
        thread, which then nobody waits for: it would read on from rasters that are closed.
        """
        self._stopped = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def progress(self, fraction: float, stage: Stage, remaining_s: float | None = None) -> None:
        self._bar.set_postfix_str(english(stage), refresh=False)
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
