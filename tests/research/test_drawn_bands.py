from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flair_landcover.research.dataset import ALL_ROLES, RGB, LabelledImage
from flair_landcover.research.drawn_bands import with_bands_of_its_labels
from flair_landcover.research.labels import CODES, UNKNOWN
from flair_landcover.research.scenes.aerial import MEASURED

HOUSE, GRASS, POND = (CODES[name] for name in ("building", "herbaceous vegetation", "water"))


@pytest.fixture
def rendering() -> LabelledImage:
    """128 pixels of 0.4 m: grass, with a house and a pond in it whose edges have no label; colours all alike."""
    codes = np.full((128, 128), GRASS, np.uint8)
    for value, corner in ((HOUSE, 10), (POND, 70)):
        codes[corner : corner + 40, corner : corner + 40] = UNKNOWN
        codes[corner + 2 : corner + 38, corner + 2 : corner + 38] = value
    bands = np.zeros((5, 128, 128), np.uint8)
    bands[:3] = 120
    return LabelledImage("flair2-renderings/a", "flair2-renderings", bands, RGB, codes, 0.4)


def test_houses_rise_and_only_what_grows_is_bright_in_near_infrared(rendering):
    for seed in range(5):
        drawn = with_bands_of_its_labels(rendering, seed)
        house, grass, pond = (drawn.codes == value for value in (HOUSE, GRASS, POND))
        near_infrared, height = drawn.bands[3], drawn.bands[4]
        assert height[house].mean() > 10 + height[grass].mean()
        assert near_infrared[grass].mean() > 1.3 * near_infrared[pond].mean()


@pytest.mark.parametrize("name", ["coniferous", "deciduous", "brushwood"])
def test_what_shades_itself_is_as_bright_in_near_infrared_as_in_the_real_patches(name, rendering):
    value = CODES[name]
    covered = replace(rendering, codes=np.full_like(rendering.codes, value))
    drawn = [with_bands_of_its_labels(covered, seed).bands.astype(float) for seed in range(40)]
    ratio = np.median([bands[3].mean() / bands[:3].mean() for bands in drawn])
    red, green, blue, near_infrared, _ = MEASURED[value][0]
    assert ratio == pytest.approx(3 * near_infrared / (red + green + blue), rel=0.08)


def test_the_colours_the_labels_and_the_image_it_is_drawn_from_stay(rendering):
    before = rendering.bands.copy()
    drawn = with_bands_of_its_labels(rendering, 1)
    assert drawn.roles == ALL_ROLES
    assert drawn.kind != rendering.kind and drawn.name != rendering.name
    assert np.array_equal(drawn.bands[:3], before[:3]) and np.array_equal(drawn.codes, rendering.codes)
    assert np.array_equal(rendering.bands, before)


def test_pixels_without_a_label_get_bands_of_the_label_beside_them(rendering):
    drawn = with_bands_of_its_labels(rendering, 1)
    rim = np.zeros_like(rendering.codes, bool)
    rim[11, 20:40] = True
    assert (rendering.codes[rim] == UNKNOWN).all()
    assert drawn.bands[3][rim].min() > 0


def test_a_seed_gives_the_same_bands_again_and_another_seed_gives_others(rendering):
    first, again, other = (with_bands_of_its_labels(rendering, seed).bands for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("change", [{"roles": ALL_ROLES}, {"codes": np.zeros((128, 128), np.uint8)}])
def test_an_image_with_other_bands_or_without_a_label_is_refused(change, rendering):
    with pytest.raises(ValueError, match="needs red, green, blue and labels"):
        with_bands_of_its_labels(replace(rendering, **change), 1)
