"""Products of Theia (made by MAJA): Level-2A of a date, Level-3A of a month, as folders and in zip files.

One GeoTIFF a band, `SENTINEL2A_20180419-105102-000_L2A_T31TCJ_C_V1-0_FRE_B2.tif`, with masks of 10 m (`R1`) and 20 m
(`R2`) in `MASKS`. The format is described by CNES and CESBIO ("Theia's Sentinel-2 L2A product format").
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from ...contract.cards import SATELLITE_BANDS
from ...contract.dates import date_in, unknown_date
from ...contract.errors import BadInput
from ..raster.open import open_raster
from . import vrt
from .archive import Files
from .bands import CLOUDS, SNOW, check_complete
from .place import geobox_of
from .series import Acquisition, BandSource

_NAMED = re.compile(
    r"^(?P<product>SENTINEL2[A-DX]_\d{8}-\d{6}-\d{3}_(?P<level>L[0-9A-Z-]+)_T?\d\d[A-Z]{3}_[A-Z]_V\d+-\d+)"
    r"(?:_(?P<what>.+))?$"
)
_IMAGE = re.compile(r"^(FRE|SRE|FRC)_B(\d+A?)\.tif$", re.IGNORECASE)
_MASK = re.compile(r"^(CLM|MG2|FLG)_R([12])\.tif$", re.IGNORECASE)
# FRE is corrected for slopes and what lies around a pixel, SRE for the latter alone; FRC is FRE of a Level-3A month.
_PREFERRED = ("FRE", "FRC", "SRE")
_LEVELS = ("L2A", "L3A")
NODATA = -10_000.0  # Special_Values_List "nodata" of all products
_QUANTIFICATION = 10_000.0  # REFLECTANCE_QUANTIFICATION_VALUE of all products
# Bits of CLM that mean the same in products of Theia and of MAJA run at home: all clouds and shadows but the thinnest,
# all clouds but the thinnest, high clouds. (The bits between are in two orders; the first two are their sums.)
_CLOUD_BITS = 0b1000_0011
_SNOW_BIT = 0b100  # bit of MG2
_FLAG_CLOUD, _FLAG_SNOW = 1, 2  # values of FLG of Level-3A, beside 0 no data, 3 water, 4 land
_SURE, _CLEAR = 100, 0  # probabilities in percent that stand for a bit
_BYTE = range(256)
# The values of each kind of mask that mean clouds and snow.
_MEANING = {
    "CLM": {CLOUDS: {value for value in _BYTE if value & _CLOUD_BITS}},
    "MG2": {SNOW: {value for value in _BYTE if value & _SNOW_BIT}},
    "FLG": {CLOUDS: {_FLAG_CLOUD}, SNOW: {_FLAG_SNOW}},
}
_METADATA = "MTD_ALL.xml"


def product_of(name: str) -> str:
    """The name of the Theia product that a file's or folder's name says, without level or folder; "" without one."""
    match = _NAMED.match(posixpath.basename(name.rstrip("/\\").replace("\\", "/")))
    return match["product"] if match else ""


def is_theia(names: Iterable[str]) -> bool:
    """Whether files, by their names, are of Theia products: their bands, or their metadata with nothing else but masks.

    Rasters made of a product often keep its name, such as stacks of its bands.
    """
    found = [match["what"] for name in names for match in [_NAMED.match(posixpath.basename(name))] if match]
    endings = [what for what in found if what]
    if any(_IMAGE.match(ending) for ending in endings):
        return True
    made = [ending for ending in endings if ending.lower().endswith(".tif") and not _MASK.match(ending)]
    return any(ending.endswith(_METADATA) for ending in endings) and not made


def masks_in(path: str) -> dict[str, BandSource]:
    """Clouds and snow, as probabilities, that a mask file of a product tells, wherever it lies."""
    match = _NAMED.match(posixpath.basename(path.replace("\\", "/")))
    mask = _MASK.match(match["what"]) if match and match["what"] else None
    return {role: _table(path, covered) for role, covered in _MEANING[mask[1].upper()].items()} if mask else {}


def read_theia(files: Files) -> list[Acquisition]:
    """The products that a folder or zip file holds. Raises BadInput where one is incomplete or of another kind."""
    found: dict[str, dict[str, str]] = {}
    levels: dict[str, str] = {}
    for name in files.names:
        match = _NAMED.match(posixpath.basename(name))
        if match and match["what"]:
            found.setdefault(match["product"], {})[match["what"]] = name
            levels[match["product"]] = match["level"]
    acquisitions = []
    for product, members in sorted(found.items()):
        what = f"The Theia product {product}"
        if levels[product] not in _LEVELS:
            raise BadInput(f"{what} is of level {levels[product]}: give the one of Level-2A (surface reflectance).")
        acquisitions.append(_read(files, product, members, what))
    return acquisitions


def _read(files: Files, product: str, members: dict[str, str], what: str) -> Acquisition:
    kinds: dict[str, dict[str, str]] = {}
    masks: dict[str, dict[str, str]] = {}
    for ending, name in members.items():
        image, mask = _IMAGE.match(ending), _MASK.match(ending)
        if image:
            kinds.setdefault(image[1].upper(), {})[f"B{image[2].upper()}"] = name
        elif mask:
            masks.setdefault(mask[1].upper(), {})[mask[2]] = name
    if not kinds:
        raise BadInput(f"{what} holds no surface reflectance (FRE or SRE): copy or download it again, whole.")
    images = max(
        (kinds[kind] for kind in _PREFERRED if kind in kinds),
        key=lambda bands: sum(band in bands for band in SATELLITE_BANDS),
    )
    check_complete(images, what)
    date = date_in(product, what)
    if date is None:
        raise unknown_date(f"the Theia product {product}")
    sources = {band: BandSource(files.source(name), 1) for band, name in images.items()}
    with open_raster(sources[SATELLITE_BANDS[0]].path, "The Sentinel-2 band") as dataset:
        geobox = geobox_of(dataset, f"The band {images[SATELLITE_BANDS[0]]}")
    for kind, by_resolution in sorted(masks.items()):
        name = by_resolution.get("2") or by_resolution["1"]  # of 20 m, as those of Copernicus are
        for role, covered in _MEANING[kind].items():
            sources.setdefault(role, _table(files.source(name), covered))
    return Acquisition.of_roles(date, product, sources, geobox, NODATA, 0.0, 10_000.0 / _QUANTIFICATION)


def _table(path: str, covered: set[int]) -> BandSource:
    """A mask whose values become probabilities: `covered` 100, the others 0."""
    with open_raster(path, "The mask") as dataset:
        geobox_of(dataset, f"The mask {path}")
        table = {value: _SURE if value in covered else _CLEAR for value in _BYTE}
        return BandSource(vrt.of_table(dataset, path, 1, table), 1)
