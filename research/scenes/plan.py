"""The plan of a made-up landscape: roads, parcels, roofs and trees as geometry in metres.

A plan has no pixels, so that the 0.2 m aerial picture and the 10 m satellite series of one scene are
drawn from the same roofs and trees. Ground coordinates (x, y) have their origin in the middle of the
scene; x runs east and y south, as columns and rows do. Parcels and roads are boxes in a frame (u, v)
that is turned and gently bent against the ground, which is what makes roads curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Cover(IntEnum):
    """What lies on the ground; finer than the land-cover classes, because one class has several looks."""

    ROOF_TILE = 0
    ROOF_SLATE = 1
    ROOF_METAL = 2
    GRAVEL = 3
    TRACK = 4
    ASPHALT = 5
    CONCRETE = 6
    CAR = 7
    SOIL = 8
    WATER = 9
    CONIFER = 10
    BROADLEAF = 11
    BRUSH = 12
    VINE = 13
    GRASS = 14
    DRY_GRASS = 15
    WHEAT = 16
    MAIZE = 17
    PLOWED = 18
    POOL = 19
    GREENHOUSE = 20
    ROOF_FLAT = 21


# FLAIR class of each cover, by its number. A car counts as the surface it stands on; swimming pools
# and greenhouses are classes of their own in FLAIR #1 and part of "other" in FLAIR #2.
CLASS_OF_COVER = np.array([1, 1, 1, 2, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11, 11, 12, 13, 13, 1], np.uint8)


def draw_covers(rng: np.random.Generator) -> np.ndarray:
    """One cover of each class, by the class's value: (classes + 1,) uint8; 0 stands for no class."""
    covers = np.zeros(CLASS_OF_COVER.max() + 1, np.uint8)
    for value in range(1, len(covers)):
        covers[value] = rng.choice(np.flatnonzero(value == CLASS_OF_COVER))
    return covers


TREE = np.dtype([("x", "f8"), ("y", "f8"), ("radius", "f8"), ("height", "f8"), ("cover", "u1")])


