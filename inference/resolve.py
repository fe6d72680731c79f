"""Finds what a job names: its model, its rasters, where it maps and the acquisitions that it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ..contract.cards import BadModel, ModelCard, read_card
from ..contract.choices import FLAIR13
from ..contract.errors import BadInput, about
from ..contract.notices import Notice, Warn, notice
from ..contract.segmentation import SegmentationJob
from ..models.library import find_model
from .backends.backend import checkpoint_card
from .classes import what_becomes_what, with_classes
from .raster.aerial import AerialSource, describe_aerial
from .raster.geobox import GeoBox
from .raster.open import looking_at
from .raster.windows import Window
from .sentinel2.open import open_series
from .sentinel2.series import Series
from .sentinel2.usable import over_place, without_dates


@dataclass(frozen=True)
class Place:
    """The model and the aerial raster of a job, and what of it is to be mapped.

    model: folder or checkpoint file. window: to map, in pixels of the geobox. inside: its part that lies on the raster.
    """

    job: SegmentationJob
    model: Path
    card: ModelCard
    aerial: AerialSource
    geobox: GeoBox
    window: Window
    inside: Window


@dataclass(frozen=True)
class Inputs(Place):
    """Everything that the steps after it need of a job, as plain values.

    card: the model's as it stands, or with the classes that the map is to show (see `with_legend`).
    heights: whether elevation comes from a raster of its own. roles: the model's inputs that are at hand.
    sentinel2: the acquisitions of the place that the job does not leave out (see `with_series`), or None.
    findings: what `check` told of the job.
    """

    heights: bool
    roles: tuple[str, ...]
    sentinel2: Series | None
    findings: tuple[Notice, ...] = ()


def resolve(job: SegmentationJob, warn: Warn) -> Inputs:
    """Finds what a job names but for its series, which `with_series` opens: card and image are read once.

    warn: takes what the user should know. Raises BadInput, which names the setting, where model, raster or extent
    cannot be used. Whether what was found can be mapped with is for `check`.
    """
    place = resolve_place(job, warn)
    heights = job.image.elevation is not None and "elevation" in place.card.inputs
    at_hand = {*place.aerial.bands, *(("elevation",) if heights else ())}
    roles = tuple(role for role in place.card.inputs if role in at_hand)
    return Inputs(**vars(place), heights=heights, roles=roles, sentinel2=None)


def with_series(inputs: Inputs, warn: Warn) -> Inputs:
    """The inputs with the acquisitions of the job's series, where the model takes one.

    Raises BadInput, which names ``sentinel2``, where the series cannot be used.
    """
    image, card = inputs.job.image, inputs.card
    if image.sentinel2 is None:
        return inputs
    if card.satellite is None:
        warn(notice("series_not_taken", model=card.title))
        return inputs
    return replace(inputs, sentinel2=without_dates(resolve_series(inputs, warn), image.leave_out, warn))


def resolve_place(job: SegmentationJob, warn: Warn) -> Place:
    """Where a job maps. Raises BadInput, which names the setting, where model, raster or extent cannot be used."""
    model, card = _find_card(job.image.model)
    with about("input"):
        aerial = describe_aerial(job.image, warn)
    geobox = aerial.geobox.at(card.ground_sampling_distance)
    if 0 in geobox.shape:
        across, down = (side * size for side, size in zip(aerial.geobox.shape[::-1], aerial.geobox.pixel_size_m))
        raise BadInput(
            f"The aerial raster {aerial.path} covers {across:g} by {down:g} m, less than one pixel of the map: "
            "put its georeference right, or choose another image.",
            "input",
        )
    with about("extent"):
        window = _window(job, geobox)
    return Place(job, model, card, aerial, geobox, window, window.shared(geobox.window))


def resolve_series(place: Place, warn: Warn) -> Series:
    """The acquisitions of a job's series at its place, also of the dates that it leaves out.

    Raises BadInput, which names ``sentinel2``, where the series cannot be used.
    """
    with about("sentinel2"):
        with looking_at("The Sentinel-2 series"):
            series = open_series(place.job.image.sentinel2 or (), warn)
        return over_place(series, place.geobox, place.geobox.window_bounds(place.inside))


def with_legend(inputs: Inputs, warn: Warn) -> Inputs:
    """The inputs whose card has the classes that the job wants in its map."""
    becoming = what_becomes_what(inputs.card) if inputs.job.classes == FLAIR13 else None
    if becoming is not None:
        warn(becoming)
    return replace(inputs, card=with_classes(inputs.card, inputs.job.classes))


def _find_card(name: str) -> tuple[Path, ModelCard]:
    try:
        model = find_model(name)
        return model, read_card(model) if model.is_dir() else _card_kept(model, model.stat().st_mtime_ns)
    except BadModel as error:
        raise BadInput(str(error), "model") from None


@lru_cache(maxsize=4)
def _card_kept(checkpoint: Path, changed: int) -> ModelCard:
    """The card of a checkpoint file, which is read whole for it: a form asks again at every change."""
    return checkpoint_card(checkpoint)


def _window(job: SegmentationJob, geobox: GeoBox) -> Window:
    if job.extent is None:
        return geobox.window
    window = geobox.window_of(job.extent)
    if window.intersection(geobox.window) is None:
        raster = " ".join(f"{value:.10g}" for value in geobox.bounds)
        raise BadInput(
            f"The extent lies outside the aerial raster, which covers {raster}: choose an extent that overlaps it."
        )
    return window
