"""From an empty QGIS profile to a map, by mouse and keyboard in a real window (see tests/window/engine.py)."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")


def test_without_an_engine_the_dock_offers_to_install_it_and_processing_says_where(installing):
    assert "The engine that runs the network is not installed yet" in installing["refused"]
    assert installing["offer"] == "Install the engine…"
    able, sentence = installing["can_execute"]
    assert able is False and "Raster > FLAIR Land Cover > Engine" in sentence


def test_the_window_says_what_will_happen(installing):
    assert "The engine is not installed yet." in installing["empty"] and "2 GB" in installing["empty"]
    assert installing["blocks"] is False


def test_the_engine_comes_from_the_folder_of_wheels_with_its_progress_told(installing):
    said = " ".join(installing["stages"])
    for stage in ("Making the environment", "torch", "Trying the engine on a small picture", "Looking at the engine"):
        assert stage in said
    assert "The engine is ready." in installing["ready"] and "A run uses" in installing["ready"]
    facts = dict(installing["facts"])
    assert facts["torch"][0].isdigit() and facts["rasterio"][0].isdigit()
    assert facts["CPU"].startswith("works")
    assert installing["beside"] == ["engine"]
    assert installing["can_execute_then"] == [True, ""]


def test_the_report_names_packages_and_devices(installing):
    assert "segmentation-models-pytorch" in installing["report"] and "Device cpu" in installing["report"]


def test_a_first_map_follows_without_a_restart(installing):
    assert installing["offer_after"] is False
    assert installing["map"]["size"] == [1024, 1024]


def test_the_models_are_listed_with_the_card_of_the_default_one(installing):
    assert installing["models"][0] == "Ready to map" and any("IGN" in name for name in installing["models"][1:])
    assert "building" in installing["card"] and "Licence" in installing["card"]
