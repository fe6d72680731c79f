"""A folder of one raster a date, or of one a band, with masks beside them."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from affine import Affine

from flair_landcover.contract.cards import SATELLITE_BANDS
from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.tests.inference.sentinel2.products import FINE
from flair_landcover.tests.notices import in_english

from .forms import DATES, TRANSFORM, no_warning, pixels, reflectance_of, values_of, write

COARSE = TRANSFORM * Affine.scale(2)


def opened(folder, warn=no_warning):
    series = open_series((str(folder),), warn)
    assert series.kind == "folder"
    return series


def test_one_raster_a_date_with_masks_beside_it(tmp_path):
    values = pixels()
    for index, (date, each) in enumerate(zip(DATES, values)):
        stem = date.replace("-", "")
        write(tmp_path / f"{stem}.tif", each)
        write(tmp_path / f"{stem}_clouds.tif", np.full((1, 16, 16), 10 + index, np.uint8), transform=COARSE)
        if index:
            write(tmp_path / "masks" / f"{stem}_SNW.tif", np.full((1, 16, 16), 20 + index, np.uint8), transform=COARSE)
    write(tmp_path / f"SCL_{DATES[1]}.tif", np.full((1, 16, 16), 4, np.uint8), transform=COARSE)
    series = opened(tmp_path)
    assert series.dates == DATES
    for index, each in enumerate(series.acquisitions):
        np.testing.assert_array_equal(reflectance_of(each), values[index])
        assert (values_of(each.clouds) == 10 + index).all()
        assert (each.snow is None) if not index else (values_of(each.snow) == 20 + index).all()
    assert [each.classes is None for each in series.acquisitions] == [True, False, True]


def test_one_raster_a_band_is_put_together_from_the_finest(tmp_path):
    """As programs that download from a catalogue leave them: a folder a date, a file a band."""
    values = pixels(2)
    for date, each in zip(DATES, values):
        folder = tmp_path / f"S2A_31UES_{date.replace('-', '')}_0_L2A"
        for name, band in zip(SATELLITE_BANDS, each):
            if name in FINE:
                write(folder / f"B{name[1:].zfill(2)}_10m.tif", band[None])
            write(folder / f"B{name[1:].zfill(2)}_20m.tif", band[None, ::2, ::2], transform=COARSE)
        write(folder / "SCL_20m.tif", np.full((1, 16, 16), 4, np.uint8), transform=COARSE)
    series = opened(tmp_path)
    assert series.dates == DATES[:2]
    for each, expected in zip(series.acquisitions, values):
        np.testing.assert_array_equal(reflectance_of(each), expected)
        assert (values_of(each.classes) == 4).all()


def test_two_rasters_of_one_date_are_kept_each_with_its_own_mask(tmp_path):
    east = TRANSFORM * Affine.translation(32, 0)
    for name, place, cloud in (("T31UES", TRANSFORM, 1), ("T31UFS", east, 2)):
        write(tmp_path / f"{name}_20210415.tif", pixels(1)[0], transform=place)
        write(tmp_path / f"{name}_20210415_CLDPRB.tif", np.full((1, 32, 32), cloud, np.uint8), transform=place)
    series = opened(tmp_path)
    assert [(each.name[:6], values_of(each.clouds)[0, 0]) for each in series.acquisitions] == [
        ("T31UES", 1),
        ("T31UFS", 2),
    ]


def test_several_rasters_are_as_good_as_their_folder(tmp_path):
    paths = [str(write(tmp_path / f"{date}.tif", each)) for date, each in zip(DATES, pixels())]
    assert open_series(tuple(reversed(paths)), no_warning) == opened(tmp_path)


def test_what_is_beside_the_series_is_left_out_and_told(tmp_path):
    write(tmp_path / "20210415.tif", pixels(1)[0])
    write(tmp_path / "preview.tif", np.ones((3, 8, 8), np.uint8))
    messages = []
    assert len(opened(tmp_path, in_english(messages)).acquisitions) == 1
    assert len(messages) == 1
    assert "preview.tif" in messages[0]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"crs": "EPSG:32632"}, "rasters in two CRS"),
        ({"transform": TRANSFORM * Affine.translation(500, 0)}, "rasters of two places"),
    ],
)
def test_two_grids_are_refused(tmp_path, settings, match):
    write(tmp_path / "20210415.tif", pixels(1)[0])
    write(tmp_path / "20210425.tif", pixels(1)[0], **settings)
    with pytest.raises(BadInput, match=match):
        opened(tmp_path)


def test_rasters_that_only_differ_in_resolution_are_one_series(tmp_path):
    write(tmp_path / "20210415.tif", pixels(1)[0])
    write(tmp_path / "20210425.tif", pixels(1, 16)[0], transform=COARSE)
    assert opened(tmp_path).dates == ("2021-04-15", "2021-04-25")


def test_the_band_that_a_date_lacks_is_named(tmp_path):
    for name, band in zip(SATELLITE_BANDS, pixels(1)[0]):
        if name != "B8A":
            write(tmp_path / f"20210415_{name}.tif", band[None])
    with pytest.raises(BadInput, match="on 2021-04-15 has no band B8A") as caught:
        opened(tmp_path)
    assert caught.value.field == "sentinel2"


def test_a_raster_without_date_and_one_with_an_impossible_date_are_told(tmp_path):
    write(tmp_path / "20210415.tif", pixels(1)[0])
    path = write(tmp_path / "scene.tif", pixels(1)[0])
    with pytest.raises(BadInput, match=r"date of the Sentinel-2 raster .*scene\.tif is unknown"):
        opened(tmp_path)
    path.rename(tmp_path / "20210431.tif")
    with pytest.raises(BadInput, match="20210431, which does not exist"):
        opened(tmp_path)


def test_a_folder_with_nothing_usable_is_told(tmp_path):
    with pytest.raises(BadInput, match="holds no Sentinel-2 data"):
        opened(tmp_path)
    write(tmp_path / "preview.tif", np.ones((3, 8, 8), np.uint8))
    with pytest.raises(BadInput, match="no Sentinel-2 raster of 10 bands"):
        opened(tmp_path)


@pytest.mark.parametrize("given", ["zip", "folder of zips", "layers of a zip"])
def test_rasters_in_a_zip_file_are_read_where_they_lie(tmp_path, given):
    values = pixels()
    for date, each in zip(DATES, values):
        write(tmp_path / "made" / f"{date}.tif", each)
        write(tmp_path / "made" / f"{date}_clouds.tif", np.full((1, 32, 32), 7, np.uint8))
    archives = tmp_path / "zips"
    archives.mkdir()
    dates = [DATES] if given != "folder of zips" else [(date,) for date in DATES]
    for number, some in enumerate(dates):
        with zipfile.ZipFile(archives / f"{number}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for file in (file for date in some for file in (tmp_path / "made").glob(f"{date}*")):
                archive.write(file, f"deep/{file.name}")
    archive = archives / "0.zip"
    paths = {
        "zip": [archive],
        "folder of zips": [archives],
        "layers of a zip": [f"/vsizip/{archive}/deep/{date}{mask}.tif" for date in DATES for mask in ("", "_clouds")],
    }[given]
    series = open_series([str(path) for path in paths], no_warning)
    assert (series.kind, series.dates) == ("folder", DATES)
    for each, expected in zip(series.acquisitions, values):
        np.testing.assert_array_equal(reflectance_of(each), expected)
        assert (values_of(each.clouds) == 7).all()


def test_a_zip_beside_rasters_does_not_matter(tmp_path):
    write(tmp_path / "20210415.tif", pixels(1)[0])
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        archive.writestr("preview.png", b"")
    assert opened(tmp_path).dates == ("2021-04-15",)
