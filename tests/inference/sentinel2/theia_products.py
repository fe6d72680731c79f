"""Theia's Level-2A products in their real structure, made of given pixels: what programs read of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from affine import Affine

from flair_landcover.contract.cards import SATELLITE_BANDS
from flair_landcover.tests.inference.sentinel2.products import FINE, ProductPixels

from .forms import TRANSFORM, write

NODATA = -10_000  # everywhere in FRE and SRE where there is no image


def make_theia(
    folder: Path,
    pixels: ProductPixels,
    date: str,
    clouds: np.ndarray,
    geophysical: np.ndarray,
    level: str = "L2A",
    version: str = "V2-2",
    tile: str = "T31TCJ",
    transform: Affine = TRANSFORM,
    sre: ProductPixels | None = None,
    epsg: int = 32631,
) -> Path:
    """Writes one product into a folder; returns its folder.

    clouds, geophysical: the masks CLM and MG2 as they are stored, uint8, at 20 m. sre: bands that are not corrected
    for slopes; without them there are none.
    """
    product = f"SENTINEL2A_{date.replace('-', '')}-105102-000_{level}_{tile}_C_{version}"
    inner = folder / product
    kinds = {"FRE": pixels} if sre is None else {"FRE": pixels, "SRE": sre}
    for kind, each in kinds.items():
        for band in SATELLITE_BANDS:
            values = each.bands[band].astype(np.int16)
            place = transform if band in FINE else transform * Affine.scale(2)
            stored = np.where(values == 0, NODATA, values).astype(np.int16)
            write(inner / f"{product}_{kind}_{band}.tif", stored[None], transform=place, crs=f"EPSG:{epsg}")
    for name, mask in (("CLM", clouds), ("MG2", geophysical)):
        for number, finer in ((1, 2), (2, 1)):
            values = mask.repeat(finer, axis=0).repeat(finer, axis=1)
            place = transform * Affine.scale(2 / finer)
            write(
                inner / "MASKS" / f"{product}_{name}_R{number}.tif", values[None], transform=place, crs=f"EPSG:{epsg}"
            )
    (inner / f"{product}_MTD_ALL.xml").write_text(
        f"<Muscate_Metadata_Document><ACQUISITION_DATE>{date}T10:51:02.000Z</ACQUISITION_DATE>"
        f'<REFLECTANCE_QUANTIFICATION_VALUE>10000</REFLECTANCE_QUANTIFICATION_VALUE><SPECIAL_VALUE name="nodata">'
        f"{NODATA}</SPECIAL_VALUE></Muscate_Metadata_Document>",
        encoding="utf-8",
    )
    (inner / "DATA").mkdir()
    (inner / "DATA" / "MTD_MSIL1C.xml").write_text("<n1:Level-1C_User_Product/>", encoding="utf-8")
    return inner


def zip_folder(folder: Path) -> Path:
    """The zip file of a folder, beside it and holding it."""
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent).as_posix())
    return path
