"""What Sentinel-2 costs a tile: reading the series, and the network with and without it, in each precision.

``python benchmarks/satellite_time.py [MODEL]`` makes 12 monthly dates (tiled, compressed, in another UTM zone than the
aerial grid, with a cloud mask each) over 2 x 2 km and reads the superpatch of every tile as a run does, in two
threads. The network is timed in turns with and without the series, so that a busy machine disturbs both alike.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.warp import transform

from flair_landcover.inference.backends import open_backend
from flair_landcover.inference.grid import make_grid
from flair_landcover.inference.plan import make_plan
from flair_landcover.inference.read import gdal_settings, read_ahead
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.inference.sentinel2.superpatches import Superpatches
from flair_landcover.models.cards import SatelliteInput
from flair_landcover.models.library import find_model

_SIDE = 10_240  # pixels of 0.2 m
_CORNER = (652_000.0, 6_862_000.0)  # EPSG:2154
_MONTHS = 12
_ROUNDS = 15


def write_dates(folder: Path) -> None:
    """One raster of 10 bands and one cloud mask a month, 700 pixels a side: a piece of a larger scene."""
    draw = np.random.default_rng(0)
    (x,), (y,) = transform("EPSG:2154", "EPSG:32630", [_CORNER[0]], [_CORNER[1]])
    profile = {
        "driver": "GTiff",
        "dtype": "uint16",
        "width": 700,
        "height": 700,
        "crs": "EPSG:32630",
        "transform": Affine(10, 0, x - 2000, 0, -10, y + 2000),
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
    }
    for month in range(1, _MONTHS + 1):
        with rasterio.open(folder / f"2021{month:02}15.tif", "w", **profile, count=10) as dataset:
            dataset.write(draw.integers(1, 6000, (10, 700, 700), np.uint16))
        with rasterio.open(folder / f"2021{month:02}15_clouds.tif", "w", **{**profile, "dtype": "uint8"}, count=1) as d:
            d.write(draw.integers(0, 50, (1, 700, 700), np.uint8))


def reading_time(folder: Path) -> tuple[float, int]:
    """Seconds a tile for reading and averaging, and the number of tiles."""
    crs = rasterio.crs.CRS.from_epsg(2154).to_wkt()
    grid = make_grid(Affine(0.2, 0, _CORNER[0], 0, -0.2, _CORNER[1]), _SIDE, _SIDE, crs, 1.0, 0.2)
    plan = make_plan(_SIDE, _SIDE, (0, 0, _SIDE, _SIDE), 512)
    tiles = [plan.tile(row, column).window for row in range(len(plan.rows)) for column in range(len(plan.columns))]
    with gdal_settings():
        start = time.process_time()
        patches = Superpatches(open_series((str(folder),), print), SatelliteInput(), grid)
        months = {len(patch.days) for patch in read_ahead(tiles, patches.read)}
        seconds = time.process_time() - start
    assert months == {_MONTHS}  # else something else was timed
    return seconds / len(tiles), len(tiles)


def network_times(model: str, precision: str) -> tuple[float, float]:
    """Median seconds a tile without and with 12 months."""
    backend = open_backend(find_model(model), "auto", precision)
    batch, size = backend.batch_size, backend.card.tile_size
    draw = np.random.default_rng(0)
    aerial = draw.random((batch, len(backend.card.inputs), size, size), np.float32)
    months = (draw.random((batch, _MONTHS, 10, 40, 40), np.float32) * 5000, np.zeros((batch, _MONTHS), np.float32))
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(_ROUNDS + 1):
        for with_series, taken in times.items():
            start = time.perf_counter()
            backend.logits(aerial, months if with_series else None)
            taken.append((time.perf_counter() - start) / batch)
    return tuple(statistics.median(taken[1:]) for taken in times.values())


def main(model: str) -> None:
    """Prints one line for the reading and one a precision."""
    with tempfile.TemporaryDirectory() as folder:
        write_dates(Path(folder))
        reading, tiles = reading_time(Path(folder))
    print(f"reading {1000 * reading:.1f} ms of processor time a tile ({tiles} tiles, {_MONTHS} dates)")
    for precision in ("fp32", "bf16"):
        alone, together = network_times(model, precision)
        share = (together - alone + reading) / (together + reading)
        print(f"{precision}: {alone:.3f} s alone, {together:.3f} s with; Sentinel-2 takes {share:.0%} of a tile")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bundled")
