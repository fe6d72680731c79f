"""Data cubes of time, y and x: netCDF and Zarr, one variable a band, in one file or in two of 10 m and 20 m."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ...contract.cards import SATELLITE_BANDS
from ...contract.dates import axis_date, date_in, unknown_date
from ...contract.errors import BadInput
from ...contract.going_on import go_on
from ...contract.notices import Warn, notice
from ..raster.geobox import GeoBox
from ..raster.open import open_raster
from . import vrt
from .bands import MASKS, check_complete, role_in, without_role
from .place import check_one_place, geobox_of
from .raster import Digits, digits_made, digits_of
from .series import Acquisition, BandSource

SUFFIXES = (".nc", ".nc4", ".cdf", ".zarr")
WHAT = "The Sentinel-2 cube"
# GDAL looks for x and y by their attributes; this makes it take coordinates that only have the names.
_BY_NAME = {"IGNORE_XY_AXIS_NAME_CHECKS": "YES"}
_TIME = re.compile(r"^(?:NETCDF_)?DIM_(.+?)(?:_VALUE)?$")
_LEVEL = re.compile(r"(?<![a-z0-9])([12])0m(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class _Variable:
    """A variable of a cube: what rasterio opens, the date of each of its bands, where it lies, what it means."""

    path: str
    file: str
    dates: tuple[str, ...]
    geobox: GeoBox
    digits: Digits

    def bands(self, date: str) -> list[int]:
        """The band numbers of a date."""
        return [number for number, each in enumerate(self.dates, start=1) if each == date]


def is_cube(path: str) -> bool:
    """Whether a path is a netCDF file or a Zarr store, by its name or what lies in it."""
    if path.rstrip("/\\").lower().endswith(SUFFIXES):
        return True
    return any(os.path.isfile(os.path.join(path, name)) for name in (".zgroup", ".zmetadata", "zarr.json"))


def read_cube(paths: Sequence[str], where: str, warn: Warn) -> list[Acquisition]:
    """The dates of one cube, ascending.

    paths: its files; others among them, which hold no bands, do not matter. The other half of a cube in two
    files is found by its name (``10m`` and ``20m``). Raises BadInput where bands or dates are missing, or
    where the files are several cubes.
    """
    files = {path: _variables(path) for path in paths}
    files = {path: found for path, found in files.items() if any(role in SATELLITE_BANDS for role in found)}
    if len(files) == 1:
        (path,) = files
        for other in [] if all(band in files[path] for band in SATELLITE_BANDS) else _siblings(path):
            files[other] = _variables(other)
    if len({_key(path) for path in files}) > 1:
        raise BadInput(f"{where} has cubes of several places or products: choose one.")
    variables: dict[str, _Variable] = {}
    for found in files.values():
        for role, variable in found.items():
            if role not in variables or max(variable.geobox.pixel_size) < max(variables[role].geobox.pixel_size):
                variables[role] = variable
    check_complete(variables, f"{WHAT} {where}")
    check_one_place([(each.file, each.geobox) for each in variables.values()], f"{WHAT} {where}")
    meanings = {variables[band].digits for band in SATELLITE_BANDS}
    if len({(each.offset, each.scale) for each in meanings}) > 1:
        raise BadInput(
            f"{WHAT} {where} declares several scales for its bands: convert them all to reflectance x 10000."
        )
    return _acquisitions(variables, where, warn)


def _acquisitions(variables: dict[str, _Variable], where: str, warn: Warn) -> list[Acquisition]:
    first = variables[SATELLITE_BANDS[0]]
    found, incomplete = [], []
    for date in sorted({date for band in SATELLITE_BANDS for date in variables[band].dates}):
        numbers = {role: variable.bands(date) for role, variable in variables.items()}
        digits = digits_made(first.digits, first.file, date, {})
        times = min(len(numbers[band]) for band in SATELLITE_BANDS)
        if any(len(numbers[band]) != times for band in SATELLITE_BANDS):
            incomplete.append(date)
        for index in range(times):
            sources = {
                role: BandSource(variables[role].path, each[index])
                for role, each in numbers.items()
                if len(each) > index
            }
            found.append(
                Acquisition.of_roles(date, os.path.basename(first.file), sources, first.geobox, *astuple(digits))
            )
    if incomplete:
        warn(notice("incomplete_dates", dates=incomplete))
    if not found:
        raise BadInput(f"{WHAT} {where} has no date that all its bands have: choose files that belong together.")
    return found


def _key(path: str) -> str:
    return without_role(os.path.splitext(os.path.basename(path.rstrip("/\\")))[0])


def _siblings(path: str) -> list[str]:
    """The file beside one in whose name 10m and 20m are exchanged, if it is there."""
    folder, name = os.path.split(path.rstrip("/\\"))
    other = os.path.join(folder, _LEVEL.sub(lambda match: f"{'2' if match[1] == '1' else '1'}0m", name))
    return [other] if other != path.rstrip("/\\") and os.path.exists(other) else []


def _variables(path: str) -> dict[str, _Variable]:
    """The variables of a file that are bands or masks, by role."""
    with open_raster(path, WHAT) as dataset:
        names = list(dataset.subdatasets) or [dataset.name]
        single = dataset.tags(1).get("NETCDF_VARNAME", "") if dataset.count and not dataset.subdatasets else ""
    found: dict[str, _Variable] = {}
    for name in names:
        variable = single or name.rsplit(":", 1)[-1].rsplit("/", 1)[-1].strip('"')
        role = role_in(variable)
        if role in SATELLITE_BANDS or role in MASKS:
            read = _variable(name, path, variable, role)
            if read:
                found[role] = read
    return found


def _variable(name: str, path: str, variable: str, role: str) -> _Variable | None:
    """A variable by its subdataset's name; None where it is an axis."""
    what = f"{WHAT} {path}"
    try:
        with rasterio.open(name) as dataset:
            placed = not dataset.transform.is_identity
            if not placed and min(dataset.shape) == 1:
                return None
        if placed or not name.lower().startswith("netcdf:"):
            readable, options = name, {}
        else:
            readable, options = "", _BY_NAME
        with rasterio.open(name, **options) as dataset:
            geobox = geobox_of(dataset, f"{what} ({variable})")
            tags = dataset.tags()
            dates = tuple(_date(dataset, tags, number, path) for number in dataset.indexes)
            digits = Digits(None)
            if role not in MASKS:
                digits = digits_of(dataset, list(dataset.indexes), f"{what} ({variable})")
            readable = readable or vrt.of_dataset(dataset, name, **options)
    except RasterioError as error:
        raise BadInput(f"{what} cannot be read ({' '.join(str(error).split())}): copy or download it again.") from None
    return _Variable(readable, path, dates, geobox, digits)


def _date(dataset: DatasetReader, whole: Mapping[str, str], number: int, path: str) -> str:
    """The date of a band, by its value on the time axis; of a cube of one date also by the file's name.

    whole: the dataset's own tags, which are as many as its dates.
    """
    go_on()
    what = f"the cube {path}"
    tags = dataset.tags(number)
    axes = {}
    for key, value in tags.items():
        match = _TIME.match(key)
        if match and not key.endswith(("_INDEX", "_UNIT")):
            axes[match[1]] = value
    for axis, value in axes.items():
        units = tags.get(f"DIM_{axis}_UNIT") or whole.get(f"{axis}#units", "")
        if " since " in units or len(axes) == 1:
            return axis_date(value, units, whole.get(f"{axis}#calendar", ""), what)
    date = date_in(os.path.basename(path), what) if dataset.count == 1 else None
    if date is None:
        raise unknown_date(what)
    return date