@dataclass(frozen=True)
class BentFrame:
    """The bent frame of a plan: (u, v) = turned (x, y) plus two sine waves, all in metres.

    angle: radians from x to u. bend: amplitude of the waves. length: their wavelength. shift: their phases.
    """

    angle: float
    bend: float
    length: float
    shift: tuple[float, float]

    def to_frame(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frame coordinates of ground points of any shape."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        along, across = cos * x + sin * y, cos * y - sin * x
        turn = 2 * np.pi / self.length
        u = along + self.bend * np.sin(turn * across + self.shift[0])
        v = across + self.bend * np.sin(turn * along + self.shift[1])
        return u, v

    def to_ground(self, u: np.ndarray | np.float64, v: np.ndarray | np.float64) -> tuple[np.ndarray, np.ndarray]:
        """Ground points of frame coordinates, by fixed-point iteration.

        It converges because bend * 2 pi / length stays below one; twelve rounds leave less than a centimetre.
        """
        turn = 2 * np.pi / self.length
        along, across = u, v
        for _ in range(12):
            along, across = (
                u - self.bend * np.sin(turn * across + self.shift[0]),
                v - self.bend * np.sin(turn * along + self.shift[1]),
            )
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return cos * along - sin * across, sin * along + cos * across


@dataclass(frozen=True)
class Patch:
    """A box of the frame under one cover.

    u0, u1, v0, v1: its sides in metres. height: of what grows or stands on it, in metres.
    rows_along_u: whether its rows (crop, vine, furrow) run along u. spacing: metres from row to row.
    """

    u0: float
    u1: float
    v0: float
    v1: float
    cover: Cover
    height: float = 0.0
    rows_along_u: bool = True
    spacing: float = 3.0

    @property
    def width(self) -> float:
        """Extent along u, metres."""
        return self.u1 - self.u0

    @property
    def depth(self) -> float:
        """Extent along v, metres."""
        return self.v1 - self.v0


@dataclass(frozen=True)
class Block:
    """A rectangle with a top in the ground frame: a roof, a car, a greenhouse.

    x, y: its middle; angle: radians from x to its length; length, width, eave: metres.
    slope: rise over run of the sides; hipped: whether the short sides slope too.
    """

    x: float
    y: float
    angle: float
    length: float
    width: float
    eave: float
    slope: float
    hipped: bool
    cover: Cover


@dataclass(frozen=True)
class Pond:
    """Water with a wavy round shore: middle, mean radius and stretch along x in metres, phase of the waves."""

    x: float
    y: float
    radius: float
    stretch: float
    phase: float


@dataclass(frozen=True)
class River:
    """Water along a wave: angle of its course, offset of its middle line, half width, bend and wavelength (m)."""

    angle: float
    offset: float
    half_width: float
    bend: float
    length: float
    phase: float

    def distance(self, x: np.ndarray | np.float64, y: np.ndarray | np.float64) -> np.ndarray:
        """Metres from the middle line, near enough where the course bends gently."""
        along = np.cos(self.angle) * x + np.sin(self.angle) * y
        across = np.cos(self.angle) * y - np.sin(self.angle) * x
        return np.abs(across - self.offset - self.bend * np.sin(2 * np.pi * along / self.length + self.phase))


@dataclass(frozen=True)
class Plan:
    """A landscape. Patches and roads are laid in their order; water lies over patches and under roads.

    trees: structured array of dtype TREE.
    """

    frame: BentFrame
    patches: tuple[Patch, ...]
    ponds: tuple[Pond, ...]
    rivers: tuple[River, ...]
    roads: tuple[Patch, ...]
    blocks: tuple[Block, ...]
    trees: np.ndarray


@dataclass(frozen=True)
class Style:
    """What kind of country a plan shows.

    village: middle of the village (x, y) in metres. village_radius: metres.
    parcel: usual side of a field near the middle, in metres.
    uses: weight of each use of a country parcel, by the names in `COUNTRY_USES`.
    river: whether one runs through it. town: share of the built lots (0..1) with flats and flat roofs.
    """

    village: tuple[float, float]
    village_radius: float
    parcel: float
    uses: tuple[float, ...]
    river: bool
    town: float = 0.0


@dataclass(frozen=True)
class _Lot:
    """A box left over by the division of the land, and which of its sides (u0, u1, v0, v1) meet a road."""

    u0: float
    u1: float
    v0: float
    v1: float
    road: tuple[bool, ...] = (False, False, False, False)

    def inset(self, margin: float) -> _Lot:
        """The lot without a strip of `margin` metres all round."""
        return _Lot(self.u0 + margin, self.u1 - margin, self.v0 + margin, self.v1 - margin, self.road)


class _Draft:
    """A plan while it is being drawn."""

    def __init__(self, rng: np.random.Generator, frame: BentFrame) -> None:
        self.rng = rng
        self.frame = frame
        self.patches: list[Patch] = []
        self.ponds: list[Pond] = []
        self.roads: list[Patch] = []
        self.blocks: list[Block] = []
        self.trees: list[np.ndarray] = []

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self.rng.random())

    def chance(self, probability: float) -> bool:
        return float(self.rng.random()) < probability

    def fill(self, lot: _Lot, cover: Cover, height: float = 0.0, spacing: float = 3.0, turn: bool = False) -> None:
        """Lay a cover over a lot, rows along its longer side (or across it, where `turn`)."""
        longer_u = (lot.u1 - lot.u0) >= (lot.v1 - lot.v0)
        self.patches.append(Patch(lot.u0, lot.u1, lot.v0, lot.v1, cover, height, longer_u != turn, spacing))

    def block(
        self,
        u: float,
        v: float,
        turned: bool,
        length: float,
        width: float,
        eave: float,
        slope: float,
        hipped: bool,
        cover: Cover,
        jitter: float = 0.03,
    ) -> None:
        """Set a block at a frame point, its length along u (or v where `turned`), with a small error of direction."""
        x, y = (float(value) for value in self.frame.to_ground(np.float64(u), np.float64(v)))
        beside = self.frame.to_ground(np.float64(u + 0.5), np.float64(v))
        angle = float(np.arctan2(beside[1] - y, beside[0] - x)) + (np.pi / 2 if turned else 0.0)
        angle += self.between(-jitter, jitter)
        self.blocks.append(Block(x, y, angle, length, width, eave, slope, hipped, cover))

    def plant(
        self,
        lot: _Lot,
        spacing: float,
        radius: tuple[float, float],
        height: tuple[float, float],
        cover: Cover,
        share: float = 1.0,
        wander: float = 0.4,
    ) -> None:
        """Trees on a loose grid over a lot: spacing and ranges of crown radius and height in metres."""
        u, v = np.meshgrid(
            np.arange(lot.u0 + spacing / 2, lot.u1, spacing), np.arange(lot.v0 + spacing / 2, lot.v1, spacing)
        )
        u, v = u.ravel(), v.ravel()
        u = u + self.rng.random(u.size) * 2 * wander * spacing - wander * spacing
        v = v + self.rng.random(v.size) * 2 * wander * spacing - wander * spacing
        size = self.rng.random(u.size)
        keep = self.rng.random(u.size) < share
        trees = np.empty(u.size, TREE)
        trees["x"], trees["y"] = self.frame.to_ground(u, v)
        trees["radius"] = radius[0] + (radius[1] - radius[0]) * size
        # Height follows the crown's width, with a third of its range free.
        free = self.rng.random(u.size)
        trees["height"] = height[0] + (height[1] - height[0]) * (0.67 * size + 0.33 * free)
        trees["cover"] = cover
        self.trees.append(trees[keep])


