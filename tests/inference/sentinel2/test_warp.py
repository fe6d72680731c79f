"""An acquisition read on another frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.sentinel2 import warp
from flair_landcover.inference.sentinel2.series import Acquisition, BandSource
from flair_landcover.inference.sentinel2.warp import OpenFiles

from ..conftest import ORIGIN, picture, write_raster
from .made_series import AROUND, WKT, pixels_of, write_date

INNER = GeoBox(AROUND * Affine.translation(20, 10), WKT, (40, 30))  # columns 20 to 50, rows 10 to 50


def read_reflectance(acquisition: Acquisition, geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    with OpenFiles() as files:
        return warp.read_reflectance(acquisition, geobox, files)


def read_cover(acquisition: Acquisition, geobox: GeoBox) -> tuple[np.ndarray | None, np.ndarray]:
    with OpenFiles() as files:
        return warp.read_cover(acquisition, geobox, files)


def test_on_its_own_lattice_a_raster_gives_its_very_pixels(tmp_path):
    acquisition = write_date(tmp_path, "2021-04-15")
    values, missing = read_reflectance(acquisition, INNER)
    np.testing.assert_array_equal(values, pixels_of(acquisition)[:, 10:50, 20:50])
    assert values.dtype == np.uint16 and not missing.any()


def test_offset_and_scale_give_reflectance_times_10000(tmp_path):
    acquisition = write_date(tmp_path, "2022-04-15", np.full((10, 80, 80), 2500, np.uint16), offset=-1000)
    assert (read_reflectance(acquisition, INNER)[0] == 1500).all()
    dark = write_date(tmp_path, "2022-05-15", np.full((10, 80, 80), 900, np.uint16), offset=-1000)
    values, missing = read_reflectance(dark, INNER)
    assert not values.any() and not missing.any()
    shares = np.full((10, 80, 80), 0.1234, np.float32)
    floating = write_date(tmp_path, "2022-06-15", shares, scale=10000, nodata=float("nan"))
    assert (read_reflectance(floating, INNER)[0] == 1234).all()


def test_bands_of_20_m_lie_where_those_of_10_m_do(tmp_path):
    """A plane over the ground is the same plane on every grid."""
    rows, columns = np.mgrid[:80, :80]
    fine = (2 * columns + rows)[None] * 20 + 500
    coarse = fine.reshape(1, 40, 2, 40, 2).mean(axis=(2, 4))
    first = write_raster(tmp_path / "10m.tif", np.repeat(fine, 4, 0).astype(np.uint16), transform=AROUND)
    second = write_raster(
        tmp_path / "20m.tif", np.repeat(coarse, 6, 0).astype(np.uint16), transform=AROUND * Affine.scale(2)
    )
    acquisition = write_date(tmp_path / "s", "2021-04-15")
    bands = [BandSource(str(first), n) for n in (1, 2, 3)] + [BandSource(str(second), n) for n in range(1, 7)]
    values, _ = read_reflectance(replace(acquisition, bands=(*bands, BandSource(str(first), 4))), INNER)
    np.testing.assert_array_equal(values[0], fine[0, 10:50, 20:50])
    assert np.abs(values.astype(int) - values[0]).max() <= 1


def test_missing_pixels_are_those_without_most_bands_a_dark_one_in_a_single_band_is_0(tmp_path):
    pixels = picture(10, 80, 80, top=6000).astype(np.uint16)
    pixels[6, 15, 25] = 0
    pixels[:, 20, 30] = 0
    values, missing = read_reflectance(write_date(tmp_path, "2021-04-15", pixels), INNER)
    assert np.argwhere(missing).tolist() == [[10, 10]]
    np.testing.assert_array_equal(values, pixels[:, 10:50, 20:50])


def test_beyond_the_raster_everything_is_missing(tmp_path):
    acquisition = write_date(tmp_path, "2021-04-15")
    over_the_edge = GeoBox(AROUND * Affine.translation(70, 0), WKT, (20, 20))
    values, missing = read_reflectance(acquisition, over_the_edge)
    assert missing[:, 10:].all() and not missing[:, :10].any()
    assert not values[:, :, 10:].any()
    _, missing = read_reflectance(acquisition, replace(INNER, transform=Affine(10, 0, 0, 0, -10, 0)))
    assert missing.all()


def test_masks_of_20_m_are_read_by_their_nearest_pixel(tmp_path):
    clouds = np.zeros((40, 40), np.uint8)
    clouds[5:7, 10] = 61
    classes = np.full((40, 40), 4, np.uint8)
    classes[8, 12] = 11
    classes[9, 12] = 0
    covers, without_data = read_cover(write_date(tmp_path, "2021-04-15", clouds=clouds, classes=classes), INNER)
    expected = np.zeros((40, 30), np.uint8)
    expected[0:4, 0:2] = 1
    expected[6:8, 4:6] = 1
    np.testing.assert_array_equal(covers, expected)
    assert np.argwhere(without_data).tolist() == [[8, 4], [8, 5], [9, 4], [9, 5]]
    assert read_cover(write_date(tmp_path, "2021-05-15"), INNER)[0] is None


def test_a_file_that_has_gone_is_named(tmp_path):
    acquisition = write_date(tmp_path, "2021-04-15")
    (tmp_path / "2021-04-15.tif").unlink()
    with pytest.raises(BadInput, match=r"2021-04-15\.tif cannot be read"):
        read_reflectance(acquisition, INNER)


def test_the_frame_knows_its_bounds():
    assert INNER.bounds == (ORIGIN[0] - 100, ORIGIN[1] - 200, ORIGIN[0] + 200, ORIGIN[1] + 200)


def test_a_raster_is_opened_once_and_closed_at_the_end(tmp_path, monkeypatch):
    paths = [date.bands[0].path for date in (write_date(tmp_path, f"2021-0{month}-15") for month in (1, 2, 3))]
    monkeypatch.setattr(warp, "_MOST_OPEN", 2)
    with OpenFiles() as files:
        first = files.dataset(paths[0])
        second = files.dataset(paths[1])
        assert files.dataset(paths[0]) is first
        third = files.dataset(paths[2])
        assert [dataset.closed for dataset in (first, second, third)] == [False, True, False]
    assert first.closed and third.closed
