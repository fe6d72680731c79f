"""How a job speaks to whoever started it."""

from __future__ import annotations

from typing import Protocol


class Report(Protocol):
    """How a job speaks to whoever started it. Called from the thread that runs the job."""

    def progress(self, fraction: float, message: str, remaining_s: float | None = None) -> None:
        """fraction: 0..1 of the work done; remaining_s: seconds still expected, None if unknown."""

    def warning(self, message: str) -> None:
        """Something that the user should know, in one sentence; the job goes on."""

    def tile(self, transform: tuple[float, float, float, float, float, float], png: bytes) -> None:
        """A block of the map is final and written.

        transform: (a, b, c, d, e, f) from pixels of the picture to the aerial raster's CRS:
            x = a * column + b * row + c, y = d * column + e * row + f.
        png: the block in the legend's colours, transparent where nodata, thinned (see `inference.picture`).
        """

    def cancelled(self) -> bool:
        """True once the user wants the job to stop and leave nothing; asked at least once a tile."""

    def enough(self) -> bool:
        """True once the user wants the job to end with the map as far as it is; asked at least once a tile."""


class FinetuneReport(Report, Protocol):
    """How a fine-tuning speaks to whoever started it: as a job does, and once an epoch."""

    def epoch(self, values: dict) -> None:
        """An epoch is over.

        values: ``{"number", "of", "loss", "holdout_loss": float or None, "holdout_iou": float or None,
            "training_iou": float or None, "best": bool, "phase"}``; number from 1 on, losses in nats a pixel,
            IoU the mean over classes, 0..1; best: whether this state is the best so far.
        """
