"""Model and device."""

from __future__ import annotations

from flair_landcover.models.library import BUNDLED_FOLDER
from flair_landcover.ui.form.model import DeviceField, ModelField


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
    field.set_devices([{"id": "cuda", "name": "Quadro"}, {"id": "cpu", "name": "CPU"}])
    assert [field.itemText(i) for i in range(field.count())] == ["automatic (Quadro)", "Quadro", "CPU"]
    assert field.device() == "cuda"


def test_a_device_that_is_gone_becomes_automatic_and_is_told(application):
    field = DeviceField()
    field.set_device("cuda")
    told = []
    field.currentIndexChanged.connect(lambda _: told.append(field.device()))
    field.set_devices([{"id": "cpu", "name": "CPU"}])
    assert field.device() == "auto" and told == ["auto"]
