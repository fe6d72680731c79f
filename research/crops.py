"""Where the crops of a training come from: images in memory, drawn by kind and by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from .augment import Crop, draw_crop, draw_roles, draw_whole, paste_segments
from .dataset import LabelledImage
from .drawn_bands import DRAWN_BANDS
from .flood import flood
from .labels import CLASSES

_FEWEST = 500  # a class is drawn for where one pixel in so many shows it
EXACT_KINDS = frozenset({"flair2", "flair2-renderings", DRAWN_BANDS, "generated", "pnoa"})


class Crops(Protocol):
    """What the training loop draws from."""

    @property
    def with_series(self) -> bool:
        """Whether any image has a Sentinel-2 series."""

    def draw(self, size: int, rng: np.random.Generator) -> Crop:
        """One crop of `size` pixels without a series."""

    def draw_with_series(self, rng: np.random.Generator) -> Crop:
        """One whole image with its series."""


class ImageCrops:
    """Crops of images in memory.

    shares: of the crops by kind of image. pasted: share of the crops of kinds with exact labels onto which
    segments of another such crop are pasted. flooded: share of them, where they have near infrared, whose open land is
    turned to water.
    Raises ValueError where no image is of a kind that has a share.
    """

    def __init__(
        self,
        images: Sequence[LabelledImage],
        shares: Mapping[str, float],
        pasted: float = 0.0,
        flooded: float = 0.0,
    ) -> None:
        self.by_kind: dict[str, list[LabelledImage]] = {}
        for image in images:
            if shares.get(image.kind):
                self.by_kind.setdefault(image.kind, []).append(image)
        if not self.by_kind:
            raise ValueError("There is no picture to train on: give the folder of the data.")
        self.kinds = sorted(self.by_kind)
        weights = np.array([shares[kind] for kind in self.kinds])
        self.shares = weights / weights.sum()
        self.pasted, self.flooded = pasted, flooded
        self.by_class = {kind: _by_class(self.by_kind[kind]) for kind in self.kinds if kind in EXACT_KINDS}
        self.series_by_class = {
            kind: found
            for kind in self.by_class
            if (found := _by_class([image for image in self.by_kind[kind] if image.series is not None]))
        }

    @property
    def with_series(self) -> bool:
        """See `Crops`."""
        return bool(self.series_by_class)

    def draw(self, size: int, rng: np.random.Generator) -> Crop:
        """One crop. In kinds with exact labels the class at its middle is drawn first, all alike."""
        kind = self.kinds[rng.choice(len(self.kinds), p=self.shares)]
        if kind not in self.by_class:
            return draw_crop(_one(self.by_kind[kind], rng), size, rng)
        crop = self._exact(kind, size, rng)
        return flood(crop, rng) if self.flooded and rng.random() < self.flooded else crop

    def _exact(self, kind: str, size: int, rng: np.random.Generator) -> Crop:
        image, around = _image_and_class(self.by_class[kind], rng)
        if rng.random() >= self.pasted:
            return draw_crop(image, size, rng, around)
        other, other_class = _image_and_class(self.by_class[_one(sorted(self.by_class), rng)], rng)
        kept = draw_roles(image.roles & other.roles, rng)
        below = draw_crop(image, size, rng, around, kept)
        return paste_segments(below, draw_crop(other, size, rng, other_class, kept), rng)

    def draw_with_series(self, rng: np.random.Generator) -> Crop:
        """One whole image with its series, each kind that has any alike; a class that it shows is drawn first."""
        image, _ = _image_and_class(self.series_by_class[_one(sorted(self.series_by_class), rng)], rng)
        return draw_whole(image, rng)


def _image_and_class(
    by_class: Mapping[int, list[LabelledImage]], rng: np.random.Generator
) -> tuple[LabelledImage, int]:
    """A class, all alike, and an image that shows it."""
    around = _one(sorted(by_class), rng)
    return _one(by_class[around], rng), around


def _by_class(images: Sequence[LabelledImage]) -> dict[int, list[LabelledImage]]:
    """Images by the classes that are drawn for in them; "other" never is."""
    found: dict[int, list[LabelledImage]] = {}
    for image in images:
        for value in classes_held(image.codes):
            if value < CLASSES:
                found.setdefault(value, []).append(image)
    return found


def classes_held(codes: np.ndarray) -> list[int]:
    """The classes, 1..CLASSES ascending, of which codes (H, W) hold at least one pixel in 500."""
    counts = np.bincount(codes.ravel(), minlength=CLASSES + 1)
    return [value for value in range(1, CLASSES + 1) if counts[value] * _FEWEST >= codes.size]


def _one(choices: Sequence, rng: np.random.Generator):
    return choices[int(rng.integers(len(choices)))]
