"""What the tests of fine-tuning share: an image, polygons over it, and a stand-in for the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flair_landcover.contract.answers import AnnotationSummary
from flair_landcover.contract.calls import ANNOTATIONS, FINETUNE, EngineCall
from flair_landcover.contract.cards import ModelCard, write_card
from flair_landcover.contract.finetuning import FinetuneResult
from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.contract.report import Epoch
from flair_landcover.layers.run_request import RunRequest
from flair_landcover.tests import qgis_side
from flair_landcover.tests.answers import segmentation_result
from flair_landcover.tests.qgis_application import qgis_application
from flair_landcover.tests.qgis_side import LEFT, TOP

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsSettings,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas, QgsMessageBar
from qgis.PyQt.QtCore import QEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QWidget

from flair_landcover.runtime.errors import CancelledError
from flair_landcover.ui.annotate.drawing import AskPath, annotations_for, ask_path, draw_polygons
from flair_landcover.ui.finetune.finetune_dialog import FinetuneDialog
from flair_landcover.ui.finetune.request import DockServices
from flair_landcover.ui.form.form_fields import FormFields
from flair_landcover.ui.run.run_queue import RunQueue
from flair_landcover.ui.widgets.messages import Messages

from ..annotate.conftest import annotation_layer, english, project  # noqa: F401 - fixtures

PATIENCE_S = 60

SUMMARY = {
    "classes": [
        {"value": 1, "name": "building", "colour": "#db0e9a", "polygons": 4, "area_m2": 400.0, "warning": None},
        {"value": 5, "name": "water", "colour": "#1553ae", "polygons": 2, "area_m2": 150.0, "warning": None},
    ],
    "values": [],
    "ignored": 0,
    "conflict_m2": 0.0,
    "holdout": {"training": 4, "holdout": 2, "note": None, "distance_m": 6.0},
    "warnings": [],
}


def result_in(folder: str, **changes) -> FinetuneResult:
    """What a fine-tuning leaves, and the model folder that goes with it."""
    Path(folder).mkdir(parents=True)
    card = ModelCard(id="starter-corrected", title="Starter, corrected", architecture="utt")
    (Path(folder) / "weights.safetensors").write_bytes(b"weights")
    write_card(card, Path(folder))
    (Path(folder) / "report.html").write_text("<p>report</p>", encoding="utf-8")
    result = {
        "folder": folder,
        "card": card.to_dict(),
        "report": str(Path(folder) / "report.html"),
        "seconds": 95.0,
        "device": "cpu",
        "epochs": 30,
        "best_epoch": 21,
        "stopped": "early",
        "before": {
            "where": "holdout",
            "accuracy": 0.4,
            "mean_iou": 0.25,
            "iou": {"building": 0.3, "water": 0.2},
            "pixels": 900,
        },
        "after": {
            "where": "holdout",
            "accuracy": 0.8,
            "mean_iou": 0.61,
            "iou": {"building": 0.72, "water": 0.5},
            "pixels": 900,
        },
        "changed": 0.124,
        "agreement": 0.91,
        "classes": [],
        "trained_polygons": 4,
        "holdout_polygons": 2,
        "warnings": [],
    }
    return FinetuneResult.from_dict({**result, **changes})


def epoch(number: int, of: int = 30, iou: float | None = 0.4, best: bool = False) -> Epoch:
    """One epoch of a training."""
    loss = None if iou is None else 2.5 / number
    return Epoch(number, of, 2.0 / number, loss, iou, training_iou=0.5, best=best, phase="Training")


class Teacher:
    """Stands in for the connection to the engine.

    summary: what `annotations` answers, or the exception it raises. A training goes on until `end` is set, to an
    exception or to the changes of a result; `tell` lets it say something. asked: (call, params) in their order.
    """

    pid = None

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict]] = []
        self.summary: dict | Exception = SUMMARY
        self.end: dict | Exception | None = None
        self.deaf = False
        self.stopped: list[str] = []
        self._orders: list[tuple[str, tuple]] = []
        self._lock = threading.Lock()

    def tell(self, what: str, *values) -> None:
        """Lets the training say something: progress, warning or epoch."""
        with self._lock:
            self._orders.append((what, values))

    def params(self, call: str) -> dict:
        """Of the latest such call."""
        return next(params for name, params in reversed(self.asked) if name == call)

    def call(self, call: EngineCall, job, is_cancelled=None, is_enough=None, **handlers):
        self.asked.append((call.name, job.to_dict()))
        if call is ANNOTATIONS:
            if isinstance(self.summary, Exception):
                raise self.summary
            return AnnotationSummary.from_dict(self.summary)
        while True:
            with self._lock:
                orders, self._orders = self._orders, []
            for what, values in orders:
                handlers[f"on_{what}"](*values)
            if is_cancelled() and not self.deaf:
                self.stopped.append("cancelled")
                raise CancelledError("The run was cancelled.")
            if is_enough():
                self.stopped.append("enough")
                return result_in(job.output, stopped="enough")
            end, self.end = self.end, None
            if isinstance(end, Exception):
                raise end
            if end is not None:
                return result_in(job.output, **end) if call is FINETUNE else segmentation_result(**end)
            time.sleep(0.005)


@pytest.fixture(autouse=True)
def application(tmp_path, monkeypatch):
    """Nothing remembered, an empty project before and after, a library of the test's own."""
    app = qgis_application()
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "models"))
    QgsSettings().remove("flair_landcover")
    QgsProject.instance().clear()
    yield app
    wait_for(lambda: not QgsApplication.taskManager().tasks())
    QgsProject.instance().clear()
    QgsSettings().remove("flair_landcover")
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def aerial(tmp_path) -> QgsRasterLayer:
    """200 x 200 pixels of 0.2 m in Lambert-93; a layer of the project."""
    layer = QgsRasterLayer(str(qgis_side.write_aerial(tmp_path / "ortho.tif")), "ortho")
    QgsProject.instance().addMapLayer(layer)
    return layer


