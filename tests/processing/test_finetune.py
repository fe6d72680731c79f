"""`flair:finetune` as scripts and batches run it, with a small untrained model and the real engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_side import LEFT, TOP

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)

from flair_landcover.runtime.errors import EngineNotFound

VALUES = [1, 1, 1, 5, 5, 5, 7, 7, 7, 7, 1, 5]


@pytest.fixture(scope="session")
def polygons(tmp_path_factory) -> Path:
    """Twelve squares of three classes."""
    return qgis_side.write_annotations(tmp_path_factory.mktemp("polygons") / "squares.gpkg", VALUES)


@pytest.fixture(autouse=True)
def library(tmp_path, monkeypatch) -> Iterator[Path]:
    """A library of the test's own; the worker is told by its environment, which a new one takes over."""
    from flair_landcover.runtime.client import close_shared_client

    close_shared_client()
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "library"))
    yield tmp_path / "library"
    close_shared_client()


def usual(model, aerial, polygons) -> dict:
    """Parameters of a short run; a training takes much longer than what is asked about it here."""
    values = {"INPUT": aerial, "POLYGONS": polygons, "MODEL": model}
    return {**{name: str(value) for name, value in values.items()}, "EPOCHS": 1, "PRECISION": "fp32", "DEVICE": "cpu"}


@pytest.fixture
def finetune(application, model, aerial, polygons, feedback):
    """Runs `flair:finetune` for one epoch, with the untrained model and `feedback`."""
    import processing

    def run(**parameters) -> dict:
        given = {name: str(v) if isinstance(v, Path) else v for name, v in parameters.items()}
        return processing.run("flair:finetune", {**usual(model, aerial, polygons), **given}, feedback=feedback)

    return run


@pytest.fixture(scope="module")
def trained(application, model, aerial, polygons, tmp_path_factory) -> tuple[dict, list[str]]:
    """The results of one run, and what it told."""
    import processing

    told: list[str] = []

    class Told(QgsProcessingFeedback):
        def pushInfo(self, info) -> None:
            told.append(info)

    folder = tmp_path_factory.mktemp("trained")
    files = {"OUTPUT": str(folder / "corrigé"), "REPORT": str(folder / "report é.html")}
    feedback = Told(False)
    return processing.run(
        "flair:finetune", {**usual(model, aerial, polygons), **files, "NAME": "Été"}, feedback=feedback
    ), told


def sentence(feedback, error) -> str:
    """What the user reads: what is refused before the run stands in the feedback, the exception is QGIS's own then."""
    told = [text for text in feedback.errors if not text.startswith("There were errors executing")]
    return told[-1] if told else str(error.value)


def card_in(folder: str | Path) -> dict:
    return json.loads((Path(folder) / "card.json").read_text(encoding="utf-8"))


def test_the_parameters_have_the_names_that_others_rely_on_and_a_help_text(application):
    algorithm = QgsApplication.processingRegistry().algorithmById("flair:finetune")
    parameters = {parameter.name(): parameter for parameter in algorithm.parameterDefinitions()}
    assert list(parameters) == qgis_side.FINETUNE_PARAMETERS
    assert all(parameter.help() and parameter.description() for parameter in parameters.values())
    required = {
        name
        for name, parameter in parameters.items()
        if not parameter.flags() & QgsProcessingParameterDefinition.FlagOptional and parameter.defaultValue() is None
    }
    assert required == {"POLYGONS"}  # of INPUT and TILES one is needed
    outputs = {output.name() for output in algorithm.outputDefinitions()}
    assert {"MODEL_FOLDER", "REPORT", "MODEL_ID", "MEAN_IOU_BEFORE", "MEAN_IOU_AFTER"} <= outputs


