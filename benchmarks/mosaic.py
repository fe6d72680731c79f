"""Makes a large five-band raster of the real FLAIR patches, for benchmarks.

``python benchmarks/mosaic.py PATCHES SIZE OUTPUT``: SIZE x SIZE pixels of 0.2 m, the patches of the
folder PATCHES side by side, turned and mirrored by a fixed draw.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

_PATCH = 512


def make_mosaic(patches: Path, size: int, output: Path) -> None:
    """Writes the mosaic, row of patches by row of patches."""
    pictures = []
    for path in sorted(patches.glob("IMG_*.tif")):
        with rasterio.open(path) as dataset:
            pictures.append(dataset.read())
    draw = np.random.default_rng(0)
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 5,
        "width": size,
        "height": size,
        "crs": "EPSG:2154",
        "transform": Affine(0.2, 0, 652000, 0, -0.2, 6862000),
        "tiled": True,
        "compress": "deflate",
        "bigtiff": "IF_SAFER",
    }
    with rasterio.open(output, "w", **profile) as dataset:
        for row in range(0, size, _PATCH):
            for column in range(0, size, _PATCH):
                picture = np.rot90(pictures[draw.integers(len(pictures))], int(draw.integers(4)), axes=(1, 2))
                height, width = min(_PATCH, size - row), min(_PATCH, size - column)
                window = rasterio.windows.Window(column, row, width, height)
                dataset.write(picture[:, :height, :width], window=window)


if __name__ == "__main__":
    make_mosaic(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
