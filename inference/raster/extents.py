"""What of a raster lies under an extent in another CRS."""

from __future__ import annotations

from rasterio._err import CPLE_BaseError  # what PROJ's refusals are raised as; rasterio has no public name for it
from rasterio.errors import CRSError, RasterioError
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds

from ...contract.errors import BadInput
from .geobox import Bounds, GeoBox


def pixel_bounds(raster: GeoBox, crs_wkt: str, extent: Bounds) -> Bounds | None:
    """First column and row, last column and row, in parts of a raster's pixels, of an extent in a CRS.

    None where the extent cannot be transformed to the raster's CRS, which may have no such place. They can be
    infinite, too.
    """
    try:
        left, bottom, right, top = transform_bounds(crs_wkt, raster.crs_wkt, *extent, densify_pts=21)
    except (RasterioError, CRSError, CPLE_BaseError):
        return None
    columns, rows = zip(*(~raster.transform * (x, y) for x in (left, right) for y in (bottom, top)))
    return min(columns), min(rows), max(columns), max(rows)


def check_lies_under(dataset: DatasetReader, what: str, crs_wkt: str, extent: Bounds) -> float:
    """The share, 0..1, of an extent in a CRS that a raster covers, measured on the bounds of both.

    Raises BadInput where the raster cannot be warped to the CRS or has nothing of the extent.
    """
    share = share_under(GeoBox.of(dataset), f"{what} {dataset.name}", crs_wkt, extent)
    if not share > 0:
        raise BadInput(f"{what} {dataset.name} does not cover the extent: choose one of the same place, or none.")
    return share


def share_under(raster: GeoBox, what: str, crs_wkt: str, extent: Bounds) -> float:
    """The same share, 0 where the raster has nothing of the extent; `what` names the raster in the sentence.

    Raises BadInput where the raster cannot be warped to the CRS.
    """
    if not raster.crs_wkt or not crs_wkt:
        raise BadInput(f"{what} cannot be laid under the aerial raster: both need a CRS; assign the missing one first.")
    bounds = pixel_bounds(raster, crs_wkt, extent)
    if bounds is None:
        raise BadInput(f"{what} cannot be transformed to the aerial raster's CRS: check both CRS.")
    left, top, right, bottom = bounds
    share = _share(left, right, raster.width) * _share(top, bottom, raster.height)
    return share if share > 0 else 0.0  # nor where a bound is infinite


def _share(start: float, end: float, length: int) -> float:
    """How much of an interval lies in 0..length."""
    return max(0.0, min(end, length) - max(start, 0.0)) / (end - start)
