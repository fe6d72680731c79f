"""Open water where a crop shows fields: lakes of every colour, which images with exact labels hardly have.

Fields of one even tone are common in the images at hand, lakes are not, so that a network takes every even surface
for a field. What tells water is its darkness in near infrared, whatever its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ..contract.cards import ROLES
from .augment import Crop
from .labels import CODES
from .scenes.noise import smooth_noise

_FLOODED = tuple(
    CODES[name] for name in ("bare soil", "vineyard", "herbaceous vegetation", "agricultural land", "plowed land")
)
_NEAR_INFRARED = ROLES.index("nir")
_LEAST = 0.1  # share of the crop that a class covers to become a lake
# Red, green, blue, near infrared in DN of clear, black, green, muddy, glinting and chalky water, around what FLAIR's
# renderings and patches show (the green is the mean of the patches' water, `research.scenes.aerial.MEASURED`).
_WATERS = np.array(
    [
        (38, 52, 56, 20),
        (30, 36, 32, 26),
        (96, 121, 95, 59),
        (134, 122, 96, 66),
        (120, 135, 148, 70),
        (88, 160, 158, 48),
    ],
    np.float32,
)
_BRIGHTNESS = 0.2  # deviation of its logarithm
_RIPPLES, _GRAIN = 0.012, 0.006  # deviation of small waves and of the camera's noise, of the range of values
_SHALLOWS = 0.4  # share of the crop's side over which one water passes into another
_FALSE_HEIGHT = 0.2  # image matching finds no heights on water: up to this much of the range, every second time


def flood(crop: Crop, rng: np.random.Generator) -> Crop:
    """The crop with one class of its open land turned to water, in labels and bands; unchanged where it has none.

    Bands that the crop does not have stay zero. A crop without near infrared stays as it is: an even surface may be
    a lake or a field there, and a network that is shown lakes makes lakes of fields.
    """
    if not crop.aerial[_NEAR_INFRARED].any():
        return crop
    share = torch.stack([(crop.codes == value).float().mean() for value in _FLOODED]).numpy()
    enough = [value for value, part in zip(_FLOODED, share) if part >= _LEAST]
    if not enough:
        return crop
    there = crop.codes == enough[int(rng.integers(len(enough)))]
    kept = crop.aerial.flatten(1).any(dim=1)[:, None, None]
    aerial = torch.where(there & kept, torch.from_numpy(_water(crop.codes.shape, rng)), crop.aerial)
    return replace(crop, aerial=aerial, codes=crop.codes.masked_fill(there, CODES["water"]))


def _water(shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """(5, H, W) float32 in 0..1: two waters that pass into one another."""
    here, beyond = _WATERS[rng.integers(len(_WATERS), size=2)] / 255
    blend = 1 / (1 + np.exp(-2 * smooth_noise(rng, shape, _SHALLOWS * shape[0])))
    colours = here[:, None, None] * (1 - blend) + beyond[:, None, None] * blend
    colours *= np.exp(_BRIGHTNESS * rng.standard_normal()) * (1 + _RIPPLES * smooth_noise(rng, shape, 4))
    colours += _GRAIN * rng.standard_normal((4, *shape))
    height = np.zeros(shape)
    if rng.random() < 0.5:
        height = _FALSE_HEIGHT * rng.random() * np.abs(smooth_noise(rng, shape, _SHALLOWS * shape[0]))
    return np.clip(np.concatenate([colours, height[None]]), 0, 1).astype(np.float32)
