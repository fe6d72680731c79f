"""What a network learns from: crops of the image around the polygons and, against forgetting, from anywhere.

All crops are read as the engine reads its tiles: the same bands, scaling, fill and Sentinel-2. Each crop is drawn
from a seed and its number alone, so that threads may read them in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
import torch
from torch import Tensor
from torch.nn import functional

from ..contract.cards import ROLES, ModelCard
from ..inference.raster.geobox import GeoBox
from ..inference.raster.read import read_ahead
from ..inference.raster.windows import Window
from ..inference.tiles import Tiles
from .annotations import Annotation
from .augment import change_light, turn
from .burn import burn
from .holdout import Split

UNLABELLED, IGNORED = -1, -2  # targets: no polygon there; nothing may be learnt or evaluated there

# One crop in so many lies around no polygon, but anywhere in the raster, and is shown in another light. There the model
# is only held to the base model: these crops stand for the places that are not at hand.
ANYWHERE = 4
_WITHOUT_SERIES = 0.3  # how often the Sentinel-2 series is left out
_TRIES = 64  # places drawn to find one inside a polygon
_PLAIN = 2**31  # beside the numbers of the crops, which seeds are made of too
_MOST_HELD_OUT = 24  # crops that the hold-out is evaluated on while training


@dataclass(frozen=True)
class Augmentation:
    """How much crops around polygons differ from the image.

    scales: how much of the ground a crop may show, as a factor of its side. relit: share of the crops whose light and
    colours are changed. without_band: how often each band that the model can do without is left out.
    """

    scales: tuple[float, float]
    relit: float
    without_band: float


# What counts on images that look like this one alone need not stand other light: it gains more where it does not.
FOR_LIKE_IMAGES = Augmentation((0.9, 1.1), 0.0, 0.05)
FOR_ALL_IMAGES = Augmentation((0.75, 1.33), 0.5, 0.15)


@dataclass(frozen=True)
class Sample:
    """A crop as the network takes it.

    aerial: (inputs, size, size) float32. target: (size, size) int16, index of the class in the legend, UNLABELLED
    or IGNORED. series: (dates, bands, rows, columns) float32 and days: (dates,) float32, or None.
    """

    aerial: Tensor
    target: Tensor
    series: Tensor | None = None
    days: Tensor | None = None


@dataclass(frozen=True)
class SampleSource:
    """What samples are drawn from.

    tiles: the rasters. split: the polygons. card: of the model that is trained, whose legend targets count in.
    size: pixels a side of a crop. The whole tile where there is a series: its superpatch is centred on it.
    """

    tiles: Tiles
    split: Split
    card: ModelCard
    size: int

    @property
    def geobox(self) -> GeoBox:
        """The grid that windows count in."""
        return self.tiles.inputs.geobox

    @property
    def with_series(self) -> bool:
        """Whether samples come with a Sentinel-2 series where it has one."""
        return self.tiles.superpatches is not None


def training_samples(
    source: SampleSource, count: int, seed: int, augmentation: Augmentation = FOR_ALL_IMAGES
) -> Iterator[Sample]:
    """Up to `count` crops, augmented. Classes are drawn for alike, however many polygons each has."""
    places = _by_class(source.split.training)

    def read(number: int) -> Sample | None:
        rng = np.random.default_rng([seed, number])
        anywhere = number % ANYWHERE == ANYWHERE - 1
        window = (
            _anywhere(source, augmentation, rng) if anywhere else _around(source, places, number, augmentation, rng)
        )
        sample = _read(source, window, source.split.training, source.split.holdout)
        return _augmented(sample, source, 1.0 if anywhere else augmentation.relit, augmentation.without_band, rng)

    yield from (sample for sample in read_ahead(range(count), read) if sample is not None)


def holdout_samples(source: SampleSource) -> Iterator[Sample]:
    """Crops centred on held-out polygons as they are; only pixels of these and of classes that are trained count."""
    trained = {item.value for item in source.split.training}
    evaluated = [item for item in source.split.holdout if item.value in trained]
    step = -(-len(evaluated) // _MOST_HELD_OUT) or 1

    def read(item: Annotation) -> Sample | None:
        column, row = ~source.geobox.transform * shapely.point_on_surface(item.geometry).coords[0]
        sample = _read(source, _window(source, column, row, source.size), evaluated, ())
        if sample is None:
            return None
        target = torch.where(sample.target == UNLABELLED, IGNORED, sample.target)
        return Sample(sample.aerial, target, sample.series, sample.days)

    yield from (sample for sample in read_ahead(evaluated[::step], read) if sample is not None)


def plain_windows(source: SampleSource, around: int, anywhere: int, side: int, seed: int) -> Iterator[Window]:
    """Windows of `side` pixels: so many around polygons of the training, by turns, then so many from anywhere."""
    rng, items = np.random.default_rng([seed, _PLAIN]), source.split.training
    order = rng.permutation(len(items))
    for number in range(around):
        item = items[order[number % len(items)]]
        column, row = ~source.geobox.transform * _point_in(item.geometry, rng)
        yield _window(source, column, row, side)
    for _ in range(anywhere):
        yield _window(source, rng.uniform(0, source.geobox.width), rng.uniform(0, source.geobox.height), side)


def labels_in(source: SampleSource, window: Window, items: Sequence[Annotation]) -> np.ndarray:
    """Index in the legend of each pixel of a window, UNLABELLED where no polygon says it, int16 (rows, columns)."""
    index = np.full(256, UNLABELLED, np.int16)
    for position, land in enumerate(source.card.classes):
        index[land.value] = position
    return index[burn(items, source.geobox, window)]


def _by_class(items: Sequence[Annotation]) -> list[list[Annotation]]:
    found: dict[int, list[Annotation]] = {}
    for item in items:
        found.setdefault(item.value, []).append(item)
    return [found[value] for value in sorted(found)]


def _around(
    source: SampleSource,
    places: list[list[Annotation]],
    number: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Window:
    """A window that shows a polygon: classes take turns, and so do the polygons of a class."""
    turn_number = number - number // ANYWHERE
    same = places[turn_number % len(places)]
    column, row = ~source.geobox.transform * _point_in(same[turn_number // len(places) % len(same)].geometry, rng)
    side = _side(source, augmentation, rng)
    shift = rng.uniform(-side / 4, side / 4, 2)
    return _window(source, column + shift[0], row + shift[1], side)


def _anywhere(source: SampleSource, augmentation: Augmentation, rng: np.random.Generator) -> Window:
    side = _side(source, augmentation, rng)
    return _window(source, rng.uniform(0, source.geobox.width), rng.uniform(0, source.geobox.height), side)


def _side(source: SampleSource, augmentation: Augmentation, rng: np.random.Generator) -> int:
    if source.with_series:
        return source.size
    return round(source.size * float(np.exp(rng.uniform(*np.log(augmentation.scales)))))


def _window(source: SampleSource, column: float, row: float, side: int) -> Window:
    """The square window around a point that lies inside the raster, where that is large enough."""
    left, top = round(column - side / 2), round(row - side / 2)
    right, bottom = max(0, source.geobox.width - side), max(0, source.geobox.height - side)
    return Window(min(max(left, 0), right), min(max(top, 0), bottom), side, side)


def _point_in(polygon: shapely.Polygon, rng: np.random.Generator) -> tuple[float, float]:
    xmin, ymin, xmax, ymax = polygon.bounds
    xs, ys = rng.uniform(xmin, xmax, _TRIES), rng.uniform(ymin, ymax, _TRIES)
    inside = np.flatnonzero(shapely.contains_xy(polygon, xs, ys))
    return (xs[inside[0]], ys[inside[0]]) if len(inside) else shapely.point_on_surface(polygon).coords[0]


def _read(
    source: SampleSource, window: Window, items: Sequence[Annotation], ignored: Sequence[Annotation]
) -> Sample | None:
    """The sample of a window as it is, of its own size; None where it holds no data."""
    aerial, valid = source.tiles.picture(window)
    if aerial is None:
        return None
    target = labels_in(source, window, items)
    target[~valid] = IGNORED
    if ignored:
        target[labels_in(source, window, ignored) != UNLABELLED] = IGNORED
    superpatch = source.tiles.superpatch(window) if source.with_series else None
    if superpatch is None:
        return Sample(torch.from_numpy(aerial), torch.from_numpy(target))
    return Sample(
        torch.from_numpy(aerial),
        torch.from_numpy(target),
        torch.from_numpy(superpatch.pixels),
        torch.from_numpy(superpatch.days),
    )


def _augmented(
    sample: Sample | None, source: SampleSource, relit: float, without_band: float, rng: np.random.Generator
) -> Sample | None:
    """The sample at the size of a crop, turned and, with a chance of `relit`, in another light."""
    if sample is None:
        return None
    card, roles = source.card, source.tiles.inputs.roles
    aerial, target = _resized(sample.aerial, sample.target, source.size)
    if rng.random() < relit:
        aerial = _relit(aerial, card, roles, rng)
    aerial = _without_bands(aerial, card, roles, without_band, rng)
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    series = None if rng.random() < _WITHOUT_SERIES else sample.series
    aerial, target = turn(aerial, turns, flip), turn(target, turns, flip)
    if series is None:
        return Sample(aerial, target)
    return Sample(aerial, target, turn(series, turns, flip), sample.days)


def _resized(aerial: Tensor, target: Tensor, size: int) -> tuple[Tensor, Tensor]:
    side = target.shape[-1]
    if side == size:
        return aerial, target
    aerial = functional.interpolate(aerial[None], (size, size), mode="bilinear", antialias=side > size)[0]
    target = functional.interpolate(target[None, None].float(), (size, size), mode="nearest")[0, 0].to(torch.int16)
    return aerial, target


def _relit(aerial: Tensor, card: ModelCard, roles: Sequence[str], rng: np.random.Generator) -> Tensor:
    """The crop as another camera, hour or haze would show it; see `augment.change_light`."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (card.means, card.stds))
    shares = (aerial * std + mean) * card.scale / 255  # of the digital numbers' range
    picture = torch.zeros(len(ROLES), *aerial.shape[1:])
    places = [(ROLES.index(role), index) for index, role in enumerate(card.inputs) if role in roles]
    for place, index in places:
        picture[place] = shares[index].clamp(0, 1)
    lit = change_light(picture, rng)
    result = aerial.clone()
    for place, index in places:
        result[index] = (lit[place] * 255 / card.scale - mean[index]) / std[index]
    return result


def _without_bands(
    aerial: Tensor, card: ModelCard, roles: Sequence[str], chance: float, rng: np.random.Generator
) -> Tensor:
    """The crop without the bands that chance takes of those that the model can do without."""
    result = aerial.clone()
    for index, role in enumerate(card.inputs):
        if role in card.fill and role in roles and rng.random() < chance:
            result[index] = card.fill[role]
    return result
