"""Checks a whole job before any work starts: each failure is one sentence with its remedy."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from rasterio.features import bounds as geometry_bounds
from rasterio.features import is_valid_geom

from ..contract.cards import BadModel, ModelCard, read_card
from ..contract.choices import AUGMENTATIONS, CLASSES, DEVICES, FLAIR13, PRECISIONS
from ..contract.errors import BadInput, about
from ..contract.image import dated_path
from ..contract.segmentation import SegmentationJob
from ..models.library import find_model, installed_models
from .backends.backend import checkpoint_card
from .classes import what_becomes_what, with_classes
from .raster.aerial import AerialSource, describe_aerial
from .raster.extents import check_lies_under
from .raster.geobox import GeoBox
from .raster.open import check_not_truncated, open_raster
from .raster.windows import Window
from .raster.write import finished_size, label_bits, working_size
from .sentinel2.open import open_series
from .sentinel2.series import Series
from .sentinel2.usable import over_place, warn_of_missing_masks, without_dates

_ROLE_NAMES = {"nir": "near infrared", "elevation": "elevation"}
_SPARE_BYTES = 50_000_000  # free disk to leave beside what a job writes
_COVERED = 0.99  # share of the extent from which on heights count as covering it: outlines are compared by their bounds
_MOST_TITLES = 4  # models that an error names


@dataclass(frozen=True)
class Inputs:
    """A checked job: everything that the steps after it need, as plain values.

    window: what to map, in pixels of the geobox. roles: the model's inputs that are at hand.
    card: the model's, with the classes that the map is to show.
    heights: whether elevation comes from a raster of its own. model: folder or checkpoint file.
    sentinel2: the acquisitions of the place that the job does not leave out, or None.
    """

    job: SegmentationJob
    model: Path
    card: ModelCard
    aerial: AerialSource
    geobox: GeoBox
    window: Window
    roles: tuple[str, ...]
    heights: bool
    sentinel2: Series | None


@dataclass(frozen=True)
class Place:
    """The aerial raster of a job and what of it is to be mapped.

    window: to map, in pixels of the geobox. inside: its part that lies on the raster.
    """

    model: Path
    card: ModelCard
    aerial: AerialSource
    geobox: GeoBox
    window: Window
    inside: Window


def find_place(job: SegmentationJob, warn: Callable[[str], None]) -> Place:
    """Where a job maps. Raises BadInput, which names the setting, where model, raster or extent cannot be used."""
    model, card = _find_card(job.image.model)
    with about("input"):
        aerial = describe_aerial(job.image.input, job.image.bands, warn)
    geobox = aerial.geobox.at(card.ground_sampling_distance)
    with about("extent"):
        window = _window(job, geobox)
    return Place(model, card, aerial, geobox, window, window.intersection(geobox.window))


def find_series(job: SegmentationJob, place: Place, warn: Callable[[str], None]) -> Series:
    """The acquisitions of a job's series at its place, also of the dates that it leaves out.

    Raises BadInput, which names ``sentinel2``, where the series cannot be used.
    """
    with about("sentinel2"):
        series = open_series(job.image.sentinel2, warn)
        return over_place(series, place.geobox, place.geobox.window_bounds(place.inside))


def check_job(job: SegmentationJob, warn: Callable[[str], None]) -> Inputs:
    """Checks everything that can be known before the work. `warn` takes sentences for the user.

    Raises BadInput, which names the setting, at the first thing that is wrong; nothing has been written then.
    """
    inputs = check_inputs(job, warn)
    becoming = what_becomes_what(inputs.card) if job.classes == FLAIR13 else ""
    if becoming:
        warn(becoming)
    inputs = replace(inputs, card=with_classes(inputs.card, job.classes))
    _check_outputs(job, inputs.window, inputs.card, inputs.sentinel2)
    return inputs


def check_inputs(job: SegmentationJob, warn: Callable[[str], None]) -> Inputs:
    """Checks as `check_job` does, except for what the job writes; the card is the model's as it stands."""
    _check_choice("tta", "test-time augmentation", job.tta, AUGMENTATIONS)
    _check_choice("precision", "precision", job.image.precision, PRECISIONS)
    _check_choice("device", "device", job.image.device, DEVICES)
    _check_choice("classes", "choice of classes", job.classes, CLASSES)
    place = find_place(job, warn)
    card, geobox, window = place.card, place.geobox, place.window
    with about("mask"):
        _check_mask(job, geobox, window)
    heights = _check_heights(job, card, geobox, geobox.window_bounds(place.inside), warn)
    with about("bands"):
        roles = _roles(card, place.aerial, heights, warn)
    sentinel2 = _check_sentinel2(job, place, warn)
    return Inputs(job, place.model, card, place.aerial, geobox, window, roles, heights, sentinel2)


