"""From the plan to pixels: what covers each pixel, how high it stands, and which unit it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine

from ...inference.raster.geobox import GeoBox
from ...inference.raster.windows import Window
from .plan import CLASS_OF_COVER, Block, Cover, Patch, Plan, Pond

# Covers whose edges are grown, not built: they waver by some decimetres.
_GROWN = frozenset(
    {
        Cover.GRAVEL,
        Cover.SOIL,
        Cover.BRUSH,
        Cover.GRASS,
        Cover.DRY_GRASS,
        Cover.WHEAT,
        Cover.MAIZE,
        Cover.PLOWED,
        Cover.TRACK,
    }
)


def centred(size: int, pixel: float) -> GeoBox:
    """A square of size x size pixels of so many metres around the origin of ground coordinates, which run southward."""
    corner = -size * pixel / 2
    return GeoBox(Affine(pixel, 0.0, corner, 0.0, pixel, corner), "", (size, size))


def middles(geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Ground coordinates of the middles of columns and of rows, float64 (columns,) and (rows,)."""
    pixel, left, top = geobox.transform.a, geobox.transform.c, geobox.transform.f
    return left + (np.arange(geobox.width) + 0.5) * pixel, top + (np.arange(geobox.height) + 0.5) * pixel


def touched(geobox: GeoBox, x0: float, x1: float, y0: float, y1: float) -> tuple[slice, slice] | None:
    """Rows and columns that a ground box touches, None where it lies outside."""
    pixel, left, top = geobox.transform.a, geobox.transform.c, geobox.transform.f
    first_row, first_column = int(np.floor((y0 - top) / pixel)), int(np.floor((x0 - left) / pixel))
    last_row, last_column = int(np.ceil((y1 - top) / pixel)), int(np.ceil((x1 - left) / pixel))
    touching = Window.between(first_column, first_row, last_column + 1, last_row + 1).intersection(geobox.window)
    return touching.within(geobox.window) if touching else None


@dataclass(frozen=True)
class Layout:
    """A plan in pixels; all arrays are (rows, columns).

    cover: uint8, numbers of `Cover`. height: float32, metres above ground.
    unit: int32, the parcel, roof or tree that a pixel belongs to, 0..units-1.
    phase: float32, position across the rows of its parcel, in row spacings.
    """

    geobox: GeoBox
    cover: np.ndarray
    height: np.ndarray
    unit: np.ndarray
    phase: np.ndarray
    units: int

    @property
    def labels(self) -> np.ndarray:
        """FLAIR classes 1..13, uint8 (rows, columns)."""
        return CLASS_OF_COVER[self.cover]


def rasterise(plan: Plan, geobox: GeoBox) -> Layout:
    """The plan in pixels. Ground that the plan does not reach is grass.

    Units are numbered over the whole plan, so that two rasters of one plan agree on them.
    """
    cover = np.full(geobox.shape, Cover.GRASS, np.uint8)
    height = np.zeros(geobox.shape, np.float32)
    unit = np.zeros(geobox.shape, np.int32)
    phase = np.zeros(geobox.shape, np.float32)
    columns, rows = middles(geobox)
    x, y = columns[None, :], rows[:, None]
    frame_u, frame_v = plan.frame.to_frame(x, y)
    built = frame_u, frame_v
    grown = (
        frame_u + 0.17 * np.sin(0.71 * frame_v + 0.3 * x) + 0.09 * np.sin(2.3 * y - 1.3 * x) * np.sin(0.37 * x),
        frame_v + 0.17 * np.sin(0.83 * frame_u + 0.4 * y) + 0.09 * np.sin(2.7 * x + 1.1 * y) * np.sin(0.41 * y),
    )

    number = 1
    for patch in plan.patches:
        _lay(patch, number, plan, geobox, grown if patch.cover in _GROWN else built, built, cover, height, unit, phase)
        number += 1
    for river in plan.rivers:
        inside = river.distance(x, y) < river.half_width
        cover[inside], height[inside], unit[inside] = Cover.WATER, 0.0, number
        number += 1
    for pond in plan.ponds:
        _flood(pond, number, geobox, cover, height, unit)
        number += 1
    for patch in plan.roads:
        _lay(patch, number, plan, geobox, grown if patch.cover in _GROWN else built, built, cover, height, unit, phase)
        number += 1
    for block in plan.blocks:
        _build(block, number, geobox, cover, height, unit, phase)
        number += 1
    _plant(plan.trees, number, geobox, cover, height, unit)
    return Layout(geobox, cover, height, unit, phase, number + len(plan.trees))


