"""Texts of virtual rasters, which stand for a path in a BandSource where a file alone would not do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import DatasetReader

_TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}

# From 3.12 on GDAL lets a virtual raster read raw files beside it only, lest a foreign one reads what it likes.
# A text has no place of its own, and those opened here are this module's.
_OWN = {"GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "ALL"}


def open_source(path: str) -> DatasetReader:
    """Opens what a BandSource's `path` says. Raises RasterioError as `rasterio.open` does."""
    with rasterio.Env(**(_OWN if path.startswith("<VRTDataset") else {})):
        return rasterio.open(path)


def of_array(array: np.memmap, first: int, crs_wkt: str, transform: Affine, nodata: float | None) -> str:
    """A raster of the planes `array[first]` of a .npy file of shape (dates, bands, rows, columns).

    GDAL reads windows of them out of the file itself. Raises KeyError for types that GDAL does not have.
    """
    _, bands, rows, columns = array.shape
    kind = _TYPES[array.dtype.newbyteorder("=").name]
    order = "MSB" if array.dtype.str[0] == ">" else "LSB"
    lines = [
        f'subClass="VRTRawRasterBand">{_nodata(nodata)}'
        f'<SourceFilename relativeToVRT="0">{escape(str(array.filename))}</SourceFilename>'
        f"<ImageOffset>{array.offset + first * array.strides[0] + band * array.strides[1]}</ImageOffset>"
        f"<PixelOffset>{array.strides[3]}</PixelOffset><LineOffset>{array.strides[2]}</LineOffset>"
        f"<ByteOrder>{order}</ByteOrder>"
        for band in range(bands)
    ]
    return _dataset(columns, rows, crs_wkt, transform, [kind] * len(lines), lines)


def of_dataset(dataset: DatasetReader, name: str, **options: str) -> str:
    """All bands of an open dataset, opened under its name with the options each time that they are read."""
    given = "".join(f'<OOI key="{key}">{escape(value)}</OOI>' for key, value in options.items())
    lines = [
        f">{_nodata(dataset.nodatavals[band - 1])}<SimpleSource>"
        f'<SourceFilename relativeToVRT="0">{escape(name)}</SourceFilename><OpenOptions>{given}</OpenOptions>'
        f"<SourceBand>{band}</SourceBand></SimpleSource>"
        for band in dataset.indexes
    ]
    kinds = [_TYPES[kind] for kind in dataset.dtypes]
    return _dataset(dataset.width, dataset.height, dataset.crs.to_wkt(), dataset.transform, kinds, lines)


def of_table(dataset: DatasetReader, name: str, band: int, table: Mapping[int, int]) -> str:
    """One band of an open dataset, opened under its name, each of its whole numbers replaced by the table's: uint8."""
    # GDAL interpolates between entries: a table of all whole numbers is exact.
    entries = ",".join(f"{value}:{becomes}" for value, becomes in sorted(table.items()))
    line = (
        f'><ComplexSource><SourceFilename relativeToVRT="0">{escape(name)}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand><LUT>{entries}</LUT></ComplexSource>"
    )
    return _dataset(dataset.width, dataset.height, dataset.crs.to_wkt(), dataset.transform, ["Byte"], [line])


def _nodata(value: float | None) -> str:
    return "" if value is None else f"<NoDataValue>{value}</NoDataValue>"


def _dataset(
    columns: int, rows: int, crs_wkt: str, transform: Affine, kinds: Sequence[str], lines: Sequence[str]
) -> str:
    bands = "".join(
        f'<VRTRasterBand dataType="{kind}" band="{number}" {line}</VRTRasterBand>'
        for number, (kind, line) in enumerate(zip(kinds, lines), start=1)
    )
    return (
        f'<VRTDataset rasterXSize="{columns}" rasterYSize="{rows}"><SRS>{escape(crs_wkt, quote=False)}</SRS>'
        f"<GeoTransform>{','.join(repr(float(value)) for value in transform.to_gdal())}</GeoTransform>"
        f"{bands}</VRTDataset>"
    )
