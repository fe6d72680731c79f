"""Real BD ORTHO as people have it: of two files of colours and of colour infrared, in tiles, with heights apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from .conftest import SHARED_DATA

TOWN = "ign-bdortho/770550_6277550_montpellier.tif"  # R, G, B, NIR, height, class at 0.2 m
CRS = "EPSG:2154"


def real_scene(name: str = TOWN) -> tuple[np.ndarray, Affine]:
    """The five bands of a real scene, (5, rows, columns) uint8, and where it lies; skips where it is not here."""
    path = SHARED_DATA / name
    if not path.is_file():
        pytest.skip(f"a real scene is not here (../shared/data/{name})")
    with rasterio.open(path) as dataset:
        return dataset.read([1, 2, 3, 4, 5]), dataset.transform


def write(path: Path, pixels: np.ndarray, transform: Affine, **settings) -> Path:
    """A raster of an array (bands, rows, columns), whose fourth band is not taken for transparency."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff",
        "dtype": pixels.dtype,
        "count": len(pixels),
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "crs": CRS,
        "transform": transform,
        **settings,
    }
    if profile["driver"] == "GTiff":
        profile["photometric"] = settings.get("photometric", "minisblack")
    with rasterio.open(path, "w", **{key: value for key, value in profile.items() if value is not None}) as dataset:
        dataset.write(pixels)
    return path


def cut(pixels: np.ndarray, transform: Affine, columns: list[int], rows: list[int]) -> dict[str, tuple]:
    """The tiles between cuts by name: (pixels, transform)."""
    across, down = [0, *columns, pixels.shape[2]], [0, *rows, pixels.shape[1]]
    return {
        f"tile_{left:04}_{top:04}": (
            pixels[:, top:bottom, left:right],
            transform * Affine.translation(left, top),
        )
        for left, right in zip(across, across[1:])
        for top, bottom in zip(down, down[1:])
    }