def _lay(
    patch: Patch,
    number: int,
    plan: Plan,
    geobox: GeoBox,
    edges: tuple[np.ndarray, np.ndarray],
    frame: tuple[np.ndarray, np.ndarray],
    cover: np.ndarray,
    height: np.ndarray,
    unit: np.ndarray,
    phase: np.ndarray,
) -> None:
    """Lay one box of the bent frame: its edges by the coordinates (u, v) in `edges`, its rows by those in `frame`."""
    along = np.linspace(0, 1, 9)
    edge_u = patch.u0 + patch.width * np.concatenate([along, along, np.zeros(9), np.ones(9)])
    edge_v = patch.v0 + patch.depth * np.concatenate([np.zeros(9), np.ones(9), along, along])
    x, y = plan.frame.to_ground(edge_u, edge_v)
    # The rim is sampled at nine points a side; between them it bends out by less than this.
    slack = 1.0 + plan.frame.bend * 0.1
    where = touched(geobox, x.min() - slack, x.max() + slack, y.min() - slack, y.max() + slack)
    if where is None:
        return
    u, v = edges[0][where], edges[1][where]
    inside = (u >= patch.u0) & (u < patch.u1) & (v >= patch.v0) & (v < patch.v1)
    cover[where][inside] = patch.cover
    height[where][inside] = patch.height
    unit[where][inside] = number
    phase[where][inside] = frame[1 if patch.rows_along_u else 0][where][inside] / patch.spacing


def _flood(pond: Pond, number: int, geobox: GeoBox, cover: np.ndarray, height: np.ndarray, unit: np.ndarray) -> None:
    """Fill a pond, with a bare shore of about a metre."""
    reach = pond.radius * pond.stretch * 1.3 + 2
    where = touched(geobox, pond.x - reach, pond.x + reach, pond.y - reach, pond.y + reach)
    if where is None:
        return
    columns, rows = middles(geobox)
    x = (columns[where[1]][None, :] - pond.x) / pond.stretch
    y = rows[where[0]][:, None] - pond.y
    angle = np.arctan2(y, x)
    shore = pond.radius * (1 + 0.12 * np.sin(2 * angle + pond.phase) + 0.06 * np.sin(5 * angle + 2 * pond.phase))
    away = np.hypot(x, y)
    for rim, kind in ((1.2, Cover.SOIL), (0.0, Cover.WATER)):
        inside = away < shore + rim
        cover[where][inside], height[where][inside], unit[where][inside] = kind, 0.0, number


def _build(
    block: Block,
    number: int,
    geobox: GeoBox,
    cover: np.ndarray,
    height: np.ndarray,
    unit: np.ndarray,
    phase: np.ndarray,
) -> None:
    """Set a block where it stands higher than what is there."""
    reach = np.hypot(block.length, block.width) / 2
    where = touched(geobox, block.x - reach, block.x + reach, block.y - reach, block.y + reach)
    if where is None:
        return
    columns, rows = middles(geobox)
    x = columns[where[1]][None, :] - block.x
    y = rows[where[0]][:, None] - block.y
    cos, sin = np.cos(block.angle), np.sin(block.angle)
    along, across = np.abs(cos * x + sin * y), cos * y - sin * x
    to_side, to_end = block.width / 2 - np.abs(across), block.length / 2 - along
    rise = np.minimum(to_side, to_end) if block.hipped else to_side
    top = block.eave + block.slope * rise
    inside = (to_side > 0) & (to_end > 0) & (top > height[where])
    cover[where][inside] = block.cover
    height[where][inside] = top[inside]
    unit[where][inside] = number
    # Courses of tiles and glazing bars run along the ridge.
    phase[where][inside] = across[inside] / 0.6


def _plant(
    trees: np.ndarray, first: int, geobox: GeoBox, cover: np.ndarray, height: np.ndarray, unit: np.ndarray
) -> None:
    """Grow the crowns: domes for broadleaves and brush, cones for conifers, each where it is the highest."""
    reach = 1.25 * trees["radius"]
    left, top, right, bottom = geobox.bounds
    seen = (
        (trees["x"] + reach > left)
        & (trees["x"] - reach < right)
        & (trees["y"] + reach > top)
        & (trees["y"] - reach < bottom)
    )
    columns, rows = middles(geobox)
    for index in np.flatnonzero(seen):
        tree = trees[index]
        x0, y0, radius = float(tree["x"]), float(tree["y"]), float(tree["radius"])
        where = touched(geobox, x0 - 1.25 * radius, x0 + 1.25 * radius, y0 - 1.25 * radius, y0 + 1.25 * radius)
        if where is None:
            continue
        x = (columns[where[1]] - x0)[None, :] / radius
        y = (rows[where[0]] - y0)[:, None] / radius
        # A lobed outline, different from tree to tree without asking for another chance.
        turn = 2.4 * index
        lobes = 1 + 0.10 * np.sin(3 * x + 2 * y + turn) + 0.08 * np.sin(5 * y - 4 * x + 1.7 * turn)
        away = (x * x + y * y) * lobes * lobes
        if tree["cover"] == Cover.CONIFER:
            crown = float(tree["height"]) * (1 - 0.5 * np.sqrt(away))
        else:
            crown = float(tree["height"]) * (0.55 + 0.45 * np.sqrt(np.maximum(0, 1 - away)))
        inside = (away < 1) & (crown > height[where])
        cover[where][inside] = tree["cover"]
        height[where][inside] = crown[inside]
        unit[where][inside] = first + index
