"""What a job names is found once, whatever is asked of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference import resolve as module
from flair_landcover.inference.check import check_job
from flair_landcover.tests.jobs import segmentation_job

from .conftest import picture, write_raster
from .sentinel2.made_series import write_date


@pytest.fixture
def job(tmp_path, small_model):
    for number in range(3):
        write_date(tmp_path / "series", f"2021-0{number + 4}-15", clouds=np.zeros((80, 80), np.uint8))
    aerial = write_raster(tmp_path / "aerial.tif", picture(3, 200, 200).astype(np.uint8))
    return segmentation_job(
        str(aerial), str(tmp_path / "map.tif"), model=str(small_model), sentinel2=(str(tmp_path / "series"),)
    )


def test_a_checked_job_reads_each_thing_once(job, monkeypatch):
    calls = Counter()
    for name in ("read_card", "describe_aerial", "open_series"):
        read = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, n=name, f=read: calls.update([n]) or f(*args))
    check_job(job, lambda warning: None)
    assert calls["read_card"] == calls["describe_aerial"] == 1
    assert calls["open_series"] <= 1  # a model without Sentinel-2 leaves it out


def test_where_a_series_lies_is_known_without_opening_it_again(job, monkeypatch):
    series = module.open_series(job.image.sentinel2, lambda warning: None)
    place = module.resolve_place(job, lambda warning: None)
    monkeypatch.setattr(rasterio, "open", lambda *args, **kwargs: pytest.fail("opened"))
    found = module.over_place(series, place.geobox, place.geobox.window_bounds(place.inside))
    assert found.dates == ("2021-04-15", "2021-05-15", "2021-06-15")
    assert all(each.geobox.shape == (80, 80) for each in found.acquisitions)


def test_what_is_quickly_known_is_refused_before_the_series_is_opened(job, utt_model, monkeypatch):
    monkeypatch.setattr(module, "open_series", lambda *_: pytest.fail("opened"))
    job = replace(job, image=replace(job.image, model=str(utt_model)))
    for change, field in (({"tta": "bogus"}, "tta"), ({"mask": ()}, "mask")):
        with pytest.raises(BadInput) as refused:
            check_job(replace(job, **change), lambda warning: None)
        assert refused.value.field == field
