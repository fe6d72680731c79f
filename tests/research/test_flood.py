from __future__ import annotations

import numpy as np
import pytest
import torch

from flair_landcover.research.augment import Crop
from flair_landcover.research.crops import ImageCrops
from flair_landcover.research.flood import flood
from flair_landcover.research.labels import CODES

FIELD, HOUSE, WATER = CODES["agricultural land"], CODES["building"], CODES["water"]


@pytest.fixture
def crop() -> Crop:
    """A bright field on the left, a house on the right, all bands at 0.6."""
    codes = torch.full((64, 64), HOUSE, dtype=torch.uint8)
    codes[:, :40] = FIELD
    return Crop(torch.full((5, 64, 64), 0.6), codes)


def test_the_field_becomes_water_that_is_dark_in_near_infrared_and_the_rest_stays(crop):
    for seed in range(20):
        flooded = flood(crop, np.random.default_rng(seed))
        assert (flooded.codes[:, :40] == WATER).all()
        assert (flooded.codes[:, 40:] == HOUSE).all()
        assert torch.equal(flooded.aerial[:, :, 40:], crop.aerial[:, :, 40:])
        assert flooded.aerial[3, :, :40].mean() < flooded.aerial[:3, :, :40].mean()
        assert flooded.aerial.min() >= 0 and flooded.aerial.max() <= 1
    assert (crop.codes[:, :40] == FIELD).all()


def test_lakes_differ_in_colour(crop):
    greens = [float(flood(crop, np.random.default_rng(seed)).aerial[1, :, :40].mean()) for seed in range(20)]
    assert max(greens) > 2 * min(greens)


def test_bands_that_a_crop_does_not_have_stay_zero(crop):
    crop.aerial[4] = 0
    assert not flood(crop, np.random.default_rng(1)).aerial[4].any()


def test_a_crop_without_near_infrared_stays(crop):
    crop.aerial[3] = 0
    assert flood(crop, np.random.default_rng(1)) is crop


def test_a_crop_without_open_land_stays(crop):
    crop.codes[:] = HOUSE
    assert flood(crop, np.random.default_rng(1)) is crop


def test_as_many_crops_are_flooded_as_the_share_says(halves):
    halves.codes[:] = FIELD
    for share in (0.0, 0.3):
        crops = ImageCrops([halves], {"generated": 1.0}, flooded=share)
        drawn = [crops.draw(32, np.random.default_rng(s)) for s in range(400)]
        wet = [bool((crop.codes == WATER).any()) for crop in drawn if crop.aerial[3].any()]
        assert len(wet) > 100 and abs(np.mean(wet) - share) < 0.1
