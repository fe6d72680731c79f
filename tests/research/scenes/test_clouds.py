"""Clouds look and lie as clouds do."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from flair_landcover.research.scenes.clouds import draw_sky, sun
from flair_landcover.research.scenes.seasons import BANDS

SHAPE = (80, 80)
JUNE, DECEMBER = datetime.date(2021, 6, 21), datetime.date(2021, 12, 21)


def sky(cover, seed=1, date=JUNE):
    return draw_sky(np.random.default_rng(seed), SHAPE, cover, date)


def test_a_clear_sky_leaves_the_ground_as_it_is():
    ground = np.random.default_rng(0).uniform(1, 5000, (len(BANDS), *SHAPE)).astype(np.float32)
    clear = sky(0.0)
    np.testing.assert_array_equal(clear.over(ground), ground)
    assert clear.probability(np.random.default_rng(0)).max() == 0


@pytest.mark.parametrize("cover", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_clouds_hide_the_share_that_was_asked_for(cover, seed):
    assert (sky(cover, seed).opacity > 0.3).mean() == pytest.approx(cover, abs=0.12)


def test_an_overcast_sky_leaves_no_gap():
    overcast = sky(1.0)
    assert overcast.opacity.min() > 0.3
    assert (overcast.probability(np.random.default_rng(0)) >= 60).all()


@pytest.mark.parametrize("seed", range(4))
def test_edges_are_soft(seed):
    """From clear to dense it takes some pixels: hardly a step to a neighbour is half as high as the cloud is dense."""
    opacity = sky(0.4, seed).opacity / sky(0.4, seed).opacity.max()
    steps = np.concatenate([np.abs(np.diff(opacity, axis=axis)).ravel() for axis in (0, 1)])
    assert (steps > 0.5).mean() < 0.01
    assert ((opacity > 0.1) & (opacity < 0.9)).mean() > 0.1


def test_clouds_are_bright_and_darker_in_the_short_wave_infrared():
    clouded = sky(0.5)
    thick = clouded.opacity > 0.9 * clouded.opacity.max()
    seen = clouded.over(np.full((len(BANDS), *SHAPE), 800, np.float32))[:, thick].mean(axis=1)
    assert seen[BANDS.index("B2")] > 4000
    assert seen[BANDS.index("B12")] < 0.7 * seen[BANDS.index("B2")]


def test_the_probability_follows_the_clouds_and_not_their_shadows():
    clouded = sky(0.5, 2)
    probability = clouded.probability(np.random.default_rng(0))
    assert probability.min() >= 0 and probability.max() <= 100
    assert (probability[clouded.opacity > 0.45] >= 60).mean() > 0.95
    shadow_alone = (clouded.shadow > 0.4) & (clouded.opacity == 0)
    assert shadow_alone.any() and probability[shadow_alone].max() == 0
    ground = np.full((len(BANDS), *SHAPE), 1000, np.float32)
    assert clouded.over(ground)[:, shadow_alone].max() < 850


@pytest.mark.parametrize("seed", [3, 5])
def test_shadows_have_the_shape_of_their_clouds_and_fall_away_from_the_sun(seed):
    """Of all displacements to the north-west one makes cloud and shadow agree; it lies opposite the sun."""
    side, reach = 160, 75
    drawn = draw_sky(np.random.default_rng(seed), (side, side), 0.4, JUNE)
    fits = {
        (up, left): np.abs(drawn.opacity[up:, left:] - drawn.shadow[: side - up, : side - left]).max()
        for up in range(reach)
        for left in range(reach)
    }
    up, left = min(fits, key=fits.get)
    assert fits[up, left] == 0
    azimuth, elevation = sun(JUNE)
    assert np.arctan2(left, up) == pytest.approx(np.pi - azimuth, abs=0.05)
    assert 380 < 10 * np.hypot(up, left) * np.tan(elevation) < 1220  # metres: low clouds


def test_the_sun_stands_where_almanacs_have_it_at_half_past_ten():
    """Upper culmination at 48.4 degrees north is 65 degrees in June and 18 in December; 10:30 is before it."""
    (june_azimuth, june), (december_azimuth, december) = (np.rad2deg(sun(date)) for date in (JUNE, DECEMBER))
    assert 58 < june < 65 and 120 < june_azimuth < 150
    assert 12 < december < 18.2 and 150 < december_azimuth < 165


def test_the_same_chance_gives_the_same_sky():
    first, again, other = sky(0.3, 7), sky(0.3, 7), sky(0.3, 8)
    np.testing.assert_array_equal(first.opacity, again.opacity)
    assert not np.array_equal(first.opacity, other.opacity)
