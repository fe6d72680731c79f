"""What an aerial raster is said to hold, and the pictures of its bands."""

from __future__ import annotations

import base64
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

from flair_landcover.contract.answers import AerialDescription
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.notices import notice
from flair_landcover.inference.describe import describe
from flair_landcover.inference.raster.geobox import Bounds

from .conftest import ORIGIN, picture, write_raster

LEFT, TOP = ORIGIN


def look(path: str, bands: str, extent: Bounds | None) -> AerialDescription:
    return describe(ImageSettings((path,), bands=bands), extent)


def pictures_of(said: AerialDescription) -> dict[int, np.ndarray]:
    """Grey values (rows, columns) by band number; 0 is transparent."""
    pictures = {}
    for number, text in said.pictures.items():
        with MemoryFile(base64.b64decode(text)) as file, file.open() as dataset:
            assert dataset.driver == "PNG" and dataset.nodata == 0
            pictures[number] = dataset.read(1)
    return pictures


def test_it_tells_size_bands_and_descriptions(tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(5, 300, 400).astype(np.uint8))
    with rasterio.open(raster, "r+") as dataset:
        dataset.descriptions = ["NIR", "blue", "red", None, "green"]
    said = look(str(raster), "", None)
    unused = notice("bands_not_used", used="NIR=1 B=2 R=3 G=5", unused=[notice("band", number=4)])
    assert {name: value for name, value in said.to_dict().items() if name != "pictures"} == {
        "count": 5,
        "descriptions": ("NIR", "blue", "red", None, "green"),
        "bands": {"nir": 1, "blue": 2, "red": 3, "green": 5},
        "pixel_m": pytest.approx(0.2),
        "width": 400,
        "height": 300,
        "findings": [asdict(replace(unused, setting="bands"))],
        "readable": str(raster),
        "files": 1,
    }
    assert look(str(raster), "R=1 G=2 B=5", None).bands == {"red": 1, "green": 2, "blue": 5}


def test_pictures_show_60_metres_around_the_middle_of_the_extent(tmp_path):
    pixels = np.zeros((3, 1000, 1000), np.uint8)
    pixels[:, 200:425, 300:600] = 50  # 60 x 45 metres around (450, 312.5)
    pixels[0, 200:312, 300:450] = 150
    raster = write_raster(tmp_path / "a.tif", pixels)
    x, y = LEFT + 0.2 * 450, TOP - 0.2 * 312.5
    shown = pictures_of(look(str(raster), "", (x - 5, y - 1, x + 5, y + 1)))
    assert sorted(shown) == [1, 2, 3]
    assert shown[1].shape == (72, 96)
    assert (shown[1][:35, :47] == 255).all() and (shown[1][37:, 49:] == 1).all()
    assert len(np.unique(shown[2])) == 1


def test_without_an_extent_or_beside_the_raster_they_show_its_middle(tmp_path):
    pixels = np.full((3, 1000, 1000), 10, np.uint8)
    pixels[:, 500:, :] = 100
    raster = write_raster(tmp_path / "a.tif", pixels)
    for extent in (None, (0, 0, 10, 10)):
        shown = pictures_of(look(str(raster), "", extent))[3]
        assert (shown[:35] == 1).all() and (shown[37:] == 255).all()


def test_they_are_cut_at_the_rasters_edge(tmp_path):
    pixels = np.full((3, 1000, 1000), 10, np.uint8)
    pixels[:, :58] = 100  # half of the 30 metres that are left below the upper edge
    raster = write_raster(tmp_path / "a.tif", pixels)
    shown = pictures_of(look(str(raster), "", (LEFT, TOP - 1, LEFT + 1, TOP)))[1]
    assert shown.shape == (72, 95)
    assert (shown[:35] == 255).all() and (shown[37:] == 1).all()
    small = write_raster(tmp_path / "small.tif", picture(3, 40, 30).astype(np.uint8))
    assert pictures_of(look(str(small), "", None))[1].shape == (40, 30)


def test_they_are_stretched_from_the_2nd_to_the_98th_percentile(tmp_path):
    ramp = np.tile(np.arange(90, dtype=np.uint16) * 100, (60, 1))
    raster = write_raster(tmp_path / "a.tif", np.stack([ramp, ramp, ramp]))
    shown = pictures_of(look(str(raster), "", None))[2]
    low, high = np.percentile(ramp, [2, 98])
    expected = 1 + np.rint(np.clip((ramp - low) / (high - low), 0, 1) * 254)
    np.testing.assert_array_equal(shown, expected)


def test_pixels_without_data_are_transparent(tmp_path):
    pixels = picture(3, 60, 80).astype(np.uint8)
    pixels[:, 10:20, 30:50] = 0
    raster = write_raster(tmp_path / "a.tif", pixels, nodata=0)
    for shown in pictures_of(look(str(raster), "", None)).values():
        np.testing.assert_array_equal(shown == 0, pixels[0] == 0)
    empty = write_raster(tmp_path / "empty.tif", np.zeros((3, 60, 80), np.uint8), nodata=0)
    assert not pictures_of(look(str(empty), "", None))[1].any()


