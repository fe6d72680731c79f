"""Texts of virtual rasters, which stand for a path in a BandSource where a file alone would not do."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import DatasetReader

from ..raster.virtual import TYPES, Band, Source, is_text, nodata_text, of_bands, of_texts

# From 3.12 on GDAL lets a virtual raster read raw files beside it only, lest a foreign one reads what it likes.
# A text has no place of its own, and those opened here are this module's.
_OWN = {"GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "ALL"}


def open_source(path: str) -> DatasetReader:
    """Opens what a BandSource's `path` says. Raises RasterioError as `rasterio.open` does."""
    with rasterio.Env(**(_OWN if is_text(path) else {})):
        return rasterio.open(path)


def of_array(array: np.memmap, first: int, crs_wkt: str, transform: Affine, nodata: float | None) -> str:
    """A raster of the planes `array[first]` of a .npy file of shape (dates, bands, rows, columns).

    GDAL reads windows of them out of the file itself. Raises KeyError for types that GDAL does not have.
    """
    _, bands, rows, columns = array.shape
    kind = TYPES[array.dtype.newbyteorder("=").name]
    order = "MSB" if array.dtype.str[0] == ">" else "LSB"
    texts = [
        f'<VRTRasterBand dataType="{kind}" band="{band + 1}" subClass="VRTRawRasterBand">{nodata_text(nodata)}'
        f'<SourceFilename relativeToVRT="0">{escape(str(array.filename))}</SourceFilename>'
        f"<ImageOffset>{array.offset + first * array.strides[0] + band * array.strides[1]}</ImageOffset>"
        f"<PixelOffset>{array.strides[3]}</PixelOffset><LineOffset>{array.strides[2]}</LineOffset>"
        f"<ByteOrder>{order}</ByteOrder></VRTRasterBand>"
        for band in range(bands)
    ]
    return of_texts((rows, columns), crs_wkt, transform, texts)


def of_dataset(dataset: DatasetReader, name: str, **options: str) -> str:
    """All bands of an open dataset, opened under its name with the options each time that they are read."""
    given = tuple(options.items())
    bands = [
        Band(dtype, [Source(name, number, options=given)], nodata)
        for number, dtype, nodata in zip(dataset.indexes, dataset.dtypes, dataset.nodatavals)
    ]
    return of_bands(dataset.shape, dataset.crs.to_wkt(), dataset.transform, bands, None)


def of_table(dataset: DatasetReader, name: str, band: int, table: Mapping[int, int]) -> str:
    """One band of an open dataset, opened under its name, each of its whole numbers replaced by the table's: uint8."""
    # GDAL interpolates between entries: a table of all whole numbers is exact.
    entries = ",".join(f"{value}:{becomes}" for value, becomes in sorted(table.items()))
    replaced = Band("uint8", [Source(name, band, table=entries)])
    return of_bands(dataset.shape, dataset.crs.to_wkt(), dataset.transform, [replaced], None)
