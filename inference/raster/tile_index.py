"""The rasters that a tile index names: a vector file with an outline and a path of each, as gdaltindex makes it."""

from __future__ import annotations

import os

import rasterio
from rasterio.errors import RasterioError

from ...contract.errors import BadInput
from .intact import RASTERS

_INDEXES = (".shp", ".gpkg", ".geojson", ".json", ".fgb")
_FIELD = "location"  # what gdaltindex calls the field of paths, unless told otherwise


def is_index(path: str) -> bool:
    """Whether a path is one of a vector file that names rasters; a GeoPackage may hold a raster itself."""
    if not path.lower().endswith(_INDEXES) or not os.path.isfile(path):
        return False
    if not path.lower().endswith(".gpkg"):
        return True
    try:
        return bool(tiles_in(path))
    except BadInput:
        return not _is_raster(path)


def tiles_in(path: str) -> list[str]:
    """The paths of rasters in an index, in its order; relative ones are looked for from its folder on.

    They stand in the field ``location``, else in the first one whose texts all are names of rasters.
    Raises BadInput where the file cannot be read or has no such field.
    """
    import pyogrio.raw
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError

    try:
        meta, _, _, columns = pyogrio.raw.read(path, read_geometry=False)
    except (DataSourceError, DataLayerError, FeatureError, FieldError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"The tile index {path} cannot be read ({reason}): choose another one, or a raster.") from None
    fields = {str(name): [str(value or "") for value in values] for name, values in zip(meta["fields"], columns)}
    fields = dict(sorted(fields.items(), key=lambda field: field[0].lower() != _FIELD))
    for values in fields.values():
        if values and all(value.lower().endswith(RASTERS) for value in values):
            folder = os.path.dirname(os.path.abspath(path))
            return list(dict.fromkeys(os.path.normpath(os.path.join(folder, value)) for value in values))
    raise BadInput(
        f"The vector file {path} is no tile index: none of its fields names rasters, as {_FIELD} does in those of "
        "gdaltindex; give one that does, or a raster, or a folder of tiles."
    )


def _is_raster(path: str) -> bool:
    try:
        rasterio.open(path).close()
    except RasterioError:
        return False
    return True
