from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from flair_landcover.research.crops import ImageCrops
from flair_landcover.research.dataset import RGB
from flair_landcover.research.labels import CODES


def drawn(crops: ImageCrops, count: int = 200) -> list:
    return [crops.draw(32, np.random.default_rng(seed)) for seed in range(count)]


def test_kinds_come_as_often_as_their_share_says(halves):
    coarse = replace(
        halves, name="ucmerced/a", kind="ucmerced", codes=np.full_like(halves.codes, CODES["scene farmed"])
    )
    crops = drawn(ImageCrops([halves, coarse], {"generated": 0.25, "ucmerced": 0.75}))
    share = np.mean([bool((crop.codes == CODES["scene farmed"]).all()) for crop in crops])
    assert 0.65 < share < 0.85


def test_a_kind_without_a_share_is_never_drawn(halves):
    patch = replace(halves, name="flair2/a", kind="flair2", codes=np.full_like(halves.codes, CODES["vineyard"]))
    assert not any(
        (crop.codes == CODES["vineyard"]).any() for crop in drawn(ImageCrops([halves, patch], {"generated": 1}))
    )


def test_the_middle_of_a_crop_shows_each_class_alike(halves):
    rare = halves.codes.copy()
    rare[:] = CODES["water"]
    rare[40:48, 40:48] = CODES["building"]
    crops = drawn(ImageCrops([replace(halves, codes=rare)], {"generated": 1}))
    assert np.mean([bool((crop.codes == CODES["building"]).any()) for crop in crops]) > 0.4


def test_pasted_crops_hold_segments_of_another_image(halves):
    wet = replace(halves, codes=np.full_like(halves.codes, CODES["water"]))
    other = replace(halves, name="flair2/b", kind="flair2", codes=np.full_like(halves.codes, CODES["vineyard"]))
    other.codes[:, 30:60] = CODES["building"]
    shares = {"generated": 0.5, "flair2": 0.5}

    def mixed(pasted: float) -> int:
        found = [set(crop.codes.unique().tolist()) for crop in drawn(ImageCrops([wet, other], shares, pasted))]
        return sum({CODES["water"]} < values for values in found)

    assert mixed(0.0) == 0
    assert mixed(0.5) > 5


def test_images_with_a_series_come_by_the_classes_that_they_show(halves):
    series = {"series": np.ones((1, 10, 40, 40), np.float32), "days": np.zeros(1, np.float32)}
    common = [replace(halves, name=f"generated/{n}", codes=np.full_like(halves.codes, CODES["water"]), **series)
              for n in range(9)]  # fmt: skip
    rare = replace(halves, name="generated/vines", codes=np.full_like(halves.codes, CODES["vineyard"]), **series)
    crops = ImageCrops([*common, rare, halves], {"generated": 1.0})
    shown = [int(crops.draw_with_series(np.random.default_rng(seed)).codes[0, 0]) for seed in range(40)]
    assert 0.25 < shown.count(CODES["vineyard"]) / len(shown) < 0.75
    assert set(shown) == {CODES["vineyard"], CODES["water"]}  # the image without a series is never drawn


def test_what_is_pasted_keeps_to_bands_that_both_images_have(halves):
    colours = replace(halves, name="flair2-renderings/c", kind="flair2-renderings", roles=RGB)
    crops = ImageCrops([halves, colours], {"generated": 1e-6, "flair2-renderings": 1.0}, pasted=1.0)
    assert not any(torch.any(crop.aerial[3:]) for crop in drawn(crops, 40))


def test_nothing_to_draw_from_is_refused(halves):
    with pytest.raises(ValueError, match="no picture to train on"):
        ImageCrops([halves], {"flair2": 1.0})
