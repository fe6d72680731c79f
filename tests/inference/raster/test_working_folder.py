from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from flair_landcover.contract.atomic import PART, hidden_folder
from flair_landcover.inference.raster import working_folder as working
from flair_landcover.inference.raster.working_folder import WorkingFolder, discard_held, is_being_written

# Holds a working folder for map.tif until it is killed.
HOLDING = (
    "import sys, time; from pathlib import Path\n"
    "from flair_landcover.inference.raster.working_folder import WorkingFolder\n"
    "own = WorkingFolder(Path(sys.argv[1]), 'map.tif'); print('held', flush=True); time.sleep(60)"
)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_working_folder_is_hidden_and_gone_at_the_end(tmp_path):
    with WorkingFolder(tmp_path, "map.tif") as own:
        (own.path / "half.tif").write_text("half")
        assert [name.startswith(".map.tif.") for name in hidden(tmp_path)] == [True]
    assert hidden(tmp_path) == []


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_of_a_living_one(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        (theirs,) = hidden(tmp_path)
        with WorkingFolder(tmp_path, "map.tif"):
            assert theirs in hidden(tmp_path)
    finally:
        other.kill()
        other.wait()
    assert hidden(tmp_path) == [theirs]
    with WorkingFolder(tmp_path, "map.tif"):
        assert theirs not in hidden(tmp_path)


def test_another_thread_can_remove_what_a_run_that_does_not_stop_has_written(tmp_path):
    stop = threading.Event()

    def run() -> None:
        with WorkingFolder(tmp_path, "map.tif") as own:
            (own.path / "half.tif").write_text("half")
            stop.wait(30)

    thread = threading.Thread(target=run)
    thread.start()
    while not (hidden(tmp_path) and any(tmp_path.glob(".*/half.tif"))):
        time.sleep(0.01)
    discard_held()
    assert hidden(tmp_path) == []
    stop.set()
    thread.join()
    assert hidden(tmp_path) == [] and not working._held


def test_a_worker_that_is_busy_when_its_owner_goes_leaves_nothing(tmp_path):
    # A call that asks nobody whether to stop, as one that computes a tile for long.
    script = (
        "import io, os, sys, threading, time; from pathlib import Path\n"
        "from flair_landcover.engine import worker\n"
        "from flair_landcover.inference.raster.working_folder import WorkingFolder\n"
        "worker.GRACE_S, worker.PATIENCE_S = 1.5, 1.0\n"
        "own = WorkingFolder(Path(sys.argv[1]), 'map.tif')\n"
        "given = sys.stdin.buffer, None, worker.Lanes(worker.CallQueue(), worker.CallQueue())\n"
        "threading.Thread(target=worker._read, daemon=True, args=given).start()\n"
        "print('held', flush=True); time.sleep(60)"
    )
    busy = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert busy.stdout.readline() == "held\n"
    assert len(hidden(tmp_path)) == 1
    busy.stdin.close()
    assert busy.wait(timeout=50) != 0
    assert hidden(tmp_path) == []


@pytest.fixture(autouse=True)
def nothing_held_before():
    assert not working._held


def test_whether_another_run_writes_the_same_is_known_also_of_other_processes(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        assert is_being_written(tmp_path, "map.tif")
        assert not is_being_written(tmp_path, "map") and not is_being_written(tmp_path, "map.tif.image")
        with WorkingFolder(tmp_path, "map.tif") as own, WorkingFolder(tmp_path, "map.tif.image") as beside:
            assert not own.is_alone() and beside.is_alone()
    finally:
        other.kill()
        other.wait()
    assert not is_being_written(tmp_path, "map.tif")
    with WorkingFolder(tmp_path, "map.tif") as own:
        assert own.is_alone()


def test_what_a_killed_run_of_another_name_has_left_goes_after_a_day(tmp_path):
    names = ("old.tif", "new.tif", "foreign", "living")
    left = {name: tmp_path / f".{name}.abc{PART}" for name in names}
    for name, part in left.items():
        part.mkdir()
        if name != "foreign":  # somebody else's folder, which only is called so
            (part / "in-use").touch()
        (part / "working.tif").touch()
    yesterday = time.time() - 100_000
    for name in ("old.tif", "foreign", "living"):
        for path in (*left[name].iterdir(), left[name]):
            os.utime(path, (yesterday, yesterday))
    with FileLock(left["living"] / "in-use"), WorkingFolder(tmp_path, "map.tif"):
        assert [name for name in names if left[name].exists()] == ["new.tif", "foreign", "living"]


def test_a_folder_that_a_run_has_made_this_moment_is_left_alone_though_it_is_not_locked_yet(tmp_path):
    fresh = hidden_folder(tmp_path, "map.tif")
    with WorkingFolder(tmp_path, "map.tif") as own:
        assert own.is_alone() and list(fresh.iterdir()) == []
    assert not is_being_written(tmp_path, "map.tif") and list(fresh.iterdir()) == []
