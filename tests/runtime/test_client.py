"""The client against a real worker process of the engine's environment."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flair_landcover.contract.calls import HELLO, MODELS, SEGMENT, EngineCall, Nothing
from flair_landcover.contract.notices import notice, stage
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.runtime import client as client_module
from flair_landcover.runtime.client import (
    BadInputError,
    CancelledError,
    EngineClient,
    EngineDied,
    EngineError,
    EngineFailed,
    EngineNotFound,
    close_shared_client,
    engine_is_busy,
    no_engine_meanwhile,
    shared_client,
)
from flair_landcover.runtime.environment import Engine, worker_command
from flair_landcover.tests.answers import Values, epoch, plain_call

pytestmark = pytest.mark.skipif(os.name == "nt", reason="ends processes by Unix signals")

# Calls that the tests need beside the engine's own; they are added to a real worker.
EXTRA_CALLS = """
import os, signal, sys, time
from flair_landcover.engine import worker
from flair_landcover.engine.calls import serves
from flair_landcover.tests.answers import Values, epoch, plain_call
from flair_landcover.contract.errors import BadInput, Cancelled
from flair_landcover.contract.notices import notice, stage

def work(params, report):
    # Like a map: written beside its final name, and renamed at the end.
    output = params.values["output"]
    with open(output + ".part", "w") as part:
        part.write("half")
    report.tile((1, 0, 0, 0, -1, 0), b"")
    while not report.cancelled():
        report.progress(0.5, stage("tile", number="à moitié", total=2), 3.5)
        time.sleep(0.01)
    os.remove(output + ".part")
    raise Cancelled()

def deaf(params, report):
    worker.GRACE_S, worker.PATIENCE_S = 1.5, 1.0  # nobody waits for the usual ones
    report.tile((1, 0, 0, 0, -1, 0), b"")
    time.sleep(3600)

def chatty_and_deaf(params, report):
    worker.GRACE_S, worker.PATIENCE_S = 1.5, 1.0  # nobody waits for the usual ones
    while True:
        report.tile((1, 0, 0, 0, -1, 0), b"")
        time.sleep(0.001)

def echo(params, report):
    report.warning(notice("repaired", count=2))
    report.progress(0.5, stage("tile", number=1, total=2))
    report.tile((1, 2, 3, 4, 5, 6), bytes(range(256)))
    report.epoch(epoch(1, 0.5))
    return Values({"params": params.values, "pid": os.getpid()})

def fail(params, report):
    raise ValueError("broken é")

def bad(params, report):
    raise BadInput("The raster /data/é.tif is no raster: choose another.", "input")

def leave(params, report):
    print("last words")
    sys.stderr.flush()
    os._exit(3)

def crash(params, report):
    os.kill(os.getpid(), signal.SIGSEGV)

def noise(params, report):
    print("x" * 100)
    os.write(1, b"no end of line")
    os.write(2, b"y" * 300000)
    return Values({})

def environment(params, report):
    return Values(dict(os.environ))

def keep(params, report):
    report.tile((1, 0, 0, 0, -1, 0), b"")
    while not report.enough():
        if report.cancelled():
            raise Cancelled()
        time.sleep(0.01)
    return Values({"kept": True})

for call in (work, deaf, chatty_and_deaf, echo, fail, bad, leave, crash, noise, environment, keep):
    serves(plain_call(call.__name__))(call)
