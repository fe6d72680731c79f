"""The recipe's command on a folder of a few small images, laid out as the real data is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine

from flair_landcover.contract.cards import read_card
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.models.networks.utt import UTT
from flair_landcover.research import material, teacher, train
from flair_landcover.research.generated import generated_images
from flair_landcover.research.material import read_material
from flair_landcover.research.recipe import read_recipe
from flair_landcover.research.stages import train_base, train_on_patches, train_satellite_branch

SIZE = 192  # pixels of a patch
STAGE = {"steps": 2, "batch": 2, "crop": 64, "series_every": 2, "series_batch": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two patches, one of them of a name that is held out, made of generated scenes."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "flair2").mkdir()
    for number, image in zip(("000001", "084558"), generated_images([11, 12])):
        place = {
            "driver": "GTiff",
            "dtype": "uint8",
            "width": SIZE,
            "height": SIZE,
            "crs": "EPSG:2154",
            "transform": Affine(0.2, 0, 652000, 0, -0.2, 6862000),
        }
        with rasterio.open(folder / "flair2" / f"IMG_{number}.tif", "w", count=5, **place) as dataset:
            dataset.write(image.bands[:, :SIZE, :SIZE])
        with rasterio.open(folder / "flair2" / f"MSK_{number}.tif", "w", count=1, **place) as dataset:
            dataset.write(image.codes[None, :SIZE, :SIZE])
    return folder


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe of two steps a stage, and few generated scenes beside the patches."""
    monkeypatch.setattr(material, "WITH_SERIES", range(1000, 1001))
    monkeypatch.setattr(material, "WITHOUT_SERIES", range(1100, 1101))
    monkeypatch.setattr(material, "MEASURED", range(900_000, 900_001))
    path = tmp_path / "recipe.json"
    path.write_text(
        json.dumps(
            {
                "id": "small",
                "title": "Small",
                "licence": "free",
                "teacher": {**STAGE, "series_every": 0, "shares": {"generated": 1}},
                "student": {**STAGE, "shares": {"generated": 1}},
                "labels": {**STAGE, "shares": {"generated": 1}},
                "patches": {**STAGE, "shares": {"generated": 0.5, "flair2": 0.5}},
                "satellite": {**STAGE, "series_every": 1, "shares": {"generated": 1}},
            }
        )
    )
    return path


@pytest.fixture
def imagenet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights in the layout of the package, random ones."""
    encoder = teacher.Teacher().unet.encoder.state_dict()
    stored = {f"_{i}": tensor[:, :3] if i == 0 else tensor for i, tensor in enumerate(encoder.values())}
    torch.save(stored, tmp_path / "encoder.pth")
    monkeypatch.setattr("flair_landcover.research.stages.imagenet_weights", lambda: tmp_path / "encoder.pth")


def run(recipe: Path, data: Path, tmp_path: Path) -> int:
    work, out = tmp_path / "work", tmp_path / "model"
    return train.main([str(recipe), "--data", str(data), "--out", str(out), "--work", str(work)])


def stopped(*_args):
    raise KeyboardInterrupt


def test_a_run_that_was_stopped_goes_on_where_it_was_and_leaves_a_model_with_its_scores(
    recipe, data, imagenet, tmp_path
):
    with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patched:
        patched.setattr(train, "train_on_patches", stopped)
        run(recipe, data, tmp_path)
    states = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("*.ckpt")}
    assert set(states) == {"teacher.ckpt", "student.ckpt", "labels.ckpt"}
    assert not (tmp_path / "model").exists()

    assert run(recipe, data, tmp_path) == 0
    assert {name: (tmp_path / "work" / name).stat().st_mtime_ns for name in states} == states
    card = read_card(tmp_path / "model")
    assert "1 real FLAIR #2 patches" in card.training_data and "2 generated scenes" in card.training_data
    folds = card.scores["leave one patch out"]
    assert {"five bands", "RGB and near infrared", "RGB", "RGB, flips at test time"} < set(folds)
    assert any("ResNet34 U-Net from random weights" in name for name in folds)
    assert all(scores["pixels"] == 2 * SIZE * SIZE for scores in folds.values())
    assert card.scores["real FLAIR #2 patches"]["RGB"]["pixels"] == SIZE * SIZE
    assert sum(weights.numel() for weights in load_model(tmp_path / "model")[1].parameters()) == 27_254_744


def test_a_stage_ends_with_the_share_that_it_keeps_of_the_weights_that_it_began_with(recipe, data, tmp_path):
    plan = read_recipe(recipe)
    keeping = replace(plan, patches=replace(plan.patches, kept=0.25))
    base = UTT().eval()
    ended = train_on_patches(keeping, base, read_material(plan, data), tmp_path, lambda line: None).state_dict()
    begun = base.state_dict()
    learnt = torch.load(tmp_path / "patches.ckpt", weights_only=True)["average"]
    assert not torch.equal(learnt["arch_vhr.encoder.conv1.weight"], begun["arch_vhr.encoder.conv1.weight"])
    for name, values in ended.items():
        if values.is_floating_point():
            assert torch.allclose(values, 0.75 * learnt[name] + 0.25 * begun[name], atol=1e-6), name


def test_the_satellite_stage_leaves_maps_without_a_series_as_they_were(recipe, data, imagenet, tmp_path):
    plan = read_recipe(recipe)
    network = UTT().eval()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    after = train_satellite_branch(plan, network, read_material(plan, data), tmp_path, lambda line: None).state_dict()
    changed = {name.split(".")[0] for name, values in before.items() if not torch.equal(values, after[name])}
    assert "arch_vhr" not in changed
    assert {"arch_hr", "fm_utae_featmap_cropped", "fm_utae_featmap_collapsed", "reshape_utae_output"} <= changed


def test_the_same_seed_gives_the_same_weights(recipe, data, imagenet, tmp_path):
    weights = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        plan = read_recipe(recipe)
        base = train_base(plan, read_material(plan, data), tmp_path / name, lambda line: None)
        weights.append(base.state_dict())
    assert all(np.allclose(tensor, weights[1][key], atol=1e-6) for key, tensor in weights[0].items())


@pytest.mark.parametrize("case", ["another recipe's work", "no folder", "no patch", "no recipe"])
def test_what_cannot_be_trained_is_said_before_anything_is_done(case, recipe, data, tmp_path, capsys):
    said = {
        "another recipe's work": "holds the states of another recipe",
        "no folder": "is not a folder",
        "no patch": "holds no FLAIR #2 patch",
        "no recipe": "is not a recipe",
    }[case]
    if case == "another recipe's work":
        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "recipe.txt").write_text("sha256:11")
    elif case == "no folder":
        data = data / "nowhere"
    elif case == "no patch":
        data = tmp_path
    else:
        recipe = tmp_path / "none.json"
    assert run(recipe, data, tmp_path) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
