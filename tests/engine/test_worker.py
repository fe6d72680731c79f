"""The worker as a real process, driven over its standard input and output."""

from __future__ import annotations

import importlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from flair_landcover.contract.cards import ModelCard
from flair_landcover.engine.failures import failure_sentence
from flair_landcover.models.networks.build import build_network
from flair_landcover.runtime.environment import Engine, child_environment, package_folder, worker_command
from flair_landcover.tests.answers import epoch
from flair_landcover.tests.engine.hub_server import running_hub

from ..inference.conftest import picture, write_raster
from ..inference.sentinel2.made_series import write_date

# Calls that the tests need beside the engine's own; they are added to a real worker.
EXTRA_CALLS = """
import os, signal, subprocess, sys, time
from flair_landcover.engine import worker
from flair_landcover.engine.calls import serves
from flair_landcover.tests.answers import Values, epoch, plain_call
from flair_landcover.contract.errors import BadInput, Cancelled
from flair_landcover.contract.notices import notice, stage

signal.signal(getattr(signal, "SIGHUP", signal.SIGTERM), signal.SIG_DFL)  # where the tests run under nohup

def wait(params, report):
    report.warning(notice("empty_map"))
    while not report.cancelled():
        time.sleep(0.01)
    raise Cancelled()

def deaf(params, report):
    worker.GRACE_S, worker.PATIENCE_S = 1.5, 1.0  # nobody waits for the usual ones
    report.warning(notice("empty_map"))
    time.sleep(3600)

def noise(params, report):
    print("print from Python")
    sys.__stdout__.write("straight to the old stream")
    sys.__stdout__.flush()
    os.write(1, b"straight to the descriptor without an end of line")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return Values({"read": sys.stdin.read(), "read_descriptor": os.read(0, 10).decode()})

def many(params, report):
    for i in range(5000):
        report.progress(i / 5000, stage("tile", number=i, total=5000), 5000 - i)
    report.progress(1, stage("writing"))
    report.tile((0.2, 0, 1, 0, -0.2, 2), b"picture")
    report.epoch(epoch(1, 0.5))
    return Values({})

def fail(params, report):
    raise eval(params.values["error"])

def unsendable(params, report):
    return Values({"value": object()})

def echo(params, report):
    return params

def keep(params, report):
    report.warning(notice("empty_map"))
    while not report.enough():
        if report.cancelled():
            raise Cancelled()
        time.sleep(0.01)
    return Values({"kept": True})

def loaded(params, report):
    return Values({name: name in sys.modules for name in params.values["names"]})

for call in (wait, deaf, noise, many, fail, unsendable, echo, keep, loaded):
    serves(plain_call(call.__name__))(call)
for call in (wait, echo, deaf):
    serves(plain_call("quick_" + call.__name__, quick=True))(call)
"""


class Worker:
    """A worker process and the messages that it sends."""

    def __init__(self, folder: Path | None = None, extra: bool = True) -> None:
        command = worker_command(Engine(sys.executable, "this test"), folder)
        if extra:
            command[-1] = command[-1].replace("sys.exit(main())", f"{EXTRA_CALLS}\nsys.exit(main())")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(),
        )
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self._stdin, self._stdout, self._stderr = self.process.stdin, self.process.stdout, self.process.stderr
        self.messages: queue.SimpleQueue = queue.SimpleQueue()
        self.log: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_log)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        for line in self._stdout:
            self.messages.put(json.loads(line))

    def _read_log(self) -> None:
        for line in self._stderr:
            self.log.append(line.decode("utf-8"))

    def send(self, **message) -> None:
        self.send_line(json.dumps(message).encode())

    def send_line(self, line: bytes) -> None:
        self._stdin.write(line + b"\n")
        self._stdin.flush()

    def receive(self) -> dict:
        return self.messages.get(timeout=120)

    def until(self, field: str) -> list[dict]:
        """The messages up to and with the first that has `field`."""
        seen = [self.receive()]
        while field not in seen[-1]:
            seen.append(self.receive())
        return seen

    def end(self) -> int:
        """Close standard input and wait for the exit status."""
        self._stdin.close()
        status = self.process.wait(timeout=120)
        for reader in self._readers:
            reader.join(timeout=120)
        return status