def _wheat(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.WHEAT, 0.7, draft.between(2.5, 4.0), draft.chance(0.15))


def _maize(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.MAIZE, 1.8, draft.between(1.4, 1.8), draft.chance(0.15))


def _plowed(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.PLOWED, 0.0, draft.between(1.0, 2.2), draft.chance(0.15))


def _meadow(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.GRASS, 0.2, draft.between(4.0, 8.0))
    if draft.chance(0.4):
        draft.plant(lot.inset(4), 18, (2.0, 4.5), (4, 12), Cover.BROADLEAF, share=0.15)


def _dry_grass(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.DRY_GRASS, 0.2, draft.between(4.0, 8.0))
    draft.plant(lot.inset(2), 5, (0.6, 1.6), (0.6, 1.8), Cover.BRUSH, share=0.06)


def _vineyard(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.GRASS)
    draft.fill(lot.inset(draft.between(1.5, 4.0)), Cover.VINE, 1.5, draft.between(1.8, 2.6), draft.chance(0.3))


def _broadleaf_wood(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.BROADLEAF, 2.0)
    draft.plant(lot.inset(1), draft.between(4.5, 6.0), (2.2, 4.2), (9, 18), Cover.BROADLEAF, share=0.97)


def _conifer_wood(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.CONIFER, 2.0)
    draft.plant(lot.inset(1), draft.between(3.6, 4.8), (1.8, 2.9), (14, 27), Cover.CONIFER, share=0.97)


def _brushwood(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.BRUSH, 0.4)
    draft.plant(lot.inset(0.5), 2.2, (0.6, 1.9), (0.6, 2.4), Cover.BRUSH, share=0.7)
    draft.plant(lot.inset(3), 14, (1.5, 2.5), (4, 6), Cover.BROADLEAF, share=0.12)


def _bare_soil(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.SOIL, 0.0, draft.between(3.0, 6.0))
    draft.plant(lot.inset(1), 6, (0.5, 1.3), (0.4, 1.2), Cover.BRUSH, share=0.05)


def _orchard(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.GRASS, 0.1, 6.0)
    draft.plant(lot.inset(2), draft.between(5.5, 7.5), (1.6, 2.4), (3, 5), Cover.BROADLEAF, share=0.94, wander=0.06)


def _pond(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.GRASS, 0.2, 6.0)
    u, v = (lot.u0 + lot.u1) / 2, (lot.v0 + lot.v1) / 2
    x, y = (float(value) for value in draft.frame.to_ground(np.float64(u), np.float64(v)))
    radius = 0.36 * min(lot.u1 - lot.u0, lot.v1 - lot.v0)
    draft.ponds.append(Pond(x, y, radius, draft.between(1.0, 1.3), draft.between(0, 6.28)))
    draft.plant(lot.inset(1), 7, (1.8, 3.6), (5, 13), Cover.BROADLEAF, share=0.3)


def _farm(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.GRASS, 0.1)
    yard = lot.inset(draft.between(2, 5))
    draft.fill(yard, Cover.GRAVEL if draft.chance(0.7) else Cover.CONCRETE)
    wide, deep = yard.u1 - yard.u0, yard.v1 - yard.v0
    turned = deep > wide
    long, short = max(wide, deep), min(wide, deep)
    length, width = min(long * draft.between(0.6, 0.85), 48), min(short * 0.36, 18)
    u, v = (yard.u0 + yard.u1) / 2, (yard.v0 + yard.v1) / 2
    away = short / 2 - width / 2 - 1
    cover = Cover.ROOF_METAL if draft.chance(0.7) else Cover.ROOF_TILE
    draft.block(u - away * turned, v - away * (not turned), turned, length, width, 5.5, 0.28, False, cover)
    away -= 1.0
    draft.block(
        u + away * turned,
        v + away * (not turned),
        turned,
        min(14, long * 0.4),
        min(8.5, short * 0.3),
        4.5,
        0.6,
        False,
        Cover.ROOF_TILE if draft.chance(0.6) else Cover.ROOF_SLATE,
    )
    draft.plant(lot, 9, (1.8, 3.2), (5, 10), Cover.BROADLEAF, share=0.08)


def _greenhouses(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.GRASS, 0.1)
    inner = lot.inset(2)
    draft.fill(inner, Cover.SOIL if draft.chance(0.6) else Cover.GRAVEL)
    wide, deep = inner.u1 - inner.u0, inner.v1 - inner.v0
    turned = deep > wide
    long, short = max(wide, deep) - 4, min(wide, deep)
    for at in np.arange(6.0, short - 5, draft.between(10.0, 13.0)):
        u = inner.u0 + at if turned else (inner.u0 + inner.u1) / 2
        v = (inner.v0 + inner.v1) / 2 if turned else inner.v0 + at
        draft.block(u, v, turned, long * draft.between(0.8, 1.0), 8.0, 2.4, 0.35, False, Cover.GREENHOUSE, 0.005)


