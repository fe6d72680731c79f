"""What of a raster lies under an extent in another CRS."""

from __future__ import annotations

from rasterio._err import CPLE_BaseError  # what PROJ's refusals are raised as; rasterio has no public name for it
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds

from ...contract.errors import BadInput
from ...contract.notices import Warn, notice
from .geobox import Bounds, GeoBox
from .ground import is_on_earth, name_of


def pixel_bounds(raster: GeoBox, crs_wkt: str, extent: Bounds) -> Bounds | None:
    """First column and row, last column and row, in parts of a raster's pixels, of an extent in a CRS.

    None where the extent cannot be transformed to the raster's CRS, which may have no such place. They can be
    infinite, too.
    """
    try:
        left, bottom, right, top = transform_bounds(crs_wkt, raster.crs_wkt, *extent, densify_pts=21)
    except (RasterioError, CRSError, CPLE_BaseError):
        return None
    return pixels_of(raster, (left, bottom, right, top))


def pixels_of(raster: GeoBox, bounds: Bounds) -> Bounds:
    """First column and row, last column and row, in parts of a raster's pixels, of bounds in its CRS."""
    left, bottom, right, top = bounds
    columns, rows = zip(*(~raster.transform * (x, y) for x in (left, right) for y in (bottom, top)))
    return min(columns), min(rows), max(columns), max(rows)


def check_lies_under(dataset: DatasetReader, what: str, crs_wkt: str, extent: Bounds, warn: Warn) -> float:
    """The share, 0..1, of an extent in the image's CRS that a raster covers, measured on the bounds of both.

    `warn` takes a notice where the raster's coordinates are taken as the image's, see `as_it_lies`.
    Raises BadInput where the raster cannot be warped to the CRS or has nothing of the extent.
    """
    raster = GeoBox.of(dataset)
    if not as_it_lies(raster.crs_wkt, crs_wkt):
        share = share_under(raster, f"{what} {dataset.name}", crs_wkt, extent)
        if not share > 0:
            raise BadInput(f"{what} {dataset.name} does not cover the extent: choose one of the same place, or none.")
        return share
    share = _share_of(raster, pixels_of(raster, extent))
    if not share > 0:
        raise BadInput(_elsewhere(raster, f"{what} {dataset.name}", crs_wkt, extent))
    warn_as_it_lies(dataset, dataset.name, crs_wkt, warn)
    return share


def warn_as_it_lies(dataset: DatasetReader, path: str, crs_wkt: str, warn: Warn) -> None:
    """Gives `warn` a notice where a raster's coordinates are taken as the image's though nothing says that they are."""
    if not dataset.crs:
        if crs_wkt:
            warn(notice("beside_without_crs", path=path))
    elif not crs_wkt:
        warn(notice("beside_as_it_is", path=path, crs=name_of(dataset.crs)))
    elif as_it_lies(dataset.crs.to_wkt(), crs_wkt) and dataset.crs != CRS.from_wkt(crs_wkt):
        warn(notice("beside_local", path=path))


def as_it_lies(own_wkt: str, crs_wkt: str) -> bool:
    """Whether a raster's coordinates are taken as the image's, in the CRS `crs_wkt`.

    So they are where one of both has no CRS, or a local one, whose place on Earth nobody knows, and where both have
    the same.
    """
    if not own_wkt or not crs_wkt:
        return True
    own, image = CRS.from_user_input(own_wkt), CRS.from_user_input(crs_wkt)
    return own == image or not (is_on_earth(own) and is_on_earth(image))


def share_under(raster: GeoBox, what: str, crs_wkt: str, extent: Bounds) -> float:
    """The same share, 0 where the raster has nothing of the extent; `what` names the raster in the sentence.

    Raises BadInput where the raster cannot be warped to the CRS.
    """
    if not raster.crs_wkt or not crs_wkt:
        raise BadInput(f"{what} cannot be laid under the aerial raster: both need a CRS; assign the missing one first.")
    bounds = pixel_bounds(raster, crs_wkt, extent)
    if bounds is None:
        raise BadInput(f"{what} cannot be transformed to the aerial raster's CRS: check both CRS.")
    return _share_of(raster, bounds)


def _elsewhere(raster: GeoBox, what: str, crs_wkt: str, extent: Bounds) -> str:
    if raster.crs_wkt and crs_wkt and CRS.from_wkt(raster.crs_wkt) == CRS.from_wkt(crs_wkt):
        return f"{what} does not cover the extent: choose one of the same place, or none."
    if raster.crs_wkt and crs_wkt:
        return f"{what} cannot be transformed to the aerial raster's CRS: check both CRS."
    without, do = (f"{what} has no CRS", "assign its CRS") if crs_wkt else ("The aerial raster has no CRS", "give it")
    return (
        f"{without}, and the coordinates of both do not fall on each other ({_numbers(raster.bounds)}, the extent "
        f"{_numbers(extent)}): {do} first, or choose a raster of the same place."
    )


def _numbers(bounds: Bounds) -> str:
    return " ".join(f"{value:.10g}" for value in bounds)


def _share_of(raster: GeoBox, bounds: Bounds) -> float:
    left, top, right, bottom = bounds
    share = _share(left, right, raster.width) * _share(top, bottom, raster.height)
    return share if share > 0 else 0.0  # nor where a bound is infinite


def _share(start: float, end: float, length: int) -> float:
    """How much of an interval lies in 0..length."""
    return max(0.0, min(end, length) - max(start, 0.0)) / (end - start)
