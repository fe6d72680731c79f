"""The plugin as QGIS takes it up and lets it go."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

PRESENT = {
    "menu": [
        "Land cover of an aerial image",
        "Fine-tune the model…",
        "In Processing, for many images…",
        "Models…",
        "Engine…",
    ],
    "toolbar": ["Land cover of an aerial image"],
    "icons": [True],
    "buttons": 1,
    "actions": [
        "flairLandCoverBatch",
        "flairLandCoverDock",
        "flairLandCoverEngineAction",
        "flairLandCoverFinetuneAction",
        "flairLandCoverLayer",
        "flairLandCoverModelsAction",
    ],
    "docks": 0,
    "provider": {"name": "FLAIR Land Cover", "icon": True},
    "algorithms": ["flair:engine", "flair:fetcharea", "flair:finetune", "flair:segment"],
    "active": True,
}
ABSENT: dict = {
    "menu": None,
    "toolbar": [],
    "icons": [],
    "buttons": 0,
    "actions": [],
    "docks": 0,
    "provider": None,
    "algorithms": [],
    "active": False,
}


def test_qgis_shows_the_plugin_in_its_menu_toolbar_and_toolbox(window):
    assert window["enabled"] == PRESENT


def test_switching_the_plugin_on_imports_no_library_of_the_engine(startup):
    assert startup["heavy"] == [] and startup["plugin_ms"] > 0


def test_unloading_takes_everything_away_and_ends_the_worker(window):
    assert window["worker"] is True
    assert window["worker_after_unload"] is False
    assert window["unloaded"] == ABSENT


def test_the_plugin_loads_again_after_it_was_unloaded(window):
    assert window["loads_again"] is True
    assert window["again"] == PRESENT


def test_loading_and_unloading_twenty_times_leaves_nothing_behind(loads):
    assert loads["half_done"] == 4 and loads["workers_left"] == []
    assert loads["absent_after"] == loads["absent_before"] == ABSENT
    assert loads["after"] == loads["before"]
    assert loads["before"]["threads"] == loads["before"]["processes"] == loads["before"]["files"] == []
    assert loads["layer_there"] is True


@pytest.mark.parametrize("closing", ["closed", "quit", "killed"], indirect=True)
def test_when_qgis_ends_in_the_middle_of_a_run_nothing_is_left_running(closing):
    for _ in range(100):
        if not Path(f"/proc/{closing['pid']}").exists():
            break
        time.sleep(0.1)
    assert not Path(f"/proc/{closing['pid']}").exists()
    assert not (Path(closing["folder"]) / "map.tif").exists()
    if closing["ending"] != "killed":
        assert closing["status"] == 0
        assert not list(Path(closing["folder"]).glob(".map.tif*"))
        assert (Path(closing["folder"]) / "crash.txt").read_text() == ""
