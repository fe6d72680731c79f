"""One fine-tuning as a task of QGIS."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsApplication

from flair_landcover.contract.notices import stage
from flair_landcover.tests.jobs import finetune_job
from flair_landcover.ui.finetune.finetune_dialog import finetune_task

from .conftest import epoch, wait_for


def test_a_task_tells_its_epochs_and_gives_the_engines_answer(application, teacher, tmp_path):
    job = finetune_job("/nowhere/a.tif", "/nowhere/p.gpkg", output=str(tmp_path / "model"))
    task = finetune_task(job, "Valley", teacher)
    epochs, ended = [], []
    task.signals.piece_done.connect(lambda piece: epochs.append(*piece))
    task.signals.ended.connect(lambda: ended.append(1))
    task.start_in(QgsApplication.taskManager())
    assert task.description() == "Fine-tuning of Valley" and task.canCancel()
    teacher.tell("progress", 0.25, stage("training"), 3.0)
    teacher.tell("epoch", epoch(1))
    wait_for(lambda: epochs)
    assert task.progress() == 25
    teacher.end = {"seconds": 5.0}
    wait_for(lambda: ended)
    assert epochs == [epoch(1)] and task.result.seconds == 5.0
    assert teacher.params("finetune") == job.to_dict()
