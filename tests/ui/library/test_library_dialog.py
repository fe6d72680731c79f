"""The window of the model library: a real QGIS, real model folders, a real engine and a real server to fetch from."""

from __future__ import annotations

import shutil
import zipfile

import pytest

from flair_landcover.tests import qgis_side
from flair_landcover.tests.engine.hub_server import running_hub

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QInputDialog

from flair_landcover.contract.cards import CARD_NAME, read_card
from flair_landcover.models.library import default_model
from flair_landcover.models.published import PUBLISHED, PublishedModel
from flair_landcover.ui.library.shelf import AtHand, ToFetch

from .conftest import answer, install, press, wait_for

needs_engine = pytest.mark.skipif(
    not qgis_side.engine_python(), reason="FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment"
)
SMALL = PublishedModel("IGNF/FLAIR-INC_rgb_15cl_small", "FLAIR-INC_rgb_15cl_small_weights.pth")


def titles(dialog) -> list[str]:
    return [item.text(0) for item in dialog.shelf._items()]


def at_hand(dialog) -> list[str]:
    return [entry.id for entry in dialog.shelf.entries() if isinstance(entry, AtHand)]


def counted(dialog) -> list[int]:
    changes: list[int] = []
    dialog.changed.connect(lambda: changes.append(1))
    return changes


def test_it_lists_the_models_at_hand_and_the_published_ones(open_dialog, library):
    install(library, "own")
    dialog = open_dialog()
    assert at_hand(dialog) == ["bundled", "own"]
    fetched = [entry.model for entry in dialog.shelf.entries() if isinstance(entry, ToFetch)]
    assert fetched == list(PUBLISHED)


def test_it_opens_at_the_default_model_which_is_marked(open_dialog, library):
    dialog = open_dialog()
    assert dialog.shelf.current().id == "bundled"
    assert titles(dialog)[0].endswith("(default)") and "taken where no model is named" in dialog.view.toPlainText()
    assert not dialog.default_button.isEnabled()


def test_it_blocks_nothing_behind_it(open_dialog):
    assert not open_dialog().isModal()


def test_the_bundled_model_is_neither_renamed_nor_deleted(open_dialog, library):
    dialog = open_dialog()
    assert not dialog.rename_button.isEnabled() and not dialog.delete_button.isEnabled()
    assert dialog.export_button.isEnabled() and not dialog.fetch_button.isEnabled()


def test_another_model_is_made_the_default_one(open_dialog, library):
    install(library, "own")
    dialog = open_dialog()
    changes = counted(dialog)
    dialog.shelf.choose("own")
    press(dialog.default_button)
    assert default_model() == "own" and changes == [1]
    assert "Our own (default)" in titles(dialog) and dialog.outcome.text() == "Our own is the default model now."


def test_a_model_is_renamed(open_dialog, library):
    install(library, "own")
    dialog = open_dialog()
    dialog.shelf.choose("own")
    press(dialog.rename_button)
    box = wait_for(lambda: dialog.findChild(QInputDialog))
    assert box.textValue() == "Our own"
    box.setTextValue("Valley")
    box.accept()
    assert read_card(library / "own").title == "Valley" and "Valley" in titles(dialog)
    assert "Valley" in dialog.view.toPlainText()


def test_an_empty_title_is_refused_in_one_sentence(open_dialog, library):
    install(library, "own")
    dialog = open_dialog()
    dialog.shelf.choose("own")
    dialog.rename(dialog.shelf.current(), "  ")
    assert dialog.outcome.text() == "The new title is empty: give one by which you know the model."
    assert read_card(library / "own").title == "Our own"


def test_a_model_is_deleted_after_a_question_and_the_default_falls_back(open_dialog, library):
    install(library, "own")
    dialog = open_dialog()
    dialog.shelf.choose("own")
    press(dialog.default_button)
    changes = counted(dialog)
    press(dialog.delete_button)
    answer(dialog, "Back")
    assert (library / "own").is_dir()
    press(dialog.delete_button)
    answer(dialog, "Delete")
    assert not (library / "own").exists() and changes == [1] and default_model() == "bundled"
    assert "The bundled model is the default one now." in dialog.outcome.text()
    assert dialog.shelf.current().id == "bundled"


