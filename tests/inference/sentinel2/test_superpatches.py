"""The superpatch of a tile: where it lies and what is in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.warp import transform as transform_points

from flair_landcover.contract.cards import SatelliteInput
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.raster.windows import Window
from flair_landcover.inference.sentinel2.superpatches import Superpatches

from ..conftest import ORIGIN, picture
from .made_series import AROUND, GRID, WKT, pixels_of, series_of, write_date

TILE = Window(0, 0, 512, 512)
TILES = [Window(left, top, 512, 512) for left in (0, 37, 208, 413, 512) for top in (0, 111, 416, 512)]


def open_patches(*acquisitions, grid=GRID, **settings) -> Superpatches:
    return Superpatches(series_of(*acquisitions), SatelliteInput(**settings), grid)


def ground_truth(crs: str, transform: Affine, columns: int, rows: int) -> np.ndarray:
    """Pixels that hold metres east and south of the aerial raster's corner, plus 5000, (10, rows, columns) float32."""
    across, down = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    xs, ys = (np.asarray(values) for values in transform * (across, down))
    east, north = transform_points(crs, "EPSG:2154", xs.ravel(), ys.ravel())
    metres = np.stack([np.array(east) - ORIGIN[0], ORIGIN[1] - np.array(north)]).reshape(2, rows, columns)
    return np.concatenate([metres + 5000] * 5).astype(np.float32)


@pytest.mark.parametrize("crs", ["EPSG:2154", "EPSG:32631", "EPSG:32630"])
def test_superpatches_are_centred_on_their_tiles_to_within_5_m_from_any_zone(crs, tmp_path):
    """Pixels that hold their own place tell where each superpatch lies."""
    xs, ys = transform_points("EPSG:2154", crs, [ORIGIN[0] + 100], [ORIGIN[1] - 100])
    transform = Affine(10, 0, xs[0] - 713, 0, -10, ys[0] + 722)
    truth = ground_truth(crs, transform, 140, 140)
    patches = open_patches(write_date(tmp_path, "2021-06-15", truth, transform=transform, crs=crs))
    for left, top, width, height in TILES:
        superpatch = patches.read(Window(left, top, width, height))
        assert superpatch.pixels.shape == (1, 10, 40, 40)
        assert not superpatch.mirrored
        x, y = (superpatch.pixels[0, band].mean() - 5000 for band in (0, 1))
        assert abs(x - (left + width / 2) * 0.2) <= 5.01
        assert abs(y - (top + height / 2) * 0.2) <= 5.01
        # neighbouring pixels are 10 m apart
        assert np.diff(superpatch.pixels[0, 0], axis=1) == pytest.approx(10, abs=1.1)
        assert np.diff(superpatch.pixels[0, 1], axis=0) == pytest.approx(10, abs=1.1)


def test_the_superpatch_of_a_series_on_the_aerial_lattice_is_its_very_pixels(tmp_path):
    dates = [write_date(tmp_path, date) for date in ("2021-02-15", "2021-08-15")]
    superpatch = open_patches(*dates).read(TILE)
    # the tile's centre lies 51.2 m from the corner, so the superpatch begins 150 m before it: at pixel 15
    expected = np.stack([pixels_of(date) for date in dates])[:, :, 15:55, 15:55]
    np.testing.assert_array_equal(superpatch.pixels, expected)
    assert superpatch.days.tolist() == [89, -92]
    assert superpatch.dates == ("2021-02-15", "2021-08-15")


def test_a_series_of_the_same_crs_keeps_its_pixels_wherever_its_lattice_lies(tmp_path):
    for number, shift in enumerate((3.3, 7.9)):
        moved = AROUND * Affine.translation(shift / 10, -shift / 10)
        date = write_date(tmp_path / str(number), "2021-02-15", transform=moved)
        superpatch = open_patches(date).read(TILE)
        # the tile's centre, 51.2 m from the corner, in pixels of the series
        column, row = ~moved * (ORIGIN[0] + 51.2, ORIGIN[1] - 51.2)
        left, top = round(column) - 20, round(row) - 20
        np.testing.assert_array_equal(superpatch.pixels[0], pixels_of(date)[:, top : top + 40, left : left + 40])


