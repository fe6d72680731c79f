"""How far the engine is, in a line."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from flair_landcover.contract.notices import stage
from flair_landcover.ui.tasks.stages import stage_line


def test_the_line_says_the_phase_of_a_training_and_the_time_left():
    assert stage_line(stage("preparing"), 100.0) == "Looking at the image with the base model, about 2 min left"
    assert stage_line(stage("training"), None) == "Training"
