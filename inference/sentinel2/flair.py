"""The layout of FLAIR #2: `SEN2_*_data.npy`, `_masks.npy` and `_products.txt`, placed by what lies beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError

from ...contract.cards import SATELLITE_BANDS
from ...contract.dates import date_in, unknown_date
from ...contract.errors import BadInput
from ...contract.notices import Warn
from ..raster.geobox import GeoBox, is_place
from ..raster.intact import one_line
from . import vrt
from .metadata import level_1c
from .series import UNKNOWN, Acquisition, BandSource

_LEVEL_1C = "MSIL1C"  # in names of products
PIXEL = 10.0  # metres; all bands are stored at it
_KINDS = ("_data", "_masks", "_products")
SNOW_BAND, CLOUDS_BAND = 1, 2  # band of the masks, from 1 (IGNF/FLAIR-2, `filter_dates`)
_CENTROIDS = "*centroids*.json"  # flair-2_centroids_sp_to_patch.json of IGN
_LEVELS = 6  # folders above the series in which the centroid file is looked for
# Bytes up to which an array in Fortran's order is taken: a row of one band lies spread over the whole file, which GDAL
# reads for each. To look at one of 80 MB (100 dates) took more than a minute.
_SPREAD = 2**20
_PLACE_APART = 1.5  # pixels by which the places that two tiles give may differ: each is rounded to a pixel


def is_flair(path: str) -> bool:
    """Whether a file is an array of the layout."""
    return path.lower().endswith(".npy")


def read_flair(path: str, warn: Warn) -> list[Acquisition]:
    """The dates of a series, ascending; `path` is its `_data.npy`.

    Raises BadInput where a file is missing or damaged or nothing tells where the series lies.
    """
    stem = Path(path).with_suffix("")
    for kind in _KINDS:
        stem = stem.with_name(re.sub(f"{kind}$", "", stem.name))
    data = read_array(stem.with_name(f"{stem.name}_data.npy"))
    if data.ndim != 4 or data.shape[1] != len(SATELLITE_BANDS) or min(data.shape) < 1:
        raise BadInput(
            f"The Sentinel-2 array {data.filename} has the shape {data.shape}: "
            f"FLAIR's are of (dates, {len(SATELLITE_BANDS)}, rows, columns)."
        )
    names = product_names(stem, len(data))
    if any(_LEVEL_1C in name for name in names):
        raise level_1c(str(data.filename))
    crs_wkt, transform = _place(stem, data.shape[2:])
    masks = read_masks(stem, data)
    found = []
    for index, name in enumerate(names):
        images = _virtual(data, index, crs_wkt, transform, 0.0)
        cover = "" if masks is None else _virtual(masks, index, crs_wkt, transform, None)
        found.append(
            Acquisition(
                date=product_date(name, stem),
                name=name,
                bands=tuple(BandSource(images, band + 1) for band in range(data.shape[1])),
                geobox=GeoBox(transform, crs_wkt, data.shape[2:]),
                nodata=0.0,
                clouds=BandSource(cover, CLOUDS_BAND) if cover else None,
                snow=BandSource(cover, SNOW_BAND) if cover else None,
                # Names of products outlive the arrays made of them, whose values are converted or are not.
                offset_basis=UNKNOWN,
                scale_stated=False,
            )
        )
    return sorted(found, key=lambda each: (each.date, each.name))


def read_array(path: Path) -> np.memmap:
    """A .npy of a series, opened, not read. Raises BadInput where it is missing, no array or in a slow order."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        raise BadInput(f"The Sentinel-2 array {path} does not exist: FLAIR's series have it.") from None
    except Exception as error:  # at a damaged header numpy raises what Python's parser and tokenizer do
        reason = one_line(error)
        raise BadInput(
            f"The Sentinel-2 array {path} cannot be read ({reason:.200}): copy or download it again."
        ) from None
    if not array.flags.c_contiguous and array.nbytes > _SPREAD:
        raise BadInput(
            f"The Sentinel-2 array {path} is stored in Fortran's order, in which each band lies spread over the whole "
            "file: save it in C's, with numpy.save(file, numpy.ascontiguousarray(numpy.load(file)))."
        )
    return array


def read_masks(stem: Path, data: np.memmap) -> np.memmap | None:
    """The masks of a series, opened, not read; None where it has none. Raises BadInput where they do not fit it."""
    path = stem.with_name(f"{stem.name}_masks.npy")
    if not path.exists():
        return None
    masks = read_array(path)
    if masks.shape != (len(data), 2, *data.shape[2:]):
        raise BadInput(
            f"The masks {masks.filename} have the shape {masks.shape}, which does not fit the data's {data.shape}: "
            "give the masks of the same series."
        )
    return masks


def product_date(name: str, stem: Path) -> str:
    """The ISO date of a product of a series. Raises BadInput where its name does not say it."""
    what = f"product {name} in {stem.name}_products.txt"
    date = date_in(name, f"The {what}")
    if date is None:
        raise unknown_date(f"the {what}")
    return date


def _virtual(array: np.memmap, date: int, crs_wkt: str, transform: Affine, nodata: float | None) -> str:
    try:
        return vrt.of_array(array, date, crs_wkt, transform, nodata)
    except KeyError:
        raise BadInput(
            f"The Sentinel-2 array {array.filename} has values of type {array.dtype.name}: "
            "convert it to integers of 16 bits."
        ) from None


