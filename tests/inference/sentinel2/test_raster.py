"""One raster, with its bands and dates told in the ways in which programs write them."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from flair_landcover.contract.cards import SATELLITE_BANDS
from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.tests.notices import in_english

from .forms import DATES, no_warning, pixels, reflectance_of, values_of, write

ALL = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")


def opened(path, warn=no_warning):
    series = open_series((str(path),), warn)
    assert series.kind == "raster"
    return series.acquisitions


def test_ten_bands_without_names_are_taken_as_they_lie(tmp_path):
    values = pixels(1)
    (found,) = opened(write(tmp_path / "T31UES_20210415.tif", values[0]))
    assert (found.date, found.name, found.nodata) == ("2021-04-15", "T31UES_20210415.tif", 0)
    np.testing.assert_array_equal(reflectance_of(found), values[0])


@pytest.mark.parametrize("names", [ALL, tuple(name for name in ALL if name != "B10"), tuple(reversed(ALL))])
def test_of_twelve_or_thirteen_bands_the_described_ones_are_taken(tmp_path, names):
    values = np.stack([np.full((4, 4), 500 + ALL.index(name), np.uint16) for name in names])
    told = []
    (found,) = opened(write(tmp_path / "s2_20210415.tif", values, names), in_english(told))
    assert ["B10" in names and "looks like Level-1C" in each for each in told] == [True] * ("B10" in names)
    expected = [500 + ALL.index(name) for name in SATELLITE_BANDS]
    assert reflectance_of(found)[:, 0, 0].tolist() == expected


def test_masks_among_the_bands_are_masks(tmp_path):
    values = np.array([*range(500, 510), 11, 12, 13], np.uint16)[:, None, None] * np.ones((1, 4, 4), np.uint16)
    names = (*SATELLITE_BANDS, "SCL", "MSK_CLDPRB", "MSK_SNWPRB")
    (found,) = opened(write(tmp_path / "s2_20210415.tif", values, names))
    assert [values_of(source)[0, 0] for source in (found.classes, found.clouds, found.snow)] == [11, 12, 13]


def test_stacked_dates_are_told_apart_in_any_order(tmp_path):
    values = pixels()
    order = [(date, band) for band in reversed(range(10)) for date in (2, 0, 1)]
    stacked = np.stack([values[date, band] for date, band in order])
    names = tuple(f"{SATELLITE_BANDS[band]}_{DATES[date].replace('-', '')}" for date, band in order)
    found = opened(write(tmp_path / "s2.tif", stacked, names))
    assert tuple(each.date for each in found) == DATES
    for each, expected in zip(found, values):
        np.testing.assert_array_equal(reflectance_of(each), expected)


@pytest.mark.parametrize(
    ("tags", "warns"),
    [
        ({"ACQUISITION_DATE": "2021-04-15T10:40:21Z", "TIFFTAG_DATETIME": "2023:01:01 00:00:00"}, False),
        ({"TIFFTAG_DATETIME": "2021:04:15 10:40:21"}, True),
    ],
)
def test_a_date_in_the_tags_is_found(tmp_path, tags, warns):
    messages = []
    (found,) = opened(write(tmp_path / "s2.tif", pixels(1)[0], tags=tags), in_english(messages))
    assert found.date == "2021-04-15"
    assert any("TIFFTAG_DATETIME" in message for message in messages) == warns


def test_long_keys_of_tags_are_looked_at_once(tmp_path):
    """Looked at from each of its places to the end, such a key would take minutes."""
    path = write(tmp_path / "20210415.tif", pixels(1)[0], tags={"acqui" * 60_000: "2019-01-01"})
    assert opened(path)[0].date == "2021-04-15"


@pytest.mark.parametrize("nodata", [None, np.nan, -9999.0])
def test_reflectance_of_0_to_1_is_scaled(tmp_path, nodata):
    values = pixels(1)[0]
    stored = (values / 10_000).astype(np.float32)
    stored[:, 0, 0] = np.nan if nodata is None else nodata
    (found,) = opened(write(tmp_path / "20210415.tif", stored, nodata=nodata))
    assert (found.offset, found.scale) == (0, 10_000)
    expected = values.astype(float)
    expected[:, 0, 0] = 0
    np.testing.assert_allclose(reflectance_of(found), expected, rtol=1e-6)


def test_floating_point_digital_numbers_stay_as_they_are(tmp_path):
    values = pixels(1)[0].astype(np.float32)
    (found,) = opened(write(tmp_path / "20210415.tif", values))
    np.testing.assert_array_equal(reflectance_of(found), values)


def test_a_declared_scale_and_offset_are_honoured(tmp_path):
    values = pixels(1)[0]
    path = write(tmp_path / "20220415.tif", values + 1000)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = [0.0001] * 10, [-0.1] * 10
    (found,) = opened(path)
    assert (found.offset, found.scale) == (-1000, 1)
    np.testing.assert_array_equal(reflectance_of(found), values)


@pytest.mark.parametrize(
    ("name", "count", "names", "match"),
    [
        ("s2.tif", 10, (), r"date of the Sentinel-2 raster .* is unknown"),
        ("s2.tif", 20, (), r"date of its band 1"),
        ("s2_20210231.tif", 10, (), r"has the date 20210231, which does not exist"),
        ("20210415.tif", 12, (), r"has 12 bands without names"),
        ("20210415.tif", 4, (), r"has 4 bands: give 10 for one date"),
        ("20210415.tif", 9, tuple(b for b in SATELLITE_BANDS if b != "B8A"), r"has no band B8A"),
        ("20210415.tif", 10, tuple("B1" if b == "B8A" else b for b in SATELLITE_BANDS), r"has no band B8A"),
        ("20210415.tif", 10, ("B2", *SATELLITE_BANDS[:9]), r"band B2 of 2021-04-15 twice"),
        ("s2.tif", 11, tuple(f"2021-04-15 x{n}" for n in range(11)), r"has 11 bands of 2021-04-15|has 11 bands: give"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(tmp_path, name, count, names, match):
    path = write(tmp_path / name, np.ones((count, 8, 8), np.uint16), names)
    with pytest.raises(BadInput, match=match) as caught:
        opened(path)
    assert caught.value.field == "sentinel2"


def test_a_raster_without_place_or_with_pictures_in_it_is_refused(tmp_path):
    path = write(tmp_path / "20210415.tif", pixels(1)[0], crs=None)
    with pytest.raises(BadInput, match="no georeference"):
        opened(path)
    path = write(tmp_path / "20210416.tif", np.ones((10, 8, 8), np.uint8))
    with pytest.raises(BadInput, match="values of type uint8"):
        opened(path)


def test_an_unreadable_file_is_told(tmp_path):
    path = tmp_path / "20210415.tif"
    path.write_bytes(b"II*\x00 but not a TIFF")
    with pytest.raises(BadInput, match="cannot be read as a raster"):
        opened(path)


def test_a_date_behind_the_path_is_that_of_the_raster_whatever_its_names_say(tmp_path):
    for name in ("clip.tif", "export_20230101.tif"):
        path = write(tmp_path / name, pixels(1)[0])
        (found,) = opened(f"{path}@2021-04-15")
        assert (found.date, found.name) == ("2021-04-15", name)


def test_several_rasters_have_the_dates_behind_their_paths(tmp_path):
    values = pixels()
    paths = [f"{write(tmp_path / f'{letter}.tif', each)}@{date}" for letter, each, date in zip("cab", values, DATES)]
    found = open_series(paths, no_warning).acquisitions
    assert tuple(each.date for each in found) == DATES
    for each, expected in zip(found, values):
        np.testing.assert_array_equal(reflectance_of(each), expected)


def test_a_date_behind_the_path_that_is_on_no_calendar_is_refused(tmp_path):
    path = write(tmp_path / "clip.tif", pixels(1)[0])
    with pytest.raises(BadInput, match="2021-02-30, which does not exist"):
        opened(f"{path}@2021-02-30")


def test_a_file_whose_own_name_ends_like_that_is_itself(tmp_path):
    path = write(tmp_path / "clip@2021-04-15", pixels(1)[0])
    assert [each.name for each in opened(path)] == ["clip@2021-04-15"]
