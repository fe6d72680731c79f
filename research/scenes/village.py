"""A sample village in files: an aerial picture, a year of Sentinel-2 and the true land cover.

    python -m flair_landcover.research.scenes.village OUTDIR [--size 1024] [--seed 1]

Sentinel-2 comes in two forms: one raster of twelve clear months, and a folder of one raster a date, irregular,
with clouds, their shadows and snow, the probabilities of clouds and snow beside each.

The place is made up; the files carry coordinates in the foothills of the Vosges in Alsace. Both grids are in
different coordinate reference systems, turned by about four degrees against each other, as real ones are.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin
from rasterio.warp import transform as transform_points
from rasterio.warp import transform_bounds

from ...contract.atomic import atomic_file, atomic_folder
from ...contract.nomenclature import FLAIR_CLASSES, NODATA
from .aerial import Flight, render
from .layout import centred, rasterise
from .plan import USUAL_WEIGHTS, Plan, Style, draw_plan
from .scene import AERIAL_PIXEL, SATELLITE_PIXEL
from .seasons import BANDS, DATES, SUBPIXELS, series
from .year import MASK_PIXEL, Year, draw_year

AERIAL_CRS = "EPSG:2154"  # RGF93 v1 / Lambert-93
SATELLITE_CRS = "EPSG:32632"  # WGS 84 / UTM 32N, whose meridian is another than Lambert-93's
MIDDLE = (1_021_000.0, 6_790_000.0)  # of the scene, in AERIAL_CRS
MARGIN = 250.0  # metres of satellite around the aerial picture: 200 are half a superpatch
SMALLEST = 512  # pixels a side on which thirteen classes find room
RAREST = 0.008  # share of the picture that each class covers at least
DEFAULT_SEED = 1
_TRIES = 500


@dataclass(frozen=True)
class VillageFiles:
    """Where a village was written.

    aerial: uint8, 5 bands, 0.2 m. sentinel2: uint16, 12 dates x 10 bands, 10 m, reflectance x 10000.
    year: folder of 25 dates of the same ground under weather. Of each date, `20210415.tif` is uint16, 10 bands, 10 m,
    reflectance x 10000; `20210415_clouds.tif` and `20210415_snow.tif` are uint8, 20 m, probabilities in percent.
    truth: uint8, classes 1..13 on the grid of `aerial`.
    """

    aerial: Path
    sentinel2: Path
    year: Path
    truth: Path


@dataclass(frozen=True)
class _Satellite:
    """The ground as the satellite samples it, every 2 m: covers and units (5 x rows, 5 x columns), and the corner."""

    cover: np.ndarray
    unit: np.ndarray
    units: int
    left: float
    top: float


def make_village(
    folder: str | os.PathLike, size: int = 1024, seed: int = DEFAULT_SEED, flight: Flight | None = None
) -> VillageFiles:
    """Write `aerial.tif`, `sentinel2.tif`, `sentinel2/` and `truth.tif` into a folder, made where it is missing.

    size: side of the aerial picture in pixels of 0.2 m, 512 or more. seed: which village. flight: conditions of the
    day of the aerial picture; None: a clear one.
    The same size and seed give the same bytes with the same versions of numpy and GDAL.
    Raises ValueError where the size is too small, OSError where the folder cannot be written.
    """
    if size < SMALLEST:
        raise ValueError(f"A village of {size} pixels has no room for all classes: ask for {SMALLEST} or more.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plan, number = _whole_plan(seed, size)
    layout = rasterise(plan, centred(size, AERIAL_PIXEL))
    aerial = render(layout, np.random.default_rng([seed, number, 1]), flight or Flight())
    files = VillageFiles(folder / "aerial.tif", folder / "sentinel2.tif", folder / "sentinel2", folder / "truth.tif")
    half = size * AERIAL_PIXEL / 2
    corner = from_origin(MIDDLE[0] - half, MIDDLE[1] + half, AERIAL_PIXEL, AERIAL_PIXEL)
    _write_aerial(files.aerial, aerial, corner)
    _write_truth(files.truth, layout.labels, corner)
    seen = _seen_by_satellite(plan, half + MARGIN)
    _write_sentinel2(files.sentinel2, seen, np.random.default_rng([seed, number, 2]))
    year = draw_year(seen.cover, seen.unit, seen.units, np.random.default_rng([seed, number, 3]))
    _write_year(files.year, seen, year)
    return files


def _whole_plan(seed: int, size: int) -> tuple[Plan, int]:
    """The first plan below a seed whose picture shows all classes, and its number."""
    half = size * AERIAL_PIXEL / 2
    # Turned by four degrees, the satellite's grid reaches out by a tenth more than its margin.
    reach = 1.1 * (half + MARGIN) + 20
    style = Style(
        village=(-0.25 * half, 0.1 * half),
        village_radius=0.55 * half,
        parcel=0.32 * half,
        uses=tuple(max(weight, 5.0) for weight in USUAL_WEIGHTS),
        river=False,
    )
    look = centred(size // 5, 5 * AERIAL_PIXEL)
    for number in range(_TRIES):
        plan = draw_plan(np.random.default_rng([seed, number]), reach, style)
        labels = rasterise(plan, look).labels
        shares = np.bincount(labels.ravel(), minlength=len(FLAIR_CLASSES) + 1)[1:] / labels.size
        if shares.min() >= RAREST:
            return plan, number
    raise ValueError(f"Seed {seed} gives no village with all classes at {size} pixels: try another seed.")


def _write(
    path: Path,
    bands: np.ndarray,
    names: list[str],
    colours: list[ColorInterp] | None = None,
    colour_table: dict[int, tuple[int, int, int, int]] | None = None,
    **profile: object,
) -> None:
    """Write (bands, rows, columns) as a tiled, deflated GeoTIFF, whole or not at all."""
    predictor = 1 if colour_table else 2
    with (
        atomic_file(path) as part,
        rasterio.open(
            part,
            "w",
            driver="GTiff",
            count=bands.shape[0],
            height=bands.shape[1],
            width=bands.shape[2],
            dtype=bands.dtype,
            tiled=True,
            blockxsize=256,
            blockysize=256,
            interleave="band",
            compress="deflate",
            predictor=predictor,
            zlevel=9,
            **profile,
        ) as target,
    ):
        if colours:
            target.colorinterp = colours
        if colour_table:
            target.write_colormap(1, colour_table)
        for index, name in enumerate(names, start=1):
            target.set_band_description(index, name)
        target.write(bands)


def _write_aerial(path: Path, aerial: np.ndarray, corner: rasterio.Affine) -> None:
    """The picture with its bands named by what they hold."""
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined, ColorInterp.undefined]
    names = ["red", "green", "blue", "nir", "elevation"]
    _write(path, aerial, names, colours, crs=AERIAL_CRS, transform=corner)


def _write_truth(path: Path, labels: np.ndarray, corner: rasterio.Affine) -> None:
    """The labels with the colours of the nomenclature."""
    table = {NODATA: (0, 0, 0, 0), **{entry.value: (*entry.rgb, 255) for entry in FLAIR_CLASSES}}
    _write(path, labels[None], ["land cover"], colour_table=table, crs=AERIAL_CRS, transform=corner, nodata=NODATA)


def _seen_by_satellite(plan: Plan, outer: float) -> _Satellite:
    """The ground under a satellite grid that covers a square of `outer` metres to each side of the middle."""
    left, bottom, right, top = transform_bounds(
        AERIAL_CRS, SATELLITE_CRS, MIDDLE[0] - outer, MIDDLE[1] - outer, MIDDLE[0] + outer, MIDDLE[1] + outer
    )
    # Sentinel-2 pixels lie on multiples of their size; the 20 m bands ask for multiples of that.
    unit = 2 * SATELLITE_PIXEL
    left, bottom = np.floor(left / unit) * unit, np.floor(bottom / unit) * unit
    right, top = np.ceil(right / unit) * unit, np.ceil(top / unit) * unit
    step = SATELLITE_PIXEL / SUBPIXELS
    east = np.arange(left + step / 2, right, step)
    north = np.arange(top - step / 2, bottom, -step)
    grid_east, grid_north = np.meshgrid(east, north)
    x, y = transform_points(SATELLITE_CRS, AERIAL_CRS, grid_east.ravel(), grid_north.ravel())
    # Ground coordinates run east and south from the middle.
    x, y = np.asarray(x) - MIDDLE[0], MIDDLE[1] - np.asarray(y)
    reach = float(max(np.abs(x).max(), np.abs(y).max()))
    layout = rasterise(plan, centred(int(np.ceil(reach / step)) * 2, step))
    column = ((x - layout.geobox.transform.c) / step).astype(int).reshape(grid_east.shape)
    row = ((y - layout.geobox.transform.f) / step).astype(int).reshape(grid_east.shape)
    return _Satellite(layout.cover[row, column], layout.unit[row, column], layout.units, float(left), float(top))


def _write_sentinel2(path: Path, seen: _Satellite, rng: np.random.Generator) -> None:
    """Twelve clear months in one raster."""
    cubes = series(seen.cover, seen.unit, seen.units, rng)
    names = [f"{date} {band}" for date in DATES for band in BANDS]
    values = cubes.reshape(-1, *cubes.shape[2:]).astype(np.uint16)
    _write_on_satellite_grid(path, values, names, seen, SATELLITE_PIXEL)


def _write_year(folder: Path, seen: _Satellite, year: Year) -> None:
    """One raster a date with its probabilities of clouds and snow; the folder takes its name once it is whole."""
    with atomic_folder(folder, replace=True) as whole:
        for weather, pixels, clouds, snow in zip(year.weather, year.pixels, year.clouds, year.snow):
            stem = weather.date.strftime("%Y%m%d")
            _write_on_satellite_grid(whole / f"{stem}.tif", pixels, list(BANDS), seen, SATELLITE_PIXEL)
            for name, mask in (("clouds", clouds), ("snow", snow)):
                names = [f"probability of {name}, percent"]
                _write_on_satellite_grid(whole / f"{stem}_{name}.tif", mask[None], names, seen, MASK_PIXEL)


def _write_on_satellite_grid(path: Path, values: np.ndarray, names: list[str], seen: _Satellite, pixel: float) -> None:
    corner = from_origin(seen.left, seen.top, pixel, pixel)
    _write(path, values, names, crs=SATELLITE_CRS, transform=corner, photometric="minisblack")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns its exit status: 0 written, 2 bad input."""
    parser = argparse.ArgumentParser(prog="village", description="Write a made-up village: aerial, Sentinel-2, truth.")
    parser.add_argument("folder", help="folder to write the files into")
    parser.add_argument("--size", type=int, default=1024, help="side of the aerial picture in pixels (default 1024)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=f"which village (default {DEFAULT_SEED})")
    chosen = parser.parse_args(arguments)
    try:
        files = make_village(chosen.folder, chosen.size, chosen.seed)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for path in (files.aerial, files.sentinel2, files.year, files.truth):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
