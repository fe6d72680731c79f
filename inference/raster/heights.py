"""What rasters of heights hold: how their numbers become metres, and which of them stand for nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetReader

from ...contract.errors import BadInput, about
from ...contract.image import ImageSettings
from ...contract.notices import Notice, Warn, notice, warn_about
from .extents import as_it_lies, pixel_bounds, pixels_of
from .gather import stamps
from .geobox import GeoBox
from .ground import unit_metres
from .height_values import Heights, judge_difference, judge_heights, percent_of
from .open import looking_at, open_raster
from .read import warped_reader
from .windows import Window, spread_windows

_METRES = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("dm", "decimetre", "decimeter"), 0.1),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), 0.01),
    **dict.fromkeys(("mm", "millimetre", "millimetres", "millimeter", "millimeters"), 0.001),
    **dict.fromkeys(("ft", "foot", "feet", "international foot", "international feet"), 0.3048),
    **dict.fromkeys(("us survey foot", "us survey feet", "foot_us", "us-ft", "ftus", "us_ft"), 1200 / 3937),
}


_SIDE = 6  # windows a side of the sample
_SIZE = 60  # pixels a side of such a window: 12 m at 0.2 m
_NO_GROUND = 9000.0  # metres: nothing on Earth is as high or as deep on land
_FAR_ABOVE_ZERO = 20.0  # metres above it at which all other heights of a terrain lie where 0 stands for nodata
_ONE_FILL = 0.9  # share of the impossible values that are one and the same where it stands for nodata
_FEW = 0.01  # share of the values that may be impossible and yet be no fill


@dataclass(frozen=True)
class HeightSource:
    """A raster of heights and how its numbers become metres: ``number * scale + offset``.

    nodata: the number that stands for none, declared or found; None where there is none.
    """

    path: str
    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0

    def reader(self, geobox: GeoBox) -> HeightReader:
        """Reads its metres in a geobox."""
        return HeightReader(self, geobox)


class HeightReader:
    """Windows of heights in metres."""

    def __init__(self, source: HeightSource, geobox: GeoBox) -> None:
        self._source = source
        self._reader = warped_reader(source.path, geobox, source.nodata)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Heights (rows, columns) float32, and where they are known, (rows, columns) bool."""
        pixels, valid = self._reader.read(window, [1])
        metres = pixels[0].astype(np.float32)  # integers without sign have no difference below zero
        scale, offset = self._source.scale, self._source.offset
        if (scale, offset) != (1.0, 0.0):
            metres = metres * np.float32(scale) + np.float32(offset)
        with np.errstate(invalid="ignore"):
            return metres, valid & (np.abs(metres) < _NO_GROUND)  # NaN stands for nodata, declared or not

    def close(self) -> None:
        """Closes the raster."""
        self._reader.close()


@dataclass(frozen=True)
class HeightSources:
    """The heights of a job. terrain: what is subtracted, or None. known: share of the sample that has heights,
    which is of the place that all of them cover by their bounds."""

    surface: HeightSource
    terrain: HeightSource | None
    known: float


def height_sources(image: ImageSettings, geobox: GeoBox, inside: Window, warn: Warn) -> HeightSources:
    """Looks at the heights of a job where it maps. `warn` takes what the user should know.

    inside: of the geobox. Heights that have not changed on the disk are not looked at again at the same place.
    Raises BadInput, which names ``elevation`` or ``terrain``, where they cannot be heights.
    """
    paths = [path for path in (image.elevation, image.terrain) if path is not None]
    sources, found = _looked_at(tuple(paths), geobox, inside, stamps(paths))
    for told in found:
        warn(told)
    return sources


@lru_cache(maxsize=8)
def _looked_at(
    paths: tuple[str, ...], geobox: GeoBox, inside: Window, changed: tuple[tuple[int, int], ...]
) -> tuple[HeightSources, tuple[Notice, ...]]:
    found: list[Notice] = []
    settings = (("elevation", "The elevation raster"), ("terrain", "The terrain model"))
    sources, sampled = [], []
    place = _common_place(paths, geobox, inside)
    for path, (setting, what) in zip(paths, settings):
        with about(setting):
            source, metres, pixel = _sampled(
                path, what, geobox, place, len(paths) > 1, warn_about(setting, found.append)
            )
        sources.append(source)
        sampled.append(metres)
    least = min(side * size for side, size in zip((place.width, place.height), geobox.pixel_size_m))
    surface, terrain = sources[0], sources[1] if len(sources) > 1 else None
    metres = sampled[0] if terrain is None else sampled[0] - sampled[1]
    known = float(np.isfinite(metres).mean())
    heights = Heights(metres, max(geobox.pixel_size_m), least)
    with about("elevation" if terrain is None else "terrain"):
        if not known:
            raise BadInput(
                "The elevation raster and the terrain model have no place of the extent in common where both have "
                "data: choose others, or none."
            )
    warn = warn_about("elevation", found.append)
    if terrain is None:
        judge_heights(heights, surface.path, pixel, warn)
    else:
        judge_difference(heights, warn)
    return HeightSources(surface, terrain, known), tuple(found)


