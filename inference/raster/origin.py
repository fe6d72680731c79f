"""What the files of an image say of where they come from, for the provenance of a map."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

import rasterio
from rasterio.errors import RasterioError

from ...contract.origin import ORIGIN_TAG, ImageOrigin

# Of any other TIFF: its tags that name a source, as GDAL calls them.
_TAGS = {"TIFFTAG_COPYRIGHT": "copyright", "TIFFTAG_IMAGEDESCRIPTION": "description", "TIFFTAG_ARTIST": "artist"}
_LONGEST = 1000  # characters of a tag: some programs keep whole documents there


def sources_of(paths: Iterable[str]) -> dict[str, dict[str, str]]:
    """What is known of each file that says something of its source, by its path from the root.

    Of an image that QGIS fetched from a server it is its `ImageOrigin`, of others their TIFF's copyright, description
    and artist. Files that cannot be opened, and those that say nothing, are left out.
    """
    found = {os.path.abspath(path): source_of(path) for path in dict.fromkeys(paths) if os.path.isfile(path)}
    return {path: said for path, said in found.items() if said}


def source_of(path: str) -> dict[str, str]:
    """What one file says of its source, empty where it says nothing or cannot be opened."""
    try:
        with rasterio.open(path) as dataset:
            tags = dataset.tags()
    except RasterioError:
        return {}
    try:
        return ImageOrigin.from_dict(json.loads(tags[ORIGIN_TAG])).to_dict()
    except (KeyError, ValueError):  # not fetched, or another program changed it
        return {name: tags[tag].strip()[:_LONGEST] for tag, name in _TAGS.items() if tags.get(tag, "").strip()}