def _gravel_yard(draft: _Draft, lot: _Lot) -> None:
    draft.fill(lot, Cover.GRASS, 0.1)
    draft.fill(lot.inset(draft.between(1, 3)), Cover.GRAVEL)
    draft.plant(lot, 6, (0.6, 1.6), (0.5, 1.8), Cover.BRUSH, share=0.1)
    if draft.chance(0.5):
        u, v = (lot.u0 + lot.u1) / 2, (lot.v0 + lot.v1) / 2
        draft.block(u, v, draft.chance(0.5), 14, 9, 4, 0.1, False, Cover.ROOF_METAL)


_USES = {
    "wheat": (_wheat, 15),
    "maize": (_maize, 11),
    "plowed": (_plowed, 15),
    "meadow": (_meadow, 11),
    "dry grass": (_dry_grass, 7),
    "vineyard": (_vineyard, 13),
    "broadleaf wood": (_broadleaf_wood, 11),
    "conifer wood": (_conifer_wood, 12),
    "brushwood": (_brushwood, 9),
    "bare soil": (_bare_soil, 9),
    "orchard": (_orchard, 4),
    "pond": (_pond, 7),
    "farm": (_farm, 6),
    "greenhouses": (_greenhouses, 5),
    "gravel yard": (_gravel_yard, 5),
}
COUNTRY_USES: tuple[str, ...] = tuple(_USES)
USUAL_WEIGHTS: tuple[float, ...] = tuple(float(weight) for _, weight in _USES.values())


def _facing(lot: _Lot, draft: _Draft) -> int:
    """The side of a lot (0 u0, 1 u1, 2 v0, 3 v1) that its house looks to: a road if one is there."""
    sides = [side for side in range(4) if lot.road[side]]
    return sides[int(draft.rng.integers(len(sides)))] if sides else int(draft.rng.integers(4))


def _strip(lot: _Lot, side: int, start: float, end: float, left: float, right: float) -> _Lot:
    """Part of a lot seen from one side: from `start` to `end` metres inwards, `left` to `right` metres along."""
    if side == 0:
        return _Lot(lot.u0 + start, lot.u0 + end, lot.v0 + left, lot.v0 + right)
    if side == 1:
        return _Lot(lot.u1 - end, lot.u1 - start, lot.v0 + left, lot.v0 + right)
    if side == 2:
        return _Lot(lot.u0 + left, lot.u0 + right, lot.v0 + start, lot.v0 + end)
    return _Lot(lot.u0 + left, lot.u0 + right, lot.v1 - end, lot.v1 - start)


def _house(draft: _Draft, lot: _Lot, side: int, part: _Lot, cover: Cover, storeys: int, hipped: bool) -> None:
    """A house over `part` of a lot, its ridge along the longer side, perhaps with a wing."""
    wide, deep = part.u1 - part.u0, part.v1 - part.v0
    turned = deep > wide
    u, v = (part.u0 + part.u1) / 2, (part.v0 + part.v1) / 2
    slope = draft.between(0.35, 0.5) if cover == Cover.ROOF_TILE else draft.between(0.6, 0.9)
    eave = 2.8 * storeys + 0.3
    long, short = max(wide, deep), min(wide, deep)
    draft.block(u, v, turned, long, short, eave, slope, hipped, cover)
    if draft.chance(0.4):
        shift = (long - 6) / 2 * (1 if draft.chance(0.5) else -1)
        reach = draft.between(2.0, 3.5) * (1 if side in (0, 2) else -1)
        draft.block(
            u + (reach if turned else shift),
            v + (shift if turned else reach),
            not turned,
            short + 1,
            6.0,
            eave - 0.3,
            slope,
            hipped,
            cover,
        )


