"""Maps by networks of FLAIR-HUB, which cannot do without their Sentinel-2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.inference.backends.backend import open_backend
from flair_landcover.inference.check import check_job
from flair_landcover.inference.plan import Tile
from flair_landcover.inference.raster.read import gdal_settings
from flair_landcover.inference.raster.windows import Window
from flair_landcover.inference.segment import segment
from flair_landcover.inference.tiles import open_tiles
from flair_landcover.models.networks.flairhub_card import FLAIR_HUB_SATELLITE
from flair_landcover.tests.jobs import changed, segmentation_job

from .conftest import Recorder, make_model, picture, read_labels, write_raster
from .sentinel2.made_series import write_date

DATES = ("2021-02-10", "2021-07-05", "2021-07-15")


@pytest.fixture(scope="module")
def hub_model(tmp_path_factory) -> Path:
    """A FLAIR-HUB network with random weights on tiles of 128 pixels."""
    card = ModelCard(
        id="hub",
        title="Random FLAIR-HUB",
        architecture="flairhub:convnextv2tiny-upernet",
        inputs=("nir", "red", "green"),
        scale=1.0,
        means=(106.59, 105.66, 111.35),
        stds=(39.78, 52.23, 45.62),
        fill={},
        tile_size=128,
        satellite=FLAIR_HUB_SATELLITE,
    )
    return make_model(tmp_path_factory.mktemp("models") / "hub", card)


@pytest.fixture(scope="module")
def job(tmp_path_factory, hub_model) -> SegmentationJob:
    """A raster of four tiles with three dates around it."""
    folder = tmp_path_factory.mktemp("scene")
    aerial = write_raster(folder / "a.tif", picture(4, 200, 230).astype(np.uint8))
    for date in DATES:
        write_date(folder / "s", date)
    return segmentation_job(
        str(aerial),
        str(folder / "map.tif"),
        bands="R=1 G=2 B=3 NIR=4",
        sentinel2=(str(folder / "s"),),
        model=str(hub_model),
        device="cpu",
        precision="fp32",
    )


def test_a_map_is_made_with_the_series_and_changes_with_its_dates(job, tmp_path):
    result = segment(job, Recorder())
    whole = read_labels(Path(job.output))
    assert result.sentinel2_dates == DATES
    assert len(np.unique(whole)) > 1
    segment(changed(job, output=str(tmp_path / "part.tif"), leave_out=DATES[1:]), Recorder())
    assert (read_labels(tmp_path / "part.tif") != whole).any()


def test_a_map_in_bf16_is_much_the_same(job, tmp_path):
    segment(job, Recorder())
    segment(changed(job, output=str(tmp_path / "bf16.tif"), precision="bf16"), Recorder())
    assert (read_labels(tmp_path / "bf16.tif") == read_labels(Path(job.output))).mean() > 0.9


def test_a_job_without_series_is_refused(job):
    with pytest.raises(BadInput, match="Random FLAIR-HUB cannot do without Sentinel-2: give a series") as caught:
        check_job(changed(job, sentinel2=None), lambda warning: None)
    assert caught.value.field == "sentinel2"


def test_what_sentinel2_changes_cannot_be_shown(job, tmp_path):
    with pytest.raises(BadInput, match="no map without Sentinel-2 to compare with") as caught:
        check_job(changed(job, difference=str(tmp_path / "difference.tif")), lambda warning: None)
    assert caught.value.field == "difference"


def test_a_tile_without_a_pixel_of_the_series_gets_padding(job, tmp_path):
    pixels = picture(10, 80, 31, top=6000).astype(np.uint16)  # ends 10 m within the raster
    write_date(tmp_path / "s", DATES[0], pixels)
    with gdal_settings():
        inputs = check_job(changed(job, sentinel2=(str(tmp_path / "s"),)), lambda warning: None)
        with open_tiles(inputs) as tiles:
            within = tiles.tile_input(Tile(0, 0, Window(0, 0, 128, 128), Window(0, 0, 102, 128)))
            beyond = tiles.tile_input(Tile(0, 1, Window(102, 0, 128, 128), Window(102, 0, 128, 128)))
    assert within.series[0].any()
    assert beyond.series[0].shape == (1, 10, 10, 10)
    assert not beyond.series[0].any()
    assert not beyond.dates


def test_the_faster_precision_is_found_with_a_series(hub_model):
    assert open_backend(hub_model, "cpu", "auto").precision in ("fp32", "bf16")


def test_tiles_that_the_series_does_not_reach_are_told(job, tmp_path):
    write_date(tmp_path / "s", DATES[0], picture(10, 80, 31, top=6000).astype(np.uint16))
    recorder = Recorder()
    given = changed(job, sentinel2=(str(tmp_path / "s"),), output=str(tmp_path / "map.tif"))
    result = segment(given, recorder)
    assert 0 < result.tiles_without_sentinel2 < result.tiles
    assert any(f"left out for {result.tiles_without_sentinel2} of" in warning for warning in recorder.warnings)
