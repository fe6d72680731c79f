"""What of a series a job can use: the acquisitions of the place, without the dates that are left out."""

from __future__ import annotations

import datetime
from dataclasses import replace

from ...contract.errors import BadInput
from ...contract.notices import Warn, notice
from ..raster.extents import share_under
from ..raster.geobox import Bounds, GeoBox
from ..raster.windows import Window
from .series import Acquisition, Series

_SURROUNDINGS_M = 400.0  # around the aerial raster: superpatches reach 150 m past it


def over_place(series: Series, geobox: GeoBox, extent: Bounds) -> Series:
    """The acquisitions that reach the aerial raster or its surroundings, whatever the extent.

    extent: in the geobox's CRS. Raises BadInput where no acquisition lies under it.
    """
    across, down = (int(pixels) + 1 for pixels in geobox.pixels_in(_SURROUNDINGS_M))
    around = geobox.window_bounds(Window.between(-across, -down, geobox.width + across, geobox.height + down))
    here: list[Acquisition] = []
    best = 0.0
    for acquisition in series.acquisitions:
        what = f"The Sentinel-2 raster {acquisition.name}"
        reaches, share = (share_under(acquisition.geobox, what, geobox.crs_wkt, each) for each in (around, extent))
        if reaches > 0:
            here.append(acquisition)
        best = max(best, share)
    if best <= 0:
        raise BadInput(
            f"The Sentinel-2 series ({series.acquisitions[0].name}) does not cover the extent: "
            "choose one of the same place, or none."
        )
    return replace(series, acquisitions=tuple(here))


def without_dates(series: Series, leave_out: tuple[str, ...], warn: Warn) -> Series:
    """The series without some of its dates.

    Raises BadInput, which names ``leave_out``, where one is no date or none of the series' would be left.
    """
    for date in leave_out:
        try:
            datetime.date.fromisoformat(date)
        except ValueError:
            raise BadInput(f"The date to leave out {date!r} is none: write it as 2021-04-15.", "leave_out") from None
    unknown = sorted(set(leave_out) - set(series.dates))
    if unknown:
        warn(notice("unknown_dates", dates=unknown))
    kept = tuple(acquisition for acquisition in series.acquisitions if acquisition.date not in leave_out)
    if not kept:
        raise BadInput("All dates of the Sentinel-2 series are left out: keep one, or give no series.", "leave_out")
    return replace(series, acquisitions=kept)


def warn_of_missing_masks(series: Series, warn: Warn) -> None:
    """Tells where clouds cannot be known: those dates are kept as they are."""
    blind = {a.date for a in series.acquisitions if a.clouds is None and a.classes is None}
    if not blind:
        return
    if len(blind) == len(series.dates):
        warn(notice("no_cloud_mask"))
    else:
        warn(notice("dates_without_cloud_mask", without=len(blind), total=len(series.dates)))
