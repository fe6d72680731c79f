from __future__ import annotations

import json
import signal
import subprocess  # nosec B404 - starts this very interpreter
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from flair_landcover.contract.cards import ModelCard, digest_of, read_card
from flair_landcover.contract.errors import BadInput, Cancelled
from flair_landcover.contract.finetuning import FinetuneJob
from flair_landcover.contract.notices import english
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.finetune.finetune import finetune
from flair_landcover.inference.raster.working_folder import WorkingFolder
from flair_landcover.inference.segment import segment
from flair_landcover.models.library import installed_models
from flair_landcover.models.networks.weights import load_weights
from flair_landcover.tests.jobs import changed

from ..inference.conftest import Recorder, read_labels
from .scenes import SMALL, Watcher, drawn, scene_job, truth

PHASES = ["Checking", "Reading", "Preparing features", "Training", "Comparing", "Writing"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("scene")


@pytest.fixture(scope="module")
def done(folder) -> tuple:
    """One training with a hold-out, its report and its job."""
    job = scene_job(folder, SMALL, holdout=0.34, epochs=6, name="Fields & <b>colours</b>")
    report = Watcher()
    return finetune(job, report), report, job


@pytest.fixture
def library(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def own_weights(model: str) -> dict[str, torch.Tensor]:
    """The weights of a network as it was trained."""
    weights = load_weights(Path(model) / "weights.safetensors")
    inside = {name.partition("network.")[2]: value for name, value in weights.items() if name.startswith("network.")}
    return inside or weights


def mapped(job: FinetuneJob, model: str, output: Path, **settings) -> np.ndarray:
    image = replace(job.image, model=model)
    segment(changed(SegmentationJob(image, str(output)), **settings), Recorder())
    return read_labels(output)


def test_the_new_model_is_better_where_nothing_was_drawn(done, tmp_path):
    result, _, job = done
    right = [
        (mapped(job, m, tmp_path / f"{n}.tif") == truth())[:, 150:].mean()
        for n, m in enumerate((job.image.model, result.folder))
    ]
    assert right[1] > right[0] + 0.3
    assert right[1] > 0.6


def test_the_phases_come_in_order_and_the_bar_never_goes_back(done):
    _, report, _ = done
    assert report.phases == PHASES
    assert report.fractions == sorted(report.fractions) and report.fractions[-1] == 1


def test_every_epoch_is_told(done):
    result, report, _ = done
    assert [epoch.number for epoch in report.epochs] == list(range(1, result.epochs + 1))
    assert all(epoch.of == 6 and epoch.phase == "Training" for epoch in report.epochs)
    assert all(getattr(epoch, name) is not None for epoch in report.epochs for name in ("holdout_loss", "holdout_iou"))
    assert report.epochs[result.best_epoch - 1].best
    json.dumps([epoch.to_dict() for epoch in report.epochs])


def test_the_scores_are_those_of_the_held_out_polygons(done):
    result, _, _ = done
    assert result.before.where == result.after.where == "holdout"
    assert result.trained_polygons + result.holdout_polygons == 9 and result.holdout_polygons == 3
    assert result.after.pixels == result.holdout_polygons * 30 * 30
    assert result.after.mean_iou > result.before.mean_iou
    assert 0 < result.changed <= 1 and 0 <= result.agreement < 1


def test_the_card_tells_where_the_model_comes_from(done):
    result, _, job = done
    card, base = read_card(Path(result.folder)), read_card(Path(job.image.model))
    made = card.fine_tuning
    assert json.loads(json.dumps(card.to_dict())) == json.loads(json.dumps(result.card.to_dict()))
    assert made["parent"] == {"id": "small", "title": "Small U-Net", "weights": base.weights_digest}
    assert made["polygons"]["source"].startswith("drawn.gpkg")
    assert made["parameters"]["keep_base"] == 0.25 and made["parameters"]["seed"] == 0
    assert made["scores"]["after"] == result.after.to_dict()
    assert card.title == "Fields & <b>colours</b>" and card.id == "fields-b-colours-b"
    assert card.weights_digest == digest_of(Path(result.folder) / "weights.safetensors")
    assert str(Path(job.image.input[0]).parent) not in json.dumps(made)


def test_the_weights_are_stored_in_half_the_bits_and_only_the_last_layers_differ(done):
    result, _, job = done
    new, old = map(own_weights, (result.folder, job.image.model))
    changed = {name for name in old if not torch.allclose(old[name], new[name], rtol=2e-3, atol=1e-6)}
    assert changed and all(
        name.startswith(("decoder.blocks.2", "decoder.blocks.3", "decoder.blocks.4", "segmentation_head"))
        for name in changed
    )
    assert not any("running" in name for name in changed)
    sizes = [(Path(folder) / "weights.safetensors").stat().st_size for folder in (result.folder, job.image.model)]
    assert sizes[0] < 0.6 * sizes[1]


def test_the_report_is_one_page_with_names_made_harmless(done):
    result, _, _ = done
    page = Path(result.report).read_text(encoding="utf-8")
    assert Path(result.report) == Path(result.folder) / "report.html"
    assert "Fields &amp; &lt;b&gt;colours" in page and "<b>" not in page
    assert "<svg" in page and "prefers-color-scheme" in page
    assert "http" not in page.replace("http-equiv", "")


def test_nothing_is_left_beside_the_model(done):
    _, _, job = done
    parent = Path(job.output).parent
    assert {path.name for path in parent.iterdir()} <= {"aerial.tif", "base-small", "base-tiny", "drawn.gpkg", "new"}
    assert {path.name for path in Path(job.output).iterdir()} == {"card.json", "weights.safetensors", "report.html"}


def test_the_same_seed_gives_the_same_model(done, tmp_path):
    result, _, job = done
    again = finetune(changed(job, output=str(tmp_path / "again")), Watcher())
    assert again.card.weights_digest == result.card.weights_digest
    assert again.after == result.after


def test_without_a_holdout_all_epochs_run_and_the_user_is_told(folder, tmp_path):
    report = Watcher()
    result = finetune(scene_job(folder, holdout=0.0, epochs=2, output=str(tmp_path / "m")), report)
    assert (result.epochs, result.best_epoch, result.stopped, result.holdout_polygons) == (2, 2, "end", 0)
    assert result.after.where == "training"
    assert any("fixed number of epochs" in english(told) for told in result.warnings)
    assert report.warnings == [english(told) for told in result.warnings]


@pytest.mark.parametrize("trainable", ["decoder", "all"])
def test_more_of_the_network_can_be_trained(folder, tmp_path, trainable):
    job = scene_job(folder, trainable=trainable, epochs=2, output=str(tmp_path / "m"))
    result = finetune(job, Watcher())
    new, old = map(own_weights, (result.folder, job.image.model))
    first = [
        torch.allclose(old[n], new[n], rtol=2e-3, atol=1e-6)
        for n in ("encoder.conv1.weight", "encoder.bn1.running_mean")
    ]
    assert first == [trainable == "decoder", True]
    assert not torch.allclose(old["decoder.blocks.0.conv1.0.weight"], new["decoder.blocks.0.conv1.0.weight"], rtol=2e-3)


def test_new_classes_reach_every_output(folder, tmp_path):
    shapes, values = drawn(12)
    texts = ["solar panels" if value == 3 else str(value) for value in values]
    job = scene_job(
        folder,
        polygons=(shapes, texts),
        class_map=(("solar panels", "Panneaux <solaires>"), ("7", "hop field"), ("5", "fish pond")),
        holdout=0.0,
        epochs=4,
        keep_base=0.0,
        output=str(tmp_path / "m"),
    )
    result = finetune(job, Watcher())
    names = {c.value: c.name for c in result.card.classes}
    assert [names[value] for value in (14, 15, 16)] and set(result.card.outputs) >= {14, 15, 16}
    assert sorted(result.after.iou) == sorted(["Panneaux <solaires>", "hop field", "fish pond"])
    assert "Panneaux &lt;solaires&gt;" in Path(result.report).read_text(encoding="utf-8")
    labels = mapped(
        job,
        result.folder,
        tmp_path / "map.tif",
        confidence=str(tmp_path / "confidence.tif"),
        probabilities=str(tmp_path / "probabilities.tif"),
    )
    assert set(np.unique(labels)) & {14, 15, 16}
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.tags(1)["CLASS_16"] == names[16]
        assert dataset.colormap(1)[16][:3] != (0, 0, 0)
        assert "NBITS" not in dataset.tags(1, ns="IMAGE_STRUCTURE")
    with rasterio.open(tmp_path / "probabilities.tif") as dataset:
        assert dataset.count == 16 and names[16] in dataset.descriptions[15]
        top = dataset.read().argmax(axis=0) + 1
    assert (top == labels).mean() > 0.99
    with rasterio.open(tmp_path / "confidence.tif") as dataset:
        assert dataset.read(1).max() <= 100


@pytest.mark.parametrize(("decoder", "trainable"), [("unet", "last"), ("upernet", "decoder")])
def test_networks_of_flairhub_learn_too(folder, tmp_path, decoder, trainable):
    card = ModelCard(
        id=f"hub-{decoder}",
        title="Random FLAIR-HUB",
        architecture=f"flairhub:convnextv2tiny-{decoder}",
        inputs=("nir", "red", "green"),
        means=(0.4, 0.4, 0.4),
        stds=(0.2, 0.2, 0.2),
        fill={},
        tile_size=128,
    )
    settings = {"trainable": trainable, "everywhere": True, "epochs": 3, "holdout": 0.0, "keep_base": 0.0}
    job = scene_job(folder, card, output=str(tmp_path / "m"), **settings)
    result = finetune(job, Watcher())
    assert result.after.mean_iou > result.before.mean_iou + 0.1
    new, old = map(own_weights, (result.folder, job.image.model))
    changed = {name for name in old if not torch.allclose(old[name], new[name], rtol=2e-3, atol=1e-6)}
    assert changed and all(name.startswith("main_decoders.") for name in changed)


def test_a_grown_model_can_be_trained_again(folder, tmp_path):
    shapes, values = drawn(6)
    texts = ["panels" if value == 3 else str(value) for value in values]
    job = scene_job(
        folder,
        polygons=(shapes, texts),
        class_map=(("panels", "panels"),),
        epochs=1,
        holdout=0.0,
        output=str(tmp_path / "one"),
    )
    first = finetune(job, Watcher())
    second = finetune(changed(job, model=first.folder, output=str(tmp_path / "two")), Watcher())
    assert second.card.outputs == first.card.outputs and second.card.classes == first.card.classes
    assert second.card.fine_tuning["parent"]["weights"] == first.card.weights_digest


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancel_in_any_phase_leaves_nothing(folder, library, phase):
    with pytest.raises(Cancelled):
        finetune(scene_job(folder, epochs=2, output=None), Watcher(phase, "cancel"))
    assert [path.name for path in library.rglob("*")] == []


def test_enough_keeps_the_best_so_far(folder, tmp_path):
    job = scene_job(folder, epochs=50, output=str(tmp_path / "m"))
    result = finetune(job, Watcher("Training", "enough", after_epochs=2))
    assert result.stopped == "enough" and result.epochs == 2
    assert read_card(Path(result.folder)).id == result.card.id


def test_enough_before_anything_is_learnt_is_a_cancel(folder, tmp_path):
    with pytest.raises(Cancelled):
        finetune(scene_job(folder, output=str(tmp_path / "m")), Watcher("Preparing features", "enough"))
    assert not list(tmp_path.iterdir())


def test_without_an_output_the_model_joins_the_library(folder, library):
    result = finetune(scene_job(folder, epochs=1, output=None, name="Été 2024"), Watcher())
    assert Path(result.folder) == library / "ete-2024"
    assert "ete-2024" in [card.id for card in installed_models()]
    assert finetune(scene_job(folder, epochs=1, output=None, name="Été 2024"), Watcher()).card.id == "ete-2024-2"


def test_the_id_that_another_training_is_to_give_is_not_given_twice(folder, library, tmp_path):
    library.mkdir(exist_ok=True)
    with WorkingFolder(library, "ete-2024"), WorkingFolder(library, "ete-2024-2"):
        result = finetune(scene_job(folder, epochs=1, output=None, name="Été 2024"), Watcher())
    assert result.card.id == Path(result.folder).name == "ete-2024-3"
    with WorkingFolder(tmp_path, "m"):
        error = refused(scene_job(folder, epochs=1, output=str(tmp_path / "m")))
    assert "Another training makes" in str(error) and error.field == "output"


def test_the_report_can_lie_elsewhere(folder, tmp_path):
    page = tmp_path / "pages" / "judged.html"
    page.parent.mkdir()
    result = finetune(scene_job(folder, epochs=1, output=str(tmp_path / "m"), report=str(page)), Watcher())
    assert result.report == str(page) and page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in page.parent.iterdir()] == ["judged.html"]


def test_a_report_in_the_models_folder_keeps_its_name(folder, tmp_path):
    page = tmp_path / "m" / "judged.html"
    page.parent.mkdir()
    finetune(scene_job(folder, epochs=1, output=str(page.parent), report=str(page)), Watcher())
    assert {path.name for path in page.parent.iterdir()} == {"card.json", "weights.safetensors", "judged.html"}


def refused(job: FinetuneJob) -> BadInput:
    report = Watcher()
    with pytest.raises(BadInput) as caught:
        finetune(job, report)
    assert "Training" not in report.phases
    return caught.value


def test_a_folder_that_holds_something_is_not_overwritten(folder, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    error = refused(scene_job(folder, output=str(tmp_path)))
    assert "exists already" in str(error) and error.field == "output"


def test_an_empty_folder_is_taken(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    assert read_card(Path(finetune(scene_job(folder, epochs=1, output=str(tmp_path / "empty")), Watcher()).folder))


def test_a_report_without_a_folder_is_refused(folder, tmp_path):
    error = refused(scene_job(folder, output=str(tmp_path / "m"), report=str(tmp_path / "no" / "r.html")))
    assert error.field == "report"


def test_a_base_model_that_cannot_be_opened_is_refused(folder, tmp_path):
    error = refused(scene_job(folder, model=str(tmp_path / "none"), output=str(tmp_path / "m")))
    assert error.field == "model"


def test_polygons_without_data_below_are_refused(tmp_path):
    job = scene_job(tmp_path, holdout=0.0)
    with rasterio.open(job.image.input[0], "r+") as dataset:
        dataset.nodata = 0
        pixels = dataset.read()
        pixels[:, :, :150] = 0
        dataset.write(pixels)
    error = refused(job)
    assert "no data" in str(error).lower() or "has data" in str(error)


_FULL_DISK = """
import resource, signal, sys
from flair_landcover.contract.errors import BadInput
from flair_landcover.tests.finetune.scenes import Watcher
from flair_landcover.finetune.finetune import finetune
from flair_landcover.contract.finetuning import FinetuneJob
import json
def fill(phase):
    if phase == "Comparing":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
try:
    finetune(FinetuneJob.from_dict(json.loads(sys.argv[1])), Watcher(on_phase=fill))
except BadInput as error:
    print(error.field, error)
"""

_KILLED = """
import json, sys, time
from flair_landcover.tests.finetune.scenes import Watcher
from flair_landcover.finetune.finetune import finetune
from flair_landcover.contract.finetuning import FinetuneJob
def wait(phase):
    if phase == "Writing":
        print("writing", flush=True)
        time.sleep(600)
finetune(FinetuneJob.from_dict(json.loads(sys.argv[1])), Watcher(on_phase=wait))
"""


def command(script: str, job: FinetuneJob) -> list[str]:
    return [sys.executable, "-c", script, json.dumps(job.to_dict())]


@pytest.mark.skipif(sys.platform == "win32", reason="a limit of files' sizes stands for the full disk")
def test_a_full_disk_is_one_sentence_and_leaves_nothing(folder, library):
    job = scene_job(folder, epochs=1, output=None)
    run = subprocess.run(command(_FULL_DISK, job), capture_output=True, text=True, check=False, timeout=300)  # nosec B603
    assert run.stdout.startswith("output ") and "free some disk space" in run.stdout, run.stderr
    assert len(run.stdout.splitlines()) == 1
    assert list(library.rglob("*")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_killed_run_leaves_the_library_usable_and_the_next_one_cleans_up(folder, library):
    job = scene_job(folder, epochs=1, output=None)
    with subprocess.Popen(command(_KILLED, job), stdout=subprocess.PIPE, text=True) as process:  # nosec B603
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    assert [path.name for path in library.iterdir() if not path.name.startswith(".")] == []
    assert len(list(library.iterdir())) == 1
    assert [card.id for card in installed_models()] == ["bundled"]
    result = finetune(job, Watcher())
    assert [path.name for path in library.iterdir()] == [Path(result.folder).name]