def _villa(draft: _Draft, lot: _Lot) -> None:
    """A house in its garden: drive, terrace, hedges, trees, at times a pool and a shed."""
    side = _facing(lot, draft)
    across, inward = (lot.v1 - lot.v0, lot.u1 - lot.u0) if side < 2 else (lot.u1 - lot.u0, lot.v1 - lot.v0)
    draft.fill(lot, Cover.GRASS if draft.chance(0.75) else Cover.DRY_GRASS, 0.1, 5.0)
    front = draft.between(3.5, min(7.0, inward * 0.25))
    depth = min(draft.between(7.5, 10.5), inward * 0.45)
    length = min(draft.between(9.5, 15.0), across - 6)
    left = draft.between(3.0, max(3.2, across - length - 2.5))
    paving = (Cover.GRAVEL, Cover.CONCRETE, Cover.ASPHALT)[int(draft.rng.integers(3))]
    drive = draft.between(3.0, 5.0)
    draft.fill(_strip(lot, side, 0, front + depth * 0.6, max(0.5, left - drive * 0.8), left + drive * 0.6), paving)
    draft.fill(
        _strip(lot, side, front + depth, front + depth + draft.between(1.5, 4.0), left + 1, left + length * 0.8),
        Cover.CONCRETE if draft.chance(0.6) else Cover.GRAVEL,
    )
    cover = Cover.ROOF_TILE if draft.chance(0.72) else Cover.ROOF_SLATE
    part = _strip(lot, side, front, front + depth, left, left + length)
    _house(draft, lot, side, part, cover, 1 + draft.chance(0.35), draft.chance(0.35))
    if paving != Cover.GRAVEL and draft.chance(0.6):
        car = _strip(lot, side, 0.5, 5.0, max(0.6, left - drive * 0.5), max(0.6, left - drive * 0.5) + 1.8)
        _car(draft, (car.u0 + car.u1) / 2, (car.v0 + car.v1) / 2, side >= 2)
    for edge in range(4):
        if edge != side and not lot.road[edge] and draft.chance(0.45):
            extent = lot.v1 - lot.v0 if edge < 2 else lot.u1 - lot.u0
            draft.fill(_strip(lot, edge, 0.1, draft.between(0.9, 1.6), 1, extent - 1), Cover.BRUSH, 1.8)
    kind = Cover.CONIFER if draft.chance(0.2) else Cover.BROADLEAF
    draft.plant(lot.inset(1.5), 6.5, (1.2, 3.5), (3, 11), kind, share=draft.between(0.05, 0.4))
    back = front + depth + 4.5
    room = inward - back
    if room > 8 and across > 12 and draft.chance(0.38):
        pool = _strip(lot, side, back, back + 4.2, across * 0.3, across * 0.3 + 8.5)
        terrace = _Lot(pool.u0 - 1.2, pool.u1 + 1.2, pool.v0 - 1.2, pool.v1 + 1.2)
        draft.fill(terrace, Cover.CONCRETE)
        draft.fill(pool, Cover.POOL)
        back += 6
        room -= 6
    if room > 5:
        garden = _strip(lot, side, back, inward - 1.5, 1.5, across - 1.5)
        draft.plant(garden, 3, (0.5, 1.2), (0.6, 1.8), Cover.BRUSH, share=draft.between(0.0, 0.12))
        if draft.chance(0.3):
            bed = _strip(lot, side, inward - 5.5, inward - 1.8, 2, min(9, across - 2))
            draft.fill(bed, Cover.PLOWED if draft.chance(0.5) else Cover.SOIL, 0, 1.2)
        elif draft.chance(0.5):
            shed = _strip(lot, side, inward - 5, inward - 2, 2, 5.5)
            draft.block(
                (shed.u0 + shed.u1) / 2,
                (shed.v0 + shed.v1) / 2,
                draft.chance(0.5),
                4.0,
                3.0,
                2.2,
                0.3,
                False,
                Cover.ROOF_METAL if draft.chance(0.5) else Cover.ROOF_TILE,
            )


def _row_houses(draft: _Draft, lot: _Lot) -> None:
    """Old houses wall to wall along the street, with a court and a strip of garden behind."""
    side = _facing(lot, draft)
    across, inward = (lot.v1 - lot.v0, lot.u1 - lot.u0) if side < 2 else (lot.u1 - lot.u0, lot.v1 - lot.v0)
    draft.fill(lot, Cover.GRASS, 0.1, 5.0)
    depth = min(draft.between(8, 11), inward * 0.5)
    court = (Cover.GRAVEL, Cover.CONCRETE, Cover.ASPHALT)[int(draft.rng.integers(3))]
    draft.fill(_strip(lot, side, 0, depth + draft.between(4, 8), 0, across), court)
    at = 0.3
    while at < across - 5:
        length = min(draft.between(7, 13), across - at - 0.3)
        part = _strip(lot, side, 1.2, 1.2 + depth * draft.between(0.85, 1.0), at, at + length)
        cover = Cover.ROOF_SLATE if draft.chance(0.3) else Cover.ROOF_TILE
        u, v = (part.u0 + part.u1) / 2, (part.v0 + part.v1) / 2
        wide, deep = part.u1 - part.u0, part.v1 - part.v0
        along = deep if side < 2 else wide
        draft.block(
            u,
            v,
            side < 2,
            along,
            wide if side < 2 else deep,
            draft.between(4.5, 7.5),
            draft.between(0.45, 0.8),
            False,
            cover,
            jitter=0.01,
        )
        at += length + (draft.between(2.5, 4) if draft.chance(0.25) else 0.0)
    if inward - depth > 14:
        garden = _strip(lot, side, depth + 8, inward - 1, 1, across - 1)
        draft.plant(garden, 7, (1.4, 3.2), (3, 9), Cover.BROADLEAF, share=0.4)


