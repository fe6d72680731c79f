from __future__ import annotations

import numpy as np
import pytest

from flair_landcover.training.labels import CODES, UNKNOWN
from flair_landcover.training.pictures import (
    HELD_OUT_PATCHES,
    HELD_OUT_RENDERINGS,
    RGB,
    SAME_RENDERINGS,
    held_out_pictures,
    is_held_out,
    training_pictures,
    without_class_edges,
)


@pytest.fixture(scope="module")
def trained_on(data):
    return training_pictures(data)


@pytest.fixture(scope="module")
def held_out(data):
    return held_out_pictures(data)


def test_no_held_out_picture_is_trained_on(trained_on, held_out):
    names = {picture.name for picture in trained_on}
    assert not names & {picture.name for picture in held_out}
    assert {f"flair2/{name}" for name in HELD_OUT_PATCHES} <= {picture.name for picture in held_out}
    assert {f"flair2-renderings/{name}" for name in HELD_OUT_RENDERINGS} <= {picture.name for picture in held_out}


def test_no_pixels_of_a_held_out_picture_are_in_training_under_another_name(trained_on, held_out):
    trained = {picture.bands.tobytes() for picture in trained_on}
    assert not any(picture.bands.tobytes() in trained for picture in held_out)


def test_a_scene_that_is_there_twice_is_on_one_side():
    for names in SAME_RENDERINGS:
        assert len({name in HELD_OUT_RENDERINGS for name in names}) == 1


def test_rural_tiles_are_split_by_place(trained_on, held_out):
    sides = [sum(picture.kind == "naip-rural" for picture in side) for side in (trained_on, held_out)]
    assert sum(sides) == 185 and min(sides) > 30


def test_every_picture_is_whole(trained_on):
    for picture in trained_on:
        assert picture.bands.shape == (5, *picture.codes.shape)
        assert picture.bands.dtype == picture.codes.dtype == np.uint8
        assert (picture.codes != UNKNOWN).any()
        assert not is_held_out(picture)
        if picture.roles == RGB:
            assert not picture.bands[3:].any()


def test_pixels_at_the_edge_of_two_classes_have_no_label():
    codes = np.full((5, 6), CODES["water"], np.uint8)
    codes[:, 3:] = CODES["vineyard"]
    edged = without_class_edges(codes)
    assert (edged[:, [2, 3]] == UNKNOWN).all()
    assert (edged[:, [0, 1]] == CODES["water"]).all()
    assert (edged[:, [4, 5]] == CODES["vineyard"]).all()
