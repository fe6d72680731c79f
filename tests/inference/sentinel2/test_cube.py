"""Data cubes: the real netCDF one, and made-up Zarr ones."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from flair_landcover.contract.cards import SATELLITE_BANDS
from flair_landcover.contract.errors import BadInput, Cancelled
from flair_landcover.contract.going_on import listening
from flair_landcover.inference.sentinel2 import values as meaning
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.tests.notices import in_english

from .forms import (
    DATES,
    EPSG,
    TRANSFORM,
    no_warning,
    pixels,
    place_of,
    real_cube,
    reflectance_of,
    values_of,
    write_array,
    write_flair,
    write_zarr,
)

DAYS = [0, 111, 191]  # of DATES, since the first


def opened(*paths, warn=no_warning):
    series = open_series(tuple(str(path) for path in paths), warn)
    assert series.kind == "cube"
    return series


def test_the_real_cube_is_the_same_as_netcdf_and_in_flair_s_layout(tmp_path):
    cube = opened(real_cube())
    for file in real_cube().glob("SEN2_*"):
        shutil.copy(file, tmp_path)
    (data,) = tmp_path.glob("SEN2_*_data.npy")
    place = write_flair(tmp_path / "place", pixels()).with_suffix(".json")
    shutil.copy(place, data.with_suffix(".json"))
    flair = open_series((str(data),), no_warning)
    assert flair.kind == "flair"
    assert len(cube.dates) == len(cube.acquisitions) == 72
    assert cube.dates == flair.dates
    for first, second in zip(cube.acquisitions, flair.acquisitions):
        assert first.date == second.date
        np.testing.assert_array_equal(reflectance_of(first), reflectance_of(second))
        assert place_of(first.bands[0]) == place_of(second.bands[0]) == place_of(first.bands[7])
        assert place_of(first.bands[0]) == (EPSG, (574680.0, 5621800.0, 575320.0, 5622440.0))
    stored = np.load(data, mmap_mode="r")
    np.testing.assert_array_equal([reflectance_of(each) for each in flair.acquisitions], stored)


def test_the_real_cube_is_found_from_either_of_its_files_or_a_layer_of_it():
    folder = real_cube()
    (fine,), (coarse,) = folder.glob("S2_L2A_10m_*.nc"), folder.glob("S2_L2A_20m_*.nc")
    whole = opened(folder)
    assert opened(fine) == opened(coarse) == opened(coarse, fine) == whole
    assert opened(f'NETCDF:"{fine}":B02') == whole
    classes = values_of(whole.acquisitions[0].classes)
    assert classes.shape == (32, 32)
    assert set(np.unique([values_of(each.classes) for each in whole.acquisitions])) == {2, 3, 4, 5, 7, 8, 9, 10, 11}


def test_half_of_the_real_cube_is_told_by_the_first_band_that_is_missing(tmp_path):
    (fine,) = real_cube().glob("S2_L2A_10m_*.nc")
    with pytest.raises(BadInput, match="has no band B5"):
        opened(shutil.copy(fine, tmp_path))
    (labels,) = real_cube().glob("OUTPUT_*.nc")
    with pytest.raises(BadInput, match="has no band B2"):
        opened(labels)


def test_a_zarr_store_is_read(tmp_path):
    values = pixels()
    series = opened(write_zarr(tmp_path / "cube.zarr", values, DAYS))
    assert series.dates == DATES
    for each, expected in zip(series.acquisitions, values):
        assert each.scale == 1
        np.testing.assert_array_equal(reflectance_of(each), expected)
        assert place_of(each.bands[0])[0] == EPSG
        assert place_of(each.bands[0])[1][:1] == (TRANSFORM.c,)


def test_the_band_that_a_cube_lacks_is_named(tmp_path):
    with pytest.raises(BadInput, match="has no band B8A") as caught:
        opened(write_zarr(tmp_path / "cube.zarr", pixels(), DAYS, leave_out=("B8A",)))
    assert caught.value.field == "sentinel2"


def test_dates_that_a_band_lacks_are_left_out_and_told(tmp_path):
    values = pixels()
    store = write_zarr(tmp_path / "cube.zarr", values, DAYS, leave_out=("B8A",))
    write_array(store, "t2", np.array(DAYS[:2], "<i8"), ["t2"], units="days since 2020-12-25")
    coarse = np.ascontiguousarray(values[:2, 7])
    attributes = json.loads((store / "B08" / ".zattrs").read_text())
    write_array(store, "B8A", coarse, ["t2", "y", "x"], scale_factor=1e-4, _CRS=attributes["_CRS"])
    messages = []
    series = opened(store, warn=in_english(messages))
    assert series.dates == DATES[:2]
    np.testing.assert_array_equal(reflectance_of(series.acquisitions[1]), values[1])
    assert [DATES[2] in message for message in messages] == [True]


def test_two_cubes_of_different_places_are_refused(tmp_path):
    for name in ("north.zarr", "south.zarr"):
        write_zarr(tmp_path / name, pixels(), DAYS)
    with pytest.raises(BadInput, match="cubes of several places"):
        opened(tmp_path)


def test_a_time_axis_without_dates_is_told(tmp_path):
    store = write_zarr(tmp_path / "cube.zarr", pixels(), DAYS)
    shutil.rmtree(store / "time")
    write_array(store, "time", np.array(DAYS, "<i8"), ["time"])
    with pytest.raises(BadInput, match="time axis"):
        opened(store)


def test_a_cube_of_many_dates_is_sampled_once_for_all_of_them(tmp_path, monkeypatch):
    """Its blocks hold many dates: read date by date, 400 of them took minutes."""
    dates = 60
    store = write_zarr(tmp_path / "cube.zarr", pixels(dates), [3 * number for number in range(dates)])
    readings = []
    read_at = meaning._read_at
    monkeypatch.setattr(meaning, "_read_at", lambda *given: readings.append(given) or read_at(*given))
    assert len(opened(store).acquisitions) == dates
    assert len(readings) == len(SATELLITE_BANDS)


def test_looking_at_a_cube_ends_where_the_job_was_stopped(tmp_path):
    store = write_zarr(tmp_path / "cube.zarr", pixels(), DAYS)
    asked = []
    with listening(lambda: bool(asked.append(1))):
        opened(store)
    for after in range(0, len(asked), 7):
        asked.clear()
        with pytest.raises(Cancelled), listening(lambda: asked.append(1) or len(asked) > after):  # noqa: B023
            opened(store)


def test_a_damaged_cube_is_told(tmp_path):
    path = tmp_path / "cube.nc"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(BadInput, match="cannot be read"):
        opened(path)
