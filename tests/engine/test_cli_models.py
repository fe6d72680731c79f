"""The model library as a user of the command line sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from flair_landcover.engine.cli import run
from flair_landcover.models.library import find_model, installed_models
from flair_landcover.models.networks.checkpoints import load_model

from ..inference.conftest import picture, write_raster


@pytest.fixture
def user(tmp_path, monkeypatch) -> Path:
    """An empty library."""
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "library"))
    return tmp_path / "library"


@pytest.fixture
def models(user, capsys):
    """A function that runs `models` with arguments and gives the lines it prints."""

    def call(*arguments: object) -> list[str]:
        assert run(["models", *map(str, arguments)]) == 0
        return capsys.readouterr().out.splitlines()

    return call


@pytest.fixture
def refused(user, capsys):
    """A function that runs `models` with arguments that are bad input, and gives the one line that says so."""

    def call(*arguments: object) -> str:
        assert run(["models", *map(str, arguments)]) == 2
        printed = capsys.readouterr()
        assert printed.out == "" and len(printed.err.splitlines()) == 1
        return printed.err

    return call


def test_models_alone_lists_them_with_size_licence_and_a_mark_at_the_default(models, small_model):
    models("import", small_model)
    bundled, small = models()
    assert bundled.startswith("* bundled ") and " MB  " in bundled and "(GPL-2.0-or-later" in bundled
    assert small.startswith("  small ") and " MB  Small U-Net (licence unknown)" in small
    assert models("default", "small") == ["small"]
    assert [line[0] for line in models()] == [" ", "*"]
    assert models("default") == ["small"]
    assert models("default", "bundled") == ["bundled"]


def test_a_model_goes_out_and_comes_back(models, small_model, tmp_path):
    models("import", small_model)
    assert "MB" in models("export", "small", tmp_path / "small.zip")[0]
    assert models("import", tmp_path / "small.zip", "--name", "Petit") == [
        f"small-2: Petit, imported into {tmp_path / 'library' / 'small-2'}"
    ]
    assert models("rename", "small-2", "Plus petit") == ["small-2: Plus petit"]
    assert installed_models()[-1].title == "Plus petit"
    models("default", "small-2")
    assert models("delete", "small-2") == [
        "small-2: deleted",
        "It was the default model: the bundled one is now.",
    ]
    assert models("delete", "small") == ["small: deleted"]
    assert [card.id for card in installed_models()] == ["bundled"]


def test_show_tells_a_models_card_in_the_library_and_before_it_is_imported(models, small_model, tmp_path):
    def told(lines: list[str]) -> dict[str, str]:
        return {line[:16].strip(): line[17:] for line in lines}

    before = told(models("show", small_model))
    assert before["where"] == f"{small_model} (folder, not in the library)"
    models("import", small_model)
    after = told(models("show", "small"))
    assert after["where"] == str(tmp_path / "library" / "small")
    assert {**before, "where": ""} == {**after, "where": ""}
    assert after["architecture"] == "smp:Unet:resnet18"
    assert after["bands"] == "red, green, blue, nir (optional), elevation (optional)"
    assert after["Sentinel-2"] == "none" and after["licence"] == "-"
    assert after["classes"].startswith("1 building, 2 pervious surface, ")
    bundled = models("show", "bundled")
    assert any("default model" in line for line in bundled) and any(line.startswith("score") for line in bundled)


def test_bad_input_is_status_2_and_one_line(refused, small_model, tmp_path):
    assert "no model named" in refused("show", "nothing")
    assert "no model at" in refused("import", tmp_path / "nothing.zip")
    assert "belongs to the plugin" in refused("delete", "bundled")
    assert "belongs to the plugin" in refused("rename", "bundled", "Mine")
    assert "no model named" in refused("default", "nothing")
    assert "No such file" in refused("export", "bundled", tmp_path / "nowhere" / "a.zip")
    assert "one of them at a time" in refused("--install", small_model, "delete", "small")
    assert "invalid choice" in refused("polish", "small")
    assert "required" in refused("rename", "small")


def test_a_card_cannot_steer_the_terminal(models, small_model):
    models("import", small_model, "--name", "\x1b[2Jgone")
    assert "\x1b" not in "".join(models() + models("show", "small"))


def test_a_checkpoint_is_installed_under_an_id_or_imported_under_a_title(models, utt_model, tmp_path):
    _, network = load_model(utt_model)
    path = tmp_path / "flair2.ckpt"
    torch.save({"state_dict": {f"model.{name}": value for name, value in network.state_dict().items()}}, path)
    assert models("--install", path, "--name", "ign-utt") == [f"ign-utt: installed in {tmp_path / 'library/ign-utt'}"]
    assert models("import", path, "--name", "IGN's U-T&T")[0].startswith("ign-s-u-t-t: IGN's U-T&T, imported")
    assert models("--name", "Before", "import", path)[0].startswith("before: Before")
    assert find_model("ign-utt").is_dir() and find_model("ign-s-u-t-t").is_dir()


def test_a_job_that_names_no_model_takes_the_default_one(models, small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 60, 60).astype(np.uint8))
    models("import", small_model)
    models("default", "small")
    assert run(["segment", str(raster), str(tmp_path / "map.tif"), "--device", "cpu"]) == 0
    with rasterio.open(tmp_path / "map.tif") as dataset:
        made = json.loads(dataset.tags()["FLAIR_LANDCOVER"])
    assert made["job"]["model"] == "small"  # by its name: run again later, another one may be the default


def test_the_library_is_listed_without_torch(user):
    """It answers at once."""
    code = (
        "import sys; from flair_landcover.engine.cli import run;"
        "run(['models']); run(['models', 'show', 'bundled']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


# Published models


def test_the_published_models_are_listed_with_what_they_need_and_scored(capsys):
    assert run(["models", "published"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (both,) = [line for line in lines if line.startswith("IGNF/FLAIR-HUB_LC-D_")]
    assert "and a Sentinel-2 series" in both and "etalab-2.0" in both
    assert any("rgbie_15cl_resnet34" in line for line in lines)


def test_fetching_what_has_no_name_of_the_hub_is_one_line(capsys):
    assert run(["models", "fetch", "somewhere"]) == 2
    said = capsys.readouterr().err.split("\r")[-1].strip()  # after the bar
    assert said.startswith("flair_landcover: ") and len(said.splitlines()) == 1
