"""Class probabilities of tiles: batches, test-time augmentation, and the outputs that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..contract.cards import ModelCard
from ..contract.choices import D4, FLIPS, ONE_LOOK
from .backends.backend import Backend, Series, open_backend
from .plan import Tile

# Views of a tile by `choices.AUGMENTATIONS`: (quarter turns, mirrored), applied to the last two axes.
_VIEWS = {
    ONE_LOOK: ((0, False),),
    FLIPS: ((0, False), (0, True), (2, False), (2, True)),
    D4: tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4)),
}


@dataclass(frozen=True)
class TileInput:
    """What the network gets of a tile.

    aerial: (inputs, size, size) float32, or None where the tile holds no data at all.
    valid: (size, size) bool, pixels with data. series: its Sentinel-2, or None. dates: of the series, ISO.
    mirrored: whether a part of the series is a reflection.
    """

    tile: Tile
    aerial: np.ndarray | None
    valid: np.ndarray
    series: Series | None
    dates: tuple[str, ...] = ()
    mirrored: bool = False


@dataclass(frozen=True)
class Prediction:
    """Class probabilities of a tile, (classes, size, size) float32; None where it holds no data at all.

    without: the same without its Sentinel-2, where that was asked for.
    """

    probabilities: np.ndarray | None
    without: np.ndarray | None = None


def predict_tiles(
    inputs: Iterator[TileInput],
    backend: Backend,
    augmentation: str,
    also_without: bool = False,
    card: ModelCard | None = None,
) -> Iterator[tuple[TileInput, Prediction]]:
    """Each tile with its prediction, in the order they come.

    also_without: predict every tile without its series too. card: says what the outputs mean; None: the backend's.
    Every call of the network has the same number of tiles with equally many dates, the last one filled
    up: what a tile gets does not depend on the tiles beside it.
    """
    card = card or backend.card
    batch: list[TileInput] = []
    for tile_input in inputs:
        if batch and not _alike(batch[0], tile_input):
            yield from _predict_batch(batch, backend, augmentation, also_without, card)
            batch = []
        batch.append(tile_input)
        if len(batch) == backend.batch_size or tile_input.aerial is None:
            yield from _predict_batch(batch, backend, augmentation, also_without, card)
            batch = []
    if batch:
        yield from _predict_batch(batch, backend, augmentation, also_without, card)


def _alike(first: TileInput, second: TileInput) -> bool:
    if first.aerial is None or second.aerial is None or (first.series is None) != (second.series is None):
        return False
    return first.series is None or second.series is None or len(first.series[1]) == len(second.series[1])


def _predict_batch(
    batch: list[TileInput], backend: Backend, augmentation: str, also_without: bool, card: ModelCard
) -> Iterator[tuple[TileInput, Prediction]]:
    if batch[0].aerial is None:
        yield batch[0], Prediction(None)
        return
    filled = batch + [batch[-1]] * (backend.batch_size - len(batch))
    aerial = np.stack([item.aerial for item in filled if item.aerial is not None])
    dated = [item.series for item in filled if item.series is not None]
    series = (np.stack([each[0] for each in dated]), np.stack([each[1] for each in dated])) if dated else None

    def run(tiles: np.ndarray, dates: Series | None) -> np.ndarray:
        return class_probabilities(backend.logits(tiles, dates), card)

    probabilities = augmented(run, aerial, series, augmentation)
    without: Sequence[np.ndarray | None] | np.ndarray = [None] * len(batch)
    if also_without:
        without = probabilities if series is None else augmented(run, aerial, None, augmentation)
    yield from zip(batch, map(Prediction, probabilities, without))


def augmented(
    run: Callable[[np.ndarray, Series | None], np.ndarray], aerial: np.ndarray, series: Series | None, augmentation: str
) -> np.ndarray:
    """Mean of the probabilities over the views of test-time augmentation, (tiles, classes, rows, columns) float32.

    run: gives the probabilities of aerial (tiles, inputs, rows, columns) and its series. augmentation: of
    `choices.AUGMENTATIONS`.
    """
    views = _VIEWS[augmentation]
    total: np.ndarray | np.float32 = np.float32(0)
    for turns, mirrored in views:
        seen = None if series is None else (_turned(series[0], turns, mirrored), series[1])
        total = total + _turned_back(run(_turned(aerial, turns, mirrored), seen), turns, mirrored)
    return np.asarray(total / np.float32(len(views)))


def _turned(array: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    array = array[..., ::-1] if mirrored else array
    return np.ascontiguousarray(np.rot90(array, turns, axes=(-2, -1)))


def _turned_back(array: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    array = np.rot90(array, -turns, axes=(-2, -1))
    return array[..., ::-1] if mirrored else array


def class_probabilities(logits: np.ndarray, card: ModelCard) -> np.ndarray:
    """Softmax over the outputs that were trained, added up by class.

    logits: (tiles, outputs, rows, columns) float32. Returns (tiles, classes, rows, columns) float32 in the
    order of `card.classes`; a class that no output means has probability 0.
    """
    live = [index for index, value in enumerate(card.outputs) if value]
    values = [card.outputs[index] for index in live]
    shares = logits[:, live] if len(live) < len(card.outputs) else logits
    shares = np.exp(shares - shares.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    if values == [c.value for c in card.classes]:
        return shares
    result = np.zeros((len(shares), len(card.classes), *shares.shape[2:]), np.float32)
    position = {c.value: index for index, c in enumerate(card.classes)}
    for index, value in enumerate(values):
        result[:, position[value]] += shares[:, index]
    return result


@lru_cache(maxsize=1)
def _open_kept(model: Path, changed: float, device: str, precision: str) -> Backend:
    return open_backend(model, device, precision)


def warm_backend(model: Path, device: str, precision: str) -> Backend:
    """The backend of a model, kept from the last job where that used the same one."""
    files = [model] if model.is_file() else sorted(model.iterdir())
    return _open_kept(model, max(file.stat().st_mtime for file in files), device, precision)
