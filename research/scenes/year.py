"""A year of Sentinel-2 as an analyst downloads it: irregular dates, some cloudy, some with snow, masks beside them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np

from .clouds import Sky, draw_sky
from .noise import smooth_noise
from .plan import Cover
from .seasons import SUBPIXELS, ground, months_since_mid_january, sensor

YEAR = 2021
REVISIT = 5  # days between two passes of the pair of satellites over one orbit
ACQUISITIONS = 25  # of 73 passes: as many as one downloads
CLEAR = 11  # of them without a cloud
SNOWS = (1.0, 0.4)  # depth of the snow on the clearest winter dates: 1 lies everywhere, less in patches
MASK_PIXEL = 20.0  # metres, as the cloud and snow probabilities of L2A products

# Reflectance x 10000 of fresh snow in the order of BANDS, set by hand: white, nearly black in the short-wave infrared.
SNOW = np.array([8300, 8300, 8250, 8200, 8100, 8000, 7900, 7700, 1000, 900], np.float32)
# Share of a cover that lying snow hides: it slides off crowns, is cleared from roads and melts into water.
SNOW_LIES = {
    Cover.CONIFER: 0.35,
    Cover.BROADLEAF: 0.55,
    Cover.BRUSH: 0.6,
    Cover.VINE: 0.8,
    Cover.ASPHALT: 0.25,
    Cover.CONCRETE: 0.5,
    Cover.CAR: 0.6,
    Cover.GREENHOUSE: 0.3,
    Cover.WATER: 0.0,
    Cover.POOL: 0.0,
}
_SNOW_LIES = np.array([SNOW_LIES.get(cover, 0.95) for cover in Cover], np.float32)


@dataclass(frozen=True)
class Weather:
    """One date: share of the scene under clouds, 0..1, and depth of the snow, 0 none .. 1 everywhere."""

    date: datetime.date
    clouds: float
    snow: float


@dataclass(frozen=True)
class Year:
    """A year over a scene.

    weather: of each date, ascending. pixels: uint16 (dates, 10, rows, columns), reflectance x 10000 of
    `seasons.BANDS`. clouds, snow: uint8 (dates, rows / 2, columns / 2), probabilities in percent at MASK_PIXEL.
    """

    weather: tuple[Weather, ...]
    pixels: np.ndarray
    clouds: np.ndarray
    snow: np.ndarray


def draw_weather(rng: np.random.Generator) -> tuple[Weather, ...]:
    """The dates that one would order: the two clearest passes of each month, and the clearest of the rest.

    Their cover goes from none to the whole scene; two winter dates have snow.
    """
    first = datetime.date(YEAR, 1, 1) + datetime.timedelta(int(rng.integers(REVISIT)))
    passes = [first + datetime.timedelta(REVISIT * number) for number in range(365 // REVISIT)]
    passes = [date for date in passes if date.year == YEAR]
    winter = np.array([np.cos(2 * np.pi * date.timetuple().tm_yday / 365) for date in passes])
    cloudiness = dict(zip(passes, 0.2 * winter + 0.6 * rng.standard_normal(len(passes))))
    clearest = sorted(passes, key=cloudiness.__getitem__)
    by_month = [date for month in range(1, 13) for date in [d for d in clearest if d.month == month][:2]]
    rest = [date for date in clearest if date not in by_month]
    chosen = sorted(by_month + rest[: ACQUISITIONS - len(by_month)], key=cloudiness.__getitem__)
    cloudy = np.linspace(0, 1, ACQUISITIONS - CLEAR + 1)[1:]
    cover = dict(zip(chosen, [0.0] * CLEAR + cloudy.tolist()))
    snow = dict(zip([date for date in chosen if date.month in (12, 1, 2)], SNOWS))
    return tuple(Weather(date, cover[date], snow.get(date, 0.0)) for date in sorted(chosen))


def draw_year(cover: np.ndarray, unit: np.ndarray, units: int, rng: np.random.Generator) -> Year:
    """A year over sampled covers; arguments as in `seasons.series`, rows and columns of the pixels even."""
    weather = draw_weather(rng)
    cubes = ground(cover, unit, units, [months_since_mid_january(day.date) for day in weather], rng)
    shape = cubes.shape[2:]
    lies = _SNOW_LIES[cover].reshape(shape[0], SUBPIXELS, shape[1], SUBPIXELS).mean(axis=(1, 3))
    clouds, snows = [], []
    for number, day in enumerate(weather):
        snow = _lying_snow(lies, day.snow, rng)
        sky = draw_sky(rng, shape, day.clouds, day.date)
        cubes[number] = sky.over((1 - snow) * cubes[number] + snow * SNOW[:, None, None])
        clouds.append(_in_percent(sky.probability(rng)))
        snows.append(_in_percent(_snow_probability(snow, sky)))
    return Year(weather, sensor(cubes, rng).astype(np.uint16), np.stack(clouds), np.stack(snows))


def _lying_snow(lies: np.ndarray, depth: float, rng: np.random.Generator) -> np.ndarray:
    """Share of each pixel that snow hides, float32 of the shape of `lies`; thin snow lies in patches."""
    if depth <= 0:
        return np.zeros_like(lies)
    patches = np.clip(0.5 + 2 * (depth - 0.5) + 0.6 * smooth_noise(rng, lies.shape, 6.0), 0, 1)
    return lies * (patches if depth < 1 else 1)


def _snow_probability(snow: np.ndarray, sky: Sky) -> np.ndarray:
    """What a snow detector would make of it, in percent: it sees none under clouds."""
    return np.clip(200 * (snow - 0.1), 0, 100) * (1 - sky.opacity)


def _in_percent(probability: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels as uint8."""
    rows, columns = probability.shape
    return np.rint(probability.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))).astype(np.uint8)
