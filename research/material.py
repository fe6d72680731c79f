"""What a recipe's data gives: crops to train on, images to measure on, and words about both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .crops import Crops, ImageCrops
from .dataset import (
    HELD_OUT_PATCHES,
    HELD_OUT_RENDERINGS,
    SAME_RENDERINGS,
    LabelledImage,
    held_out_images,
    training_images,
)
from .drawn_bands import DRAWN_BANDS, with_bands_of_its_labels
from .flair2 import Flair2Crops, Flair2Patch, find_patches, read_image
from .generated import generated_images, with_series_of_its_labels
from .recipe import Recipe, TrainingStage

# Seeds of the generated scenes that are learnt from, and of those that are measured on.
WITH_SERIES, WITHOUT_SERIES, MEASURED = range(1000, 1100), range(1100, 1300), range(900_000, 900_012)
_DRAWS = 6  # images of drawn bands from each rendering
_PICTURES = 1000  # of the published patches that are looked at for how bright they are, about
_IN_EXACT_KINDS = ("flair2", "flair2-renderings")  # those that get a series of their labels


class Material(Protocol):
    """The data of a recipe."""

    @property
    def patches(self) -> tuple[LabelledImage, ...]:
        """Real patches, each of which is left out once; empty where there are none."""

    def crops(self, stage: TrainingStage, left_out: str | None = None) -> Crops:
        """What a stage draws from. left_out: name of the one patch that it must not see; None: those held out."""

    def pictures(self) -> Iterable[LabelledImage]:
        """Real pictures that are trained on, many enough to tell how bright they are."""

    def measured(self) -> Mapping[str, Iterable[LabelledImage]]:
        """Images without a pixel in training, by kind; each can be gone through again."""

    def description(self) -> str:
        """What it is, from whom, under which licence: for the card."""

    def held_out(self) -> str:
        """What `measured` gives, in words: for the card."""


class OpenDatasets:
    """The images that `research.dataset` reads, and generated scenes. See `Material`.

    patches: all real patches, those held out too: each is left out once when they are measured.
    """

    def __init__(self, data: Path, seed: int) -> None:
        real = [
            with_series_of_its_labels(image, seed) if image.kind in _IN_EXACT_KINDS else image
            for image in training_images(data)
        ]
        self._held_out = held_out_images(data)
        renderings = [image for image in real if image.kind == "flair2-renderings"]
        self._images = [
            *real,
            *(with_bands_of_its_labels(image, seed + draw) for image in renderings for draw in range(_DRAWS)),
            *generated_images(WITH_SERIES),
            *generated_images(WITHOUT_SERIES, with_series=False),
        ]
        held_out = [with_series_of_its_labels(p, seed) for p in self._held_out if p.kind == "flair2"]
        self.patches = tuple(
            sorted([*held_out, *(p for p in real if p.kind == "flair2")], key=lambda image: image.name)
        )

    def crops(self, stage: TrainingStage, left_out: str | None = None) -> ImageCrops:
        """See `Material`."""
        images = self._images
        if left_out is not None:
            others = [image for image in images if image.kind != "flair2"]
            images = [*others, *(patch for patch in self.patches if patch.name != left_out)]
        return ImageCrops(images, stage.shares, stage.pasted, stage.flooded)

    def pictures(self) -> list[LabelledImage]:
        """See `Material`."""
        return [image for image in self._images if image.kind not in (DRAWN_BANDS, "generated")]

    def measured(self) -> dict[str, list[LabelledImage]]:
        """See `Material`."""
        by_kind: dict[str, list[LabelledImage]] = {"generated": list(generated_images(MEASURED))}
        for image in self._held_out:
            by_kind.setdefault(image.kind, []).append(image)
        return by_kind

    def description(self) -> str:
        """See `Material`."""
        number: dict[str, int] = {}
        for image in self._images:
            number[image.kind] = number.get(image.kind, 0) + 1
        return (
            f"{number.get('flair2', 0)} real FLAIR #2 patches of 102.4 m with exact labels and "
            f"{number.get('flair2-renderings', 0)} renderings of such patches (RGB, 0.4 m, labels read from figures, "
            "edges left out), IGN - FLAIR #2, Open Licence 2.0 (Etalab); the same with near infrared and heights drawn "
            f"from their labels, {number.get(DRAWN_BANDS, 0)} times; "
            f"{number.get('naip-rural', 0)} rural tiles of Ohio, 0.6 m, imagery USDA NAIP, public domain, coarse masks "
            "by yinx111 (2025), acknowledged, each mask class read as a set of classes; "
            f"{number.get('naip-urban', 0)} urban tiles of California with tree positions by Ventura et al. 2024 "
            "(JAG 130, 103848), CC BY 4.0, imagery USDA NAIP, labels weak (trees, vegetation index); "
            f"{number.get('ucmerced', 0)} pictures of the UC Merced land use data set (Yang and Newsam 2010, imagery "
            "USGS, public domain), each scene class read as a set of classes; "
            f"{number.get('pnoa', 0)} orthophotos of Castilla y Leon (RGB, 0.25 m, PNOA, IGN Spain and ITACyL, CC BY "
            "4.0) with polygons drawn by eye for this project; "
            f"{number.get('generated', 0)} generated scenes. No aerial picture had a Sentinel-2 series of its own: "
            "series were generated from labels, with reflectances partly taken from a Sentinel-2 cube of Flanders "
            "(contains modified Copernicus Sentinel data 2018-2019)."
        )

    def held_out(self) -> str:
        """See `Material`."""
        return (
            f"FLAIR #2 patch {', '.join(sorted(HELD_OUT_PATCHES))}; renderings "
            f"{', '.join(sorted(HELD_OUT_RENDERINGS))} (upsampled to 0.2 m, edges left out); every third rural NAIP "
            "tile of the north of the area (agreement: the prediction is one of the classes that the coarse label "
            "allows); one PNOA orthophoto, of the map sheet 0425, where polygons are drawn in it; "
            f"{len(MEASURED)} generated scenes of other seeds. The renderings "
            f"{' and '.join(SAME_RENDERINGS[0])} are one scene and both in training."
        )


@dataclass(frozen=True)
class _PatchFiles:
    """Images that are read when they are gone through. only_with_series: without those that have no usable date."""

    patches: tuple[Flair2Patch, ...]
    only_with_series: bool = False

    def __iter__(self) -> Iterator[LabelledImage]:
        images = map(read_image, self.patches)
        return (p for p in images if p.series is not None) if self.only_with_series else images


class PublishedFlair2:
    """IGN's FLAIR #2 as published: trained on the domains of its training split, measured on its test split."""

    patches: tuple[LabelledImage, ...] = ()

    def __init__(self, root: Path) -> None:
        self._train = find_patches(root, "train")
        self._test = tuple(find_patches(root, "test"))

    def crops(self, stage: TrainingStage, left_out: str | None = None) -> Flair2Crops:
        """See `Material`."""
        return Flair2Crops(self._train)

    def pictures(self) -> _PatchFiles:
        """See `Material`."""
        return _PatchFiles(tuple(self._train[:: max(1, len(self._train) // _PICTURES)]))

    def measured(self) -> dict[str, _PatchFiles]:
        """See `Material`."""
        with_series = tuple(patch for patch in self._test if patch.series is not None)
        files = {"flair2": _PatchFiles(self._test)}
        return (
            {**files, "flair2 with series": _PatchFiles(with_series, only_with_series=True)} if with_series else files
        )

    def description(self) -> str:
        """See `Material`."""
        domains = {patch.domain for patch in self._train}
        return (
            f"{len(self._train)} patches of {len(domains)} domains of FLAIR #2, "
            f"{sum(patch.series is not None for patch in self._train)} of them with a Sentinel-2 series, IGN - FLAIR "
            "#2, Open Licence 2.0 (Etalab); contains modified Copernicus Sentinel data."
        )

    def held_out(self) -> str:
        """See `Material`."""
        domains = {patch.domain for patch in self._test}
        return f"the {len(self._test)} patches of the {len(domains)} domains of the published test split"


def read_material(recipe: Recipe, data: Path) -> Material:
    """The data of a recipe from its folder.

    Raises ValueError where the folder does not hold it.
    """
    if recipe.data == "flair2":
        return PublishedFlair2(data)
    material = OpenDatasets(data, recipe.seed)
    if not material.patches:
        raise ValueError(f"{data} holds no FLAIR #2 patch: lay the data out as research/dataset.py says.")
    return material