def _check_sentinel2(job: SegmentationJob, place: Place, warn: Callable[[str], None]) -> Series | None:
    """The series that the map is made with."""
    card = place.card
    required = card.satellite is not None and card.satellite.required
    if required and job.image.sentinel2 is None:
        raise BadInput(
            f"The model {card.title} cannot do without Sentinel-2: give a series, or choose another model.", "sentinel2"
        )
    if required and job.difference is not None:
        raise BadInput(
            f"There is no map without Sentinel-2 to compare with, as the model {card.title} cannot do without: "
            "leave the difference out.",
            "difference",
        )
    if job.difference is not None and (job.image.sentinel2 is None or card.satellite is None):
        given = job.image.sentinel2 is not None
        reason = f"the model {card.title} takes none" if given else "no Sentinel-2 series is given"
        raise BadInput(
            f"There is nothing to show of what Sentinel-2 changes, as {reason}: leave the difference out.", "difference"
        )
    if job.image.sentinel2 is None:
        return None
    if card.satellite is None:
        warn(f"The model {card.title} takes no Sentinel-2: the series is left out.")
        return None
    series = without_dates(find_series(job, place, warn), job.image.leave_out, warn)
    warn_of_missing_masks(series, warn)
    if job.difference is not None:
        warn("To show what Sentinel-2 changes, every tile is predicted twice: the map takes about twice as long.")
    return series


def outputs_of(job: SegmentationJob, card: ModelCard) -> dict[str, tuple[str, int, int]]:
    """Path, number of bands and bits a pixel of each file that a job writes, by the job's setting."""
    outputs = {
        "output": (job.output, 1, label_bits(card.classes)),
        "confidence": (job.confidence, 1, 8),
        "probabilities": (job.probabilities, len(card.classes), 8),
        "difference": (job.difference, 1, label_bits(card.classes)),
    }
    return {setting: output for setting, output in outputs.items() if output[0] is not None}


