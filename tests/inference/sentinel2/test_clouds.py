"""Which dates are too cloudy."""

from __future__ import annotations

import numpy as np
import pytest

from flair_landcover.inference.sentinel2.clouds import RULES, clearest, cover, rejected

CLEAR = np.zeros((1, 10, 10), bool)


def test_a_pixel_counts_from_a_probability_of_60_on_and_once_for_cloud_and_once_for_snow():
    clouds = np.array([[0, 59, 60, 100, 80, np.nan, 255]], np.float32)
    snow = np.array([[0, 0, 0, 59, 60, 60, 0]], np.float32)
    assert cover(clouds, snow, None).tolist() == [[0, 0, 1, 1, 2, 1, 0]]
    assert cover(clouds, None, None).tolist() == [[0, 0, 1, 1, 1, 0, 0]]
    assert cover(None, None, None) is None


def test_scene_classes_stand_in_for_the_probability_that_is_not_there():
    classes = np.arange(12, dtype=np.float32)[None]
    assert cover(None, None, classes).tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1]]
    assert cover(np.zeros((1, 12)), None, classes).tolist() == [[0] * 11 + [1]]
    assert cover(None, np.zeros((1, 12)), classes).tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0]]


@pytest.mark.parametrize(
    ("clouds", "snow", "dropped"), [(49, 0, False), (50, 0, True), (25, 25, True), (25, 24, False)]
)
def test_a_date_is_dropped_from_half_of_the_superpatch_on(clouds, snow, dropped):
    covers = np.zeros((1, 100), np.uint8)
    covers[:, :clouds] += 1
    covers[:, 100 - snow :] += 1
    assert rejected(covers.reshape(1, 10, 10), CLEAR).tolist() == [dropped]


def test_pixels_under_cloud_and_snow_count_twice_as_published():
    covers = np.zeros((1, 10, 10), np.uint8)
    covers[0, :3, :9] = 2  # 27 pixels: 54 of 100
    assert rejected(covers, CLEAR).tolist() == [True]
    covers[0, 0] = 0  # 18 pixels: 36 of 100
    assert rejected(covers, CLEAR).tolist() == [False]


def test_the_share_is_of_the_pixels_that_are_there():
    covers = np.zeros((1, 10, 10), np.uint8)
    covers[0, :, :3] = 1
    missing = np.zeros((1, 10, 10), bool)
    missing[0, :, 5:] = True
    assert rejected(covers, CLEAR).tolist() == [False]
    assert rejected(covers, missing).tolist() == [True]


def test_for_flairhub_a_pixel_counts_once_from_a_probability_of_2_on():
    clouds = np.array([[0, 1, 2, 100, 2, np.nan, 255]], np.float32)
    snow = np.array([[0, 1, 0, 0, 2, 2, 0]], np.float32)
    assert cover(clouds, snow, None, RULES["flairhub"]).tolist() == [[0, 0, 1, 1, 1, 1, 0]]


@pytest.mark.parametrize(("covered", "dropped"), [(0, False), (5, False), (6, True), (100, True)])
def test_for_flairhub_a_date_is_dropped_above_a_twentieth(covered, dropped):
    covers = (np.arange(100) < covered).astype(np.uint8).reshape(1, 10, 10)
    assert rejected(covers, CLEAR, RULES["flairhub"]).tolist() == [dropped]


def test_the_clearest_dates_are_those_that_are_covered_least_of_what_they_have():
    covers, missing = np.zeros((4, 10, 10), np.uint8), np.zeros((4, 10, 10), bool)
    covers[0, :2], covers[1, :4], covers[2, :2] = 1, 1, 1
    missing[2, 2:6] = True  # a third of the rest
    among = np.array([True, True, True, False])
    assert clearest(covers, missing, among).tolist() == [True, False, False, False]
    covers[1, 2:] = 0
    assert clearest(covers, missing, among).tolist() == [True, True, False, False]
    assert not clearest(covers, missing, np.zeros(4, bool)).any()
