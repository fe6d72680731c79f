"""The layout of FLAIR #2."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import rasterio
from affine import Affine

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.inference.sentinel2.vrt import open_source

from .forms import DATES, EPSG, TRANSFORM, no_warning, pixels, place_of, reflectance_of, values_of, write, write_flair

TILE = Affine(0.2, 0, 652_000, 0, -0.2, 6_862_000)


def opened(path):
    series = open_series((str(path),), no_warning)
    assert series.kind == "flair"
    return series


def masks_of(dates: int = 3, size: int = 32) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 101, (dates, 2, size, size)).astype(np.uint8)


def test_arrays_masks_and_dates_are_read(tmp_path):
    values, masks = pixels(), masks_of()
    data = write_flair(tmp_path, values, masks)
    series = opened(data)
    assert series.dates == DATES
    for index, each in enumerate(series.acquisitions):
        np.testing.assert_array_equal(reflectance_of(each), values[index])
        np.testing.assert_array_equal(values_of(each.snow), masks[index, 0])
        np.testing.assert_array_equal(values_of(each.clouds), masks[index, 1])
        assert each.name.startswith(f"S2A_MSIL2A_{DATES[index].replace('-', '')}")
        assert place_of(each.clouds) == place_of(each.bands[0])
    assert opened(tmp_path) == opened(tmp_path / "SEN2_zone_masks.npy") == series


def test_an_array_in_fortrans_order_is_the_same_where_it_is_small_and_refused_where_it_takes_hours(tmp_path):
    values = pixels()
    small = opened(write_flair(tmp_path / "small", np.asfortranarray(values)))
    for index, each in enumerate(small.acquisitions):
        np.testing.assert_array_equal(reflectance_of(each), values[index])
    large = write_flair(tmp_path / "large", np.asfortranarray(pixels(size=200)))
    with pytest.raises(BadInput, match=r"Fortran's order.*save it in C's, with numpy\.save"):
        opened(large)
    np.save(large, np.ascontiguousarray(np.load(large)))
    assert opened(large).dates == DATES


def test_products_in_another_order_keep_their_pixels(tmp_path):
    values = pixels()
    series = opened(write_flair(tmp_path, values, dates=(DATES[2], DATES[0], DATES[1])))
    assert series.dates == DATES
    for each, index in zip(series.acquisitions, (1, 2, 0)):
        np.testing.assert_array_equal(reflectance_of(each), values[index])
        assert each.clouds is None


def test_a_world_file_places_the_middle_of_its_first_pixel(tmp_path):
    data = write_flair(tmp_path, pixels())
    expected = place_of(opened(data).acquisitions[0].bands[0])
    data.with_suffix(".json").unlink()
    middle = TRANSFORM * (0.5, 0.5)
    data.with_suffix(".wld").write_text("\n".join(str(n) for n in (10, 0, 0, -10, *middle)))
    with pytest.raises(BadInput, match="has no CRS"):
        opened(data)
    data.with_suffix(".prj").write_text(rasterio.crs.CRS.from_epsg(EPSG).to_wkt())
    assert place_of(opened(data).acquisitions[0].bands[0]) == expected


@pytest.mark.parametrize("tree", [False, True])
def test_the_centroid_file_puts_its_pixel_on_the_middle_of_the_aerial_tile(tmp_path, tree):
    """Beside each other, or in the folders as IGN gives them out."""
    zone = "D004_2021/Z1_NN"
    sen = tmp_path / "flair_sen_test" / zone / "sen" if tree else tmp_path
    img = tmp_path / "flair_aerial_test" / zone / "img" if tree else tmp_path
    data = write_flair(sen, pixels())
    data.with_suffix(".json").unlink()
    write(img / "IMG_000012.tif", np.ones((5, 512, 512), np.uint8), crs="EPSG:2154", transform=TILE)
    (tmp_path / "flair-2_centroids_sp_to_patch.json").write_text(
        json.dumps({"IMG_000012.tif": [20, 11], "IMG_1.tif": [0, 0]})
    )
    (found, *_) = opened(data).acquisitions
    with open_source(found.bands[0].path) as dataset:
        assert dataset.crs.to_epsg() == 2154
        assert dataset.res == (10, 10)
        assert dataset.xy(20, 11, offset="ul") == pytest.approx(TILE * (256, 256))


def test_several_tiles_place_a_series_between_them_and_contradictions_are_told(tmp_path):
    data = write_flair(tmp_path, pixels())
    data.with_suffix(".json").unlink()
    centroids = tmp_path / "flair-2_centroids_sp_to_patch.json"
    for number in (0, 1):  # two tiles side by side: 102.4 m are 10.24 pixels
        place = TILE * Affine.translation(512 * number, 0)
        write(tmp_path / f"IMG_{number}.tif", np.ones((5, 512, 512), np.uint8), crs="EPSG:2154", transform=place)
    centroids.write_text(json.dumps({"IMG_0.tif": [20, 5], "IMG_1.tif": [20, 15]}))
    (found, *_) = opened(data).acquisitions
    with open_source(found.bands[0].path) as dataset:
        assert dataset.xy(20, 5, offset="ul")[0] - (TILE * (256, 256))[0] == pytest.approx(1.2)
        assert dataset.xy(20, 15, offset="ul")[0] - (TILE * (768, 256))[0] == pytest.approx(-1.2)
    centroids.write_text(json.dumps({"IMG_0.tif": [20, 5], "IMG_1.tif": [20, 25]}))
    with pytest.raises(BadInput, match="in two places"):
        opened(data)


def test_without_georeference_it_is_told_what_to_put_where(tmp_path):
    data = write_flair(tmp_path, pixels())
    data.with_suffix(".json").unlink()
    with pytest.raises(BadInput, match=r"does not say where it lies: put SEN2_zone_data\.json beside it") as caught:
        opened(data)
    assert caught.value.field == "sentinel2"


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("SEN2_zone_products.txt", b"S2A_MSIL2A_20210415\n", "names 1 products, but the array has 3 dates"),
        ("SEN2_zone_products.txt", b"a\nb\nc\n", "date of the product a .* is unknown"),
        ("SEN2_zone_products.txt", b"S2A_20210231T1\nb\nc\n", "has the date 20210231, which does not exist"),
        ("SEN2_zone_products.txt", None, r"dates of SEN2_zone_data\.npy are unknown"),
        ("SEN2_zone_data.npy", b"\x93NUMPY and no more", "cannot be read"),
        ("SEN2_zone_data.npy", b"", "cannot be read"),
        ("SEN2_zone_masks.npy", b"", "cannot be read"),
        ("SEN2_zone_data.json", b"{}", "georeference .* cannot be read"),
        (
            "SEN2_zone_data.json",
            b'{"crs": "EPSG:0", "transform": [1, 0, 0, 0, 1, 0]}',
            "georeference .* cannot be read",
        ),
    ],
)
def test_files_that_do_not_fit_are_told(tmp_path, name, content, match):
    data = write_flair(tmp_path, pixels(), masks_of())
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=match):
        opened(data)


def test_arrays_of_another_shape_or_type_are_told(tmp_path):
    data = write_flair(tmp_path, pixels()[:, :9], masks_of())
    with pytest.raises(BadInput, match=r"has the shape \(3, 9, 32, 32\)"):
        opened(data)
    write_flair(tmp_path, pixels(), masks_of(2))
    with pytest.raises(BadInput, match="does not fit the data's"):
        opened(data)
    write_flair(tmp_path, pixels() > 5, masks_of())
    with pytest.raises(BadInput, match="values of type bool"):
        opened(data)
    np.save(data, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(BadInput, match="cannot be read"):
        opened(data)


def test_two_series_in_a_folder_are_a_choice_to_make(tmp_path):
    write_flair(tmp_path, pixels())
    shutil.copy(tmp_path / "SEN2_zone_data.npy", tmp_path / "SEN2_other_data.npy")
    with pytest.raises(BadInput, match=r"choose one _data\.npy"):
        opened(tmp_path)
