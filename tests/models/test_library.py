from __future__ import annotations

import json
import subprocess  # nosec B404 - starts this very interpreter
import sys
from pathlib import Path

import pytest

import flair_landcover
from flair_landcover.models import library
from flair_landcover.models.cards import CARD_NAME, WEIGHTS_NAME, ModelCard, write_card
from flair_landcover.models.library import find_model, installed_models, model_folders, user_folder

from .conftest import refusal

# Loads the package from its folder, whatever that is called, in an interpreter without site-packages.
_ISOLATED = """
import importlib, importlib.util, json, sys
folder = sys.argv[1]
spec = importlib.util.spec_from_file_location(
    "flair_landcover", folder + "/__init__.py", submodule_search_locations=[folder])
package = importlib.util.module_from_spec(spec)
sys.modules["flair_landcover"] = package
spec.loader.exec_module(package)
importlib.import_module("flair_landcover.models." + sys.argv[2])
print(json.dumps([name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names]))
"""


def _model(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    (folder / WEIGHTS_NAME).touch()
    write_card(ModelCard(id=name, title=name.title(), architecture="utt"), folder)
    return folder


@pytest.fixture
def bundled(tmp_path, monkeypatch) -> Path:
    """A small folder in the place of the bundled model."""
    folder = _model(tmp_path / "package" / "bundled", "flair-utt")
    monkeypatch.setattr(library, "BUNDLED_FOLDER", folder)
    return folder


@pytest.fixture
def user(tmp_path, monkeypatch, bundled) -> Path:
    """The user's folder with two models."""
    folder = tmp_path / "mes modèles"
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(folder))
    _model(folder / "b", "vignes")
    _model(folder / "a", "toits")
    return folder


def test_the_bundled_model_comes_first_then_the_users_by_name(user, bundled):
    assert model_folders() == [bundled, user / "a", user / "b"]
    assert [card.id for card in installed_models()] == ["flair-utt", "toits", "vignes"]


def test_a_user_folder_that_is_not_there_holds_no_models(tmp_path, monkeypatch, bundled):
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "nowhere"))
    assert model_folders() == [bundled]


@pytest.mark.parametrize("content", ["not json", "[]", '{"id": "c"}', '{"classes": [{"value": "1"}]}'])
def test_a_broken_model_does_not_hide_the_others(user, content):
    broken = _model(user / "c", "broken")
    (broken / CARD_NAME).write_text(content, encoding="utf-8")
    assert [card.id for card in installed_models()] == ["flair-utt", "toits", "vignes"]
    assert find_model("vignes") == user / "b"


def test_folders_that_are_no_models_are_left_out(user, bundled):
    (user / "notes").mkdir()
    (user / "readme.txt").write_text("x", encoding="utf-8")
    _model(user / ".new.x7", "unfinished")
    assert model_folders() == [bundled, user / "a", user / "b"]


@pytest.mark.parametrize("name", ["", "bundled", "flair-utt"])
def test_the_bundled_model_is_found_by_its_names(user, bundled, name):
    assert find_model(name) == bundled


def test_a_model_is_found_by_its_id(user):
    assert find_model("vignes") == user / "b"


def test_the_first_of_two_models_with_one_id_is_found(user, bundled):
    _model(user / "c", "toits")
    _model(user / "d", "flair-utt")
    assert find_model("toits") == user / "a"
    assert find_model("flair-utt") == bundled


def test_a_model_is_found_by_its_path(user, tmp_path, monkeypatch):
    checkpoint = tmp_path / "model.ckpt"
    checkpoint.touch()
    assert find_model(str(checkpoint)) == checkpoint
    assert find_model(str(user / "b")) == user / "b"
    monkeypatch.chdir(tmp_path)
    assert find_model("model.ckpt") == Path("model.ckpt")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert find_model("~/model.ckpt") == checkpoint


@pytest.mark.parametrize("name", [CARD_NAME, WEIGHTS_NAME])
def test_a_file_of_a_model_folder_means_the_folder(user, name):
    """The weights alone would be taken without their card's normalisation."""
    assert find_model(str(user / "b" / name)) == user / "b"


@pytest.mark.parametrize("name", ["nothing", "no such\0path", "~nobody-of-this-name/model", "x" * 300])
def test_an_unknown_name_is_refused_with_those_that_there_are(user, name):
    assert "flair-utt, toits, vignes" in refusal(find_model, name)


def test_a_path_that_is_not_there_is_refused(user, tmp_path):
    assert str(tmp_path / "gone.ckpt") in refusal(find_model, str(tmp_path / "gone.ckpt"))


def test_an_unknown_name_is_refused_where_there_is_no_model_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "BUNDLED_FOLDER", tmp_path / "none")
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path))
    assert "none installed" in refusal(find_model, "vignes")


@pytest.mark.parametrize(
    ("platform", "variable", "tail"),
    [
        ("linux", "XDG_DATA_HOME", ".local/share"),
        ("win32", "APPDATA", "AppData/Roaming"),
        ("darwin", None, "Library/Application Support"),
    ],
)
def test_models_live_in_the_platforms_folder_for_user_data(tmp_path, monkeypatch, platform, variable, tail):
    monkeypatch.delenv("FLAIR_LANDCOVER_MODELS", raising=False)
    monkeypatch.setattr(library.sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for value in ("", None):
        if variable and value is None:
            monkeypatch.delenv(variable)
        elif variable:
            monkeypatch.setenv(variable, value)
        assert user_folder() == tmp_path / tail / "flair_landcover" / "models"
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "data"))
        assert user_folder() == tmp_path / "data" / "flair_landcover" / "models"


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 does not list its own modules")
@pytest.mark.parametrize("module", ["nomenclature", "cards", "library"])
def test_what_qgis_reads_imports_with_the_standard_library_alone(module):
    folder = Path(flair_landcover.__file__).parent
    command = [sys.executable, "-I", "-S", "-c", _ISOLATED, str(folder), module]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)  # nosec B603 - a list, no shell
    assert run.returncode == 0, run.stderr
    foreign = {name.partition(".")[0] for name in json.loads(run.stdout)} - {"__main__"}
    assert foreign == {"flair_landcover"}
