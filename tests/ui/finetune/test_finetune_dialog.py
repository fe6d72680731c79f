"""The window of a fine-tuning, from polygons to a model that is kept or thrown away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsApplication, QgsFeature, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QMessageBox, QPushButton

from flair_landcover.contract.finetuning import FinetuneJob
from flair_landcover.contract.notices import notice, stage
from flair_landcover.layers.tiles import add_tiles
from flair_landcover.models.library import candidates_folder, installed_models
from flair_landcover.runtime.errors import BadInputError, EngineDied
from flair_landcover.tests import qgis_side
from flair_landcover.ui.finetune.finetune_dialog import Page

from .conftest import SUMMARY, epoch, said, square, wait_for

LEFT_BUTTON = Qt.MouseButton.LeftButton


def press(button) -> None:
    QTest.mouseClick(button, LEFT_BUTTON)


def question(dialog) -> QMessageBox:
    """The question that stands open."""
    wait_for(lambda: [box for box in dialog.findChildren(QMessageBox) if box.isVisible()])
    return next(box for box in dialog.findChildren(QMessageBox) if box.isVisible())


def answer(dialog, text: str) -> None:
    press(next(b for b in question(dialog).findChildren(QPushButton) if b.text().replace("&", "") == text))


def start(dialog, teacher) -> dict:
    press(dialog.setup.train_button)
    wait_for(lambda: any(name == "finetune" for name, _ in teacher.asked))
    return teacher.params("finetune")


def train(dialog, teacher, **changes) -> None:
    start(dialog, teacher)
    teacher.end = changes or {"seconds": 80.0}
    wait_for(lambda: dialog.page is Page.EVALUATION)


def candidates() -> list[str]:
    folder = candidates_folder()
    return sorted(os.listdir(folder)) if folder.is_dir() else []


# Setting up


def test_the_page_opens_with_the_docks_image_and_model_and_says_what_there_is_to_learn_from(dialog, teacher):
    assert dialog.setup.image.text() == "ortho"
    assert dialog.setup.model.model() == dialog.fields.model.model()
    assert dialog.setup.summary.text() == "6 polygons of 2 classes, 550 m²: 4 to learn from, 2 held out."
    job = teacher.params("annotations")
    assert job["input"] == (dialog.fields.aerial.path(),)
    assert job["class_field"] == "class"
    assert dict(job["class_map"]) == {"1": "building", "5": "water"}
    assert (job["epochs"], job["trainable"], job["holdout"], job["keep_base"]) == (0, "last", 0.25, 0.25)
    assert job["everywhere"] is False


def test_the_docks_infrared_image_and_tiles_go_with_the_image(dialog, teacher, tmp_path):
    name = "49-2022-0440-6700-LA93-0M20"
    colours = str(qgis_side.write_aerial(tmp_path / f"{name}-E080.tif", bands=3))
    infrared = str(qgis_side.write_aerial(tmp_path / f"{name}-IRC-E080.tif", bands=3))
    dialog.fields.aerial.set_path(colours)
    wait_for(lambda: teacher.params("annotations")["infrared"] == infrared)
    assert dialog.setup.image.text() == f"{name}-E080, with infrared"
    tiles = add_tiles(QgsProject.instance(), [colours, "/other.tif"], colours, "2 tiles of a folder")
    dialog.fields.aerial.set_layer(tiles)
    wait_for(lambda: teacher.params("annotations")["input"] == (colours, "/other.tif"))


def test_the_settings_reach_the_engine(dialog, teacher):
    settings = dialog.setup.settings
    settings.name.setText("  Été  2021 ")
    settings.length.setCurrentIndex(2)
    settings.freedom.setCurrentIndex(2)
    settings.holdout.setValue(0)
    settings.seed.setValue(7)
    settings.everywhere.setChecked(True)
    wait_for(dialog.setup.train_button.isEnabled)
    job = start(dialog, teacher)
    assert job["name"] == "Été 2021"
    assert job["epochs"] > 0
    assert (job["trainable"], job["holdout"], job["seed"], job["device"]) == ("decoder", 0.0, 7, "auto")
    assert job["everywhere"] is True
    assert Path(job["output"]).parent == candidates_folder()
    assert dialog.training.name.text() == "Été 2021"


def test_very_little_change_holds_the_last_layers_firmly_to_the_base_model(dialog):
    settings = dialog.setup.settings
    usual = settings.values()
    settings.freedom.setCurrentIndex(0)
    firm = settings.values()
    assert usual["trainable"] == firm["trainable"] == "last"
    assert usual["keep_base"] == FinetuneJob.keep_base < firm["keep_base"]


def test_what_is_wrong_with_the_polygons_is_said_in_the_engines_words(open_dialog, teacher):
    teacher.summary = BadInputError("No polygon lies on the image: draw some there.", field="polygons")
    dialog = open_dialog()
    wait_for(lambda: dialog.setup.reason.text() == "No polygon lies on the image: draw some there.")
    assert not dialog.setup.train_button.isEnabled()


def test_one_class_alone_is_trained_only_on_request(open_dialog, teacher):
    teacher.summary = BadInputError("All polygons are of one class: draw others.", field="one_class")
    dialog = open_dialog()
    wait_for(dialog.setup.one_class.isVisible)
    assert not dialog.setup.train_button.isEnabled()
    teacher.summary = SUMMARY
    press(dialog.setup.one_class)
    wait_for(dialog.setup.train_button.isEnabled)
    assert teacher.params("annotations")["one_class"] is True


def test_without_polygons_the_page_says_what_to_do(open_dialog, polygons):
    QgsProject.instance().removeMapLayer(polygons.id())
    dialog = open_dialog()
    wait_for(lambda: "Draw polygons" in dialog.setup.reason.text())
    assert not dialog.setup.train_button.isEnabled()


def test_without_an_image_the_page_says_what_to_do(open_dialog, aerial):
    QgsProject.instance().removeMapLayer(aerial.id())
    dialog = open_dialog()
    wait_for(lambda: dialog.setup.reason.text().startswith("Image: Add an aerial image"))


def test_unsaved_edits_are_learned_from_and_stay_unsaved(dialog, teacher, polygons):
    first = teacher.params("annotations")["polygons"]
    polygons.startEditing()
    feature = QgsFeature(polygons.fields())
    feature.setGeometry(square(10, 20))
    feature["class"] = 5
    polygons.addFeature(feature)
    wait_for(lambda: teacher.params("annotations")["polygons"] != first and dialog.setup.train_button.isEnabled())
    copy = teacher.params("annotations")["polygons"]
    assert not os.path.exists(first)
    written = QgsVectorLayer(f"{copy}|layername={teacher.params('annotations')['layer']}", "copy", "ogr")
    assert written.featureCount() == 7
    assert polygons.isEditable() and polygons.isModified() and polygons.dataProvider().featureCount() == 6


def test_the_copy_of_the_polygons_goes_when_the_training_is_over(dialog, teacher):
    job = start(dialog, teacher)
    assert os.path.exists(job["polygons"])
    teacher.end = {"seconds": 80.0}
    wait_for(lambda: dialog.page is Page.EVALUATION)
    assert not os.path.exists(os.path.dirname(job["polygons"]))


# Learning


def test_progress_epochs_and_time_left_are_shown_while_it_learns(dialog, teacher):
    start(dialog, teacher)
    page = dialog.training
    assert dialog.page is Page.TRAINING and not page.enough_button.isEnabled()
    teacher.tell("progress", 0.3, stage("training"), 100.0)
    teacher.tell("epoch", epoch(1, iou=0.2, best=True))
    teacher.tell("epoch", epoch(2, iou=0.3, best=True))
    teacher.tell("warning", notice("no_infrared"))
    wait_for(lambda: page.remarks.isVisible())
    assert page.line.text() == "Training, about 2 min left"
    assert page.plot.summary() == "Epoch 2 of 30; best so far: epoch 2 with an IoU of 0.30"
    assert page.bar.value() == 300 and page.enough_button.isEnabled()
    teacher.tell("progress", 0.9, stage("comparing"), 5.0)
    wait_for(lambda: not page.enough_button.isEnabled())


def test_stop_now_keeps_the_best(dialog, teacher):
    start(dialog, teacher)
    teacher.tell("epoch", epoch(1, best=True))
    wait_for(dialog.training.enough_button.isEnabled)
    press(dialog.training.enough_button)
    wait_for(lambda: dialog.page is Page.EVALUATION)
    assert teacher.stopped == ["enough"] and len(candidates()) == 1


def test_a_cancelled_training_leaves_nothing_and_can_be_started_again(dialog, teacher):
    start(dialog, teacher)
    press(dialog.training.cancel_button)
    wait_for(lambda: dialog.page is Page.SETUP)
    assert dialog.setup.outcome.text() == "Cancelled: nothing was kept."
    assert candidates() == []
    wait_for(dialog.setup.train_button.isEnabled)
    train(dialog, teacher)


def test_a_result_that_came_before_the_cancel_is_removed(dialog, teacher):
    start(dialog, teacher)
    teacher.deaf = True
    press(dialog.training.cancel_button)
    teacher.end = {"seconds": 80.0}
    wait_for(lambda: dialog.page is Page.SETUP)
    assert candidates() == []


def test_a_training_cancelled_in_the_list_of_qgis_ends_in_the_window_too(dialog, teacher):
    start(dialog, teacher)
    task = next(t for t in QgsApplication.taskManager().tasks() if "corrected" in t.description())
    task.cancel()
    wait_for(lambda: dialog.page is Page.SETUP)
    assert dialog.setup.outcome.text() == "Cancelled: nothing was kept."


def test_a_failure_is_said_in_the_window_and_with_details_in_the_message_bar(dialog, teacher):
    start(dialog, teacher)
    teacher.end = EngineDied("The engine was killed (SIGKILL): run again.", "its log")
    wait_for(lambda: dialog.page is Page.SETUP)
    assert dialog.setup.outcome.text() == "The engine was killed (SIGKILL): run again."
    assert "The engine was killed" in said(dialog.bar)


# The decision


def test_the_scores_stand_side_by_side_before_and_after(dialog, teacher):
    train(dialog, teacher)
    page = dialog.evaluation
    assert page.headline.text() == "Mean IoU 0.25 → 0.61 (▲ 0.36), accuracy 40\u00a0% → 80\u00a0%"
    rows = [page.table.topLevelItem(i) for i in range(page.table.topLevelItemCount())]
    texts = [[row.text(column) for column in (0, 2, 3, 4)] for row in rows]
    assert texts == [["building", "0.30", "0.72", "▲ 0.42"], ["water", "0.20", "0.50", "▲ 0.30"]]
    assert "12\u00a0% of the image gets another label" in page.elsewhere.text()
    assert "91\u00a0% keeps the label of" in page.elsewhere.text()
    assert "2 polygons that it never learned from" in page.measured.text()


def test_a_model_that_is_no_better_says_so(dialog, teacher):
    scores = {"where": "holdout", "accuracy": 0.4, "mean_iou": 0.2, "iou": {"building": 0.2}, "pixels": 9}
    train(dialog, teacher, after=scores)
    assert "It is no better there" in dialog.evaluation.measured.text()


def test_scores_of_training_polygons_are_called_that(dialog, teacher):
    scores = {"where": "training", "accuracy": None, "mean_iou": None, "iou": {}, "pixels": 0}
    train(dialog, teacher, before=scores, after=scores)
    assert "polygons that it learned from" in dialog.evaluation.measured.text()
    assert "Nothing could be measured" in dialog.evaluation.headline.text()


def test_a_kept_model_is_in_the_library_under_the_name_that_it_was_given(dialog, teacher):
    train(dialog, teacher)
    kept, finished = [], []
    dialog.kept.connect(kept.append)
    dialog.finished.connect(finished.append)
    dialog.evaluation.name.setText("Valley, corrected")
    press(dialog.evaluation.keep_button)
    assert [card.title for card in kept] == ["Valley, corrected"] and finished
    assert "Valley, corrected" in [card.title for card in installed_models()]
    assert candidates() == []
    assert "Valley, corrected is now in the list of models." in said(dialog.bar)


def test_a_model_that_is_thrown_away_leaves_nothing(dialog, teacher):
    train(dialog, teacher)
    press(dialog.evaluation.discard_button)
    assert dialog.page is Page.SETUP and candidates() == []
    assert "starter-corrected" not in [card.id for card in installed_models()]
    wait_for(dialog.setup.train_button.isEnabled)


def test_a_model_that_cannot_be_kept_says_why_and_can_be_tried_again(dialog, teacher, tmp_path):
    train(dialog, teacher)
    folder = candidates_folder() / candidates()[0]
    (folder / "card.json").rename(tmp_path / "card.json")
    press(dialog.evaluation.keep_button)
    assert dialog.evaluation.state.text() and dialog.isVisible()
    (tmp_path / "card.json").rename(folder / "card.json")
    press(dialog.evaluation.keep_button)
    assert not dialog.isVisible()


def test_a_preview_maps_what_the_canvas_shows_with_the_candidate(dialog, teacher, canvas, aerial):
    train(dialog, teacher)
    canvas.setExtent(square(4, 6, 12).boundingBox())
    press(dialog.evaluation.preview_button)
    wait_for(lambda: any(name == "segment" for name, _ in teacher.asked))
    job = teacher.params("segment")
    assert Path(job["model"]).parent == candidates_folder()
    shown = canvas.extent().intersect(aerial.extent())
    assert job["extent"] == (shown.xMinimum(), shown.yMinimum(), shown.xMaximum(), shown.yMaximum())
    (run,) = dialog.queue.runs
    assert run.request.title == run.request.name == "Preview of Starter, corrected"


def test_a_decision_waits_until_the_preview_has_let_go_of_the_model(dialog, teacher):
    train(dialog, teacher)
    press(dialog.evaluation.preview_button)
    wait_for(lambda: any(name == "segment" for name, _ in teacher.asked))
    press(dialog.evaluation.keep_button)
    assert len(candidates()) == 1 and not dialog.evaluation.keep_button.isEnabled()
    wait_for(lambda: not dialog.isVisible())
    assert candidates() == [] and "Starter, corrected" in [card.title for card in installed_models()]


def test_a_preview_without_its_image_says_so(dialog, teacher, aerial):
    train(dialog, teacher)
    QgsProject.instance().removeMapLayer(aerial.id())
    press(dialog.evaluation.preview_button)
    assert "ortho has left the project" in dialog.evaluation.state.text()
    assert dialog.queue.runs == []


# Closing


def test_closing_while_it_learns_asks_and_goes_on_where_not_wanted(dialog, teacher):
    start(dialog, teacher)
    dialog.close()
    assert dialog.isVisible()
    answer(dialog, "Go on training")
    teacher.end = {"seconds": 80.0}
    wait_for(lambda: dialog.page is Page.EVALUATION)


def test_closing_while_it_learns_stops_it_where_wanted(dialog, teacher):
    start(dialog, teacher)
    dialog.close()
    answer(dialog, "Stop the training")
    wait_for(lambda: not dialog.isVisible())
    wait_for(lambda: teacher.stopped == ["cancelled"])
    assert candidates() == []


@pytest.mark.parametrize(("text", "kept"), [("Keep", True), ("Throw away", False)])
def test_closing_with_an_undecided_model_asks_for_the_decision(dialog, teacher, text, kept):
    train(dialog, teacher)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    answer(dialog, text)
    wait_for(lambda: not dialog.isVisible())
    assert candidates() == []
    assert ("Starter, corrected" in [card.title for card in installed_models()]) is kept


def test_an_undecided_window_goes_back_on_request(dialog, teacher):
    train(dialog, teacher)
    dialog.close()
    answer(dialog, "Back")
    assert dialog.isVisible() and dialog.page is Page.EVALUATION and len(candidates()) == 1


def test_unloading_stops_the_training_without_a_question(dialog, teacher):
    job = start(dialog, teacher)
    dialog.shut()
    dialog.shut()
    wait_for(lambda: teacher.stopped == ["cancelled"])
    assert not dialog.isVisible() and not os.path.exists(job["polygons"])
