"""One Sentinel-2 raster beside the aerial image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from flair_landcover.inference.errors import BadInput
from flair_landcover.inference.grid import make_grid
from flair_landcover.inference.job import SegmentationJob
from flair_landcover.inference.segment import segment
from flair_landcover.inference.sentinel2 import describe_sentinel2, monthly_means, open_superpatches
from flair_landcover.models.cards import SATELLITE_BANDS, SatelliteInput

from .conftest import CRS, ORIGIN, Recorder, picture, read_labels, write_raster

WKT = rasterio.crs.CRS.from_string(CRS).to_wkt()
GRID = make_grid(Affine(0.2, 0, ORIGIN[0], 0, -0.2, ORIGIN[1]), 1024, 1024, WKT, 1.0, 0.2)
EXTENT = GRID.window_bounds((0, 0, 1024, 1024))
AROUND = Affine(10, 0, ORIGIN[0] - 300, 0, -10, ORIGIN[1] + 300)  # 80 x 80 pixels reach 300 m past the aerial raster


def series_file(path: Path, dates: list[str], transform: Affine = AROUND, size: int = 80, **settings) -> np.ndarray:
    """Writes T x 10 bands with descriptions; returns (T, 10, size, size) uint16."""
    pixels = picture(10 * len(dates), size, size, top=6000).astype(np.uint16)
    write_raster(path, pixels, transform=transform, **settings)
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = [f"{date} {band}" for date in dates for band in SATELLITE_BANDS]
    return pixels.reshape(len(dates), 10, size, size)


def test_monthly_means_and_positions_follow_the_published_definition():
    series = np.arange(5 * 10 * 4, dtype=np.uint16).reshape(5, 10, 2, 2)
    dates = ("2020-12-20", "2021-01-03", "2021-01-29", "2021-06-30", "2022-01-01")
    means, days = monthly_means(series, dates)
    # January holds dates 1, 2 and 4, whatever the year; 15 January, 15 June and 15 December against 15 May:
    assert days.tolist() == [16 + 28 + 31 + 30 + 15, -31, -(16 + 30 + 31 + 31 + 30 + 31 + 30 + 15)]
    np.testing.assert_allclose(means[0], (series[1].astype(float) + series[2] + series[4]) / 3, rtol=1e-6)
    np.testing.assert_array_equal(means[1], series[3])
    np.testing.assert_array_equal(means[2], series[0])


def test_dates_and_bands_are_read_from_descriptions_in_any_order(tmp_path):
    path = tmp_path / "s2.tif"
    pixels = picture(20, 80, 80, top=6000).astype(np.uint16)
    write_raster(path, pixels, transform=AROUND)
    names = [(date, band) for band in reversed(SATELLITE_BANDS) for date in ("20210704", "2021-03-01")]
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = [f"{band}_{date}" for date, band in names]
    source = describe_sentinel2(str(path), GRID, EXTENT)
    assert source.dates == ("2021-03-01", "2021-07-04")
    assert source.bands[0] == tuple(names.index(("2021-03-01", band)) + 1 for band in SATELLITE_BANDS)


def test_one_date_is_read_from_the_file_name(tmp_path):
    path = tmp_path / "T31TFJ_20190815.tif"
    write_raster(path, picture(10, 80, 80, top=6000).astype(np.uint16), transform=AROUND)
    assert describe_sentinel2(str(path), GRID, EXTENT).dates == ("2019-08-15",)


def test_a_series_without_dates_is_refused(tmp_path):
    path = tmp_path / "s2.tif"
    write_raster(path, picture(20, 80, 80, top=6000).astype(np.uint16), transform=AROUND)
    with pytest.raises(BadInput, match="date of its band 1"):
        describe_sentinel2(str(path), GRID, EXTENT)


def test_the_superpatch_is_centred_on_the_tile_to_within_5_m(tmp_path):
    """A raster whose pixels hold their own position tells where each superpatch lies."""
    path = tmp_path / "s2_2021-06-15.tif"
    rows, columns = np.mgrid[:80, :80]
    write_raster(path, np.stack([columns, rows] + [rows + 1] * 8).astype(np.uint16) * 10 + 5, transform=AROUND)
    patches = open_superpatches(describe_sentinel2(str(path), GRID, EXTENT), SatelliteInput(), GRID)
    for left, top in ((0, 0), (416, 208), (512, 512), (37, 111)):
        series, days = patches.read((left, top, 512, 512))
        assert series.shape == (1, 10, 40, 40)
        assert days.tolist() == [-31.0]
        # the mean of metres east and south over the superpatch is its centre, from the raster's corner
        x, y = (series[0, band].mean() - 300 for band in (0, 1))
        assert abs(x - (left + 256) * 0.2) <= 5.001
        assert abs(y - (top + 256) * 0.2) <= 5.001


def test_the_superpatch_of_a_raster_on_its_lattice_is_its_very_pixels(tmp_path):
    path = tmp_path / "s2.tif"
    pixels = series_file(path, ["2021-02-15", "2021-08-15"])
    patches = open_superpatches(describe_sentinel2(str(path), GRID, EXTENT), SatelliteInput(), GRID)
    series, days = patches.read((0, 0, 512, 512))
    # the tile's centre lies 51.2 m from the corner, so the superpatch begins 150 m before it: at pixel 15
    np.testing.assert_array_equal(series, pixels[:, :, 15:55, 15:55])
    assert days.tolist() == [89, -92]


def test_a_scene_in_another_utm_zone_lies_in_the_same_place(tmp_path):
    here, there = tmp_path / "here.tif", tmp_path / "there.tif"
    rows, columns = np.mgrid[:120, :120]
    smooth = np.stack([columns * 40 + rows * 10 + 500] * 10).astype(np.uint16)
    wide = Affine(10, 0, ORIGIN[0] - 500, 0, -10, ORIGIN[1] + 500)
    write_raster(here, smooth, transform=wide)
    from rasterio.warp import Resampling, calculate_default_transform, reproject

    with rasterio.open(here) as dataset:
        transform, width, height = calculate_default_transform(
            dataset.crs, "EPSG:32632", 120, 120, *dataset.bounds, resolution=10
        )
        moved = np.zeros((10, height, width), np.uint16)
        reproject(
            rasterio.band(dataset, list(range(1, 11))),
            moved,
            dst_transform=transform,
            dst_crs="EPSG:32632",
            resampling=Resampling.bilinear,
        )
    write_raster(there, moved, crs="EPSG:32632", transform=transform)
    read = {}
    for path in (here, there):
        dated = path.rename(path.with_name(f"{path.stem}_2021-05-15.tif"))
        patches = open_superpatches(describe_sentinel2(str(dated), GRID, EXTENT), SatelliteInput(), GRID)
        read[path.stem], _ = patches.read((300, 300, 512, 512))
    # 40 a pixel to the east: a shift by a quarter of a pixel would show
    assert np.abs(read["here"] - read["there"])[:, :, 5:-5, 5:-5].max() < 10


def test_tiles_that_the_series_does_not_cover_fall_back_and_are_reported(utt_model, tmp_path):
    aerial = write_raster(tmp_path / "a.tif", picture(5, 512, 1024).astype(np.uint8))
    transform = Affine(10, 0, ORIGIN[0] - 300, 0, -10, ORIGIN[1] + 300)
    path = tmp_path / "s2.tif"
    pixels = picture(10, 80, 42, top=6000).astype(np.uint16)  # ends 120 m into the aerial raster
    write_raster(path, pixels, transform=transform)
    path = path.rename(tmp_path / "s2_2021-05-15.tif")
    report = Recorder()
    maps = {}
    for name, sentinel2 in (("with", str(path)), ("without", None)):
        output = str(tmp_path / f"{name}.tif")
        job = SegmentationJob(
            str(aerial), output, sentinel2=sentinel2, model=str(utt_model), device="cpu", precision="fp32"
        )
        segment(job, report)
        maps[name] = read_labels(tmp_path / f"{name}.tif")
    assert any("2 of 3 tiles" in warning for warning in report.warnings)
    assert (maps["with"][:, :300] != maps["without"][:, :300]).any()
    np.testing.assert_array_equal(maps["with"][:, 512:], maps["without"][:, 512:])


def test_the_dates_are_in_the_provenance(utt_model, tmp_path):
    aerial = write_raster(tmp_path / "a.tif", picture(5, 100, 100).astype(np.uint8))
    series_file(tmp_path / "s2.tif", ["2021-02-15", "2021-08-15"])
    job = SegmentationJob(
        str(aerial), str(tmp_path / "map.tif"), sentinel2=str(tmp_path / "s2.tif"), model=str(utt_model), device="cpu"
    )
    report = Recorder()
    segment(job, report)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert '"sentinel2_dates": ["2021-02-15", "2021-08-15"]' in dataset.tags()["FLAIR_LANDCOVER"]
    assert any("no cloud mask" in warning for warning in report.warnings)
