"""Before and after: the base model and the new one on the same tiles, as the engine predicts them.

Of each tile the part that is nearer to its middle than to its neighbours' counts, so that every pixel counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..contract.choices import ONE_LOOK
from ..contract.finetuning import HOLDOUT_POLYGONS, TRAINING_POLYGONS, Scores
from ..evaluation.confusion import confusion_matrix, scores
from ..inference.backends.backend import Backend
from ..inference.plan import Tile, TilePlan, make_plan
from ..inference.predict import TileInput, predict_tiles
from ..inference.raster.read import read_ahead
from ..inference.raster.windows import Window
from .annotations import Annotation
from .samples import UNLABELLED, SampleSource, labels_in

SAMPLED_TILES = 9  # tiles of the extent that tell how much of the map changes
EVALUATED_TILES = 16  # tiles at most that the models are evaluated on


@dataclass(frozen=True)
class Evaluation:
    """before, after: of both models. changed: share of the sampled pixels whose label changes.

    agreement: share of the sampled pixels without a polygon that keep the label. tiles: looked at.
    """

    before: Scores
    after: Scores
    changed: float
    agreement: float
    tiles: int


def evaluate(
    source: SampleSource,
    base: Backend,
    new: Backend,
    seed: int,
    each: Callable[[float], None],
) -> Evaluation:
    """Compares two models on the held-out polygons, or on those of the training where none is held out.

    source: with the new model's card. seed: of which tiles are sampled. each: called after every tile with the
    share that is done.
    """
    legend, split = source.card.classes, source.split
    where, polygons = HOLDOUT_POLYGONS, split.holdout
    if not polygons:
        where, polygons = TRAINING_POLYGONS, split.training
    plan = make_plan(source.geobox.width, source.geobox.height, source.tiles.inputs.window, source.card.tile_size)
    sampled = _sampled(plan, seed)
    tiles = sorted({*sampled, *_tiles_of(polygons, plan, source)}, key=lambda tile: (tile.row, tile.column))
    matrices = [np.zeros((len(legend), len(legend)), np.int64) for _ in (base, new)]
    seen = changed = free = kept = 0
    for number, tile_input in enumerate(read_ahead(tiles, source.tiles.tile_input), 1):
        if tile_input.aerial is not None:
            zone = _zone(plan, tile_input.tile)
            rows, columns = zone.within(tile_input.tile.window)
            valid = tile_input.valid[rows, columns]
            before, after = (_likeliest(tile_input, backend)[rows, columns] for backend in (base, new))
            truth = np.where(valid, labels_in(source, zone, polygons), UNLABELLED)
            for matrix, predicted in zip(matrices, (before, after)):
                matrix += confusion_matrix(truth, predicted, len(legend))
            if tile_input.tile in sampled:
                same = (before == after) & valid
                drawn = labels_in(source, zone, (*split.training, *split.holdout)) != UNLABELLED
                seen += int(valid.sum())
                changed += int((valid & ~same).sum())
                free += int((valid & ~drawn).sum())
                kept += int((same & ~drawn).sum())
        each(number / len(tiles))
    return Evaluation(
        before=scores(matrices[0], legend, where),
        after=scores(matrices[1], legend, where),
        changed=changed / seen if seen else 0.0,
        agreement=kept / free if free else 1.0,
        tiles=len(tiles),
    )


def _likeliest(tile_input: TileInput, backend: Backend) -> np.ndarray:
    """Index of the likeliest class in the legend, which begins alike for both models, (size, size)."""
    (_, prediction) = next(predict_tiles(iter([tile_input]), backend, ONE_LOOK))
    if prediction.probabilities is None:  # it was given a tile with data
        raise AssertionError
    return prediction.probabilities.argmax(axis=0)


def _sampled(plan: TilePlan, seed: int) -> set[Tile]:
    columns = len(plan.columns)
    total = len(plan.rows) * columns
    numbers = np.random.default_rng([seed, 2]).choice(total, min(SAMPLED_TILES, total), replace=False)
    return {plan.tile(*divmod(int(number), columns)) for number in numbers}


def _tiles_of(items: Sequence[Annotation], plan: TilePlan, source: SampleSource) -> list[Tile]:
    """Tiles whose zones hold something of the polygons: of many, some spread over them."""
    found = set()
    for item in items:
        window = source.geobox.window_of(item.geometry.bounds)
        for row in _reached(plan.rows, plan.tile_size, plan.height, window.row, window.height):
            for column in _reached(plan.columns, plan.tile_size, plan.width, window.column, window.width):
                found.add((row, column))
    ordered = [plan.tile(*index) for index in sorted(found)]
    return ordered[:: -(-len(ordered) // EVALUATED_TILES)] if ordered else []


def _reached(starts: tuple[int, ...], size: int, length: int, first: int, count: int) -> list[int]:
    """Numbers of the tiles along an axis whose zones overlap `count` pixels from `first` on."""
    zones = (_span(starts, number, size, length) for number in range(len(starts)))
    return [number for number, (start, end) in enumerate(zones) if start < first + count and end > first]


def _zone(plan: TilePlan, tile: Tile) -> Window:
    """The part of a tile that counts; it lies on the raster."""
    top, bottom = _span(plan.rows, tile.row, plan.tile_size, plan.height)
    left, right = _span(plan.columns, tile.column, plan.tile_size, plan.width)
    return Window.between(left, top, right, bottom).shared(Window(0, 0, plan.width, plan.height))


def _span(starts: tuple[int, ...], number: int, size: int, length: int) -> tuple[int, int]:
    """Where a tile's zone begins and ends along an axis: in the middle of its overlaps."""
    start = 0 if number == 0 else (starts[number] + starts[number - 1] + size) // 2
    end = length if number == len(starts) - 1 else (starts[number + 1] + starts[number] + size) // 2
    return start, end
