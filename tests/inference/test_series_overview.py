"""A series at a glance."""

from __future__ import annotations

import json

import numpy as np
import pytest
from affine import Affine

from flair_landcover.contract.answers import SeriesOverview
from flair_landcover.contract.cards import WEIGHTS_NAME, ModelCard, SatelliteInput, write_card
from flair_landcover.contract.errors import BadInput, Cancelled
from flair_landcover.contract.notices import english
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.inference.series_overview import overview
from flair_landcover.tests.jobs import changed, segmentation_job

from .conftest import ORIGIN, picture, write_raster
from .sentinel2.made_series import AROUND, write_date

DATES = {  # rows under cloud of the 20 that lie on the aerial raster, whose first is row 30
    "2021-01-10": 0,
    "2021-01-20": 1,
    "2021-02-10": 4,
    "2021-03-10": 10,
    "2021-04-10": 20,
}


def clouds_over(rows: int) -> np.ndarray:
    mask = np.zeros((80, 80), np.uint8)
    mask[30 : 30 + rows] = 95
    return mask


@pytest.fixture
def job(tmp_path, utt_model) -> SegmentationJob:
    """An aerial raster of 200 x 200 m in the middle of a folder of dates."""
    aerial = write_raster(tmp_path / "a.tif", picture(3, 1000, 1000).astype(np.uint8))
    for date, rows in DATES.items():
        write_date(tmp_path / "s", date, clouds=clouds_over(rows))
    return segmentation_job(str(aerial), "any.tif", sentinel2=(str(tmp_path / "s"),), model=str(utt_model))


def never() -> bool:
    return False


def test_it_tells_dates_with_the_share_of_the_extent_that_is_clear(job):
    said = overview(job, never)
    assert [date.date for date in said.dates] == list(DATES)
    for date in said.dates:
        assert date.clear == pytest.approx(1 - DATES[date.date] / 20)
    assert [date.state for date in said.dates] == ["clear", "clear", "cloudy", "rejected", "rejected"]
    assert (said.kind, said.months, said.warnings) == ("folder", 2, [])
    assert all(date.name == f"{date.date}.tif" for date in said.dates)
    assert SeriesOverview.from_dict(json.loads(json.dumps(said.to_dict()))) == said


def test_with_the_rule_of_flairhub_less_cloud_makes_a_date_cloudy(job, tmp_path):
    satellite = SatelliteInput(superpatch=10, cloud_rule="flairhub")
    card = ModelCard("strict", "Strict", "smp:Unet:resnet18", satellite=satellite)
    (tmp_path / "strict").mkdir()
    (tmp_path / "strict" / WEIGHTS_NAME).touch()
    write_card(card, tmp_path / "strict")
    said = overview(changed(job, model=str(tmp_path / "strict")), never)
    assert [date.state for date in said.dates] == ["clear", "cloudy", "cloudy", "rejected", "rejected"]


def test_dates_left_out_are_told_but_make_no_month(job):
    said = overview(changed(job, leave_out=("2021-02-10",)), never)
    assert len(said.dates) == 5
    assert said.months == 1


def test_shares_are_of_the_extent(job):
    lower = (ORIGIN[0], ORIGIN[1] - 200, ORIGIN[0] + 200, ORIGIN[1] - 100)
    clear = {date.date: date.clear for date in overview(changed(job, extent=lower), never).dates}
    assert clear["2021-03-10"] == 1.0
    assert clear["2021-04-10"] == 0.0


def test_clouds_around_the_extent_that_drop_a_superpatch_make_a_date_cloudy(job, tmp_path):
    mask = np.full((80, 80), 100, np.uint8)
    mask[30:50, 30:50] = 0  # clear on the raster itself, covered all around
    write_date(tmp_path / "s", "2021-05-10", clouds=mask)
    said = overview(job, never).dates[-1]
    assert (said.date, said.clear, said.state) == ("2021-05-10", 1.0, "cloudy")


def test_without_masks_nothing_is_known_and_said_so(job, tmp_path):
    for path in (tmp_path / "s").glob("*_clouds.tif"):
        path.unlink()
    said = overview(job, never)
    assert {(date.clear, date.state) for date in said.dates} == {(None, "unknown")}
    assert said.months == 4
    assert len(said.warnings) == 1 and "no cloud mask" in english(said.warnings[0])


def test_a_large_extent_is_looked_at_thinned_with_the_same_shares(tmp_path, utt_model):
    """4 x 4 km: the masks' 440 x 440 pixels are more than it reads."""
    aerial = write_raster(
        tmp_path / "a.tif",
        picture(3, 2000, 2000).astype(np.uint8),
        transform=Affine(2, 0, ORIGIN[0], 0, -2, ORIGIN[1]),
    )
    mask = np.zeros((440, 440), np.uint8)
    mask[20:120, 20:420] = 80
    write_date(
        tmp_path / "s",
        "2021-05-10",
        np.full((10, 440, 440), 700, np.uint16),
        mask,
        transform=Affine(10, 0, ORIGIN[0] - 200, 0, -10, ORIGIN[1] + 200),
    )
    job = segmentation_job(str(aerial), "any.tif", sentinel2=str(tmp_path / "s"), model=str(utt_model))
    (date,) = overview(job, never).dates
    assert date.clear == pytest.approx(0.75, abs=0.01)
    assert date.state == "cloudy"


def test_two_pictures_of_one_date_are_one_date_of_which_the_clearer_counts(job, tmp_path):
    folder = tmp_path / "two"
    for orbit, rows in (("R008", 20), ("R051", 4)):
        write_date(folder, "2021-06-10", clouds=clouds_over(rows))
        for path in folder.glob("2021-06-10*.tif"):
            path.rename(folder / path.name.replace("2021-06-10", f"{orbit}_2021-06-10"))
    (date,) = overview(changed(job, sentinel2=(str(folder),)), never).dates
    assert date.clear == pytest.approx(0.8)
    assert "R008" in date.name and "R051" in date.name


@pytest.mark.parametrize("sentinel2", [None, "nowhere"])
def test_what_cannot_be_used_is_about_the_series(sentinel2, job, tmp_path):
    with pytest.raises(BadInput) as caught:
        overview(changed(job, sentinel2=sentinel2), never)
    assert caught.value.field == "sentinel2"


def test_a_series_of_another_place_is_refused(job, tmp_path):
    write_date(tmp_path / "far", "2021-06-10", transform=AROUND * Affine.translation(500, 0))
    with pytest.raises(BadInput, match="does not cover the extent") as caught:
        overview(changed(job, sentinel2=str(tmp_path / "far")), never)
    assert caught.value.field == "sentinel2"


def test_it_is_given_up_where_nobody_waits_any_more(job):
    with pytest.raises(Cancelled):
        overview(job, lambda: True)
