"""Rasters that came out of products: their level and offset are found around them, or told from their pixels."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

from flair_landcover.contract.cards import SATELLITE_BANDS
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.notices import Notice
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.tests.inference.sentinel2.products import ProductPixels, from_series, made_up, make_product

from .forms import EPSG, REAL, TRANSFORM, no_warning, reflectance_of, write, write_array, write_flair
from .test_product import expected_of

LATE, EARLY = "2023-04-18", "2019-04-18"
PRODUCT = "S2A_MSIL2A_20230418T104021_N0510_R008_T31UES_20230418T180000"


def opened(*paths, warn=no_warning):
    return open_series(tuple(str(path) for path in paths), warn)


def codes_of(*paths) -> tuple[list[str], np.ndarray]:
    """The codes of what is told of a series, and the reflectance of its only date."""
    told: list[Notice] = []
    (found,) = opened(*paths, warn=told.append).acquisitions
    return [each.code for each in told], reflectance_of(found)


def pictures_of(safe: Path) -> list[Path]:
    return sorted((safe / "GRANULE").glob("*/IMG_DATA/*/*_B*.jp2"))


def copied(files: list[Path], folder: Path, short: bool = False) -> Path:
    """The files in one folder, also with names that say nothing but band and resolution."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder / (file.name.split("_", 2)[2] if short else file.name))
    return folder


def stacked(values: np.ndarray, path: Path, shift: int = 1000, **settings) -> Path:
    """A GeoTIFF of ten bands of (10, rows, columns), with the offset where they have data."""
    return write(path, np.where(values > 0, values + shift, 0).astype(np.uint16), **settings)


@pytest.fixture(scope="module")
def pixels() -> ProductPixels:
    """A clear date of the real cube where it is here, else made-up pixels."""
    invented = made_up()
    if not REAL.is_dir():
        return invented
    (path,) = REAL.glob("SEN2_*_data.npy")
    return replace(invented, bands=from_series(np.load(path, mmap_mode="r")[16]).bands)


@pytest.fixture(scope="module")
def expected(pixels) -> np.ndarray:
    return expected_of(pixels)


@pytest.fixture
def safe(tmp_path, pixels) -> Path:
    return make_product(tmp_path / "downloads", pixels, LATE, "05.10")


@pytest.mark.parametrize("part", ["bands", "IMG_DATA", "GRANULE", "R10m", "mask"])
def test_a_part_of_a_product_stands_for_all_of_it(safe, expected, part):
    (granule,) = (safe / "GRANULE").iterdir()
    paths = {
        "bands": pictures_of(safe),
        "IMG_DATA": [granule / "IMG_DATA"],
        "GRANULE": [granule],
        "R10m": [granule / "IMG_DATA" / "R10m"],
        "mask": [granule / "QI_DATA" / "MSK_CLDPRB_20m.jp2"],
    }[part]
    series = opened(*paths)
    (found,) = series.acquisitions
    assert (series.kind, found.name, found.offset) == ("product", safe.stem, -1000)
    assert found.clouds is not None
    np.testing.assert_array_equal(reflectance_of(found), expected)


def test_metadata_beside_the_bands_say_the_offset(tmp_path, safe, expected):
    folder = copied(pictures_of(safe), tmp_path / "bands")
    shutil.copy(safe / "MTD_MSIL2A.xml", folder)
    np.testing.assert_array_equal(codes_of(folder)[1], expected)
    short = copied(pictures_of(safe), tmp_path / LATE, short=True)
    shutil.copy(safe / "MTD_MSIL2A.xml", short)
    assert codes_of(short)[0] == []
    np.testing.assert_array_equal(codes_of(short)[1], expected)


def test_metadata_above_the_bands_say_the_offset_where_they_are_of_their_date(tmp_path, safe, expected):
    above = tmp_path / "product"
    folder = copied(pictures_of(safe), above / "bands" / LATE, short=True)
    text = (safe / "MTD_MSIL2A.xml").read_text()
    (above / "MTD_MSIL2A.xml").write_text(text)
    assert codes_of(folder)[0] == []
    np.testing.assert_array_equal(codes_of(folder)[1], expected)
    (above / "MTD_MSIL2A.xml").write_text(text.replace(f"{LATE}T", "2023-05-18T"))
    assert codes_of(folder)[0] == ["offset_taken_off"]