def test_a_model_folder_and_a_report_are_written_and_the_model_maps(trained, segment, aerial, tmp_path):
    results, told = trained
    assert (Path(results["MODEL_FOLDER"]).name, Path(results["REPORT"]).name) == ("corrigé", "report é.html")
    card = card_in(results["MODEL_FOLDER"])
    assert (card["id"], card["title"]) == (results["MODEL_ID"], "Été")
    assert card["fine_tuning"]["parameters"]["everywhere"] is False
    scores = card["scores"]["polygons"]
    assert scores["before"]["mean_iou"] == pytest.approx(results["MEAN_IOU_BEFORE"], abs=1e-3)
    assert scores["after"]["mean_iou"] == pytest.approx(results["MEAN_IOU_AFTER"], abs=1e-3)
    assert "Été" in Path(results["REPORT"]).read_text(encoding="utf-8")
    assert any(text.startswith("Epoch 1 of 1: loss ") for text in told)
    segment(INPUT=aerial, MODEL=results["MODEL_FOLDER"], OUTPUT=tmp_path / "map.tif")
    assert qgis_side.read_pixels(tmp_path / "map.tif").min() >= 1


def test_a_new_name_makes_a_class_and_without_a_folder_the_model_goes_into_the_library(
    finetune, segment, aerial, library, tmp_path
):
    values = ["bâti", "bâti", "bâti", "solar", "solar", "solar", "water", "water", "water", "?", "bâti", "solar"]
    text = qgis_side.write_annotations(tmp_path / "text.gpkg", values, field="cover")
    mapping = "bâti=building; solar=solar panels ;?="
    results = finetune(POLYGONS=text, CLASS_FIELD="cover", CLASS_MAP=mapping, EVERYWHERE=True)
    assert card_in(results["MODEL_FOLDER"])["fine_tuning"]["parameters"]["everywhere"] is True
    assert results["MODEL_FOLDER"] == str(library / results["MODEL_ID"])
    assert os.path.dirname(results["REPORT"]) == results["MODEL_FOLDER"]
    names = {c["value"]: c["name"] for c in card_in(results["MODEL_FOLDER"])["classes"]}
    assert names[14] == "solar panels" and len(names) == 14
    segment(INPUT=aerial, MODEL=results["MODEL_ID"], OUTPUT=tmp_path / "map.tif")
    assert qgis_side.read_pixels(tmp_path / "map.tif").max() <= 14


def memory_layer() -> QgsVectorLayer:
    """The squares of `polygons`, in memory."""
    layer = QgsVectorLayer("Polygon?crs=EPSG:2154&field=class:integer", "drawn", "memory")
    layer.startEditing()
    for i, value in enumerate(VALUES):
        x, y = LEFT + 2 + 8 * (i % 5), TOP - 2 - 8 * (i // 5)
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(x, y - 4, x + 4, y)))
        feature["class"] = value
        layer.addFeature(feature)
    return layer


def test_a_layer_with_unsaved_edits_gives_the_same_model_as_its_saved_polygons(trained, finetune, tmp_path):
    layer = memory_layer()
    QgsProject.instance().addMapLayer(layer, False)
    try:
        finetune(POLYGONS=layer, OUTPUT=tmp_path / "edited")
        assert layer.isModified()
    finally:
        QgsProject.instance().removeMapLayer(layer)
    folders = (Path(trained[0]["MODEL_FOLDER"]), tmp_path / "edited")
    saved, edited = ((folder / "weights.safetensors").read_bytes() for folder in folders)
    assert saved == edited


def test_only_selected_polygons_are_learned_from_where_asked_and_a_temporary_folder_stays(finetune):
    layer = memory_layer()
    layer.commitChanges()
    layer.selectByExpression('"class" in (1, 5)')
    QgsProject.instance().addMapLayer(layer, False)
    try:
        chosen = QgsProcessingFeatureSourceDefinition(layer.id(), True)
        results = finetune(POLYGONS=chosen, OUTPUT=QgsProcessing.TEMPORARY_OUTPUT)
    finally:
        QgsProject.instance().removeMapLayer(layer)
    about = json.dumps(card_in(results["MODEL_FOLDER"]))
    assert "4 building" in about and "4 water" in about and "4 deciduous" not in about


