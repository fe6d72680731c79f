"""Means and positions of a series in the year, as the published weights were trained on them."""

from __future__ import annotations

import datetime

import numpy as np

from ...contract.cards import SatelliteInput

REFERENCE_YEAR = 2021  # any year without a leap day; positions in the year are what counts (IGNF/FLAIR-2)
_REFERENCE_DAY = (5, 15)  # month and day that positions are counted from (IGNF/FLAIR-2, IGNF/FLAIR-HUB)
_MONTH_DAY = 15  # a monthly mean stands for the middle of its month (IGNF/FLAIR-2)


def as_trained(
    series: np.ndarray, dates: tuple[str, ...], missing: np.ndarray, card: SatelliteInput
) -> tuple[np.ndarray, np.ndarray]:
    """A series as the card says that the network was trained on it, before its divisor.

    series: (T, bands, rows, columns); dates: T ISO dates; missing: (T, rows, columns) bool, pixels that a date does
    not have and that do not count.
    Returns (positions, bands, rows, columns) float32, NaN where a position has no pixel, zeros alone where it is
    padding, and its days, (positions,) float32.
    """
    if card.averaging == "dates":
        pixels, days = _by_date(series, dates, missing)
    else:
        pixels, days = monthly_means(series, dates, missing)
        if card.averaging == "year":
            pixels, days = _whole_year(pixels, days, dates)
    return pixels, days * np.float32(card.days_sign)


def monthly_means(
    series: np.ndarray, dates: tuple[str, ...], missing: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The series as the network was trained on it: one mean a calendar month, whatever the year.

    series: (T, bands, rows, columns); dates: T ISO dates; missing: (T, rows, columns) bool, pixels that a date
    does not have and that do not count.
    Returns (months, bands, rows, columns) float32 in calendar order, NaN where no date of a month has the pixel,
    and the days from day 15 of each month to 15 May of one reference year, (months,) float32 (IGNF/FLAIR-2,
    `monthly_image`).
    """
    month_of = np.array([int(date[5:7]) for date in dates])
    months = sorted(set(month_of.tolist()))
    if missing is None or not missing.any():
        means = [series[month_of == month].mean(axis=0, dtype=np.float64) for month in months]
    else:
        means = [_mean_of_known(series[month_of == month], missing[month_of == month]) for month in months]
    days = [days_to_reference(datetime.date(REFERENCE_YEAR, month, _MONTH_DAY)) for month in months]
    return np.stack(means).astype(np.float32), np.array(days, np.float32)


def _by_date(series: np.ndarray, dates: tuple[str, ...], missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every date on its own; where several acquisitions of one have a pixel, their mean."""
    each = np.array(dates)
    unique = sorted(set(dates))
    means = [_mean_of_known(series[each == date], missing[each == date]) for date in unique]
    days = [days_to_reference(datetime.date.fromisoformat(date)) for date in unique]
    return np.stack(means).astype(np.float32), np.array(days, np.float32)


def _whole_year(pixels: np.ndarray, days: np.ndarray, dates: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Twelve months of the means of some: one that is not there repeats the last before it, or is padding."""
    there = sorted({int(date[5:7]) for date in dates})
    year = np.zeros((12, *pixels.shape[1:]), np.float32)
    year_days = np.zeros(12, np.float32)
    for month in range(there[0], 13):
        last = sum(known <= month for known in there) - 1
        year[month - 1], year_days[month - 1] = pixels[last], days[last]
    return year, year_days


def days_to_reference(date: datetime.date) -> int:
    """Days from a date to 15 May of its year."""
    return (datetime.date(date.year, *_REFERENCE_DAY) - date).days


def _mean_of_known(series: np.ndarray, missing: np.ndarray) -> np.ndarray:
    known = ~missing[:, None]
    total = np.where(known, series, 0).sum(axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
        return total / known.sum(axis=0)
