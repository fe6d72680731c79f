"""What an aerial raster is: opened once, checked, described by plain values."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError, RasterioError
from rasterio.io import DatasetReader

from ...contract.errors import BadInput
from ...contract.notices import Warn, notice
from .band_roles import bands_by_role
from .geobox import GeoBox
from .open import check_not_truncated, open_raster, unreadable
from .windows import spread_windows

COARSEST_M = 5.0  # metres a pixel beyond which no class but the largest could be told
POOR_M = 0.6  # metres a pixel beyond which the map is much worse than its model card says
_WEB_MERCATOR = 3857  # EPSG code
_SAMPLES = 8  # windows a side that the radiometry is measured on
_SAMPLE_SIZE = 128  # pixels a side of such a window
_ALL_OR_NOTHING = 0.95  # share of pixels that real transparency hides or shows wholly; the rest are soft edges


@dataclass(frozen=True)
class AerialSource:
    """An aerial raster, readable and georeferenced.

    readable: what rasterio opens: the path, or the text of a virtual raster that mends it (see `mended`).
    bands: band numbers by role. stretch: for 16-bit rasters the digital numbers (low, high) of each band
    number that become 0 and 255; empty for 8 bits.
    needs_alpha: whether validity is only known from a mask that warping must carry along.
    """

    path: str
    readable: str
    geobox: GeoBox
    bands: dict[str, int]
    stretch: dict[int, tuple[float, float]]
    needs_alpha: bool


def describe_aerial(path: str, bands_text: str, warn: Warn) -> AerialSource:
    """Checks an aerial raster and describes it. `warn` takes what the user should know.

    Raises BadInput where it cannot be used, which names ``bands`` where they are at fault.
    """
    with open_raster(path, "The aerial raster") as dataset:
        check_not_truncated(dataset, "The aerial raster")
        readable = mended(dataset)
    with rasterio.open(readable) as dataset:
        geobox = aerial_geobox(dataset, path, warn)
        size = max(geobox.pixel_size_m)
        if size > COARSEST_M:
            raise BadInput(
                f"The aerial raster {path} has pixels of {size:g} m, too coarse for land cover from the air: "
                f"give an image of {POOR_M:g} m or finer."
            )
        if size > POOR_M:
            warn(notice("coarse_pixels", size=size))
        bands = bands_by_role(dataset, path, bands_text)
        dtypes = {dataset.dtypes[number - 1] for number in bands.values()}
        if not dtypes <= {"uint8", "uint16"}:
            raise BadInput(
                f"The aerial raster {path} has values of type {sorted(dtypes - {'uint8', 'uint16'})[0]}: "
                "convert it to 8 or 16 bits without sign."
            )
        if len(dtypes) > 1:
            raise BadInput(
                f"The aerial raster {path} has bands of 8 and of 16 bits: convert them all to one, "
                "or give the elevation as a raster of its own."
            )
        flags = dataset.mask_flag_enums[bands["red"] - 1]
        source = AerialSource(
            path=path,
            readable=readable,
            geobox=geobox,
            bands=bands,
            stretch=_stretch(dataset, bands),
            needs_alpha=MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags,
        )
    if source.stretch:
        low, high = source.stretch[bands["red"]]
        warn(notice("stretched", low=low, high=high))
    return source


def mended(dataset: DatasetReader) -> str:
    """The raster's path, or a virtual raster in which a band that only claims to be transparency is a plain one.

    GDAL declares the fourth band of any 8-bit TIFF of four bands as transparency unless told otherwise, so
    that most images of red, green, blue and near infrared claim it. Real transparency is all or nothing but
    for its edges, where reprojecting leaves values in between.
    """
    transparent = [n for n, kind in enumerate(dataset.colorinterp, start=1) if kind == ColorInterp.alpha]
    if not transparent or all(
        np.isin(band, (0, np.iinfo(band.dtype).max)).mean() >= _ALL_OR_NOTHING
        for band in _samples(dataset, transparent)
    ):
        return dataset.name
    with rasterio.MemoryFile(ext=".vrt") as file:
        rasterio.shutil.copy(dataset, file.name, driver="VRT")
        text = file.read().decode("utf-8")
    return text.replace("<ColorInterp>Alpha</ColorInterp>", "<ColorInterp>Undefined</ColorInterp>")


def aerial_geobox(dataset: DatasetReader, path: str, warn: Warn) -> GeoBox:
    """Where an aerial raster lies.

    Raises BadInput where its pixels cannot be measured in metres.
    """
    if dataset.crs and dataset.crs.is_geographic:
        raise BadInput(
            f"The aerial raster {path} has a geographic CRS, whose pixels are in degrees: "
            "reproject it first to a projected CRS, such as Lambert-93 (EPSG:2154) or the local UTM zone."
        )
    if dataset.transform.is_identity or dataset.transform.determinant == 0:
        raise BadInput(
            f"The aerial raster {path} has no georeference, so its pixel size in metres is unknown: "
            "georeference it first, or choose one with a CRS."
        )
    geobox = GeoBox.of(dataset)
    if not dataset.crs:
        size = geobox.pixel_size[0]
        if not 0.01 <= size <= COARSEST_M:
            raise BadInput(
                f"The aerial raster {path} has no CRS and pixels of {size:g} units, which cannot be metres: "
                "assign its CRS first."
            )
        warn(notice("raster_without_crs", size=size))
        return geobox
    if dataset.crs.to_epsg() == _WEB_MERCATOR:
        warn(notice("web_mercator"))
    try:
        return replace(geobox, metres=float(dataset.crs.linear_units_factor[1]))
    except CRSError:  # a local CRS, as some real FLAIR files have: neither geographic nor projected
        return geobox


def _stretch(dataset: DatasetReader, bands: dict[str, int]) -> dict[int, tuple[float, float]]:
    """The 0.5 and 99.5 percentiles of each optical 16-bit band, over sample windows spread evenly."""
    numbers = [number for role, number in bands.items() if role != "elevation"]
    if dataset.dtypes[numbers[0] - 1] != "uint16":
        return {}
    values = _samples(dataset, numbers)
    if values.shape[1] == 0:
        return {number: (0.0, 65535.0) for number in numbers}
    low, high = np.percentile(values, [0.5, 99.5], axis=1)
    return {number: (float(a), float(max(b, a + 1))) for number, a, b in zip(numbers, low, high)}


def _samples(dataset: DatasetReader, numbers: list[int]) -> np.ndarray:
    """Valid pixels of some bands in windows spread evenly over a raster, (bands, pixels)."""
    samples: list[np.ndarray] = []
    for window in spread_windows(dataset.width, dataset.height, _SAMPLES, _SAMPLE_SIZE):
        part = rasterio.windows.Window(*window)
        try:
            values = dataset.read(numbers, window=part)
            valid = dataset.read_masks(numbers, window=part).any(axis=0)
        except RasterioError as error:
            raise unreadable(dataset.name, error) from None
        samples.append(values[:, valid])
    return np.concatenate(samples, axis=1)
