"""Fine-tuning as QGIS and a terminal ask for it: through a real worker process and the command line."""

from __future__ import annotations

import json
import os
import subprocess  # nosec B404 - starts this very interpreter
import sys
from pathlib import Path

import numpy as np
import pytest

from flair_landcover.contract.cards import ModelCard, read_card

from ..engine.test_worker import Worker
from ..inference.conftest import make_model, picture, write_raster
from .polygons import square, write_polygons


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> dict:
    """A raster of 60 x 60 m and a small network, as settings of a job."""
    folder = tmp_path_factory.mktemp("scène")
    raster = write_raster(folder / "aerial.tif", picture(5, 300, 300).astype(np.uint8))
    card = ModelCard(id="small", title="Small U-Net", architecture="smp:Unet:resnet18", tile_size=128)
    return {"input": str(raster), "model": str(make_model(folder / "small", card))}


@pytest.fixture(scope="module")
def polygons(tmp_path_factory) -> str:
    """Five polygons of each of two classes."""
    shapes = [square(12 * (i % 5), 30 * (i // 5), 6) for i in range(10)]
    return write_polygons(tmp_path_factory.mktemp("p") / "p.gpkg", shapes, [5, 7] * 5)


@pytest.fixture
def library(tmp_path, monkeypatch) -> Path:
    """The user's models, also of processes that are started."""
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def worker(library):
    started = Worker()
    yield started
    started.process.kill()
    started.process.wait()


def finetune(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "flair_landcover", "finetune", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)  # nosec B603


def test_annotations_are_counted_without_torch(worker, image, polygons):
    worker.send(id=1, call="annotations", params={**image, "polygons": polygons})
    result = worker.until("result")[-1]["result"]
    assert [(row["name"], row["polygons"]) for row in result["classes"]] == [("water", 5), ("deciduous", 5)]
    assert result["holdout"]["holdout"] == 2
    worker.send(id=2, call="loaded", params={"names": ["shapely", "torch"]})
    assert worker.until("result")[-1]["result"] == {"shapely": True, "torch": False}


def test_annotations_are_counted_while_a_call_runs(worker, image, polygons):
    worker.send(id=1, call="wait", params={})
    worker.until("warning")
    worker.send(id=2, call="annotations", params={**image, "polygons": polygons})
    assert worker.until("result")[-1]["id"] == 2


def test_all_calls_at_once_load_the_libraries_in_good_order(worker, image, polygons):
    job = {**image, "polygons": polygons, "device": "cpu"}
    worker.send(id=1, call="finetune", params={**job, "class_field": "nature"})
    worker.send(id=2, call="hello", params={})
    worker.send(id=3, call="annotations", params=job)
    ended = {}
    while len(ended) < 3:
        message = worker.receive()
        end = message.get("result") or message.get("error")
        if end:
            ended[message["id"]] = end
    assert ended[1]["kind"] == "bad_input"
    assert ended[2]["versions"]["torch"] and len(ended[3]["classes"]) == 2


@pytest.mark.parametrize("call", ["annotations", "finetune"])
def test_bad_input_comes_with_the_setting_that_it_is_about(worker, library, image, polygons, call):
    for number, (change, field) in enumerate(
        [
            ({"polygons": ""}, "polygons"),
            ({"polygons": "nowhere.gpkg"}, "polygons"),
            ({"class_field": "nature"}, "class_field"),
            ({"class_map": [["5", "7"]]}, "one_class"),
            ({"input": "nowhere.tif"}, "input"),
            ({"model": "nowhere"}, "model"),
        ]
    ):
        worker.send(id=number, call=call, params={**image, "polygons": polygons, "device": "cpu", **change})
        error = worker.until("error")[-1]["error"]
        assert (error["kind"], error["field"]) == ("bad_input", field)
    assert not library.exists() or not any(path.is_file() for path in library.rglob("*"))


def test_a_model_is_trained_and_each_epoch_is_told(worker, library, image, polygons):
    job = {**image, "polygons": polygons, "device": "cpu", "name": "Étangs", "epochs": 2, "seed": 1}
    worker.send(id=1, call="finetune", params=job)
    messages = worker.until("result")
    result = messages[-1]["result"]
    folder = Path(result["folder"])
    assert folder.parent == library and read_card(folder).title == "Étangs"
    assert Path(result["report"]).is_file()
    epochs = [message["epoch"] for message in messages if "epoch" in message]
    assert [epoch["number"] for epoch in epochs] == list(range(1, result["epochs"] + 1))
    assert {"loss", "holdout_iou", "best", "of", "phase"} <= set(epochs[0])
    worker.send(id=2, call="models", params={})
    assert "Étangs" in [card["title"] for card in worker.until("result")[-1]["result"]["models"]]


def test_the_command_line_trains_into_a_folder(image, polygons, tmp_path):
    done = finetune(
        *(image["input"], polygons, tmp_path / "mine", "--model", image["model"], "--device", "cpu"),
        *("--epochs", 1, "--class-map", "7=pond; 5=water", "--report", tmp_path / "report.html"),
        "--everywhere",
    )
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "mine" / "card.json").read_text(encoding="utf-8"))
    assert card["fine_tuning"]["parameters"]["everywhere"] is True
    assert [c["name"] for c in card["classes"]][-1] == "pond"
    assert (tmp_path / "report.html").is_file()
    assert "pond" in done.stdout and "mean IoU" in done.stdout
    assert "Epoch 1 of 1" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--class-map", "vigne"), "has no ="),
        (("--class-field", "nature"), "has no field 'nature'"),
        (("--holdout", "0.9"), "hold-out"),
    ],
)
def test_bad_input_is_status_2_and_one_line(image, polygons, tmp_path, arguments, said):
    done = finetune(image["input"], polygons, tmp_path / "mine", "--model", image["model"], *arguments)
    assert done.returncode == 2
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("flair_landcover: ") and said in line
    assert "Traceback" not in done.stderr and os.listdir(tmp_path) == []
