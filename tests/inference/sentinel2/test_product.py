"""Level-2A products in their real structure, as folders and as zip files."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from flair_landcover.contract.cards import SATELLITE_BANDS
from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.tests.inference.sentinel2.products import (
    FINE,
    ProductPixels,
    from_series,
    made_up,
    make_product,
    zip_product,
)

from .forms import REAL, TRANSFORM, no_warning, place_of, reflectance_of, values_of

BASELINES = ("03.00", "05.10")  # before and after the radiometric offset came in with 04.00


def some_pixels() -> ProductPixels:
    """A date of the real cube where it is here, else made-up pixels; masks made up in both cases."""
    invented = made_up()
    if not REAL.is_dir():
        return invented
    (path,) = REAL.glob("SEN2_*_data.npy")
    return replace(invented, bands=from_series(np.load(path, mmap_mode="r")[20]).bands)


def expected_of(pixels: ProductPixels) -> np.ndarray:
    bands = [pixels.bands[name] for name in SATELLITE_BANDS]
    return np.stack([b if b.shape == bands[0].shape else b.repeat(2, axis=0).repeat(2, axis=1) for b in bands])


def opened(path, warn=no_warning):
    series = open_series((str(path),), warn)
    assert series.kind == "product"
    return series


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("form", ["folder", "zip", "metadata file", "folder of both"])
def test_a_product_gives_the_pixels_that_it_was_made_of(tmp_path, baseline, form):
    pixels = some_pixels()
    safe = make_product(tmp_path, pixels, "2021-04-15", baseline)
    path = {"folder": safe, "zip": safe, "metadata file": safe / "MTD_MSIL2A.xml", "folder of both": tmp_path}[form]
    if form in ("zip", "folder of both"):
        path = zip_product(safe) if form == "zip" else path
        zip_product(safe)
    if form == "zip":
        shutil.rmtree(safe)
    (found,) = opened(path).acquisitions
    assert (found.date, found.name) == ("2021-04-15", safe.stem)
    assert (found.nodata, found.offset, found.scale) == (0, -1000 if baseline == "05.10" else 0, 1)
    np.testing.assert_array_equal(reflectance_of(found), expected_of(pixels))
    for source, expected in ((found.clouds, pixels.clouds), (found.snow, pixels.snow), (found.classes, pixels.classes)):
        np.testing.assert_array_equal(values_of(source), expected)
    for name, source in zip(SATELLITE_BANDS, found.bands):
        with rasterio.open(source.path) as dataset:
            assert dataset.res == ((10, 10) if name in FINE else (20, 20))
    assert place_of(found.bands[0]) == place_of(found.bands[8]) == place_of(found.clouds)
    assert place_of(found.bands[0])[0] == 32631


def test_the_offset_is_the_metadata_s_not_the_date_s(tmp_path):
    """Products of all years are processed anew: one of 2019 may have the offset."""
    safe = make_product(tmp_path, made_up(), "2019-04-15", "05.00")
    assert opened(safe).acquisitions[0].offset == -1000
    metadata = safe / "MTD_MSIL2A.xml"
    metadata.write_text(metadata.read_text().replace(">-1000<", ">-500<").replace(">10000<", ">5000<"))
    (found,) = opened(safe).acquisitions
    assert (found.offset, found.scale) == (-500, 2)


def test_a_folder_of_products_is_a_series_in_which_neighbouring_granules_are_each_kept(tmp_path):
    east = TRANSFORM * Affine.translation(64, 0)
    for date, place, tile in (
        ("2021-07-04", TRANSFORM, "T31UES"),
        ("2021-04-15", TRANSFORM, "T31UES"),
        ("2021-04-15", east, "T31UFS"),
    ):
        safe = make_product(tmp_path / "2021", made_up(), date, transform=place, tile=tile)
        if tile == "T31UFS":
            zip_product(safe)
            shutil.rmtree(safe)
    series = opened(tmp_path)
    assert [(each.date, "T31UFS" in each.name) for each in series.acquisitions] == [
        ("2021-04-15", False),
        ("2021-04-15", True),
        ("2021-07-04", False),
    ]


def test_a_zip_file_may_hold_several_products_or_the_inside_of_one(tmp_path):
    safes = [make_product(tmp_path, made_up(), date) for date in ("2021-04-15", "2021-07-04")]
    several, inside = tmp_path / "several.zip", tmp_path / f"{safes[0].stem}.zip"
    with zipfile.ZipFile(several, "w") as archive:
        for file in (file for safe in safes for file in safe.rglob("*")):
            archive.write(file, f"2021/{file.relative_to(tmp_path).as_posix()}")
    with zipfile.ZipFile(inside, "w") as archive:
        for file in safes[0].rglob("*"):
            archive.write(file, file.relative_to(safes[0]).as_posix())
    assert opened(several).dates == ("2021-04-15", "2021-07-04")
    (found,) = opened(inside).acquisitions
    assert found.name == safes[0].stem
    np.testing.assert_array_equal(reflectance_of(found), expected_of(made_up()))


def test_a_product_without_masks_has_none(tmp_path):
    safe = make_product(tmp_path, ProductPixels(made_up().bands), "2021-04-15")
    (found,) = opened(safe).acquisitions
    assert (found.clouds, found.snow, found.classes) == (None, None, None)


def test_a_product_of_level_1c_is_refused(tmp_path):
    safe = make_product(tmp_path, made_up(), "2021-04-15")
    (safe / "MTD_MSIL2A.xml").rename(safe / "MTD_MSIL1C.xml")
    safe = safe.rename(safe.with_name(safe.name.replace("MSIL2A", "MSIL1C")))
    for path in (safe, zip_product(safe)):
        with pytest.raises(BadInput, match="is of Level-1C") as caught:
            opened(path)
        assert caught.value.field == "sentinel2"


def without(safe: Path, name: str) -> None:
    (file,) = safe.rglob(name)
    file.unlink()


@pytest.mark.parametrize(
    ("file", "match"),
    [("*_B8A_20m.jp2", "has no band B8A"), ("MTD_MSIL2A.xml", "has no metadata file MTD_MSIL2A.xml")],
)
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_product_that_is_not_whole_is_told(tmp_path, file, match, form):
    safe = make_product(tmp_path, made_up(), "2021-04-15")
    without(safe, file)
    with pytest.raises(BadInput, match=match):
        opened(safe if form == "folder" else zip_product(safe))


def test_a_damaged_file_and_a_foreign_zip_are_told(tmp_path):
    safe = make_product(tmp_path, made_up(), "2021-04-15")
    (band,) = safe.rglob("*_B02_10m.jp2")
    band.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="cannot be read as a raster"):
        opened(safe)
    damaged, foreign = tmp_path / "damaged.zip", tmp_path / "foreign.zip"
    damaged.write_bytes(b"PK\x03\x04 and no more")
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BadInput, match=r"damaged\.zip cannot be read"):
        opened(damaged)
    with pytest.raises(BadInput, match="holds no Sentinel-2 product"):
        opened(foreign)


def test_a_product_with_an_impossible_date_is_told(tmp_path):
    safe = make_product(tmp_path, made_up(), "2021-04-15")
    metadata = safe / "MTD_MSIL2A.xml"
    metadata.write_text(metadata.read_text().replace("2021-04-15T", "2021-04-31T"))
    with pytest.raises(BadInput, match="2021-04-31, which does not exist"):
        opened(safe)
