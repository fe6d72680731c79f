"""Reads windows of the aerial raster and of heights in the job's geobox, in threads ahead of the network."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from .aerial import AerialSource
from .extents import as_it_lies
from .geobox import GeoBox
from .ground import is_on_earth
from .open import unreadable
from .windows import Window

# A raster without a CRS is warped within itself only, for which any projected CRS serves.
_STAND_IN_CRS = "EPSG:3857"
# GDAL may warp a wide window in one go instead of by blocks of a fixed lattice; its rounding then depends on
# where the window begins, and two tiles would see the same pixel differ in its last digit.
_BY_BLOCKS = {"GDAL_VRT_WARP_USE_DATASET_RASTERIO": "NO"}

# Bytes that GDAL may keep of the rasters it reads and writes; its own default is a share of the memory. With 16 MB
# windows of two JPEG 2000 files of blocks of 1024 pixels, colours and infrared, took 3 times as long: the two threads
# that read threw out each other's blocks, of which a window lies on four, before all bands of one were read.
_GDAL_CACHE = 64 * 2**20

_Item = TypeVar("_Item")
_Read = TypeVar("_Read")


def gdal_settings() -> rasterio.Env:
    """What holds for GDAL wherever the engine reads or writes; it keeps the first size of its cache for ever."""
    return rasterio.Env(GDAL_CACHEMAX=_GDAL_CACHE, GDAL_NUM_THREADS="2")


class WindowReader:
    """Windows of one raster in a geobox, one dataset handle a thread.

    open_dataset: gives a dataset whose pixels are the geobox's, each time it is called. alpha: whether its last band
    says where it has data; GDAL itself looks there only where a raster has 2 or 4 bands with it.
    """

    def __init__(self, path: str, open_dataset: Callable[[], DatasetReader | WarpedVRT], alpha: bool = False) -> None:
        self._path = path
        self._open = open_dataset
        self._alpha = alpha
        self._local = threading.local()
        self._opened: list[DatasetReader | WarpedVRT] = []

    def dataset(self) -> DatasetReader | WarpedVRT:
        """This thread's handle."""
        if not hasattr(self._local, "dataset"):
            self._local.dataset = self._open()
            self._opened.append(self._local.dataset)
        return self._local.dataset

    def read(self, window: Window, bands: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (len(bands), rows, columns) in the bands' common type, and their validity (rows, columns) bool.

        What a pixel holds does not depend on the window that it is read in. Outside the raster pixels are
        0 and not valid. Raises BadInput where the file cannot be read.
        """
        dataset = self.dataset()
        types = {number: dataset.dtypes[number - 1] for number in bands}
        pixels = np.zeros((len(bands), *window.shape), np.result_type(*types.values()))
        valid = np.zeros(window.shape, bool)
        inside = window.intersection(Window(0, 0, dataset.width, dataset.height))
        if inside is None:
            return pixels, valid
        part = inside.within(window)
        source = rasterio.windows.Window(*inside)
        try:
            with rasterio.Env(**_BY_BLOCKS):
                for dtype in set(types.values()):  # bands of several types cannot be read at once
                    places = [place for place, number in enumerate(bands) if types[number] == dtype]
                    read = dataset.read([bands[place] for place in places], window=source)
                    pixels[(places, *part)] = read
                if self._alpha:
                    valid[part] = dataset.read(dataset.count, window=source) > 0
                else:
                    valid[part] = dataset.read_masks(bands, window=source).any(axis=0)
        except RasterioError as error:
            raise unreadable(self._path, error) from None
        return pixels, valid

    def close(self) -> None:
        """Closes the handles of all threads."""
        for dataset in self._opened:
            dataset.close()
        self._opened.clear()


def aerial_reader(source: AerialSource, geobox: GeoBox) -> WindowReader:
    """Reads the aerial raster in a geobox of its frame: averaged where it is finer, bilinear where it is coarser."""
    if geobox == source.geobox:
        return WindowReader(source.path, lambda: rasterio.open(source.readable))
    crs = geobox.crs_wkt or _STAND_IN_CRS
    finer = max(source.geobox.pixel_size_m) < min(geobox.pixel_size_m)

    def open_warped() -> WarpedVRT:
        return WarpedVRT(
            rasterio.open(source.readable),
            src_crs=crs,
            crs=crs,
            transform=geobox.transform,
            width=geobox.width,
            height=geobox.height,
            resampling=Resampling.average if finer else Resampling.bilinear,
            add_alpha=source.needs_alpha,
        )

    return WindowReader(source.path, open_warped, alpha=source.needs_alpha)


def warped_reader(
    path: str, geobox: GeoBox, nodata: float | None, resampling: Resampling = Resampling.bilinear
) -> WindowReader:
    """Reads a raster of any CRS, or one that `as_it_lies`, in a geobox.

    nodata: the number that stands for none; None where there is none.
    """

    def open_warped() -> WarpedVRT:
        dataset = rasterio.open(path)
        crs = geobox.crs_wkt if geobox.crs_wkt and is_on_earth(CRS.from_user_input(geobox.crs_wkt)) else _STAND_IN_CRS
        lies = as_it_lies(dataset.crs.to_wkt() if dataset.crs else "", geobox.crs_wkt)
        return WarpedVRT(
            dataset,
            src_crs=crs if lies else None,
            crs=crs,
            transform=geobox.transform,
            width=geobox.width,
            height=geobox.height,
            resampling=resampling,
            src_nodata=nodata,
            nodata=nodata,
            add_alpha=nodata is None and ColorInterp.alpha not in dataset.colorinterp,
        )

    return WindowReader(path, open_warped)


def read_ahead(
    items: Iterable[_Item], read: Callable[[_Item], _Read], threads: int = 2
) -> Generator[_Read, None, None]:
    """What `read` gives for each item, in order, read in threads at most two items a thread ahead."""
    waiting: deque[Future[_Read]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="read") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(read, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
