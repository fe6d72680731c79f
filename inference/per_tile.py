"""A map for each tile of an image of several, which fit together to the pixel: each is an extent of the whole."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from ..contract.errors import BadInput, about
from ..contract.notices import Warn
from ..contract.segmentation import SegmentationJob
from .raster.aerial import describe_aerial
from .raster.geobox import Bounds
from .raster.read import gdal_settings

_WRITTEN = ("output", "confidence", "probabilities", "difference")  # of a job; folders in one for many tiles


def tile_jobs(job: SegmentationJob, warn: Warn) -> list[SegmentationJob]:
    """A job for each tile of a job's image whose outputs are folders, which are made where they are not there.

    Labels do not depend on the extent, so that tiles see past their edges and their maps are parts of the one map.
    Each map is called like its tile. Tiles outside the job's extent are left out, others cut by it. `warn` takes what
    the user should know of the image. Raises BadInput, which names the setting.
    """
    with gdal_settings(), about("input"):
        tiles = describe_aerial(job.image, warn).tiles
    if not tiles:
        raise BadInput(
            "The image is one raster: for a map of each tile give several rasters, a folder of them or an index; "
            "else the name of one map.",
            "input",
        )
    names = _names([path for path, _ in tiles])
    jobs = []
    for name, (_, bounds) in zip(names, tiles):
        extent = _shared(bounds, job.extent)
        if extent is not None:
            jobs.append(replace(job, extent=extent, **_outputs(job, name)))
    if not jobs:
        raise BadInput("The extent lies outside all tiles: choose one that overlaps them.", "extent")
    for setting in _WRITTEN:
        folder = getattr(job, setting)
        if folder is not None:
            try:
                os.makedirs(folder, exist_ok=True)
            except OSError as error:
                raise BadInput(
                    f"The folder {folder} for the maps cannot be made ({error.strerror}): choose another one.", setting
                ) from None
    return jobs


def _outputs(job: SegmentationJob, name: str) -> dict[str, Any]:
    folders = {setting: getattr(job, setting) for setting in _WRITTEN}
    return {setting: os.path.join(folder, name) for setting, folder in folders.items() if folder is not None}


def _names(paths: list[str]) -> list[str]:
    """Names of maps, like those of the tiles; tiles of one name in several folders are numbered."""
    names: dict[str, None] = {}
    for path in paths:
        stem = os.path.splitext(os.path.basename(path))[0]
        name, number = f"{stem}.tif", 1
        while name.lower() in (other.lower() for other in names):
            number += 1
            name = f"{stem}_{number}.tif"
        names[name] = None
    return list(names)


def _shared(bounds: Bounds, extent: Bounds | None) -> Bounds | None:
    """What a tile and an extent share, None where that is nothing; all of the tile where there is no extent."""
    if extent is None:
        return bounds
    left, bottom = max(bounds[0], extent[0]), max(bounds[1], extent[1])
    right, top = min(bounds[2], extent[2]), min(bounds[3], extent[3])
    return (left, bottom, right, top) if left < right and bottom < top else None