def _church(draft: _Draft, lot: _Lot) -> None:
    """A nave with a tower on a square with lime trees."""
    draft.fill(lot, Cover.GRAVEL if draft.chance(0.5) else Cover.ASPHALT)
    u, v = (lot.u0 + lot.u1) / 2, (lot.v0 + lot.v1) / 2
    turned = (lot.v1 - lot.v0) > (lot.u1 - lot.u0)
    length = min(24.0, 0.62 * max(lot.u1 - lot.u0, lot.v1 - lot.v0))
    cover = Cover.ROOF_SLATE if draft.chance(0.6) else Cover.ROOF_TILE
    draft.block(u, v, turned, length, 10, 8, 0.9, False, cover, 0)
    end = length / 2 - 1
    draft.block(u + end * (not turned), v + end * turned, turned, 5.6, 5.6, 15, 1.8, True, cover, 0)
    draft.block(u - end * 0.2 * (not turned), v - end * 0.2 * turned, not turned, 16, 6, 6.5, 0.9, False, cover, 0)
    for edge in range(4):
        extent = lot.v1 - lot.v0 if edge < 2 else lot.u1 - lot.u0
        if draft.chance(0.7):
            row = _strip(lot, edge, 1.0, 5.0, 1.0, extent - 1.0)
            draft.plant(row, 6.5, (1.8, 2.6), (6, 8), Cover.BROADLEAF, share=0.9, wander=0.05)


def _flats(draft: _Draft, lot: _Lot) -> None:
    """A tall block or a workshop, with parked cars before it and some green behind."""
    side = _facing(lot, draft)
    across, inward = (lot.v1 - lot.v0, lot.u1 - lot.u0) if side < 2 else (lot.u1 - lot.u0, lot.v1 - lot.v0)
    draft.fill(lot, Cover.GRASS, 0.1, 5.0)
    parking = draft.between(6.0, 9.0)
    depth = min(draft.between(10, 15), inward - parking - 3)
    draft.fill(
        _strip(lot, side, 0, parking + 1.5 + depth * draft.between(0, 1.2), 0.5, across - 0.5),
        Cover.ASPHALT if draft.chance(0.7) else Cover.CONCRETE,
    )
    part = _strip(lot, side, parking, parking + depth, 1.5, across - 1.5)
    turned = (part.v1 - part.v0) > (part.u1 - part.u0)
    long, short = max(part.u1 - part.u0, part.v1 - part.v0), min(part.u1 - part.u0, part.v1 - part.v0)
    u, v = (part.u0 + part.u1) / 2, (part.v0 + part.v1) / 2
    eave = 3.0 * float(draft.rng.integers(1, 6)) + 1
    if draft.chance(0.55):
        draft.block(u, v, turned, long, short, eave, 0.0, False, Cover.ROOF_FLAT)
        for _ in range(int(draft.rng.integers(1, 5))):  # lift heads and plant on the roof
            shift = draft.between(-0.4, 0.4) * long
            draft.block(
                u + shift * (not turned),
                v + shift * turned,
                turned,
                draft.between(1.5, 4),
                draft.between(1.2, 3),
                eave + draft.between(0.8, 2.2),
                0.0,
                False,
                Cover.ROOF_FLAT,
            )
    else:
        cover = (Cover.ROOF_TILE, Cover.ROOF_SLATE, Cover.ROOF_METAL)[int(draft.rng.integers(3))]
        draft.block(u, v, turned, long, short, eave, draft.between(0.2, 0.5), draft.chance(0.5), cover)
    for place in np.arange(2.5, across - 2.5, 2.7):
        if draft.chance(0.5):
            car = _strip(lot, side, 0.8, 5.2, place, place + 1.8)
            _car(draft, (car.u0 + car.u1) / 2, (car.v0 + car.v1) / 2, side >= 2)
    if inward - parking - depth > 7:
        draft.plant(
            _strip(lot, side, parking + depth + 3.5, inward - 1, 1, across - 1),
            6.5,
            (1.5, 3.4),
            (4, 11),
            Cover.BROADLEAF,
            share=0.4,
        )


def _car(draft: _Draft, u: float, v: float, turned: bool) -> None:
    draft.block(u, v, turned, draft.between(3.6, 4.5), 1.75, 1.1, 0.3, True, Cover.CAR)


