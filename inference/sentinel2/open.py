"""Finds out in which form a Sentinel-2 series is given, and reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ...contract.errors import BadInput, about
from ...contract.files import why_no_file
from ...contract.image import dated_path
from ...contract.notices import Notice, Warn
from .archive import check_no_other_archive, files_of, is_zip
from .cube import is_cube, read_cube
from .flair import is_flair, read_flair
from .folder import SUFFIXES, read_folder
from .mask_values import with_usable_masks
from .product import holds_product, is_part, is_product, product_around, products_in, read_products
from .raster import read_raster
from .series import Acquisition, Series
from .values import settled

# What QGIS calls a layer that it took out of a cube or a product: the file is what counts.
_LAYER_OF = re.compile(r'^(?:NETCDF|ZARR|HDF5|SENTINEL2_L[12][AC]):"?(.{2,}?)"?(?::[^/\\]*|:/[^:]*)?$', re.IGNORECASE)
_VSIZIP = re.compile(r"^/vsizip/\{?(.+?\.zip)\}?(?:/.*)?$", re.IGNORECASE)


def open_series(paths: Sequence[str], warn: Warn) -> Series:
    """The series that one path (file, folder, product, cube, array) or several rasters or products hold.

    warn: takes what the user should know. Headers and metadata are read, and samples of pixels whose meaning they do
    not say.
    Raises BadInput, which names ``sentinel2``, where there is none or it cannot be used.
    """
    with about("sentinel2"):
        given = list(dict.fromkeys(_file_of(path) for path in ([paths] if isinstance(paths, str) else paths)))
        if not given:
            raise BadInput("No Sentinel-2 series is given: choose a file or a folder.")
        forms: dict[str, list[str]] = {}
        for path in given:
            form, items = _form_of(path)
            forms.setdefault(form, []).extend(items)
        if len(forms) > 1:
            raise BadInput("The Sentinel-2 paths mix rasters, products and cubes: give one form at a time.")
        ((form, items),) = forms.items()
        items = list(dict.fromkeys(items))
        where = given[0] if len(given) == 1 else "The list of Sentinel-2 files"
        warn = _once(warn)
        kind, acquisitions = _read(form, items, given, where, warn)
        if form != "product":  # whose metadata say all
            acquisitions = with_usable_masks(settled(acquisitions, where, warn), warn)
        return Series(kind, tuple(sorted(acquisitions, key=lambda each: each.date)))


def _once(warn: Warn) -> Warn:
    """A `warn` that tells the same only once: a series has many files of one kind."""
    told: list[Notice] = []

    def tell(each: Notice) -> None:
        if each not in told:
            told.append(each)
            warn(each)

    return tell


def _read(form: str, items: list[str], given: list[str], where: str, warn: Warn) -> tuple[str, list[Acquisition]]:
    if form == "product":
        return form, read_products(items, warn)
    if form == "cube":
        return form, read_cube(items, where, warn)
    if form == "flair":
        if len(items) > 1:
            raise BadInput(f"{where} has several series of FLAIR's layout: choose one _data.npy file.")
        return form, read_flair(items[0], warn)
    if items == given and len(given) == 1:
        return "raster", read_raster(items[0], warn)
    return "folder", read_folder(items, where, warn)


def _file_of(path: str) -> str:
    """What a path or the name of a layer in QGIS is about, the date behind it kept.

    A cube of which it is a variable, a product of which it is a part; else itself.
    """
    path = os.fspath(path)
    file = dated_path(path)[0]
    match = _LAYER_OF.match(file)
    if match:
        path = file = match[1]
    match = _VSIZIP.match(file)
    if match:
        return match[1] if os.path.isfile(match[1]) and holds_product(match[1]) else path
    return product_around(file) or path


def _form_of(path: str) -> tuple[str, list[str]]:
    """In which form a path holds a series, and the paths of its parts."""
    given, path = path, dated_path(path)[0]
    remote = "://" in path or path.startswith("/vsi")
    if is_part(path):
        return "product", [path]
    reason = why_no_file(path)
    if reason:
        raise BadInput(f"The Sentinel-2 series {path} {reason}.")
    if not remote and not os.path.exists(path):
        raise BadInput(f"{path} does not exist: choose an existing Sentinel-2 file or folder.")
    if is_product(path):
        return "product", [path]
    if is_zip(path):
        return _form_of_zip(path, given[len(path) :])
    if is_cube(path):
        return "cube", [path]
    if is_flair(path):
        return "flair", [path]
    if not os.path.isdir(path):
        check_no_other_archive(path)
        return "raster", [given]
    try:
        return _form_of_folder(path)
    except OSError as error:
        raise BadInput(f"The folder {path} cannot be read ({error.strerror}): choose another one.") from None


def _form_of_zip(path: str, date: str) -> tuple[str, list[str]]:
    """The form of what a zip file holds. date: what stands behind its path, for the raster that is alone in it."""
    rasters = [] if holds_product(path) else _rasters_in_zip(path)
    if len(rasters) == 1:
        rasters = [f"{rasters[0]}{date}"]
    return ("raster", rasters) if rasters else ("product", [path])


def _rasters_in_zip(path: str) -> list[str]:
    files = files_of(path)
    return [files.source(name) for name in files.names if name.lower().endswith(SUFFIXES)]


def _form_of_folder(folder: str) -> tuple[str, list[str]]:
    products = products_in(folder)
    if products:
        return "product", products
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    inside = [os.path.join(folder, name) for name in names]
    cubes = [path for path in inside if is_cube(path)]
    if cubes:
        return "cube", cubes
    arrays = [path for path in inside if path.lower().endswith("_data.npy")]
    if arrays:
        return "flair", arrays
    rasters = [path for path in inside if path.lower().endswith(SUFFIXES)]
    for path in inside:  # one folder a date, or masks in a folder of their own
        if os.path.isdir(path):
            rasters += [
                os.path.join(path, name)
                for name in sorted(os.listdir(path))
                if name.lower().endswith(SUFFIXES) and not name.startswith(".")
            ]
    if not rasters:
        rasters = [raster for path in inside if is_zip(path) for raster in _rasters_in_zip(path)]
    if not rasters:
        raise BadInput(
            f"The folder {folder} holds no Sentinel-2 data: choose one with rasters of 10 bands, Level-2A products, "
            "a netCDF cube or arrays of FLAIR's layout."
        )
    return "raster", rasters
