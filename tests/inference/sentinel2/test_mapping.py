"""Maps with a series: what it changes, and what the map does not depend on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import transform

from flair_landcover.contract.cards import ModelCard, SatelliteInput
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.contract.notices import english
from flair_landcover.contract.segmentation import SegmentationJob, SegmentationResult
from flair_landcover.inference.forecast import forecast
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import changed, segmentation_job

from ..conftest import ORIGIN, Recorder, make_model, picture, read_labels, write_raster
from .made_series import AROUND, write_date

CLOUDED = np.full((80, 80), 100, np.uint8)
DATES = ("2021-02-10", "2021-02-20", "2021-07-05", "2021-07-15")


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory) -> Path:
    """U-T&T of the published kind on tiles of 128 pixels, so that a small raster has several."""
    card = ModelCard(
        id="tiny",
        title="Tiny U-T&T",
        architecture="utt",
        tile_size=128,
        satellite=SatelliteInput(divisor=10000.0),
    )
    return make_model(tmp_path_factory.mktemp("models") / "tiny", card, seed=3)


@pytest.fixture(scope="module")
def scene(tmp_path_factory, tiny_model) -> SegmentationJob:
    """A raster of four tiles and a folder of four dates without masks around it; the job writes beside them."""
    folder = tmp_path_factory.mktemp("scene")
    aerial = write_raster(folder / "a.tif", picture(5, 200, 230).astype(np.uint8))
    for date in DATES:
        write_date(folder / "s", date)
    return segmentation_job(
        str(aerial),
        str(folder / "map.tif"),
        sentinel2=str(folder / "s"),
        model=str(tiny_model),
        device="cpu",
        precision="fp32",
    )


def run(job: SegmentationJob, output: Path, **settings) -> tuple[np.ndarray, SegmentationResult, list[str]]:
    """Labels, result and warnings of the job with other settings."""
    report = Recorder()
    result = segment(changed(job, output=str(output), **settings), report)
    return read_labels(output), result, report.warnings


def provenance(path: Path) -> dict:
    with rasterio.open(path) as dataset:
        return json.loads(dataset.tags()["FLAIR_LANDCOVER"])


@pytest.fixture(scope="module")
def whole(scene) -> np.ndarray:
    return run(scene, Path(scene.output))[0]


def test_the_series_changes_the_map_and_its_dates_are_told(scene, whole, tmp_path):
    labels, result, warnings = run(scene, tmp_path / "map.tif")
    without, alone, _ = run(scene, tmp_path / "without.tif", sentinel2=None)
    np.testing.assert_array_equal(labels, whole)
    assert (labels != without).mean() > 0.01
    assert (result.sentinel2_dates, result.tiles_without_sentinel2) == (DATES, 0)
    assert (alone.sentinel2_dates, alone.changed_m2, alone.difference) == ((), None, None)
    assert provenance(tmp_path / "map.tif")["sentinel2_dates"] == list(DATES)
    assert [warning for warning in warnings if "Sentinel-2" in warning] == [
        "The Sentinel-2 series has no cloud mask: all of its dates are kept, clouds or not."
    ]


def test_adjacent_extents_equal_the_whole_with_a_series_too(scene, whole, tmp_path):
    """The 10 m grid is no multiple of the aerial one here, and clouds differ from tile to tile."""
    job = changed(scene, sentinel2=str(cloudy_elsewhere(tmp_path / "s")))
    together, *_ = run(job, tmp_path / "map.tif")
    assert (together != whole).any()
    for number, (column, row, width, height) in enumerate(((0, 0, 91, 200), (91, 0, 139, 77), (91, 77, 139, 123))):
        left, top = ORIGIN[0] + 0.2 * column, ORIGIN[1] - 0.2 * row
        extent = (left, top - 0.2 * height, left + 0.2 * width, top)
        part, *_ = run(job, tmp_path / f"{number}.tif", extent=extent)
        np.testing.assert_array_equal(part, together[row : row + height, column : column + width])


def cloudy_elsewhere(folder: Path) -> Path:
    """Dates in another UTM zone: one whose clouds end in the middle, one that ends there."""
    xs, ys = transform("EPSG:2154", "EPSG:32630", [ORIGIN[0]], [ORIGIN[1]])
    place = Affine(10, 0, xs[0] - 500, 0, -10, ys[0] + 500)
    clouds = np.zeros((110, 110), np.uint8)
    clouds[:, :52] = 100
    settings: dict[str, Any] = {"transform": place, "crs": "EPSG:32630"}
    pixels = picture(10, 110, 110, seed=5, top=6000).astype(np.uint16)
    write_date(folder, "2021-02-10", pixels, clouds=np.zeros((110, 110)), **settings)
    write_date(folder, "2021-05-10", pixels[:, ::-1], clouds=clouds, **settings)
    write_date(folder, "2021-08-10", pixels[:, :, :55] // 2, clouds=np.zeros((110, 55)), **settings)
    return folder


def test_dates_left_out_are_as_if_they_were_not_there(scene, tmp_path):
    for date in DATES[1:3]:
        write_date(tmp_path / "fewer", date)
    fewer, *_ = run(scene, tmp_path / "fewer.tif", sentinel2=str(tmp_path / "fewer"))
    labels, result, _ = run(scene, tmp_path / "map.tif", leave_out=(DATES[0], DATES[3]))
    np.testing.assert_array_equal(labels, fewer)
    assert result.sentinel2_dates == DATES[1:3]
    made = provenance(tmp_path / "map.tif")
    assert made["sentinel2_dates"] == list(DATES[1:3])
    assert SegmentationJob.from_dict(made["job"]).image.leave_out == (DATES[0], DATES[3])
    assert SegmentationJob.from_dict(made["job"]).image.sentinel2 == scene.image.sentinel2


def test_a_date_to_leave_out_that_is_not_there_is_said(scene, tmp_path):
    *_, warnings = run(scene, tmp_path / "map.tif", leave_out=("2021-03-01",))
    assert any("no date 2021-03-01" in warning for warning in warnings)


@pytest.mark.parametrize(("dates", "message"), [(("May",), "write it as"), (DATES, "All dates")])
def test_dates_that_cannot_be_left_out_are_refused(dates, message, scene):
    with pytest.raises(BadInput, match=message) as caught:
        forecast(changed(scene, leave_out=dates), lambda: False)
    assert caught.value.field == "leave_out"


def test_the_difference_is_that_of_two_runs(scene, whole, tmp_path):
    without, *_ = run(scene, tmp_path / "without.tif", sentinel2=None)
    labels, result, warnings = run(scene, tmp_path / "map.tif", difference=str(tmp_path / "d.tif"))
    said = forecast(changed(scene, difference=str(tmp_path / "d.tif")), lambda: False)
    assert [english(told) for told in said.warnings] == warnings
    assert said.largest_bytes > 1.9 * (forecast(scene, lambda: False).largest_bytes - 1e5)
    np.testing.assert_array_equal(labels, whole)
    expected = np.where(whole != without, without, 0)
    np.testing.assert_array_equal(read_labels(tmp_path / "d.tif"), expected)
    assert result.difference == str(tmp_path / "d.tif")
    assert result.changed_m2 == pytest.approx((expected > 0).sum() * 0.04) and result.changed_m2 > 0
    assert any("twice" in warning for warning in warnings)
    made = provenance(tmp_path / "map.tif")
    assert made["difference"] == str(tmp_path / "d.tif")
    assert made["changed_m2"] == pytest.approx(result.changed_m2)
    with rasterio.open(tmp_path / "d.tif") as dataset:
        assert dataset.nodata == 0
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.colormap(1)[5][:3] == next(c.rgb for c in FLAIR_CLASSES if c.value == 5)
        assert dataset.tags(1)["CLASS_5"] == "water"
    assert "water" in (tmp_path / "d.tif.aux.xml").read_text()


def test_the_difference_is_empty_where_no_tile_has_sentinel2(scene, tmp_path):
    write_date(tmp_path / "s", "2021-05-15", clouds=CLOUDED)
    labels, result, warnings = run(
        scene, tmp_path / "map.tif", sentinel2=str(tmp_path / "s"), difference=str(tmp_path / "d.tif")
    )
    without, *_ = run(scene, tmp_path / "without.tif", sentinel2=None)
    np.testing.assert_array_equal(labels, without)
    assert not read_labels(tmp_path / "d.tif").any()
    assert (result.tiles_without_sentinel2, result.sentinel2_dates, result.changed_m2) == (result.tiles, (), 0.0)
    assert any(f"{result.tiles} of {result.tiles} tiles" in warning for warning in warnings)


@pytest.mark.parametrize("settings", [{"sentinel2": None}, {"model": "small"}])
def test_without_a_series_or_a_model_that_takes_one_there_is_no_difference(settings, scene, small_model, tmp_path):
    if "model" in settings:
        settings = {"model": str(small_model)}
    with pytest.raises(BadInput, match="nothing to show") as caught:
        forecast(changed(scene, difference=str(tmp_path / "d.tif"), **settings), lambda: False)
    assert caught.value.field == "difference"


def test_an_output_in_the_place_of_a_date_is_refused(scene):
    date = Path(scene.image.sentinel2[0]) / f"{DATES[0]}.tif"
    with pytest.raises(BadInput, match="one of the inputs") as caught:
        forecast(changed(scene, difference=str(date)), lambda: False)
    assert caught.value.field == "difference"


def test_tiles_that_the_series_does_not_cover_fall_back_and_are_reported(scene, tmp_path):
    """Tiles of 25.6 m: the series ends 22 m into the raster."""
    place = AROUND * Affine.translation(-0.8, 0)
    write_date(tmp_path / "s", "2021-05-15", picture(10, 80, 33, top=6000).astype(np.uint16), transform=place)
    labels, result, warnings = run(scene, tmp_path / "map.tif", sentinel2=str(tmp_path / "s"))
    without, *_ = run(scene, tmp_path / "without.tif", sentinel2=None)
    assert 0 < result.tiles_without_sentinel2 < result.tiles
    left_out = f"{result.tiles_without_sentinel2} of {result.tiles} tiles"
    assert any(left_out in warning for warning in warnings)
    mirrored = result.tiles - result.tiles_without_sentinel2
    assert any("reflection" in w and f"{mirrored} of {result.tiles} tiles" in w for w in warnings)
    assert provenance(tmp_path / "map.tif")["tiles_with_mirrored_sentinel2"] == mirrored
    assert (labels[:, :100] != without[:, :100]).any()
    np.testing.assert_array_equal(labels[:, 128:], without[:, 128:])


def test_a_job_takes_one_path_or_several_and_comes_back_from_json():
    one = segmentation_job("a.tif", "b.tif", sentinel2="s.tif")
    assert one == segmentation_job("a.tif", "b.tif", sentinel2=("s.tif",))
    assert SegmentationJob.from_dict({"input": "a.tif", "output": "b.tif", "sentinel2": "s.tif"}) == one
    many = segmentation_job(
        "a.tif", "b.tif", sentinel2=("1.tif", "2.tif"), leave_out=("2021-01-01",), difference="d.tif"
    )
    assert SegmentationJob.from_dict(json.loads(json.dumps(many.to_dict()))) == many
    assert segmentation_job("a.tif", "b.tif", sentinel2="").image.sentinel2 is None
