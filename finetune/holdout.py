"""Which polygons are held out, so that a model is evaluated where it has not been trained.

Neighbouring pixels are alike, so a score on pixels next to the training's own says little (R. Valavi et al., 2019,
"blockCV", Methods in Ecology and Evolution 10, 225-232). Whole polygons are held out, and polygons that are near
each other go to one side together: a *block* is a set of polygons of which each is nearer than a gap to another.
The gap is as wide as the polygons allow: it is tried from some pixels up to a tile's width.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from ..contract.going_on import go_on
from ..contract.notices import Notice, notice
from ..inference.raster.geobox import GeoBox
from .annotations import Annotation

FEWEST = 4  # polygons below which all of them are needed for the training
WIDEST_GAP_M = 102.4  # a tile of 512 pixels of 0.2 m: a network that sees a polygon's tile does not see the other's
NARROWEST_GAP_M = 1.6  # 8 pixels of 0.2 m: nearer polygons share the mixed pixels along their edges
_MORE = 1.5  # times as many or as few polygons as asked for may be held out for the sake of a wider gap
_KEPT = 2  # polygons of a class that stay for the training where one is held out beyond the share asked for


@dataclass(frozen=True)
class Split:
    """The two sides.

    training, holdout: all polygons, each on one side; holdout may be empty.
    note: on why none is held out, or which classes are not; None where there is nothing to say.
    distance_m: metres between the sides' nearest polygons; None where none is held out.
    """

    training: tuple[Annotation, ...]
    holdout: tuple[Annotation, ...]
    note: Notice | None
    distance_m: float | None = None


def split(
    items: Sequence[Annotation], share: float, seed: int, geobox: GeoBox, names: dict[int, str] | None = None
) -> Split:
    """Holds out about a share of the polygons, whole and apart in space from the others.

    Each class keeps polygons for the training. Classes that have polygons in two blocks or more get one held out
    where that is possible: within the share, or beyond it where `_KEPT` polygons of the class and more stay. The
    same arguments give the same split. Raises Cancelled where the job was stopped.

    share: of the polygons, 0..0.5. names: of the classes by value, for the note.
    """
    items = tuple(items)
    if share <= 0:
        return Split(items, (), notice("no_holdout"))
    if len(items) < FEWEST:
        return Split(items, (), notice("too_few_to_hold_out", polygons=len(items), fewest=FEWEST))
    wanted = max(1, round(share * len(items)))
    chosen: set[int] = set()
    best = (0, 0)  # classes held out, and how far their number is from what was asked for
    for blocks in _blocks_by_gap(items, geobox):
        candidate = _choose(items, blocks, wanted, seed)
        covered = len({items[position].value for position in candidate})
        # a wider gap is worth some polygons more or less, but neither a class nor a share that was not asked for
        quality = (covered, -max(0, len(candidate) - int(_MORE * wanted), int(wanted / _MORE) - len(candidate)))
        if not candidate or (chosen and quality < best):
            break  # wider blocks hold the narrower ones: it does not get better
        chosen, best = candidate, quality
    if not chosen:
        return Split(items, (), notice("all_in_one_place"))
    training = tuple(item for index, item in enumerate(items) if index not in chosen)
    holdout = tuple(item for index, item in enumerate(items) if index in chosen)
    return Split(training, holdout, _note(training, holdout, names or {}), _distance_m(training, holdout, geobox))


def _blocks_by_gap(items: Sequence[Annotation], geobox: GeoBox) -> Iterator[list[list[int]]]:
    """For each gap, from the narrowest on, the blocks: lists of the items' positions."""
    shapes = np.array([item.geometry for item in items], object)
    tree = shapely.STRtree(shapes)
    gap = NARROWEST_GAP_M
    while gap <= WIDEST_GAP_M:
        go_on()
        yield _components(len(items), tree.query(shapes, predicate="dwithin", distance=gap / geobox.metres))
        gap *= 2


def _components(count: int, pairs: np.ndarray) -> list[list[int]]:
    """Sets of positions that pairs (2, n) connect, each ascending, by their first position.

    Every position takes the lowest label around it until none changes; to follow the labels' own labels makes
    long chains of positions short.
    """
    labels = np.arange(count)
    while True:
        lowest = labels.copy()
        np.minimum.at(lowest, pairs[0], labels[pairs[1]])
        lowest = lowest[lowest]
        if (lowest == labels).all():
            break
        labels = lowest
    blocks: dict[int, list[int]] = {}
    for position, label in enumerate(labels.tolist()):
        blocks.setdefault(label, []).append(position)
    return list(blocks.values())


def _choose(items: Sequence[Annotation], blocks: list[list[int]], wanted: int, seed: int) -> set[int]:
    """The positions to hold out, whole blocks: about as many as wanted, see `split`."""
    left = Counter(item.value for item in items)  # polygons for the training
    counts = [Counter(items[position].value for position in block) for block in blocks]
    order = list(range(len(blocks)))
    random.Random(seed).shuffle(order)  # nosec B311 - no secret: which of equal blocks is taken
    held: set[int] = set()
    covered: set[int] = set()

    def possible(number: int, keep: int, most: float) -> bool:
        enough = all(left[value] - count >= keep for value, count in counts[number].items())
        return enough and len(held) + len(blocks[number]) <= most

    def take(number: int) -> None:
        held.update(blocks[number])
        covered.update(counts[number])
        left.subtract(counts[number])

    # The most frequent classes first: they can spare a polygon, and most of the map is theirs.
    for value, _ in sorted(left.items(), key=lambda pair: (-pair[1], pair[0])):
        for keep, most in ((1, wanted), (_KEPT, len(items) / 2)):
            go_on()
            if value in covered:
                break
            able = [number for number in order if counts[number][value] and possible(number, keep, most)]
            if able:
                # small blocks leave room for other classes; of equal ones the one that holds more new classes
                take(min(able, key=lambda number: (len(blocks[number]), -len(set(counts[number]) - covered))))
    for number in order:
        if held.isdisjoint(blocks[number]) and possible(number, 1, wanted):
            take(number)
    return held


def _note(training: Sequence[Annotation], holdout: Sequence[Annotation], names: dict[int, str]) -> Notice | None:
    missing = sorted({item.value for item in training} - {item.value for item in holdout})
    if not missing:
        return None
    listed = [names.get(value, str(value)) for value in missing]
    return notice("classes_not_held_out", count=len(listed), classes=listed)


def _distance_m(training: Sequence[Annotation], holdout: Sequence[Annotation], geobox: GeoBox) -> float:
    tree = shapely.STRtree([item.geometry for item in training])
    _, distances = tree.query_nearest([item.geometry for item in holdout], return_distance=True, all_matches=False)
    return float(distances.min()) * geobox.metres