def test_the_metadata_of_a_granule_say_its_baseline(tmp_path, safe, expected):
    folder = copied(pictures_of(safe), tmp_path / "granule" / LATE, short=True)
    (folder.parent / "MTD_TL.xml").write_text(
        f"<n1:Level-2A_Tile_ID><TILE_ID>S2A_OPER_MSI_L2A_TL_2APS_20230418T150000_A040851_T31UES_N05.09</TILE_ID>"
        f"<SENSING_TIME>{LATE}T10:46:09.000Z</SENSING_TIME></n1:Level-2A_Tile_ID>"
    )
    codes, values = codes_of(folder)
    assert codes == []
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("where", ["folder", "folder above", "file", "zip", "tag"])
def test_the_baseline_in_a_name_or_a_tag_says_the_offset(tmp_path, expected, where):
    path = {
        "folder": tmp_path / PRODUCT / f"{LATE}.tif",
        "folder above": tmp_path / PRODUCT / "clips" / f"{LATE}.tif",
        "file": tmp_path / f"{PRODUCT}_clip.tif",
        "zip": tmp_path / f"{LATE}.tif",
        "tag": tmp_path / f"{LATE}.tif",
    }[where]
    tags = {"PROCESSING_BASELINE": "05.09", "PROCESSING_LEVEL": "Level-2A"} if where == "tag" else {}
    path = stacked(expected, path, tags=tags)
    if where == "zip":
        with zipfile.ZipFile(tmp_path / "clips.zip", "w") as archive:
            archive.write(path, f"clips_N0509/{path.name}")
        path = tmp_path / "clips.zip"
    codes, values = codes_of(path)
    assert codes == []
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("name", ["S2A_MSIL2A_20230418T104021_N0301_R008_T31UES.tif", f"{LATE}_N0300.tif"])
def test_a_baseline_before_the_offset_says_that_there_is_none(tmp_path, expected, name):
    codes, values = codes_of(stacked(expected, tmp_path / name, shift=0))
    assert codes == []
    np.testing.assert_array_equal(values, expected)


def test_the_darkest_pixels_tell_that_the_offset_is_in_and_it_is_said(tmp_path, expected):
    codes, values = codes_of(stacked(expected, tmp_path / f"{LATE}.tif"))
    assert codes == ["offset_taken_off"]
    np.testing.assert_array_equal(values, expected)


def test_of_dates_before_the_offset_some_may_be_hazy_but_not_a_dozen(tmp_path, expected):
    """Products of earlier dates are processed anew with it, too."""
    paths = [stacked(expected, tmp_path / f"2019-{month:02}-18.tif") for month in range(1, 13)]
    codes, values = codes_of(paths[3])
    assert codes == ["offset_unclear"]
    np.testing.assert_array_equal(values, np.where(expected > 0, expected + 1000, 0))
    codes, values = codes_of(stacked(expected, tmp_path / "named" / f"{EARLY}_N0500.tif"))
    assert codes == []
    np.testing.assert_array_equal(values, expected)
    told: list[Notice] = []
    for each in opened(*paths, warn=told.append).acquisitions:
        np.testing.assert_array_equal(reflectance_of(each), expected)
    assert [each.code for each in told] == ["offset_taken_off"]


def test_clouds_alone_tell_nothing_of_older_dates(tmp_path, expected):
    clouds = np.where(expected > 0, expected + 3000, 0)
    codes, values = codes_of(stacked(clouds, tmp_path / f"{EARLY}.tif", shift=0))
    assert codes == []
    np.testing.assert_array_equal(values, clouds)


def test_the_darkest_pixels_tell_that_the_offset_is_not_in(tmp_path, expected):
    codes, values = codes_of(stacked(expected, tmp_path / f"{LATE}.tif", shift=0))
    assert codes == ["offset_not_in"]
    np.testing.assert_array_equal(values, expected)
    codes, values = codes_of(stacked(expected, tmp_path / f"{EARLY}.tif", shift=0))
    assert codes == []
    np.testing.assert_array_equal(values, expected)


