"""Model and device."""

from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtWidgets import QComboBox

from flair_landcover.contract.answers import Device
from flair_landcover.models.library import BUNDLED_FOLDER, rename_model, set_default_model
from flair_landcover.ui.widgets.model_field import DeviceField, ModelField


def test_the_bundled_model_comes_first_with_its_limits(application):
    field = ModelField()
    assert field.model() == "bundled"
    assert field.card().limits and field.title() == field.card().title


def test_installed_models_are_listed(application, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    card = (BUNDLED_FOLDER / "card.json").read_text(encoding="utf-8")
    own = card.replace('"id": "bundled"', '"id": "own"').replace('"title": "', '"title": "Our own, ', 1)
    (tmp_path / "own" / "card.json").write_text(own, encoding="utf-8")
    (tmp_path / "own" / "weights.safetensors").write_bytes(b"")
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path))
    field = ModelField()
    field.set_model("own")
    assert field.model() == "own" and field.title().startswith("Our own, ")


def test_models_that_were_installed_since_are_offered_after_a_refresh(application, tmp_path, monkeypatch):
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path))
    field = ModelField()
    (tmp_path / "own").mkdir()
    card = (BUNDLED_FOLDER / "card.json").read_text(encoding="utf-8")
    (tmp_path / "own" / "card.json").write_text(card.replace('"id": "bundled"', '"id": "own"'), encoding="utf-8")
    (tmp_path / "own" / "weights.safetensors").write_bytes(b"")
    field.refresh()
    assert field.model() == "bundled"
    field.refresh()
    field.set_model("own")
    assert field.model() == "own"


def own_model(library, name: str, title: str):
    folder = library / name
    folder.mkdir()
    card = json.loads((BUNDLED_FOLDER / "card.json").read_text(encoding="utf-8"))
    card.update({"id": name, "title": title})
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (folder / "weights.safetensors").write_bytes(b"")
    return folder


def shown(field: ModelField) -> list[str]:
    box = field.findChild(QComboBox)
    return [box.itemText(i) for i in range(box.count())]


@pytest.fixture
def two(application, tmp_path, monkeypatch):
    """The field, in a library of two models beside the bundled one; and the library's folder."""
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path))
    own_model(tmp_path, "own", "Own")
    own_model(tmp_path, "valley", "Valley")
    return ModelField(), tmp_path


def test_the_default_model_is_marked_and_its_title_is_not(two):
    field, _ = two
    set_default_model("own")
    field.refresh()
    assert shown(field)[1:] == ["Own (default)", "Valley"] and not shown(field)[0].endswith("(default)")
    assert (field.model(), field.title()) == ("own", "Own")


def test_a_field_opens_with_the_default_model(two):
    set_default_model("valley")
    assert ModelField().model() == "valley"


def test_a_choice_of_ones_own_stays_when_another_model_becomes_the_default(two):
    field, _ = two
    field.set_model("valley")
    told = []
    field.changed.connect(lambda: told.append(field.model()))
    set_default_model("own")
    field.refresh()
    assert field.model() == "valley" and told == []
    field.choose_default()
    assert field.model() == "own" and told == ["own"]


def test_a_model_that_is_gone_falls_back_to_the_default_and_is_told(two):
    field, library = two
    set_default_model("own")
    field.refresh()
    field.set_model("valley")
    told = []
    field.changed.connect(lambda: told.append(field.model()))
    shutil.rmtree(library / "valley")
    field.refresh()
    assert field.model() == "own" and told == ["own"] and shown(field)[1:] == ["Own (default)"]


def test_a_new_title_shows_after_a_refresh(two):
    field, _ = two
    field.set_model("valley")
    rename_model("valley", "Vallée")
    field.refresh()
    assert (field.model(), field.title(), field.card().title) == ("valley", "Vallée", "Vallée")


def test_a_checkpoint_stays_chosen_after_a_refresh_as_long_as_it_is_there(two):
    field, library = two
    path = library / "utt.ckpt"
    path.write_bytes(b"")
    field.set_model(str(path))
    field.refresh()
    assert field.model() == str(path) and field.title() == "utt.ckpt"
    path.unlink()
    field.refresh()
    assert field.model() == "bundled" and "utt.ckpt" not in shown(field)


def test_the_library_is_offered_on_request(two):
    field, _ = two
    asked = []
    field.library_asked.connect(lambda: asked.append(1))
    assert field.library_button.isHidden()
    field.show_library_button()
    field.library_button.click()
    assert not field.library_button.isHidden() and asked == [1]


def test_a_checkpoint_is_chosen_by_its_path(application, tmp_path):
    (tmp_path / "utt.ckpt").write_bytes(b"")
    field = ModelField()
    field.set_model(str(tmp_path / "utt.ckpt"))
    assert field.model() == str(tmp_path / "utt.ckpt")
    assert field.title() == "utt.ckpt" and field.card() is None


def test_a_model_that_is_gone_is_not_chosen(application, tmp_path):
    field = ModelField()
    field.set_model(str(tmp_path / "gone.ckpt"))
    field.set_model("uninstalled")
    assert field.model() == "bundled"


def test_devices_are_those_that_the_engine_names(application):
    field = DeviceField()
    field.set_device("cuda")  # as remembered, before the engine has spoken
    field.set_devices([Device("cuda", "Quadro"), Device("cpu", "CPU")])
    assert [field.itemText(i) for i in range(field.count())] == ["automatic (Quadro)", "Quadro", "CPU"]
    assert field.device() == "cuda"


def test_a_device_that_is_gone_becomes_automatic_and_is_told(application):
    field = DeviceField()
    field.set_device("cuda")
    told = []
    field.currentIndexChanged.connect(lambda _: told.append(field.device()))
    field.set_devices([Device("cpu", "CPU")])
    assert field.device() == "auto" and told == ["auto"]