def test_a_model_that_cannot_be_used_is_shown_with_the_reason_and_can_be_deleted(open_dialog, library):
    install(library, "own")
    install(library, "spoilt")
    (library / "spoilt" / "card.json").write_text("[" * 100_000, encoding="utf-8")
    dialog = open_dialog()
    assert at_hand(dialog) == ["bundled", "own"] and "spoilt" in titles(dialog)
    dialog.shelf.choose(str(library / "spoilt"))
    assert "card.json cannot be read" in dialog.view.toPlainText()
    assert not dialog.default_button.isEnabled() and not dialog.export_button.isEnabled()
    press(dialog.delete_button)
    answer(dialog, "Delete")
    assert not (library / "spoilt").exists() and "spoilt" not in titles(dialog)
    assert dialog.outcome.text() == "spoilt is deleted."


def test_a_model_that_a_run_uses_is_not_deleted(open_dialog, library):
    install(library, "own")
    dialog = open_dialog(in_use=lambda: {"own"})
    dialog.shelf.choose("own")
    press(dialog.delete_button)
    assert dialog.outcome.text().startswith("A run uses Our own") and (library / "own").is_dir()


def test_a_model_that_is_gone_meanwhile_is_one_sentence_and_leaves_the_list(open_dialog, library):
    install(library, "own")
    dialog = open_dialog()
    dialog.shelf.choose("own")
    shutil.rmtree(library / "own")
    dialog.make_default()
    assert dialog.outcome.text().startswith("There is no model named own") and at_hand(dialog) == ["bundled"]


def test_a_published_model_that_was_fetched_is_not_fetched_again(open_dialog, library):
    model = PUBLISHED[0]
    install(library, "own", source=f"IGN; {model.hub_id} on the model hub")
    dialog = open_dialog()
    dialog.shelf.choose(model.hub_id)
    assert not dialog.fetch_button.isEnabled() and "it is in the library" in dialog.view.toPlainText()
    dialog.shelf.choose(PUBLISHED[1].hub_id)
    assert dialog.fetch_button.isEnabled()


def test_a_model_is_exported_as_a_zip(open_dialog, library, tmp_path):
    dialog = open_dialog()
    dialog.export_to(dialog.shelf.current(), str(tmp_path / "starter.zip"))
    wait_for(lambda: not dialog.working())
    assert CARD_NAME in zipfile.ZipFile(tmp_path / "starter.zip").namelist()
    assert "is exported to" in dialog.outcome.text()


def test_an_export_that_cannot_be_written_is_one_sentence(open_dialog, library, tmp_path):
    dialog = open_dialog()
    dialog.export_to(dialog.shelf.current(), str(tmp_path / "nowhere" / "starter.zip"))
    wait_for(lambda: not dialog.working())
    assert "cannot be exported to" in dialog.outcome.text() and "Traceback" not in dialog.outcome.text()


@needs_engine
def test_a_zip_is_shown_before_it_is_imported_under_a_title(open_dialog, library, model_folder, tmp_path):
    from flair_landcover.models.package import export_model

    export_model(model_folder, tmp_path / "small.zip")
    dialog = open_dialog()
    changes = counted(dialog)
    dialog.import_from(str(tmp_path / "small.zip"))
    wait_for(dialog.preview.isVisible)
    assert "small.zip is an exported model" in dialog.preview.question.text()
    assert "Untrained" in dialog.view.toPlainText() and "smp:Unet:resnet18" in dialog.view.toPlainText()
    assert not library.exists() and changes == []
    dialog.preview.title.setText("From a colleague")
    press(dialog.preview.import_button)
    wait_for(lambda: not dialog.working())
    assert dialog.outcome.text() == "From a colleague is in the library."
    assert read_card(library / "untrained").title == "From a colleague"
    assert dialog.shelf.current().id == "untrained" and changes == [1] and not dialog.preview.isVisible()


@needs_engine
def test_what_was_recognised_need_not_be_imported(open_dialog, library, checkpoint):
    dialog = open_dialog()
    dialog.import_from(str(checkpoint))
    wait_for(dialog.preview.isVisible)
    assert "is a checkpoint" in dialog.preview.question.text()
    assert "smp:Unet:mit_b0" in dialog.view.toPlainText()
    press(dialog.preview.back_button)
    assert not dialog.preview.isVisible() and "smp:Unet:mit_b0" not in dialog.view.toPlainText()
    assert not library.exists()


