"""Level-2A products as they are downloaded: `.SAFE` folders, Theia's, and zip files that hold one or several.

The band files are opened themselves: GDAL's driver for products wants their metadata whole and under the
original names, also in zip files, which analysts pack anew.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace

from ...contract.cards import SATELLITE_BANDS
from ...contract.dates import date_in, unknown_date
from ...contract.errors import BadInput
from ...contract.notices import Warn, notice
from ..raster.geobox import GeoBox
from ..raster.open import open_raster
from .archive import Files, files_of, is_zip
from .bands import CLASSES, CLOUDS, SNOW, check_complete
from .metadata import METADATA, level_1c, offset_in, scale_in, start_in
from .series import Acquisition, BandSource
from .theia import is_theia, product_of, read_theia

_NAMED_LEVEL = re.compile(r"MSIL?_?(L1C|L2A|1C|2A)_")
_IMAGES = {
    **{
        re.compile(rf"_B{name[1:].zfill(2)}_(10|20|60)m\.(?:jp2|tiff?)$", re.IGNORECASE): name
        for name in SATELLITE_BANDS
    },
    re.compile(r"_SCL_(20|60)m\.(?:jp2|tiff?)$", re.IGNORECASE): CLASSES,
    re.compile(r"_CLD(?:PRB)?_(20|60)m\.(?:jp2|tiff?)$", re.IGNORECASE): CLOUDS,
    re.compile(r"_SNW(?:PRB)?_(20|60)m\.(?:jp2|tiff?)$", re.IGNORECASE): SNOW,
}
# Versions of one image: the same sensing time, orbit and tile. Products that differ in their last field alone are parts
# of one image, cut where the satellite's recordings are.
_VERSIONED = (
    re.compile(r"^(?P<image>S2[A-D]_MSIL2A_\d{8}T\d{6})_N(?P<version>\d{4})_(?P<tile>R\d{3}_T\w{5})_"),
    re.compile(
        r"^(?P<image>SENTINEL2[A-DX]_\d{8}-\d{6}-\d{3}_L[23]A)_(?P<tile>T?\d\d[A-Z]{3})_[A-Z]_V(?P<version>\d+-\d+)$"
    ),
)
_NODATA = 0.0  # SPECIAL_VALUE_TEXT NODATA of all products
_LEVELS = 5  # of folders from a band to its product: GRANULE/L2A_.../IMG_DATA/R10m/T31..._B02_10m.jp2
_DEPTH = 3  # folders below the one given in which products are looked for


def is_product(path: str) -> bool:
    """Whether a folder is a product, by its name or the files in it."""
    if not os.path.isdir(path):
        return False
    if path.rstrip("/\\").upper().endswith(".SAFE"):
        return True
    names = os.listdir(path)
    if is_theia(name for name in names if name.lower().endswith((".tif", ".xml"))):
        return True
    # metadata beside rasters of other names, such as clips of bands, do not make these the product's
    rasters = [name for name in names if name.lower().endswith((".jp2", ".tif", ".tiff"))]
    described = any(METADATA.search(name) for name in names)
    return described and (
        "GRANULE" in names or not rasters or any(role in SATELLITE_BANDS for role in _finest(rasters))
    )


def product_around(path: str) -> str:
    """The product of which a file or folder on disk is a part, as `read_products` takes it, "" where it is of none.

    Its metadata file, a band or mask of it, or a folder in it: the product knows what they alone do not say.
    """
    path = path.rstrip("/\\")
    if not os.path.exists(path):
        return ""
    name, folder = os.path.basename(path), os.path.dirname(path) or "."
    if os.path.isfile(path) and METADATA.search(name) and is_product(folder):
        return folder
    if os.path.isfile(path) and product_of(name):
        whole = os.path.dirname(folder) or "." if os.path.basename(folder) in ("MASKS", "DATA") else folder
        product, names = product_of(name), os.listdir(whole)
        if not is_theia(each for each in names if product_of(each) == product):
            return ""
        alone = {product_of(each) for each in names} - {""} == {product}
        return whole if alone else os.path.join(whole, product)
    inside = [name]
    while len(inside) <= _LEVELS and folder != os.path.dirname(folder):
        if "GRANULE" in inside and _metadata_of(os.listdir(folder)):
            return folder
        inside.append(os.path.basename(folder))
        folder = os.path.dirname(folder) or "."
        if inside[-1] in ("", "."):
            break
    return ""


def holds_product(path: str) -> bool:
    """Whether a zip file holds products, by its name or the files in it. Raises BadInput where it cannot be read."""
    names = files_of(path).names
    return bool(_NAMED_LEVEL.search(os.path.basename(path))) or is_theia(names) or bool(_metadata_of(names))


def products_in(folder: str) -> list[str]:
    """The products in a folder and the folders in it: folders and zip files, sorted. Zip files of other things are not.

    Raises BadInput where a zip file cannot be read.
    """
    found: list[str] = []
    base = folder.rstrip("/\\").count(os.sep)
    for current, folders, files in os.walk(folder):
        inner = [os.path.join(current, name) for name in folders if is_product(os.path.join(current, name))]
        found += inner
        zips = [os.path.join(current, name) for name in files if is_zip(name)]
        found += [path for path in zips if holds_product(path)]
        deep = current.count(os.sep) - base >= _DEPTH
        folders[:] = [] if deep else [name for name in folders if os.path.join(current, name) not in inner]
    return sorted(found)


def read_products(paths: Sequence[str], warn: Warn) -> list[Acquisition]:
    """The dates of products, ascending; an acquisition for each granule.

    A product that is there both as a folder and as a zip file is taken once, and of several versions of one the
    latest, which is told. Raises BadInput where one is of another level, incomplete or unreadable.
    """
    found: dict[tuple[str, str], Acquisition] = {}
    for path in sorted(paths, key=lambda each: os.path.isfile(each)):  # folders first: reading them is quicker
        for granule, acquisition in _granules(path):
            found.setdefault((acquisition.name, granule), acquisition)
    latest: dict[str, tuple[str, ...]] = {}
    for name, _ in found:
        image, version = _version(name)
        latest[image] = max(latest.get(image, version), version)
    older = sorted({name for name, _ in found if _version(name)[1] < latest[_version(name)[0]]})
    if older:
        warn(notice("older_products", names=older))
    kept = [acquisition for (name, _), acquisition in found.items() if name not in older]
    return sorted(kept, key=lambda each: (each.date, each.name))


def _version(name: str) -> tuple[str, tuple[str, ...]]:
    """Which image a product is of, and its version: the processing baseline, or Theia's number."""
    for pattern in _VERSIONED:
        match = pattern.match(name)
        if match:
            image, version = match["image"], match["version"]
            return f"{image} {match['tile']}", tuple(part.zfill(4) for part in version.split("-"))
    return name, ()


