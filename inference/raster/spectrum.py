"""What the bands of an image look like: which is near infrared, a height, a mask, another one's copy.

The thresholds were measured on the real rasters of `../shared/data`, and beside each stands what it tells apart: 584
rasters of colours (FLAIR, IGN, NAIP, Chesapeake, TreeSatAI, IDTReeS, NEON, PNOA), 446 of them with near infrared, 116
with heights, and 2,116 pictures of colours without a place (UC Merced, renderings of FLAIR).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .sample import Sample

_BRIGHTER = 1.4  # times as bright as other bands is what only near infrared is, over vegetation
_CLEARLY = 15 / 255  # of the brightest, by which it is so at least: dark noise is not
# Share of such pixels. Of three bands, near infrared, red and green have it on 66 % of rasters; with what stands apart
# 77 % are known, 89 % without IDTReeS. Colours have it on at most 8.2 % of an image (a red tennis court), on 4.5 %
# elsewhere. Of four and more bands: at least 2.7 % on TreeSatAI, the colours 0.6 % (roofs of Montpellier).
_SHARE_OF_THREE = 0.10
_SHARE_OF_FOUR = 0.02
# How much less the first band is correlated with the others than these are: see `standing_apart`. Of red 0.57 at most
# (bare fields), 0.25 elsewhere but on one patch of FLAIR (0.50), of blue 0.35; of near infrared 0.43 in the middle.
# Both together: no image of colours has a share of 0.5 % and stands apart by 0.1 but one (8.2 %, 0.12).
_APART = 0.70
_SHARE_AND_APART = (0.02, 0.20)
_RELATED = 0.3  # correlation of red and green, 0.48 and more; made-up bands have none

_MASK = 0.95  # share of pixels that a mask hides or shows wholly; the rest are soft edges
_FEW = 8  # different values: classes have 6 at most, heights 20 at least
_SAME = 0.05  # spread of the difference of two bands, by that of the bands: at least 0.10 where they are not copies
DETAIL = 0.25  # correlation of fine detail: heights have 0.11 with a band of the image at most, copies nearly 1
_NO_DETAIL = 0.05
_REACH = 2  # pixels to each side beside whose mean a pixel is detail
_GROUND = 0.1  # share of pixels that are near the lowest value: see `is_surely_height`
_ALIKE = 0.95  # share of hidden pixels that have one colour where they are but filled


def share_of_infrared(sample: Sample, numbers: Sequence[int]) -> float:
    """Share of the valid pixels in which the first band is bright as only near infrared is, 0..1.

    numbers: of bands, near infrared, red, green (and blue) if the first one is what it seems.
    """
    sample = _thinned(sample)
    first, *others = (_smooth(sample.pixels[number]) for number in numbers[:4])
    clearly = _CLEARLY * _top(sample, numbers)
    brightest = np.maximum.reduce(others)
    found = (first > _BRIGHTER * brightest) & (first - brightest > clearly)
    if len(others) == 2:  # vegetation, and nothing else, is bright in infrared and darker in red than in green
        found &= others[1] >= others[0]
    return _share(found, sample)


def standing_apart(sample: Sample, numbers: Sequence[int]) -> float:
    """By how much the second and third band are more alike than the first is like any other: correlations, -2..2."""
    first, *others = _values(_thinned(sample), *numbers[:4])
    return _correlation(others[0], others[1]) - max(_correlation(first, other) for other in others)


def is_infrared_first(sample: Sample, numbers: Sequence[int]) -> bool:
    """Whether the first of three or more bands is near infrared: bright over vegetation, where the others are not.

    numbers: of bands, near infrared, red, green (and blue) if the first one is what it seems.
    """
    apart = standing_apart(sample, numbers)
    if apart > _APART:
        return True
    share = share_of_infrared(sample, numbers)
    if share > _SHARE_AND_APART[0] and apart > _SHARE_AND_APART[1]:
        return True
    red, green = _values(_thinned(sample), *numbers[1:3])
    related = _correlation(red, green) > _RELATED
    return related and share > (_SHARE_OF_THREE if len(numbers) == 3 else _SHARE_OF_FOUR)


def is_all_or_nothing(sample: Sample, number: int) -> bool:
    """Whether a band is 0 and all bits of as many as it has, or 1, but for soft edges."""
    values = sample.pixels[number]
    top = float(values.max())
    return top >= 0 and math.log2(top + 1).is_integer() and float(np.isin(values, (0, top)).mean()) >= _MASK


def is_mask(sample: Sample, number: int) -> bool:
    """Whether a band of which nobody says so is a mask that shows some of the image or all of it."""
    values = sample.pixels[number]
    top = float(values.max())
    if top < 255 or not is_all_or_nothing(sample, number):  # 0 and 1 may be a mask and may be classes
        return False
    shown, hidden = float((values == top).mean()), float((values == 0).mean())
    return shown > 1 - _MASK and shown >= (1 - hidden) / 2


def hides_a_fill(sample: Sample, mask: int, numbers: Sequence[int]) -> bool:
    """Whether what a mask hides has one colour, in which files are filled where there is nothing."""
    hidden = sample.pixels[mask] == 0
    if not hidden.any():
        return True
    near = _top(sample, numbers) * 3 / 255  # as compression leaves it
    fills = (sample.pixels[number][hidden].astype(np.float64) for number in numbers)
    return all(float((np.abs(band - np.median(band)) <= near).mean()) >= _ALIKE for band in fills)


def is_flat(sample: Sample, number: int) -> bool:
    """Whether a band has one value, or none."""
    values = sample.values(number)
    return not values.size or bool(values.min() == values.max())


def has_few_values(sample: Sample, number: int) -> bool:
    """Whether a band has so few different values as classes do."""
    return len(np.unique(sample.values(number))) <= _FEW


def same(sample: Sample, one: int, other: int) -> bool:
    """Whether two bands are copies of each other, but for what compression changed. Bands of one value are not."""
    sample = _thinned(sample)
    first, second = _values(sample, one, other)
    spread = max(float(first.std()), float(second.std())) if first.size else 0.0
    return spread > 0 and float(np.sqrt(np.mean((first - second) ** 2))) < _SAME * spread


def shares_detail(sample: Sample, number: int, numbers: Sequence[int], edges: bool = False) -> float:
    """How much of a band's fine detail is that of any of the image's bands: the largest correlation, 0..1.

    edges: whether the sharpest ones count. Otherwise it is taken with and without them, whichever is less: those of
    roofs and fields are those of heights too.
    """
    sample = _thinned(sample)
    known = sample.valid & np.all([np.isfinite(sample.pixels[n]) for n in (number, *numbers)], axis=0)
    around = _mean(known, _REACH) > 1 - 1e-4  # where nothing but pixels of the image is near
    detail = _detail(sample, number, known)[around]
    shared = 0.0
    for other in (_detail(sample, other, known)[around] for other in numbers if other != number):
        whole = abs(_correlation(detail, other))
        cut = _cut(detail), _cut(other)
        counts_whole = edges or not all(each.any() for each in cut)
        shared = max(shared, whole if counts_whole else min(whole, abs(_correlation(*cut))))
    return shared


def _cut(detail: np.ndarray) -> np.ndarray:
    """Detail without what is sharper than twice the median; nothing where most of a band is even."""
    most = 2 * float(np.median(np.abs(detail))) if detail.size else 0.0
    return np.clip(detail, -most, most)


def may_be_height(sample: Sample, number: int, numbers: Sequence[int]) -> bool:
    """Whether a band may be heights above ground: neither a mask nor classes nor a part of the image.

    numbers: of the image's bands. Heights of water or of a field are few, too: 0 and a little more.
    """
    values = sample.values(number)
    if not values.size:
        return True
    if has_few_values(sample, number):
        found, counts = np.unique(values, return_counts=True)
        return bool((found == np.arange(len(found))).all() and (np.diff(counts) <= 0).all())
    return shares_detail(sample, number, numbers) < DETAIL


def is_surely_height(sample: Sample, number: int, numbers: Sequence[int]) -> bool:
    """Whether a band that might be near infrared is heights: much ground, and no detail of the image."""
    values = sample.values(number)
    if is_flat(sample, number) or has_few_values(sample, number):
        return False
    low, high = float(values.min()), float(values.max())
    ground = (values <= low + (high - low) / 100).mean()
    return bool(ground >= _GROUND) and shares_detail(sample, number, numbers, edges=True) < _NO_DETAIL


def _thinned(sample: Sample) -> Sample:
    """Every fifth window, of each row and column of them at least one: what is looked at closely."""
    return Sample(sample.windows[::5], {n: band[::5] for n, band in sample.pixels.items()}, sample.valid[::5])


def _top(sample: Sample, numbers: Sequence[int]) -> float:
    """What counts as bright: 255 of 8 bits, else the brightest but for outliers."""
    values = np.concatenate([sample.values(number)[::7] for number in numbers])
    return max(255.0, float(np.nanpercentile(values, 99.5))) if values.size else 255.0


def _share(found: np.ndarray, sample: Sample) -> float:
    return float(found[sample.valid].mean()) if sample.valid.any() else 0.0


def _smooth(band: np.ndarray) -> np.ndarray:
    """A band's means of 3 by 3 pixels, (windows, rows, columns) float32: single pixels are noise."""
    return _mean(np.nan_to_num(band, posinf=0, neginf=0), 1)


