"""How many metres on the ground a CRS unit is, at the place of a raster.

A projection keeps angles, areas or some lengths, never all lengths: Web Mercator stretches them by 1.4 at 45 degrees of
latitude, and the plate carrée (EPSG:4087) those along parallels alone. What is said of a pixel in metres goes by what
PROJ gives for the raster's centre, so that it is the same for every extent of the raster.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from rasterio._err import CPLE_BaseError  # what PROJ's refusals are raised as; rasterio has no public name for it
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform

from ...contract.notices import Warn, notice
from .geobox import GeoBox

# A CRS made for its region keeps lengths better than that: Lambert-93 to 0.3 % in France, UTM to 0.1 % in its zone
# (EPSG Guidance Note 7-2), the national ones of Europe to 0.1 %. Below it the CRS's own unit counts, as maps and
# surveys take it, and 0.2 m stay the very pixels of the raster.
_TRUE_TO_SCALE = 0.01
_VARIES = 0.02  # the share by which areas at a corner may differ from those at the centre before it is said
_STEP_M = 100.0  # over which lengths are measured: short against the Earth, long against rounding
_WGS84 = CRS.from_epsg(4326)
_AXIS, _FLATTENING = 6378137.0, 1 / 298.257223563  # of the ellipsoid of WGS 84, metres
_NAME = re.compile(r'^\s*\w+\s*\[\s*"((?:[^"]|"")*)"')
_UNIT = re.compile(r'\b(?:LENGTH)?UNIT\s*\[\s*"(?:[^"]|"")*"\s*,\s*([0-9.eE+-]+)')


@dataclass(frozen=True)
class Scale:
    """Metres on the ground to one CRS unit along x and along y, and square metres to a square unit."""

    x: float
    y: float
    area: float


def unit_metres(crs: CRS) -> float:
    """Metres to one unit of a CRS, as it says itself; 1 where it does not.

    Also of a local CRS, which rasterio gives no unit of: it stands in the text.
    """
    try:
        return float(crs.linear_units_factor[1])
    except CRSError:
        found = _UNIT.search(crs.to_wkt())
        try:
            factor = float(found[1]) if found else 1.0
        except ValueError:  # such as 1.2.3
            return 1.0
        return factor if 0 < factor < math.inf else 1.0


def is_on_earth(crs: CRS | None) -> bool:
    """Whether others can be transformed to it; not so local CRS, as some real FLAIR files have."""
    return crs is not None and (crs.is_projected or crs.is_geographic)


def name_of(crs: CRS) -> str:
    """A CRS as messages name it: its code, or the name that it has itself."""
    code = crs.to_authority()
    if code is not None:
        return ":".join(code)
    found = _NAME.search(crs.to_wkt())
    return found[1] if found else str(crs)


def scale_at(crs: CRS, x: float, y: float, unit: float) -> Scale | None:
    """The scale of a projected CRS at a place of it; None where that is nowhere on Earth.

    unit: metres to one unit of the CRS, as it says itself.
    """
    step = _STEP_M / unit / 2
    xs, ys = [x, x - step, x + step, x, x], [y, y, y, y - step, y + step]
    try:
        longitudes, latitudes = transform(crs, _WGS84, xs, ys)
    except (RasterioError, CRSError, CPLE_BaseError):
        return None
    if not all(map(math.isfinite, (*longitudes, *latitudes))) or abs(latitudes[0]) >= 90:
        return None
    squared = (2 - _FLATTENING) * _FLATTENING  # of the eccentricity
    curving = 1 - squared * math.sin(math.radians(latitudes[0])) ** 2
    parallel = _AXIS / math.sqrt(curving) * math.cos(math.radians(latitudes[0]))  # radius of the circle of latitude
    meridian = _AXIS * (1 - squared) / curving**1.5  # radius of curvature along it
    # metres to the east and to the north, of a step of 1 unit along x and along y
    (xe, xn), (ye, yn) = (
        (
            math.radians((longitudes[b] - longitudes[a] + 180) % 360 - 180) * parallel / (2 * step),
            math.radians(latitudes[b] - latitudes[a]) * meridian / (2 * step),
        )
        for a, b in ((1, 2), (3, 4))
    )
    scale = Scale(math.hypot(xe, xn), math.hypot(ye, yn), abs(xe * yn - xn * ye))
    return scale if scale.area > 0 else None


def on_the_ground(geobox: GeoBox, crs: CRS, warn: Warn) -> GeoBox:
    """The geobox with the metres that its CRS's units are on the ground.

    `warn` takes a notice where these are not the CRS's own, or differ within the raster.
    """
    unit = unit_metres(crs)
    plain = replace(geobox, metres=unit)
    if not crs.is_projected:
        return plain
    scale = _at(plain, crs, 0.5, 0.5)
    if scale is None or all(abs(length / unit - 1) < _TRUE_TO_SCALE for length in (scale.x, scale.y)):
        return plain
    same = abs(scale.x / scale.y - 1) < _TRUE_TO_SCALE  # also of Web Mercator, 0.3 % off at 45 degrees
    placed = replace(geobox, metres=math.sqrt(scale.area), metres_xy=None if same else (scale.x, scale.y))
    across, down = placed.pixel_size_m
    size = plain.pixel_size_m[0]
    warn(notice("projection_stretches", crs=name_of(crs), size=size, across=across, down=down))
    corners = [_at(plain, crs, *corner) for corner in ((0, 0), (1, 0), (0, 1), (1, 1))]
    worst = max((abs(corner.area / scale.area - 1) for corner in corners if corner is not None), default=0.0)
    if worst > _VARIES:
        warn(notice("scale_varies", crs=name_of(crs), percent=round(100 * worst)))
    return placed


def _at(geobox: GeoBox, crs: CRS, column: float, row: float) -> Scale | None:
    """The scale at shares of the raster's width and height."""
    return scale_at(crs, *(geobox.transform * (column * geobox.width, row * geobox.height)), geobox.metres)