def _granules(path: str) -> list[tuple[str, Acquisition]]:
    files = _files(path)
    found = [("", acquisition) for acquisition in read_theia(files)]
    tops = {posixpath.dirname(name): name for name in reversed(_metadata_of(files.names))}
    if not tops and not found:
        raise _no_product(path, files)
    for top, name in sorted(tops.items()):
        product = posixpath.basename(top) or os.path.basename(path.rstrip("/\\"))
        where = path if len(tops) == 1 else f"{path}/{top}"
        level = METADATA.search(posixpath.basename(name))
        if level and level[1] == "L1C":
            raise level_1c(where)
        within = [each for each in files.names if each.startswith(f"{top}/" if top else "")]
        found += _read_product(files, within, files.text(name), re.sub(r"(?i)(\.safe|\.zip)+$", "", product), where)
    return found


def _files(path: str) -> Files:
    """The files of a product; `path` may be a folder that holds other products of Theia, with this one's name."""
    if not is_part(path):
        return files_of(path)
    product, whole = product_of(path), files_of(os.path.dirname(path) or ".")
    return replace(whole, names=tuple(name for name in whole.names if product_of(name) == product))


def is_part(path: str) -> bool:
    """Whether a path is the name of a Theia product behind the folder in which its files lie among others."""
    folder = os.path.dirname(path) or "."
    if not product_of(path) or os.path.exists(path) or not os.path.isdir(folder):
        return False
    return any(product_of(name) == product_of(path) for name in os.listdir(folder))


def _metadata_of(names: Sequence[str]) -> list[str]:
    """The metadata files of products among files: not those of granules, nor what Theia keeps of the Level-1C ones."""
    theia = is_theia(names)
    return [
        name
        for name in sorted(names)
        if METADATA.search(posixpath.basename(name))
        and "GRANULE" not in name.split("/")
        and not (theia and "DATA" in name.split("/"))
    ]


def _no_product(path: str, files: Files) -> BadInput:
    """Why a folder or a zip file that should hold a product holds none."""
    level = _NAMED_LEVEL.search(os.path.basename(path.rstrip("/\\")))
    if level and "1C" in level[1]:
        return level_1c(path)
    if level or is_product(path):
        return BadInput(
            f"The Sentinel-2 product {path} has no metadata file MTD_MSIL2A.xml: copy or download it again, whole."
        )
    inner = [name for name in files.names if is_zip(name)]
    if inner:
        return BadInput(
            f"{path} holds zip files ({posixpath.basename(inner[0])}) and no Sentinel-2 product itself: unpack it once "
            "and choose the folder of what was in it."
        )
    if any(name.lower().endswith((".nc", ".nc4", ".npy")) or ".zarr/" in name.lower() for name in files.names):
        return BadInput(f"{path} holds a data cube or arrays, which can only be read unpacked: unpack it first.")
    return BadInput(
        f"{path} holds no Sentinel-2 product: choose the zip file of a Level-2A product, or of rasters of the 10 bands."
    )


def _read_product(
    files: Files, names: list[str], metadata: str, product: str, where: str
) -> list[tuple[str, Acquisition]]:
    what = f"The Sentinel-2 product {where}"
    date = start_in(metadata, what) or date_in(product, what)
    if date is None:
        raise unknown_date(f"the Sentinel-2 product {where}")
    by_granule: dict[str, list[str]] = {}
    for name in names:
        parts = name.split("/")
        granule = parts[parts.index("GRANULE") + 1] if "GRANULE" in parts[:-2] else ""
        by_granule.setdefault(granule, []).append(name)
    found = []
    for granule, members in sorted(by_granule.items()):
        roles = _finest(members)
        if not any(role in SATELLITE_BANDS for role in roles):
            continue
        check_complete(roles, what)
        sources = {role: BandSource(files.source(name), 1) for role, name in roles.items()}
        with open_raster(sources[SATELLITE_BANDS[0]].path, "The Sentinel-2 band") as dataset:
            geobox = GeoBox.of(dataset)
        digits = _NODATA, offset_in(metadata, what), scale_in(metadata, what)
        found.append((granule, Acquisition.of_roles(date, product, sources, geobox, *digits)))
    if not found:
        check_complete((), what)
    return found


def _finest(names: list[str]) -> dict[str, str]:
    """The file of the smallest pixels for each band and mask."""
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        for pattern, role in _IMAGES.items():
            match = pattern.search(name)
            if match:
                found[role] = min(found.get(role, (1000, "")), (int(match[1]), name))
    return {role: name for role, (_, name) in found.items()}