@pytest.mark.parametrize("pixel", [(31, 33), (32, 40)])
def test_with_a_pixel_on_the_tiles_centre_it_is_the_crop_that_was_published(pixel, tmp_path):
    """IGNF/FLAIR-2 crops rows c - 20 to c + 19 around the pixel c that holds the tile's centre."""
    column, row = pixel
    place = Affine.translation(ORIGIN[0] + 51.2, ORIGIN[1] - 51.2) * Affine.scale(10, -10)
    date = write_date(tmp_path, "2021-02-15", transform=place * Affine.translation(-column - 0.5, -row - 0.5))
    superpatch = open_patches(date).read(TILE)
    cropped = pixels_of(date)[:, row - 20 : row + 20, column - 20 : column + 20]
    np.testing.assert_array_equal(superpatch.pixels[0], cropped)


def test_an_aerial_raster_that_is_turned_gets_a_turned_superpatch(tmp_path):
    """The network sees both from the same side."""
    frame = Affine.translation(*ORIGIN) * Affine.rotation(30) * Affine.scale(0.2, -0.2)
    grid = GeoBox(frame, WKT, (1024, 1024)).at(0.2)
    transform = Affine(10, 0, ORIGIN[0] - 400, 0, -10, ORIGIN[1] + 600)
    truth = ground_truth("EPSG:2154", transform, 120, 120)
    patches = open_patches(write_date(tmp_path, "2021-06-15", truth, transform=transform), grid=grid)
    for tile in TILES[::3]:
        superpatch = patches.read(tile)
        x, y = frame * (tile[0] + 256, tile[1] + 256)
        assert superpatch.pixels[0, 0].mean() - 5000 + ORIGIN[0] == pytest.approx(x, abs=7.1)
        assert ORIGIN[1] + 5000 - superpatch.pixels[0, 1].mean() == pytest.approx(y, abs=7.1)
        assert np.diff(superpatch.pixels[0, 0], axis=1).mean() == pytest.approx(10 * np.cos(np.pi / 6), abs=0.1)


def test_several_dates_of_a_month_are_averaged_and_divided_as_the_card_says(tmp_path):
    dates = [write_date(tmp_path, date) for date in ("2020-07-03", "2021-06-30", "2021-07-30")]
    superpatch = open_patches(*dates, divisor=10000.0).read(TILE)
    first, june, second = (pixels_of(date)[:, 15:55, 15:55].astype(np.float64) for date in dates)
    np.testing.assert_allclose(superpatch.pixels[1], (first + second) / 2 / 10000, rtol=1e-6)
    np.testing.assert_allclose(superpatch.pixels[0], june / 10000, rtol=1e-6)


def test_dates_under_cloud_and_snow_are_dropped_for_the_tiles_that_they_cover(tmp_path):
    clouds, snow = np.zeros((80, 80), np.uint8), np.zeros((80, 80), np.uint8)
    clouds[:, :34] = 90  # the first tile's superpatch reaches from column 15 to 54: 19 of 40 columns
    snow[0:80, 34:36] = 59  # too unlikely to count
    cloudy = write_date(tmp_path, "2021-03-01", clouds=clouds, snow=snow)
    clear = write_date(tmp_path, "2021-04-01", clouds=np.zeros((80, 80)))
    assert open_patches(cloudy, clear).read(TILE).dates == ("2021-03-01", "2021-04-01")
    snow[:, 34:35] = 60  # and one column of snow: half
    cloudy = write_date(tmp_path, "2021-03-01", clouds=clouds, snow=snow)
    patches = open_patches(cloudy, clear)
    assert patches.read(TILE).dates == ("2021-04-01",)
    assert patches.read(Window(512, 512, 512, 512)).dates == ("2021-03-01", "2021-04-01")
    assert open_patches(cloudy).read(TILE) is None


def test_at_the_edge_of_the_series_the_superpatch_is_reflected(tmp_path):
    dates = [write_date(tmp_path, date, picture(10, 80, 36, top=6000).astype(np.uint16)) for date in ("2021-05-15",)]
    superpatch = open_patches(*dates).read(TILE)
    there = pixels_of(dates[0])[:, 15:55, 15:36]
    assert superpatch.mirrored
    np.testing.assert_array_equal(superpatch.pixels[0], np.pad(there, ((0, 0), (0, 0), (0, 19)), mode="reflect"))


def test_a_date_without_pixels_on_the_tile_itself_is_not_used_there(tmp_path):
    whole = write_date(tmp_path, "2021-05-15")
    part = write_date(tmp_path, "2021-06-15", picture(10, 80, 30, top=6000).astype(np.uint16))  # ends at the raster
    patches = open_patches(whole, part)
    assert patches.read(TILE).dates == ("2021-05-15",)
    assert open_patches(part).read(TILE) is None


