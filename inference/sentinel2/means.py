"""Monthly means of a series, as the published weights were trained on them."""

from __future__ import annotations

import datetime

import numpy as np

REFERENCE_YEAR = 2021  # any year without a leap day; positions in the year are what counts (IGNF/FLAIR-2)
_REFERENCE_DATE = datetime.date(REFERENCE_YEAR, 5, 15)
_MONTH_DAY = 15  # a monthly mean stands for the middle of its month (IGNF/FLAIR-2)


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
    days = [(_REFERENCE_DATE - datetime.date(REFERENCE_YEAR, month, _MONTH_DAY)).days for month in months]
    return np.stack(means).astype(np.float32), np.array(days, np.float32)


def _mean_of_known(series: np.ndarray, missing: np.ndarray) -> np.ndarray:
    known = ~missing[:, None]
    total = np.where(known, series, 0).sum(axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
        return total / known.sum(axis=0)