def test_a_broken_outline_among_unsaved_edits_is_repaired_with_a_warning(finetune, feedback, tmp_path):
    layer = memory_layer()
    bow_tie = QgsFeature(layer.fields())
    x, y = LEFT + 2, TOP - 30
    corners = [QgsPointXY(x, y), QgsPointXY(x + 4, y - 4), QgsPointXY(x + 4, y), QgsPointXY(x, y - 4)]
    bow_tie.setGeometry(QgsGeometry.fromPolygonXY([corners]))
    bow_tie["class"] = 5
    layer.addFeature(bow_tie)
    QgsProject.instance().addMapLayer(layer, False)
    try:
        finetune(POLYGONS=layer, OUTPUT=tmp_path / "repaired")
    finally:
        QgsProject.instance().removeMapLayer(layer)
    assert any("repaired" in warning for warning in feedback.warnings), feedback.warnings


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"CLASS_FIELD": "cover"}, "has no field"),
        ({"CLASS_MAP": "vineyard"}, "has no ="),
        ({"CLASS_MAP": "1=building;5=building;7=building"}, "one class"),
        ({"MODEL": "nowhere"}, "There is no model named nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(finetune, feedback, library, parameters, says):
    with pytest.raises(QgsProcessingException) as error:
        finetune(**parameters)
    assert says in sentence(feedback, error)
    assert not library.exists() or os.listdir(library) in ([], [".candidates"])


def test_polygons_elsewhere_are_refused(finetune, aerial, feedback, tmp_path):
    pixels = np.random.default_rng(0).integers(40, 200, (3, 50, 50), np.uint8)
    far = qgis_side.write_raster(tmp_path / "far.tif", pixels, left=LEFT + 5000)
    with pytest.raises(QgsProcessingException) as error:
        finetune(INPUT=far)
    assert "No polygon" in sentence(feedback, error)


def test_a_cancelled_training_leaves_nothing(finetune, feedback, library, monkeypatch, tmp_path):
    seen = []

    def stop(text):
        seen.append(text)
        feedback.cancel()

    feedback.setProgressText = stop
    with pytest.raises(QgsProcessingException):
        finetune(EPOCHS=50, OUTPUT=tmp_path / "model")
    assert seen and not (tmp_path / "model").exists()
    assert not list(tmp_path.glob("**/card.json"))


@pytest.mark.parametrize("name", ["flair:segment", "flair:finetune"])
def test_without_an_engine_the_algorithm_says_so_before_it_runs(application, monkeypatch, name):
    algorithm = QgsApplication.processingRegistry().algorithmById(name)
    assert algorithm.canExecute() == (True, "")

    def lost():
        raise EngineNotFound("The engine is not installed yet: install it.")

    monkeypatch.setattr("flair_landcover.processing.algorithm.find_engine", lost)
    assert algorithm.canExecute() == (False, "The engine is not installed yet: install it.")


def test_qgis_process_trains_and_says_what_is_wrong_in_one_sentence(qgis_process, aerial, model, polygons, tmp_path):
    usual = [f"INPUT={aerial}", f"MODEL={model}", "EPOCHS=1", "DEVICE=cpu", "PRECISION=fp32"]
    arguments = [*usual, f"POLYGONS={polygons}", f"OUTPUT={tmp_path / 'model'}"]
    run = qgis_process("run", "flair:finetune", "--", *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"MODEL_FOLDER:\t{tmp_path / 'model'}" in run.stdout
    assert (tmp_path / "model" / "weights.safetensors").is_file()

    broken = qgis_process("run", "flair:finetune", "--", *arguments, "CLASS_FIELD=cover")
    assert broken.returncode == 1
    errors = [line for line in broken.stderr.splitlines() if line.startswith("ERROR:")]
    assert len(errors) == 1 and "cover" in errors[0] and "Traceback" not in broken.stdout + broken.stderr