def _check_choice(setting: str, name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadInput(f"The {name} {value!r} is unknown: choose one of {', '.join(choices)}.", setting)


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
    text = " ".join(f"{value:.10g}" for value in job.extent)
    if len(job.extent) != 4 or not all(math.isfinite(value) for value in job.extent):
        raise BadInput(f"The extent {text} is not four numbers: give XMIN YMIN XMAX YMAX.")
    xmin, ymin, xmax, ymax = job.extent
    if not (xmin < xmax and ymin < ymax):
        raise BadInput(f"The extent {text} is empty: give XMIN YMIN XMAX YMAX, each minimum smaller than its maximum.")
    window = geobox.window_of(job.extent)
    if window.intersection(geobox.window) is None:
        raster = " ".join(f"{value:.10g}" for value in geobox.bounds)
        raise BadInput(
            f"The extent lies outside the aerial raster, which covers {raster}: choose an extent that overlaps it."
        )
    return window


def _check_mask(job: SegmentationJob, geobox: GeoBox, window: Window) -> None:
    if job.mask is None:
        return
    if not job.mask or not all(is_valid_geom(g) and g["type"] in ("Polygon", "MultiPolygon") for g in job.mask):
        raise BadInput("The mask has no valid polygons: choose a layer with polygons, or no mask.")
    xmin, ymin, xmax, ymax = geobox.window_bounds(window)
    for geometry in job.mask:
        left, bottom, right, top = geometry_bounds(geometry)
        if left < xmax and right > xmin and bottom < ymax and top > ymin:
            return
    raise BadInput("The mask's polygons lie outside the extent: choose polygons that overlap it, or no mask.")


def _check_heights(
    job: SegmentationJob,
    card: ModelCard,
    geobox: GeoBox,
    extent: tuple[float, float, float, float],
    warn: Callable[[str], None],
) -> bool:
    """Whether elevation comes from rasters of its own, which are checked then."""
    if job.image.terrain is not None and job.image.elevation is None:
        raise BadInput(
            "The terrain model has no surface model to be subtracted from: give the surface model as elevation, "
            "or no terrain model.",
            "terrain",
        )
    if job.image.elevation is None or "elevation" not in card.inputs:
        return False
    rasters = {"elevation": (job.image.elevation, "The elevation raster", "The heights cover")}
    if job.image.terrain is not None:
        rasters["terrain"] = (job.image.terrain, "The terrain model", "The terrain model covers")
    for setting, (path, what, covers) in rasters.items():
        with about(setting), open_raster(path, what) as dataset:
            check_not_truncated(dataset, what)
            share = check_lies_under(dataset, what, geobox.crs_wkt, extent)
        if share < _COVERED:
            warn(f"{covers} {max(1, int(100 * share))} % of the extent: the rest counts as bare ground.")
    return True


def _roles(card: ModelCard, aerial: AerialSource, heights: bool, warn: Callable[[str], None]) -> tuple[str, ...]:
    roles = tuple(role for role in card.inputs if role in aerial.bands or (role == "elevation" and heights))
    for role in card.inputs:
        if role in roles:
            continue
        name = _ROLE_NAMES.get(role, role)
        if role not in card.fill:
            raise BadInput(
                f"The model {card.title} needs {name}, which the aerial raster does not have: say its band in the "
                f"bands, or choose {_that_fit(set(aerial.bands) | ({'elevation'} if heights else set()))}."
            )
        warn(f"The aerial raster has no {name}: the model works without it, less accurately.")
    return roles


def _that_fit(roles: set[str]) -> str:
    """Names of the models at hand that can do with these bands, for the end of a sentence."""
    titles = [card.title for card in installed_models() if set(card.inputs) - set(card.fill) <= roles]
    return " or ".join(titles[:_MOST_TITLES]) if titles else "another model"


def _check_outputs(job: SegmentationJob, window: Window, card: ModelCard, series: Series | None) -> None:
    seen: set[str] = set()
    image = job.image
    sources = (image.input, image.elevation, image.terrain, *(dated_path(path)[0] for path in image.sentinel2 or ()))
    bands = {source.path for acquisition in (series.acquisitions if series else ()) for source in acquisition.bands}
    inputs = {os.path.realpath(path) for path in {*sources, *bands} if path}
    needed: dict[str, int] = {}
    asking: dict[str, str] = {}
    for setting, (path, bands, bits) in outputs_of(job, card).items():
        folder = os.path.dirname(os.path.abspath(path))
        with about(setting):
            if not path.lower().endswith((".tif", ".tiff")):
                raise BadInput(f"The output {path} would be a GeoTIFF: give it a name that ends in .tif.")
            if os.path.realpath(path) in inputs:
                raise BadInput(f"The output {path} is one of the inputs: choose another name.")
            if os.path.realpath(path) in seen:
                raise BadInput(f"Two outputs are called {path}: give each its own name.")
            _check_writable(path, folder)
        seen.add(os.path.realpath(path))
        asking.setdefault(folder, setting)
        # the working file and the finished one exist side by side for a moment
        both = working_size(window, bands, bits) + finished_size(window, bands, bits)
        needed[folder] = needed.get(folder, _SPARE_BYTES) + both
    for folder, size in needed.items():
        free = shutil.disk_usage(folder).free
        if free < size:
            raise BadInput(
                f"The folder {folder} has {free / 1e9:.1f} GB free and the map may need {size / 1e9:.1f} GB: "
                "free some space, or choose another folder or a smaller extent.",
                asking[folder],
            )


def _check_writable(path: str, folder: str) -> None:
    if not os.path.isdir(folder):
        raise BadInput(f"The output folder {folder} does not exist: create it or choose another.")
    if os.path.isdir(path):
        raise BadInput(f"The output {path} is a folder: give the name of a file.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        if os.path.exists(path):
            with open(path, "r+b"):
                pass
    except OSError as error:
        raise BadInput(f"The output {path} cannot be written ({error.strerror}): choose another folder.") from None
