"""Windows of pixels."""

from __future__ import annotations

import numpy as np

from flair_landcover.inference.raster.windows import Window


def test_windows_that_only_touch_share_nothing():
    assert Window(0, 0, 10, 10).intersection(Window(10, 0, 5, 5)) is None
    assert Window(0, 0, 10, 10).intersection(Window(8, -3, 5, 5)) == (8, 0, 2, 2)


def test_a_window_finds_its_pixels_in_those_of_another():
    whole = Window(-5, 7, 40, 30)
    part = Window.between(10, 8, 13, 12)
    assert (part.width, part.height, part.right, part.bottom) == (3, 4, 13, 12)
    pixels = np.arange(whole.width * whole.height).reshape(whole.shape)
    assert pixels[part.within(whole)].shape == part.shape
    assert pixels[part.within(whole)][0, 0] == (8 - 7) * 40 + (10 + 5)