def product_names(stem: Path, dates: int) -> list[str]:
    """Names of the products that a series is of, one a date. Raises BadInput where they are unknown or not as many."""
    path = stem.with_name(f"{stem.name}_products.txt")
    try:
        names = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        raise BadInput(
            f"The dates of {stem.name}_data.npy are unknown: put {path.name}, one product name a line, beside it."
        ) from None
    if len(names) != dates:
        raise BadInput(
            f"{path} names {len(names)} products, but the array has {dates} dates: give the file of the same series."
        )
    return names


def _place(stem: Path, shape: tuple[int, int]) -> tuple[str, Affine]:
    """CRS and transform of a series, by the first of the files beside it that says them."""
    for name in (f"{stem.name}_data", stem.name):
        sidecar = stem.with_name(f"{name}.json")
        if sidecar.exists():
            return _of_sidecar(sidecar)
        world = stem.with_name(f"{name}.wld")
        if world.exists():
            return _of_world_file(world)
    for folder in [stem.absolute().parent, *list(stem.absolute().parents)[1 : 1 + _LEVELS]]:
        for file in sorted(folder.glob(_CENTROIDS)):
            found = _of_centroids(file, stem, shape)
            if found:
                return found
    raise BadInput(
        f"{stem.name}_data.npy does not say where it lies: put {stem.name}_data.json beside it, with "
        '{"crs": "EPSG:2154", "transform": [10, 0, xmin, 0, -10, ymax]}, '
        "or flair-2_centroids_sp_to_patch.json and an aerial tile (IMG_*.tif) that it names."
    )


def _of_sidecar(path: Path) -> tuple[str, Affine]:
    """CRS and transform that a JSON file states as ``crs`` and ``transform``, of six numbers as affine has them."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        transform = Affine(*(float(number) for number in values["transform"][:6]))
        if not is_place(transform):
            raise ValueError("its transform is no place")
        return CRS.from_user_input(values["crs"]).to_wkt(), transform
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, CRSError) as error:
        raise BadInput(
            f'The georeference {path} cannot be read ({one_line(error):.200}): it is {{"crs": "EPSG:2154", '
            '"transform": [10, 0, xmin, 0, -10, ymax]}.'
        ) from None


def _of_world_file(path: Path) -> tuple[str, Affine]:
    """CRS and transform of a world file, which places the middle of the upper left pixel, and its ``.prj``."""
    projection = path.with_suffix(".prj")
    try:
        a, d, b, e, c, f = (float(number) for number in path.read_text(encoding="ascii").split()[:6])
        transform = Affine(a, b, c, d, e, f)
        if not is_place(transform):
            raise ValueError("its numbers are no place")
        crs = CRS.from_user_input(projection.read_text(encoding="utf-8").strip())
        return crs.to_wkt(), transform * Affine.translation(-0.5, -0.5)
    except FileNotFoundError:
        raise BadInput(f"The world file {path} has no CRS: put {projection.name}, its CRS as WKT, beside it.") from None
    except (OSError, ValueError, CRSError) as error:
        raise BadInput(
            f"The georeference {path} or its {projection.name} cannot be read ({one_line(error):.200}): correct it."
        ) from None


def _of_centroids(file: Path, stem: Path, shape: tuple[int, int]) -> tuple[str, Affine] | None:
    """CRS and transform that put the upper left corner of each found tile's pixel [row, column] on the tile's middle.

    None where the file names no aerial tile that is there (IGNF/FLAIR-2, `read_superarea_and_crop`).
    """
    try:
        centroids = json.loads(file.read_text(encoding="utf-8"))
        named = {name: (float(place[0]), float(place[1])) for name, place in centroids.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError) as error:
        reason = one_line(error)
        raise BadInput(f"The centroid file {file} cannot be read ({reason:.200}): copy or download it again.") from None
    corners: list[tuple[float, float]] = []
    crs: CRS | None = None
    for tile in _aerial_tiles(stem):
        row, column = named.get(tile.name, named.get(tile.stem, (np.nan, np.nan)))
        if not (0 <= row < shape[0] and 0 <= column < shape[1]):
            continue
        try:
            with rasterio.open(tile) as dataset:
                if not dataset.crs or dataset.transform.is_identity:
                    continue
                crs = crs or dataset.crs
                x, y = dataset.transform * (dataset.width / 2, dataset.height / 2)
        except RasterioError:
            continue
        # The published crop [row - 20 : row + 20] has its middle on that pixel's upper left corner.
        corners.append((x - PIXEL * column, y + PIXEL * row))
    if crs is None:
        return None
    lows, highs = np.min(corners, axis=0), np.max(corners, axis=0)
    if (highs - lows > PIXEL * _PLACE_APART).any():
        raise BadInput(
            f"The centroid file {file} puts {stem.name}_data.npy in two places: give the file of this series."
        )
    x, y = (lows + highs) / 2
    return crs.to_wkt(), Affine(PIXEL, 0.0, float(x), 0.0, -PIXEL, float(y))


def _aerial_tiles(stem: Path) -> list[Path]:
    """Aerial tiles beside a series, in `img` beside its folder, or where IGN's tree has them."""
    folder = stem.absolute().parent
    mirrored = [re.sub(r"(?<![a-z])sen(?![a-z])", "aerial", part) for part in folder.parts]
    if folder.name == "sen":
        mirrored[-1] = "img"
    places = [folder, folder.parent / "img", Path(*mirrored)]
    found = {tile for place in dict.fromkeys(places) if place.is_dir() for tile in place.glob("IMG_*.tif")}
    return sorted(found)
