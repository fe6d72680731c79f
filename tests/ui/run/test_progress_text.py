"""What a run says of its progress."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from flair_landcover.contract.notices import stage
from flair_landcover.ui.run.queue_panel import progress_line
from flair_landcover.ui.run.run_queue import Run, RunState

from .conftest import plain_request


@pytest.mark.parametrize(
    ("told", "remaining_s", "line"),
    [
        (None, None, "Starting the engine"),
        (stage("started"), None, "Starting"),
        (stage("loading"), None, "Loading the model"),
        (stage("tile", number=12, total=40), 121.0, "Tile 12 of 40, about 2 min left"),
        (stage("tile", number=40, total=40), 0.0, "Tile 40 of 40, a few seconds left"),
    ],
)
def test_the_line_says_the_stage_and_the_time_left(told, remaining_s, line):
    run = Run(plain_request(), RunState.RUNNING, stage=told, remaining_s=remaining_s)
    assert progress_line(run) == line


def test_a_run_that_stops_says_so_until_it_has():
    run = Run(plain_request(), RunState.STOPPING, stage=stage("tile", number=12, total=40), remaining_s=121.0)
    assert progress_line(run) == "Stopping…"
    run.kept = True
    assert progress_line(run) == "Finishing with what is done…"
