"""Generated scenes as images, and the Sentinel-2 series that a real image's labels would have.

No aerial image at hand comes with its own Sentinel-2 series. Generated scenes have one drawn from
the same landscape; real images get one drawn from their labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

import numpy as np

from ..inference.sentinel2.means import days_to_reference
from .dataset import ALL_ROLES, LabelledImage
from .labels import CLASSES, UNKNOWN
from .scenes.plan import draw_covers
from .scenes.scene import AERIAL_PIXEL, SUPERPATCH, draw_scene, draw_sentinel2
from .scenes.seasons import DATES, PIXEL, SUBPIXELS, series


def generated_images(seeds: Iterable[int], with_series: bool = True) -> Iterator[LabelledImage]:
    """One image of 512 x 512 pixels for each seed, with its series where asked for."""
    for seed in seeds:
        scene = draw_scene(seed)
        image = LabelledImage(f"generated/{seed}", "generated", scene.aerial, ALL_ROLES, scene.labels, AERIAL_PIXEL)
        yield replace(image, series=draw_sentinel2(seed), days=days_to_may()) if with_series else image


def days_to_may() -> np.ndarray:
    """(12,) float32: days from day 15 of each month to 15 May, the year dropped (arXiv 2305.14467)."""
    return np.array([days_to_reference(date.fromisoformat(each)) for each in DATES], np.float32)


def with_series_of_its_labels(image: LabelledImage, seed: int) -> LabelledImage:
    """An image of 102.4 m with the series that covers of its classes would have.

    The surroundings are the image's own, mirrored. Pixels without a label take the commonest class.
    Each class has one cover (a kind of roof, a crop) in an image, drawn by `seed`.
    """
    rng = np.random.default_rng([seed, *image.name.encode()])
    side = SUPERPATCH * SUBPIXELS
    metres = (np.arange(side) + 0.5) * PIXEL / SUBPIXELS - SUPERPATCH * PIXEL / 2
    rows, columns = (_mirrored(metres / image.gsd + length / 2, length) for length in image.codes.shape)
    codes = image.codes[np.ix_(rows, columns)]
    commonest = np.bincount(image.codes[image.codes != UNKNOWN]).argmax()
    classes = np.where(codes == UNKNOWN, commonest, codes)
    cubes = series(draw_covers(rng)[classes], classes, CLASSES + 1, rng)
    return replace(image, series=cubes, days=days_to_may())


def _mirrored(position: np.ndarray, length: int) -> np.ndarray:
    """Pixel numbers of positions on an axis that is mirrored at both ends."""
    folded = np.floor(position).astype(int) % (2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)