def test_two_granules_of_one_date_make_one_superpatch(tmp_path):
    pixels = picture(10, 80, 80, top=6000).astype(np.uint16)
    left = write_date(tmp_path / "left", "2021-05-15", pixels[:, :, :36])
    right = write_date(
        tmp_path / "right", "2021-05-15", pixels[:, :, 33:], transform=AROUND * Affine.translation(33, 0)
    )
    superpatch = open_patches(left, right).read(TILE)
    np.testing.assert_array_equal(superpatch.pixels[0], pixels[:, 15:55, 15:55])
    assert not superpatch.mirrored


def test_a_tile_at_the_edge_of_the_raster_has_its_surroundings(tmp_path):
    small = GeoBox(GRID.transform, WKT, (60, 100))
    date = write_date(tmp_path, "2021-05-15")
    superpatch = open_patches(date, grid=small).read(TILE)
    np.testing.assert_array_equal(superpatch.pixels[0], pixels_of(date)[:, 15:55, 15:55])


def test_a_series_of_virtual_rasters_is_read_like_files(tmp_path):
    date = write_date(tmp_path, "2021-05-15")
    with rasterio.MemoryFile(ext=".vrt") as file, rasterio.open(date.bands[0].path) as dataset:
        rasterio.shutil.copy(dataset, file.name, driver="VRT")
        text = file.read().decode()
    virtual = replace(date, bands=tuple(replace(band, path=text) for band in date.bands))
    np.testing.assert_array_equal(
        open_patches(virtual).read(TILE).pixels,
        open_patches(date).read(TILE).pixels,
    )


HUB = {"superpatch": 10, "required": True, "averaging": "year", "days_sign": -1, "cloud_rule": "flairhub"}


def test_a_superpatch_of_10_pixels_is_the_tile_itself(tmp_path):
    date = write_date(tmp_path, "2021-06-15")
    superpatch = open_patches(date, **HUB).read(TILE)
    assert superpatch.pixels.shape == (12, 10, 10, 10)
    assert not superpatch.pixels[:5].any()
    for month in range(5, 12):
        np.testing.assert_array_equal(superpatch.pixels[month], pixels_of(date)[:, 30:40, 30:40])
    assert superpatch.days.tolist() == [0] * 5 + [31] * 7


def test_tiles_larger_than_their_superpatch_are_read_too(tmp_path):
    date = write_date(tmp_path, "2021-06-15")
    superpatch = open_patches(date, **HUB).read(Window(0, 0, 1024, 1024))
    np.testing.assert_array_equal(superpatch.pixels[6], pixels_of(date)[:, 35:45, 35:45])


def test_with_the_rule_of_flairhub_a_twentieth_of_the_tile_may_be_covered(tmp_path):
    clouds, snow = np.zeros((80, 80), np.uint8), np.zeros((80, 80), np.uint8)
    clouds[30, 30:35] = 2  # 5 of 100 pixels of the first tile
    snow[30, 30:35] = 90  # under them
    snow[31, 30:40] = 1  # too unlikely to count
    cloudy = write_date(tmp_path, "2021-03-01", clouds=clouds, snow=snow)
    clear = write_date(tmp_path, "2021-04-01", clouds=np.zeros((80, 80)))
    assert open_patches(cloudy, clear, **HUB).read(TILE).dates == ("2021-03-01", "2021-04-01")
    snow[31, 30] = 2
    cloudy = write_date(tmp_path, "2021-03-01", clouds=clouds, snow=snow)
    assert open_patches(cloudy, clear, **HUB).read(TILE).dates == ("2021-04-01",)
    assert open_patches(cloudy, clear).read(TILE).dates == ("2021-03-01", "2021-04-01")


def test_a_network_that_cannot_do_without_gets_the_clearest_dates_where_all_are_cloudy(tmp_path):
    clouds = np.full((80, 80), 100, np.uint8)
    worst = write_date(tmp_path, "2021-03-01", clouds=clouds)
    clouds[:33] = 0
    better = write_date(tmp_path, "2021-07-01", clouds=clouds)
    assert open_patches(worst, better, **HUB).read(TILE).dates == ("2021-07-01",)
    assert open_patches(worst, better, **{**HUB, "required": False}).read(TILE) is None


def test_a_tile_without_pixels_has_no_superpatch_even_where_one_is_needed(tmp_path):
    part = write_date(tmp_path, "2021-06-15", picture(10, 80, 30, top=6000).astype(np.uint16))  # ends at the raster
    assert open_patches(part, **HUB).read(TILE) is None