def _common_place(paths: tuple[str, ...], geobox: GeoBox, inside: Window) -> Window:
    """What of a window all rasters cover, by their bounds; the window itself where they have nothing in common."""
    place = inside
    for path in paths:
        with rasterio.open(path) as dataset:
            raster = GeoBox.of(dataset)
        lies = as_it_lies(raster.crs_wkt, geobox.crs_wkt)
        bounds = pixels_of(geobox, raster.bounds) if lies else pixel_bounds(geobox, raster.crs_wkt, raster.bounds)
        if bounds is None or not all(map(math.isfinite, bounds)):
            continue
        left, top, right, bottom = bounds
        covered = Window.between(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
        shared = place.intersection(covered)
        if shared is None:
            return inside
        place = shared
    return place


def _sampled(
    path: str, what: str, geobox: GeoBox, place: Window, above_sea: bool, warn: Warn
) -> tuple[HeightSource, np.ndarray, float]:
    """How a raster is to be read, a sample of its metres (windows, rows, columns), NaN where unknown, its pixels' size.

    above_sea: whether it holds heights above sea level. Raises BadInput where it is a picture or has no height there.
    """
    with looking_at(f"{what} {path}"), open_raster(path, what) as dataset:
        _refuse_pictures(dataset, path, what)
        scale, offset = _to_metres(dataset, what, warn)
        declared = dataset.nodata
        pixel = max(GeoBox.of(dataset).pixel_size) if dataset.crs and dataset.crs.is_projected else 0.0
    source = HeightSource(path, declared, scale, offset)
    numbers = _numbers(source, geobox, place)
    metres = numbers * scale + offset
    unknown = _stands_for_nothing(metres, above_sea and declared is None)
    if unknown.any():
        fill = _most_frequent(numbers[unknown], int(np.isfinite(metres).sum()), f"{what} {path}", scale, offset)
        warn(notice("undeclared_fill", what=what, value=fill, percent=percent_of(float(unknown.mean()))))
        metres[unknown] = np.nan
        if declared is None:
            source = replace(source, nodata=fill)
    if not np.isfinite(metres).any():
        raise BadInput(f"{what} {path} has no heights where the map is to be: choose one of the same place, or none.")
    return source, metres, pixel


def _stands_for_nothing(metres: np.ndarray, zero_may: bool) -> np.ndarray:
    """Where a value is no height: higher than any place on Earth, or, if it may be, 0 far below all others."""
    with np.errstate(invalid="ignore"):
        impossible = np.abs(metres) >= _NO_GROUND
    if zero_may and not impossible.any():
        zero = metres == 0
        others = metres[np.isfinite(metres) & ~zero]
        if others.size and others.min() > _FAR_ABOVE_ZERO:
            return zero
    return impossible


def _most_frequent(fills: np.ndarray, count: int, what: str, scale: float, offset: float) -> float:
    """The number that nearly all of those that are no heights are.

    count: of all numbers. Raises BadInput where they are many and of many kinds, as heights in another unit.
    """
    values, counts = np.unique(fills, return_counts=True)
    if counts.max() < _ONE_FILL * fills.size and fills.size > _FEW * count:
        low, high = float(values[0] * scale + offset), float(values[-1] * scale + offset)
        raise BadInput(
            f"{what} has values from {low:g} to {high:g}, which are no metres: give heights in metres, or write their "
            "unit into the raster."
        )
    return float(values[counts.argmax()])


def _numbers(source: HeightSource, geobox: GeoBox, place: Window) -> np.ndarray:
    """A raster's own numbers in windows spread over a place, (windows, rows, columns) float64, NaN where unknown."""
    reader = warped_reader(source.path, geobox, source.nodata, Resampling.nearest)
    parts = []
    for window in _spread(place):
        pixels, valid = reader.read(window, [1])
        numbers = pixels[0].astype(np.float64)
        parts.append(np.where(valid & np.isfinite(numbers), numbers, np.nan))
    reader.close()
    return np.stack(parts)


def _spread(place: Window) -> Iterator[Window]:
    for window in spread_windows(place.width, place.height, _SIDE, _SIZE):
        yield window._replace(column=window.column + place.column, row=window.row + place.row)


def _refuse_pictures(dataset: DatasetReader, path: str, what: str) -> None:
    """Raises BadInput where a raster of heights is a rendering of them, or of anything else."""
    kinds = set(dataset.colorinterp)
    if dataset.dtypes[0].startswith("complex"):
        raise BadInput(f"{what} {path} has complex values, which are no heights: give heights in metres.")
    coloured = ColorInterp.red in kinds and dataset.dtypes[0] in ("uint8", "uint16")
    if coloured or ColorInterp.palette in kinds or (dataset.count > 2 and set(dataset.dtypes) == {"uint8"}):
        raise BadInput(
            f"{what} {path} is a coloured picture, not heights: give the raster with the heights themselves in metres, "
            "not its rendering."
        )


def _to_metres(dataset: DatasetReader, what: str, warn: Warn) -> tuple[float, float]:
    """What a raster's numbers are multiplied with, and what is added then, to become metres."""
    bands = [kind for kind in dataset.colorinterp if kind != ColorInterp.alpha]
    if len(bands) > 1:
        warn(notice("first_band_as_heights", what=what, bands=len(bands)))
    scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
    unit = (dataset.units[0] or "").strip()
    factor = _METRES.get(unit.lower())
    if factor is None and not unit and _counts_in_feet(dataset):
        warn(notice("heights_may_be_feet", what=what))
    if (factor or 1.0) != 1.0:
        warn(notice("heights_in_unit", what=what, unit=unit))
    return scale * (factor or 1.0), offset * (factor or 1.0)


def _counts_in_feet(dataset: DatasetReader) -> bool:
    if not dataset.crs or dataset.crs.is_geographic:
        return False
    return 0.3 < unit_metres(dataset.crs) < 0.31
