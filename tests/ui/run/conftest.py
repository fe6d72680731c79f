"""What the tests of the queue share: rasters, a model, a worker, and a worker's stand-in that waits to be told."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from flair_landcover.contract.segmentation import SegmentationJob, SegmentationResult
from flair_landcover.tests import qgis_side
from flair_landcover.tests.answers import segmentation_result
from flair_landcover.tests.jobs import segmentation_job
from flair_landcover.tests.qgis_application import qgis_application

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.layers.run_request import RunRequest
from flair_landcover.runtime.client import EngineClient
from flair_landcover.runtime.errors import CancelledError
from flair_landcover.ui.run.run_queue import RunQueue, RunState

PATIENCE_S = 120


@pytest.fixture(scope="session")
def application(tmp_path_factory):
    os.environ["QGIS_CUSTOM_CONFIG_PATH"] = str(tmp_path_factory.getbasetemp() / "profile-inside")
    return qgis_application()


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    """A model folder with an untrained network."""
    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    return qgis_side.untrained_model(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def aerial(tmp_path_factory) -> Path:
    """One tile."""
    return qgis_side.write_aerial(tmp_path_factory.mktemp("aerial") / "aerial.tif", bands=3)


@pytest.fixture(scope="session")
def long_aerial(tmp_path_factory) -> Path:
    """36 tiles in 6 rows: a run that can be caught in the middle."""
    return qgis_side.write_aerial(tmp_path_factory.mktemp("long") / "aerial.tif", size=1100, bands=3)


@pytest.fixture(scope="session")
def client(model):
    """A connection with a worker of its own."""
    made = EngineClient()
    yield made
    made.close()


class Heard:
    """What a queue said, in order: (signal, name of the run, its state)."""

    def __init__(self, queue: RunQueue) -> None:
        self.events: list[tuple[str, str, RunState]] = []
        self.tiles: list[tuple] = []
        self.threads: set[int] = set()
        queue.started.connect(lambda run: self._note("started", run))
        queue.ended.connect(lambda run: self._note("ended", run))
        queue.tile_done.connect(lambda run, transform, png: self._tile(run, transform, png))
        queue.progressed.connect(lambda run: self.threads.add(threading.get_ident()))

    def _note(self, what: str, run) -> None:
        self.events.append((what, run.request.name, run.state))
        self.threads.add(threading.get_ident())

    def _tile(self, run, transform, png) -> None:
        self.tiles.append((run.request.name, transform, png))
        self.threads.add(threading.get_ident())


@pytest.fixture
def make_queue(application):
    """Makes queues and leaves nothing of them behind."""
    made = []

    def make(client) -> tuple[RunQueue, Heard]:
        queue = RunQueue(lambda: client)
        made.append(queue)
        return queue, Heard(queue)

    yield make
    for queue in made:
        queue.close()
        queue.deleteLater()
    wait_for(lambda: not QgsApplication.taskManager().tasks())


@pytest.fixture
def queue(make_queue, client):
    """A queue on a real worker, and what it says."""
    return make_queue(client)


@pytest.fixture
def request_for(model, tmp_path):
    """Makes the request to map an aerial raster."""

    def make(aerial: Path, name: str = "ortho", **settings) -> RunRequest:
        job = segmentation_job(
            input=str(aerial),
            output=str(tmp_path / f"{name}.tif"),
            **{"model": str(model), "device": "cpu", "precision": "fp32", **settings},
        )
        return RunRequest(job=job, name=name, model_title="Untrained", aerial_layer="", crs_wkt="")

    return make


def plain_request(name: str = "ortho", model_title: str = "Untrained") -> RunRequest:
    """A request that nobody opens the files of."""
    job = segmentation_job(input="/nowhere/a.tif", output="/nowhere/b.tif")
    return RunRequest(job=job, name=name, model_title=model_title, aerial_layer="", crs_wkt="")


class HeldClient:
    """Stands in for the connection where a test has to hold the engine at one point.

    Each call waits until it is told how to end; it looks at is_cancelled and is_enough as the real one does.
    """

    def __init__(self) -> None:
        self.jobs: list[SegmentationJob] = []
        self.orders: list[tuple[str, tuple]] = []
        self.end = None
        self.deaf = False
        self.in_call = threading.Event()
        self._lock = threading.Lock()

    def tell(self, what: str, *values) -> None:
        """Lets the present call say something: progress, warning or tile."""
        with self._lock:
            self.orders.append((what, values))

    def call(self, call, job, on_progress, on_warning, on_tile, is_cancelled, is_enough) -> SegmentationResult:
        self.jobs.append(job)
        self.in_call.set()
        handlers = {"progress": on_progress, "warning": on_warning, "tile": on_tile}
        while True:
            with self._lock:
                orders, self.orders = self.orders, []
            for what, values in orders:
                handlers[what](*values)
            if is_cancelled() and not self.deaf:
                raise CancelledError("The run was cancelled.")
            if is_enough():
                return segmentation_result(complete=False)
            end, self.end = self.end, None
            if isinstance(end, Exception):
                raise end
            if end is not None:
                return segmentation_result(**end)
            time.sleep(0.005)


@pytest.fixture
def held():
    return HeldClient()


@pytest.fixture
def held_queue(make_queue, held):
    """A queue on the stand-in, and what it says."""
    return make_queue(held)


def wait_for(condition) -> None:
    """Turns the event loop until the condition holds."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it never came"
        QTest.qWait(10)


def delete_later_now() -> None:
    """Does what deleteLater() left to the event loop."""
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
