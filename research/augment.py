"""Crops for training: a window of an image at a random scale, turned, lit and blurred at random, bands left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..finetune.augment import change_light, turn
from ..models.networks.utt import TILE_SIZE
from .dataset import ALL_ROLES, RGB, RGB_NIR, ROLES, LabelledImage
from .labels import UNKNOWN

MODEL_GSD = 0.2  # metres
# How much a crop may be larger or smaller on the ground than the image says.
SCALES = (0.7, 1.4)
# An image coarser than this times the model's ground sampling distance is shown at this, not blown up to the full.
COARSEST = 1.5
# Bands a crop keeps, with how often; an image without a role cannot keep it. RGB alone is what most users have.
BAND_SETS = (
    (ALL_ROLES, 0.3),
    (RGB_NIR, 0.2),
    (RGB, 0.4),
    (RGB | {"elevation"}, 0.1),
)


@dataclass(frozen=True)
class Crop:
    """aerial (5, S, S) float32 as the network takes it; codes (S, S) uint8; series and days as in `LabelledImage`."""

    aerial: Tensor
    codes: Tensor
    series: Tensor | None = None
    days: Tensor | None = None


def draw_crop(
    image: LabelledImage,
    size: int,
    rng: np.random.Generator,
    around: int | None = None,
    kept: frozenset[str] | None = None,
) -> Crop:
    """A random crop of `size` pixels, without the image's series.

    around: a code that the crop's middle should show where the image holds it. kept: the roles whose bands it
    keeps; None: drawn.
    """
    gsd = np.clip(MODEL_GSD, image.gsd / COARSEST, None) if image.gsd > MODEL_GSD else MODEL_GSD
    gsd *= float(np.exp(rng.uniform(*np.log(SCALES))))
    height, width = image.codes.shape
    side = min(max(round(size * gsd / image.gsd), 16), height, width)
    row, column = rng.integers(height - side + 1), rng.integers(width - side + 1)
    if around is not None:
        places = np.flatnonzero(image.codes == around)
        if len(places):
            place = divmod(int(rng.choice(places)), width)
            jitter = rng.integers(-side // 3, side // 3 + 1, 2)
            row = int(np.clip(place[0] - side // 2 + jitter[0], 0, height - side))
            column = int(np.clip(place[1] - side // 2 + jitter[1], 0, width - side))
    window = (slice(row, row + side), slice(column, column + side))
    bands = torch.from_numpy(image.bands[(slice(None), *window)]).float() / 255
    codes = torch.from_numpy(np.ascontiguousarray(image.codes[window]))
    if side != size:
        bands = functional.interpolate(bands[None], size=(size, size), mode="bilinear", antialias=side > size)[0]
        codes = functional.interpolate(codes[None, None], size=(size, size), mode="nearest")[0, 0]
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    bands, codes = turn(bands, turns, flip), turn(codes, turns, flip)
    bands = change_light(bands, rng)
    return Crop(keep_roles(bands, draw_roles(image.roles, rng) if kept is None else kept), codes)


def paste_segments(below: Crop, above: Crop, rng: np.random.Generator) -> Crop:
    """The segments of about half of the classes of `above`, pasted where they are onto `below`.

    Class-wise cut and paste: Olsson et al., "ClassMix", WACV 2021, arXiv 2007.07936, section 3.1. Both crops are of
    one size and of the same bands.
    """
    present = above.codes.unique().numpy()
    present = present[present != UNKNOWN]
    chosen = rng.permutation(present)[: (len(present) + 1) // 2]
    cut = torch.isin(above.codes, torch.from_numpy(chosen))
    return Crop(torch.where(cut, above.aerial, below.aerial), torch.where(cut, above.codes, below.codes))


def at_model_gsd(image: LabelledImage, size: list[int] | None = None) -> tuple[Tensor, Tensor]:
    """A whole image as the network sees it: aerial (5, H, W) float32 at 0.2 m a pixel, codes (H, W) uint8.

    size: rows and columns to give it, where they are to be exact.
    """
    bands = torch.from_numpy(image.bands).float() / 255
    codes = torch.from_numpy(image.codes)
    size = size or [round(side * image.gsd / MODEL_GSD) for side in image.codes.shape]
    if size != list(image.codes.shape):
        bands = functional.interpolate(bands[None], size=size, mode="bilinear")[0]
        codes = functional.interpolate(codes[None, None], size=size, mode="nearest")[0, 0]
    return bands, codes


def draw_whole(image: LabelledImage, rng: np.random.Generator) -> Crop:
    """The whole image with its series: the satellite branch needs the tile's true place and size.

    Raises ValueError where the image has no series.
    """
    if image.series is None or image.days is None:
        raise ValueError(f"{image.name} has no Sentinel-2 series")
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    bands, codes = at_model_gsd(image, [TILE_SIZE, TILE_SIZE])
    bands, codes = turn(bands, turns, flip), turn(codes, turns, flip)
    series = turn(torch.from_numpy(image.series).float(), turns, flip)
    days = torch.from_numpy(np.asarray(image.days, np.float32))
    series = series * float(rng.uniform(0.9, 1.1)) * torch.from_numpy(rng.uniform(0.95, 1.05, (len(series), 10, 1, 1)))
    kept = np.sort(rng.permutation(len(series))[: int(rng.integers(1, len(series) + 1))])
    series[[date for date in range(len(series)) if date not in kept]] = 0.0  # zeros: the network skips these dates
    aerial = keep_roles(change_light(bands, rng), draw_roles(image.roles, rng))
    return Crop(aerial, codes, series.float(), days)


def draw_roles(roles: frozenset[str], rng: np.random.Generator) -> frozenset[str]:
    """The roles of an image that are kept, the rest being left out as many users have to."""
    share = np.array([weight for _, weight in BAND_SETS])
    return BAND_SETS[rng.choice(len(BAND_SETS), p=share / share.sum())][0] & roles


def keep_roles(bands: Tensor, roles: frozenset[str]) -> Tensor:
    """Bands (..., 5, H, W) in the order of ROLES, zero where the role is not in `roles`."""
    return bands * torch.tensor([float(role in roles) for role in ROLES])[:, None, None]


def stack(crops: list[Crop]) -> Crop:
    """Crops of one size as one batch; series are stacked where all have one."""
    series = [crop.series for crop in crops if crop.series is not None]
    days = [crop.days for crop in crops if crop.days is not None]
    with_series = len(series) == len(crops)
    return Crop(
        torch.stack([crop.aerial for crop in crops]),
        torch.stack([crop.codes for crop in crops]),
        torch.stack(series) if with_series else None,
        torch.stack(days) if with_series else None,
    )
