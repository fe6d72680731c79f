"""IGN's data set FLAIR #2 as it is published, whole or as the toy: found, read, drawn from.

The archives of its challenge (IGNF/FLAIR-2, arXiv 2305.14467) hold

    flair_aerial_train/D004_2021/Z1_NN/img/IMG_000001.tif
    flair_labels_train/D004_2021/Z1_NN/msk/MSK_000001.tif
    flair_sen_train/D004_2021/Z1_NN/sen/SEN2_sp_D004_2021-Z1_NN_data.npy, _masks.npy, _products.txt
    flair-2_centroids_sp_to_patch.json

and the same for the test below flair_2_aerial_test and so on; in the toy the folders are flair_2_toy_aerial_train and
so on. Those on Hugging Face (IGNF/FLAIR-1-2), one a domain below `train-val` and `flair#2-test`, hold `aerial/Z1_NN`,
`labels/Z1_NN` and the series. All of them are read: a file is known by its own name, and the names above it say the
split, the domain and the zone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.errors import RasterioError

from ..contract.cards import ROLES, SATELLITE_BANDS, SatelliteInput
from ..inference.sentinel2.clouds import cover
from ..inference.sentinel2.flair import CLOUDS_BAND, SNOW_BAND, product_date, product_names, read_array, read_masks
from ..inference.sentinel2.store import Pixels
from ..inference.sentinel2.superpatches import Superpatch, superpatch_of
from ..inference.sentinel2.warp import FEW_BANDS
from ..models.networks.utt import CENTRE_SIZE
from .augment import Crop, draw_crop, draw_whole
from .crops import classes_held
from .dataset import ALL_ROLES, LabelledImage
from .labels import CLASSES

KIND = "flair2"
SPLITS = ("train", "test")
GROUND_SAMPLING_DISTANCE = 0.2  # metres (arXiv 2305.14467)
SUPERPATCH = SatelliteInput.superpatch  # pixels of 10 m
MONTHS = 12

_IMAGE, _MASK, _SERIES = re.compile(r"IMG_(\d+)\.tif"), re.compile(r"MSK_(\d+)\.tif"), re.compile(r"(.+)_data\.npy")
_DOMAIN, _ZONE = re.compile(r"D\d+_\d{4}"), re.compile(r"Z\d+_[A-Z]+")
_OTHER_CHALLENGE = "1"  # of the test of FLAIR #1, whose images are others: flair#1-test, flair_1_aerial_test
_TRIES = 64  # patches that are looked into for a class, or for a usable series, before another class is drawn


@dataclass(frozen=True)
class Flair2Patch:
    """One labelled patch.

    name: ``flair2/D004_2021/Z1_NN/000001``. domain: department and year, ``D004_2021``.
    image, mask: its files. series: the path of its zone's Sentinel-2 series without the endings `_data.npy`,
    `_masks.npy` and `_products.txt`, None where there is none.
    centroid: row and column of the series' pixel at the patch's middle, None where that is not known.
    """

    name: str
    domain: str
    image: Path
    mask: Path
    series: Path | None = None
    centroid: tuple[int, int] | None = None


@dataclass(frozen=True)
class _FoundFiles:
    """Files of a split, by the place that their paths say: domain (empty where unknown), zone, and number."""

    images: dict[tuple[str, str, str], Path] = field(default_factory=dict)
    masks: dict[tuple[str, str, str], Path] = field(default_factory=dict)
    series: dict[tuple[str, str], Path] = field(default_factory=dict)
    centroids: list[Path] = field(default_factory=list)
    metadata: list[Path] = field(default_factory=list)


def find_patches(root: Path, split: str = "train") -> list[Flair2Patch]:
    """Every patch of a split below a folder, by domain, zone and number; one that is there twice counts once.

    split: ``train`` (what IGN trains and validates on) or ``test`` (that of FLAIR #2, not of FLAIR #1). Opens no
    raster. Raises ValueError where there is no patch, where one has no mask, and where what places them is missing.
    """
    if split not in SPLITS:
        raise ValueError(f"FLAIR #2 has no split {split}: choose {' or '.join(SPLITS)}.")
    found = _walk(Path(root), split)
    if not found.images:
        raise ValueError(
            f"{root} holds no patch of FLAIR #2 for {split}: give the folder that flair_aerial_train and its "
            "like were unpacked into."
        )
    bare = sorted(key for key in found.images if key not in found.masks)
    if bare:
        raise ValueError(
            f"Of {len(found.images)} patches {len(bare)} have no mask, such as {found.images[bare[0]]}: "
            "unpack all labels."
        )
    if found.series and not found.centroids:
        raise ValueError(
            f"{root} has Sentinel-2 series, but nothing places the patches in them: "
            "put flair-2_centroids_sp_to_patch.json into it."
        )
    centroids = _centroids(found.centroids) if found.series else {}
    domains = _domains(found.metadata) if any(not domain for domain, _, _ in found.images) else {}
    patches = []
    for (stated, zone, number), image in found.images.items():
        domain = stated or domains.get(image.stem, "")
        if not domain:
            raise ValueError(
                f"The domain of {image} is unknown: unpack each domain into a folder of its name (D004_2021), or put "
                "flair_aerial_metadata.json beside them."
            )
        patches.append(
            Flair2Patch(
                f"{KIND}/{domain}/{zone}/{number}",
                domain,
                image,
                found.masks[stated, zone, number],
                found.series.get((domain, zone)),
                centroids.get(image.stem),
            )
        )
    return sorted(patches, key=lambda patch: patch.name)


def _walk(root: Path, split: str) -> _FoundFiles:
    found = _FoundFiles()
    for folder, inside, names in _folders(root, split):
        for name in names:
            lowered = name.lower()
            if lowered.endswith(".json"):
                for kind in ("centroids", "metadata"):
                    if kind in lowered:
                        getattr(found, kind).append(folder / name)
            elif inside and (match := _IMAGE.fullmatch(name)):
                found.images.setdefault((*_place(root, folder / name), match[1]), folder / name)
            elif inside and (match := _MASK.fullmatch(name)):
                found.masks.setdefault((*_place(root, folder / name), match[1]), folder / name)
            elif inside and (match := _SERIES.fullmatch(name)):
                place, stem = _place(root, folder / name), folder / match[1]
                if not all(place):
                    raise ValueError(f"{stem}_data.npy names no domain and zone: call it as IGN does.")
                if found.series.setdefault(place, stem).name != stem.name:
                    raise ValueError(
                        f"{stem}_data.npy and {found.series[place]}_data.npy are of one zone: keep the one that "
                        "belongs to the patches."
                    )
    return found


def _folders(root: Path, split: str) -> Iterator[tuple[Path, bool, list[str]]]:
    """The folders below `root` that are not of another split: each, whether it is of the split, its files' names."""
    seen: set[str] = set()
    inside = {str(root): False}
    for path, below, names in os.walk(root, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:  # links may lead in a circle
            below.clear()
            continue
        seen.add(real)
        kept = []
        for name in sorted(below):
            words = re.findall(r"[a-z]+|\d+", name.lower())
            named = [each for each in SPLITS if each in words]
            if named and (split not in named or (split == "test" and _OTHER_CHALLENGE in words)):
                continue
            kept.append(name)
            inside[os.path.join(path, name)] = bool(named) or inside[path]
        below[:] = kept
        yield Path(path), inside[path], names


def _place(root: Path, file: Path) -> tuple[str, str]:
    """Domain and zone that a path names below `root`, each empty where it does not."""
    text = str(file.relative_to(root))
    domains, zones = _DOMAIN.findall(text), _ZONE.findall(text)
    return domains[-1] if domains else "", zones[-1] if zones else ""


def _centroids(files: Sequence[Path]) -> dict[str, tuple[int, int]]:
    """Row and column of each patch in its series, by the name of its image without suffix (IGNF/FLAIR-2)."""
    found: dict[str, tuple[int, int]] = {}
    for file in files:
        for name, place in _json(file).items():
            try:
                row, column = place
                found[name.split(".")[0]] = int(row), int(column)
            except (TypeError, ValueError):
                raise ValueError(f"{file} gives {name} the place {place}: copy or download it again.") from None
    return found


def _domains(files: Sequence[Path]) -> dict[str, str]:
    """The domain of each patch, by the name of its image without suffix."""
    return {
        name: entry["domain"]
        for file in files
        for name, entry in _json(file).items()
        if isinstance(entry, dict) and isinstance(entry.get("domain"), str)
    }


def _json(file: Path) -> dict:
    try:
        values = json.loads(file.read_bytes())
        if not isinstance(values, dict):
            raise ValueError("it names no patches")
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read ({error}): copy or download it again.") from None
    return values


def read_image(patch: Flair2Patch) -> LabelledImage:
    """A patch as an image of five bands, with its series where it has one with a usable date.

    series: (T, 10, 40, 40) float32 monthly means as the map of that place gets them, days: (T,) float32, T at most
    12. Raises ValueError (BadInput of the series) where a file cannot be read or is not what FLAIR's is.
    """
    image = _read_labelled(patch)
    read = None if patch.series is None or patch.centroid is None else _read_series(patch.series, patch.centroid)
    return image if read is None else replace(image, series=read.pixels, days=read.days)


def _read_labelled(patch: Flair2Patch) -> LabelledImage:
    """The image without its series."""
    bands, codes = _raster(patch.image), _codes(patch.mask)
    if bands.dtype != np.uint8 or bands.shape != (len(ROLES), *codes.shape):
        raise ValueError(
            f"{patch.image} has the shape {bands.shape} of {bands.dtype} under a mask of {codes.shape}: FLAIR's "
            f"patches have {len(ROLES)} bands of 8 bits and a mask of their size, so copy or download it again."
        )
    return LabelledImage(patch.name, KIND, bands, ALL_ROLES, codes, GROUND_SAMPLING_DISTANCE)


def _codes(mask: Path) -> np.ndarray:
    """(H, W) uint8; what IGN has as 13 to 19 is "other", as in its baseline (arXiv 2305.14467)."""
    return np.minimum(_raster(mask)[0], CLASSES).astype(np.uint8)


def _raster(path: Path) -> np.ndarray:
    try:
        with rasterio.open(path) as source:
            return source.read()
    except RasterioError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read ({reason}): copy or download it again.") from None


def _read_series(stem: Path, centroid: tuple[int, int]) -> Superpatch | None:
    """Monthly means and days as `LabelledImage` has them, by the rules of maps; None where no date can be used."""
    data = read_array(stem.with_name(f"{stem.name}_data.npy"))
    if data.ndim != 4 or data.shape[1] != len(SATELLITE_BANDS):
        raise ValueError(
            f"{data.filename} has the shape {data.shape}: FLAIR's series are of "
            f"(dates, {len(SATELLITE_BANDS)}, rows, columns), so copy or download it again."
        )
    names = product_names(stem, len(data))
    if not all(0 <= place < length for place, length in zip(centroid, data.shape[2:])):
        raise ValueError(
            f"The place {list(centroid)} is outside of {data.filename}, which has {data.shape[2]} x {data.shape[3]} "
            "pixels: give the centroid file of the same data set."
        )
    values = _window(data, centroid)
    missing = (values == 0).mean(axis=1) >= FEW_BANDS
    covers = np.zeros(missing.shape, np.uint8)
    masks = read_masks(stem, data)
    if masks is not None:
        probabilities = _window(masks, centroid)
        covered = cover(probabilities[:, CLOUDS_BAND - 1], probabilities[:, SNOW_BAND - 1], None)
        if covered is None:
            raise AssertionError
        covers = covered
    centre = slice((SUPERPATCH - CENTRE_SIZE) // 2, (SUPERPATCH + CENTRE_SIZE) // 2)
    dates = tuple(product_date(name, stem) for name in names)
    return superpatch_of(Pixels(values, missing, covers), dates, (centre, centre), SatelliteInput())


def _window(array: np.ndarray, centroid: tuple[int, int]) -> np.ndarray:
    """The 40 x 40 pixels (T, bands, 40, 40) of which the centroid is row and column 20; 0 beyond the array's edge."""
    window = np.zeros((*array.shape[:2], SUPERPATCH, SUPERPATCH), array.dtype)
    there: list[slice] = []
    here: list[slice] = []
    for place, length in zip(centroid, array.shape[2:]):
        first = place - SUPERPATCH // 2
        begin, end = max(first, 0), min(first + SUPERPATCH, length)
        there.append(slice(begin, end))
        here.append(slice(begin - first, end - first))
    window[..., here[0], here[1]] = array[..., there[0], there[1]]
    return window


class Flair2Crops:
    """Crops of patches that stay on disk: each is read when it is drawn.

    A crop depends on the patches and the random numbers alone, not on what was drawn before.
    Raises ValueError where there is no patch.
    """

    def __init__(self, patches: Sequence[Flair2Patch]) -> None:
        if not patches:
            raise ValueError("There is no patch of FLAIR #2 to train on: give the folder of the data set.")
        self._patches = tuple(patches)
        self._series = [
            index for index, patch in enumerate(patches) if patch.series is not None and patch.centroid is not None
        ]
        # Bit v: the patch holds class v; bit 0: its mask was looked into. Filled while drawing, two bytes a patch.
        self._classes = np.zeros(len(self._patches), np.uint16)

    @property
    def with_series(self) -> bool:
        """Whether any patch has a Sentinel-2 series."""
        return bool(self._series)

    def draw(self, size: int, rng: np.random.Generator) -> Crop:
        """One crop of `size` pixels without a series; the class at its middle is drawn first, all alike.

        "Other" is never drawn for. Where some 60 patches hold none of a class, another class is drawn: those that
        only a patch in hundred holds come up less often than the others.
        """
        for value in (rng.permutation(CLASSES - 1) + 1).tolist():
            for index in self._some(len(self._patches), rng):
                if self._holds(index, value):
                    return draw_crop(_read_labelled(self._patches[index]), size, rng, value)
        return draw_crop(_read_labelled(self._patches[int(rng.integers(len(self._patches)))]), size, rng)

    def draw_with_series(self, rng: np.random.Generator) -> Crop:
        """One whole patch with its series, filled up to 12 months with zeros, which the network skips.

        Raises ValueError where none of the patches that are tried has a usable date.
        """
        for choice in self._some(len(self._series), rng):
            image = read_image(self._patches[self._series[choice]])
            if image.series is not None:
                return _with_all_months(draw_whole(image, rng))
        raise ValueError(
            "No patch of FLAIR #2 that was tried has a Sentinel-2 date without clouds and snow: train without series."
        )

    @staticmethod
    def _some(count: int, rng: np.random.Generator) -> list[int]:
        return rng.choice(count, min(count, _TRIES), replace=False).tolist()

    def _holds(self, index: int, value: int) -> bool:
        if not self._classes[index]:
            codes = _codes(self._patches[index].mask)
            self._classes[index] = 1 | sum(1 << value for value in classes_held(codes))
        return bool(self._classes[index] >> value & 1)


def _with_all_months(crop: Crop) -> Crop:
    """A crop whose series has 12 dates, so that crops stack: the rest are zeros (IGNF/FLAIR-2, `pad_tensor`)."""
    if crop.series is None or crop.days is None:
        raise AssertionError
    more = MONTHS - len(crop.series)
    series = torch.cat([crop.series, crop.series.new_zeros(more, *crop.series.shape[1:])])
    return replace(crop, series=series, days=torch.cat([crop.days, crop.days.new_zeros(more)]))
