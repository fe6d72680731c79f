"""Batches, augmentation and the outputs that count."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from flair_landcover.contract.cards import ModelCard
from flair_landcover.inference.plan import Tile
from flair_landcover.inference.predict import TileInput, class_probabilities, predict_tiles
from flair_landcover.inference.raster.windows import Window

CARD = ModelCard("x", "x", "utt", tile_size=4)


@dataclass
class PixelwiseBackend:
    """Logits of the tile's first band, and of the number of dates; remembers the shapes it was called with."""

    card: ModelCard = CARD
    device: str = "cpu"
    precision: str = "fp32"
    batch_size: int = 3
    calls: list = field(default_factory=list)

    def logits(self, aerial, series):
        self.calls.append((aerial.shape[0], None if series is None else series[1].shape))
        result = np.zeros((len(aerial), 13, *aerial.shape[2:]), np.float32)
        result[:, 4] = aerial[:, 0]
        if series is not None:
            result[:, 7] = 1000.0 * series[1].shape[1]
        return result


def tile_input(number: int, dates: int | None = None, empty: bool = False) -> TileInput:
    aerial = None if empty else np.random.default_rng(number).random((5, 4, 4)).astype(np.float32)
    series = None if dates is None else (np.ones((dates, 10, 40, 40), np.float32), np.zeros(dates, np.float32))
    return TileInput(Tile(0, number, Window(0, 0, 4, 4), Window(0, 0, 4, 4)), aerial, np.ones((4, 4), bool), series)


def test_tiles_come_out_in_order_whatever_the_batches():
    inputs = [tile_input(n, dates) for n, dates in enumerate([None, None, 2, 2, 2, 2, None, 3])]
    inputs.insert(4, tile_input(99, empty=True))
    backend = PixelwiseBackend()
    results = list(predict_tiles(iter(inputs), backend, "none"))
    assert [result.tile.column for result, _ in results] == [i.tile.column for i in inputs]
    for given, predicted in results:
        assert predicted.without is None
        if given.aerial is None:
            assert predicted.probabilities is None
        else:
            ((_, alone),) = predict_tiles(iter([given]), PixelwiseBackend(batch_size=1), "none")
            np.testing.assert_array_equal(predicted.probabilities, alone.probabilities)


def test_every_tile_is_predicted_without_its_series_too_where_that_is_asked_for():
    inputs = [tile_input(0, 2), tile_input(1, 2), tile_input(2), tile_input(3, empty=True), tile_input(4, 2)]
    backend = PixelwiseBackend()
    results = list(predict_tiles(iter(inputs), backend, "none", also_without=True))
    assert backend.calls == [(3, (3, 2)), (3, None), (3, None), (3, (3, 2)), (3, None)]  # a tile without: once
    for given, predicted in results:
        if given.aerial is None:
            assert predicted.probabilities is None and predicted.without is None
            continue
        bare = TileInput(given.tile, given.aerial, given.valid, None)
        ((_, alone),) = predict_tiles(iter([bare]), PixelwiseBackend(batch_size=1), "none")
        np.testing.assert_array_equal(predicted.without, alone.probabilities)
        assert (predicted.probabilities != predicted.without).any() == (given.series is not None)


def test_every_call_has_the_same_number_of_tiles_with_equally_many_dates():
    backend = PixelwiseBackend()
    list(predict_tiles(iter([tile_input(0), tile_input(1), tile_input(2, 2), tile_input(3, 4)]), backend, "none"))
    assert backend.calls == [(3, None), (3, (3, 2)), (3, (3, 4))]


@pytest.mark.parametrize(("augmentation", "views"), [("none", 1), ("flips", 4), ("d4", 8)])
def test_views_are_turned_back_before_they_are_averaged(augmentation, views):
    given = tile_input(5)
    backend = PixelwiseBackend(batch_size=1)
    ((_, predicted),) = predict_tiles(iter([given]), backend, augmentation)
    assert len(backend.calls) == views
    expected = np.exp(given.aerial[0]) / (np.exp(given.aerial[0]) + 12)  # a pixelwise network sees no difference
    np.testing.assert_allclose(predicted.probabilities[4], expected, rtol=1e-5)


def test_outputs_that_were_never_trained_get_nothing_and_others_add_up_by_class():
    card = ModelCard("x", "x", "smp:Unet:resnet34", outputs=(1, 2, 0, 13, 13))
    logits = np.log(np.array([1, 2, 1000, 3, 4], np.float32)).reshape(1, 5, 1, 1)
    probabilities = class_probabilities(logits, card)[0, :, 0, 0]
    np.testing.assert_allclose(probabilities[[0, 1, 12]], [0.1, 0.2, 0.7], rtol=1e-5)
    assert not probabilities[2:12].any()


def test_a_card_other_than_the_backends_says_what_the_outputs_mean():
    card = ModelCard("y", "y", "utt", outputs=(1, 1, *range(3, 14)), tile_size=4)
    given = [tile_input(1), tile_input(2)]
    ours = list(predict_tiles(iter(given), PixelwiseBackend(), "flips"))
    others = list(predict_tiles(iter(given), PixelwiseBackend(), "flips", card=card))
    for (_, one), (_, other) in zip(ours, others):
        np.testing.assert_allclose(other.probabilities[0], one.probabilities[:2].sum(axis=0), rtol=1e-6)
        assert not other.probabilities[1].any()


def test_large_logits_do_not_overflow():
    probabilities = class_probabilities(np.full((1, 13, 1, 1), 5000.0, np.float32), CARD)
    np.testing.assert_allclose(probabilities, 1 / 13, rtol=1e-5)
