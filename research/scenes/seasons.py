"""A year of Sentinel-2 over a layout: what each cover reflects, by season, in pixels of 10 m.

Every cover is a mixture of a green and a bare surface whose green share changes over the year; where the bare
surface is soil, it is dark when wet in winter and bright when dry in summer.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .noise import blur
from .plan import Cover

BANDS: tuple[str, ...] = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
# The middle of each month: FLAIR #2 averages the dates of a month and places the mean on day 15.
DATES: tuple[str, ...] = tuple(f"2021-{month:02d}-15" for month in range(1, 13))
PIXEL = 10.0  # metres
SUBPIXELS = 5  # points a side at which a pixel samples the layout: every 2 m
# Bands that the sensor sees in pixels of 20 m: B5 B6 B7 B8A B11 B12.
_COARSE = np.array([3, 4, 5, 7, 8, 9])

# Reflectance x 10000 in the order of BANDS. The first six are medians of a real Sentinel-2 L2A cube (Flanders,
# EPSG:32631, 2018-08 to 2019-11, contains modified Copernicus Sentinel data): cropland in May and in August after
# the harvest, grassland in May and in July, the least green seventh of all pixels in November and in July. The
# others do not occur in it and are set by hand to what such surfaces usually show in L2A products.
SURFACES: dict[str, tuple[int, ...]] = {
    "crop": (500, 670, 350, 910, 3670, 5550, 5860, 5810, 1450, 650),
    "stubble": (1070, 1600, 2240, 2630, 3030, 3330, 3470, 3630, 3860, 3030),
    "grass": (490, 680, 390, 1000, 3180, 4540, 4750, 4840, 1710, 890),
    "dry grass": (680, 940, 1150, 1630, 2550, 2890, 3040, 3380, 2500, 1520),
    "wet soil": (286, 593, 825, 1031, 1205, 1313, 1419, 1439, 1530, 1168),
    "dry soil": (959, 1426, 1966, 2330, 2546, 2777, 2788, 3113, 3408, 2770),
    "leaves": (250, 490, 270, 820, 2550, 3250, 3450, 3620, 1620, 690),
    "twigs": (350, 500, 610, 900, 1320, 1500, 1690, 1800, 1980, 1210),
    "needles": (180, 320, 200, 500, 1320, 1620, 1760, 1850, 860, 380),
    "shrub": (330, 560, 420, 960, 2150, 2650, 2800, 2950, 1850, 950),
    "vine leaves": (380, 640, 420, 1000, 2600, 3250, 3450, 3550, 1850, 980),
    "water": (360, 420, 270, 230, 180, 170, 150, 140, 80, 60),
    "tiles": (780, 980, 1430, 1640, 1780, 1880, 2020, 2120, 2550, 2230),
    "slate": (700, 790, 850, 900, 960, 1010, 1090, 1150, 1320, 1210),
    "metal": (2000, 2180, 2280, 2350, 2400, 2430, 2520, 2560, 2500, 2250),
    "asphalt": (890, 1030, 1140, 1240, 1330, 1400, 1490, 1560, 1830, 1670),
    "concrete": (1600, 1830, 2030, 2130, 2200, 2260, 2380, 2450, 2730, 2520),
    "gravel": (1380, 1680, 1980, 2130, 2240, 2320, 2440, 2530, 2900, 2620),
    "pool": (1500, 1620, 900, 620, 420, 380, 340, 320, 180, 140),
    "glass": (1500, 1650, 1700, 1900, 2400, 2650, 2800, 2850, 2400, 1900),
}
# Share of the soil that is dry, January to December.
DRYNESS = np.array([0.05, 0.10, 0.30, 0.55, 0.60, 0.80, 0.95, 0.90, 0.60, 0.30, 0.10, 0.05], np.float32)
SOIL = "soil"  # the mixture of wet and dry soil by DRYNESS


@dataclass(frozen=True)
class Season:
    """How a cover goes through the year: two surfaces, and the share (0..1) of the first by month."""

    green: str
    bare: str
    share: tuple[float, ...]


def _still(surface: str) -> Season:
    """A cover without seasons."""
    return Season(surface, surface, (1.0,) * 12)


# Shares follow the temperate phenology of Central Europe: broadleaves unfold in April and turn in October, winter
# wheat is green from March to June and harvested in July, maize is sown in May and cut in September, vines are
# green from May to October with half of the ground between their rows in view, meadows are cut or dry in summer.
SEASONS: dict[Cover, Season] = {
    Cover.ROOF_TILE: _still("tiles"),
    Cover.ROOF_SLATE: _still("slate"),
    Cover.ROOF_METAL: _still("metal"),
    Cover.GRAVEL: _still("gravel"),
    Cover.TRACK: Season("grass", "gravel", (0.15, 0.15, 0.2, 0.3, 0.3, 0.25, 0.2, 0.15, 0.2, 0.2, 0.2, 0.15)),
    Cover.ASPHALT: _still("asphalt"),
    Cover.CONCRETE: _still("concrete"),
    Cover.CAR: _still("asphalt"),
    Cover.SOIL: Season("grass", SOIL, (0.05, 0.05, 0.08, 0.12, 0.15, 0.12, 0.08, 0.06, 0.06, 0.08, 0.06, 0.05)),
    Cover.WATER: _still("water"),
    Cover.CONIFER: Season("needles", "twigs", (0.92, 0.92, 0.94, 0.96, 1, 1, 1, 1, 0.98, 0.96, 0.94, 0.92)),
    Cover.BROADLEAF: Season("leaves", "twigs", (0.05, 0.05, 0.12, 0.5, 0.95, 1, 1, 0.97, 0.88, 0.55, 0.15, 0.05)),
    Cover.BRUSH: Season("shrub", "twigs", (0.35, 0.35, 0.45, 0.7, 0.95, 1, 0.95, 0.9, 0.85, 0.65, 0.45, 0.35)),
    Cover.VINE: Season("vine leaves", SOIL, (0.1, 0.1, 0.12, 0.2, 0.36, 0.5, 0.55, 0.52, 0.48, 0.3, 0.14, 0.1)),
    Cover.GRASS: Season("grass", "dry grass", (0.45, 0.45, 0.6, 0.85, 1, 0.8, 0.45, 0.4, 0.5, 0.65, 0.55, 0.45)),
    Cover.DRY_GRASS: Season("grass", "dry grass", (0.3, 0.3, 0.4, 0.6, 0.65, 0.35, 0.08, 0.02, 0.12, 0.3, 0.35, 0.3)),
    Cover.WHEAT: Season("crop", "stubble", (0.45, 0.48, 0.62, 0.85, 1, 0.6, 0.12, 0.04, 0.1, 0.2, 0.3, 0.4)),
    Cover.MAIZE: Season("crop", SOIL, (0.1, 0.08, 0.06, 0.05, 0.1, 0.45, 0.9, 0.95, 0.6, 0.12, 0.1, 0.1)),
    Cover.PLOWED: Season("grass", SOIL, (0.35, 0.35, 0.3, 0.15, 0.05, 0.04, 0.04, 0.03, 0.03, 0.08, 0.2, 0.3)),
    Cover.POOL: _still("pool"),
    Cover.GREENHOUSE: _still("glass"),
    Cover.ROOF_FLAT: _still("concrete"),
}


def series(cover: np.ndarray, unit: np.ndarray, units: int, rng: np.random.Generator) -> np.ndarray:
    """A year of Sentinel-2 over sampled covers, one clear image a month.

    cover, unit: (5 x rows, 5 x columns) samples every 2 m, as in a `Layout`; rows and columns even.
    units: number of units; each has a brightness and a vigour of its own.
    Returns float32 (12, 10, rows, columns), whole numbers: reflectance x 10000 of DATES and BANDS.
    """
    return sensor(ground(cover, unit, units, range(12), rng), rng)


def ground(
    cover: np.ndarray, unit: np.ndarray, units: int, months: Iterable[float], rng: np.random.Generator
) -> np.ndarray:
    """What the ground reflects at moments of the year, before the sensor sees it.

    cover, unit, units: as in `series`. months: each moment in months since the middle of January, 0..12; between
    the middles of two months the seasons go on evenly.
    Returns float32 (moments, 10, rows, columns), reflectance x 10000.
    """
    rows, columns = cover.shape[0] // SUBPIXELS, cover.shape[1] // SUBPIXELS
    own = rng.standard_normal((units, 2), dtype=np.float32)
    vigour = (1 + 0.10 * np.clip(own[:, 0], -2.5, 2.5))[unit]
    brightness = (1 + 0.05 * np.clip(own[:, 1], -2.5, 2.5))[unit]
    moments, tables = list(months), _tables()
    cubes = np.empty((len(moments), len(BANDS), rows, columns), np.float32)
    for cube, month in zip(cubes, moments):
        green, bare, share = (_at(table, month) for table in tables)
        part = np.minimum(share[cover] * vigour, 1)[..., None]
        mixed = (part * green[cover] + (1 - part) * bare[cover]) * brightness[..., None]
        mean = mixed.reshape(rows, SUBPIXELS, columns, SUBPIXELS, len(BANDS)).mean(axis=(1, 3))
        cube[:] = np.moveaxis(mean, -1, 0)
    return cubes


def months_since_mid_january(date: datetime.date) -> float:
    """Where a date lies in the year, in months since 15 January: 0 <= months < 12."""
    last = date.replace(day=15) if date.day >= 15 else (date.replace(day=1) - datetime.timedelta(1)).replace(day=15)
    following = (last + datetime.timedelta(31)).replace(day=15)
    return (last.month - 1 + (date - last) / (following - last)) % 12


def _at(table: np.ndarray, month: float) -> np.ndarray:
    """A table (covers, months, ...) at a moment between two months."""
    before, part = int(month) % 12, month % 1
    return (1 - part) * table[:, before] + part * table[:, (before + 1) % 12]


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Green and bare surfaces (covers, months, bands) and green shares (covers, months), float32."""
    dry = DRYNESS[:, None]
    surfaces = {name: np.repeat(np.array([values], np.float32), 12, axis=0) for name, values in SURFACES.items()}
    surfaces[SOIL] = dry * surfaces["dry soil"] + (1 - dry) * surfaces["wet soil"]
    seasons = [SEASONS[cover] for cover in Cover]
    return (
        np.stack([surfaces[season.green] for season in seasons]),
        np.stack([surfaces[season.bare] for season in seasons]),
        np.array([season.share for season in seasons], np.float32),
    )


