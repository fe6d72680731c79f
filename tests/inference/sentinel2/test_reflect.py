"""Where the series ends."""

from __future__ import annotations

import numpy as np
import pytest

from flair_landcover.inference.sentinel2.reflect import fill_by_reflection, largest_rectangle


@pytest.mark.parametrize(
    ("top", "bottom", "left", "right"),
    [(0, 40, 0, 31), (7, 40, 0, 40), (3, 33, 12, 25), (30, 40, 0, 22), (0, 2, 0, 40)],
)
def test_at_a_straight_edge_it_is_numpys_reflection(top, bottom, left, right):
    whole = np.random.default_rng(0).random((2, 10, 40, 40)).astype(np.float32)
    there = whole[:, :, top:bottom, left:right]
    around = ((0, 0), (0, 0), (top, 40 - bottom), (left, 40 - right))
    expected = np.pad(there, around, mode="reflect")
    given = np.full_like(whole, np.nan)
    given[:, :, top:bottom, left:right] = there
    np.testing.assert_array_equal(fill_by_reflection(given), expected)


def test_what_is_there_stays_and_nothing_remains_missing_at_a_slanting_edge():
    rows, columns = np.mgrid[:40, :40]
    whole = np.random.default_rng(1).random((1, 10, 40, 40)).astype(np.float32)
    gaps = columns > 30 - rows // 5
    gaps[4, 5] = True
    given = np.where(gaps, np.float32(np.nan), whole)
    filled = fill_by_reflection(given.copy())
    np.testing.assert_array_equal(filled[..., ~gaps], whole[..., ~gaps])
    assert np.isfinite(filled).all()
    assert np.isin(filled[..., gaps], whole[..., ~gaps]).all()


def test_each_month_has_an_edge_of_its_own():
    pixels = np.broadcast_to(np.arange(5, dtype=np.float32), (2, 1, 5, 5)).copy()
    pixels[0, :, :, 3:] = np.nan
    pixels[1, :, :, :1] = np.nan
    filled = fill_by_reflection(pixels)
    assert filled[0, 0, 0].tolist() == [0, 1, 2, 1, 0]
    assert filled[1, 0, 0].tolist() == [2, 1, 2, 3, 4]


def test_the_largest_rectangle_equals_the_one_found_by_trying_all():
    random = np.random.default_rng(2)
    for _ in range(30):
        there = random.random((6, 7)) < 0.7
        top, left, bottom, right = largest_rectangle(there)
        assert there[top:bottom, left:right].all()
        largest = max(
            (b - t) * (r - l)
            for t in range(6)
            for b in range(t, 7)
            for l in range(7)  # noqa: E741
            for r in range(l, 8)
            if there[t:b, l:r].all()
        )
        assert (bottom - top) * (right - left) == largest
    assert largest_rectangle(np.zeros((3, 3), bool)) == (0, 0, 0, 0)
