"""The dock in a real QGIS window, used with the mouse (see tests/window/story.py)."""

from __future__ import annotations

import getpass
import re

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.tests.qgis_side import read_pixels

pytest.importorskip("qgis.core", reason="needs QGIS's Python")

LEGEND = [[c.value, c.name, c.colour] for c in FLAIR_CLASSES]


def test_the_form_opens_with_the_image_of_the_project_and_is_ready(story):
    assert "Checking…" in story["first_reason"]
    assert story["bands"] == "R=1 G=2 B=3 NIR=4 ELEVATION=5"
    assert "2048 × 2048 pixels of 0.2 m, 5 bands" in story["form"]
    assert "410 m × 410 m, 16.78 ha – all of the image" in story["form"]
    assert "25 tiles" in story["form"] and "Run waits" not in story["form"]


def test_of_a_web_layer_an_area_is_to_be_fetched_and_run_says_what_it_waits_for(story):
    assert "web map is a web layer: draw the area to map, then “Fetch this area”." in story["web"]
    assert "Run waits for the field “Image”." in story["web"]


def test_a_rectangle_drawn_with_the_mouse_is_the_area(story):
    assert "307 m × 287 m, 8.81 ha – drawn rectangle" in story["rectangle"]


def test_a_cancelled_run_leaves_nothing(story):
    assert story["live"] == 1
    cancelled = story["cancelled"]
    assert "village: cancelled, nothing was kept." in cancelled["message"]
    assert (cancelled["layers"], cancelled["file"], cancelled["live"]) == (0, False, 0)


def test_the_map_comes_in_a_group_above_its_image_with_its_legend(story):
    result = story["result"]
    assert result["group"].startswith("U-T&T starter, ")
    assert result["above"] == [result["group"], "village"]
    assert result["legend"] == LEGEND
    assert result["crs"] == "EPSG:2154" and result["size"] == [1536, 1434]
    assert "village: mapped in" in story["message"]
    assert story["live_after"] == 0


def test_the_classes_stand_beside_the_map_the_largest_first(story):
    names = [row[1] for row in story["rows"]]
    shares = [float(row[3].replace("<", "")) for row in story["rows"] if row[3] != "0"]
    assert sorted(names) == sorted(c.name for c in FLAIR_CLASSES)
    assert shares == sorted(shares, reverse=True)
    assert 95 <= sum(shares) <= 105


def test_the_class_and_its_confidence_are_told_under_the_cursor(story):
    said = story["under_cursor"].rsplit("\n", 1)[-1]
    name = said.split(": ")[1].split(",")[0]
    assert name in [c.name for c in FLAIR_CLASSES] and said.endswith(" %")


def test_the_time_expected_comes_from_the_run_before(story):
    assert "how long it takes is known after a first run" in story["form"]
    assert "25 tiles, about " in story["cost_after"]


def test_the_project_gives_the_result_back(story):
    reloaded = dict(story["reloaded"])
    assert reloaded.pop("rows") == story["rows"]
    assert reloaded == story["result"]
    assert story["image_again"] == "village"
    assert story["cleared"] == ""


def test_a_polygon_drawn_on_web_mercator_is_the_mask_in_the_images_crs(story):
    assert "– drawn polygon" in story["polygon"]
    (to_file,) = [result for result in story["polygon_results"] if result["file"].endswith("polygon.tif")]
    assert to_file["crs"] == "EPSG:2154"
    labels = read_pixels(to_file["file"])[0]
    inside = labels > 0
    # a triangle of half its box
    assert 0.4 < inside.mean() < 0.6
    assert not inside[-1, 0] and not inside[-1, -1]


def test_a_second_run_waits_behind_the_first_and_both_come(story):
    assert "Waiting:" in story["queued"] and "of 20" in story["queued"]
    assert len(story["polygon_results"]) == 3
    assert story["same_labels"]


def test_what_is_done_can_be_kept(story):
    kept = story["kept"]
    assert any(name.endswith(", part") for name in kept["above"])
    assert "of 25 tiles were mapped, the rest is empty." in kept["message"]


def test_a_killed_engine_is_told_with_details_and_the_next_run_has_a_new_one(story):
    assert "The engine was killed (SIGKILL)" in story["killed"]["message"]
    assert story["killed"]["live"] == 0 and story["killed"]["alive"] is False
    assert "QGIS 3." in story["details"] and '"tta": "d4"' in story["details"]
    assert story["after_kill"] == 1


def test_the_details_hold_no_user_name(story):
    user = getpass.getuser()
    assert user in ("root", "user") or user not in story["details"]
    assert "/home/" not in story["details"]


def test_the_window_stayed_usable_during_the_run(story):
    # the timer of 20 ms went on; how late it ever was is what benchmarks/main_thread.py prints
    assert story["turns"] > 50


def test_the_calendar_counts_the_dates_of_a_folder_and_a_click_leaves_one_out(with_series):
    used = int(re.search(r"(\d+) of 25 dates, \d+ months", with_series["calendar"])[1])
    assert 12 < used < 25  # clouds and snow hide some
    assert f"{used - 1} of 25 dates" in with_series["one_left_out"]
    assert with_series["leave_out"] == with_series["job"]["leave_out"] == [with_series["clear_date"]]


def test_what_sentinel2_changed_is_a_layer_of_the_result_and_a_sentence(with_series):
    assert with_series["job"]["difference"]
    assert ["Without Sentinel-2", False] in with_series["group"]
    assert with_series["files"]["Without Sentinel-2"]
    assert "Sentinel-2 changed" in with_series["said"]


def test_two_real_pairs_of_an_image_and_its_series_are_mapped(with_pairs):
    """Forest in Lower Saxony; the tiles' bands are near infrared, red, green, blue, and say so nowhere."""
    assert len(with_pairs["pairs"]) == 2
    for seen in with_pairs["pairs"].values():
        assert re.search(r"\d+ of 146 dates, 12 months", seen["calendar"])
        assert seen["bands"] == {"red": 2, "green": 3, "blue": 4, "nir": 1}
        assert seen["job"]["bands"] in ("", "R=2 G=3 B=4 NIR=1")  # what is chosen, or what the engine finds itself
        assert seen["job"]["sentinel2"][0].endswith("SEN2_pair_data.npy")
        assert seen["size"] == [304, 304]
        assert seen["crs"][0] == seen["crs"][1]  # of UTM 32; which of its names QGIS gives is its own choice
