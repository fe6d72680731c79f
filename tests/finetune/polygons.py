"""Real vector files for the tests of fine-tuning."""

from __future__ import annotations

import struct
import subprocess  # nosec B404 - starts this very interpreter
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from affine import Affine
from rasterio.crs import CRS

from flair_landcover.finetune.annotations import Annotation
from flair_landcover.inference.raster.geobox import GeoBox

LAMBERT_93 = "EPSG:2154"
LEFT, TOP = 652000.0, 6862000.0

_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def made_grid(metres: float = 200.0, crs: str = LAMBERT_93) -> GeoBox:
    """A grid of 0.2 m over a square raster of that many metres."""
    pixels = round(metres / 0.2)
    wkt = CRS.from_user_input(crs).to_wkt() if crs else ""
    return GeoBox(Affine(0.2, 0, LEFT, 0, -0.2, TOP), wkt, (pixels, pixels))


def square(x: float, y: float, size: float = 10.0) -> shapely.Polygon:
    """A square whose upper left corner is x metres right of the raster's and y metres below it."""
    return shapely.box(LEFT + x, TOP - y - size, LEFT + x + size, TOP - y)


def annotation(number: int, value: int, x: float, y: float, size: float = 10.0) -> Annotation:
    """A square of a class."""
    return Annotation(number, value, square(x, y, size))


def write_polygons(
    path: Path,
    geometries: list,
    values: list,
    field: str = "class",
    crs: str | None = LAMBERT_93,
    layer: str = "annotations",
    kind: str = "Unknown",
    append: bool = False,
    beside: dict[str, list[str]] | None = None,
) -> str:
    """Writes geometries (of shapely, as WKB, or None) with a value each; returns the path as text.

    beside: other fields and their texts.
    """
    beside = beside or {}
    wkb = [g if g is None or isinstance(g, bytes) else shapely.to_wkb(g) for g in geometries]
    missing: np.ndarray | None = np.array([value is None for value in values], bool)
    if values and all(value is None or isinstance(value, int) for value in values):
        column = np.array([0 if value is None else value for value in values], np.int64)
    else:
        column, missing = np.array(values, object), None
    pyogrio.raw.write(
        str(path),
        np.array(wkb, object),
        [column, *(np.array(texts, object) for texts in beside.values())],
        np.array([field, *beside]),
        field_mask=[missing, *(None for _ in beside)],
        layer=layer,
        geometry_type=kind,
        crs=crs,
        driver="GPKG" if path.suffix == ".gpkg" else None,
        append=append,
    )
    return str(path)


def curved_disc(x: float, y: float, radius: float) -> bytes:
    """A CurvePolygon whose ring is one CircularString, as ISO WKB; x and y as of `square`."""
    centre = (LEFT + x, TOP - y)
    corners = [(-radius, 0), (0, radius), (radius, 0), (0, -radius), (-radius, 0)]
    points = b"".join(struct.pack("<dd", centre[0] + dx, centre[1] + dy) for dx, dy in corners)
    ring = struct.pack("<BII", 1, 8, len(corners)) + points
    return struct.pack("<BII", 1, 10, 1) + ring


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Another process writes into the GeoPackage meanwhile, and has not finished."""
    command = [sys.executable, "-c", _LOCK, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # nosec B603
        assert process.stdin and process.stdout
        assert process.stdout.readline().strip() == b"locked"
        try:
            yield
        finally:
            process.stdin.close()
            process.wait(timeout=60)
