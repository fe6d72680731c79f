"""Reads an acquisition in a geobox of 10 m in another raster's geobox, whatever the CRS and pixel size of its bands."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.warp import reproject

from ..raster.extents import pixel_bounds
from ..raster.geobox import GeoBox
from ..raster.open import unreadable
from ..raster.windows import Window
from .clouds import FLAIR_2, SCL_NO_DATA, CloudRule, cover
from .series import Acquisition, BandSource
from .vrt import open_source

_MOST_OPEN = 64  # rasters that are kept open at once
_RIM = 2  # source pixels read around what a window needs, for the neighbours of its outermost pixels
FEW_BANDS = 0.5  # share of its bands that a pixel must have: a digital number of 0 in one of them is a dark surface


class OpenFiles:
    """Rasters that stay open while one thread reads many bands out of them; closed on leaving.

    A data cube takes a tenth of a second to open, and each of its dates is in the same few files.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[str, DatasetReader] = OrderedDict()
        self._nodata: dict[str, tuple[float | None, ...]] = {}

    def __enter__(self) -> OpenFiles:
        return self

    def __exit__(self, *_: object) -> None:
        for dataset in self._open.values():
            dataset.close()
        self._open.clear()
        self._nodata.clear()

    def dataset(self, path: str) -> DatasetReader:
        """The raster of a path, which stays open until many others were asked for. Raises RasterioError."""
        if path not in self._open:
            self._open[path] = open_source(path)
            if len(self._open) > _MOST_OPEN:
                oldest, dataset = self._open.popitem(last=False)
                dataset.close()
                self._nodata.pop(oldest, None)
        self._open.move_to_end(path)
        return self._open[path]

    def nodata(self, path: str) -> tuple[float | None, ...]:
        """What stands for no data in each band of a raster. Asked of all bands anew, as rasterio does, it is slow."""
        dataset = self.dataset(path)
        if path not in self._nodata:
            self._nodata[path] = dataset.nodatavals
        return self._nodata[path]


def read_reflectance(acquisition: Acquisition, geobox: GeoBox, files: OpenFiles) -> tuple[np.ndarray, np.ndarray]:
    """Reflectance x 10000, uint16 (bands, rows, columns), and the pixels that are missing, bool (rows, columns).

    Bilinear. Missing pixels are 0. Raises BadInput where a band cannot be read.
    """
    numbers = read_onto(acquisition.bands, geobox, Resampling.bilinear, acquisition.nodata, acquisition.name, files)
    missing = np.isnan(numbers).mean(axis=0) >= FEW_BANDS
    values = np.clip(numbers + np.float32(acquisition.offset), 0, None) * np.float32(acquisition.scale)
    values = np.nan_to_num(np.where(missing, 0, values))
    return np.rint(np.clip(values, 0, np.iinfo(np.uint16).max)).astype(np.uint16), missing


def read_cover(
    acquisition: Acquisition, geobox: GeoBox, files: OpenFiles, rule: CloudRule = FLAIR_2
) -> tuple[np.ndarray | None, np.ndarray]:
    """How often each pixel counts as covered (see `clouds.cover`), and the pixels that the scene classes call missing.

    Nearest neighbour. None where the acquisition has no mask at all. Raises BadInput where a mask cannot be read.
    """
    sources = {"clouds": acquisition.clouds, "snow": acquisition.snow, "classes": acquisition.classes}
    if sources["clouds"] and sources["snow"]:
        sources["classes"] = None  # with both probabilities there is nothing left to learn from them
    given = {name: source for name, source in sources.items() if source}
    read = read_onto(tuple(given.values()), geobox, Resampling.nearest, None, acquisition.name, files)
    layers = dict(zip(given, read))
    covered = cover(layers.get("clouds"), layers.get("snow"), layers.get("classes"), rule)
    if "classes" in layers:
        return covered, layers["classes"] == SCL_NO_DATA
    return covered, np.zeros(geobox.shape, bool)


def read_onto(
    sources: Sequence[BandSource],
    geobox: GeoBox,
    resampling: Resampling,
    nodata: float | None,
    name: str,
    files: OpenFiles,
) -> np.ndarray:
    """Bands of any CRS in a geobox, float32 (len(sources), rows, columns), NaN where they have nothing.

    nodata: value of missing pixels beside what a raster declares itself. name: of the whole, for messages. Sources
    much finer than its pixels are read thinned. Raises BadInput where one cannot be read.
    """
    result = np.full((len(sources), *geobox.shape), np.nan, np.float32)
    by_path: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        by_path.setdefault(source.path, []).append(index)
    # bands that lie alike are warped together: most of the work is finding out where each pixel goes
    alike: dict[tuple, list[tuple[list[int], np.ndarray]]] = {}
    for path, indices in by_path.items():
        try:
            dataset = files.dataset(path)
            bands = [sources[index].band for index in indices]
            declared = files.nodata(path)
            read = _read_around(dataset, geobox, bands, [{nodata, declared[band - 1]} - {None} for band in bands])
        except RasterioError as error:
            raise unreadable(name, error) from None
        if read is not None:
            pixels, transform = read
            key = (dataset.crs.to_wkt(), tuple(transform), pixels.shape[1:])
            alike.setdefault(key, []).append((indices, pixels))
    for (crs, transform, _), parts in alike.items():
        indices = [index for part, _ in parts for index in part]
        onto = np.full((len(indices), *geobox.shape), np.nan, np.float32)
        reproject(
            np.concatenate([pixels for _, pixels in parts]),
            onto,
            src_transform=Affine(*transform[:6]),
            src_crs=crs,
            src_nodata=np.nan,
            dst_transform=geobox.transform,
            dst_crs=geobox.crs_wkt,
            dst_nodata=np.nan,
            resampling=resampling,
        )
        result[indices] = onto
    return result


def _read_around(
    dataset: DatasetReader, geobox: GeoBox, bands: list[int], missing: Sequence[set]
) -> tuple[np.ndarray, Affine] | None:
    """The part of a dataset that lies under a geobox, float32 with NaN for missing pixels, and its transform.

    missing: the values of missing pixels, band by band.
    """
    window, thinning = window_under(dataset, geobox)
    if window is None:
        return None
    shape = (max(1, window.height // thinning), max(1, window.width // thinning))
    pixels = dataset.read(
        bands, window=rasterio.windows.Window(*window), out_shape=(len(bands), *shape), out_dtype=np.float32
    )
    for layer, values in zip(pixels, missing):
        for value in values:
            layer[layer == value] = np.nan
    step = Affine.scale(window.width / shape[1], window.height / shape[0])
    return pixels, dataset.transform * Affine.translation(window.column, window.row) * step


def window_under(dataset: DatasetReader, geobox: GeoBox) -> tuple[Window | None, int]:
    """The window of a dataset that lies under a geobox, None where none does, and its pixels to one of the geobox."""
    bounds = pixel_bounds(GeoBox.of(dataset), geobox.crs_wkt, geobox.bounds)
    if bounds is None or not all(math.isfinite(value) for value in bounds):
        return None, 1
    left, top, right, bottom = bounds
    thinning = max(1, int(min((right - left) / geobox.width, (bottom - top) / geobox.height)))
    rim = _RIM * thinning
    around = Window.between(
        math.floor(left) - rim, math.floor(top) - rim, math.ceil(right) + rim, math.ceil(bottom) + rim
    )
    return around.intersection(Window(0, 0, dataset.width, dataset.height)), thinning
