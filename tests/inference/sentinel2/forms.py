"""A small series in every form, and what an acquisition's sources hold, for the tests of this folder."""

from __future__ import annotations

import json
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from flair_landcover.contract.cards import SATELLITE_BANDS
from flair_landcover.contract.notices import Notice, english
from flair_landcover.inference.sentinel2.series import Acquisition, BandSource
from flair_landcover.inference.sentinel2.vrt import open_source
from flair_landcover.tests.inference.sentinel2.products import FINE

from ..conftest import SHARED_DATA

REAL = SHARED_DATA / "sentinel2"
EPSG = 32631
TRANSFORM = Affine(10, 0, 574_680, 0, -10, 5_622_440)
DATES = ("2020-12-25", "2021-04-15", "2021-07-04")


def real_cube() -> Path:
    """The folder of the real cube."""
    if not REAL.is_dir():
        pytest.skip("the real Sentinel-2 cube is not here (../shared/data/sentinel2)")
    return REAL


def pixels(dates: int = len(DATES), size: int = 32, seed: int = 0) -> np.ndarray:
    """Digital numbers, uint16 (dates, 10, size, size); those of 20 m are the same in squares of 2 x 2."""
    values = np.random.default_rng(seed).integers(1, 9000, (dates, 10, size, size)).astype(np.uint16)
    for index, band in enumerate(SATELLITE_BANDS):
        if band not in FINE:
            values[:, index] = values[:, index, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)
    return values


def write(path: Path, values: np.ndarray, names: tuple[str, ...] = (), tags: dict | None = None, **settings) -> Path:
    """A GeoTIFF of (bands, rows, columns) at TRANSFORM, its bands described by `names`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "dtype": values.dtype, "count": len(values), "crs": f"EPSG:{EPSG}"}
    profile |= {"height": values.shape[1], "width": values.shape[2], "transform": TRANSFORM, **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(values)
            if names:
                dataset.descriptions = names
            dataset.update_tags(**(tags or {}))
    return path


def write_array(folder: Path, name: str, values: np.ndarray, dims: list[str], **attributes) -> None:
    """An array of a Zarr store, version 2, uncompressed."""
    (folder / name).mkdir(parents=True)
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    settings = {"zarr_format": 2, "shape": values.shape, "chunks": values.shape, "dtype": values.dtype.str}
    settings |= {"compressor": None, "filters": None, "fill_value": 0, "order": "C"}
    (folder / name / ".zarray").write_text(json.dumps(settings))
    (folder / name / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": dims, **attributes}))
    values.tofile(folder / name / ".".join("0" * values.ndim))


def write_zarr(folder: Path, values: np.ndarray, days: list[int], leave_out: tuple[str, ...] = ()) -> Path:
    """A Zarr store of (dates, 10, rows, columns), its time in days since 2020-12-25."""
    crs = {"_CRS": {"wkt": CRS.from_epsg(EPSG).to_wkt()}}
    rows, columns = values.shape[2:]
    write_array(folder, "time", np.array(days, "<i8"), ["time"], units="days since 2020-12-25", calendar="standard")
    write_array(folder, "x", TRANSFORM.c + 5 + 10.0 * np.arange(columns), ["x"])
    write_array(folder, "y", TRANSFORM.f - 5 - 10.0 * np.arange(rows), ["y"])
    for index, band in enumerate(SATELLITE_BANDS):
        if band not in leave_out:
            name = f"B{band[1:].zfill(2)}"
            write_array(
                folder, name, np.ascontiguousarray(values[:, index]), ["time", "y", "x"], scale_factor=1e-4, **crs
            )
    return folder


def write_flair(folder: Path, values: np.ndarray, masks: np.ndarray | None = None, dates=DATES) -> Path:
    """The layout of FLAIR #2 with a JSON georeference; returns the `_data.npy`."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "SEN2_zone_data.npy", values)
    if masks is not None:
        np.save(folder / "SEN2_zone_masks.npy", masks)
    names = [f"S2A_MSIL2A_{date.replace('-', '')}T104021_N0214_R008_T31UES_20210101T000000" for date in dates]
    (folder / "SEN2_zone_products.txt").write_text("\n".join(names) + "\n")
    (folder / "SEN2_zone_data.json").write_text(json.dumps({"crs": f"EPSG:{EPSG}", "transform": TRANSFORM[:6]}))
    return folder / "SEN2_zone_data.npy"


def values_of(source: BandSource, shape: tuple[int, int] | None = None) -> np.ndarray:
    """The numbers of a source as they are stored; coarser ones repeated up to `shape`."""
    values = _stored(source.path)[source.band - 1]
    if shape is None or values.shape == shape:
        return values
    down, across = shape[0] // values.shape[0], shape[1] // values.shape[1]
    return values.repeat(down, axis=0).repeat(across, axis=1)


@lru_cache(maxsize=100)  # one netCDF variable holds all dates
def _stored(path: str) -> np.ndarray:
    with open_source(path) as dataset:
        return dataset.read()


def reflectance_of(acquisition: Acquisition) -> np.ndarray:
    """Reflectance x 10000, float64 (10, rows, columns) on the grid of the first band; 0 where nodata."""
    shape = values_of(acquisition.bands[0]).shape
    stored = np.stack([values_of(band, shape) for band in acquisition.bands]).astype(float)
    missing = np.isnan(stored) | (stored == acquisition.nodata)
    values = np.clip(stored + acquisition.offset, 0, None) * acquisition.scale
    return np.where(missing, 0, values)


def place_of(source: BandSource) -> tuple[int, tuple[float, ...]]:
    """EPSG code and bounds."""
    with open_source(source.path) as dataset:
        return dataset.crs.to_epsg(), tuple(dataset.bounds)


def no_warning(notice: Notice) -> None:
    """Stands in where a test expects no warning."""
    raise AssertionError(english(notice))
