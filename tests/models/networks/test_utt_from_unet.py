"""U-T&T made from a U-Net: what it gives at first, that it can be fine-tuned, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from flair_landcover.contract.cards import WEIGHTS_NAME, ModelCard, digest_of, read_card
from flair_landcover.engine.cli import run
from flair_landcover.finetune.finetune import finetune
from flair_landcover.inference.segment import segment
from flair_landcover.models.library import candidates_folder, installed_models
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.models.networks.utt import UTT
from flair_landcover.models.networks.utt_from_unet import make_utt, utt_from_unet
from flair_landcover.tests.jobs import changed, segmentation_job

from ...finetune.scenes import Watcher, scene_job
from ...inference.conftest import Recorder, make_model, picture, read_labels, write_raster
from ...inference.sentinel2.made_series import write_date
from ...refusal import refusal
from ..conftest import random_series, random_tiles

FUSION = ("fm_utae_featmap_cropped.", "fm_utae_featmap_collapsed.")
UNET = ModelCard(id="u-net", title="My U-Net", architecture="smp:Unet:resnet34")
# Tiles of 102.4 m as U-T&T's, of few pixels: quick to train.
COARSE = replace(UNET, tile_size=128, ground_sampling_distance=0.8)


@pytest.fixture(scope="module")
def checkpoint(unet, tmp_path_factory) -> Path:
    """A U-Net on five bands as IGN's FLAIR-INC collection publishes them."""
    path = tmp_path_factory.mktemp("inc") / "FLAIR-INC_rgbie_15cl_resnet34-unet_weights.pth"
    torch.save({f"model.seg_model.{name}": value for name, value in unet(5).state_dict().items()}, path)
    return path


@pytest.fixture
def user(tmp_path, monkeypatch) -> Path:
    """An empty library."""
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "library"))
    return tmp_path / "library"


@torch.inference_mode()
def test_its_logits_are_those_of_the_unet_whatever_the_series_holds(checkpoint):
    card, unet = load_model(checkpoint)
    made, network = utt_from_unet(card, unet)
    tiles, expected = random_tiles(2), unet(random_tiles(2))
    assert isinstance(network, UTT) and not network.training
    assert torch.equal(network(tiles), expected)
    for seed in (1, 2):
        series, days = random_series(2, seed=seed)
        assert torch.equal(network(tiles, 9000 * series, days), expected)
    assert (made.outputs, made.classes) == (card.outputs, card.classes)


def test_everything_else_of_the_satellite_branch_is_fresh_and_from_the_seed():
    first, second, other = (dict(utt_from_unet(UNET, build_network(UNET), seed)[1].state_dict()) for seed in (4, 4, 5))
    satellite = {name for name in first if not name.startswith("arch_vhr.")}
    assert all(torch.equal(first[name], second[name]) for name in satellite)
    drawn = [name for name in satellite if name.endswith("weight") and not torch.equal(first[name], other[name])]
    assert any(name.startswith("arch_hr.") for name in drawn) and any(name.startswith(FUSION[1]) for name in drawn)
    assert all(value.isfinite().all() for value in first.values() if value.is_floating_point())


def test_the_callers_random_numbers_go_on_as_before():
    network = build_network(UNET)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    utt_from_unet(UNET, network)
    assert torch.equal(torch.rand(3), expected)


def test_the_fusion_gets_gradients_at_once_and_the_satellites_network_after_one_step():
    _, network = utt_from_unet(UNET, build_network(UNET))
    series, days = random_series(1)

    def touched() -> set[str]:
        network.zero_grad()
        network(random_tiles(1), series, days).square().mean().backward()
        return {name for name, weight in network.named_parameters() if weight.grad is not None and weight.grad.any()}

    first = touched()
    assert any(name.startswith(FUSION[0]) for name in first) and any(name.startswith(FUSION[1]) for name in first)
    assert not any(name.startswith("arch_hr.") for name in first)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.startswith(FUSION) and weight.grad is not None:
                weight -= 0.1 * weight.grad
    assert any(name.startswith("arch_hr.") for name in touched())


