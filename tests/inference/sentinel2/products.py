"""Level-2A products of Sentinel-2 in their real structure, made of given pixels.

    python -m flair_landcover.tests.inference.sentinel2.products OUTDIR
        [--series SEN2_data.npy --number 0] [--baseline 05.10]

A product has the folders, names, metadata and lossless JPEG 2000 files of those that Copernicus gives out
(Products Specification Document 14.9 and 15), but only the part of them that programs read: no previews, no
detector footprints, no bands of 60 m.
"""

from __future__ import annotations

import argparse
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS

from flair_landcover.contract.cards import SATELLITE_BANDS

FINE = ("B2", "B3", "B4", "B8")  # bands of 10 m; the others have 20 m
OFFSET = 1000  # added to all digital numbers from processing baseline 04.00 on (January 2022)
_QUANTIFICATION = 10_000
_BAND_COUNT = 13  # B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B10 B11 B12, numbered so in the metadata
_TRANSFORM = Affine(10.0, 0.0, 574_680.0, 0.0, -10.0, 5_622_440.0)
_LOSSLESS = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}


@dataclass(frozen=True)
class ProductPixels:
    """What goes into a product.

    bands: reflectance x 10000 by name, uint16, 0 = no data; those of 10 m (rows, columns), those of 20 m half that.
    classes: SCL, uint8, 20 m. clouds, snow: probabilities of 0 to 100, uint8, 20 m. A mask that is None is left out.
    """

    bands: dict[str, np.ndarray]
    classes: np.ndarray | None = None
    clouds: np.ndarray | None = None
    snow: np.ndarray | None = None


def make_product(
    folder: Path,
    pixels: ProductPixels,
    date: str,
    baseline: str = "05.10",
    transform: Affine = _TRANSFORM,
    epsg: int = 32631,
    tile: str = "T31UES",
) -> Path:
    """Writes one product into a folder; returns its `.SAFE` folder.

    date: ISO. baseline: from 04.00 on the files hold the pixels plus 1000, and the metadata say so.
    transform: of the bands of 10 m.
    """
    day = date.replace("-", "")
    sensed = f"{day}T104021"
    number = f"N{baseline.replace('.', '')}"
    name = f"S2A_MSIL2A_{sensed}_{number}_R008_{tile}_{day}T180000.SAFE"
    granule = f"L2A_{tile}_A030369_{sensed}"
    safe = Path(folder) / name
    inner = safe / "GRANULE" / granule
    images = {band: inner / _band_file(band, tile, sensed) for band in SATELLITE_BANDS if band in pixels.bands}
    shift = OFFSET if _has_offset(baseline) else 0
    for band, path in images.items():
        values = pixels.bands[band].astype(np.uint32)
        stored = np.where(values > 0, values + shift, 0).astype(np.uint16)
        _write(path, stored, transform if band in FINE else transform * Affine.scale(2), epsg)
    masks = {
        inner / "IMG_DATA" / "R20m" / f"{tile}_{sensed}_SCL_20m.jp2": pixels.classes,
        inner / "QI_DATA" / "MSK_CLDPRB_20m.jp2": pixels.clouds,
        inner / "QI_DATA" / "MSK_SNWPRB_20m.jp2": pixels.snow,
    }
    for path, mask in masks.items():
        if mask is not None:
            _write(path, mask.astype(np.uint8), transform * Affine.scale(2), epsg)
    listed = [path for path in images.values()] + [path for path in masks if path.parent.name == "R20m"]
    files = [path.relative_to(safe).with_suffix("").as_posix() for path in listed if path.exists()]
    (safe / "MTD_MSIL2A.xml").write_text(
        _product_metadata(name, granule, f"{date}T10:40:21.024Z", baseline, files), encoding="utf-8"
    )
    shape = next(iter(pixels.bands[band] for band in FINE if band in pixels.bands)).shape
    (inner / "MTD_TL.xml").write_text(_tile_metadata(granule, date, shape, transform, epsg), encoding="utf-8")
    return safe


def zip_product(safe: Path) -> Path:
    """The zip file of a product, beside it and holding its folder, as the download service gives it."""
    path = safe.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(safe.rglob("*")):
            archive.write(file, file.relative_to(safe.parent).as_posix())
    return path


