"""Monthly means and positions in the year."""

from __future__ import annotations

import numpy as np
import pytest

from flair_landcover.contract.cards import SatelliteInput
from flair_landcover.inference.sentinel2.means import as_trained, monthly_means

DATES = ("2020-12-20", "2021-03-03", "2021-03-03", "2021-06-30")
SERIES = np.arange(4 * 10 * 4, dtype=np.uint16).reshape(4, 10, 2, 2) + 1
THERE = np.zeros((4, 2, 2), bool)


def test_monthly_means_and_positions_follow_the_published_definition():
    series = np.arange(5 * 10 * 4, dtype=np.uint16).reshape(5, 10, 2, 2)
    dates = ("2020-12-20", "2021-01-03", "2021-01-29", "2021-06-30", "2022-01-01")
    means, days = monthly_means(series, dates)
    # January holds dates 1, 2 and 4, whatever the year; 15 January, 15 June and 15 December against 15 May:
    assert days.tolist() == [16 + 28 + 31 + 30 + 15, -31, -(16 + 30 + 31 + 31 + 30 + 31 + 30 + 15)]
    np.testing.assert_allclose(means[0], (series[1].astype(float) + series[2] + series[4]) / 3, rtol=1e-6)
    np.testing.assert_array_equal(means[1], series[3])
    np.testing.assert_array_equal(means[2], series[0])


def test_a_mean_is_of_the_dates_that_have_the_pixel():
    series = np.array([[[[10, 20]]], [[[30, 40]]], [[[7, 7]]]], np.uint16)
    missing = np.array([[[False, True]], [[False, False]], [[True, False]]])
    means, _ = monthly_means(series, ("2021-03-01", "2021-03-30", "2021-04-02"), missing)
    np.testing.assert_array_equal(means, np.array([[[[20, 40]]], [[[np.nan, 7]]]], np.float32))


def test_a_series_of_one_date_is_its_own_mean():
    series = np.full((1, 10, 3, 3), 65535, np.uint16)
    means, days = monthly_means(series, ("2019-05-31",))
    assert means.dtype == np.float32 and (means == 65535).all()
    assert days.tolist() == [0.0]


@pytest.mark.parametrize("sign", [1, -1])
def test_months_are_the_monthly_means_with_days_of_the_cards_sign(sign):
    means, days = as_trained(SERIES, DATES, THERE, SatelliteInput(days_sign=sign))
    expected, to_may = monthly_means(SERIES, DATES)
    np.testing.assert_array_equal(means, expected)
    np.testing.assert_array_equal(days, sign * to_may)


def test_a_year_has_twelve_months_that_repeat_the_last_one_or_are_padding():
    means, days = as_trained(SERIES, DATES, THERE, SatelliteInput(averaging="year", days_sign=-1))
    months, to_may = monthly_means(SERIES, DATES)  # March, June and December
    assert means.shape == (12, 10, 2, 2) and means.dtype == days.dtype == np.float32
    assert not means[:2].any() and not days[:2].any()
    for month, which in ((2, 0), (3, 0), (4, 0), (5, 1), (8, 1), (10, 1), (11, 2)):
        np.testing.assert_array_equal(means[month], months[which])
        assert days[month] == -to_may[which]
    assert days[-1] == 214  # 15 December, counted from 15 May


def test_dates_stay_apart_but_for_acquisitions_of_one_day():
    missing = THERE.copy()
    missing[1, 0, 0] = missing[3, 1, 1] = True
    pixels, days = as_trained(SERIES, DATES, missing, SatelliteInput(averaging="dates", days_sign=-1))
    assert days.tolist() == [219, -73, 46]  # each against 15 May of its own year
    np.testing.assert_array_equal(pixels[0], SERIES[0])
    np.testing.assert_array_equal(pixels[1, :, 0, 0], SERIES[2, :, 0, 0])
    np.testing.assert_array_equal(pixels[1, :, 1], (SERIES[1, :, 1].astype(float) + SERIES[2, :, 1]) / 2)
    assert np.isnan(pixels[2, :, 1, 1]).all()
    assert np.isnan(pixels).sum() == 10