def test_a_cloudy_date_is_told_by_the_others(tmp_path, expected):
    clouds = np.where(expected > 0, expected + 3000, 0)
    for shift in (0, 1000):
        folder = tmp_path / str(shift)
        stacked(expected, folder / f"{LATE}.tif", shift)
        stacked(clouds, folder / "2023-05-18.tif", shift)
        told: list[Notice] = []
        found = opened(folder, warn=told.append).acquisitions
        assert [each.code for each in told] == ["offset_taken_off" if shift else "offset_not_in"]
        assert told[0].values["count"] == 2
        for each, right in zip(found, (expected, clouds)):
            np.testing.assert_array_equal(reflectance_of(each), right)


def test_an_offset_that_is_off_already_is_not_taken_off_again_whatever_names_and_declarations_say(tmp_path, expected):
    path = stacked(expected, tmp_path / f"{PRODUCT}.tif", shift=0)
    codes, values = codes_of(path)
    assert codes == ["offset_already_off"]
    np.testing.assert_array_equal(values, expected)
    path = stacked(expected, tmp_path / f"{LATE}.tif", shift=0)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = [0.0001] * 10, [-0.1] * 10
    codes, values = codes_of(path)
    assert codes == ["offset_already_off"]
    np.testing.assert_array_equal(values, expected)


def cube_of(store: Path, values: np.ndarray, days: list[int], **attributes) -> Path:
    """A Zarr store of (dates, 10, 64, 64), its time in days since EARLY."""
    crs = {"_CRS": {"wkt": CRS.from_epsg(EPSG).to_wkt()}}
    write_array(store, "time", np.array(days, "<i8"), ["time"], units=f"days since {EARLY}", calendar="standard")
    write_array(store, "x", TRANSFORM.c + 5 + 10.0 * np.arange(64), ["x"])
    write_array(store, "y", TRANSFORM.f - 5 - 10.0 * np.arange(64), ["y"])
    for index, band in enumerate(SATELLITE_BANDS):
        write_array(store, band, np.ascontiguousarray(values[:, index]), ["time", "y", "x"], **crs, **attributes)
    return store


def test_each_date_of_a_cube_or_an_array_has_its_own_offset(tmp_path, expected):
    dates = (EARLY, LATE)
    values = np.stack([expected, np.where(expected > 0, expected + 1000, 0)]).astype(np.uint16)
    store = cube_of(tmp_path / "cube.zarr", values, [0, 1461])
    array = write_flair(tmp_path / "flair", values, dates=dates)
    for path in (store, array):
        told: list[Notice] = []
        series = opened(path, warn=told.append)
        assert series.dates == dates
        assert [(each.code, each.values["first"]) for each in told] == [("offset_taken_off", LATE)]
        for each in series.acquisitions:
            np.testing.assert_array_equal(reflectance_of(each), expected)


@pytest.mark.parametrize(
    "name",
    [
        "S2A_MSIL1C_20230418T104021_N0509_R008_T31UES.SAFE.copy/20230418.tif",
        "S2A_MSIL1C_20230418T104021_N0509_R008_T31UES_clip.tif",
        "2023-04-18_Sentinel-2_L1C_stack.tif",
        "S2A_31UES_20230418_0_L1C/stack.tif",
        "L1C_T31UES_A040851_20230418T105629/IMG_DATA/20230418.tif",
    ],
)
def test_a_raster_of_level_1c_is_refused_by_its_names(tmp_path, expected, name):
    path = stacked(expected, tmp_path / name)
    for given in (path, path.parent):
        with pytest.raises(
            BadInput, match="is of Level-1C, not corrected for the atmosphere: give the Level-2A"
        ) as caught:
            opened(given)
        assert caught.value.field == "sentinel2"


