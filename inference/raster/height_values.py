"""What heights seem to be by their values: metres above ground, or something else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...contract.errors import BadInput
from ...contract.notices import Notice, Warn, notice, with_evidence
from .pictures import grey_text
from .sample import Sample

Limits = tuple[float, float]

STEP_M = 0.2  # metres to a digital number of FLAIR's band of heights
TALLEST_M = 255 * STEP_M  # what a network is given at most

# Metres. Of 116 real rasters of heights above ground (flair2, ign-bdortho, ign-lidar-scenes, idtrees,
# neon-teak-heights) the lowest percent is above 12.8 m nowhere in places of 100 m, which a forest fills, and 31.2 m in
# a plot of 20 m.
_LOWEST = 20.0
_LOWEST_IN_A_PLOT = 40.0
_PLOT = 95.0  # metres: a smaller place may well be level all over, too
# Squares of 2 m that hardly rise are ground, a roof or a road. In real heights above ground they are 11 to 98 % of a
# place with open ground, and 68 % of them or more lie within 2 m of zero; under closed trees they are 6 % at most.
_SQUARE = 2.0
_LEVEL = 0.41
_LEVEL_SHARE = 0.10
_NEAR_GROUND = 2.0
_NEAR_GROUND_SHARE = 0.02
_FINEST_FOR_LEVEL = 1.5  # metres a pixel: what is coarser is level in any such square
# Metres that hardly any pixel (1 in 100) of a place lies above, however tall its trees and towers are.
_IMPOSSIBLE = 300.0
_MANY_TALL = 0.05  # share of pixels beyond `TALLEST_M`; of the real ones 0, as their 8 bits end there
_BELOW = 1.0  # metres below ground that no noise of a difference reaches
_MANY_BELOW = 0.05
# Whole numbers of 0..255 with so tall a hundredth are more likely digital numbers: 30 is 6 m in them.
_DIGITAL = 30.0


@dataclass(frozen=True)
class Heights:
    """A sample of heights: metres (windows, rows, columns) float32, NaN where unknown, in pixels of so many metres.

    place: metres that the sampled place is wide or high, whichever is less.
    """

    metres: np.ndarray
    pixel: float
    place: float

    @property
    def values(self) -> np.ndarray:
        """Those that are known, (pixels,)."""
        known: np.ndarray = self.metres[np.isfinite(self.metres)]
        return known

    def evidence(self, **more: float) -> dict[str, float]:
        """Percentiles for a notice."""
        names = {"lowest_m": 1, "median_m": 50, "highest_m": 99}
        return {**{name: round(float(np.percentile(self.values, at)), 2) for name, at in names.items()}, **more}

    def picture(self) -> str:
        """A grey picture of the window with the most of them, a PNG in base64."""
        known = np.isfinite(self.metres)
        index = int(known.sum(axis=(1, 2)).argmax())
        return grey_text(self.metres[index], known[index])

    def level(self) -> np.ndarray:
        """Mean heights of the squares of 2 m that hardly rise, as a share of all squares, (squares,), NaN where not."""
        size = max(2, round(_SQUARE / self.pixel))
        windows, rows, columns = self.metres.shape
        down, across = rows // size, columns // size
        cut = self.metres[:, : down * size, : across * size].reshape(windows, down, size, across, size)
        squares = cut.swapaxes(2, 3).reshape(-1, size * size)
        squares = squares[np.isfinite(squares).all(axis=1)]
        return (
            np.where(np.ptp(squares, axis=1) <= _LEVEL, squares.mean(axis=1), np.nan) if len(squares) else squares[:, 0]
        )


def judge_heights(heights: Heights, path: str, pixel: float, warn: Warn) -> None:
    """Says what a sample of heights above ground seems to be instead. Raises BadInput where it is nothing of use.

    pixel: of the raster itself, in metres; 0 where that is not known.
    """
    coarse = pixel > _FINEST_FOR_LEVEL
    values = heights.values
    low, high = (float(value) for value in np.percentile(values, [1, 99]))
    below = float((values < -_BELOW).mean())
    if high < -_BELOW:
        raise BadInput(
            f"The heights in {path} lie below 0 where the map is to be (1 to 99 % from {low:.0f} to {high:.0f} m): "
            "give heights above ground in metres, or the terrain model of the place too.",
            "elevation",
        )
    told = _told_of_ground(heights, low, coarse)
    if told is None and high > _IMPOSSIBLE:
        raise BadInput(
            f"The heights in {path} reach {high:.0f} m where the map is to be, from {low:.0f} m: they are centimetres, "
            "or a surface model above sea level; give heights above ground in metres, or the terrain model of the "
            "place too.",
            "elevation",
        )
    if told is None and heights.place >= _PLOT and values.min() == values.max():
        told = notice("flat_heights", value=float(values[0]))
    if told is None and high > _DIGITAL and values.max() <= 255 and values.min() >= 0 and not (values % 1).any():
        told = notice("digital_heights", high=high)
    if told is None:
        told = _told_of_tall(values)
    if told is None and below >= _MANY_BELOW:
        told = notice("heights_below_ground", percent=percent_of(below), low=low)
    if told is not None:
        warn(with_evidence(told, picture=heights.picture(), **heights.evidence(below_0_percent=percent_of(below))))


def _told_of_ground(heights: Heights, low: float, coarse: bool) -> Notice | None:
    """What is told of heights that touch the ground nowhere."""
    told = notice("heights_above_sea", low=low, high=float(np.percentile(heights.values, 99)))
    if low > (_LOWEST if heights.place >= _PLOT else _LOWEST_IN_A_PLOT):
        return told
    level = heights.level() if not coarse and heights.pixel <= _SQUARE / 2 else np.empty(0)
    known = level[np.isfinite(level)]
    if low <= _NEAR_GROUND or not len(level) or len(known) < _LEVEL_SHARE * len(level):
        return None
    return told if (known < _NEAR_GROUND).mean() < _NEAR_GROUND_SHARE else None


def _told_of_tall(values: np.ndarray) -> Notice | None:
    tall = float((values > TALLEST_M).mean())
    return notice("tall_heights", percent=percent_of(tall), tallest=TALLEST_M) if tall > _MANY_TALL else None


def judge_difference(heights: Heights, warn: Warn) -> None:
    """Says what a surface model minus a terrain model seems to be. Raises BadInput where it is nothing of use."""
    values = heights.values
    low, high = (float(value) for value in np.percentile(values, [1, 99]))
    below, above = float((values < -_BELOW).mean()), float((values > _BELOW).mean())
    if below >= _MANY_BELOW and above <= below / 10:
        raise BadInput(
            f"The elevation raster lies below the terrain model, by {-low:.0f} m at most, and hardly anywhere above "
            "it: the two are swapped, or in different units or height systems; give the surface model as elevation and "
            "the terrain model as terrain.",
            "terrain",
        )
    if low > TALLEST_M or high > _IMPOSSIBLE:
        raise BadInput(
            f"The elevation raster lies {low:.0f} to {high:.0f} m above the terrain model, higher than any tree or "
            "house: the two are in different units or height systems; give a surface and a terrain model in metres.",
            "terrain",
        )
    told = None
    if _told_of_ground(heights, low, False) is not None:
        told = notice("models_apart", low=low)
    told = told or _told_of_tall(values)
    if told is None and below >= _MANY_BELOW:
        told = notice("surface_below_terrain", percent=percent_of(below))
    if told is None and heights.place >= _PLOT and values.min() == values.max():
        told = notice("flat_heights", value=float(values[0]))
    if told is not None:
        warn(with_evidence(told, picture=heights.picture(), **heights.evidence(below_0_percent=percent_of(below))))


def height_limits(
    sample: Sample, bands: dict[str, int], stretch: dict[int, Limits], pixel_m: float, place_m: float, warn: Warn
) -> dict[int, Limits]:
    """The values (low, high) of an image's band of heights that become 0 and 255; empty where they are such already.

    Whole numbers are FLAIR's digital numbers of 0.2 m, fractions are metres. A band that was scaled with the colours is
    scaled back with them. `warn` takes what the band seems to be instead.

    bands: numbers by role. stretch: of the colours. pixel_m: metres a pixel. place_m: as `Heights.place`.
    """
    number = bands["elevation"]
    values, known, found = sample.pixels[number].astype(np.float64), sample.valid, sample.values(number)
    if not found.size:
        return {}
    limits = _scale_of_band(sample, number, [at for role, at in bands.items() if role != "elevation"], stretch, warn)
    low, high = limits or (0.0, 255.0)
    values[sample.lacks(number)] = low  # as it reads
    metres = np.where(known, (values - low) * TALLEST_M / (high - low), np.nan).astype(np.float32)
    heights = Heights(metres, pixel_m, place_m)
    told = _told_of_band(heights, number, found)
    if told is not None:
        warn(with_evidence(told, picture=heights.picture(), **heights.evidence()))
    return {} if limits is None else {number: limits}


def _scale_of_band(
    sample: Sample, number: int, colours: list[int], stretch: dict[int, Limits], warn: Warn
) -> Limits | None:
    """The limits of a band of heights, None where it holds digital numbers."""
    found, scaled = sample.values(number), stretch.get(colours[0])
    if not (found % 1).any():
        declared = scaled is not None and scaled[0] == 0 and math.log2(scaled[1] + 1).is_integer()
        return scaled if declared and 255 < found.max() <= (scaled or (0, 0))[1] else None
    if scaled == (0.0, 1.0) and found.min() >= 0 and found.max() <= 1:
        return scaled
    if scaled is None and any((sample.values(colour) % 1).any() for colour in colours):
        warn(notice("band_with_fractions", number=number))
        return None
    warn(notice("band_in_metres", number=number))
    return 0.0, TALLEST_M


def _told_of_band(heights: Heights, number: int, found: np.ndarray) -> Notice | None:
    values = heights.values
    low = float(np.percentile(values, 1))
    below, tall = float((values < -_BELOW).mean()), float((values > TALLEST_M).mean())
    if found.min() == found.max():
        return notice("band_of_one_value", number=number, role="elevation", value=float(found[0]))
    if _told_of_ground(heights, low, False) is not None:
        return notice("band_above_sea", number=number, low=low)
    if tall > _MANY_TALL:
        return notice("band_too_tall", number=number, percent=percent_of(tall), tallest=TALLEST_M)
    return notice("band_below_ground", number=number, percent=percent_of(below)) if below >= _MANY_BELOW else None


def percent_of(share: float) -> int:
    """Percent of a share, 1 at least where it is more than nothing."""
    return max(1, round(100 * share)) if share else 0
