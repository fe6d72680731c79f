from __future__ import annotations

import errno
import json
import os
import subprocess  # nosec B404 - starts this very interpreter
import sys
import time
from pathlib import Path

import pytest

import flair_landcover
from flair_landcover.contract.cards import CARD_NAME, WEIGHTS_NAME, ModelCard, write_card
from flair_landcover.models import library
from flair_landcover.models.library import (
    CANDIDATE_DAYS,
    DEFAULT_NAME,
    broken_models,
    candidates_folder,
    default_model,
    delete_model,
    discard_model,
    find_installed,
    find_model,
    installed_models,
    keep_model,
    model_folders,
    model_id,
    models_at_hand,
    remove_old_candidates,
    rename_model,
    set_default_model,
    size_of,
    user_folder,
)

from ..refusal import refusal

# Loads the package from its folder, whatever that is called, in an interpreter without site-packages.
_ISOLATED = """
import importlib, importlib.util, json, sys
folder = sys.argv[1]
spec = importlib.util.spec_from_file_location(
    "flair_landcover", folder + "/__init__.py", submodule_search_locations=[folder])
package = importlib.util.module_from_spec(spec)
sys.modules["flair_landcover"] = package
spec.loader.exec_module(package)
importlib.import_module("flair_landcover." + sys.argv[2])
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
@pytest.mark.parametrize("module", ["contract.nomenclature", "contract.cards", "models.library", "models.package"])
def test_what_qgis_reads_imports_with_the_standard_library_alone(module):
    folder = Path(flair_landcover.__file__).parent
    command = [sys.executable, "-I", "-S", "-c", _ISOLATED, str(folder), module]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)  # nosec B603 - a list, no shell
    assert run.returncode == 0, run.stderr
    foreign = {name.partition(".")[0] for name in json.loads(run.stdout)} - {"__main__"}
    assert foreign == {"flair_landcover"}


@pytest.fixture
def candidate(user) -> Path:
    """A model that nobody has kept yet, with its report."""
    folder = _model(candidates_folder() / "vignes-corrected", "vignes-corrected")
    (folder / "report.html").write_text("<html>", encoding="utf-8")
    return folder


def _left_over(user: Path) -> list[str]:
    return sorted(path.name for path in candidates_folder().iterdir()) if candidates_folder().is_dir() else []


def test_a_candidate_is_not_listed_and_is_found_by_its_path(user, candidate):
    assert [card.id for card in installed_models()] == ["flair-utt", "toits", "vignes"]
    assert find_model(str(candidate)) == candidate


def test_a_kept_model_is_in_the_library_with_all_of_its_files(user, candidate):
    card = keep_model(candidate)
    assert (card.id, card.title) == ("vignes-corrected", "Vignes-Corrected")
    assert find_model("vignes-corrected") == user / "vignes-corrected"
    assert card in installed_models()
    assert (user / "vignes-corrected" / "report.html").is_file()
    assert _left_over(user) == []


def test_a_kept_model_may_get_another_title(user, candidate):
    assert keep_model(candidate, " Vignes de Touraine ").title == "Vignes de Touraine"
    assert [c.title for c in installed_models()][-1] == "Vignes de Touraine"


def test_an_id_that_is_taken_gets_a_number(user, candidate):
    _model(user / "elsewhere", "vignes-corrected")
    (user / "vignes-corrected-2").mkdir()
    (user / "vignes-corrected-2" / "notes.txt").write_text("x", encoding="utf-8")
    assert keep_model(candidate).id == "vignes-corrected-3"
    assert find_model("vignes-corrected-3") == user / "vignes-corrected-3"


@pytest.mark.parametrize("id", ["bundled", "../escaped", "a/b", ".hidden", "Été 2024", ""])
def test_an_id_that_cannot_be_a_folders_name_is_made_one(user, id):
    folder = _model(candidates_folder() / "x", id)
    kept = keep_model(folder)
    assert kept.id != "bundled" and find_model(kept.id).parent == user
    assert kept.id in [card.id for card in installed_models()]


def test_a_model_from_anywhere_is_kept(user, tmp_path, monkeypatch):
    """A folder on another disk cannot be renamed into the library: a copy is."""
    folder = _model(tmp_path / "trained", "trained")
    monkeypatch.setattr(library, "_on_one_disk", lambda one, other: False)
    assert keep_model(folder).id == "trained"
    assert (user / "trained" / WEIGHTS_NAME).is_file()
    assert not folder.exists() and _left_over(user) == []


def test_what_is_no_model_is_not_kept(user, tmp_path):
    assert "not a model folder" in refusal(keep_model, tmp_path / "nothing")


def test_a_full_disk_is_one_sentence_and_the_candidate_stays(user, candidate, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(library.os, "rename", full)
    assert "No space left on device" in refusal(keep_model, candidate)
    assert (candidate / CARD_NAME).is_file()
    assert not (user / "vignes-corrected").exists()


def test_a_discarded_candidate_is_gone(user, candidate):
    discard_model(candidate)
    assert not candidate.exists() and _left_over(user) == []
    discard_model(candidate)  # that it is gone already is no error


def test_an_installed_model_is_discarded_too(user):
    discard_model(user / "b")
    assert [card.id for card in installed_models()] == ["flair-utt", "toits"]


def test_only_models_of_the_library_are_discarded(user, bundled, tmp_path):
    (user / "notes").mkdir()
    foreign = _model(tmp_path / "elsewhere", "elsewhere")
    for folder in (bundled, foreign, user, candidates_folder().parent, user / "notes", tmp_path):
        assert "no model of the library" in refusal(discard_model, folder)
        assert folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="makes a symbolic link")
def test_a_link_to_a_model_is_not_followed(user, tmp_path):
    foreign = _model(tmp_path / "elsewhere", "elsewhere")
    (user / "link").symlink_to(foreign, target_is_directory=True)
    assert "no model of the library" in refusal(discard_model, user / "link")
    assert (foreign / CARD_NAME).is_file()


def test_candidates_that_were_left_behind_are_removed_after_a_week(user, candidate):
    half = candidates_folder() / ".part.x7"
    half.mkdir()
    (half / "weights.part").touch()
    file = candidates_folder() / "stray"
    file.touch()
    remove_old_candidates()
    assert _left_over(user) == [".part.x7", "stray", "vignes-corrected"]
    old = time.time() - (CANDIDATE_DAYS + 1) * 86_400
    for path in (half / "weights.part", half, file):
        os.utime(path, (old, old))
    os.utime(candidate, (old, old))  # its files are new
    remove_old_candidates()
    assert _left_over(user) == ["vignes-corrected"]


def test_keeping_a_model_removes_old_candidates(user, candidate):
    old = candidates_folder() / "old"
    old.mkdir()
    os.utime(old, (0, 0))
    keep_model(candidate)
    assert _left_over(user) == []


def test_there_are_no_old_candidates_where_there_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "nowhere"))
    remove_old_candidates()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("title", "id"),
    [
        ("U-T&T starter, corrected", "u-t-t-starter-corrected"),
        ("Été à Orléans", "ete-a-orleans"),
        ("日本", "model"),
        ("Bundled", "bundled-2"),
        ("Vignes", "vignes-2"),
        ("x" * 200, "x" * 60),
    ],
)
def test_an_id_is_made_of_a_title(user, title, id):
    assert model_id(title) == id


def test_models_come_with_their_folders_and_sizes(user, bundled):
    (user / "a" / "pictures").mkdir()
    (user / "a" / "pictures" / "legend.png").write_bytes(bytes(1000))
    assert [(folder, card.id) for folder, card in models_at_hand()] == [
        (bundled, "flair-utt"),
        (user / "a", "toits"),
        (user / "b", "vignes"),
    ]
    assert size_of(user / "a") - size_of(user / "b") == 1000 - len("vignes" * 2) + len("toits" * 2)
    assert size_of(user / "nowhere") == 0


def test_a_path_is_no_id_of_an_installed_model(user, tmp_path, monkeypatch):
    monkeypatch.chdir(user)
    assert find_model("a") == Path("a")
    assert "no model named a" in refusal(find_installed, "a")
    assert find_installed("toits") == user / "a"


def test_a_chosen_default_model_is_found_by_the_empty_name(user, bundled):
    assert (default_model(), find_model("")) == ("bundled", bundled)
    set_default_model("vignes")
    assert (default_model(), find_model("")) == ("vignes", user / "b")
    assert find_model("bundled") == bundled
    assert sorted(path.name for path in user.iterdir()) == ["a", "b", DEFAULT_NAME]


@pytest.mark.parametrize("name", ["bundled", "flair-utt"])
def test_the_bundled_model_is_made_the_default_again_by_both_of_its_names(user, bundled, name):
    set_default_model("vignes")
    set_default_model(name)
    assert (default_model(), find_model("")) == ("bundled", bundled)


def test_a_file_named_as_the_default_model_does_not_stand_in_for_it(user, tmp_path, monkeypatch):
    set_default_model("vignes")
    (tmp_path / "vignes").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_model("") == user / "b"


def test_a_default_model_that_is_gone_gives_way_to_the_bundled_one(user, bundled):
    set_default_model("vignes")
    (user / "b" / WEIGHTS_NAME).unlink()
    assert (default_model(), find_model("")) == ("bundled", bundled)


@pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 100_000, '{"model": ["vignes"]}', '{"model": null}'])
def test_a_spoilt_choice_of_the_default_model_means_the_bundled_one(user, bundled, content):
    (user / DEFAULT_NAME).write_text(content, encoding="utf-8")
    assert (default_model(), find_model("")) == ("bundled", bundled)


def test_only_a_model_of_the_library_becomes_the_default(user, tmp_path):
    foreign = _model(tmp_path / "elsewhere", "elsewhere")
    set_default_model("vignes")
    for name in ("nothing", str(foreign), ""):
        assert "flair-utt, toits, vignes" in refusal(set_default_model, name)
    assert default_model() == "vignes"


def test_a_default_model_is_chosen_where_there_is_no_library_yet(tmp_path, monkeypatch, bundled):
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "new" / "models"))
    set_default_model("bundled")
    assert default_model() == "bundled"


def test_a_choice_that_cannot_be_written_is_one_sentence_and_the_old_one_stays(user, monkeypatch):
    set_default_model("vignes")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(library.os, "replace", full)
    assert "No space left on device" in refusal(set_default_model, "toits")
    assert "No space left on device" in refusal(rename_model, "toits", "Toits 2")
    assert default_model() == "vignes"
    assert sorted(path.name for path in user.iterdir()) == ["a", "b", DEFAULT_NAME]
    assert sorted(path.name for path in (user / "a").iterdir()) == [CARD_NAME, WEIGHTS_NAME]


def test_a_model_gets_another_title_and_keeps_its_id_and_folder(user):
    assert rename_model("vignes", "  Vignes\nde Touraine ").title == "Vignes de Touraine"
    assert [card.title for card in installed_models()] == ["Flair-Utt", "Toits", "Vignes de Touraine"]
    assert find_model("vignes") == user / "b"


def test_another_title_or_id_keeps_settings_of_later_versions(user, candidate):
    for folder in (user / "b", candidate):
        values = json.loads((folder / CARD_NAME).read_text(encoding="utf-8"))
        (folder / CARD_NAME).write_text(json.dumps({**values, "invented_later": [1]}), encoding="utf-8")
    rename_model("vignes", "Été \ud800")
    card = keep_model(candidate, "Kept")
    for folder in (user / "b", user / card.id):
        assert json.loads((folder / CARD_NAME).read_text(encoding="utf-8"))["invented_later"] == [1]
    assert [c.title for c in installed_models()][-2:] == ["Été ?", "Kept"]


def test_only_models_of_the_users_own_are_renamed(user, bundled, tmp_path):
    assert "belongs to the plugin" in refusal(rename_model, "bundled", "Mine")
    assert "belongs to the plugin" in refusal(rename_model, "flair-utt", "Mine")
    assert "no model named" in refusal(rename_model, str(user / "b"), "Mine")
    assert "title is empty" in refusal(rename_model, "vignes", " \n")
    if os.name != "nt":
        (user / "link").symlink_to(_model(tmp_path / "elsewhere", "elsewhere"), target_is_directory=True)
        assert "no model of the library" in refusal(rename_model, "elsewhere", "Mine")


def test_a_deleted_model_is_gone_and_one_is_told_whether_it_was_the_default(user, bundled):
    set_default_model("vignes")
    assert delete_model("toits") is False
    assert default_model() == "vignes"
    assert delete_model("vignes") is True
    assert [card.id for card in installed_models()] == ["flair-utt"]
    _model(user / "vignes", "vignes")  # another one that gets the id is not the default for it
    assert (default_model(), find_model("")) == ("bundled", bundled)


@pytest.mark.parametrize("name", ["bundled", "flair-utt"])
def test_the_bundled_model_is_never_deleted(user, bundled, name):
    assert "belongs to the plugin" in refusal(delete_model, name)
    assert (bundled / WEIGHTS_NAME).is_file()


def test_what_is_no_id_is_not_deleted(user, monkeypatch):
    monkeypatch.chdir(user)
    for name in ("a", "./a", str(user / "a"), ""):
        assert "no model named" in refusal(delete_model, name)
    assert (user / "a" / CARD_NAME).is_file()


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"id": "x"}', "[]"])
def test_a_model_that_cannot_be_used_is_named_with_the_reason_and_can_be_deleted(user, content):
    (_model(user / "c", "spoilt") / CARD_NAME).write_text(content, encoding="utf-8")
    ((folder, reason),) = broken_models()
    assert (folder == user / "c" and "install the model again" in reason) or "model card" in reason
    assert delete_model("c") is False
    assert broken_models() == [] and not (user / "c").exists() and find_installed("vignes") == user / "b"
