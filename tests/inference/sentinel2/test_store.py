"""Blocks of a series: what they hold and how often they are read."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from affine import Affine

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.raster.windows import Window
from flair_landcover.inference.sentinel2 import store
from flair_landcover.inference.sentinel2.store import BlockStore

from ..conftest import picture
from .made_series import AROUND, WKT, pixels_of, write_date

GRID = GeoBox(AROUND, WKT, (80, 80))
AREA = GRID.window


@pytest.fixture
def reads(monkeypatch) -> Counter:
    """How often each pixel of each date's bands is asked for, in all threads."""
    counted: Counter = Counter()
    lock = threading.Lock()
    read = store.read_reflectance

    def counting(acquisition, frame, files):
        column, row = (round(value) for value in ~AROUND * (frame.transform.c, frame.transform.f))
        with lock:
            counted.update(
                (acquisition.date, row + i, column + j) for i in range(frame.height) for j in range(frame.width)
            )
        return read(acquisition, frame, files)

    monkeypatch.setattr(store, "read_reflectance", counting)
    monkeypatch.setattr(store, "_SIDES", (32,))
    return counted


def windows() -> list[tuple[int, int, int, int]]:
    return [Window(column, row, 40, 40) for row in range(0, 41, 8) for column in range(0, 41, 8)]


def test_windows_across_blocks_are_the_pixels_of_the_series(tmp_path, reads):
    dates = [write_date(tmp_path, date) for date in ("2021-04-15", "2021-05-15")]
    clouds = np.zeros((80, 80), np.uint8)
    clouds[30:50] = 100
    dates.append(write_date(tmp_path, "2021-06-15", clouds=clouds))
    blocks = BlockStore(tuple(dates), GRID, AREA)
    for column, row, width, height in windows():
        read = blocks.read(Window(column, row, width, height))
        for index, acquisition in enumerate(dates):
            expected = pixels_of(acquisition)[:, row : row + height, column : column + width]
            np.testing.assert_array_equal(read.values[index], expected)
        assert not read.missing.any()
        assert not read.covers[:2].any()
        np.testing.assert_array_equal(read.covers[2], clouds[row : row + height, column : column + width] > 0)


def test_each_pixel_is_read_once_however_many_windows_and_threads_want_it(tmp_path, reads):
    dates = tuple(write_date(tmp_path, date) for date in ("2021-04-15", "2021-05-15"))
    blocks = BlockStore(dates, GRID, AREA)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(blocks.read, windows() * 3))
    assert set(reads.values()) == {1}
    assert len(reads) == 2 * 80 * 80


def test_blocks_used_least_recently_are_forgotten_beyond_the_budget(tmp_path, reads):
    dates = (write_date(tmp_path, "2021-04-15"),)
    a_block = 32 * 32 * 22
    blocks = BlockStore(dates, GRID, AREA, budget=2 * a_block)
    first, second, third = (Window(32 * n, 0, 16, 16) for n in range(3))
    for window in (first, second, first, third, first):  # the third, which is smaller, drives the second out
        blocks.read(window)
    assert reads["2021-04-15", 0, 0] == 1
    blocks.read(second)
    assert reads["2021-04-15", 0, 32] == 2
    assert sum(block.result().nbytes for block in blocks._blocks.values()) <= 2 * a_block


def test_a_block_that_could_not_be_read_is_an_error_for_each_who_asks_and_tried_again(tmp_path):
    acquisition = write_date(tmp_path, "2021-04-15")
    path = tmp_path / "2021-04-15.tif"
    there = path.rename(tmp_path / "elsewhere.tif")
    blocks = BlockStore((acquisition,), GRID, AREA)
    for _ in range(2):
        with pytest.raises(BadInput, match="cannot be read"):
            blocks.read(Window(0, 0, 40, 40))
    there.rename(path)
    assert blocks.read(Window(0, 0, 40, 40)).values.any()


def test_blocks_of_a_longer_series_are_smaller():
    for dates in (1, 12, 72, 300):
        side = store._side(dates * 22)
        assert side == 32 or side**2 * dates * 22 <= 32 * 2**20
    assert store._side(12 * 22) > store._side(72 * 22) > store._side(1000 * 22)


def test_a_series_in_another_lattice_is_the_same_whatever_the_windows(tmp_path, monkeypatch):
    """The value of a pixel does not depend on what it is read with, nor on the area's size."""
    pixels = picture(10, 80, 80, top=6000).astype(np.uint16)
    acquisition = write_date(
        tmp_path, "2021-04-15", pixels, transform=Affine(10, 0, 421200, 0, -10, 5412000), crs="EPSG:32631"
    )
    from rasterio.warp import transform

    xs, ys = transform("EPSG:32631", "EPSG:2154", [421600], [5411600])
    lattice = Affine(10, 0, xs[0] - 400, 0, -10, ys[0] + 400)
    monkeypatch.setattr(store, "_SIDES", (32,))
    grid, area = GeoBox(lattice, WKT, (80, 80)), Window(-40, -40, 160, 160)
    whole = BlockStore((acquisition,), grid, area).read(AREA)
    assert not whole.missing[0, 30:50, 30:50].any()
    other = BlockStore((acquisition,), grid, area)
    for column, row, width, height in windows():
        part = other.read(Window(column, row, width, height))
        np.testing.assert_array_equal(part.values, whole.values[:, :, row : row + height, column : column + width])
