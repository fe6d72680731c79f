"""A series at a glance, over the extent of a job: which dates there are and how cloudy they are there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine

from ..contract.answers import CLEAR, CLOUDY, REJECTED, UNKNOWN, SeriesDate, SeriesOverview
from ..contract.cards import SatelliteInput
from ..contract.errors import BadInput, Cancelled, about
from ..contract.going_on import listening
from ..contract.notices import Notice
from ..contract.segmentation import SegmentationJob
from .raster.geobox import GeoBox
from .raster.read import gdal_settings
from .resolve import Place, resolve_place, resolve_series
from .sentinel2.clouds import RULES, CloudRule
from .sentinel2.series import Acquisition, Series
from .sentinel2.superpatches import GROUND_SAMPLING_DISTANCE
from .sentinel2.usable import warn_of_missing_masks
from .sentinel2.warp import OpenFiles, read_cover

_MOST_PIXELS = 400  # a side that masks are read with, however large the extent
_HALF = 0.5  # share of the extent from which on a date that is covered is told as rejected
_CLEAR = 0.95  # share of the extent from which on a date counts as clear


def overview(job: SegmentationJob, cancelled: Callable[[], bool]) -> SeriesOverview:
    """What a job's series holds; dates that the job leaves out are told like the others.

    Masks are read thinned, 400 pixels a side at most. The job's outputs are not looked at.
    Raises BadInput, which names the setting, where there is no series or it cannot be used; Cancelled once
    `cancelled` says so.
    """
    warnings: list[Notice] = []
    with gdal_settings(), about("sentinel2"), listening(cancelled):
        if not job.image.sentinel2:
            raise BadInput("No Sentinel-2 series is named: give a path.")
        place = resolve_place(job, lambda warning: None)
        series = resolve_series(place, warnings.append)
        warn_of_missing_masks(series, warnings.append)
        looks: dict[str, list[_Look]] = {}
        glance = _Glance.of(place)
        with OpenFiles() as files:
            for acquisition in series.acquisitions:
                if cancelled():
                    raise Cancelled
                looks.setdefault(acquisition.date, []).append(glance.look(acquisition, files))
    dates = tuple(_entry(date, series, seen, glance) for date, seen in looks.items())
    used = {entry.date for entry in dates if entry.state != REJECTED} - set(job.image.leave_out)
    return SeriesOverview(series.kind, dates, len({date[5:7] for date in used}), warnings)


@dataclass(frozen=True)
class _Look:
    """An acquisition in the glance's geobox: covered, None without a mask, and known, bool (rows, columns)."""

    covers: np.ndarray | None
    known: np.ndarray


@dataclass(frozen=True)
class _Glance:
    """Where to look: a geobox over the extent and its superpatches.

    inner: the extent's own rows and columns in it. patch: a superpatch's pixels a side in it. rule: the model's for
    clouds.
    """

    geobox: GeoBox
    inner: tuple[slice, slice]
    patch: int
    rule: CloudRule

    @classmethod
    def of(cls, place: Place) -> _Glance:
        geobox = place.geobox
        satellite = place.card.satellite or SatelliteInput()
        size = satellite.superpatch
        across, down = geobox.pixels_in(GROUND_SAMPLING_DISTANCE)
        inside = place.inside
        columns, rows = inside.width / across, inside.height / down  # of the extent, in pixels of 10 m
        step = max(1.0, (max(columns, rows) + size) / _MOST_PIXELS)
        margin = math.ceil(size / 2 / step)
        inner = (max(1, math.ceil(rows / step)), max(1, math.ceil(columns / step)))
        transform = (
            geobox.transform
            * Affine.translation(inside.column, inside.row)
            * Affine.scale(inside.width / inner[1], inside.height / inner[0])
            * Affine.translation(-margin, -margin)
        )
        shape = (inner[0] + 2 * margin, inner[1] + 2 * margin)
        parts = slice(margin, margin + inner[0]), slice(margin, margin + inner[1])
        frame = replace(geobox, transform=transform, shape=shape)
        return cls(frame, parts, max(1, round(size / step)), RULES[satellite.cloud_rule])

    def look(self, acquisition: Acquisition, files: OpenFiles) -> _Look:
        """Reads the masks of an acquisition."""
        covers, without_data = read_cover(acquisition, self.geobox, files, self.rule)
        return _Look(covers, ~without_data)

    def state(self, covers: np.ndarray, known: np.ndarray, clear: float) -> str:
        """What a date with masks is called."""
        counted = np.where(known, covers, 0)
        if counted[self.inner].sum() >= _HALF * known[self.inner].sum():  # also where nothing is known
            return REJECTED
        covered, there = _sums(counted, self.patch), _sums(known, self.patch)
        if clear < _CLEAR or self.rule.drops(covered, there).any():
            return CLOUDY
        return CLEAR


def _entry(date: str, series: Series, looks: list[_Look], glance: _Glance) -> SeriesDate:
    """What is told of a date. Where several of its acquisitions have a pixel, the clearest counts."""
    name = ", ".join(acquisition.name for acquisition in series.acquisitions if acquisition.date == date)
    masked = [(look.covers, look.known) for look in looks if look.covers is not None]
    if len(masked) < len(looks):
        return SeriesDate(date, None, UNKNOWN, name)
    known = np.logical_or.reduce([look_known for _, look_known in masked])
    covers = np.minimum.reduce([np.where(look_known, look_covers, 2) for look_covers, look_known in masked])
    seen = known[glance.inner]
    clear = float((covers[glance.inner][seen] == 0).mean()) if seen.any() else 0.0
    return SeriesDate(date, clear, glance.state(covers, known, clear), name)


def _sums(values: np.ndarray, side: int) -> np.ndarray:
    """Sums over all squares of `side` x `side` pixels of (rows, columns), cut at its edges where it is smaller."""
    total = np.pad(values.astype(np.int64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    rows, columns = min(side, values.shape[0]), min(side, values.shape[1])
    return total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
