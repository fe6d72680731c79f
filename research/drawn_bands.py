"""Near infrared and elevation for an image of colours alone, drawn from its labels.

Few real images have exact labels, fewer have all five bands. A network that meets near infrared and heights in
generated scenes only does not believe them in a real image; here real colours come with both.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .dataset import ALL_ROLES, RGB, LabelledImage
from .labels import CLASSES, CODES, UNKNOWN
from .scenes.aerial import APPEARANCES, GROUND_BETWEEN_VINES, MEASURED, any_flight, elevation
from .scenes.noise import smooth_noise
from .scenes.plan import CLASS_OF_COVER, Cover, draw_covers

DRAWN_BANDS = "drawn-bands"  # kind of these images
# Metres that what stands on the ground rises, and how much that differs from place to place (deviation of its
# logarithm); other classes lie on the ground. The generated scenes have heights of the same range.
_HEIGHTS = {
    CODES["building"]: (7.0, 0.5),
    CODES["coniferous"]: (15.0, 0.35),
    CODES["deciduous"]: (10.0, 0.4),
    CODES["brushwood"]: (1.2, 0.5),
    CODES["vineyard"]: (1.3, 0.2),
    CODES["agricultural land"]: (0.3, 0.8),
    CODES["other"]: (3.0, 0.6),
}
_ROUGH = (Cover.CONIFER, Cover.BROADLEAF, Cover.BRUSH)
_BETWEEN_PLACES = 12.0  # metres between knots of the height's noise: a house or a few trees
_SPREAD = 0.12  # deviation of the logarithm of the near infrared from place to place
_BETWEEN_PICTURES = 0.15  # and from image to image


def with_bands_of_its_labels(image: LabelledImage, seed: int) -> LabelledImage:
    """An image of red, green and blue with the two other bands that its classes would have.

    Pixels without a label take that of the nearest one with. Each class has one cover (a kind of roof, a crop) in a
    image, drawn by `seed`. The near infrared follows the brightness of the colours by a ratio of the cover; heights
    have the errors of a surface model made by image matching.
    Raises ValueError where the image has other bands than these three, or no label.
    """
    if image.roles != RGB or not (image.codes != UNKNOWN).any():
        raise ValueError(f"{image.name} needs red, green, blue and labels, and nothing else")
    rng = np.random.default_rng([seed, *image.name.encode()])
    classes = _spread_labels(image.codes)
    cover = draw_covers(rng)[classes]
    bands = image.bands.copy()
    bands[3] = _near_infrared(bands[:3], cover, image.gsd, rng)
    relief = _relief(classes, image.gsd, rng)
    drawn = elevation(relief, cover, any_flight(rng).surface_error, rng)
    bands[4] = np.clip(np.rint(drawn), 0, 255)
    return replace(image, name=f"{DRAWN_BANDS}/{image.name}/{seed}", kind=DRAWN_BANDS, bands=bands, roles=ALL_ROLES)


def _spread_labels(codes: np.ndarray) -> np.ndarray:
    """Codes with the pixels of none filled from their neighbours, ring by ring."""
    while (codes == UNKNOWN).any():
        padded = np.pad(codes, 1)
        around = np.maximum.reduce([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
        codes = np.where(codes == UNKNOWN, around, codes)
    return codes


def _near_infrared(colours: np.ndarray, cover: np.ndarray, gsd: float, rng: np.random.Generator) -> np.ndarray:
    ratio = np.array([_ratio_to_colours(kind) for kind in Cover], np.float32)
    own = np.exp(_BETWEEN_PICTURES * rng.standard_normal(len(Cover))).astype(np.float32)
    places = np.exp(_SPREAD * smooth_noise(rng, cover.shape, _BETWEEN_PLACES / gsd))
    grain = 2 * rng.standard_normal(cover.shape, dtype=np.float32)
    return np.clip(np.rint(colours.mean(0) * (ratio * own)[cover] * places + grain), 0, 255)


def _ratio_to_colours(cover: Cover) -> float:
    """Near infrared over the mean of red, green and blue, as an image shows it: with the shadows that lie in it.

    Appearances are those in full light. What is rough shades itself, and a shadow is darker in near infrared than in
    blue: so trees and brushwood have the ratio of the real patches, and vines share theirs with the ground between
    them.
    """
    if cover in _ROUGH:
        colour = np.array(MEASURED[CLASS_OF_COVER[cover]][0][:4])
    elif cover is Cover.VINE:
        colour = (np.array(APPEARANCES[cover].colour) + GROUND_BETWEEN_VINES) / 2
    else:
        colour = np.array(APPEARANCES[cover].colour)
    return float(colour[3] / np.mean(colour[:3]))


def _relief(classes: np.ndarray, gsd: float, rng: np.random.Generator) -> np.ndarray:
    """Metres above ground, float32 (H, W)."""
    height, spread = np.zeros((2, CLASSES + 1), np.float32)
    for value, (metres, differs) in _HEIGHTS.items():
        height[value], spread[value] = metres, differs
    return height[classes] * np.exp(spread[classes] * smooth_noise(rng, classes.shape, _BETWEEN_PLACES / gsd))
