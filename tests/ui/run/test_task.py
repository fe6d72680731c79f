"""A task outlives who waits for it: the plugin goes, or QGIS does, in the middle of a run."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import weakref

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsApplication
from qgis.PyQt import sip

from flair_landcover.contract.notices import stage
from flair_landcover.ui.run.run_queue import RunQueue, segment_task
from flair_landcover.ui.tasks import background_task as background

from .conftest import HeldClient, delete_later_now, plain_request, wait_for


def running_tasks() -> list:
    return QgsApplication.taskManager().tasks()


def test_a_queue_that_was_deleted_in_the_middle_hears_nothing(application, held):
    queue = RunQueue(lambda: held)
    heard = []
    queue.tile_done.connect(lambda *_: heard.append(1))
    queue.add(plain_request())
    assert held.in_call.wait(60)
    held.deaf = True
    queue.close()
    sip.delete(queue)
    del queue
    gc.collect()
    for _ in range(20):
        held.tell("progress", 0.5, stage("tile", number=1, total=2), 1.0)
        held.tell("tile", (1.0, 0, 0, 0, 1.0, 0), b"png")
    wait_for(lambda: not held.orders)
    held.end = {"complete": True}
    wait_for(lambda: not running_tasks())
    assert not heard


def test_a_queue_that_was_deleted_without_closing_does_no_harm(application, held):
    queue = RunQueue(lambda: held)
    queue.add(plain_request())
    assert held.in_call.wait(60)
    sip.delete(queue)
    held.tell("progress", 0.5, stage("tile", number=1, total=2), 1.0)
    held.tell("tile", (1.0, 0, 0, 0, 1.0, 0), b"png")
    held.end = {"complete": True}
    wait_for(lambda: not running_tasks())


def test_opening_and_closing_at_once_many_times_leaves_no_task(application):
    for _ in range(60):
        queue = RunQueue(HeldClient)
        queue.add(plain_request("one"))
        queue.add(plain_request("two"))
        queue.close()
        sip.delete(queue)
        wait_for(lambda: not running_tasks())
    assert not background._alive


def test_a_task_that_nobody_refers_to_runs_to_its_end_and_is_freed(application, held):
    task = segment_task(plain_request(), held)
    ended = []
    task.signals.ended.connect(lambda: ended.append(1))
    task.start_in(QgsApplication.taskManager())
    gone = weakref.ref(task)
    del task
    gc.collect()
    assert gone() is not None
    held.end = {"complete": True}
    wait_for(lambda: ended)
    assert not background._alive
    delete_later_now()
    gc.collect()
    wait_for(lambda: gc.collect() >= 0 and gone() is None)


_EXIT = """
import sys, time
from flair_landcover.tests.qgis_application import qgis_application
app = qgis_application()
from qgis.PyQt.QtTest import QTest
from flair_landcover.tests.jobs import segmentation_job
from flair_landcover.runtime.client import EngineClient
from flair_landcover.ui.run.run_queue import RunQueue
from flair_landcover.layers.run_request import RunRequest

aerial, output, model, how = sys.argv[1:]
job = segmentation_job(input=aerial, output=output, model=model, device="cpu", precision="fp32")
client = EngineClient()
queue = RunQueue(lambda: client)
run = queue.add(RunRequest(job, "ortho", "Untrained", "", ""))
while not run.tiles_done:
    QTest.qWait(10)
print(client.pid, flush=True)
if how == "closed":
    queue.close()
    client.close()
print("done", flush=True)
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", ["closed", "left alone"])
def test_python_may_end_in_the_middle_of_a_run(long_aerial, model, tmp_path, how):
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-X", "faulthandler", "-c", _EXIT]
    arguments = [str(long_aerial), str(tmp_path / "map.tif"), str(model), how]
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    pid, last = done.stdout.split()
    assert last == "done"
    until = time.monotonic() + 30
    while alive(int(pid)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(int(pid))
    assert list(tmp_path.iterdir()) == []


_EXIT_IN_PYTHON = """
import sys, time
from flair_landcover.tests.qgis_application import qgis_application
app = qgis_application()
from qgis.PyQt.QtTest import QTest
from flair_landcover.contract.notices import stage
from flair_landcover.runtime.errors import CancelledError
from flair_landcover.tests.ui.run.conftest import plain_request
from flair_landcover.ui.run.run_queue import RunQueue

started = stage("started")

class BusyClient:
    def call(self, call, job, on_progress, is_cancelled, **handlers):
        while not is_cancelled():
            on_progress(0.1, started, None)
        for _ in range(300):
            on_progress(0.1, started, None)
            time.sleep(0.001)
        raise CancelledError("")

queue = RunQueue(BusyClient)
queue.add(plain_request())
QTest.qWait(100)
print("done", flush=True)
"""


def test_a_thread_that_is_in_the_middle_of_python_is_waited_for_when_python_ends():
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-X", "faulthandler", "-c", _EXIT_IN_PYTHON]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    # Python ends threads that come back too late by unwinding their stacks, Qt's frames included.
    assert "worker threads" not in done.stderr and "Fatal" not in done.stderr, done.stderr