# In place of calls that both sides know as quick.
serves(plain_call("models"))(echo)
serves(plain_call("check"))(deaf)
"""


def command_with_extra_calls(engine: Engine) -> list[str]:
    command = worker_command(engine)
    return [*command[:-1], command[-1].replace("sys.exit(main())", f"{EXTRA_CALLS}\nsys.exit(main())")]


def gone(pid: int) -> bool:
    """Whether the process has ended; one whose parent has not asked for its status counts as ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def wait_until(condition) -> bool:
    """Wait for the condition, for far longer than it should take; whether it came."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class PlainClient(EngineClient):
    """Takes calls by name too, with any values, as they travel."""

    def call(self, call, params=None, **handlers):
        if isinstance(call, EngineCall):
            return super().call(call, params, **handlers)
        return super().call(plain_call(call), Values(params or {}), **handlers).values


class Run(threading.Thread):
    """A call in a thread of its own, and how it ended."""

    def __init__(self, client: PlainClient, name: str, params: dict | None = None) -> None:
        super().__init__(daemon=True)
        self.call = (client, name, params or {})
        self.cancel = threading.Event()
        self.enough = threading.Event()
        self.began = threading.Event()
        self.result: dict | None = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        client, name, params = self.call
        try:
            self.result = client.call(
                name,
                params,
                on_tile=lambda transform, png: self.began.set(),
                is_cancelled=self.cancel.is_set,
                is_enough=self.enough.is_set,
            )
        except BaseException as error:
            self.error = error

    def end(self) -> Run:
        self.join(120)
        assert not self.is_alive()
        return self


@pytest.fixture(scope="module")
def warm(engine_python):
    """One client for the tests that leave its worker in order."""
    client = PlainClient(command=command_with_extra_calls)
    yield client
    client.close()


@pytest.fixture
def client(engine_python):
    """A client of its own for a test that breaks the worker."""
    made = PlainClient(command=command_with_extra_calls)
    yield made
    made.close()


def test_hello_comes_from_the_engines_environment(warm, engine_python):
    result = warm.call(HELLO, Nothing())
    assert result.executable == engine_python
    assert "cpu" in [device.id for device in result.devices]
    assert all(result.versions.values())


def test_the_events_of_a_call_reach_its_functions_in_the_calling_thread(warm):
    events, threads = [], set()

    def note(*event):
        events.append(event)
        threads.add(threading.current_thread())

    result = warm.call(
        "echo",
        {"input": "/données/été 日本.tif"},
        on_progress=note,
        on_warning=note,
        on_tile=note,
        on_epoch=note,
        is_cancelled=None,
    )
    assert result["params"] == {"input": "/données/été 日本.tif"}
    assert events == [
        (0.0, stage("started"), None),
        (notice("repaired", count=2),),
        (0.5, stage("tile", number=1, total=2), None),
        ((1.0, 2.0, 3.0, 4.0, 5.0, 6.0), bytes(range(256))),
        (epoch(1, 0.5),),
    ]
    assert threads == {threading.current_thread()}


def test_a_file_name_that_is_not_utf8_survives(warm):
    name = b"/data/\xff.tif".decode("utf-8", "surrogateescape")
    assert warm.call("echo", {"input": name})["params"] == {"input": name}


def test_a_large_message_passes(warm):
    mask = [[float(i), float(-i)] for i in range(200_000)]
    assert warm.call("echo", {"mask": mask})["params"] == {"mask": mask}


def test_calls_from_several_threads_share_one_worker_and_get_their_own_answers(warm):
    runs = [Run(warm, "echo", {"number": number}) for number in range(8)]
    results = [run.end().result for run in runs]
    assert [result["params"]["number"] for result in results] == list(range(8))
    assert {result["pid"] for result in results} == {warm.pid}


def test_the_worker_outlives_the_thread_that_started_it(client):
    first = Run(client, "echo").end().result["pid"]
    assert client.call("echo")["pid"] == first
    assert Run(client, "echo").end().result["pid"] == first


def test_it_works_from_tasks_and_the_thread_pool_of_qgis(warm):
    core = pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    from qgis.PyQt.QtCore import QThread

    from flair_landcover.tests.qgis_application import qgis_application

    app = qgis_application()
    ended = []

    class Call(core.QgsTask):
        def run(self) -> bool:
            ended.append((warm.call("echo")["pid"], QThread.currentThread() is app.thread()))
            return True

    for _ in range(2):
        task = Call("a call")
        core.QgsApplication.taskManager().addTask(task)
        count = len(ended)
        assert wait_until(lambda count=count: app.processEvents() or len(ended) > count)
    assert wait_until(lambda: app.processEvents() or not core.QgsApplication.taskManager().count())
    assert ended == [(warm.pid, False)] * 2
    assert warm.call("echo")["pid"] == warm.pid


def test_bad_input_is_told_as_it_was_said(warm):
    with pytest.raises(BadInputError) as caught:
        warm.call("bad")
    assert str(caught.value) == "The raster /data/é.tif is no raster: choose another."
    assert caught.value.field == "input"


def test_bad_input_of_the_real_job_is_told(warm):
    with pytest.raises(BadInputError, match="does not say its output"):
        warm.call("segment", {"input": "/données/été.tif"})


def test_a_failure_has_its_traceback_and_the_worker_stays(warm):
    pid = warm.call("echo")["pid"]
    with pytest.raises(EngineFailed) as caught:
        warm.call("fail")
    assert "broken é" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Traceback" in caught.value.detail and "in fail" in caught.value.detail
    assert warm.call("echo")["pid"] == pid


def test_stray_prints_do_not_disturb(warm):
    assert warm.call("noise") == {}
    assert warm.call("echo")["params"] == {}


def test_prints_of_the_interpreters_start_do_not_disturb(engine_python, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "Activating the environment..."\nexec "{engine_python}" "$@"\n')
    python.chmod(0o755)
    client = EngineClient(find=lambda: Engine(str(python), "a test"))
    try:
        assert client.call(HELLO, Nothing()).versions
    finally:
        client.close()


def test_the_engine_does_not_get_the_environment_of_qgis(client, monkeypatch):
    monkeypatch.setenv("PROJ_LIB", "/nowhere")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    variables = client.call("environment")
    assert "PROJ_LIB" not in variables and "PYTHONHOME" not in variables
    assert "CUDA_VISIBLE_DEVICES" in variables


def test_a_cancel_stops_the_call_and_leaves_no_file_and_a_warm_worker(warm, tmp_path):
    output = tmp_path / "carte é.tif"
    run = Run(warm, "work", {"output": str(output)})
    assert run.began.wait(60)
    pid = warm.pid
    run.cancel.set()
    assert isinstance(run.end().error, CancelledError)
    assert list(tmp_path.iterdir()) == []
    assert warm.call("echo")["pid"] == pid


def test_a_call_that_is_cancelled_before_it_starts_never_runs(warm, tmp_path):
    with pytest.raises(CancelledError):
        warm.call("work", {"output": str(tmp_path / "map.tif")}, is_cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_a_waiting_call_is_cancelled_while_another_goes_on(warm, tmp_path):
    first = Run(warm, "work", {"output": str(tmp_path / "map.tif")})
    assert first.began.wait(60)
    second = Run(warm, "echo")
    second.cancel.set()
    assert isinstance(second.end().error, CancelledError)
    assert first.is_alive()
    first.cancel.set()
    assert isinstance(first.end().error, CancelledError)


def test_enough_ends_a_call_with_what_it_has(warm):
    run = Run(warm, "keep")
    assert run.began.wait(60)
    run.enough.set()
    assert run.end().result == {"kept": True}


def test_enough_of_a_call_that_waits_or_has_not_started_cancels_it(warm):
    first = Run(warm, "keep")
    assert first.began.wait(60)
    second = Run(warm, "echo")
    second.enough.set()
    assert isinstance(second.end().error, CancelledError)
    assert first.is_alive()
    first.enough.set()
    assert first.end().result == {"kept": True}
    with pytest.raises(CancelledError):
        warm.call("keep", is_enough=lambda: True)


def test_a_call_that_is_cancelled_after_it_was_enough_is_cancelled(warm, tmp_path):
    run = Run(warm, "work", {"output": str(tmp_path / "map.tif")})  # never asks whether it is enough
    assert run.began.wait(60)
    run.enough.set()
    run.cancel.set()
    assert isinstance(run.end().error, CancelledError)
    assert list(tmp_path.iterdir()) == []


def test_quick_calls_are_answered_while_another_runs(warm):
    run = Run(warm, "keep")
    assert run.began.wait(60)
    assert warm.call("models", {"a": 1})["params"] == {"a": 1}
    assert warm.call(HELLO, Nothing()).versions
    assert run.is_alive()
    run.enough.set()
    assert run.end().result == {"kept": True}


def test_a_quick_call_is_given_up_at_once_and_what_runs_beside_it_goes_on(client):
    run = Run(client, "keep")
    assert run.began.wait(60)
    pid = client.pid
    quick = Run(client, "check")  # deaf to its cancel
    assert quick.began.wait(60)
    quick.cancel.set()
    assert isinstance(quick.end().error, CancelledError)
    assert client.call("models")["pid"] == pid
    run.enough.set()
    assert run.end().result == {"kept": True}


@pytest.mark.parametrize("call", ["deaf", "chatty_and_deaf"])
def test_a_call_that_does_not_react_to_a_cancel_is_ended_with_its_worker(client, monkeypatch, call):
    monkeypatch.setattr(client_module, "CANCEL_S", 0.5)
    run = Run(client, call)
    assert run.began.wait(60)
    pid = client.pid
    waiting = Run(client, "echo")
    run.cancel.set()
    assert isinstance(run.end().error, CancelledError)
    assert gone(pid)
    # Whoever waited behind it is served by the next worker.
    assert waiting.end().result["pid"] != pid
    assert client.call("echo")["pid"] == client.pid


def test_an_error_in_a_function_of_the_caller_cancels_the_call(warm, tmp_path):
    def stumble(transform, png):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warm.call("work", {"output": str(tmp_path / "map.tif")}, on_tile=stumble)
    assert warm.call("echo")["params"] == {}
    assert list(tmp_path.iterdir()) == []


def test_a_killed_worker_is_told_with_its_signal_and_the_next_call_works(client, tmp_path):
    output = tmp_path / "map.tif"
    run = Run(client, "work", {"output": str(output)})
    assert run.began.wait(60)
    pid = client.pid
    os.kill(pid, signal.SIGKILL)
    error = run.end().error
    assert isinstance(error, EngineDied)
    assert "SIGKILL" in str(error) and "memory" in str(error)
    assert not output.exists()
    assert client.call("echo")["pid"] != pid


def test_a_worker_that_was_killed_between_two_calls_is_replaced_unnoticed(client):
    pid = client.call("echo")["pid"]
    os.kill(pid, signal.SIGKILL)
    assert client.call("echo")["pid"] != pid


def test_a_worker_that_ends_leaves_the_end_of_its_log(client):
    with pytest.raises(EngineDied) as caught:
        client.call("leave")
    assert "status 3" in str(caught.value)
    assert "last words" in caught.value.detail
    assert client.call("echo")["params"] == {}


def test_a_crash_in_native_code_is_named_and_leaves_its_stack(client):
    with pytest.raises(EngineDied) as caught:
        client.call("crash")
    assert "SIGSEGV" in str(caught.value)
    assert "in crash" in caught.value.detail


def test_an_engine_that_cannot_start_is_told_with_its_log(engine_python):
    client = EngineClient(command=lambda engine: [engine.python, "-c", "raise SystemExit('no engine in here')"])
    with pytest.raises(EngineDied) as caught:
        client.call(HELLO, Nothing())
    assert "no engine in here" in caught.value.detail
    client.close()


def test_an_engine_that_ends_is_told_though_what_it_started_holds_its_output(engine_python):
    client = EngineClient(command=lambda engine: ["sh", "-c", "read line; sleep 300 & exit 3"])
    with pytest.raises(EngineDied, match="status 3"):
        client.call(plain_call("echo"), Values({}))
    client.close()


_LATER_VERSION = """
import json, sys
id = json.loads(sys.stdin.readline())["id"]
print(json.dumps({"id": id, "warning": {"code": "of a later version", "values": {}}}), flush=True)
sys.stdin.read()
"""


def test_a_warning_that_this_version_does_not_know_is_not_passed_over(engine_python):
    client = EngineClient(command=lambda engine: [engine.python, "-c", _LATER_VERSION])
    with pytest.raises(EngineFailed, match="differ in version"):
        client.call(plain_call("echo"), Values({}))
    client.close()


def test_a_program_that_is_missing_is_told(tmp_path):
    client = EngineClient(find=lambda: Engine(str(tmp_path / "python"), "a test"))
    with pytest.raises(EngineDied, match="could not be started"):
        client.call(HELLO, Nothing())
    client.close()


def test_a_missing_interpreter_is_told_before_any_start(monkeypatch, tmp_path):
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", str(tmp_path / "python"))
    client = EngineClient()
    with pytest.raises(EngineNotFound, match="does not exist"):
        client.call(HELLO, Nothing())
    assert client.pid is None
    client.close()


def test_another_choice_of_python_starts_another_worker(engine_python):
    engine = [Engine(engine_python, "a test")]
    client = PlainClient(find=lambda: engine[0], command=command_with_extra_calls)
    first = client.call("echo")["pid"]
    assert client.call("echo")["pid"] == first
    engine[0] = Engine(engine_python, "another choice")
    assert client.call("echo")["pid"] != first
    assert gone(first)
    client.close()


@pytest.mark.parametrize("call", ["work", "deaf"])
def test_closing_ends_the_worker_and_what_it_runs(client, tmp_path, call):
    run = Run(client, call, {"output": str(tmp_path / "map.tif")})
    assert run.began.wait(60)
    pid = client.pid
    client.close()
    assert gone(pid)
    assert isinstance(run.end().error, EngineError)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EngineError, match="closed"):
        client.call(HELLO, Nothing())


def test_the_shared_client_is_one_until_it_is_closed(engine_python):
    first = shared_client()
    assert shared_client() is first
    first.call(HELLO, Nothing())
    pid = first.pid
    close_shared_client()
    assert gone(pid)
    assert shared_client() is not first
    close_shared_client()
    close_shared_client()


def test_while_its_environment_is_changed_no_engine_is_started(engine_python):
    first = shared_client()
    first.call(HELLO, Nothing())
    pid = first.pid
    with no_engine_meanwhile("The engine is being installed."):
        assert gone(pid)
        with pytest.raises(EngineNotFound, match="being installed"):
            shared_client().call(HELLO, Nothing())
    assert shared_client().call(HELLO, Nothing()).versions
    close_shared_client()


def test_the_engine_is_busy_while_it_maps_and_not_while_it_answers_a_question(scene, tmp_path, engine_python):
    assert not engine_is_busy()
    client, seen = shared_client(), []
    client.call(HELLO, Nothing(), is_cancelled=lambda: seen.append(engine_is_busy()))
    assert seen and not any(seen)
    job = {**scene, **QUICK, "output": str(tmp_path / "map.tif")}
    client.call(SEGMENT, SegmentationJob.from_dict(job), is_cancelled=lambda: seen.append(engine_is_busy()))
    assert seen[-1] is True and not engine_is_busy()
    close_shared_client()


# The 50 x 50 metres in the middle of the scene, in one pass.
QUICK = {"tta": "none", "extent": (1_020_975, 6_789_975, 1_021_025, 6_790_025)}


def test_a_map_is_made_in_a_folder_with_any_name(warm, scene, tmp_path):
    folder = tmp_path / "été 日本"
    folder.mkdir()
    output = folder / "carte d'occupation.tif"
    tiles, fractions = [], []
    result = warm.call(
        SEGMENT,
        SegmentationJob.from_dict({**scene, **QUICK, "output": str(output)}),
        on_tile=lambda transform, png: tiles.append(png),
        on_progress=lambda fraction, stage, remaining_s: fractions.append(fraction),
    )
    assert result.output == str(output) and output.is_file()
    assert tiles and result.complete is True and result.tiles == result.planned_tiles
    assert fractions[-1] == 1
    assert sum(result.areas_m2.values()) == pytest.approx(50 * 50)


def test_qt_reads_the_pictures_of_a_map_in_its_colours_and_through_where_it_has_no_data(warm, scene, tmp_path):
    from qgis.PyQt.QtGui import QImage

    seen = []
    corners = [(1_020_980, 6_789_980), (1_021_020, 6_789_980), (1_020_980, 6_790_020), (1_020_980, 6_789_980)]
    triangle = {"type": "Polygon", "coordinates": [corners]}
    result = warm.call(
        "segment",
        {**scene, **QUICK, "mask": [triangle], "output": str(tmp_path / "map.tif")},
        on_tile=lambda transform, png: seen.append((transform, QImage.fromData(png, "PNG"))),
    )
    colours = {colour for _, _, colour in result["classes"]}
    clear = painted = 0.0
    for transform, image in seen:
        assert not image.isNull() and max(image.width(), image.height()) <= 256
        for row in range(image.height()):
            for column in range(image.width()):
                colour = image.pixelColor(column, row)
                if colour.alpha():
                    assert colour.alpha() == 255 and colour.name() in colours
                    painted += abs(transform[0] * transform[4])
                else:
                    clear += abs(transform[0] * transform[4])
    assert clear > 800
    assert painted == pytest.approx(sum(result["areas_m2"].values()), rel=0.02)
    assert painted == pytest.approx(800, rel=0.02)


def test_a_map_that_is_enough_is_kept_as_far_as_it_is(warm, scene, tmp_path):
    tiles = []
    result = warm.call(
        "segment",
        {**scene, "output": str(tmp_path / "map.tif")},
        on_tile=lambda transform, png: tiles.append(png),
        is_enough=lambda: bool(tiles),
    )
    assert result["complete"] is False and 0 < result["tiles"] < result["planned_tiles"]
    assert 0 < sum(result["areas_m2"].values()) < 204.8**2
    assert (tmp_path / "map.tif").stat().st_size == result["bytes"]


def test_rasters_are_described_and_jobs_checked_while_a_map_is_made(client, scene, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "_command", worker_command)
    job = {**scene, "output": str(tmp_path / "map.tif")}
    other = {**job, "output": str(tmp_path / "other.tif")}
    run = Run(client, "segment", job)
    assert run.began.wait(120)
    seen = client.call("describe", {"input": scene["input"], "bands": "", "extent": None})
    assert (seen["count"], seen["width"], seen["height"]) == (5, 1024, 1024)
    assert sorted(seen["pictures"]) == ["1", "2", "3", "4", "5"]
    assert client.call("check", other)["tiles"] == 9
    with pytest.raises(BadInputError, match="outside the aerial raster") as caught:
        client.call("check", {**other, "extent": [0, 0, 1, 1]})
    assert caught.value.field == "extent"
    assert run.is_alive()
    run.enough.set()
    assert run.end().result["planned_tiles"] == 9


def test_a_map_that_is_cancelled_leaves_no_file_and_a_warm_worker(warm, scene, tmp_path):
    tiles = []
    with pytest.raises(CancelledError):
        warm.call(
            "segment",
            {**scene, "output": str(tmp_path / "map.tif")},
            on_tile=lambda transform, png: tiles.append(png),
            is_cancelled=lambda: bool(tiles),
        )
    assert tiles
    assert list(tmp_path.iterdir()) == []
    pid = warm.pid
    assert warm.call("echo")["pid"] == pid


def test_a_worker_that_is_killed_in_the_middle_of_a_map_leaves_no_map_and_the_next_run_makes_it(
    client, scene, tmp_path
):
    output, confidence = tmp_path / "map.tif", tmp_path / "confidence.tif"
    job = {**scene, "output": str(output), "confidence": str(confidence)}
    with pytest.raises(EngineDied, match="SIGKILL"):
        client.call("segment", job, on_tile=lambda transform, png: os.kill(client.pid, signal.SIGKILL))
    assert not output.exists() and not confidence.exists()
    assert client.call("segment", {**job, **QUICK})["output"] == str(output)
    assert output.is_file() and confidence.is_file()


def test_a_raster_that_is_missing_is_told_by_name(warm, scene, tmp_path):
    with pytest.raises(BadInputError, match="nulle part é"):
        warm.call(
            "segment", {**scene, "input": str(tmp_path / "nulle part é.tif"), "output": str(tmp_path / "map.tif")}
        )
    assert list(tmp_path.iterdir()) == []


def test_the_installed_models_are_listed_by_their_cards(client, scene, monkeypatch):
    monkeypatch.setattr(client, "_command", worker_command)
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(Path(scene["model"]).parent))
    titles = {card.id: card.title for card in client.call(MODELS, Nothing()).models}
    assert titles["untrained"] == "Untrained"


HOST = f"""
from __future__ import annotations
import time
from flair_landcover.contract.calls import HELLO, EngineCall, Nothing
from flair_landcover.runtime.client import EngineClient
from flair_landcover.runtime.environment import Engine, worker_command
from flair_landcover.tests.answers import Values, plain_call