@pytest.fixture
def worker():
    started = Worker()
    yield started
    started.process.kill()
    started.process.wait()


def test_hello_tells_versions_and_devices(worker):
    import rasterio

    worker.send(id=1, call="hello", params={})
    assert worker.receive() == {
        "id": 1,
        "progress": 0.0,
        "stage": {"code": "started", "values": {}},
        "remaining_s": None,
    }
    result = worker.until("result")[-1]["result"]
    assert set(result["versions"]) == {"plugin", "python", "torch", "rasterio", "smp"}
    assert result["versions"]["torch"] == torch.__version__
    assert result["versions"]["rasterio"] == rasterio.__version__
    assert result["devices"][-1]["id"] == "cpu" and result["devices"][-1]["name"]
    assert Path(result["folder"]) == package_folder()
    assert worker.end() == 0


def test_it_starts_without_the_heavy_libraries(worker):
    worker.send(id=1, call="fail", params={"error": "BadInput(str({'torch', 'rasterio', 'numpy'} & set(sys.modules)))"})
    assert worker.until("error")[-1]["error"]["message"] == "set()"


def test_fields_that_it_does_not_know_do_not_disturb(worker):
    worker.send(id=1, call="echo", params={"a": 1}, priority="high", version=99)
    assert worker.until("result")[-1] == {"id": 1, "result": {"a": 1}}


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe rubbish",
        b'{"id": ' + b"9" * 5000 + b', "call": "hello"}',
        b'{"id": 1, "call": "echo", "params": {"extent": [' + b"9" * 5000 + b"]}}",
        b"[" * 100_000,
        b'{"id": 1e400, "call": "hello"}',
    ],
    ids=["no UTF-8", "id of 5,000 digits", "number of 5,000 digits", "nested deep", "infinite id"],
)
def test_a_line_that_is_no_message_is_answered_and_the_next_one_served(worker, line):
    worker.send_line(line)
    refusal = worker.receive()
    assert refusal["id"] is None and refusal["error"]["kind"] == "bad_input"
    worker.send(id=7, call=None)
    refusal = worker.receive()
    assert refusal["id"] == 7 and refusal["error"]["kind"] == "bad_input"
    worker.send(id=8, call="echo", params={})
    assert worker.until("result")[-1]["id"] == 8


def test_an_unknown_call_is_bad_input(worker):
    worker.send(id=1, call="brew", params={})
    error = worker.until("error")[-1]["error"]
    assert error["kind"] == "bad_input" and "brew" in error["message"]


def test_bad_input_comes_with_its_sentence(worker):
    worker.send(id=1, call="segment", params={"input": "a.tif", "output": "b.tif", "colour": "red"})
    error = worker.until("error")[-1]["error"]
    assert error["kind"] == "bad_input"
    assert error["message"] == "The job holds a setting that this version does not know: colour. Remove it."


def test_bad_input_comes_with_the_setting_that_it_is_about(worker, small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 64, 64).astype(np.uint8))
    job = {"input": str(raster), "output": str(tmp_path / "map.tif"), "model": str(small_model)}
    for id, (call, params, field) in enumerate(
        [
            ("segment", {**job, "extent": [0, 0, 1, 1]}, "extent"),
            ("check", {**job, "mask": []}, "mask"),
            ("check", {**job, "model": "nowhere"}, "model"),
            ("check", {"input": str(raster)}, "output"),
            ("describe", {"input": str(raster), "bands": "R=1", "extent": None}, "bands"),
            ("describe", {"bands": ""}, "input"),
            ("series", job, "sentinel2"),
            ("series", {**job, "sentinel2": "nowhere"}, "sentinel2"),
        ]
    ):
        worker.send(id=id, call=call, params=params)
        error = worker.until("error")[-1]["error"]
        assert (error["kind"], error["field"]) == ("bad_input", field)