def _divide(draft: _Draft, lot: _Lot, style: Style, lots: list[tuple[_Lot, bool]]) -> None:
    """Split a lot until parcels are left, laying roads, tracks and hedges along the cuts.

    Adds (lot, whether it belongs to the village) to `lots`.
    """
    wide, deep = lot.u1 - lot.u0, lot.v1 - lot.v0
    x, y = draft.frame.to_ground(np.float64((lot.u0 + lot.u1) / 2), np.float64((lot.v0 + lot.v1) / 2))
    distance = float(np.hypot(x - style.village[0], y - style.village[1]))
    # A large lot may hold the village though its middle lies away from it.
    village = distance < style.village_radius + 0.35 * (max(wide, deep) - 40)
    # Fields grow away from the middle, where small ones make room for every use.
    field = style.parcel * (1 + float(np.hypot(x, y)) / 300)
    target = draft.between(22, 34) if village else field * draft.between(0.8, 1.5)
    long = max(wide, deep)
    if long < target * 1.25:
        lots.append((lot, distance < style.village_radius))
        return
    along_u = wide >= deep
    at = (lot.u0 if along_u else lot.v0) + long * draft.between(0.4, 0.6)
    width, cover = 0.0, Cover.ASPHALT
    if long > 150:
        width = draft.between(5.5, 7.0)
    elif long > (58 if village else field * 1.9) and draft.chance(0.8 if village else 0.2):
        width = draft.between(3.8, 5.2)
    elif not village and draft.chance(0.35):
        width, cover = draft.between(2.5, 3.5), Cover.TRACK
    half = width / 2
    road = cover == Cover.ASPHALT and width > 0
    low, high = (lot.v0, lot.v1) if along_u else (lot.u0, lot.u1)
    if width:
        # Half a metre longer at both ends, so that it runs into the roads it meets.
        ends = (low - 0.5, high + 0.5)
        verge = 0.0 if village or not road else draft.between(0.5, 1.5)
        for lane, surface in ((half + verge, Cover.GRASS), (half, cover)):
            box = (at - lane, at + lane, *ends) if along_u else (*ends, at - lane, at + lane)
            if lane > half or surface == cover:
                draft.roads.append(Patch(*box, surface, 0.0, not along_u, width))
        if road and long > 100 and draft.chance(0.4):
            row = half + verge + 2.0
            avenue = _Lot(at - row, at - row + 1, *ends) if along_u else _Lot(*ends, at - row, at - row + 1)
            draft.trees.append(_avenue(draft, avenue))
        if road:
            for place in np.arange(low + 6, high - 6, 11.0):
                if draft.chance(0.13 if village else 0.03):
                    beside = at + (half - 1.1) * (1 if draft.chance(0.5) else -1)
                    _car(draft, beside if along_u else place, place if along_u else beside, along_u)
    elif not village and draft.chance(0.25):
        strip = (at - 1.2, at + 1.2, low, high) if along_u else (low, high, at - 1.2, at + 1.2)
        draft.roads.append(Patch(*strip, Cover.BRUSH, 1.5, not along_u))
        draft.plant(_Lot(*strip), 7, (1.5, 3.4), (4, 11), Cover.BROADLEAF, share=0.6, wander=0.15)
    left_road = tuple(road if index == (1 if along_u else 3) else flag for index, flag in enumerate(lot.road))
    right_road = tuple(road if index == (0 if along_u else 2) else flag for index, flag in enumerate(lot.road))
    if along_u:
        parts = _Lot(lot.u0, at - half, lot.v0, lot.v1, left_road), _Lot(at + half, lot.u1, lot.v0, lot.v1, right_road)
    else:
        parts = _Lot(lot.u0, lot.u1, lot.v0, at - half, left_road), _Lot(lot.u0, lot.u1, at + half, lot.v1, right_road)
    for part in parts:
        _divide(draft, part, style, lots)


def _avenue(draft: _Draft, strip: _Lot) -> np.ndarray:
    """A row of street trees down the middle of a strip."""
    along_u = (strip.u1 - strip.u0) > (strip.v1 - strip.v0)
    low, high = (strip.u0, strip.u1) if along_u else (strip.v0, strip.v1)
    places = np.arange(low + 5, high - 5, draft.between(7.0, 11.0))
    places = places[draft.rng.random(places.size) < 0.85]
    middle = np.full(places.size, (strip.v0 + strip.v1) / 2 if along_u else (strip.u0 + strip.u1) / 2)
    trees = np.empty(places.size, TREE)
    trees["x"], trees["y"] = draft.frame.to_ground(*((places, middle) if along_u else (middle, places)))
    trees["radius"] = 1.7 + 1.3 * draft.rng.random(places.size)
    trees["height"] = 2.6 * trees["radius"] + 1.5
    trees["cover"] = Cover.BROADLEAF
    return trees


