"""Scenes by number: the same seed always gives the same landscape, aerial picture and satellite series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .aerial import any_flight, render
from .layout import centred, rasterise
from .plan import COUNTRY_USES, USUAL_WEIGHTS, Plan, Style, draw_plan
from .seasons import PIXEL as SATELLITE_PIXEL
from .seasons import SUBPIXELS, series

AERIAL_PIXEL = 0.2  # metres, as in FLAIR
SUPERPATCH = 40  # satellite pixels a side around a tile, as in FLAIR #2
_PLAN, _FLIGHT, _YEAR = 1, 2, 3  # independent streams of chance below one seed


@dataclass(frozen=True)
class Scene:
    """An aerial picture and its truth.

    labels: uint8 (rows, columns), FLAIR classes 1..13.
    aerial: uint8 (5, rows, columns): red, green, blue, near infrared, elevation in DN of 0.2 m.
    """

    labels: np.ndarray
    aerial: np.ndarray


def any_style(rng: np.random.Generator) -> Style:
    """A kind of country: nearer to or farther from a village, small or large fields, some uses common, some absent."""
    angle, distance = 2 * np.pi * rng.random(), 240 * rng.random()
    # Gamma of shape 0.5: in most scenes a few uses prevail.
    favour = rng.standard_gamma(0.5, len(COUNTRY_USES)) + 0.02
    return Style(
        village=(float(distance * np.cos(angle)), float(distance * np.sin(angle))),
        village_radius=float(40 + 90 * rng.random()),
        parcel=float(26 + 60 * rng.random() ** 1.5),
        uses=tuple(float(value) for value in np.array(USUAL_WEIGHTS) * favour),
        river=bool(rng.random() < 0.25),
        town=float(rng.random() if rng.random() < 0.3 else 0.05),
    )


def _plan(seed: int, size: int) -> Plan:
    """The plan of a scene; it reaches far enough for the 400 m that the satellite branch sees."""
    rng = np.random.default_rng([seed, _PLAN])
    reach = max(210.0, size * AERIAL_PIXEL / 2 + 20)
    return draw_plan(rng, reach, any_style(rng))


def draw_scene(seed: int, size: int = 512) -> Scene:
    """Scene number `seed`, size x size pixels of 0.2 m: another landscape, light and season for each seed."""
    layout = rasterise(_plan(seed, size), centred(size, AERIAL_PIXEL))
    rng = np.random.default_rng([seed, _FLIGHT])
    return Scene(layout.labels, render(layout, rng, any_flight(rng)))


def draw_sentinel2(seed: int, size: int = 512) -> np.ndarray:
    """The satellite series of `draw_scene(seed, size)`: 400 m centred on it, rows and columns parallel to its own.

    Returns float32 (12, 10, 40, 40), reflectance x 10000 (1..10000) of `seasons.DATES` and `seasons.BANDS`.
    """
    layout = rasterise(_plan(seed, size), centred(SUPERPATCH * SUBPIXELS, SATELLITE_PIXEL / SUBPIXELS))
    return series(layout.cover, layout.unit, layout.units, np.random.default_rng([seed, _YEAR]))
