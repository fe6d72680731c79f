"""Web layers fetched in a real QGIS window, with the mouse (see tests/window/fetch.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flair_landcover.tests.qgis_side import read_pixels
from flair_landcover.tests.web_server import LICENCE

pytest.importorskip("qgis.core", reason="needs QGIS's Python")


def test_the_dock_says_what_is_missing_and_then_what_it_takes(fetching):
    assert "Orthophotos is a web layer: draw the area to map, then “Fetch this area”." in fetching["without_area"]
    assert "Draw the area that is to be fetched from Orthophotos" in fetching["without_area"]
    assert "pictures of the server, at most" in fetching["with_area"]


def test_a_cancel_ends_a_fetch_whose_server_does_not_answer(fetching):
    assert "Cancelled: nothing was kept." in fetching["cancelled"]["said"]
    assert fetching["cancelled"]["files"] == []


def test_the_progress_is_told_and_the_window_goes_on(fetching):
    assert "picture" in fetching["fetching"]
    assert fetching["turns"] > 20  # of a timer on the main thread, while the server let each picture wait


def test_image_and_infrared_are_layers_that_are_chosen_and_can_be_run(fetching):
    assert fetching["layers"] == [
        "Orthophotos (fetched)",
        "Orthophotos",
        "Orthophotos IRC (fetched)",
        "Orthophotos IRC",
    ]
    assert fetching["chosen"] == ["Orthophotos (fetched)", "Orthophotos IRC (fetched)"]
    assert "pixels of 0.2 m, 4 bands" in fetching["fetched"]


def test_the_pixels_are_those_of_the_scene(fetching):
    folder = Path(fetching["folder"])
    left, _, _, top, _, _, width, height = fetching["place"]
    from osgeo import gdal

    scene = gdal.Open(fetching["aerial"])
    transform = scene.GetGeoTransform()
    column, row = round((left - transform[0]) / 0.2), round((transform[3] - top) / 0.2)
    bands = scene.ReadAsArray()[:, row : row + height, column : column + width]
    assert np.array_equal(read_pixels(folder / "fetched.tif"), bands[:3])
    assert np.array_equal(read_pixels(folder / "fetched_infrared.tif"), bands[[3, 0, 1]])


def test_the_map_lies_on_it_and_says_where_its_image_comes_from(fetching):
    assert fetching["result"]["size"] == fetching["place"][-2:]
    source = json.loads(fetching["provenance"])["source"]
    assert [Path(path).name for path in source] == ["fetched.tif", "fetched_infrared.tif"]
    assert {said["licence"] for said in source.values()} == {LICENCE}
