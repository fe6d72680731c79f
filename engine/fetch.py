"""A published model fetched into the library as a job: with progress and cancel."""

from __future__ import annotations

from ..contract.cards import ModelCard
from ..contract.errors import Cancelled
from ..contract.notices import stage
from ..contract.report import Report
from ..inference.backends.loading import loading

FETCHED = 0.95  # of the whole, once all has arrived; the rest is reading it and taking it into the library


def fetch(name: str, report: Report) -> ModelCard:
    """Takes the model that has that name on the hub into the library; returns its card there.

    What arrived before a cancel stays, and the next fetch goes on from it. Raises BadModel, Cancelled.
    """
    with loading("torch"):
        from .hub import FetchCancelled
        from .import_published import import_published

    def tell(arrived: int, total: int | None) -> None:
        if total:
            now = stage("fetched_of", megabytes=arrived / 1e6, total=total / 1e6)
            report.progress(FETCHED * arrived / total, now)
        else:
            report.progress(0.0, stage("fetched", megabytes=arrived / 1e6))

    try:
        return import_published(name, tell, report.cancelled)
    except FetchCancelled:
        raise Cancelled("The fetch was cancelled; what has arrived is kept for the next one.") from None