def _mean(band: np.ndarray, reach: int) -> np.ndarray:
    """Means of the pixels around each, `reach` to each side; at the edges those that the edge repeats."""
    side = 2 * reach + 1
    padded = np.pad(band.astype(np.float64), ((0, 0), (reach + 1, reach), (reach + 1, reach)), mode="edge")
    total = padded.cumsum(axis=1).cumsum(axis=2)
    block = total[:, side:, side:] - total[:, :-side, side:] - total[:, side:, :-side] + total[:, :-side, :-side]
    return (block / side**2).astype(np.float32)


def _detail(sample: Sample, number: int, known: np.ndarray) -> np.ndarray:
    """What a band has beside its means of 5 by 5 pixels, (windows, rows, columns) float32."""
    band = np.where(known, sample.pixels[number], 0).astype(np.float32)
    return band - _mean(band, _REACH)


def _values(sample: Sample, *numbers: int) -> list[np.ndarray]:
    """The pixels in which all of these bands have data, (pixels,) float32 of each."""
    bands = [sample.pixels[number][sample.valid].astype(np.float32) for number in numbers]
    known = np.all([np.isfinite(band) for band in bands], axis=0)
    return [band[known] for band in bands]


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if not one.size:
        return 0.0
    spread = float(one.std()) * float(other.std())
    return float(np.mean((one - one.mean()) * (other - other.mean()))) / spread if spread > 0 else 0.0