def test_infinite_heights_and_those_that_are_no_number_are_transparent(tmp_path):
    pixels = picture(4, 60, 80).astype(np.float32)
    pixels[3, :10] = np.nan
    pixels[3, 10:20] = np.inf
    raster = write_raster(tmp_path / "a.tif", pixels)
    shown = pictures_of(look(str(raster), "R=1 G=2 B=3 ELEVATION=4", None))[4]
    assert not shown[:20].any() and shown[20:].all()


def test_near_infrared_that_claims_to_be_transparency_is_shown_as_a_band(tmp_path):
    pixels = picture(4, 100, 100).astype(np.uint8)
    pixels[3, :10] = 0
    said = look(str(write_raster(tmp_path / "a.tif", pixels)), "", None)
    assert said.bands["nir"] == 4
    assert all(shown.all() for shown in pictures_of(said).values())


def test_of_many_bands_the_first_12_are_shown(tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(15, 30, 30).astype(np.uint8), photometric="minisblack")
    said = look(str(raster), "R=13 G=14 B=15", None)
    assert said.count == 15 and len(said.descriptions) == 15
    assert sorted(said.pictures) == list(range(1, 13))


def test_a_turned_raster_is_shown_in_its_own_frame(tmp_path):
    pixels = picture(3, 200, 260).astype(np.uint8)
    upright = write_raster(tmp_path / "upright.tif", pixels)
    turned = write_raster(
        tmp_path / "turned.tif",
        pixels,
        transform=Affine.translation(*ORIGIN) * Affine.rotation(30) * Affine.scale(0.2, -0.2),
    )
    expected, seen = (look(str(raster), "", None) for raster in (upright, turned))
    np.testing.assert_array_equal(pictures_of(seen)[1], pictures_of(expected)[1])
    assert seen.pixel_m == pytest.approx(0.2)


def test_of_a_raster_of_100_000_pixels_a_side_little_is_read(tmp_path):
    """Every block that it does not need is broken, away from the edge: reading one would fail."""
    path = tmp_path / "large.tif"
    blocks = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "sparse_ok": True}
    size = 100_000
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": size, "height": size, **blocks}
    place = Affine(0.2, 0, LEFT, 0, -0.2, TOP)
    with rasterio.open(path, "w", crs="EPSG:2154", transform=place, interleave="band", **profile) as dataset:
        for column in range(0, 512 * 20, 512):
            dataset.write(picture(3, 512, 512).astype(np.uint8), window=rasterio.windows.Window(column, 1024, 512, 512))
    with rasterio.open(path) as dataset:
        broken = [
            int(dataset.get_tag_item(f"BLOCK_OFFSET_{column}_2", "TIFF", bidx=band))
            for column in range(2, 20)
            for band in (1, 2, 3)
        ]
    with open(path, "r+b") as file:
        for offset in broken:
            file.seek(offset)
            file.write(b"\xff" * 100)
    said = look(str(path), "", (LEFT + 40, TOP - 264, LEFT + 60, TOP - 244))
    assert (said.width, said.height) == (size, size)
    assert pictures_of(said)[1].shape == (72, 96)
    with pytest.raises(BadInput, match="cannot be read to its end"):  # elsewhere it would
        look(str(path), "", (LEFT + 1000, TOP - 264, LEFT + 1020, TOP - 244))


@pytest.mark.parametrize(
    ("settings", "bands", "field", "said"),
    [
        ({}, "R=1 G=2 B=9", "bands", "band 9"),
        ({}, "red green", "bands", "R=1 G=2 B=3"),
        ({}, "R=1 G=2", "bands", "none for blue"),
        ({"crs": "EPSG:4326"}, "", "input", "reproject it first"),
        ({"crs": None, "transform": None}, "", "input", "no georeference"),
    ],
)
def test_what_cannot_be_described_is_refused_with_its_setting(settings, bands, field, said, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 64, 64).astype(np.uint8), **settings)
    with pytest.raises(BadInput, match=said) as caught:
        look(str(raster), bands, None)
    assert caught.value.field == field


def test_a_raster_of_two_bands_and_a_file_that_is_none_are_refused(tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("no raster")
    two = write_raster(tmp_path / "two.tif", picture(2, 64, 64).astype(np.uint8))
    for path in (text, two, tmp_path / "missing.tif"):
        with pytest.raises(BadInput) as caught:
            look(str(path), "", None)
        assert caught.value.field == "input"


def test_torch_is_not_loaded_for_it(tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 64, 64).astype(np.uint8))
    code = (
        "import sys; from flair_landcover.inference.describe import describe; "
        "from flair_landcover.contract.image import ImageSettings; "
        f"describe(ImageSettings({str(raster)!r}), None); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.home())
    assert done.stdout.strip() == "False"
