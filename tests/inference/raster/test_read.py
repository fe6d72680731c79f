"""Windows of rasters on the job's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rasterio.warp import transform_bounds

from flair_landcover.contract.image import ImageSettings
from flair_landcover.inference.raster.aerial import describe_aerial
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.raster.read import WindowReader, aerial_reader, read_ahead, warped_reader
from flair_landcover.inference.raster.windows import Window

from ..conftest import CRS, ORIGIN, write_raster

WINDOWS = [
    Window(0, 0, 97, 31),
    Window(13, 201, 128, 128),
    Window(201, 57, 99, 240),
    Window(299, 299, 1, 1),
    Window(-20, 600, 60, 90),
    Window(77, 3, 530, 500),
]


def assert_windows_agree(reader: WindowReader, grid: GeoBox, bands: list[int]) -> None:
    """Every window, whoever reads it first, holds what the whole raster holds there."""
    whole, valid = reader.read(Window(-64, -64, grid.width + 128, grid.height + 128), bands)
    assert len(np.unique(whole)) > 20
    for (left, top, width, height), (pixels, inside) in zip(
        WINDOWS, read_ahead(WINDOWS, lambda window: reader.read(window, bands))
    ):
        part = np.s_[..., top + 64 : top + 64 + height, left + 64 : left + 64 + width]
        np.testing.assert_array_equal(pixels, whole[part])
        np.testing.assert_array_equal(inside, valid[part])
    reader.close()


@pytest.mark.parametrize("nodata", [None, 0])
@pytest.mark.parametrize(("metres", "turned"), [(0.25, 0), (0.5, 0), (0.1, 17), (0.25, 17)])
def test_a_resampled_pixel_does_not_depend_on_the_window(metres, turned, nodata, tmp_path):
    size = round(128 / metres)
    pixels = np.random.default_rng(0).integers(1, 255, (3, size, size), np.uint8)  # noise shows any rounding
    pixels[:, size // 4 : size // 2, size // 8 :] = 0
    transform = Affine.translation(*ORIGIN) * Affine.rotation(turned) * Affine.scale(metres, -metres)
    raster = write_raster(tmp_path / "a.tif", pixels, transform=transform, nodata=nodata)
    source = describe_aerial(ImageSettings((str(raster),)), lambda warning: None)
    grid = source.geobox.at(0.2)
    assert (grid.width, grid.height) == (640, 640)
    assert_windows_agree(aerial_reader(source, grid), grid, [1, 2, 3])


@pytest.mark.parametrize("nodata", [None, -9999])
@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326", CRS])
def test_a_height_of_another_crs_does_not_depend_on_the_window(crs, nodata, tmp_path: Path):
    grid = GeoBox(Affine(0.2, 0, ORIGIN[0], 0, -0.2, ORIGIN[1]), CRS, (640, 640))
    left, bottom, right, top = transform_bounds(CRS, crs, *grid.window_bounds(Window(0, 0, 640, 640)))
    heights = np.random.default_rng(0).random((1, 90, 90), np.float32) * 50
    heights[0, 20:40, 30:60] = -9999
    transform = Affine((right - left) / 90, 0, left, 0, (bottom - top) / 90, top)
    raster = write_raster(tmp_path / "heights.tif", heights, crs=crs, transform=transform, nodata=nodata)
    reader = warped_reader(str(raster), grid, nodata)
    assert_windows_agree(reader, grid, [1])
