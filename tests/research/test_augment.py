from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from flair_landcover.research.augment import (
    Crop,
    draw_crop,
    draw_roles,
    draw_whole,
    paste_segments,
    stack,
)
from flair_landcover.research.dataset import RGB, RGB_NIR
from flair_landcover.research.labels import CODES


def filled(aerial: torch.Tensor) -> tuple[bool, ...]:
    return tuple(bool(band.any()) for band in aerial)


def test_band_dropout_always_leaves_rgb_and_gives_every_set_of_bands(scene):
    seen = {draw_roles(scene.roles, np.random.default_rng(seed)) for seed in range(100)}
    assert seen == {RGB | extra for extra in ({"nir"}, {"elevation"}, {"nir", "elevation"}, frozenset())}


def test_a_band_that_an_image_lacks_is_never_kept():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        assert draw_roles(RGB_NIR, rng) <= RGB_NIR
        assert draw_roles(RGB, rng) == RGB


def test_a_crop_has_the_bands_that_are_to_be_kept(scene):
    crop = draw_crop(scene, 64, np.random.default_rng(1), kept=RGB_NIR)
    assert filled(crop.aerial) == (True, True, True, True, False)


def test_a_crop_keeps_image_and_labels_together(halves):
    agreed = []
    for seed in range(20):
        crop = draw_crop(halves, 64, np.random.default_rng(seed), around=CODES["water"])
        assert crop.aerial.shape == (5, 64, 64) and crop.codes.shape == (64, 64)
        grey = crop.aerial[:3].mean(0)
        water = crop.codes == CODES["water"]
        if water.any() and (~water).any():
            agreed.append(float(grey[~water].mean() - grey[water].mean()))
    assert len(agreed) > 5
    assert min(agreed) > 0.05


def test_a_crop_shows_the_class_asked_for(scene):
    values, counts = np.unique(scene.codes, return_counts=True)
    rare = int(values[np.argmin(np.where(counts > 500, counts, counts.max()))])
    shown = [bool((draw_crop(scene, 128, np.random.default_rng(s), rare).codes == rare).any()) for s in range(20)]
    assert all(shown)


def test_a_whole_image_brings_its_series_and_leaves_out_dates_as_zeros(scene):
    crops = [draw_whole(scene, np.random.default_rng(seed)) for seed in range(6)]
    batch = stack(crops)
    assert batch.series.shape == (6, 12, 10, 40, 40) and batch.days.shape == (6, 12)
    empty = (batch.series == 0).flatten(2).all(2)
    assert empty.any() and not empty.all(1).any()


def test_an_image_without_a_series_cannot_be_drawn_with_one(scene):
    with pytest.raises(ValueError, match="has no Sentinel-2 series"):
        draw_whole(replace(scene, series=None), np.random.default_rng(0))


def test_pasted_segments_are_whole_classes_with_their_pixels_and_nothing_unlabelled():
    draw = np.random.default_rng(2)
    below = Crop(torch.zeros(5, 8, 8), torch.full((8, 8), 3, dtype=torch.uint8))
    codes = torch.from_numpy(draw.integers(0, 5, (8, 8)).astype(np.uint8))
    above = Crop(torch.ones(5, 8, 8), codes)
    for seed in range(10):
        mixed = paste_segments(below, above, np.random.default_rng(seed))
        pasted = mixed.aerial[0] == 1
        values = set(codes[pasted].tolist())
        assert len(values) == 2 and 0 not in values
        assert torch.equal(pasted, torch.isin(codes, torch.tensor(sorted(values), dtype=torch.uint8)))
        assert torch.equal(mixed.codes, torch.where(pasted, codes, below.codes))