def test_a_map_is_the_unets_to_the_pixel_with_a_series_and_without(checkpoint, user, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(5, 200, 200).astype(np.uint8))
    write_date(tmp_path / "s", "2021-06-05")
    made = user / make_utt(checkpoint).id
    job = segmentation_job(str(raster), str(tmp_path / "unet.tif"), device="cpu", precision="fp32")
    segment(changed(job, model=str(checkpoint)), Recorder())
    expected = read_labels(tmp_path / "unet.tif")
    assert len(np.unique(expected)) > 1
    for series in (None, (str(tmp_path / "s"),)):
        output = str(tmp_path / "utt.tif")
        result = segment(changed(job, model=str(made), sentinel2=series, output=output), Recorder())
        assert (read_labels(Path(output)) == expected).all()
        assert result.tiles_without_sentinel2 == 0 and bool(result.sentinel2_dates) == bool(series)


def test_the_card_names_its_parent_and_says_that_it_must_be_fine_tuned(checkpoint, user):
    card = make_utt(checkpoint)
    folder = user / card.id
    assert card == read_card(folder) and card.architecture == "utt"
    assert card.title == f"U-T&T from FLAIR-INC U-Net from {checkpoint.name}"
    assert card.weights_digest == digest_of(folder / WEIGHTS_NAME)
    assert digest_of(checkpoint) in card.source and checkpoint.name in card.source
    assert card.satellite is not None and not card.satellite.required
    assert card.limits.startswith(
        "Fine-tune it with a Sentinel-2 series, all of its layers, before its satellite input"
    )
    assert card.licence == "Licence Ouverte 2.0 (Etalab)"
    assert load_model(folder)[0] == card
    assert not list(candidates_folder().iterdir())


def test_it_can_be_fine_tuned_with_a_series(user, tmp_path):
    parent = make_model(tmp_path / "parent", COARSE)
    card = make_utt(parent, "For Sentinel-2")
    for date in ("2021-02-10", "2021-07-05"):
        write_date(tmp_path / "s", date)
    settings = {"sentinel2": (str(tmp_path / "s"),), "trainable": "all", "epochs": 1, "holdout": 0.0, "device": "cpu"}
    result = finetune(scene_job(tmp_path / "scene", model=str(user / card.id), **settings), Watcher())
    assert result.card.fine_tuning["parent"]["weights"] == card.weights_digest
    learnt = load_model(Path(result.folder))[1].states()[-1]
    moved = [name for name, value in learnt.items() if name.startswith(FUSION[0]) and value.any()]
    assert len(moved) > 4


def test_the_command_makes_it_and_says_what_to_do_next(user, tmp_path, capsys):
    parent = make_model(tmp_path / "parent", COARSE)
    assert run(["models", "make-utt", str(parent), "--name", "Fused"]) == 0
    printed = capsys.readouterr().out
    assert printed == f"fused: Fused, made in {user / 'fused'}; fine-tune it with a Sentinel-2 series\n"
    assert run(["models", "make-utt", str(parent)]) == 0
    assert {card.title for card in installed_models()} >= {"Fused", "U-T&T from My U-Net"}
    assert run(["models", "make-utt", "fused"]) == 2
    assert "is a U-T&T already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (ModelCard("x", "X", "utt"), "X is a U-T&T already"),
        (ModelCard("x", "X", "smp:Unet:resnet18"), "X is smp:Unet:resnet18, not smp:Unet:resnet34"),
        (
            replace(UNET, inputs=("red", "green", "blue")),
            "takes red, green, blue, not red, green, blue, nir, elevation",
        ),
        (replace(UNET, metadata=True), "has a branch for metadata"),
        (replace(UNET, tile_size=256), "are 51.2 m a side"),
    ],
)
def test_another_model_is_refused_in_a_sentence(card, reason):
    assert reason in refusal(utt_from_unet, card, torch.nn.Identity())


def test_a_refused_model_leaves_nothing_in_the_library(user, tmp_path):
    parent = make_model(tmp_path / "parent", ModelCard("x", "X", "smp:Unet:resnet18", tile_size=128))
    refusal(make_utt, parent)
    assert not user.exists()


def test_a_library_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    parent = make_model(tmp_path / "parent", COARSE)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "file" / "models"))
    assert "cannot be put into" in refusal(make_utt, parent)


def test_the_parents_scores_are_told_as_its_own():
    scored = replace(UNET, scores={"mean IoU": 0.5})
    made, _ = utt_from_unet(scored, build_network(scored))
    assert json.dumps(made.scores) == '{"My U-Net, measured before the satellite branch was added": {"mean IoU": 0.5}}'
