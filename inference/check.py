"""Refuses what a job cannot be done with before any work starts: each failure is one sentence with its remedy."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from rasterio.features import bounds as geometry_bounds

from ..contract.cards import ModelCard
from ..contract.errors import BadInput, about
from ..contract.files import why_no_file
from ..contract.job_values import check_values
from ..contract.notices import Notice, Warn, english, notice, warn_about, with_evidence
from ..contract.segmentation import SegmentationJob
from ..models.library import installed_models
from ..models.published import PUBLISHED
from .preflight import preflight
from .raster.extents import check_lies_under
from .raster.heights import height_sources
from .raster.open import looking_at, open_raster
from .raster.working_folder import is_being_written
from .raster.write import BEING_WRITTEN, BESIDE, finished_size, label_bits, working_size
from .ready import planned_copy
from .resolve import Inputs, resolve, with_legend, with_series
from .sentinel2.usable import warn_of_missing_masks
from .sources import files_read

_ROLE_NAMES = {"nir": "near infrared", "elevation": "elevation"}
_SPARE_BYTES = 50_000_000  # free disk to leave beside what a job writes
_COVERED = 0.99  # share of the extent from which on heights count as covering it: outlines are compared by their bounds
_KNOWN = 0.95  # share of the pixels of a sample from which on the holes in heights are not worth a word
_TRIAL = ".test"  # as long as `contract.atomic.PART`
_MOST_TITLES = 4  # models that an error names


def check_job(job: SegmentationJob, warn: Warn) -> Inputs:
    """Resolves and checks everything that can be known before the map is made. `warn` takes what the user should know.

    Raises BadInput, which names the setting, at the first thing that is wrong, or in doubt where the job is strict;
    nothing has been written then.
    """
    findings: list[Notice] = []

    def found(told: Notice) -> None:
        findings.append(told)
        warn(told)

    inputs = with_legend(checked_inputs(job, found), found)
    check_outputs(inputs)
    if job.strict:
        _refuse_doubts(findings)
    return replace(inputs, findings=tuple(findings))


def checked_inputs(job: SegmentationJob, warn: Warn) -> Inputs:
    """Resolves and checks as `check_job` does, except for what the job writes; the card is the model's as it stands.

    What is quickly known is asked first, the series, whose files are many, last.
    """
    check_values(job)
    inputs = resolve(job, warn)
    with about("mask"):
        _check_mask(inputs)
    _check_heights(inputs, warn_about("elevation", warn))
    with about("bands"):
        _check_roles(inputs, warn_about("bands", warn))
    preflight(inputs, warn)
    _tell_of_copy(inputs, warn_about("input", warn))
    _check_sentinel2(inputs)
    of_series = warn_about("sentinel2", warn)
    inputs = with_series(inputs, of_series)
    if inputs.sentinel2 is not None:
        warn_of_missing_masks(inputs.sentinel2, of_series)
    if job.difference is not None:
        warn(notice("predicted_twice"))
    return inputs


def _refuse_doubts(findings: list[Notice]) -> None:
    doubts = [told for told in findings if told.doubt]
    if doubts:
        sentences = " ".join(english(told) for told in doubts)
        raise BadInput(f"Refused, as a strict run takes nothing that is in doubt. {sentences}", doubts[0].setting)


def _check_mask(inputs: Inputs) -> None:
    job = inputs.job
    if job.mask is None:
        return
    xmin, ymin, xmax, ymax = inputs.geobox.window_bounds(inputs.window)
    for geometry in job.mask:
        left, bottom, right, top = geometry_bounds(geometry)
        if left < xmax and right > xmin and bottom < ymax and top > ymin:
            return
    raise BadInput("The mask's polygons lie outside the extent: choose polygons that overlap it, or no mask.")


def _check_heights(inputs: Inputs, warn: Warn) -> None:
    image, extent = inputs.job.image, inputs.geobox.window_bounds(inputs.inside)
    if image.terrain is not None and image.elevation is None:
        raise BadInput(
            "The terrain model has no surface model to be subtracted from: give the surface model as elevation, "
            "or no terrain model.",
            "terrain",
        )
    if not inputs.heights or image.elevation is None:
        return
    rasters = {"elevation": (image.elevation, "The elevation raster")}
    if image.terrain is not None:
        rasters["terrain"] = (image.terrain, "The terrain model")
    covered = 1.0
    for setting, (path, what) in rasters.items():
        with about(setting), looking_at(f"{what} {path}"), open_raster(path, what) as dataset:
            share = check_lies_under(dataset, what, inputs.geobox.crs_wkt, extent, warn_about(setting, warn))
        covered = min(covered, share)
        if share < _COVERED:
            percent = max(1, int(100 * share))
            ends = notice("terrain_ends" if setting == "terrain" else "heights_end", percent=percent)
            warn_about(setting, warn)(ends)
    known = height_sources(image, inputs.geobox, inputs.inside, warn).known
    if known < _KNOWN and covered >= _COVERED:
        warn(notice("heights_end", percent=max(1, int(100 * known))))


def _check_roles(inputs: Inputs, warn: Warn) -> None:
    card = inputs.card
    for role in card.inputs:
        if role in inputs.roles:
            continue
        name = _ROLE_NAMES.get(role, role)
        if role not in card.fill:
            at_hand = {*inputs.aerial.bands, *inputs.roles}
            infrared_alone = role == "blue" and "nir" in at_hand
            pair = "give the image of the colours and this one as its infrared image, " if infrared_alone else ""
            raise BadInput(
                f"The model {card.title} needs {name}, which the aerial raster does not have: say its band in the "
                f"bands, {pair}or choose {_that_fit(at_hand)}."
            )
        warn(notice("no_infrared" if role == "nir" else "no_elevation"))  # every aerial raster has the others' bands


def _that_fit(roles: set[str]) -> str:
    """Names of the models at hand that can do with these bands, for the end of a sentence; else of a published one."""
    titles = [card.title for card in installed_models() if set(card.inputs) - set(card.fill) <= roles]
    if titles:
        return " or ".join(titles[:_MOST_TITLES])
    scored = (model for model in PUBLISHED if model.inputs and model.mean_iou is not None and not model.satellite)
    fitting = next((model.name for model in scored if set(model.inputs) <= roles), None)
    return "another model" if fitting is None else f"another model, such as IGN's {fitting}, which can be fetched"


def _check_sentinel2(inputs: Inputs) -> None:
    job, card = inputs.job, inputs.card
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


def _tell_of_copy(inputs: Inputs, warn: Warn) -> None:
    copy = planned_copy(inputs)
    if copy is not None and inputs.aerial.untiled is not None:
        seconds = inputs.aerial.untiled.seconds
        told = notice("copied_first", seconds=seconds, gigabytes=copy.size / 1e9)
        warn(with_evidence(told, window_seconds=seconds, block=list(inputs.aerial.untiled.block)))


def check_outputs(inputs: Inputs) -> None:
    """Raises BadInput, which names the setting, where the map that the job asks for cannot be written."""
    job = inputs.job
    seen: set[str] = set()
    sources = files_read(inputs)
    needed: dict[str, int] = {}
    asking: dict[str, str] = {}
    for setting, (path, count, bits) in outputs_of(job, inputs.card).items():
        folder = os.path.dirname(os.path.abspath(path))
        with about(setting):
            if not path.lower().endswith((".tif", ".tiff")):
                raise BadInput(f"The output {path} would be a GeoTIFF: give it a name that ends in .tif.")
            if sources.setting_of(path) is not None:
                raise BadInput(f"The output {path} is one of the inputs: choose another name.")
            if os.path.realpath(path) in seen:
                raise BadInput(f"Two outputs are called {path}: give each its own name.")
            _check_writable(path, folder)
        seen.add(os.path.realpath(path))
        asking.setdefault(folder, setting)
        # the working file and the finished one exist side by side for a moment
        both = working_size(inputs.window, count, bits) + finished_size(inputs.window, count, bits)
        needed[folder] = needed.get(folder, _SPARE_BYTES) + both
    copy = planned_copy(inputs)
    if copy is not None:
        needed[os.path.dirname(os.path.abspath(job.output))] += copy.size
    for folder, size in needed.items():
        free = shutil.disk_usage(folder).free
        of_copy = f", {copy.size / 1e9:.1f} GB of it for a temporary copy of the image in tiles" if copy else ""
        if free < size:
            raise BadInput(
                f"The folder {folder} has {free / 1e9:.1f} GB free and the map may need {size / 1e9:.1f} GB{of_copy}: "
                "free some space, or choose another folder or a smaller extent.",
                asking[folder],
            )


def outputs_of(job: SegmentationJob, card: ModelCard) -> dict[str, tuple[str, int, int]]:
    """Path, number of bands and bits a pixel of each file that a job writes, by the job's setting."""
    outputs = {
        "output": (job.output, 1, label_bits(card.classes)),
        "confidence": (job.confidence, 1, 8),
        "probabilities": (job.probabilities, len(card.classes), 8),
        "difference": (job.difference, 1, label_bits(card.classes)),
    }
    return {setting: (path, count, bits) for setting, (path, count, bits) in outputs.items() if path is not None}


def _check_writable(path: str, folder: str) -> None:
    if not os.path.isdir(folder):
        raise BadInput(f"The output folder {folder} does not exist: create it or choose another.")
    if os.path.isdir(path):
        raise BadInput(f"The output {path} is a folder: give the name of a file.")
    if why_no_file(path):
        raise BadInput(f"The output {path} is a pipe or a device: give the name of a file.")
    if is_being_written(Path(folder), os.path.basename(path)):
        raise BadInput(BEING_WRITTEN.format(path))
    for beside in (f"{path}{suffix}" for suffix in BESIDE):
        if os.path.isdir(beside):
            raise BadInput(
                f"The folder {beside} lies where the map's own file would: remove it or choose another name."
            )
    try:
        # as long a name as that of the run's working folder, and none that a run takes for one
        os.rmdir(tempfile.mkdtemp(prefix=f".{os.path.basename(path)}.", suffix=_TRIAL, dir=folder))
        if os.path.exists(path):
            with open(path, "r+b"):
                pass
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadInput(
                f"The output's name {os.path.basename(path):.60}... is too long: choose a shorter name."
            ) from None
        raise BadInput(f"The output {path} cannot be written ({error.strerror}): choose another folder.") from None