def test_rasters_are_described_and_jobs_checked_without_torch(worker, small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 200, 200).astype(np.uint8))
    worker.send(id=1, call="describe", params={"input": str(raster), "bands": "", "extent": None})
    assert sorted(worker.until("result")[-1]["result"]["pictures"]) == ["1", "2", "3"]
    job = {"input": str(raster), "output": str(tmp_path / "map.tif"), "model": str(small_model)}
    worker.send(id=2, call="check", params=job)
    assert worker.until("result")[-1]["result"]["tiles"] == 4
    write_date(tmp_path / "s", "2021-05-15", clouds=np.zeros((80, 80)))
    worker.send(id=4, call="series", params={**job, "sentinel2": str(tmp_path / "s")})
    assert worker.until("result")[-1]["result"] == {
        "kind": "folder",
        "dates": [{"date": "2021-05-15", "name": "2021-05-15.tif", "clear": 1.0, "state": "clear"}],
        "months": 1,
        "warnings": [],
    }
    worker.send(id=3, call="loaded", params={"names": ["rasterio", "torch"]})
    assert worker.until("result")[-1]["result"] == {"rasterio": True, "torch": False}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "s"]


def test_models_are_recognised_and_imported(small_model, tmp_path, monkeypatch):
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "library"))
    worker = Worker()
    try:
        worker.send(id=1, call="recognise", params={"path": str(small_model)})
        found = worker.until("result")[-1]["result"]
        assert (found["kind"], found["path"], found["card"]["id"]) == ("folder", str(small_model), "small")
        assert found["size_bytes"] > 1e6 and not (tmp_path / "library").exists()
        worker.send(id=2, call="import_model", params={"path": str(small_model), "title": "Petit"})
        card = worker.until("result")[-1]["result"]["card"]
        assert card == {**found["card"], "title": "Petit"}
        assert (tmp_path / "library" / "small" / "card.json").is_file()
        for id, (call, params, field) in enumerate(
            [("recognise", {"path": "nowhere.zip"}, "model"), ("import_model", {"title": "x"}, "path")], start=3
        ):
            worker.send(id=id, call=call, params=params)
            error = worker.until("error")[-1]["error"]
            assert (error["kind"], error["field"]) == ("bad_input", field)
        assert worker.end() == 0
    finally:
        worker.process.kill()
        worker.process.wait()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A model hub that the worker is told of, and an empty library."""
    pytest.importorskip("huggingface_hub")
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "library"))
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


def is_fetching(message: dict) -> bool:
    return "progress" in message and message["stage"]["code"] == "fetched_of"


def test_a_model_is_fetched_from_the_hub_into_the_library_with_progress(hub, tmp_path):
    colours = {"inputs": ("red", "green", "blue"), "means": (0.0,) * 3, "stds": (1.0,) * 3, "fill": {}}
    outputs = (*range(1, 14), *(0,) * 6)
    network = build_network(ModelCard("x", "x", "smp:Unet:mit_b0", **colours, outputs=outputs))
    torch.save({f"model.seg_model.{n}": w for n, w in network.state_dict().items()}, tmp_path / "weights.pth")
    name = "IGNF/FLAIR-INC_rgb_12cl_small"
    hub.files[f"{name}/FLAIR-INC_rgb_12cl_small_weights.pth"] = (tmp_path / "weights.pth").read_bytes()
    hub.pause_s = 0.01
    worker = Worker()
    try:
        worker.send(id=1, call="fetch_model", params={"hub_id": name})
        messages = worker.until("result")
        told = [m["progress"] for m in messages if is_fetching(m)]
        assert len(told) > 1 and told == sorted(told) and 0 < told[-1] < 1
        card = messages[-1]["result"]["card"]
        assert (card["title"], card["architecture"]) == ("FLAIR-INC_rgb_12cl_small", "smp:Unet:mit_b0")
        assert card["licence"] and name in card["source"]
        kept = json.loads((tmp_path / "library" / card["id"] / "card.json").read_text(encoding="utf-8"))
        assert kept == card and sum(value > 0 for value in card["outputs"]) == 12
        cache = tmp_path / "library" / "published" / name.replace("/", "--")
        assert [path.suffix for path in cache.iterdir()] == [".json"]  # the library has the weights now
        assert worker.end() == 0
    finally:
        worker.process.kill()
        worker.process.wait()


def test_a_fetch_is_cancelled_and_bad_ones_are_refused(hub, tmp_path):
    name = "IGNF/FLAIR-INC_rgb_12cl_small"
    hub.files[f"{name}/FLAIR-INC_rgb_12cl_small_weights.pth"] = bytes(8_000_000)
    hub.pause_s = 0.1
    worker = Worker()
    try:
        worker.send(id=1, call="fetch_model", params={"hub_id": name})
        while not is_fetching(worker.receive()):
            pass
        worker.send(id=1, cancel=True)
        assert worker.until("error")[-1]["error"]["kind"] == "cancelled"
        for id, (params, field) in enumerate([({}, "hub_id"), ({"hub_id": "IGNF/nothing"}, "model")], start=2):
            worker.send(id=id, call="fetch_model", params=params)
            error = worker.until("error")[-1]["error"]
            assert (error["kind"], error["field"]) == ("bad_input", field)
        assert not list((tmp_path / "library").glob("*/card.json"))
        assert worker.end() == 0
    finally:
        worker.process.kill()
        worker.process.wait()


def test_all_calls_at_once_load_the_libraries_in_good_order(worker, small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 200, 200).astype(np.uint8))
    job = {"input": str(raster), "output": str(tmp_path / "map.tif"), "model": str(small_model), "device": "cpu"}
    worker.send(id=1, call="segment", params=job)
    worker.send(id=2, call="hello", params={})
    worker.send(id=3, call="check", params=job)
    worker.send(id=4, call="describe", params={"input": str(raster)})
    ended = {}
    while len(ended) < 4:
        message = worker.receive()
        assert "error" not in message
        if "result" in message:
            ended[message["id"]] = message["result"]
    assert ended[3]["tiles"] == ended[1]["tiles"] == 4
    assert ended[1]["complete"] is True


def test_an_error_comes_with_its_traceback_and_the_next_call_is_served(worker):
    worker.send(id=1, call="fail", params={"error": "ZeroDivisionError('é')"})
    error = worker.until("error")[-1]["error"]
    assert error["kind"] == "failed"
    assert "ZeroDivisionError: é" in error["message"]
    assert "Traceback" in error["detail"] and "in fail" in error["detail"]
    worker.send(id=2, call="echo", params={})
    assert worker.until("result")[-1]["id"] == 2


def test_a_library_that_wants_to_quit_does_not_end_the_worker(worker):
    worker.send(id=1, call="fail", params={"error": "SystemExit(3)"})
    assert worker.until("error")[-1]["error"]["kind"] == "failed"
    worker.send(id=2, call="echo", params={})
    assert worker.until("result")[-1]["id"] == 2


def test_a_result_that_json_cannot_hold_is_a_failure(worker):
    worker.send(id=1, call="unsendable", params={})
    error = worker.until("error")[-1]["error"]
    assert error["kind"] == "failed" and "TypeError" in error["message"]


@pytest.mark.parametrize("name", ["été 日本.tif", b"not utf-8 \xff.tif".decode("utf-8", "surrogateescape")])
def test_file_names_survive_both_ways(worker, name):
    worker.send(id=1, call="echo", params={"input": name})
    assert worker.until("result")[-1]["result"] == {"input": name}


def test_stray_prints_go_to_the_log_and_standard_input_stays_ours(worker):
    worker.send(id=1, call="noise", params={})
    assert worker.until("result")[-1]["result"] == {"read": "", "read_descriptor": ""}
    worker.send(id=2, call="echo", params={})
    assert worker.until("result")[-1]["id"] == 2
    assert worker.end() == 0
    log = "".join(worker.log)
    for text in ("print from Python", "to the old stream", "to the descriptor", "from a child"):
        assert text in log


def test_progress_is_thinned_out_but_the_last_arrives(worker):
    worker.send(id=1, call="many", params={})
    messages = worker.until("result")
    progress = [message for message in messages if "progress" in message]
    assert len(progress) < 1000
    assert progress[-1] == {"id": 1, "progress": 1.0, "stage": {"code": "writing", "values": {}}, "remaining_s": None}
    assert {"id": 1, "tile": {"transform": [0.2, 0.0, 1.0, 0.0, -0.2, 2.0], "png": "cGljdHVyZQ=="}} in messages
    assert {"id": 1, "epoch": epoch(1, 0.5).to_dict()} in messages


def test_a_cancel_stops_the_running_call_and_no_other(worker):
    worker.send(id=1, call="wait", params={})
    worker.until("warning")
    worker.send(id=2, call="echo", params={})
    worker.send(id=1, cancel=True)
    stopped = worker.until("error")[-1]
    assert stopped["id"] == 1 and stopped["error"]["kind"] == "cancelled"
    assert worker.until("result")[-1]["id"] == 2


def test_a_call_that_waits_is_cancelled_at_once_and_never_runs(worker):
    worker.send(id=1, call="wait", params={})
    worker.until("warning")
    worker.send(id=2, call="echo", params={})
    worker.send(id=2, cancel=True)
    answer = worker.receive()
    assert answer["id"] == 2 and answer["error"]["kind"] == "cancelled"
    worker.send(id=1, cancel=True)
    assert worker.receive()["id"] == 1
    worker.send(id=3, call="echo", params={})
    assert {message["id"] for message in worker.until("result")} == {3}


def test_a_quick_call_is_answered_while_another_runs_and_goes_on(worker):
    worker.send(id=1, call="wait", params={})
    worker.until("warning")
    for id in (2, 3):
        worker.send(id=id, call="quick_echo", params={"a": id})
        assert worker.until("result")[-1] == {"id": id, "result": {"a": id}}
    worker.send(id=1, cancel=True)
    assert worker.receive()["id"] == 1


def test_two_quick_calls_run_beside_each_other_and_the_third_waits(worker):
    for id in (1, 2):
        worker.send(id=id, call="quick_wait", params={})
        worker.until("warning")
    worker.send(id=3, call="quick_echo", params={})
    worker.send(id=2, cancel=True)
    assert [(message["id"], *message["error"]) for message in worker.until("error") if "error" in message] == [
        (2, "kind", "message", "detail", "field")
    ]
    assert worker.until("result")[-1]["id"] == 3
    worker.send(id=1, cancel=True)
    assert worker.until("error")[-1]["id"] == 1


def test_a_cancel_of_a_quick_call_leaves_the_one_that_runs_alone_and_the_other_way_round(worker):
    worker.send(id=1, call="wait", params={})
    worker.until("warning")
    worker.send(id=2, call="quick_wait", params={})
    worker.until("warning")
    worker.send(id=2, cancel=True)
    assert worker.receive()["id"] == 2
    worker.send(id=3, call="quick_wait", params={})
    worker.until("warning")
    worker.send(id=1, cancel=True)
    assert worker.receive()["id"] == 1
    worker.send(id=4, call="echo", params={})
    assert {message["id"] for message in worker.until("result")} == {4}
    worker.send(id=3, cancel=True)
    assert worker.receive()["error"]["kind"] == "cancelled"


def test_enough_ends_the_running_call_with_what_it_has(worker):
    worker.send(id=1, call="keep", params={})
    worker.until("warning")
    worker.send(id=1, enough=True)
    assert worker.until("result")[-1] == {"id": 1, "result": {"kept": True}}
    worker.send(id=2, call="keep", params={})
    worker.until("warning")  # the one before it had enough, this one has not
    worker.send(id=2, cancel=True)
    assert worker.receive()["error"]["kind"] == "cancelled"


def test_enough_of_a_call_that_waits_is_a_cancel(worker):
    worker.send(id=1, call="wait", params={})
    worker.until("warning")
    worker.send(id=2, call="keep", params={})
    worker.send(id=2, enough=True)
    answer = worker.receive()
    assert answer["id"] == 2 and answer["error"]["kind"] == "cancelled"
    worker.send(id=1, cancel=True)
    assert worker.receive()["id"] == 1


def test_a_cancel_that_comes_too_late_does_nothing(worker):
    worker.send(id=1, call="echo", params={})
    worker.until("result")
    worker.send(id=1, cancel=True)
    worker.send(id=2, call="echo", params={})
    assert {message["id"] for message in worker.until("result")} == {2}


def test_it_ends_when_standard_input_closes(worker):
    assert worker.end() == 0


def test_it_cancels_what_runs_when_standard_input_closes(worker):
    worker.send(id=1, call="wait", params={})
    worker.until("warning")
    worker.send(id=2, call="echo", params={})
    assert worker.end() == 0
    assert worker.receive()["error"]["kind"] == "cancelled"
    assert worker.messages.empty()


def test_it_cancels_quick_calls_too_when_standard_input_closes(worker):
    worker.send(id=1, call="quick_wait", params={})
    worker.until("warning")
    assert worker.end() == 0
    assert worker.receive()["error"]["kind"] == "cancelled"


def test_it_ends_with_standard_input_also_where_a_quick_call_does_not_stop(worker):
    worker.send(id=1, call="quick_deaf", params={})
    worker.until("warning")
    assert worker.end() != 0


def test_it_ends_with_standard_input_also_where_the_call_does_not_stop(worker):
    worker.send(id=1, call="deaf", params={})
    worker.until("warning")
    assert worker.end() != 0
    assert "in deaf" in "".join(worker.log)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no interrupt to a process that has no console")
def test_an_interrupt_from_the_terminal_is_left_to_qgis(worker):
    import signal

    worker.send(id=1, call="wait", params={})
    worker.until("warning")
    worker.process.send_signal(signal.SIGINT)
    worker.send(id=1, cancel=True)
    assert worker.until("error")[-1]["error"]["kind"] == "cancelled"
    assert worker.end() == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("call, clean", [("wait", True), ("quick_wait", True), ("deaf", False)])
def test_a_signal_to_end_cancels_what_runs_and_ends_it_also_where_the_call_does_not_stop(worker, name, call, clean):
    import signal

    worker.send(id=1, call=call, params={})
    worker.until("warning")
    worker.process.send_signal(signal.Signals[name])
    assert (worker.process.wait(timeout=60) == 0) == clean
    if clean:
        assert worker.receive()["error"]["kind"] == "cancelled"


def test_it_runs_the_code_of_the_folder_that_started_it(tmp_path):
    folder = tmp_path / "mon extension é"
    for room in ("contract", "engine", "finetune", "inference", "models"):
        shutil.copytree(package_folder() / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(package_folder() / "__init__.py", folder)
    (folder / "metadata.txt").write_text("[general]\nname=FLAIR\nversion=99.1\n")
    worker = Worker(folder, extra=False)
    worker.send(id=1, call="hello", params={})
    result = worker.until("result")[-1]["result"]
    assert result["versions"]["plugin"] == "99.1"
    assert result["folder"] == str(folder)
    assert worker.end() == 0


def test_running_out_of_memory_says_what_to_do():
    import torch

    with pytest.raises(MemoryError) as too_large:
        np.empty(1 << 60, np.uint8)
    assert "close other programs" in failure_sentence(too_large.value)
    with pytest.raises(RuntimeError) as too_large:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert "close other programs" in failure_sentence(too_large.value)
    assert "choose the device cpu" in failure_sentence(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried"))
    assert "choose the device cpu" in failure_sentence(RuntimeError("MPS backend out of memory (MPS allocated"))


def test_an_incomplete_environment_says_what_to_do():
    with pytest.raises(ImportError) as missing:
        importlib.import_module("flair_landcover.no_such_module")
    assert "no_such_module" in failure_sentence(missing.value)
    assert "pip" in failure_sentence(missing.value)
