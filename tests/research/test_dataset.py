from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
import shapely

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.research.dataset import (
    DRAWN_LABELS,
    HELD_OUT_ORTHOPHOTO,
    HELD_OUT_PATCHES,
    HELD_OUT_RENDERINGS,
    RGB,
    SAME_RENDERINGS,
    held_out_images,
    is_held_out,
    training_images,
    without_class_edges,
)
from flair_landcover.research.labels import CODES, UNKNOWN, allowed_classes


@pytest.fixture(scope="module")
def trained_on(data):
    return training_images(data)


@pytest.fixture(scope="module")
def held_out(data):
    return held_out_images(data)


def test_no_held_out_image_is_trained_on(trained_on, held_out):
    names = {image.name for image in trained_on}
    assert not names & {image.name for image in held_out}
    assert {f"flair2/{name}" for name in HELD_OUT_PATCHES} <= {image.name for image in held_out}
    assert {f"flair2-renderings/{name}" for name in HELD_OUT_RENDERINGS} <= {image.name for image in held_out}


def test_no_pixels_of_a_held_out_image_are_in_training_under_another_name(trained_on, held_out):
    trained = {image.bands.tobytes() for image in trained_on}
    assert not any(image.bands.tobytes() in trained for image in held_out)


def test_a_scene_that_is_there_twice_is_on_one_side():
    for names in SAME_RENDERINGS:
        assert len({name in HELD_OUT_RENDERINGS for name in names}) == 1


def test_rural_tiles_are_split_by_place(trained_on, held_out):
    sides = [sum(image.kind == "naip-rural" for image in side) for side in (trained_on, held_out)]
    assert sum(sides) == 185 and min(sides) > 30


def test_orthophotos_carry_the_labels_drawn_on_them(trained_on, held_out):
    images = {image.name: image for image in (*trained_on, *held_out) if image.kind == "pnoa"}
    assert len(images) == 4 and f"pnoa/{HELD_OUT_ORTHOPHOTO}" in {image.name for image in held_out}
    for image in images.values():
        assert image.gsd == 0.25 and image.roles == RGB
        assert (image.codes == CODES["vineyard"]).mean() > 0.05
        assert 0.3 < (image.codes == CODES["dry farmland"]).mean() < 0.8


def test_an_orthophoto_on_which_nothing_is_drawn_is_left_out(tmp_path):
    (tmp_path / "pnoa").mkdir()
    with rasterio.open(
        tmp_path / "pnoa" / "another.tiff", "w", driver="GTiff", width=8, height=8, count=3, dtype="uint8"
    ) as dataset:
        dataset.write(np.ones((3, 8, 8), np.uint8))
    assert training_images(tmp_path) == held_out_images(tmp_path) == []


def test_drawn_labels_are_polygons_of_classes_or_sets():
    features = json.loads(DRAWN_LABELS.read_text())["features"]
    assert len({feature["properties"]["picture"] for feature in features}) == 4
    for feature in features:
        assert feature["properties"]["label"] in CODES
        assert shapely.geometry.shape(feature["geometry"]).is_valid
        assert shapely.geometry.shape(feature["geometry"]).area > 10


def test_farmland_between_them_is_anything_but_water():
    names = [land.name for land, there in zip(FLAIR_CLASSES, allowed_classes()[CODES["dry farmland"]]) if not there]
    assert names == ["water"]


def test_every_image_is_whole(trained_on):
    for image in trained_on:
        assert image.bands.shape == (5, *image.codes.shape)
        assert image.bands.dtype == image.codes.dtype == np.uint8
        assert (image.codes != UNKNOWN).any()
        assert not is_held_out(image)
        if image.roles == RGB:
            assert not image.bands[3:].any()


def test_pixels_at_the_edge_of_two_classes_have_no_label():
    codes = np.full((5, 6), CODES["water"], np.uint8)
    codes[:, 3:] = CODES["vineyard"]
    edged = without_class_edges(codes)
    assert (edged[:, [2, 3]] == UNKNOWN).all()
    assert (edged[:, [0, 1]] == CODES["water"]).all()
    assert (edged[:, [4, 5]] == CODES["vineyard"]).all()
