"""What the analyst last used, and how fast the computer was."""

from __future__ import annotations

import json

import pytest

from flair_landcover.contract.image import ImageSettings
from flair_landcover.tests.jobs import segmentation_job
from flair_landcover.tests.qgis_application import qgis_application

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsSettings

from flair_landcover.ui.form.remembered import (
    LastUsed,
    Pace,
    keep_pace,
    last_pace,
    last_used,
    measured_pace,
    pace_key,
    remember,
)


@pytest.fixture(autouse=True)
def empty_settings():
    qgis_application()
    QgsSettings().remove("flair_landcover")
    yield
    QgsSettings().remove("flair_landcover")


def test_nothing_remembered_gives_the_defaults():
    assert last_used() == LastUsed()


def test_what_is_remembered_comes_back():
    used = LastUsed(
        ImageSettings("/a/é.tif", model="own", sentinel2=("/a/20210415.tif", "/a/20210420.tif")),
        heights="raster",
        confidence=True,
        bands={"/a/é.tif": "R=1 G=2 B=3"},
        left_out={"/a/20210415.tif\n/a/20210420.tif": ["2021-04-15"]},
        difference=True,
    )
    remember(used)
    assert last_used() == used


def test_bands_of_only_the_last_twenty_images_are_kept():
    remember(LastUsed(bands={f"{number}.tif": "R=1" for number in range(30)}))
    assert list(last_used().bands) == [f"{number}.tif" for number in range(10, 30)]


@pytest.mark.parametrize(
    "stored", ["no json", "[1]", '{"confidence": "yes", "new": 1, "tta": 4}', '{"sentinel2": "s.tif"}']
)
def test_settings_of_another_version_or_broken_ones_are_passed_over(stored):
    QgsSettings().setValue("flair_landcover/last_used", stored)
    assert last_used() == LastUsed()


def test_what_the_first_version_kept_is_read():
    stored = {
        **{"input": "/a.tif", "heights": "raster", "elevation": "/h.tif", "terrain": "", "sentinel2": ["/s.tif"]},
        **{"model": "own", "device": "cpu", "precision": "fp32", "tta": "d4", "classes": "model", "confidence": True},
        **{"probabilities": False, "bands": {"/a.tif": "R=1"}, "left_out": {"/s.tif": ["2021-04-15"]}},
        **{"difference": True},
    }
    QgsSettings().setValue("flair_landcover/last_used", json.dumps(stored))
    image = ImageSettings(
        ("/a.tif",), elevation="/h.tif", terrain="", sentinel2=("/s.tif",), model="own", device="cpu", precision="fp32"
    )
    bands, left_out = {"/a.tif": "R=1"}, {"/s.tif": ["2021-04-15"]}
    assert last_used() == LastUsed(image, "raster", "d4", "model", True, False, bands, left_out, True)
    remember(last_used())
    assert json.loads(QgsSettings().value("flair_landcover/last_used")) == {
        **{**stored, "input": ["/a.tif"], "infrared": None, "crs": ""},
        "leave_out": [],
        "without_infrared": "",
    }


def test_a_pace_is_kept_for_its_kind_of_run():
    job = segmentation_job("a.tif", "b.tif")
    keep_pace(pace_key(job), Pace(0.5, 2.0, 0.1))
    assert last_pace(pace_key(job)) == Pace(0.5, 2.0, 0.1)
    assert last_pace(pace_key(segmentation_job("a.tif", "b.tif", device="cuda"))) is None
    assert last_pace(pace_key(segmentation_job("a.tif", "b.tif", sentinel2="s.tif"))) is None
    with_series = segmentation_job("a.tif", "b.tif", sentinel2="s.tif")
    keep_pace(pace_key(with_series), Pace(0.6, 2.0, 0.1))
    assert last_pace(pace_key(segmentation_job("a.tif", "b.tif", sentinel2="s.tif", difference="d.tif"))) is None
    # the area and its file say nothing about the pace
    assert last_pace(pace_key(segmentation_job("c.tif", "d.tif", extent=(0, 0, 1, 1)))) is not None


def test_a_pace_of_another_version_is_passed_over():
    QgsSettings().setValue("flair_landcover/paces", '{"bundled|auto|auto|aerial": {"speed": 3}}')
    assert last_pace("bundled|auto|auto|aerial") is None


def test_the_pace_comes_from_the_tiles_in_between_and_the_rest_is_overhead():
    # 11 tiles, the first after 3 s, the last after 8 s; 1 s to finish the file
    pace = measured_pace((3.0, 8.0, 11), seconds=9.0, tiles=11, tta="none", pixel_bytes=0.1)
    assert pace.pass_s == pytest.approx(0.5)
    assert pace.overhead_s == pytest.approx(9.0 - 11 * 0.5)
    assert pace.seconds(11, "none") == pytest.approx(9.0)
    assert pace.seconds(100, "none") == pytest.approx(50 + 3.5)


def test_a_run_of_four_looks_tells_how_long_one_and_eight_take():
    pace = measured_pace((2.0, 22.0, 11), seconds=24.0, tiles=11, tta="flips", pixel_bytes=0.1)
    assert pace.pass_s == pytest.approx(0.5)
    assert pace.seconds(10, "none") == pytest.approx(5 + pace.overhead_s)
    assert pace.seconds(10, "d4") == pytest.approx(40 + pace.overhead_s)


def test_a_single_tile_gives_a_pace_too():
    pace = measured_pace((3.0, 3.0, 1), seconds=4.0, tiles=1, tta="none", pixel_bytes=0.1)
    assert pace.seconds(1, "none") == pytest.approx(4.0)
