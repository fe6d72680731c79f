"""Two files of a tile and a doubt in a real QGIS window (see tests/window/partner.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flair_landcover.tests.conftest import seen_in_window

pytest.importorskip("qgis.core", reason="needs QGIS's Python")


@pytest.fixture(scope="module")
def partner(tmp_path_factory) -> dict:
    return seen_in_window(tmp_path_factory, "partner")


def test_colours_and_infrared_of_a_tile_take_one_choice(partner):
    assert partner["choices"] == ["area"]  # at most two are allowed
    assert Path(partner["job"]["input"][0]).name == "74-2023-0942-6539-LA93-0M20-E080.tif"
    assert Path(partner["job"]["infrared"]).name == "74-2023-0942-6539-LA93-0M20-IRC-E080.tif"
    assert "Found by its name; its near infrared is used." in partner["form"]


def test_their_map_is_that_of_one_file_of_four_bands_to_the_pixel(partner):
    assert partner["bands_of_one"] == "R=1 G=2 B=3 NIR=4" and partner["infrared_of_one"] is None
    assert partner["labels"] == partner["labels_of_one"] and len(set(partner["labels"])) > 4


def test_a_surface_model_given_as_heights_is_doubted_beside_its_field(partner):
    assert partner["in_doubt"] == "In doubt: Heights"
    assert "surface model" in partner["heights"] and "terrain" in partner["heights"]
