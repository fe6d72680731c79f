"""`flair:segment` as QGIS's window runs it: in the background, loaded into the project when done."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.runtime.client import shared_client
from flair_landcover.tests import qgis_side

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import (
    QgsApplication,
    QgsPalettedRasterRenderer,
    QgsProcessing,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
)
from qgis.PyQt.QtCore import QEventLoop, QTimer

LEGEND = [(c.value, c.name, c.colour) for c in FLAIR_CLASSES]
# What a stuck run is given before the test fails.
PATIENCE_MS = 240_000


class Run:
    """One run of `flair:segment` by QGIS's task manager, while this thread turns the event loop."""

    def __init__(self, application, feedback, parameters: dict) -> None:
        self.project = QgsProject()
        self.context = QgsProcessingContext()
        self.context.setProject(self.project)
        self.feedback = feedback
        self.algorithm = QgsApplication.processingRegistry().createAlgorithmById("flair:segment")
        output = QgsProcessingOutputLayerDefinition(str(parameters["OUTPUT"]), self.project)
        self.task = QgsProcessingAlgRunnerTask(
            self.algorithm,
            {"PRECISION": "fp32", "DEVICE": "cpu", **parameters, "OUTPUT": output},
            self.context,
            feedback,
        )
        self.ended: tuple[bool, dict] | None = None
        self.turns = 0

    def go(self, on_progress=None) -> Run:
        """Runs to the end. on_progress: called once, in this thread, when the first tile is done."""
        loop = QEventLoop()

        def end(successful: bool, results: dict) -> None:
            self.ended = successful, results
            loop.quit()

        def look() -> None:
            nonlocal on_progress
            self.turns += 1
            if on_progress is not None and self.feedback.progress() > 0:
                act, on_progress = on_progress, None
                act()

        self.task.executed.connect(end)
        ticker = QTimer()
        ticker.timeout.connect(look)
        ticker.start(20)
        QTimer.singleShot(PATIENCE_MS, loop.quit)
        QgsApplication.taskManager().addTask(self.task)
        loop.exec()
        ticker.stop()
        assert self.ended is not None, "the run hangs"
        assert on_progress is None, "the run ended before its first tile was done"
        return self

    def load(self) -> list:
        """Does what QGIS's dialog does when a run has ended; the layers of the project."""
        from processing.gui.Postprocessing import handleAlgorithmResults

        handleAlgorithmResults(self.algorithm, self.context, self.feedback)
        return list(self.project.mapLayers().values())


@pytest.fixture
def background(application, feedback, model):
    def make(**parameters) -> Run:
        values = {name: str(v) if isinstance(v, Path) else v for name, v in parameters.items()}
        return Run(application, feedback, {"MODEL": str(model), **values})

    return make


def legend_of(layer) -> list[tuple[int, str, str]]:
    """Value, name, colour of a layer's paletted renderer."""
    assert isinstance(layer.renderer(), QgsPalettedRasterRenderer)
    return [(int(c.value), c.label, c.color.name()) for c in layer.renderer().classes()]


def test_events_are_handled_during_a_run_and_its_map_is_loaded_with_its_legend(background, feedback, aerial, tmp_path):
    run = background(INPUT=aerial, TTA="d4", OUTPUT=tmp_path / "map.tif").go()
    successful, results = run.ended
    assert successful, feedback.errors
    # The timer of the waiting thread fired all along: nothing held the event loop.
    assert run.turns > 10
    assert "Checking the inputs" in feedback.texts and feedback.texts[-1] == "Writing the map"
    # The legend is the algorithm's own doing, not only the file's.
    os.remove(tmp_path / "map.tif.aux.xml")
    (layer,) = run.load()
    assert layer.source() == results["OUTPUT"]
    assert legend_of(layer) == LEGEND
    assert layer.dataProvider().sourceNoDataValue(1) == 0


def test_a_temporary_map_is_loaded_with_its_legend(background, feedback, aerial):
    run = background(INPUT=aerial, OUTPUT=QgsProcessing.TEMPORARY_OUTPUT).go()
    assert run.ended[0], feedback.errors
    (layer,) = run.load()
    assert layer.isValid() and layer.isTemporary()
    assert legend_of(layer) == LEGEND


@pytest.mark.parametrize("by", ["task", "feedback"])
def test_a_cancelled_run_ends_with_nothing_written_or_loaded(background, feedback, long_aerial, tmp_path, by):
    run = background(INPUT=long_aerial, OUTPUT=tmp_path / "map.tif")
    run.go(on_progress=run.task.cancel if by == "task" else feedback.cancel)
    assert run.ended[0] is False
    assert feedback.progress() < 100
    assert os.listdir(tmp_path) == []
    assert run.load() == []
    assert not any("Traceback" in error or "generated" in error for error in feedback.errors)


def test_a_worker_that_is_killed_fails_its_run_alone(background, feedback, long_aerial, aerial, tmp_path):
    # An older map at the same place stays what it is, and a failed run does not load it as its own.
    output = tmp_path / "map.tif"
    output.write_bytes(aerial.read_bytes())
    pids = []

    def kill() -> None:
        pids.append(shared_client().pid)
        os.kill(pids[0], signal.SIGKILL)

    run = background(INPUT=long_aerial, OUTPUT=output).go(on_progress=kill)
    assert run.ended[0] is False
    assert [error for error in feedback.errors if "was killed (SIGKILL)" in error] == feedback.errors != []
    assert output.read_bytes() == aerial.read_bytes()
    assert [name for name in os.listdir(tmp_path) if not name.startswith(".")] == ["map.tif"]
    assert run.load() == []

    after = background(INPUT=aerial, OUTPUT=output).go()
    assert after.ended[0] is True
    assert shared_client().pid not in (None, *pids)
    assert qgis_side.read_pixels(output).shape == (1, 200, 200)


def test_a_long_run_tells_each_percent_once(background, feedback, long_aerial, tmp_path):
    from unittest.mock import patch

    from flair_landcover.contract.notices import stage
    from flair_landcover.runtime.client import EngineClient

    call = EngineClient.call

    def many_tiles(self, asked, params, on_progress=None, **others):
        for i in range(1, 2001):
            on_progress(i / 2001, stage("tile", number=i, total=2001), 1.0)
        return call(self, asked, params, on_progress=on_progress, **others)

    with patch.object(EngineClient, "call", many_tiles):
        run = background(INPUT=long_aerial, MODEL=tmp_path / "none", OUTPUT=tmp_path / "map.tif").go()
    assert run.ended[0] is False
    assert 90 <= len([text for text in feedback.texts if text.endswith("of 2001")]) <= 101
