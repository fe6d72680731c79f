"""From a layout to a 0.2 m aerial picture: colour, texture, rows, light and shadow, and the elevation band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .layout import Layout
from .noise import blur, line_noise, smooth_noise
from .plan import Cover

# Mean and standard deviation of red, green, blue, near infrared (DN) and elevation (DN of 0.2 m) of each class,
# measured on the seven FLAIR #2 patches IMG_000687, 002115, 034217, 036294, 050549, 084558 and 087873
# (IGN - FLAIR #2, Licence Ouverte / Open Licence 2.0). Classes 9, 11, 12 and 13 do not occur there. Shadows
# are part of the figures; the elevation of 4 and 10 is that of one patch on a cliff.
MEASURED: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    1: ((133.4, 126.8, 125.0, 67.1, 87.4), (44.3, 39.4, 39.7, 21.3, 41.4)),
    2: ((165.9, 159.9, 150.8, 87.5, 5.1), (37.0, 34.0, 29.9, 34.6, 5.2)),
    3: ((143.8, 145.4, 145.8, 70.7, 14.9), (51.0, 46.2, 44.5, 28.1, 25.3)),
    4: ((180.1, 175.1, 168.4, 136.8, 26.6), (43.8, 42.3, 43.8, 42.2, 45.5)),
    5: ((96.0, 120.7, 95.4, 59.3, 34.0), (22.6, 28.8, 36.1, 19.5, 58.4)),
    6: ((49.7, 62.0, 59.1, 95.9, 109.5), (18.1, 24.3, 19.3, 26.3, 16.3)),
    7: ((98.3, 107.3, 98.5, 138.5, 17.7), (23.8, 25.8, 20.2, 28.8, 15.0)),
    8: ((88.0, 98.2, 91.7, 104.9, 7.1), (18.3, 19.8, 16.1, 23.9, 6.5)),
    10: ((134.7, 131.9, 121.1, 120.5, 14.0), (33.4, 29.4, 29.5, 27.9, 20.9)),
}


@dataclass(frozen=True)
class Appearance:
    """How a cover looks in full light.

    colour: mean red, green, blue, near infrared in DN. spread: relative standard deviation from unit to unit
    (one roof, field or tree to the next). fine, coarse: relative texture inside a unit at about 0.4 m and 4 m.
    rough: bumps in metres. rows: relative contrast of rows.
    """

    colour: tuple[float, float, float, float]
    spread: float
    fine: float
    coarse: float
    rough: float = 0.0
    rows: float = 0.0


# Colours lie around MEASURED, brighter where shadow is drawn on top (trees, roofs), grass greener: the measured
# one is mostly dry pasture. Vineyard, crops, plowed land
# and "other" follow the renderings of FLAIR #2 scenes (red, green, blue) and, for the near infrared, their
# neighbours above: crops the deciduous trees, plowed land and stubble bare soil.
APPEARANCES: dict[Cover, Appearance] = {
    Cover.ROOF_TILE: Appearance((166, 126, 110, 90), 0.14, 0.07, 0.06, 0.0, 0.05),
    Cover.ROOF_SLATE: Appearance((112, 116, 124, 60), 0.14, 0.06, 0.05, 0.0, 0.04),
    Cover.ROOF_METAL: Appearance((176, 180, 182, 90), 0.18, 0.02, 0.05, 0.0, 0.06),
    Cover.GRAVEL: Appearance((182, 175, 163, 100), 0.10, 0.08, 0.07, 0.03),
    Cover.TRACK: Appearance((180, 170, 152, 104), 0.08, 0.08, 0.07, 0.03),
    Cover.ASPHALT: Appearance((150, 150, 149, 74), 0.08, 0.04, 0.04),
    Cover.CONCRETE: Appearance((192, 189, 183, 96), 0.09, 0.05, 0.05),
    Cover.CAR: Appearance((150, 152, 156, 90), 0.32, 0.03, 0.0),
    Cover.SOIL: Appearance((188, 172, 150, 126), 0.10, 0.09, 0.09, 0.06, 0.02),
    Cover.WATER: Appearance((98, 122, 96, 58), 0.16, 0.015, 0.03),
    Cover.CONIFER: Appearance((68, 84, 72, 170), 0.13, 0.14, 0.05, 0.5),
    Cover.BROADLEAF: Appearance((110, 126, 98, 196), 0.14, 0.13, 0.06, 0.7),
    Cover.BRUSH: Appearance((102, 114, 86, 142), 0.15, 0.15, 0.12, 0.35),
    Cover.VINE: Appearance((92, 118, 84, 152), 0.08, 0.13, 0.07, 0.25, 1.0),
    Cover.GRASS: Appearance((124, 138, 102, 166), 0.10, 0.08, 0.08, 0.05, 0.04),
    Cover.DRY_GRASS: Appearance((160, 152, 124, 124), 0.10, 0.10, 0.11, 0.06, 0.03),
    Cover.WHEAT: Appearance((204, 187, 146, 138), 0.07, 0.045, 0.04, 0.05, 0.05),
    Cover.MAIZE: Appearance((98, 128, 90, 162), 0.08, 0.09, 0.04, 0.15, 0.16),
    Cover.PLOWED: Appearance((198, 176, 150, 122), 0.12, 0.06, 0.04, 0.08, 0.07),
    Cover.POOL: Appearance((112, 190, 204, 52), 0.06, 0.02, 0.03),
    Cover.GREENHOUSE: Appearance((196, 203, 206, 128), 0.07, 0.03, 0.05, 0.0, 0.12),
    Cover.ROOF_FLAT: Appearance((160, 158, 156, 84), 0.22, 0.05, 0.06),
}
# Direction in which units of one cover differ in hue, added to their difference in brightness: per band.
HUE = np.array([1.0, 0.1, -0.9, 0.5], np.float32)
SKYLIGHT = np.array([0.30, 0.35, 0.42, 0.30], np.float32)  # share of full light that reaches a shadow; bluish
GROUND_BETWEEN_VINES = np.array([172.0, 158.0, 126.0, 118.0], np.float32)
DN_PER_METRE = 5.0  # FLAIR #2: one DN of the elevation band is 0.2 m


@dataclass(frozen=True)
class Flight:
    """Conditions of the day: sun azimuth and elevation in degrees, and what haze and camera make of the colours.

    gain: factor of each band (red, green, blue, near infrared). haze: DN added to green; half as much to red,
    half as much again to blue. contrast: exponent of the tone curve, 1 = linear. season: -1 lush spring .. 1 dry
    late summer. surface_error: standard deviation of the elevation band's broad error in metres.
    """

    azimuth: float = 150.0
    elevation: float = 48.0
    gain: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    haze: float = 5.0
    contrast: float = 1.0
    season: float = 0.0
    surface_error: float = 0.25


def any_flight(rng: np.random.Generator) -> Flight:
    """Conditions as they differ between real campaigns: sun, exposure, haze, tone curve, season."""
    exposure = 0.8 + 0.4 * rng.random()
    balance = exposure * (1 + 0.06 * rng.standard_normal(4))
    balance[3] *= 0.8 + 0.4 * rng.random()
    return Flight(
        azimuth=float(105 + 150 * rng.random()),
        elevation=float(36 + 26 * rng.random()),
        gain=(float(balance[0]), float(balance[1]), float(balance[2]), float(balance[3])),
        haze=float(14 * rng.random()),
        contrast=float(0.85 + 0.35 * rng.random()),
        season=float(2 * rng.random() - 1),
        # Mostly small; steep terrain and water leave metres in some real patches.
        surface_error=float(0.2 + 3 * rng.random() ** 6),
    )


def render(layout: Layout, rng: np.random.Generator, flight: Flight | None = None) -> np.ndarray:
    """The aerial picture of a layout: uint8 (5, rows, columns), red, green, blue, near infrared, elevation."""
    flight = flight or Flight()
    shape = layout.cover.shape
    pixel = layout.geobox.transform.a
    table = _table()
    appearance = {name: values[layout.cover] for name, values in table.items() if name != "colour"}
    fine = (
        0.6 * rng.standard_normal(shape, dtype=np.float32)
        + 0.6 * smooth_noise(rng, shape, 0.45 / pixel)
        + 0.5 * smooth_noise(rng, shape, 0.9 / pixel)
    )
    coarse = (
        0.5 * smooth_noise(rng, shape, 1.8 / pixel)
        + 0.5 * smooth_noise(rng, shape, 4.0 / pixel)
        + 0.5 * smooth_noise(rng, shape, 10.0 / pixel)
        + 0.5 * smooth_noise(rng, shape, 28.0 / pixel)
    )

    relief, in_row = _relief(layout, rng, appearance["rough"], coarse, pixel)
    # Colour of each unit: a brightness and a hue of its own, the same for every band's texture.
    own = rng.standard_normal((layout.units, 2), dtype=np.float32)
    brightness = 1 + appearance["spread"] * own[layout.unit, 0]
    hue = 0.5 * appearance["spread"] * own[layout.unit, 1]
    texture = appearance["fine"] * fine + appearance["coarse"] * coarse
    rows = line_noise(rng, layout.phase, 0.5) * 0.7 + np.sin(2 * np.pi * layout.phase).astype(np.float32) * 0.7
    texture += appearance["rows"] * (layout.cover != Cover.VINE) * rows
    # Wheel tracks of the sprayer, a pair every seventh pass.
    passes = layout.phase % 7
    texture -= 0.12 * (layout.cover == Cover.WHEAT) * ((passes < 0.12) | (np.abs(passes - 0.62) < 0.06))
    shade = np.maximum(brightness, 0.3) * np.maximum(1 + texture, 0.25)

    light = _light(relief, pixel, flight)
    sunlit = 1 - blur(_shadow(relief, pixel, flight))
    season = _season(table["colour"], flight.season)
    bands = np.empty((5, *shape), np.float32)
    for band in range(4):
        values = season[:, band][layout.cover]
        between = (layout.cover == Cover.VINE) & ~in_row
        values = np.where(between, GROUND_BETWEEN_VINES[band] * (1 - 0.06 * flight.season * (band == 3)), values)
        values = values * shade * (1 + HUE[band] * hue)
        sky = SKYLIGHT[band]
        bands[band] = values * (sky + (1 - sky) * light * sunlit)
    bands[:4] = _camera(bands[:4], rng, flight)
    bands[4] = elevation(relief, layout.cover, flight.surface_error, rng)
    return np.clip(np.rint(bands), 0, 255).astype(np.uint8)


def _table() -> dict[str, np.ndarray]:
    """The appearances as arrays indexed by cover number."""
    appearances = [APPEARANCES[cover] for cover in Cover]
    table = {
        name: np.array([getattr(each, name) for each in appearances], np.float32)
        for name in ("spread", "fine", "coarse", "rough", "rows")
    }
    table["colour"] = np.array([each.colour for each in appearances], np.float32)
    return table


def _season(colour: np.ndarray, season: float) -> np.ndarray:
    """Colours of the covers by season: growing plants go from lush to dry, float32 (covers, 4)."""
    colour = colour.copy()
    dry = np.array([0.13, 0.03, 0.0, -0.10], np.float32)
    for cover, share in (
        (Cover.GRASS, 1.6),
        (Cover.DRY_GRASS, 0.8),
        (Cover.BROADLEAF, 0.6),
        (Cover.BRUSH, 0.7),
        (Cover.VINE, 0.4),
        (Cover.MAIZE, 0.4),
    ):
        colour[cover] *= 1 + season * share * dry
    if season < -0.35:  # before the harvest wheat is green
        colour[Cover.WHEAT] = (104, 128, 86, 156)
    return colour


def _relief(
    layout: Layout, rng: np.random.Generator, rough: np.ndarray, coarse: np.ndarray, pixel: float
) -> tuple[np.ndarray, np.ndarray]:
    """Height in metres with the bumps of leaves and soil, and which pixels lie in a row of vines."""
    shape = layout.cover.shape
    clumps = 0.6 * smooth_noise(rng, shape, 0.9 / pixel) + 0.4 * smooth_noise(rng, shape, 1.8 / pixel)
    relief = layout.height + rough * clumps
    vine = layout.cover == Cover.VINE
    beside = np.abs(layout.phase - np.floor(layout.phase) - 0.5)
    in_row = beside < 0.19 + 0.04 * clumps
    relief = np.where(vine & ~in_row, 0.0, relief)
    undergrowth = (layout.cover == Cover.BRUSH) & (layout.height < 1)
    relief = np.where(undergrowth, relief + 0.4 * np.maximum(coarse, 0), relief)
    return np.maximum(relief, 0).astype(np.float32), in_row


def _sun(flight: Flight) -> tuple[float, float, float]:
    """Unit vector to the sun in ground coordinates (x east, y south, z up)."""
    azimuth, elevation = np.deg2rad(flight.azimuth), np.deg2rad(flight.elevation)
    flat = np.cos(elevation)
    return float(flat * np.sin(azimuth)), float(-flat * np.cos(azimuth)), float(np.sin(elevation))


def _light(relief: np.ndarray, pixel: float, flight: Flight) -> np.ndarray:
    """Direct light by the slope of the surface (Lambert's law), 1 on flat ground, float32."""
    sun_x, sun_y, sun_z = _sun(flight)
    slope_y, slope_x = np.gradient(blur(relief), pixel)
    # Steps at walls are no slopes that a camera above could see.
    slope_x, slope_y = np.clip(slope_x, -1.6, 1.6), np.clip(slope_y, -1.6, 1.6)
    facing = (sun_z - slope_x * sun_x - slope_y * sun_y) / np.sqrt(1 + slope_x**2 + slope_y**2)
    return np.clip(facing / sun_z, 0.05, 1.45).astype(np.float32)


def _shadow(relief: np.ndarray, pixel: float, flight: Flight) -> np.ndarray:
    """Pixels that something higher hides from the sun, by stepping towards it: bool of the same shape."""
    sun_x, sun_y, sun_z = _sun(flight)
    flat = float(np.hypot(sun_x, sun_y))
    rise = sun_z / flat * pixel  # metres gained a pixel of the way
    rows, columns = relief.shape
    shadow = np.zeros(relief.shape, bool)
    reach = int(min(float(relief.max()) / rise, rows, columns)) + 1
    step = 1.0
    while step < reach:
        dy, dx = int(np.rint(step * sun_y / flat)), int(np.rint(step * sun_x / flat))
        here = (slice(max(0, -dy), rows - max(0, dy)), slice(max(0, -dx), columns - max(0, dx)))
        there = (slice(max(0, dy), rows - max(0, -dy)), slice(max(0, dx), columns - max(0, -dx)))
        shadow[here] |= relief[there] > relief[here] + np.float32(step * rise + 0.3)
        step += 1.0 + step * 0.02
    return shadow


def _camera(bands: np.ndarray, rng: np.random.Generator, flight: Flight) -> np.ndarray:
    """What optics and processing add: blur of about a pixel, gain, haze, tone curve, noise. float32 (4, ...)."""
    bands = 0.6 * blur(bands) + 0.4 * bands
    gain = np.array(flight.gain, np.float32)[:, None, None]
    bands = bands * gain
    bands[:3] += flight.haze * np.array([0.5, 1.0, 1.5], np.float32)[:, None, None]
    # Highlights are compressed as in published orthophotos, whose white walls keep some structure.
    bands = np.where(bands > 200, 200 + 55 * np.tanh((bands - 200) / 55), bands)
    bands = 255 * np.power(np.clip(bands, 1, 255) / 255, np.float32(flight.contrast))
    grain = rng.standard_normal(bands.shape, dtype=np.float32)
    return bands + 1.6 * grain


def elevation(relief: np.ndarray, cover: np.ndarray, broad_error: float, rng: np.random.Generator) -> np.ndarray:
    """The elevation band in DN: a surface model from image matching, soft at walls and a little wrong everywhere.

    relief: metres above ground, float32 (H, W). cover: what lies there, by number. broad_error: deviation in metres.
    Matching does not see into the gaps of a canopy, so trees get the height of the tops around.
    """
    rows, columns = relief.shape
    around = np.pad(relief, 4, mode="edge")
    around = np.max([around[step : step + rows] for step in range(0, 9, 2)], axis=0)
    tops = np.max([around[:, step : step + columns] for step in range(0, 9, 2)], axis=0)
    trees = (cover == Cover.CONIFER) | (cover == Cover.BROADLEAF)
    soft = blur(np.where(trees, tops, relief), 8)
    error = 0.2 * smooth_noise(rng, relief.shape, 15) + broad_error * smooth_noise(rng, relief.shape, 90)
    return DN_PER_METRE * np.maximum(soft + error * (1 + 0.08 * soft), 0)
