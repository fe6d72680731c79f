"""The superpatch of any tile: the satellite network's input, centred on the tile."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine
from rasterio.crs import CRS

from ...contract.cards import SatelliteInput
from ..raster.geobox import GeoBox
from ..raster.windows import Window
from .clouds import RULES, clearest, rejected
from .means import as_trained
from .reflect import fill_by_reflection
from .series import Series
from .store import BUDGET, BlockStore, Pixels

GROUND_SAMPLING_DISTANCE = 10.0  # metres
_LEAST_MARGIN = 20  # pixels of 10 m around the raster: tiles of it may begin within and end half a tile past it
_SAME = 1e-3  # shares of a pixel that count as none
_HALF = 0.5 - 1e-6  # what is rounded up: exact halves go down, as the centre pixel of published superpatches does


@dataclass(frozen=True)
class Superpatch:
    """What the network gets of a tile's surroundings.

    pixels: float32 (positions, bands, side, side), months or dates as the card says. days: float32 (positions,).
    dates: the ISO dates that went into it.
    mirrored: whether the series ends in it, so that a part is a reflection.
    """

    pixels: np.ndarray
    days: np.ndarray
    dates: tuple[str, ...]
    mirrored: bool


def superpatch_of(
    pixels: Pixels, dates: tuple[str, ...], central: tuple[slice, slice], card: SatelliteInput
) -> Superpatch | None:
    """What the network gets of the pixels of a superpatch; None where no date can be used.

    Of a date all pixels count or none: it is left out where clouds and snow cover too much of the superpatch by the
    card's rule (see `clouds`), or where it has no pixel in the central part that the tile covers itself. A network
    that cannot do without gets the least covered dates where all are too cloudy.
    dates: ISO, of the T acquisitions. central: rows and columns of the part that the tile covers.
    """
    there = np.asarray(~pixels.missing[(slice(None), *central)].all(axis=(1, 2)))
    used = there & ~rejected(pixels.covers, pixels.missing, RULES[card.cloud_rule])
    if card.required and not used.any():
        used = clearest(pixels.covers, pixels.missing, among=there)
    if not used.any():
        return None
    dates = tuple(date for date, use in zip(dates, used) if use)
    means, days = as_trained(pixels.values[used], dates, pixels.missing[used], card)
    mirrored = bool(np.isnan(means[:, 0]).any())
    if mirrored:
        fill_by_reflection(means)
    return Superpatch(means / np.float32(card.divisor), days, dates, mirrored)


class Superpatches:
    """Reads the superpatches of tiles, in any thread."""

    def __init__(self, series: Series, card: SatelliteInput, geobox: GeoBox, budget: int = BUDGET) -> None:
        self._dates = tuple(acquisition.date for acquisition in series.acquisitions)
        self._card = card
        self._geobox = geobox
        start = _grid_of_10_m(series, geobox)
        self._inverse = ~start
        columns, rows = self._inverse * (geobox.width, geobox.height)
        shape = (math.ceil(rows), math.ceil(columns))
        grid = replace(geobox, transform=geobox.transform * start, shape=shape)
        self._store = BlockStore(series.acquisitions, grid, self._area(), budget, RULES[card.cloud_rule])

    def place(self, tile: Window) -> Window:
        """The superpatch's window on the grid of 10 m; its centre lies at most 5 m from the tile's on either axis."""
        size = self._card.superpatch
        column, row = self._inverse * (tile.column + tile.width / 2, tile.row + tile.height / 2)
        return Window(math.floor(column + _HALF) - size // 2, math.floor(row + _HALF) - size // 2, size, size)

    def read(self, tile: Window) -> Superpatch | None:
        """The superpatch of a tile, a window of the aerial geobox; None where no date can be used.

        Raises BadInput where the series cannot be read.
        """
        return superpatch_of(self._store.read(self.place(tile)), self._dates, self._central(tile), self._card)

    def _central(self, tile: Window) -> tuple[slice, slice]:
        """Rows and columns of a superpatch that lie on the tile."""
        across, down = self._geobox.pixels_in(GROUND_SAMPLING_DISTANCE)
        half = self._card.superpatch // 2
        reach_across, reach_down = (
            min(half, max(1, round(side / pixels / 2))) for side, pixels in ((tile.width, across), (tile.height, down))
        )
        return slice(half - reach_down, half + reach_down), slice(half - reach_across, half + reach_across)

    def _area(self) -> Window:
        """What superpatches can reach of the grid of 10 m: the raster and its surroundings."""
        margin = max(self._card.superpatch, _LEAST_MARGIN)
        corners = [self._inverse * (x, y) for x in (0, self._geobox.width) for y in (0, self._geobox.height)]
        columns, rows = zip(*corners)
        left, top = math.floor(min(columns)) - margin, math.floor(min(rows)) - margin
        return Window.between(left, top, math.ceil(max(columns)) + margin, math.ceil(max(rows)) + margin)


def _grid_of_10_m(series: Series, geobox: GeoBox) -> Affine:
    """The grid of 10 m: from its pixels to those of the aerial geobox.

    It lies in the aerial raster's frame, and begins at its corner unless the series' first raster has pixels of the
    same size and direction: then it takes those, which saves them a resampling.
    """
    across, down = geobox.pixels_in(GROUND_SAMPLING_DISTANCE)
    start = Affine.scale(across, down)
    first = series.acquisitions[0].geobox
    if CRS.from_wkt(first.crs_wkt) == CRS.from_wkt(geobox.crs_wkt):
        a, b, c, d, e, f = tuple(~(geobox.transform * start) * first.transform)[:6]
        if max(abs(abs(a) - 1), abs(b), abs(d), abs(abs(e) - 1)) < _SAME:
            return start * Affine.translation(c % 1, f % 1)
    return start
