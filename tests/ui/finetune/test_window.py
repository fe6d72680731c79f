"""The whole way in a real QGIS window (see tests/window/finetune.py): polygons, training, evaluation, a new map."""

from __future__ import annotations

import os

import numpy as np
import pytest

from flair_landcover.contract.calls import SEGMENT
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.tests.qgis_side import read_pixels

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from flair_landcover.runtime.client import EngineClient


def test_the_window_opens_beside_qgis_and_counts_the_unsaved_polygons(finetuning):
    assert finetuning["blocks"] is False
    assert f"{finetuning['polygons']} polygons of " in finetuning["setup"]


def test_learning_is_shown_while_the_window_stays_usable(finetuning):
    assert "Training" in finetuning["learning"]
    assert finetuning["plot"].startswith("Epoch 4 of 4; best so far: epoch ")
    assert finetuning["turns"] > 50


def test_the_evaluation_comes_with_scores_and_the_edits_are_left_to_the_analyst(finetuning):
    assert finetuning["page"] == "EVALUATION" and "Mean IoU" in finetuning["evaluation"]
    assert finetuning["still_unsaved"] is True and finetuning["candidates"] == 1


def test_a_preview_lies_above_the_image_and_is_called_one(finetuning):
    preview = finetuning["preview"]
    assert preview["group"].startswith("Preview of Village, corrected")
    assert finetuning["preview_said"] == "The preview lies above the image."
    assert max(preview["size"]) < 1024


def test_a_kept_model_is_chosen_in_the_dock_and_maps(finetuning):
    assert "Village, corrected" in finetuning["titles"]
    assert finetuning["chosen"] == "Village, corrected" and finetuning["job"]["model"] == finetuning["model"]
    assert finetuning["model"] in finetuning["library"] and finetuning["candidates_after"] == 0
    assert finetuning["map"]["group"].startswith("Village, corrected")


def test_a_cancelled_training_leaves_nothing(finetuning):
    assert "Cancelled: nothing was kept." in finetuning["cancelled"]
    assert finetuning["candidates_cancelled"] == 0


def test_the_kept_model_gives_the_same_labels_in_another_engine(finetuning, tmp_path, monkeypatch):
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", os.path.join(finetuning["folder"], "models"))
    client = EngineClient()
    try:
        job = SegmentationJob.from_dict({**finetuning["job"], "output": str(tmp_path / "again.tif")})
        client.call(SEGMENT, job)
    finally:
        client.close()
    again, first = read_pixels(tmp_path / "again.tif"), read_pixels(finetuning["map"]["file"])
    assert first.any() and np.array_equal(again, first)
