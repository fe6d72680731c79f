"""Where the rasters of a series lie, and whether they belong together."""

from __future__ import annotations

from collections.abc import Sequence

from rasterio.crs import CRS
from rasterio.io import DatasetReader

from ...contract.errors import BadInput
from ..raster.geobox import Bounds, GeoBox, is_place


def geobox_of(dataset: DatasetReader, what: str) -> GeoBox:
    """Where a dataset lies; BadInput without a CRS or a georeference."""
    if not dataset.crs or dataset.transform.is_identity or not is_place(dataset.transform):
        raise BadInput(f"{what} has no georeference: assign its CRS and place first.")
    return GeoBox.of(dataset)


def check_one_place(places: Sequence[tuple[str, GeoBox]], where: str) -> None:
    """Raises BadInput where rasters, given by name and geobox, differ in CRS or lie apart from each other."""
    first_name, first = places[0]
    crs = CRS.from_wkt(first.crs_wkt)
    for name, geobox in places[1:]:
        if geobox.crs_wkt != first.crs_wkt and CRS.from_wkt(geobox.crs_wkt) != crs:
            raise BadInput(
                f"{where} has rasters in two CRS ({first_name}, {name}): give one series at a time, or reproject one."
            )
    rest = list(places)[1:]
    united = first.bounds
    while rest:
        touching = [each for each in rest if _touch(united, each[1].bounds)]
        if not touching:
            raise BadInput(
                f"{where} has rasters of two places ({first_name}, {rest[0][0]}): give one series at a time."
            )
        for _, geobox in touching:
            left, bottom, right, top = geobox.bounds
            united = min(united[0], left), min(united[1], bottom), max(united[2], right), max(united[3], top)
        rest = [each for each in rest if each not in touching]


def _touch(first: Bounds, second: Bounds) -> bool:
    return first[0] <= second[2] and second[0] <= first[2] and first[1] <= second[3] and second[1] <= first[3]