def draw_plan(rng: np.random.Generator, reach: float, style: Style) -> Plan:
    """A landscape that covers at least the square of `reach` metres around the origin, on each side.

    rng: where all its chances come from; the same state gives the same plan.
    """
    length = 260 + 240 * float(rng.random())
    frame = BentFrame(
        angle=float(rng.random()) * np.pi / 2,
        bend=length * (0.01 + 0.035 * float(rng.random())),
        length=length,
        shift=(float(rng.random()) * 6.28, float(rng.random()) * 6.28),
    )
    draft = _Draft(rng, frame)
    # The turned square needs sqrt(2) of the reach, and the bend on top.
    side = reach * 1.42 + frame.bend
    offset_u, offset_v = draft.between(-30, 30), draft.between(-30, 30)
    lots: list[tuple[_Lot, bool]] = []
    _divide(
        draft,
        _Lot(-side - 40 + offset_u, side + 40 + offset_u, -side - 40 + offset_v, side + 40 + offset_v),
        style,
        lots,
    )
    weights = np.cumsum(style.uses) / np.sum(style.uses)
    uses = list(_USES.values())
    church = draft.chance(0.7)
    for lot, village in lots:
        wide, deep = lot.u1 - lot.u0, lot.v1 - lot.v0
        if village and min(wide, deep) > 13:
            x, y = frame.to_ground(np.float64((lot.u0 + lot.u1) / 2), np.float64((lot.v0 + lot.v1) / 2))
            core = np.hypot(x - style.village[0], y - style.village[1]) < 0.35 * style.village_radius
            if church and core and min(wide, deep) > 20:
                _church(draft, lot)
                church = False
            elif draft.chance(style.town):
                _flats(draft, lot)
            elif core and any(lot.road) and draft.chance(0.75):
                _row_houses(draft, lot)
            elif draft.chance(0.94):
                _villa(draft, lot)
            else:
                (_orchard, _gravel_yard, _meadow)[int(rng.integers(3))](draft, lot)
        else:
            use = int(np.searchsorted(weights, float(rng.random()), side="right"))
            uses[min(use, len(uses) - 1)][0](draft, lot)
    rivers = _rivers(draft, style)
    trees = np.concatenate(draft.trees) if draft.trees else np.empty(0, TREE)
    return _cleared(
        Plan(frame, tuple(draft.patches), tuple(draft.ponds), rivers, tuple(draft.roads), tuple(draft.blocks), trees)
    )


def _rivers(draft: _Draft, style: Style) -> tuple[River, ...]:
    """The river of a style that has one: past the village, not through it."""
    if not style.river:
        return ()
    angle = draft.between(0, np.pi)
    middle = np.cos(angle) * style.village[1] - np.sin(angle) * style.village[0]
    offset = middle + (style.village_radius + draft.between(5, 30)) * (1 if draft.chance(0.5) else -1)
    river = River(
        angle, offset, draft.between(2.5, 12), draft.between(5, 14), draft.between(140, 260), draft.between(0, 6)
    )
    return (river,)


def _cleared(plan: Plan) -> Plan:
    """The plan without roofs in the river and without trees that would stand in water or a house."""
    trees, blocks = plan.trees, list(plan.blocks)
    for river in plan.rivers:
        trees = trees[river.distance(trees["x"], trees["y"]) > river.half_width + 0.7 * trees["radius"]]
        blocks = [
            block
            for block in blocks
            if river.distance(np.float64(block.x), np.float64(block.y)) > river.half_width + block.length / 2
        ]
    for pond in plan.ponds:
        away = np.hypot((trees["x"] - pond.x) / pond.stretch, trees["y"] - pond.y)
        trees = trees[away > pond.radius * 1.15 + 0.5 * trees["radius"]]
    u, v = plan.frame.to_frame(trees["x"], trees["y"])
    dry = np.ones(trees.size, bool)
    for pool in (patch for patch in plan.patches if patch.cover == Cover.POOL):
        off_u, off_v = np.abs(u - (pool.u0 + pool.u1) / 2), np.abs(v - (pool.v0 + pool.v1) / 2)
        dry &= (off_u > pool.width / 2 + 2.5) | (off_v > pool.depth / 2 + 2.5)
    trees = trees[dry]
    for block in blocks:
        x, y = trees["x"] - block.x, trees["y"] - block.y
        cos, sin = np.cos(block.angle), np.sin(block.angle)
        room = 0.6 * trees["radius"]
        beside = np.abs(cos * y - sin * x) > block.width / 2 + room
        trees = trees[beside | (np.abs(cos * x + sin * y) > block.length / 2 + room)]
    return Plan(plan.frame, plan.patches, plan.ponds, plan.rivers, plan.roads, tuple(blocks), trees)