def made_up(size: int = 64, seed: int = 0) -> ProductPixels:
    """Pixels with structure, and with clouds in one corner, snow in another and a strip without data."""
    generator = np.random.default_rng(seed)
    bands = {}
    for index, band in enumerate(SATELLITE_BANDS):
        side = size if band in FINE else size // 2
        coarse = generator.integers(200, 2000 + 300 * index, (side // 8, side // 8))
        values = np.kron(coarse, np.ones((8, 8), int)) + generator.integers(0, 99, (side, side))
        values[:, -side // 16 :] = 0
        bands[band] = values.astype(np.uint16)
    half, quarter = size // 2, size // 4
    clouds, snow = np.zeros((half, half), np.uint8), np.zeros((half, half), np.uint8)
    clouds[:quarter, :quarter] = generator.integers(40, 101, (quarter, quarter))
    snow[quarter:, :quarter] = generator.integers(40, 101, (quarter, quarter))
    classes = np.full((half, half), 4, np.uint8)
    classes[clouds > 60] = 9
    classes[snow > 60] = 11
    return ProductPixels(bands, classes, clouds, snow)


def from_series(data: np.ndarray) -> ProductPixels:
    """Pixels of one date of FLAIR's layout, (10, rows, columns) at 10 m: the bands of 20 m take every other one."""
    bands = {
        band: np.ascontiguousarray(data[index] if band in FINE else data[index, ::2, ::2])
        for index, band in enumerate(SATELLITE_BANDS)
    }
    return ProductPixels(bands)


def _has_offset(baseline: str) -> bool:
    return float(baseline) >= 4.0


def _band_file(band: str, tile: str, sensed: str) -> str:
    name = f"B{band[1:].zfill(2)}"
    resolution = "10m" if band in FINE else "20m"
    return f"IMG_DATA/R{resolution}/{tile}_{sensed}_{name}_{resolution}.jp2"


def _write(path: Path, values: np.ndarray, transform: Affine, epsg: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = values.shape
    profile = {"dtype": values.dtype, "count": 1, "height": rows, "width": columns}
    with rasterio.open(path, "w", **_LOSSLESS, **profile, crs=CRS.from_epsg(epsg), transform=transform) as dataset:
        dataset.write(values, 1)
    path.with_name(path.name + ".aux.xml").unlink(missing_ok=True)


def _product_metadata(name: str, granule: str, start: str, baseline: str, files: list[str]) -> str:
    images = "".join(f"\n            <IMAGE_FILE>{file}</IMAGE_FILE>" for file in files)
    offsets = ""
    if _has_offset(baseline):
        listed = "".join(
            f'\n        <BOA_ADD_OFFSET band_id="{band}">{-OFFSET}</BOA_ADD_OFFSET>' for band in range(_BAND_COUNT)
        )
        offsets = f"\n      <BOA_ADD_OFFSET_VALUES_LIST>{listed}\n      </BOA_ADD_OFFSET_VALUES_LIST>"
    schema = "https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd"
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-2A_User_Product xmlns:n1="{schema}">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_START_TIME>{start}</PRODUCT_START_TIME>
      <PRODUCT_STOP_TIME>{start}</PRODUCT_STOP_TIME>
      <PRODUCT_URI>{name}</PRODUCT_URI>
      <PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL>
      <PRODUCT_TYPE>S2MSI2A</PRODUCT_TYPE>
      <PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
      <Datatake datatakeIdentifier="GS2A_{name[11:26]}_030369_N{baseline}">
        <SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME>
        <DATATAKE_SENSING_START>{start}</DATATAKE_SENSING_START>
      </Datatake>
      <Query_Options completeSingleTile="true">
        <PRODUCT_FORMAT>SAFE_COMPACT</PRODUCT_FORMAT>
      </Query_Options>
      <Product_Organisation>
        <Granule_List>
          <Granule granuleIdentifier="S2A_OPER_{granule}" imageFormat="JPEG2000">{images}
          </Granule>
        </Granule_List>
      </Product_Organisation>
    </Product_Info>
    <Product_Image_Characteristics>
      <Special_Values>
        <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>
        <SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
      </Special_Values>
      <QUANTIFICATION_VALUES_LIST>
        <BOA_QUANTIFICATION_VALUE unit="none">{_QUANTIFICATION}</BOA_QUANTIFICATION_VALUE>
        <AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>
        <WVP_QUANTIFICATION_VALUE unit="cm">1000.0</WVP_QUANTIFICATION_VALUE>
      </QUANTIFICATION_VALUES_LIST>{offsets}
    </Product_Image_Characteristics>
  </n1:General_Info>
</n1:Level-2A_User_Product>
"""


def _tile_metadata(granule: str, date: str, shape: tuple[int, int], transform: Affine, epsg: int) -> str:
    sizes = "".join(
        f"""
      <Size resolution="{metres}">
        <NROWS>{shape[0] * 10 // metres}</NROWS>
        <NCOLS>{shape[1] * 10 // metres}</NCOLS>
      </Size>
      <Geoposition resolution="{metres}">
        <ULX>{transform.c:.0f}</ULX>
        <ULY>{transform.f:.0f}</ULY>
        <XDIM>{metres}</XDIM>
        <YDIM>-{metres}</YDIM>
      </Geoposition>"""
        for metres in (10, 20)
    )
    zone = CRS.from_epsg(epsg).to_wkt().split('"')[1]
    schema = "https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-2A_Tile_Metadata.xsd"
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-2A_Tile_ID xmlns:n1="{schema}">
  <n1:General_Info>
    <TILE_ID metadataLevel="Brief">S2A_OPER_{granule}</TILE_ID>
    <SENSING_TIME metadataLevel="Standard">{date}T10:46:09.000Z</SENSING_TIME>
  </n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Geocoding metadataLevel="Brief">
      <HORIZONTAL_CS_NAME>{zone}</HORIZONTAL_CS_NAME>
      <HORIZONTAL_CS_CODE>EPSG:{epsg}</HORIZONTAL_CS_CODE>{sizes}
    </Tile_Geocoding>
  </n1:Geometric_Info>
</n1:Level-2A_Tile_ID>
"""


def main() -> None:
    """Writes one product as a folder and as a zip file, and prints their paths."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--series", type=Path, help="SEN2_*_data.npy whose pixels to take; made-up ones without")
    parser.add_argument("--number", type=int, default=0, help="which date of the series, from 0")
    parser.add_argument("--baseline", default="05.10")
    options = parser.parse_args()
    pixels, date = made_up(), "2021-04-15"
    if options.series:
        pixels = from_series(np.load(options.series, mmap_mode="r", allow_pickle=False)[options.number])
        products = options.series.with_name(options.series.name.replace("_data.npy", "_products.txt"))
        match = re.search(r"(\d{4})(\d\d)(\d\d)T", products.read_text(encoding="utf-8").split()[options.number])
        date = "-".join(match.groups()) if match else date
    options.folder.mkdir(parents=True, exist_ok=True)
    safe = make_product(options.folder, pixels, date, options.baseline)
    print(safe)
    print(zip_product(safe))


if __name__ == "__main__":
    main()
