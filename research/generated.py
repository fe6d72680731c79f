"""Generated scenes as pictures, and the Sentinel-2 series that a real picture's labels would have.

No aerial picture at hand comes with its own Sentinel-2 series. Generated scenes have one drawn from
the same landscape; real pictures get one drawn from their labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from .dataset import ALL_ROLES, Picture
from .labels import CLASSES, UNKNOWN
from .scenes.plan import draw_covers
from .scenes.scene import AERIAL_PIXEL, draw_scene, draw_sentinel2
from .scenes.seasons import DATES, PIXEL, SUBPIXELS, series

SUPERPATCH = 40  # pixels of 10 m
DAYS_OF_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def generated_pictures(seeds: Iterable[int], with_series: bool = True) -> Iterator[Picture]:
    """One picture of 512 x 512 pixels for each seed, with its series where asked for."""
    for seed in seeds:
        scene = draw_scene(seed)
        picture = Picture(f"generated/{seed}", "generated", scene.aerial, ALL_ROLES, scene.labels, AERIAL_PIXEL)
        yield replace(picture, series=draw_sentinel2(seed), days=days_to_may()) if with_series else picture


def days_to_may() -> np.ndarray:
    """(12,) float32: days from day 15 of each month to 15 May, the year dropped (arXiv 2305.14467)."""
    ends = np.cumsum((0, *DAYS_OF_MONTH))
    months = [int(date[5:7]) - 1 for date in DATES]
    return np.array([ends[4] - ends[month] for month in months], np.float32)


def with_series_of_its_labels(picture: Picture, seed: int) -> Picture:
    """A picture of 102.4 m with the series that covers of its classes would have.

    The surroundings are the picture's own, mirrored. Pixels without a label take the commonest class.
    Each class has one cover (a kind of roof, a crop) in a picture, drawn by `seed`.
    """
    rng = np.random.default_rng([seed, *picture.name.encode()])
    side = SUPERPATCH * SUBPIXELS
    metres = (np.arange(side) + 0.5) * PIXEL / SUBPIXELS - SUPERPATCH * PIXEL / 2
    rows, columns = (_mirrored(metres / picture.gsd + length / 2, length) for length in picture.codes.shape)
    codes = picture.codes[np.ix_(rows, columns)]
    commonest = np.bincount(picture.codes[picture.codes != UNKNOWN]).argmax()
    classes = np.where(codes == UNKNOWN, commonest, codes)
    cubes = series(draw_covers(rng)[classes], classes, CLASSES + 1, rng)
    return replace(picture, series=cubes, days=days_to_may())


def _mirrored(position: np.ndarray, length: int) -> np.ndarray:
    """Pixel numbers of positions on an axis that is mirrored at both ends."""
    folded = np.floor(position).astype(int) % (2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)
