"""What a run says of its progress, in the user's language."""

from __future__ import annotations

import re

from qgis.PyQt.QtCore import QCoreApplication

from ..widgets.amounts import time_left
from .run_queue import Run, RunState

# As the engine says it, see inference/segment.py.
_TILE = re.compile(r"Tile (\d+) of (\d+)")


def progress_line(run: Run) -> str:
    """One line on where the run stands, such as ``Tile 12 of 40, about 2 min left``."""
    if run.state is RunState.STOPPING and not run.kept:
        return QCoreApplication.translate("RunProgress", "Stopping…")
    if run.state is RunState.STOPPING:
        return QCoreApplication.translate("RunProgress", "Finishing with what is done…")
    stage = _stage(run.message)
    if run.remaining_s is None:
        return stage
    return QCoreApplication.translate("RunProgress", "{}, {}").format(stage, time_left(run.remaining_s))


def _stage(message: str) -> str:
    """The engine's words in the user's language; unknown ones as they are."""
    tile = _TILE.fullmatch(message)
    if tile:
        return QCoreApplication.translate("RunProgress", "Tile {} of {}").format(*tile.groups())
    stages = {
        "": QCoreApplication.translate("RunProgress", "Starting the engine"),
        "Started": QCoreApplication.translate("RunProgress", "Starting"),
        "Checking the inputs": QCoreApplication.translate("RunProgress", "Checking the inputs"),
        "Loading the model": QCoreApplication.translate("RunProgress", "Loading the model"),
        "Writing the map": QCoreApplication.translate("RunProgress", "Writing the map"),
    }
    return stages.get(message, message)
