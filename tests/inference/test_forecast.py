"""What a job is said to take, before it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from flair_landcover.contract.errors import BadInput, Cancelled
from flair_landcover.contract.notices import english
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.inference.forecast import forecast
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import changed, segmentation_job

from .conftest import ORIGIN, Recorder, picture, write_raster

LEFT, TOP = ORIGIN


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def aerial(tmp_path_factory) -> Path:
    """66 x 82 metres, several tiles a side."""
    return write_raster(tmp_path_factory.mktemp("aerial") / "a.tif", picture(4, 330, 410).astype(np.uint8), alpha="no")


@pytest.fixture
def job(aerial, small_model, tmp_path) -> SegmentationJob:
    return segmentation_job(
        str(aerial), str(tmp_path / "map.tif"), model=str(small_model), device="cpu", precision="fp32"
    )


def box(left: float, bottom: float, right: float, top: float) -> dict:
    """A rectangle in metres from the raster's upper left corner, downwards negative."""
    corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    return {"type": "Polygon", "coordinates": [[(LEFT + x, TOP + y) for x, y in corners]]}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"extent": (LEFT + 3, TOP - 41.3, LEFT + 57, TOP - 8)},
        {"extent": (LEFT - 9, TOP - 20, LEFT + 20, TOP + 3)},
        {"mask": (box(5, -60, 15, -50), box(60, -12, 70, -4))},
        {"extent": (LEFT, TOP - 40, LEFT + 40, TOP), "mask": (box(30, -60, 60, -30),)},
    ],
)
def test_the_forecast_equals_the_run(job, settings, tmp_path):
    job = changed(job, **settings)
    said = forecast(job, never)
    report = Recorder()
    result = segment(job, report)
    assert said.tiles == result.tiles == result.planned_tiles
    with rasterio.open(job.output) as dataset:
        assert (said.width, said.height) == (dataset.width, dataset.height)
    assert said.pixel_m == pytest.approx(0.2)
    assert said.area_m2 == pytest.approx(sum(result.areas_m2.values()))
    assert said.bands == {"red": 1, "green": 2, "blue": 3, "nir": 4}
    assert [english(told) for told in said.warnings] == report.warnings
    assert said.largest_bytes >= result.bytes


def test_the_largest_size_counts_all_outputs(job, tmp_path):
    labels = forecast(job, never).largest_bytes
    more = changed(job, confidence=str(tmp_path / "c.tif"), probabilities=str(tmp_path / "p.tif"))
    assert forecast(more, never).largest_bytes > 20 * (labels - 100_000)
    result = segment(more, Recorder())
    written = [Path(path).stat().st_size for path in (result.output, result.confidence, result.probabilities)]
    assert result.bytes == written[0]
    assert sum(written) <= forecast(more, never).largest_bytes


def test_it_counts_a_resampled_raster_in_the_pixels_of_the_map(small_model, tmp_path):
    raster = write_raster(
        tmp_path / "a.tif",
        picture(3, 100, 150).astype(np.uint8),
        transform=Affine(0.5, 0, LEFT, 0, -0.5, TOP),
    )
    said = forecast(segmentation_job(str(raster), str(tmp_path / "map.tif"), model=str(small_model)), never)
    assert (said.width, said.height, said.pixel_m) == (375, 250, pytest.approx(0.2))
    assert said.area_m2 == pytest.approx(50 * 75)


def test_nothing_is_written_and_what_is_there_stays(job, tmp_path):
    output = Path(job.output)
    output.write_bytes(b"the map of yesterday")
    before = output.stat().st_mtime_ns
    forecast(job, never)
    assert list(tmp_path.iterdir()) == [output]
    assert output.read_bytes() == b"the map of yesterday" and output.stat().st_mtime_ns == before


def test_what_cannot_run_is_refused_with_its_setting(job):
    with pytest.raises(BadInput, match="outside the aerial raster") as caught:
        forecast(changed(job, extent=(0, 0, 1, 1)), never)
    assert caught.value.field == "extent"


def test_it_is_given_up_where_nobody_waits_any_more(job):
    with pytest.raises(Cancelled):
        forecast(job, lambda: True)
