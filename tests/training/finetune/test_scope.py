"""What is learnt counts where an image looks like the one that the polygons were drawn on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flair_landcover.inference.job import SegmentationJob
from flair_landcover.inference.segment import segment
from flair_landcover.models.checkpoints import load_model
from flair_landcover.models.scoped import ScopedNetwork
from flair_landcover.training.finetune.finetune import finetune

from ...inference.conftest import Recorder, read_labels
from .scenes import SMALL, Watcher, scene_job


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("scene")


@pytest.fixture(scope="module")
def usual(folder):
    """A training with usual settings, and its job."""
    job = scene_job(folder, SMALL, holdout=0.0, epochs=6)
    return finetune(job, Watcher()), job


@pytest.fixture(scope="module")
def other_image(folder) -> Path:
    """The scene as a dim camera shows it."""
    path = folder / "other" / "aerial.tif"
    path.parent.mkdir()
    with rasterio.open(folder / "aerial.tif") as dataset:
        pixels, profile = dataset.read(), dataset.profile
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write((pixels * np.array([0.4, 0.4, 0.4, 0.4, 1])[:, None, None]).astype(np.uint8))
    return path


def mapped(image: Path, model: str, output: Path) -> tuple[np.ndarray, list[str]]:
    """The map of an image, and what the user was told."""
    report = Recorder()
    # float32: in bfloat16 a random network's near ties fall either way
    segment(SegmentationJob(input=str(image), output=str(output), model=model, precision="fp32"), report)
    return read_labels(output), report.warnings


def test_another_image_is_mapped_as_by_the_base_model_and_the_user_is_told(usual, folder, other_image, tmp_path):
    result, job = usual
    before, silence = mapped(other_image, job.model, tmp_path / "before.tif")
    after, told = mapped(other_image, result.folder, tmp_path / "after.tif")
    assert (before == after).mean() > 0.99  # stored weights are rounded
    assert not silence and len(told) == 1 and "100% of the image does not look like" in told[0]


def test_the_image_itself_is_mapped_by_what_was_learnt_and_nothing_is_said(usual, folder, tmp_path):
    result, job = usual
    before, _ = mapped(folder / "aerial.tif", job.model, tmp_path / "before.tif")
    after, told = mapped(folder / "aerial.tif", result.folder, tmp_path / "after.tif")
    assert (before != after).mean() > 0.2 and not told


def test_a_training_for_every_image_changes_the_map_of_others_too(folder, other_image, usual, tmp_path):
    job = replace(usual[1], everywhere=True, output=str(tmp_path / "m"))
    result = finetune(job, Watcher())
    assert not isinstance(load_model(Path(result.folder))[1], ScopedNetwork)
    assert result.card["fine_tuning"]["parameters"]["everywhere"] is True
    before, _ = mapped(other_image, job.model, tmp_path / "before.tif")
    after, told = mapped(other_image, result.folder, tmp_path / "after.tif")
    assert (before != after).mean() > 0.05 and not told


def test_trained_again_on_another_image_a_model_still_counts_on_the_first(usual, other_image, tmp_path):
    result, job = usual
    again = replace(job, input=str(other_image), model=result.folder, epochs=1, output=str(tmp_path / "again"))
    folder = finetune(again, Watcher()).folder
    first, second = (load_model(Path(path))[1] for path in (result.folder, folder))
    assert len(second.looks) > len(first.looks) and set(second.earlier()) == set(first.earlier())
    for name, tensor in second.earlier().items():  # what comes elsewhere is the very first model
        np.testing.assert_allclose(tensor, first.earlier()[name], rtol=2e-3, atol=1e-6)
    assert not mapped(job.input, folder, tmp_path / "one.tif")[1]
    assert not mapped(other_image, folder, tmp_path / "two.tif")[1]


def test_a_grown_model_never_predicts_its_new_class_elsewhere(folder, other_image, tmp_path):
    new = {"class_map": (("3", "panels"),), "keep_base": 0.0}
    job = scene_job(folder, SMALL, holdout=0.0, epochs=6, output=str(tmp_path / "grown"), **new)
    result = finetune(job, Watcher())
    assert (mapped(folder / "aerial.tif", result.folder, tmp_path / "own.tif")[0] == 14).any()
    assert not (mapped(other_image, result.folder, tmp_path / "other.tif")[0] == 14).any()