def test_band_files_of_level_1c_are_refused_by_their_names_metadata_and_tags(tmp_path, safe, expected):
    bands = copied(pictures_of(safe), tmp_path / "bands")
    for file in list(bands.iterdir()):
        file.rename(file.with_name(file.name.replace("_10m", "").replace("_20m", "")))
    clips = copied(pictures_of(safe), tmp_path / LATE, short=True)
    text = (safe / "MTD_MSIL2A.xml").read_text().replace("Level-2A", "Level-1C").replace("BOA_", "")
    (clips / "MTD_MSIL1C.xml").write_text(text)
    tagged = stacked(expected, tmp_path / "tagged" / f"{LATE}.tif", tags={"PROCESSING_LEVEL": "Level-1C"})
    for given in (bands, clips, tagged):
        with pytest.raises(BadInput, match="is of Level-1C"):
            opened(given)


def test_folders_further_up_that_hold_both_levels_do_not_matter(tmp_path, expected):
    path = stacked(expected, tmp_path / "L1C_and_L2A" / "N1234" / "clips" / f"{EARLY}.tif", shift=0)
    assert codes_of(path)[0] == []


def test_names_of_products_do_not_speak_for_the_pixels_of_arrays_made_of_them(tmp_path, expected):
    path = write_flair(tmp_path, expected[None].astype(np.uint16), dates=(EARLY,))
    products = tmp_path / "SEN2_zone_products.txt"
    products.write_text(products.read_text().replace("_N0214_", "_N0500_"))
    codes, found = codes_of(path)
    assert codes == []
    np.testing.assert_array_equal(found, expected)
    products.write_text(products.read_text().replace("MSIL2A", "MSIL1C"))
    with pytest.raises(BadInput, match="is of Level-1C"):
        codes_of(path)


def test_scale_factor_and_add_offset_of_a_cube_are_what_they_declare(tmp_path, expected):
    packed = np.where(expected > 0, expected + 1000, 0).astype(np.uint16)
    codes, values = codes_of(cube_of(tmp_path / "cube.zarr", packed[None], [0], scale_factor=1e-4, add_offset=-0.1))
    assert codes == []
    np.testing.assert_array_equal(values, expected)


def test_an_export_of_google_earth_engine_is_told_by_its_pixels(tmp_path, expected):
    """Of S2_SR or of S2_SR_HARMONIZED: nothing in it says which."""
    names = ["B1", *SATELLITE_BANDS[:8], "B9", *SATELLITE_BANDS[8:], "AOT", "WVP", "SCL", "TCI_R", "TCI_G", "TCI_B"]
    names += ["MSK_CLDPRB", "MSK_SNWPRB", "QA10", "QA20", "QA60", "MSK_CLASSI_OPAQUE", "MSK_CLASSI_SNOW_ICE"]
    for shift, kind in ((0, np.uint16), (1000, np.uint16), (1000, np.float64)):
        values = np.zeros((len(names), 64, 64), kind)
        for band, pixels in zip(SATELLITE_BANDS, expected):
            values[names.index(band)] = np.where(pixels > 0, pixels + shift, 0)
        values[names.index("MSK_CLDPRB")] = 30
        values[names.index("SCL")] = 4
        name = f"{shift}/{kind.__name__}/20230418T104021_20230418T104558_T31UES.tif"
        path = write(tmp_path / name, values, tuple(names))
        codes, found = codes_of(path)
        assert codes == ["offset_taken_off" if shift else "offset_not_in"]
        np.testing.assert_array_equal(found, expected)


def test_a_large_jpeg_2000_is_told_by_its_middle_but_not_by_the_edge_of_its_data(tmp_path, expected):
    """Of such a granule the corners are often without data; its levels mix data with what is beside them."""
    lossless = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}
    for band, pixels in zip(SATELLITE_BANDS, expected):
        large = np.tile(np.where(pixels > 0, pixels + 1000, 0).astype(np.uint16), (17, 17))[None]
        large[0, :, :400] = 0
        write(tmp_path / LATE / f"{band}.jp2", large, **lossless)
    told: list[Notice] = []
    (found,) = opened(tmp_path / LATE, warn=told.append).acquisitions
    assert [each.code for each in told] == ["offset_taken_off"]
    assert found.offset == -1000
