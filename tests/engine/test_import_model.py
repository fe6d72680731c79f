"""Models from elsewhere: what is recognised, and what comes into the library or does not."""

from __future__ import annotations

import errno
import pickle  # nosec B403 - writes what the import must refuse
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flair_landcover.contract.cards import CARD_NAME, WEIGHTS_NAME, ModelCard, digest_of, read_card, write_card
from flair_landcover.engine.import_model import import_model, recognise
from flair_landcover.models import library
from flair_landcover.models.library import candidates_folder, find_model, installed_models, size_of
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.models.networks.weights import save_weights
from flair_landcover.models.package import export_model

from ..refusal import refusal

CARD = ModelCard(id="small", title="Small", architecture="smp:Unet:resnet18", licence="etalab-2.0")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A model folder of a small network, to be copied."""
    folder = tmp_path_factory.mktemp("made") / "small"
    folder.mkdir()
    save_weights(build_network(CARD).state_dict(), folder / WEIGHTS_NAME)
    write_card(replace(CARD, weights_digest=digest_of(folder / WEIGHTS_NAME)), folder)
    (folder / "report.html").write_text("<html>", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def zipped(made, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("zip") / "small.zip"
    export_model(made, path)
    return path


@pytest.fixture(scope="module")
def checkpoint(unet, tmp_path_factory) -> Path:
    """A U-Net as IGN's FLAIR-INC collection publishes them."""
    path = tmp_path_factory.mktemp("inc") / "FLAIR-INC_rgb_12cl_resnet34-unet_weights.pth"
    torch.save({f"model.seg_model.{name}": value for name, value in unet(3).state_dict().items()}, path)
    return path


@pytest.fixture
def user(tmp_path, monkeypatch) -> Path:
    """An empty library."""
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "mes modèles"))
    return tmp_path / "mes modèles"


def _in_library(user: Path) -> list[str]:
    """What lies in the library but the hidden folder of candidates, which is to be empty."""
    assert not candidates_folder().is_dir() or list(candidates_folder().iterdir()) == []
    return sorted(path.name for path in user.iterdir() if not path.name.startswith(".")) if user.is_dir() else []


@pytest.mark.parametrize("kind", ["package", "folder", "card"])
def test_a_zip_and_a_folder_are_recognised_and_nothing_is_written(user, made, zipped, kind):
    path = {"package": zipped, "folder": made, "card": made / CARD_NAME}[kind]
    found = recognise(str(path))
    assert found.card == read_card(made)
    assert found.size_bytes == size_of(made)
    assert (found.kind, found.path) == (("package", str(zipped)) if kind == "package" else ("folder", str(made)))
    assert found.to_dict()["card"]["licence"] == "etalab-2.0"
    assert not user.exists()


def test_a_checkpoint_is_recognised_and_nothing_is_written(user, checkpoint):
    found = recognise(checkpoint)
    assert (found.kind, found.path) == ("checkpoint", str(checkpoint))
    assert found.card.id == "flair-inc-rgb-12cl-resnet34-unet-weights"
    assert found.card.inputs == ("red", "green", "blue")
    assert sum(1 for value in found.card.outputs if value) == 12
    assert sum(1 for value in recognise(checkpoint, live_classes=15).card.outputs if value) == 15
    assert not user.exists()


def test_the_size_told_of_a_checkpoint_is_what_it_takes_in_the_library(user, checkpoint):
    told = recognise(checkpoint).size_bytes
    card = import_model(checkpoint)
    assert told == pytest.approx(size_of(user / card.id), rel=0.002)


def test_a_zip_becomes_a_model_that_loads(user, made, zipped):
    card = import_model(zipped)
    assert card == read_card(made) and installed_models()[-1] == card
    assert (user / "small" / "report.html").is_file()
    assert load_model(find_model("small"))[0] == card
    assert _in_library(user) == ["small"]


def test_a_folder_is_copied_and_stays(user, made):
    assert import_model(str(made / WEIGHTS_NAME), "  Petit ").title == "Petit"
    assert read_card(made).title == "Small"
    assert _in_library(user) == ["small"]


def test_an_id_that_is_taken_gets_a_number(user, zipped):
    assert [import_model(zipped).id, import_model(zipped, "Two").id] == ["small", "small-2"]
    assert [card.title for card in installed_models()[-2:]] == ["Small", "Two"]


def test_the_bundled_model_comes_back_beside_itself(user, tmp_path):
    export_model(library.BUNDLED_FOLDER, tmp_path / "bundled.zip")
    assert import_model(tmp_path / "bundled.zip").id == "bundled-2"
    assert find_model("bundled") == library.BUNDLED_FOLDER


def test_a_checkpoint_is_one_step(user, checkpoint):
    card = import_model(checkpoint, live_classes=15)
    assert card.id == "flair-inc-rgb-12cl-resnet34-unet-weights"
    assert load_model(find_model(card.id))[0] == card
    named = import_model(checkpoint, "Forêts")
    assert (named.id, named.title) == ("forets", "Forêts")
    assert _in_library(user) == [card.id, "forets"]


def test_weights_that_do_not_fit_never_reach_the_library(user, made, tmp_path):
    card = replace(read_card(made), architecture="smp:Unet:resnet34")
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.write(made / WEIGHTS_NAME, WEIGHTS_NAME)
        folder = tmp_path / "card"
        folder.mkdir()
        archive.write(write_card(card, folder), CARD_NAME)
    sentence = refusal(import_model, tmp_path / "bad.zip")
    assert "does not fit the network" in sentence or "do not fit" in sentence
    assert str(tmp_path / "bad.zip") in sentence and ".part" not in sentence
    assert _in_library(user) == []


@pytest.mark.parametrize("name", ["evil.ckpt", "evil.zip"])
def test_no_pickle_is_executed(user, tmp_path, name):
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "executed",)

    torch.save({"state_dict": Evil()}, tmp_path / name)
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Evil()))
    for path in (tmp_path / name, tmp_path / "plain.pth"):
        refusal(recognise, path)
        refusal(import_model, path)
    assert not (tmp_path / "executed").exists()
    assert _in_library(user) == []


@pytest.mark.parametrize("name", ["nothing.zip", "", "x" * 300, "no\0path", "~nobody-of-this-name/model"])
def test_what_is_not_there_is_one_sentence(user, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for function in (recognise, import_model):
        sentence = refusal(function, name)
        assert "There is no model at" in sentence or "not a model folder" in sentence  # "" is the folder one is in


def test_a_library_that_cannot_be_written_is_one_sentence(user, zipped, checkpoint, monkeypatch):
    user.write_text("a file in its place", encoding="utf-8")
    for path in (zipped, checkpoint):
        assert str(user) in refusal(import_model, path)


def test_a_full_disk_leaves_nothing_in_the_library(user, zipped, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(library.os, "rename", full)
    assert "No space left on device" in refusal(import_model, zipped)
    assert _in_library(user) == []
