"""A year of dates under weather."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from flair_landcover.research.scenes import seasons, year
from flair_landcover.research.scenes.plan import Cover
from flair_landcover.research.scenes.seasons import BANDS, SUBPIXELS, months_since_mid_january

SIDE = 40  # pixels of 10 m


def year_of(cover, seed=1):
    """A year over one cover alone."""
    shape = (SIDE * SUBPIXELS, SIDE * SUBPIXELS)
    return year.draw_year(np.full(shape, cover, np.uint8), np.zeros(shape, int), 1, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def maize():
    return year_of(Cover.MAIZE)


@pytest.mark.parametrize("seed", range(5))
def test_dates_are_those_of_an_orbit_irregular_and_in_every_month(seed):
    weather = year.draw_weather(np.random.default_rng(seed))
    dates = [day.date for day in weather]
    assert len(dates) == 25 and dates == sorted(set(dates))
    gaps = {(after - before).days for before, after in zip(dates, dates[1:])}
    assert all(gap % 5 == 0 for gap in gaps) and len(gaps) >= 4
    assert {date.month for date in dates} == set(range(1, 13))


@pytest.mark.parametrize("seed", range(5))
def test_cover_goes_from_none_to_the_whole_scene_and_snow_lies_in_winter_alone(seed):
    weather = year.draw_weather(np.random.default_rng(seed))
    covers = [day.clouds for day in weather]
    assert min(covers) == 0 and max(covers) == 1
    assert sum(cover == 0 for cover in covers) >= 8 and sum(0.1 < cover < 0.9 for cover in covers) >= 8
    snowy = [day for day in weather if day.snow]
    assert len(snowy) == 2 and all(day.date.month in (12, 1, 2) for day in snowy)


def test_shapes_and_values_are_those_of_products(maize):
    assert maize.pixels.shape == (25, len(BANDS), SIDE, SIDE) and maize.pixels.dtype == np.uint16
    assert maize.pixels.min() >= 1
    for mask in (maize.clouds, maize.snow):
        assert mask.shape == (25, SIDE // 2, SIDE // 2) and mask.dtype == np.uint8 and mask.max() <= 100


def test_masks_say_how_cloudy_each_date_is(maize):
    for day, mask in zip(maize.weather, maize.clouds):
        assert (mask >= 60).mean() == pytest.approx(day.clouds, abs=0.15)


def test_clouds_are_white_where_the_mask_is_sure_of_them(maize):
    blue = maize.pixels[:, BANDS.index("B2")].reshape(25, SIDE // 2, 2, SIDE // 2, 2).mean(axis=(2, 4))
    clear = (maize.clouds == 0) & (maize.snow == 0)
    assert np.median(blue[maize.clouds == 100]) > 2.5 * np.median(blue[clear])


def test_snow_is_white_with_a_dark_short_wave_infrared_and_in_its_mask():
    grass = year_of(Cover.GRASS, 3)
    deepest = max(range(25), key=lambda number: grass.weather[number].snow)
    assert (grass.snow[deepest] >= 60).mean() > 0.9 - grass.weather[deepest].clouds
    white = np.repeat(np.repeat((grass.snow[deepest] > 90) & (grass.clouds[deepest] < 5), 2, 0), 2, 1)
    assert white.any()
    red, infrared = grass.pixels[deepest, BANDS.index("B4")], grass.pixels[deepest, BANDS.index("B11")]
    assert np.median(red[white]) > 6000 and np.median(infrared[white]) < 1500
    summer = [number for number in range(25) if not grass.weather[number].snow]
    assert grass.snow[summer].max() == 0


def test_snow_melts_into_water_and_slides_off_conifers():
    def share(cover):
        made = year_of(cover, 3)
        deepest = max(range(25), key=lambda number: made.weather[number].snow)
        return made.pixels[deepest, BANDS.index("B4")].mean()

    water, conifers, grass = (share(cover) for cover in (Cover.WATER, Cover.CONIFER, Cover.GRASS))
    assert water < conifers < grass


def test_under_a_clear_sky_the_seasons_are_those_that_training_uses(maize):
    """NDVI of the clear dates lies on the curve through the months of `seasons.series`."""

    def ndvi(pixels):
        red, infrared = (pixels[:, BANDS.index(band)].astype(float).mean(axis=(1, 2)) for band in ("B4", "B8"))
        return (infrared - red) / (infrared + red)

    samples = np.full((20, 20), Cover.MAIZE, np.uint8)
    monthly = ndvi(seasons.series(samples, np.zeros((20, 20), int), 1, np.random.default_rng(3)))
    clear = [number for number, day in enumerate(maize.weather) if not day.clouds and not day.snow]
    assert len(clear) >= 8
    for number, value in zip(clear, ndvi(maize.pixels[clear])):
        expected = np.interp(months_since_mid_january(maize.weather[number].date), range(13), [*monthly, monthly[0]])
        assert value == pytest.approx(expected, abs=0.13)


def test_the_middle_of_a_month_is_a_whole_number_of_months_since_january():
    for month in range(1, 13):
        assert months_since_mid_january(datetime.date(2021, month, 15)) == month - 1
    assert months_since_mid_january(datetime.date(2021, 1, 1)) == pytest.approx(11 + 17 / 31)
    assert months_since_mid_january(datetime.date(2021, 3, 1)) == pytest.approx(1 + 14 / 28)


def test_in_the_middle_of_the_months_the_ground_is_the_monthly_series_before_the_sensor():
    samples = np.full((20, 20), Cover.WHEAT, np.uint8)
    moments = [months_since_mid_january(datetime.date.fromisoformat(date)) for date in seasons.DATES]
    chance = np.random.default_rng(4)
    seen = seasons.sensor(seasons.ground(samples, np.zeros((20, 20), int), 1, moments, chance), chance)
    expected = seasons.series(samples, np.zeros((20, 20), int), 1, np.random.default_rng(4))
    np.testing.assert_array_equal(seen, expected)


def test_the_same_chance_gives_the_same_year(maize):
    again = year_of(Cover.MAIZE)
    np.testing.assert_array_equal(maize.pixels, again.pixels)
    assert not np.array_equal(maize.pixels, year_of(Cover.MAIZE, 2).pixels)
