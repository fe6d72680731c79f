"""How a job speaks to whoever started it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .notices import Notice, Stage
from .plain import Plain


class Report(Protocol):
    """How a job speaks to whoever started it. Called from the thread that runs the job."""

    def progress(self, fraction: float, stage: Stage, remaining_s: float | None = None) -> None:
        """stage: what is done now; fraction: 0..1 of the work done; remaining_s: still expected, None if unknown."""

    def warning(self, notice: Notice) -> None:
        """Something that the user should know; the job goes on."""

    def tile(self, transform: tuple[float, float, float, float, float, float], png: bytes) -> None:
        """A block of the map is final and written.

        transform: (a, b, c, d, e, f) from pixels of the picture to the aerial raster's CRS:
            x = a * column + b * row + c, y = d * column + e * row + f.
        png: the block in the legend's colours, transparent where nodata, thinned (see `inference.raster.pictures`).
        """

    def cancelled(self) -> bool:
        """True once the user wants the job to stop and leave nothing; asked at least once a tile."""

    def enough(self) -> bool:
        """True once the user wants the job to end with the map as far as it is; asked at least once a tile."""


@dataclass(frozen=True)
class Epoch(Plain):
    """A training has looked at all of its samples once more.

    number: from 1 on. of: how many there are at most. loss, holdout_loss: in nats a pixel. holdout_iou, training_iou:
    the mean over classes, 0..1; None where there is nothing to measure. best: whether this state is the best so far.
    phase: of the run.
    """

    number: int
    of: int
    loss: float
    holdout_loss: float | None
    holdout_iou: float | None
    training_iou: float | None
    best: bool
    phase: str


class FinetuneReport(Report, Protocol):
    """How a fine-tuning speaks to whoever started it: as a job does, and once an epoch."""

    def epoch(self, epoch: Epoch) -> None:
        """An epoch is over."""
