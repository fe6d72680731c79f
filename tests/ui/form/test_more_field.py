"""The settings that most analysts leave as they are."""

from __future__ import annotations

import json
import shutil

import pytest
from qgis.PyQt.QtWidgets import QComboBox

from flair_landcover.models.library import BUNDLED_FOLDER
from flair_landcover.ui.form.form_fields import FIELD_OF_SETTING, FormFields
from flair_landcover.ui.form.more_field import MoreField


def choice_of(widget) -> QComboBox:
    (box,) = (box for box in widget.findChildren(QComboBox) if box.accessibleName() == "Classes")
    return box


def choose(widget, classes: str) -> None:
    box = choice_of(widget)
    box.setCurrentIndex(box.findData(classes))


@pytest.fixture
def models(application, tmp_path, monkeypatch):
    """The library holds a model that tells swimming pools apart, and one that was taught solar panels."""
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "models"))
    card = json.loads((BUNDLED_FOLDER / "card.json").read_text(encoding="utf-8"))
    pool = {"value": 14, "name": "swimming pool", "colour": "#3de6eb"}
    panels = {"value": 14, "name": "solar panels", "colour": "#102030"}
    for name, settings in (
        ("pools", {"own_classes": [*card["classes"][:12], pool], "own_outputs": [*range(1, 13), 14]}),
        (
            "panels",
            {
                "classes": [*card["classes"], panels],
                "outputs": [*card["outputs"], 14],
                "fine_tuning": {"polygons": {"new_classes": ["solar panels"]}},
            },
        ),
    ):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        (folder / "card.json").write_text(json.dumps({**card, "id": name, **settings}), encoding="utf-8")
        (folder / "weights.safetensors").write_bytes(b"")


def test_there_is_no_choice_of_classes_until_it_is_offered(application):
    field = MoreField()
    assert choice_of(field).isHidden() and field.classes() == "flair13"
    field.offer_classes(True)
    told = []
    field.changed.connect(lambda: told.append(field.classes()))
    choose(field, "model")
    assert not choice_of(field).isHidden() and told == ["model"]


def test_only_a_model_with_other_classes_than_the_13_gives_the_choice(models, canvas, aerial):
    fields = FormFields(canvas)
    fields.aerial.set_layer(aerial)
    assert choice_of(fields.more).isHidden() and fields.job().classes == "flair13"
    fields.model.set_model("pools")
    assert not choice_of(fields.more).isHidden() and fields.job().classes == "flair13"
    choose(fields.more, "model")
    assert fields.job().classes == "model"
    fields.model.set_model("panels")
    assert choice_of(fields.more).isHidden() and fields.job().classes == "flair13"
    fields.model.set_model("pools")
    assert fields.job().classes == "model"
    fields.close()


def test_a_checkpoint_gives_the_choice_as_only_the_engine_knows_its_classes(application, canvas, tmp_path):
    (tmp_path / "unet.pth").write_bytes(b"")
    fields = FormFields(canvas)
    fields.model.set_model(str(tmp_path / "unet.pth"))
    assert not choice_of(fields.more).isHidden()
    assert FIELD_OF_SETTING["classes"] == "more"
    fields.close()


def test_an_installed_model_folder_gives_the_choice_by_its_card(models, canvas, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "models" / "pools", elsewhere)
    fields = FormFields(canvas)
    fields.model.set_model(str(elsewhere))
    assert not choice_of(fields.more).isHidden()
    fields.close()