def sensor(cubes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the sensor and the atmospheric correction add: blur, 20 m bands, an error a date, noise.

    cubes: (dates, 10, rows, columns) reflectance x 10000, rows and columns even. Returns the same shape, float32,
    whole numbers of 1..10000.
    """
    months, bands, rows, columns = cubes.shape
    cubes = 0.5 * cubes + 0.5 * blur(cubes)
    coarse = cubes[:, _COARSE].reshape(months, len(_COARSE), rows // 2, 2, columns // 2, 2).mean(axis=(3, 5))
    cubes[:, _COARSE] = coarse.repeat(2, axis=2).repeat(2, axis=3)
    gain = 1 + 0.03 * rng.standard_normal((months, 1, 1, 1), dtype=np.float32)
    haze = 25 * rng.standard_normal((months, 1, 1, 1), dtype=np.float32)
    # Haze left by the correction is strongest in the blue and gone in the short-wave infrared.
    haze = haze * np.linspace(1, 0, bands, dtype=np.float32)[:, None, None]
    noise = rng.standard_normal(cubes.shape, dtype=np.float32)
    cubes = cubes * (gain + 0.012 * noise) + haze + 12 * rng.standard_normal(cubes.shape, dtype=np.float32)
    return np.clip(np.rint(cubes), 1, 10000)
