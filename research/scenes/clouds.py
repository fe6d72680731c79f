"""Pictures of clouds in satellite images: bright, soft-edged, of many sizes, each with its shadow on the ground."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np

from .noise import smooth_noise
from .seasons import BANDS, PIXEL

LATITUDE = 48.4  # degrees north: Alsace
HOUR = 10.5  # local solar time of Sentinel-2's passes: 10:30 at the descending node
# Reflectance x 10000 of a thick cloud in the order of BANDS, set by hand to what clouds usually show in L2A
# products: white up to the near infrared, darker in the short-wave infrared, which their droplets absorb.
CLOUD = np.array([6300, 6200, 6300, 6500, 6700, 6800, 6900, 7000, 4300, 3100], np.float32)
# Share of the light that a full shadow takes away: least in the blue, which comes from the whole sky.
SHADED = np.linspace(0.5, 0.75, len(BANDS), dtype=np.float32)


@dataclass(frozen=True)
class Sky:
    """What stands between the satellite and the ground on one date, on a grid of pixels of 10 m.

    opacity: (rows, columns) float32, share 0..1 of the ground that clouds hide. shadow: (rows, columns) float32,
    share 0..1 of the sun that they take from the ground. reflectance: (10, rows, columns) float32 of the clouds.
    """

    opacity: np.ndarray
    shadow: np.ndarray
    reflectance: np.ndarray

    def over(self, ground: np.ndarray) -> np.ndarray:
        """The ground (10, rows, columns) as the satellite sees it, of the same shape."""
        lit = ground * (1 - SHADED[:, None, None] * self.shadow)
        return (1 - self.opacity) * lit + self.opacity * self.reflectance

    def probability(self, rng: np.random.Generator) -> np.ndarray:
        """What a cloud detector would make of it: (rows, columns) float32 in percent, unsure at thin edges."""
        unsure = 6 * smooth_noise(rng, self.opacity.shape, 2.0) * (self.opacity > 0)
        return np.clip(200 * (self.opacity - 0.05) + unsure, 0, 100).astype(np.float32)


def draw_sky(rng: np.random.Generator, shape: tuple[int, int], cover: float, date: datetime.date) -> Sky:
    """Clouds over a share `cover` (0..1) of a grid of `shape`, with the shadows of the date's sun."""
    if cover <= 0:
        clear = np.zeros(shape, np.float32)
        return Sky(clear, clear, np.zeros((len(BANDS), *shape), np.float32))
    size = 70 * 3 ** rng.random()  # metres: heaps of fair weather to small fields of cloud
    height = 400 + 800 * rng.random()
    densest = 1 - 0.35 * rng.random() ** 2
    edge = 0.6 + 0.4 * rng.random()
    away = _shadow_offset(date, height)
    canvas = shape[0] + abs(away[0]), shape[1] + abs(away[1])
    noise = np.zeros(canvas, np.float32)
    for weight, scale in ((1.0, 1.0), (0.45, 0.45), (0.2, 0.2)):
        noise += weight * smooth_noise(rng, canvas, max(size / PIXEL * scale, 2.0))
    seen = _window([max(step, 0) for step in away], shape)
    # A cloud at p throws its shadow at p + away, so the shadow at p comes from the cloud at p - away.
    casting = _window([max(step, 0) - step for step in away], shape)
    threshold = float(np.quantile(noise[seen], 1 - cover)) if cover < 1 else float(noise[seen].min()) - edge
    thickness = noise - np.float32(threshold)
    opacity = densest * _smooth_step(0.5 + thickness / (2 * edge))
    # Thick middles are brightest; sides turned away from the sun are grey.
    towards_sun = -np.asarray(away, np.float32) / max(float(np.hypot(*away)), 1)
    slope_rows, slope_columns = np.gradient(thickness[seen])
    facing = np.clip(-(slope_rows * towards_sun[0] + slope_columns * towards_sun[1]), -0.6, 0.6)
    brightness = 0.75 + 0.25 * np.clip(thickness[seen] / 2, 0, 1) + 0.35 * facing
    brightness += 0.03 * smooth_noise(rng, shape, 1.5)
    reflectance = CLOUD[:, None, None] * np.clip(brightness, 0.5, 1.35)
    return Sky(opacity[seen], opacity[casting], reflectance.astype(np.float32))


def sun(date: datetime.date) -> tuple[float, float]:
    """Azimuth (clockwise from north) and elevation of the sun at the satellite's pass, in radians.

    The spherical triangle of pole, zenith and sun; declination by Cooper's formula (Solar Energy 12, 1969).
    """
    day = date.timetuple().tm_yday
    declination = np.deg2rad(23.45 * np.sin(2 * np.pi * (284 + day) / 365))
    latitude, hour = np.deg2rad(LATITUDE), np.deg2rad(15 * (HOUR - 12))
    up = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.cos(latitude) * np.sin(declination) - np.sin(latitude) * np.cos(declination) * np.cos(hour)
    return float(np.arctan2(east, north)), float(np.arcsin(up))


def _shadow_offset(date: datetime.date, height: float) -> tuple[int, int]:
    """Rows (southwards) and columns (eastwards) from a cloud `height` metres above ground to its shadow."""
    azimuth, elevation = sun(date)
    far = height / np.tan(elevation) / PIXEL
    return round(float(far * np.cos(azimuth))), round(float(-far * np.sin(azimuth)))


def _window(start: list[int], shape: tuple[int, int]) -> tuple[slice, slice]:
    return slice(start[0], start[0] + shape[0]), slice(start[1], start[1] + shape[1])


def _smooth_step(position: np.ndarray) -> np.ndarray:
    """0 up to 0, 1 from 1 on, without a kink between: float32."""
    position = np.clip(position, 0, 1)
    return (position * position * (3 - 2 * position)).astype(np.float32)
