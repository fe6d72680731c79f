"""Polygons as an analyst would draw them over a sample scene: blobs well inside of what is there, with its class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely
from rasterio.features import shapes

from ...contract.nomenclature import FLAIR_CLASSES

_INSIDE = 0.5  # metres that an outline keeps from the border of what is there
_COARSE = 0.4  # metres that an outline is simplified by
_SMALLEST = 6.0  # square metres
_PLACES = 4  # largest regions of a class that are drawn in


def draw_polygons(truth: Path, count: int, reach: float = 9.0) -> list[tuple[int, shapely.Polygon]]:
    """Class values with their polygons in the raster's CRS, the classes that cover most first.

    truth: labels, a raster of class values. Every class gets a polygon in its largest region before any gets a
    second one. reach: metres from a polygon's middle to its farthest corner at most.
    Raises ValueError where there is no room for so many.
    """
    with rasterio.open(truth) as dataset:
        labels, transform = dataset.read(1), dataset.transform
    regions: dict[int, list[shapely.Polygon]] = {}
    for geometry, value in shapes(labels, mask=labels > 0, transform=transform):
        regions.setdefault(int(value), []).append(shapely.geometry.shape(geometry))
    drawn = {value: _blobs(found, reach) for value, found in regions.items()}
    common = sorted(drawn, key=lambda value: -sum(region.area for region in regions[value]))
    ordered = [(value, drawn[value][turn]) for turn in range(_PLACES) for value in common if turn < len(drawn[value])]
    if len(ordered) < count:
        raise ValueError(f"{truth} has room for {len(ordered)} polygons, not for {count}: ask for fewer.")
    return ordered[:count]


def _blobs(regions: list[shapely.Polygon], reach: float) -> list[shapely.Polygon]:
    blobs = []
    for region in sorted(regions, key=lambda region: -region.area)[:_PLACES]:
        inner = region.buffer(-_INSIDE)
        if inner.is_empty:
            continue
        middle = shapely.maximum_inscribed_circle(inner, tolerance=0.5).coords[0]
        blob = inner.intersection(shapely.Point(middle).buffer(reach)).simplify(_COARSE)
        blob = max(getattr(blob, "geoms", [blob]), key=lambda part: part.area)
        if blob.geom_type == "Polygon" and blob.area >= _SMALLEST:
            blobs.append(blob)
    return blobs


def write_polygons(path: Path, polygons: list[tuple[int, shapely.Polygon]], crs: str, names: bool = False) -> Path:
    """Writes a GeoPackage with the layer "annotations" and the field "class": values, or the classes' English names."""
    classes = [value for value, _ in polygons]
    known = {land.value: land.name for land in FLAIR_CLASSES}
    field = np.array([known[value] for value in classes], object) if names else np.array(classes, np.int32)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb([polygon for _, polygon in polygons]),
        field_data=[field],
        fields=["class"],
        layer="annotations",
        crs=crs,
        geometry_type="Polygon",
        driver="GPKG",
    )
    return path
