"""The queue on a real worker with a small network: what is asked for runs, stops, is kept or fails."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsApplication, QgsTask
from qgis.PyQt.QtCore import QThreadPool, QTimer
from qgis.PyQt.QtGui import QImage

from flair_landcover.contract.notices import notice, stage
from flair_landcover.runtime.errors import BadInputError, EngineDied, EngineFailed
from flair_landcover.tests import qgis_side
from flair_landcover.tests.answers import segmentation_result
from flair_landcover.ui.run.run_queue import RunState

from .conftest import plain_request, wait_for

TILES = 36


def ended(queue) -> Callable[[], bool]:
    return lambda: not queue.runs


def test_a_run_ends_with_the_map_and_tells_of_it_on_the_main_thread(queue, request_for, long_aerial, tmp_path):
    queue, heard = queue
    run = queue.add(request_for(long_aerial))
    assert run.state is RunState.RUNNING and run.started.tzinfo is not None
    shares = []
    queue.progressed.connect(lambda told: shares.append(told.fraction))
    wait_for(ended(queue))
    assert heard.events == [("started", "ortho", RunState.RUNNING), ("ended", "ortho", RunState.DONE)]
    assert heard.threads == {threading.get_ident()}
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert run.result.output == str(tmp_path / "ortho.tif") and run.result.complete is True
    assert run.result.tiles == TILES and run.error is None and run.warnings
    assert qgis_side.read_pixels(tmp_path / "ortho.tif").shape == (1, 1100, 1100)


def test_finished_pieces_come_as_pictures_of_the_map(queue, request_for, long_aerial, tmp_path):
    queue, heard = queue
    run = queue.add(request_for(long_aerial))
    wait_for(ended(queue))
    assert len(heard.tiles) == run.tiles_done > 1
    labels = qgis_side.read_pixels(tmp_path / "ortho.tif")[0]
    colours = {value: tuple(bytes.fromhex(colour[1:])) for value, _, colour in run.result.classes}
    for _, (a, b, c, d, e, f), png in heard.tiles:
        picture = QImage.fromData(png, "PNG")
        column, row = picture.width() // 2, picture.height() // 2
        x, y = a * (column + 0.5) + b * (row + 0.5) + c, d * (column + 0.5) + e * (row + 0.5) + f
        at = int((qgis_side.TOP - y) / qgis_side.PIXEL_M), int((x - qgis_side.LEFT) / qgis_side.PIXEL_M)
        assert picture.pixelColor(column, row).getRgb()[:3] == colours[int(labels[at])]


def test_the_second_waits_for_the_first(queue, request_for, aerial, tmp_path):
    queue, heard = queue
    first, second = queue.add(request_for(aerial, "one")), queue.add(request_for(aerial, "two"))
    assert queue.runs == [first, second]
    assert (first.state, second.state) == (RunState.RUNNING, RunState.WAITING)
    assert QgsApplication.taskManager().count() == 1
    wait_for(ended(queue))
    assert heard.events == [
        ("started", "one", RunState.RUNNING),
        ("ended", "one", RunState.DONE),
        ("started", "two", RunState.RUNNING),
        ("ended", "two", RunState.DONE),
    ]
    assert Path(tmp_path / "one.tif").is_file() and Path(tmp_path / "two.tif").is_file()


def test_a_cancelled_run_stops_within_a_tile_and_leaves_no_file(queue, request_for, long_aerial, tmp_path):
    queue, heard = queue
    run = queue.add(request_for(long_aerial))
    tiles = []
    queue.progressed.connect(lambda told: tiles.append(told.stage.code))
    wait_for(lambda: run.tiles_done)
    queue.cancel(run)
    assert run.state is RunState.STOPPING
    seen = len([code for code in tiles if code == "tile"])
    wait_for(ended(queue))
    # The tile under way, and what had been told but not heard yet.
    assert len([code for code in tiles if code == "tile"]) <= seen + 12
    assert heard.events[-1] == ("ended", "ortho", RunState.CANCELLED)
    assert run.result is None and run.error is None
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_starts_after_a_cancelled_one(queue, request_for, long_aerial, aerial):
    queue, heard = queue
    first, _ = queue.add(request_for(long_aerial, "one")), queue.add(request_for(aerial, "two"))
    wait_for(lambda: first.fraction > 0)
    queue.cancel(first)
    wait_for(ended(queue))
    assert [event[1:] for event in heard.events if event[0] == "ended"] == [
        ("one", RunState.CANCELLED),
        ("two", RunState.DONE),
    ]


def test_what_is_done_can_be_kept(queue, request_for, long_aerial, tmp_path):
    queue, heard = queue
    run = queue.add(request_for(long_aerial))
    wait_for(lambda: run.tiles_done)
    queue.keep(run)
    assert run.state is RunState.STOPPING and run.kept
    wait_for(ended(queue))
    assert heard.events[-1] == ("ended", "ortho", RunState.DONE)
    assert run.result.complete is False and 0 < run.result.tiles < TILES == run.result.planned_tiles
    labels = qgis_side.read_pixels(tmp_path / "ortho.tif")[0]
    assert 0 < np.count_nonzero(labels) < labels.size


def test_who_wants_to_keep_may_still_cancel(held_queue, held):
    queue, heard = held_queue
    run = queue.add(plain_request())
    queue.keep(run)
    queue.cancel(run)
    assert run.state is RunState.STOPPING and not run.kept
    wait_for(ended(queue))
    assert heard.events[-1][2] is RunState.CANCELLED


def test_a_waiting_run_is_taken_out_at_once(held_queue, held):
    queue, heard = held_queue
    first, second = queue.add(plain_request("one")), queue.add(plain_request("two"))
    queue.cancel(second)
    assert queue.runs == [first] and second.state is RunState.CANCELLED
    assert heard.events[-1] == ("ended", "two", RunState.CANCELLED)
    held.end = {"complete": True}
    wait_for(ended(queue))
    assert len(held.jobs) == 1


def test_what_is_over_can_neither_be_cancelled_nor_kept(held_queue, held):
    queue, heard = held_queue
    run = queue.add(plain_request())
    held.end = {"complete": True}
    wait_for(ended(queue))
    queue.cancel(run)
    queue.keep(run)
    assert run.state is RunState.DONE and heard.events[-1][2] is RunState.DONE


def test_a_killed_worker_fails_its_run_with_a_sentence_and_the_next_gets_a_new_one(
    queue, client, request_for, long_aerial, aerial, tmp_path
):
    queue, heard = queue
    first, second = queue.add(request_for(long_aerial, "one")), queue.add(request_for(aerial, "two"))
    wait_for(lambda: first.tiles_done)
    pid = client.pid
    os.kill(pid, signal.SIGKILL)
    wait_for(ended(queue))
    assert [event[1:] for event in heard.events if event[0] == "ended"] == [
        ("one", RunState.FAILED),
        ("two", RunState.DONE),
    ]
    assert isinstance(first.error, EngineDied) and "SIGKILL" in str(first.error)
    assert client.pid not in (None, pid)
    assert not (tmp_path / "one.tif").exists() and (tmp_path / "two.tif").is_file()
    assert second.error is None


def test_bad_input_fails_with_the_engines_sentence(queue, request_for, tmp_path):
    queue, _ = queue
    run = queue.add(request_for(tmp_path / "missing.tif"))
    wait_for(ended(queue))
    assert run.state is RunState.FAILED and isinstance(run.error, BadInputError)
    assert "missing.tif" in str(run.error)


def test_an_error_of_the_plugin_itself_fails_the_run_with_its_traceback(held_queue, held):
    queue, heard = held_queue
    run = queue.add(plain_request())
    held.end = KeyError("lost")
    wait_for(ended(queue))
    assert heard.events[-1][2] is RunState.FAILED
    assert isinstance(run.error, EngineFailed) and "Traceback" in run.error.detail and "lost" in str(run.error)


def test_warnings_are_kept_with_the_run(held_queue, held):
    queue, _ = held_queue
    run = queue.add(plain_request())
    held.tell("warning", notice("no_infrared"))
    held.tell("warning", notice("no_elevation"))
    wait_for(lambda: len(run.warnings) == 2)
    assert run.warnings == [notice("no_infrared"), notice("no_elevation")]


def test_a_run_cancelled_in_the_list_of_qgis_counts_as_cancelled(held_queue, held):
    queue, heard = held_queue
    run = queue.add(plain_request())
    assert held.in_call.wait(60)
    held.deaf = True
    (task,) = QgsApplication.taskManager().tasks()
    task.cancel()
    assert run.state is RunState.STOPPING
    held.deaf = False
    wait_for(ended(queue))
    assert heard.events[-1] == ("ended", "ortho", RunState.CANCELLED)


def test_a_run_cancelled_before_its_thread_begins_never_reaches_the_engine(held_queue, held):
    queue, heard = held_queue
    # Every thread of QGIS is taken.
    pool, gate = QThreadPool.globalInstance(), threading.Event()
    threads = [QgsTask.fromFunction(f"busy {i}", lambda task: gate.wait(60)) for i in range(pool.maxThreadCount())]
    for task in threads:
        QgsApplication.taskManager().addTask(task)
    wait_for(lambda: pool.activeThreadCount() >= pool.maxThreadCount())
    run = queue.add(plain_request())
    mine = next(task for task in QgsApplication.taskManager().tasks() if "ortho" in task.description())
    mine.cancel()
    assert run.state is RunState.CANCELLED and queue.runs == []
    gate.set()
    wait_for(lambda: not QgsApplication.taskManager().tasks())
    assert heard.events[-1] == ("ended", "ortho", RunState.CANCELLED) and held.jobs == []


def test_the_task_says_what_runs_and_how_far(held_queue, held):
    queue, _ = held_queue
    queue.add(plain_request("ortho_2021", "U-T&T starter"))
    held.tell("progress", 0.25, stage("tile", number=1, total=4), 3.0)
    (task,) = QgsApplication.taskManager().tasks()
    wait_for(lambda: task.progress() == 25)
    assert "ortho_2021" in task.description() and "U-T&T starter" in task.description()
    assert task.canCancel()


def test_a_run_takes_no_thread_away_from_others(held_queue, held):
    queue, _ = held_queue
    pool = QThreadPool.globalInstance()
    count = pool.maxThreadCount()
    pool.setMaxThreadCount(1)
    try:
        queue.add(plain_request())
        assert held.in_call.wait(60)
        ran = threading.Event()
        task = QgsTask.fromFunction("other", lambda task: ran.set())
        QgsApplication.taskManager().addTask(task)
        assert ran.wait(60)
        held.end = {"complete": True}
        wait_for(ended(queue))
        wait_for(lambda: pool.activeThreadCount() == 0)
    finally:
        pool.setMaxThreadCount(count)


def test_the_main_thread_is_never_waited_for(queue, request_for, long_aerial):
    queue, _ = queue
    turns = []
    timer = QTimer()
    timer.timeout.connect(lambda: turns.append(time.monotonic()))
    timer.start(20)
    run = queue.add(request_for(long_aerial))
    wait_for(lambda: run.tiles_done)
    before = len(turns)
    wait_for(ended(queue))
    timer.stop()
    assert before > 1 and len(turns) > before


def test_a_closed_queue_says_nothing_more_and_takes_nothing(held_queue, held):
    queue, heard = held_queue
    first, second = queue.add(plain_request("one")), queue.add(plain_request("two"))
    held.tell("tile", (1.0, 0, 0, 0, 1.0, 0), b"png")
    wait_for(lambda: heard.tiles)
    changes = []
    queue.changed.connect(lambda: changes.append(1))
    held.deaf = True
    queue.close()
    queue.close()
    held.tell("tile", (1.0, 0, 0, 0, 1.0, 0), b"png")
    held.tell("progress", 0.5, stage("tile", number=1, total=2), 1.0)
    held.tell("warning", notice("empty_map"))
    held.end = {"complete": True}
    wait_for(lambda: not QgsApplication.taskManager().tasks())
    assert queue.runs == [] and not changes and len(heard.tiles) == 1
    assert heard.events == [("started", "one", RunState.RUNNING)]
    assert first.state is second.state is RunState.CANCELLED and not first.warnings and len(held.jobs) == 1
    with pytest.raises(RuntimeError):
        queue.add(plain_request())


def test_closing_a_queue_ends_the_run_in_the_worker(
    queue, client, request_for, long_aerial, aerial, tmp_path, make_queue
):
    queue, _ = queue
    run = queue.add(request_for(long_aerial))
    wait_for(lambda: run.tiles_done)
    queue.close()
    assert run.state is RunState.CANCELLED
    wait_for(lambda: not QgsApplication.taskManager().tasks())
    assert list(tmp_path.iterdir()) == []
    # The same worker takes the next queue's run.
    pid = client.pid
    other, heard = make_queue(client)
    other.add(request_for(aerial, "next"))
    wait_for(ended(other))
    assert heard.events[-1] == ("ended", "next", RunState.DONE) and client.pid == pid


def test_what_is_added_while_a_run_ends_runs_next(held_queue, held):
    queue, heard = held_queue
    queue.add(plain_request("one"))

    def again(run):
        if run.request.name == "one":
            queue.add(plain_request("two"))
        held.end = {"complete": True}

    queue.ended.connect(again)
    held.end = {"complete": True}
    wait_for(lambda: len(heard.events) == 4)
    assert [name for _, name, _ in heard.events] == ["one", "one", "two", "two"]


def test_a_result_that_came_before_the_cancel_is_not_thrown_away(held_queue, held):
    queue, heard = held_queue
    held.deaf = True
    run = queue.add(plain_request())
    queue.cancel(run)
    held.end = {"complete": True}
    wait_for(ended(queue))
    assert heard.events[-1][2] is RunState.DONE and run.result == segmentation_result(complete=True)


@pytest.mark.parametrize("how", ["done", "failed", "cancelled"])
def test_who_asked_for_a_run_hears_how_it_ended_after_all_listeners(held_queue, held, how):
    queue, heard = held_queue
    told, failure = [], EngineDied("The engine was killed.", "")
    cancel = queue.add_watched(plain_request(), lambda done, error: told.append((done, error, heard.events[-1][0])))
    assert held.in_call.wait(60)
    if how == "cancelled":
        cancel()
    else:
        held.end = {"complete": True} if how == "done" else failure
    wait_for(lambda: told)
    assert told == [(how == "done", failure if how == "failed" else None, "ended")]
