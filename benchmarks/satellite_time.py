"""What 12 monthly dates of Sentinel-2 cost a run, in each precision.

``python benchmarks/satellite_time.py [MODEL]`` makes dates (tiled, compressed, in another UTM zone than the aerial
grid, with a cloud mask each) under a raster of 0.8 x 0.8 km, and maps it in turns with and without them, so that a busy
machine disturbs both alike. The share that it prints is that of everything that the series adds: reading, warping,
averaging, the satellite branch and its fusion. `tile_time.py` times the network alone.
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

from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.notices import Notice, Stage, english
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.inference.segment import segment

_SIDE = 4_096  # pixels of 0.2 m
_CORNER = (652_000.0, 6_862_000.0)  # EPSG:2154
_MONTHS = 12
_ROUNDS = 5


class _Silent:
    """A report that only wants the run to go on; a warning would mean that something else is timed."""

    def progress(self, fraction: float, stage: Stage, remaining_s: float | None = None) -> None:
        pass

    def warning(self, notice: Notice) -> None:
        raise RuntimeError(english(notice))

    def tile(self, transform: tuple[float, ...], png: bytes) -> None:
        pass

    def cancelled(self) -> bool:
        return False

    def enough(self) -> bool:
        return False


def write_aerial(path: Path) -> None:
    """Five bands of smooth noise: what a picture shows does not change what it costs."""
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 255, (5, _SIDE // 8, _SIDE // 8), np.uint8)
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 5,
        "width": _SIDE,
        "height": _SIDE,
        "crs": "EPSG:2154",
        "transform": Affine(0.2, 0, _CORNER[0], 0, -0.2, _CORNER[1]),
        "tiled": True,
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(coarse.repeat(8, axis=1).repeat(8, axis=2))


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


def seconds_a_tile(folder: Path, model: str, precision: str) -> dict[bool, float]:
    """Median seconds of the whole job by its number of tiles, without and with the series, the model in memory."""
    taken: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(_ROUNDS + 1):
        for with_series, seconds in taken.items():
            image = ImageSettings(
                (str(folder / "aerial.tif"),),
                sentinel2=(str(folder / "dates"),) if with_series else None,
                model=model,
                precision=precision,
            )
            start = time.perf_counter()
            result = segment(SegmentationJob(image, str(folder / "map.tif")), _Silent())
            seconds.append(time.perf_counter() - start)
            assert len(result.sentinel2_dates) == (_MONTHS if with_series else 0)  # else something else was timed
    return {with_series: statistics.median(seconds[1:]) / result.tiles for with_series, seconds in taken.items()}


def main(model: str) -> None:
    """Prints one line a precision."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dates").mkdir()
        write_aerial(folder / "aerial.tif")
        write_dates(folder / "dates")
        for precision in ("fp32", "bf16"):
            taken = seconds_a_tile(folder, model, precision)
            alone, together = taken[False], taken[True]
            share = 1 - alone / together
            print(f"{precision}: {alone:.3f} s a tile alone, {together:.3f} s with; Sentinel-2 takes {share:.1%}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bundled")
