"""From pixels to network input."""

from __future__ import annotations

import numpy as np

from flair_landcover.contract.cards import ModelCard
from flair_landcover.inference.prepare import (
    fill_invalid,
    heights_to_digital_numbers,
    network_input,
    pad_to,
    to_8_bits,
)

CARD = ModelCard("x", "x", "utt")


def test_the_published_pipeline_divides_by_255_only():
    bands = {role: np.full((2, 2), value, np.float32) for role, value in zip(CARD.inputs, (0, 51, 102, 204, 255))}
    np.testing.assert_allclose(network_input(bands, CARD)[:, 0, 0], [0, 0.2, 0.4, 0.8, 1.0], rtol=1e-6)


def test_a_card_with_means_and_deviations_standardises_each_band():
    card = ModelCard(
        "x", "x", "smp:Unet:resnet34", inputs=("red", "green", "blue"), scale=1.0, means=(100, 50, 0), stds=(10, 5, 2)
    )
    bands = {role: np.full((1, 1), 100, np.float32) for role in card.inputs}
    assert network_input(bands, card)[:, 0, 0].tolist() == [0, 10, 50]


def test_missing_roles_take_the_cards_fill():
    card = ModelCard("x", "x", "utt", fill={"nir": 0.25, "elevation": -1.0})
    bands = {role: np.full((1, 1), 255, np.float32) for role in ("red", "green", "blue")}
    assert network_input(bands, card)[:, 0, 0].tolist() == [1, 1, 1, 0.25, -1.0]


def test_16_bits_are_stretched_and_clipped_and_other_bands_left_alone():
    pixels = np.array([[[100, 1100, 2100, 60000]], [[7, 8, 9, 10]]], np.uint16)
    result = to_8_bits(pixels, [(100.0, 2100.0), None])
    assert result.tolist() == [[[0, 127.5, 255, 255]], [[7, 8, 9, 10]]]


def test_heights_count_a_fifth_of_a_metre():
    metres = np.array([-3.0, 0.0, 0.29, 10.0, 51.0, 400.0], np.float32)
    assert heights_to_digital_numbers(metres, CARD).tolist() == [0, 0, 1, 50, 255, 255]


def test_pixels_without_data_take_the_mean_of_the_others():
    pixels = np.array([[[1.0, 3.0], [99.0, 2.0]]], np.float32)
    valid = np.array([[True, True], [False, True]])
    assert fill_invalid(pixels, valid).tolist() == [[[1, 3], [2, 2]]]


def test_small_tiles_are_mirrored_up_to_size():
    assert pad_to(np.array([[[1, 2, 3]]]), 5)[0].tolist() == [[1, 2, 3, 3, 2]] * 5