EXTRA_CALLS = {EXTRA_CALLS!r}
{inspect.getsource(command_with_extra_calls)}
{inspect.getsource(PlainClient)}
client = PlainClient(command=command_with_extra_calls)
client.call(HELLO, Nothing())
"""


class Host:
    """A process of its own that uses the client as QGIS does, and prints the worker's process id first."""

    def __init__(self, code: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOST + code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        self.worker = int(self.process.stdout.readline())


def test_a_host_that_ends_without_closing_leaves_no_worker(engine_python):
    host = Host("print(client.pid, flush=True)")
    output, log = host.process.communicate(timeout=120)
    assert (host.process.returncode, output, log) == (0, "", "")
    assert gone(host.worker)


def test_a_host_that_is_killed_leaves_no_worker(engine_python):
    host = Host("print(client.pid, flush=True); time.sleep(3600)")
    host.process.kill()
    host.process.communicate(timeout=120)
    assert wait_until(lambda: gone(host.worker))


@pytest.mark.parametrize("call", ["work", "deaf"])
def test_a_host_that_is_killed_in_the_middle_of_a_call_leaves_no_worker(engine_python, tmp_path, call):
    output = tmp_path / "map.tif"
    tell = "lambda transform, png: print(client.pid, flush=True)"
    host = Host(f"client.call({call!r}, {{'output': {str(output)!r}}}, on_tile={tell})")
    host.process.kill()
    host.process.communicate(timeout=120)
    assert wait_until(lambda: gone(host.worker))
    assert not output.exists()
    assert not output.with_name("map.tif.part").exists()
