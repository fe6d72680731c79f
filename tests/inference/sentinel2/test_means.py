"""Monthly means and positions in the year."""

from __future__ import annotations

import numpy as np

from flair_landcover.inference.sentinel2.means import monthly_means


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
