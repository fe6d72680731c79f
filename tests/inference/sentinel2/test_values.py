"""What values mean where nothing says it: each in the form of another program, all with the same reflectance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.notices import Notice
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.inference.sentinel2.warp import OpenFiles, read_cover, read_reflectance

from .forms import TRANSFORM, real_cube, values_of, write, write_flair

DATES = ("2018-10-05", "2018-10-08", "2018-10-13")  # two clear dates and a cloudy one


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    """Three dates of the real cube, uint16 (3, 10, 64, 64)."""
    (path,) = real_cube().glob("SEN2_*_data.npy")
    return np.load(path)[[16, 17, 20]]


def read(path, shape: tuple[int, int] = (64, 64)) -> tuple[list[str], np.ndarray, np.ndarray]:
    """What is told, by code, the reflectance that the networks get, (dates, 10, rows, columns), and what is missing."""
    told: list[Notice] = []
    series = open_series(str(path), told.append)
    with OpenFiles() as files:
        pairs = [
            read_reflectance(each, GeoBox(TRANSFORM, each.geobox.crs_wkt, shape), files) for each in series.acquisitions
        ]
    return [each.code for each in told], np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs])


def folder_of(folder: Path, values, **settings) -> Path:
    for date, each in zip(DATES, values):
        write(folder / f"{date}.tif", each, **settings)
    return folder


FORMS = {
    "as they are": (lambda v: v, []),
    "as signed numbers": (lambda v: v.astype(np.int16), []),
    "as floats": (lambda v: v.astype(np.float32), []),
    "0 to 1": (lambda v: v.astype(np.float32) / 10_000, []),
    "0 to 1, twice as precise": (lambda v: v / 10_000, []),
    "percent": (lambda v: v.astype(np.float32) / 100, ["percent_reflectance"]),
    "0 to 65535": (lambda v: np.rint(np.minimum(v / 10_000, 1) * 65_535).astype(np.uint16), ["stretched_reflectance"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_rasters_have_the_same_reflectance_in_every_form(tmp_path, real, form):
    change, expected = FORMS[form]
    codes, values, missing = read(folder_of(tmp_path, change(real)))
    assert codes == expected
    np.testing.assert_array_equal(values, real if form != "0 to 65535" else np.minimum(real, 10_000))
    assert not missing.any()


@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_flair_have_the_same_reflectance_in_every_form(tmp_path, real, form):
    change, expected = FORMS[form]
    codes, values, missing = read(write_flair(tmp_path, change(real), dates=DATES))
    assert codes == expected
    np.testing.assert_array_equal(values, real if form != "0 to 65535" else np.minimum(real, 10_000))
    assert not missing.any()


@pytest.mark.parametrize("fill", [-9999, -10_000, -32_768])
def test_a_fill_that_is_not_declared_is_missing_and_told(tmp_path, real, fill):
    values = real.astype(np.int16)
    values[:2, :, :, :20] = fill
    codes, read_values, missing = read(folder_of(tmp_path, values))
    assert codes == ["undeclared_nodata"]
    assert missing[:2, :, :18].all() and not missing[:2, :, 21:].any() and not missing[2].any()
    np.testing.assert_array_equal(read_values[:, :, :, 21:], real[:, :, :, 21:])


def test_zeros_in_all_bands_of_floats_are_missing(tmp_path, real):
    values = real.astype(np.float32)
    values[:, :, :20] = 0
    codes, read_values, missing = read(folder_of(tmp_path, values))
    assert codes == []
    assert missing[:, :18].all() and not missing[:, 21:].any()
    np.testing.assert_array_equal(read_values[:, :, 21:], real[:, :, 21:])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda v: -v.astype(np.int16), r"100% are negative, which reflectance is not"),
        (lambda v: (v // 40).astype(np.uint16), r"pictures of 8 bits \(up to \d+\)"),
        (lambda v: v.astype(np.float64) * 1e4, r"more than reflectance x 10000 can"),
        (lambda v: v * 0, r"holds no pixel with data"),
        (lambda v: np.full(v.shape, np.nan, np.float32), r"holds no pixel with data"),
        (lambda v: v.astype(np.float32) * 0, r"holds no pixel with data"),
    ],
)
@pytest.mark.parametrize("form", ["rasters", "arrays"])
def test_values_that_cannot_be_reflectance_are_refused(tmp_path, real, change, match, form):
    changed = change(np.minimum(real, 10_000))
    path = folder_of(tmp_path, changed) if form == "rasters" else write_flair(tmp_path, changed, dates=DATES)
    with pytest.raises(BadInput, match=match) as caught:
        read(path)
    assert caught.value.field == "sentinel2"


def test_a_picture_of_8_bits_is_refused(tmp_path, real):
    with pytest.raises(BadInput, match="values of type uint8"):
        read(folder_of(tmp_path, np.minimum(real // 40, 255).astype(np.uint8)))


def test_a_date_without_a_pixel_is_left_out_and_told(tmp_path, real):
    values = real.copy()
    values[1] = 0
    codes, read_values, _ = read(folder_of(tmp_path, values))
    assert codes == ["empty_dates"]
    np.testing.assert_array_equal(read_values, real[[0, 2]])


def test_a_large_raster_whose_samples_hold_nothing_is_not_taken_for_empty(tmp_path, real):
    values = np.zeros((10, 400, 400), np.uint16)
    values[:, 60:124, 60:124] = real[0]
    codes, read_values, missing = read(write(tmp_path / f"{DATES[0]}.tif", values), (400, 400))
    assert codes == []
    np.testing.assert_array_equal(read_values[0, :, 62:122, 62:122], real[0, :, 2:62, 2:62])
    assert missing.any()


# masks

PERCENT = np.tile(np.array([0, 0, 30, 70, 100, 100, 0, 0], np.uint8).repeat(8), (64, 1))


def covered_by(tmp_path, real, mask: np.ndarray | None, form: str = "rasters", **settings):
    """What is told, and how often each pixel of the first date counts as covered; None without a mask."""
    told: list[Notice] = []
    if form == "rasters":
        folder_of(tmp_path, real[:1])
        if mask is not None:
            write(tmp_path / f"{DATES[0]}_clouds.tif", mask[None], **settings)
        series = open_series(str(tmp_path), told.append)
    else:
        assert mask is not None
        both = np.stack([np.zeros_like(mask), mask])[None]  # snow, clouds
        series = open_series(str(write_flair(tmp_path, real[:1], both, DATES[:1])), told.append)
    (each,) = series.acquisitions
    with OpenFiles() as files:
        covered, _ = read_cover(each, GeoBox(TRANSFORM, each.geobox.crs_wkt, (64, 64)), files)
    return [told.code for told in told], covered


MASKS = {
    "percent": (PERCENT, []),
    "percent as floats": (PERCENT.astype(np.float32), []),
    "0 to 1": (PERCENT.astype(np.float32) / 100, ["mask_of_0_and_1"]),
    "0 and 1": ((PERCENT >= 60).astype(np.uint8), ["mask_of_0_and_1"]),
    "0 and 255": ((PERCENT >= 60).astype(np.uint8) * 255, ["mask_of_0_and_255"]),
}


@pytest.mark.parametrize("form", ["rasters", "arrays"])
@pytest.mark.parametrize("kind", MASKS)
def test_masks_cover_the_same_in_every_form(tmp_path, real, kind, form):
    mask, expected = MASKS[kind]
    codes, covered = covered_by(tmp_path, real, mask, form)
    assert codes == expected
    np.testing.assert_array_equal(covered, (PERCENT >= 60).astype(np.uint8))


def test_a_mask_of_255_for_missing_pixels_beside_percents_is_one_of_percents(tmp_path, real):
    mask = np.where(PERCENT == 30, 255, PERCENT).astype(np.uint8)
    codes, covered = covered_by(tmp_path, real, mask)
    assert codes == []
    np.testing.assert_array_equal(covered, (PERCENT >= 60).astype(np.uint8))


def test_a_clear_mask_is_no_mask_of_0_and_1(tmp_path, real):
    codes, covered = covered_by(tmp_path, real, PERCENT * 0, nodata=0)
    assert codes == []
    assert covered is not None and not covered.any()


@pytest.mark.parametrize("form", ["rasters", "arrays"])
def test_a_mask_that_knows_nothing_is_none_and_one_with_gaps_is_told(tmp_path, real, form):
    nothing = np.full((64, 64), np.nan, np.float32)
    codes, covered = covered_by(tmp_path / "nothing", real, nothing, form)
    assert codes == []
    assert covered is None or form == "arrays"
    gaps = np.where(np.arange(64) < 16, np.nan, PERCENT).astype(np.float32)
    codes, covered = covered_by(tmp_path / "gaps", real, gaps, form)
    assert codes == ["mask_gaps"]
    np.testing.assert_array_equal(covered, (PERCENT >= 60).astype(np.uint8))


def test_masks_of_other_things_are_refused(tmp_path, real):
    with pytest.raises(BadInput, match=r"mask of clouds of .* has values up to 200"):
        covered_by(tmp_path / "a", real, PERCENT * 2)
    write(tmp_path / "b" / f"{DATES[0]}_SCL.tif", (PERCENT // 5)[None])
    with pytest.raises(BadInput, match=r"scene classes of .* have the value 20, but there are 0 to 11"):
        covered_by(tmp_path / "b", real, None)


def test_a_declared_packing_is_what_it_declares(tmp_path, real):
    """As xarray packs: numbers of both signs, whose offset is half of what they span."""
    packed = (real[0].astype(np.int32) - 32_000).astype(np.int16)
    path = write(tmp_path / f"{DATES[0]}.tif", packed, nodata=-32_768)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = [0.0001] * 10, [3.2] * 10
    codes, values, _ = read(path)
    assert codes == []
    np.testing.assert_array_equal(values[0], real[0])
    assert values_of(open_series(str(path), print).acquisitions[0].bands[0]).min() < 0