@needs_engine
def test_a_file_that_is_no_model_is_one_sentence(open_dialog, library, tmp_path):
    (tmp_path / "letter.zip").write_bytes(b"Dear Sir or Madam")
    dialog = open_dialog()
    dialog.import_from(str(tmp_path / "letter.zip"))
    wait_for(lambda: not dialog.working())
    assert "letter.zip" in dialog.outcome.text() and "Traceback" not in dialog.outcome.text()
    assert not dialog.preview.isVisible()


@pytest.fixture
def hub(monkeypatch, tmp_path, checkpoint):
    """A model hub with one small model, for the engine's processes."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with running_hub() as running:
        running.files[f"{SMALL.hub_id}/{SMALL.file}"] = checkpoint.read_bytes()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield running


@needs_engine
def test_a_published_model_is_fetched_into_the_library_with_its_licence_and_source(open_dialog, library, hub):
    dialog = open_dialog(published=[SMALL])
    dialog.shelf.choose(SMALL.hub_id)
    press(dialog.fetch_button)
    wait_for(lambda: dialog.outcome.text())
    assert dialog.outcome.text() == f"{SMALL.name} is in the library."
    entry = dialog.shelf.current()
    assert isinstance(entry, AtHand) and entry.card.architecture == "smp:Unet:mit_b0"
    assert entry.card.licence and SMALL.hub_id in entry.card.source
    dialog.shelf.choose(SMALL.hub_id)
    assert not dialog.fetch_button.isEnabled()


@needs_engine
def test_a_fetch_tells_its_progress_and_is_cancelled_while_the_window_goes_on(open_dialog, library, hub):
    hub.pause_s = 0.1
    dialog = open_dialog(published=[SMALL])
    dialog.shelf.choose(SMALL.hub_id)
    press(dialog.fetch_button)
    wait_for(lambda: "MB" in dialog.row.stage.text() and dialog.row.bar.maximum() > 0)
    assert not dialog.import_button.isEnabled()
    dialog.shelf.choose("bundled")
    assert "starter" in dialog.view.toPlainText()
    press(dialog.row.cancel_button)
    wait_for(lambda: not dialog.working())
    assert at_hand(dialog) == ["bundled"] and dialog.outcome.text() == "Stopped: the library is as it was."
    assert not dialog.row.cancel_button.isVisible()


@needs_engine
def test_a_fetch_goes_on_when_the_window_is_closed(open_dialog, library, hub):
    hub.pause_s = 0.02
    dialog = open_dialog(published=[SMALL])
    dialog.shelf.choose(SMALL.hub_id)
    changes = counted(dialog)
    press(dialog.fetch_button)
    QTest.qWait(100)
    dialog.reject()
    wait_for(lambda: changes)
    assert not dialog.isVisible() and len(at_hand(dialog)) == 2


@needs_engine
def test_without_the_hub_it_is_one_sentence_that_says_where_to_put_the_file(open_dialog, library, hub):
    hub.failure = (404, "EntryNotFound")
    dialog = open_dialog(published=[SMALL])
    dialog.shelf.choose(SMALL.hub_id)
    press(dialog.fetch_button)
    wait_for(lambda: not dialog.working())
    assert SMALL.file in dialog.outcome.text() and "by hand" in dialog.outcome.text()


@needs_engine
def test_what_went_wrong_while_the_window_was_closed_is_said_when_it_opens(open_dialog, library, hub):
    hub.failure = (404, "EntryNotFound")
    dialog = open_dialog(published=[SMALL])
    dialog.shelf.choose(SMALL.hub_id)
    press(dialog.fetch_button)
    dialog.reject()
    wait_for(lambda: not dialog.working())
    dialog.reload()
    dialog.show()
    assert SMALL.file in dialog.outcome.text() and dialog.outcome.isVisible()
    dialog.shelf.choose("bundled")
    assert not dialog.outcome.isVisible()


def test_a_title_that_looks_like_markup_is_shown_as_it_is(open_dialog, library):
    install(library, "own", title="<b>bold</b> & co")
    dialog = open_dialog()
    item = next(item for item in dialog.shelf._items() if item.data(0, Qt.ItemDataRole.UserRole).id == "own")
    assert item.text(0) == "<b>bold</b> & co" and "<b>" not in item.toolTip(0)
