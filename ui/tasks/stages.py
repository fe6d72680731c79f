"""How far the engine is with a map or a training, in a line of the user's language."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication

from ...contract.notices import Stage
from ...runtime.wording import worded
from ..widgets.amounts import time_left


def stage_line(stage: Stage | None, remaining_s: float | None) -> str:
    """One line such as ``Tile 12 of 40, about 2 min left``. stage: the engine's last one, None before it said any."""
    text = _tr("Starting the engine") if stage is None else _own_words().get(stage.code) or worded(stage)
    return text if remaining_s is None else _tr("{}, {}").format(text, time_left(remaining_s))


def _own_words() -> dict[str, str]:
    """The stages, by their codes, that windows tell with more words than a log does."""
    return {
        "started": _tr("Starting"),
        "checking_training": _tr("Checking the image and the polygons"),
        "reading": _tr("Reading the image around the polygons"),
        "preparing": _tr("Looking at the image with the base model"),
        "comparing": _tr("Comparing the new model with the old one"),
        "writing_model": _tr("Writing the new model"),
    }


def _tr(text: str) -> str:
    return QCoreApplication.translate("RunProgress", text)