def square(x: float, y: float, side: float = 4.0) -> QgsGeometry:
    """A square, x and y metres from the image's upper left corner."""
    return QgsGeometry.fromRect(QgsRectangle(LEFT + x, TOP - y - side, LEFT + x + side, TOP - y))


def add_polygons(layer: QgsVectorLayer, values: list) -> None:
    """Saves a square for each value of the layer's first field that is not its key."""
    features = []
    for i, value in enumerate(values):
        feature = QgsFeature(layer.fields())
        feature.setGeometry(square(5 * i, 3))
        feature["class"] = value
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    layer.updateExtents()


@pytest.fixture
def polygons(application) -> QgsVectorLayer:
    """Six polygons in memory, four of class 1 and two of class 5; a layer of the project."""
    layer = QgsVectorLayer("Polygon?crs=EPSG:2154&field=class:integer", "fields", "memory")
    add_polygons(layer, [1, 1, 1, 1, 5, 5])
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.fixture
def canvas(application) -> QgsMapCanvas:
    made = QgsMapCanvas()
    made.resize(400, 300)
    made.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:2154"))
    yield made
    made.deleteLater()


@pytest.fixture
def teacher() -> Teacher:
    return Teacher()


@pytest.fixture
def window(application) -> QWidget:
    made = QWidget()
    yield made
    made.deleteLater()


def no_map(run: RunRequest, ended: Callable[[bool, Exception | None], None]) -> Callable[[], None]:
    raise AssertionError("nothing is mapped here")


def services(fields: FormFields, queue: RunQueue | None = None, ask: AskPath = ask_path) -> DockServices:
    """What the dock gives the window. ask: gives the path of a new annotation layer."""
    shown = QgsProject.instance()
    return DockServices(
        model=fields.model.model(),
        devices=fields.device.devices(),
        device=fields.device.device(),
        image=fields.chosen_image,
        annotations=lambda parent, image, classes: annotations_for(shown, parent, image, image.crs(), classes, ask),
        draw=draw_polygons,
        map_image=queue.add_watched if queue else no_map,
        is_mapping=lambda: queue is not None and bool(queue.runs),
    )


@pytest.fixture
def open_dialog(aerial, polygons, canvas, teacher, window):
    """Opens the window as the dock does; a test may change the project before."""
    made = []

    def make(client=None) -> FinetuneDialog:
        fields, bar = FormFields(canvas), QgsMessageBar(window)
        queue = RunQueue(lambda: client or teacher)
        messages = Messages(bar, window)
        dialog = FinetuneDialog(services(fields, queue), canvas, messages, lambda: client or teacher, parent=window)
        fields.changed.connect(dialog.setup.show_image)
        made.append((dialog, queue, fields, messages))
        dialog.fields, dialog.queue, dialog.bar = fields, queue, bar
        dialog.show()
        return dialog

    yield make
    teacher.end = CancelledError("")
    for dialog, queue, fields, messages in made:
        dialog.shut()
        queue.close()
        fields.close()
        messages.close()
        dialog.deleteLater()


@pytest.fixture
def dialog(open_dialog):
    """The window, ready to train."""
    made = open_dialog()
    wait_for(made.setup.train_button.isEnabled)
    return made


def said(bar: QgsMessageBar) -> str:
    """What a message bar says."""
    return "\n".join(item.text() for item in bar.items())


def wait_for(condition) -> None:
    """Turns the event loop until the condition holds."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it never came"
        QTest.qWait(10)


__all__ = [
    "FLAIR_CLASSES",
    "SUMMARY",
    "Teacher",
    "add_polygons",
    "epoch",
    "result_in",
    "said",
    "services",
    "square",
    "wait_for",
]
