"""What is learnt counts where an image looks like the one that the polygons were drawn on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from flair_landcover.contract.cards import write_card
from flair_landcover.contract.finetuning import FinetuneJob
from flair_landcover.contract.notices import english
from flair_landcover.finetune.domain import read_domain, starting_network
from flair_landcover.finetune.finetune import finetune
from flair_landcover.finetune.log_probabilities import base_shares
from flair_landcover.finetune.samples import FOR_LIKE_IMAGES, training_samples
from flair_landcover.finetune.train import prepare_crops
from flair_landcover.finetune.trained_stages import trained_chain
from flair_landcover.inference.backends.backend import backend_of
from flair_landcover.inference.segment import segment
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.models.networks.gated import GatedNetwork
from flair_landcover.models.networks.weights import save_weights
from flair_landcover.tests.jobs import changed, segmentation_job

from ..inference.conftest import Recorder, read_labels, write_raster
from .polygons import write_polygons
from .scenes import CLASSES, SMALL, Watcher, drawn, scene_job, source_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("scene")


@pytest.fixture(scope="module")
def usual(folder):
    """A training with usual settings, and its job."""
    job = scene_job(folder, SMALL, holdout=0.0, epochs=6)
    return finetune(job, Watcher()), job


@pytest.fixture(scope="module")
def other_image(folder, usual) -> Path:
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
    segment(segmentation_job(input=str(image), output=str(output), model=model, precision="fp32"), report)
    return read_labels(output), report.warnings


def test_another_image_is_mapped_as_by_the_base_model_and_the_user_is_told(usual, folder, other_image, tmp_path):
    result, job = usual
    before, silence = mapped(other_image, job.image.model, tmp_path / "before.tif")
    after, told = mapped(other_image, result.folder, tmp_path / "after.tif")
    assert (before == after).mean() > 0.99  # stored weights are rounded
    assert not silence and len(told) == 1 and "100% of the image does not look like" in told[0]


def test_the_image_itself_is_mapped_by_what_was_learnt_and_nothing_is_said(usual, folder, tmp_path):
    result, job = usual
    before, _ = mapped(folder / "aerial.tif", job.image.model, tmp_path / "before.tif")
    after, told = mapped(folder / "aerial.tif", result.folder, tmp_path / "after.tif")
    assert (before != after).mean() > 0.2 and not told


def test_a_training_for_every_image_changes_the_map_of_others_too(folder, other_image, usual, tmp_path):
    job = replace(usual[1], everywhere=True, output=str(tmp_path / "m"))
    result = finetune(job, Watcher())
    assert not isinstance(load_model(Path(result.folder))[1], GatedNetwork)
    assert result.card.fine_tuning["parameters"]["everywhere"] is True
    before, _ = mapped(other_image, job.image.model, tmp_path / "before.tif")
    after, told = mapped(other_image, result.folder, tmp_path / "after.tif")
    assert (before != after).mean() > 0.05 and not told


@pytest.fixture(scope="module")
def again(usual, other_image, folder) -> tuple[str, FinetuneJob]:
    """The trained model trained once more, on the dim image, where its classes are said to have changed places."""
    shapes, values = drawn()
    places = dict(zip(CLASSES, (*CLASSES[1:], CLASSES[0])))
    polygons = write_polygons(folder / "changed.gpkg", shapes, [places[value] for value in values])
    job = changed(usual[1], input=str(other_image), polygons=polygons, model=usual[0].folder, name="Again")
    job = changed(job, output=str(folder / "again"))
    return finetune(job, Watcher()).folder, job


def test_trained_again_on_another_image_a_model_is_what_it_was_on_the_first(usual, again, other_image, tmp_path):
    (result, first), (model, _) = usual, again
    before, _ = mapped(first.image.input[0], result.folder, tmp_path / "before.tif")
    after, told = mapped(first.image.input[0], model, tmp_path / "after.tif")
    assert (before == after).mean() > 0.99 and not told
    before, _ = mapped(other_image, result.folder, tmp_path / "other-before.tif")
    after, told = mapped(other_image, model, tmp_path / "other-after.tif")
    assert (before != after).mean() > 0.2 and not told


def test_trained_again_a_model_begins_and_is_held_to_what_it_showed_there(usual, again):
    """On the dim image that was the very first model, not what was learnt on the other one."""
    (result, first), (_, job) = usual, again
    card, base = load_model(Path(result.folder))
    backend_of(card, base)  # as training does, which lays the weights out for its device
    _, very_first = load_model(Path(first.image.model))
    source, _ = source_of(job, size=128)
    with source.tiles:
        domain = read_domain(source, 0, lambda share: None)
        samples = list(training_samples(source, 4, 0, FOR_LIKE_IMAGES))
    begun = starting_network(base, domain)
    for name, tensor in very_first.state_dict().items():
        torch.testing.assert_close(begun.state_dict()[name].float(), tensor.float(), rtol=2e-3, atol=1e-4)
    chain = trained_chain(card, begun, "last")
    for crop, sample in zip(
        prepare_crops(iter(samples), begun, chain, (card, base), "cpu", lambda: None), samples, strict=True
    ):
        assert torch.equal(crop.base, base_shares(base(sample.aerial[None]), card))
    learnt = base.states()[-1]
    assert not torch.equal(learnt["segmentation_head.0.bias"], begun.state_dict()["segmentation_head.0.bias"])


def test_of_a_patchwork_of_an_image_the_user_is_told_how_little_is_alike(tmp_path):
    rng = np.random.default_rng(0)
    patches = rng.integers(20, 236, (5, 24, 24)).repeat(64, axis=1).repeat(64, axis=2)
    write_raster(tmp_path / "aerial.tif", patches.astype(np.uint8))
    report = Watcher()
    result = finetune(scene_job(tmp_path, SMALL, holdout=0.0, epochs=1), report)
    share = result.card.fine_tuning["counts_on"]
    assert share < 0.8
    assert any(f"will count on about {share:.0%} of it" in warning for warning in report.warnings)


def test_an_image_of_its_own_kind_is_counted_on_and_nothing_is_said(usual):
    assert usual[0].card.fine_tuning["counts_on"] > 0.95
    assert not any("will count on" in english(warning) for warning in usual[0].warnings)


def test_a_grown_model_never_predicts_its_new_class_elsewhere(folder, other_image, tmp_path):
    new = {"class_map": (("3", "panels"),), "keep_base": 0.0}
    job = scene_job(folder, SMALL, holdout=0.0, epochs=6, output=str(tmp_path / "grown"), **new)
    result = finetune(job, Watcher())
    assert (mapped(folder / "aerial.tif", result.folder, tmp_path / "own.tif")[0] == 14).any()
    assert not (mapped(other_image, result.folder, tmp_path / "other.tif")[0] == 14).any()
    card, network = load_model(Path(result.folder))
    save_weights(network.states()[-1], tmp_path / "weights.safetensors")
    write_card(replace(card, weights_digest=""), tmp_path)
    assert (mapped(other_image, str(tmp_path), tmp_path / "everywhere.tif")[0] == 14).any()  # it would have
