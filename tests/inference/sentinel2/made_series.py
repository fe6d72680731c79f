"""Small Sentinel-2 series on disk for the tests, and the aerial grid that they lie under."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.sentinel2.series import Acquisition, BandSource, Series

from ..conftest import CRS, ORIGIN, picture, write_raster

WKT = rasterio.crs.CRS.from_string(CRS).to_wkt()
GRID = GeoBox(Affine(0.2, 0, ORIGIN[0], 0, -0.2, ORIGIN[1]), WKT, (1024, 1024))
# 80 x 80 pixels of 10 m reach 300 m past the aerial raster's upper left corner, and further at the lower right.
AROUND = Affine(10, 0, ORIGIN[0] - 300, 0, -10, ORIGIN[1] + 300)


def write_date(
    folder: Path,
    date: str,
    pixels: np.ndarray | None = None,
    clouds: np.ndarray | None = None,
    snow: np.ndarray | None = None,
    classes: np.ndarray | None = None,
    transform: Affine = AROUND,
    crs: str = CRS,
    **settings: object,
) -> Acquisition:
    """One date: a raster of 10 bands (random where not given) and one for each mask that is given."""
    folder.mkdir(exist_ok=True)
    if pixels is None:
        pixels = picture(10, 80, 80, seed=int(date.replace("-", "")), top=6000).astype(np.uint16)
    path = write_raster(folder / f"{date}.tif", pixels, transform=transform, crs=crs)
    masks = {}
    for name, mask in (("clouds", clouds), ("snow", snow), ("classes", classes)):
        if mask is not None:
            finer = pixels.shape[1] / mask.shape[0]
            written = write_raster(
                folder / f"{date}_{name}.tif",
                mask[None].astype(np.uint8),
                transform=transform * Affine.scale(finer, finer),
                crs=crs,
            )
            masks[name] = BandSource(str(written), 1)
    bands = tuple(BandSource(str(path), number) for number in range(1, 11))
    geobox = GeoBox(transform, rasterio.crs.CRS.from_string(crs).to_wkt(), pixels.shape[1:])
    values: dict[str, Any] = {"nodata": 0, **masks, **settings}
    return Acquisition(date, path.name, bands, geobox, **values)


def series_of(*acquisitions: Acquisition) -> Series:
    return Series("folder", tuple(sorted(acquisitions, key=lambda each: each.date)))


def pixels_of(acquisition: Acquisition) -> np.ndarray:
    """What stands in the bands' file, (10, rows, columns)."""
    with rasterio.open(acquisition.bands[0].path) as dataset:
        return dataset.read()
