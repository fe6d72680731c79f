"""Makes a model that is better where the analyst says so: check, read, prepare, train, compare, write."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from torch import nn

from ..contract.cards import WEIGHTS_NAME, BadModel, digest_of, write_card
from ..contract.choices import ALL, BF16, DECODER, FP32, LAST
from ..contract.errors import BadInput, Cancelled
from ..contract.finetuning import FinetuneJob, FinetuneResult, Scores
from ..contract.going_on import listening
from ..contract.notices import Notice, Stage, Warn, notice, stage
from ..contract.report import FinetuneReport
from ..contract.segmentation import SegmentationJob
from ..inference.backends.backend import MOSTLY, Backend, backend_of
from ..inference.check import checked_inputs
from ..inference.raster.read import gdal_settings
from ..inference.ready import made_ready
from ..inference.resolve import Inputs
from ..inference.sources import files_read
from ..inference.tiles import Tiles, open_tiles
from ..models.networks.checkpoints import load_model
from ..models.networks.gated import GatedNetwork
from ..models.networks.weights import save_weights
from .add_classes import add_classes
from .annotations import Annotations, annotated_classes, read_annotations
from .burn import conflict_m2
from .card import new_card, stored_weights
from .domain import ImageDomain, limited_to, read_domain, starting_network
from .evaluate import evaluate
from .holdout import Split, split
from .outputs import put_in_place, reserved_outputs, writing
from .samples import FOR_ALL_IMAGES, FOR_LIKE_IMAGES, SampleSource, holdout_samples, training_samples
from .train import Hyperparameters, TrainingResult, prepare_crops, train
from .trained_stages import is_local, trained_chain

EPOCHS = 12
# Crops of half a tile's side that are prepared, at least and at most; a polygon gives two where there are many.
_CROPS = (64, 192)
_BATCH = 4
_SMALLEST_CROP = 64  # pixels; below, a crop is the whole tile
_RATES = {LAST: 4e-3, DECODER: 5e-4, ALL: 1e-4}
# Share of the run at which each phase begins.
_READING, _PREPARING, _DOMAIN_READ, _TRAINING, _COMPARING, _WRITING = 0.01, 0.03, 0.06, 0.2, 0.85, 0.97


def finetune(job: FinetuneJob, report: FinetuneReport) -> FinetuneResult:
    """Trains the job's base model on its polygons and writes the new model's folder and a report.

    With the same job, versions and number of threads it gives the same model on a CPU. Where the user has enough,
    the best state so far is kept.
    Raises BadInput where something given cannot be used, Cancelled where the user stopped it or had enough before
    anything was learnt. Either way, and at any other error, nothing is left under the final names.
    """
    started = time.perf_counter()
    warnings: list[Notice] = []

    def warn(told: Notice) -> None:
        warnings.append(told)
        report.warning(told)

    with gdal_settings(), ExitStack() as reserved:
        report.progress(0.0, stage("checking_training"))
        with listening(report.cancelled, lambda now: report.progress(0.0, now)):
            inputs = checked_inputs(SegmentationJob(job.image, ""), warn)
        outputs, working = reserved.enter_context(reserved_outputs(job, inputs))
        sources = files_read(inputs)
        report.progress(_READING, stage("reading"))
        with listening(report.cancelled, lambda now: report.progress(_READING, now)):
            annotations = read_annotations(job, inputs.card, inputs.geobox, warn)
        _stop(report)
        with listening(report.cancelled):
            sides = _split(job, inputs, annotations, warn, report.cancelled)
        base = _open_base(job, inputs)
        _stop(report)
        ready = made_ready(inputs, outputs.folder, lambda now: report.progress(_READING, now), report.cancelled)
        with ready as read_from, open_tiles(read_from) as tiles:
            model = _train(job, tiles, base, annotations, sides, warn, report)
            report.progress(_COMPARING, stage("comparing"))
            # what is evaluated is what is stored: the rounded weights
            weights = stored_weights(model.network.state_dict())
            model.network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
            told = _Share(report, _COMPARING, _WRITING, stage("comparing"))
            evaluation = evaluate(model.source, base.backend, model.backend, job.seed, told)
            report.progress(_WRITING, stage("writing_model"))
            sources.check_unchanged()
            made = (sides, model.settings, model.training, evaluation, model.covered, outputs.id)
            card = new_card(job, inputs, model.backend.card, annotations, *made)
            if not _is_better(evaluation.before, evaluation.after):
                warn(notice("no_better"))
            with writing(outputs.folder):
                folder = working.path / "model"
                folder.mkdir()
                save_weights(weights, folder / WEIGHTS_NAME)
                card = replace(card, weights_digest=digest_of(folder / WEIGHTS_NAME))
                write_card(card, folder)
            result = FinetuneResult(
                folder=str(outputs.folder),
                card=card,
                report=str(outputs.report),
                seconds=time.perf_counter() - started,
                device=base.backend.device,
                epochs=len(model.training.history),
                best_epoch=model.training.best_epoch,
                stopped=model.training.stopped,
                before=evaluation.before,
                after=evaluation.after,
                changed=evaluation.changed,
                agreement=evaluation.agreement,
                classes=annotated_classes(annotations, inputs.geobox.metres),
                trained_polygons=len(sides.training),
                holdout_polygons=len(sides.holdout),
                warnings=warnings,
            )
            put_in_place(result, folder, outputs, report.cancelled)
    report.progress(1.0, stage("writing_model"))
    return result


@dataclass(frozen=True)
class _Base:
    """The base model: its network, to be trained from, and the same as a backend, to predict with."""

    network: nn.Module
    backend: Backend


@dataclass(frozen=True)
class _Model:
    """The trained network, the same as a backend, and how it came to be.

    covered: on how much of its own image what was learnt counts, None where it counts everywhere.
    """

    network: nn.Module
    backend: Backend
    source: SampleSource
    settings: Hyperparameters
    training: TrainingResult
    covered: float | None


class _Share:
    """Tells the progress of one phase, and ends the run where the user has stopped it."""

    def __init__(self, report: FinetuneReport, start: float, end: float, now: Stage) -> None:
        self._report, self._start, self._end, self._stage = report, start, end, now
        self._began = time.perf_counter()

    def __call__(self, share: float, remaining: float | None = None) -> None:
        _stop(self._report)
        if remaining is None and share > 0:
            remaining = (time.perf_counter() - self._began) / share * (1 - share)
        self._report.progress(self._start + share * (self._end - self._start), self._stage, remaining)


def _stop(report: FinetuneReport) -> None:
    if report.cancelled():
        raise Cancelled


def _split(
    job: FinetuneJob,
    inputs: Inputs,
    annotations: Annotations,
    warn: Warn,
    cancelled: Callable[[], bool],
) -> Split:
    conflict = conflict_m2(annotations.items, inputs.geobox, cancelled)
    if conflict:
        warn(notice("conflict", area_m2=conflict))
    names = {c.value: c.name for c in annotations.plan.legend}
    sides = split(annotations.items, job.holdout, job.seed, inputs.geobox, names)
    if sides.note is not None:
        warn(sides.note)
    if not sides.holdout:
        warn(notice("fixed_epochs"))
    return sides


def _open_base(job: FinetuneJob, inputs: Inputs) -> _Base:
    # not "auto": which precision is faster is measured, and would make runs of one seed differ
    precision = BF16 if job.image.precision == BF16 else FP32
    try:
        card, network = load_model(inputs.model)
    except BadModel as error:
        raise BadInput(str(error), "model") from None
    return _Base(network, backend_of(card, network, job.image.device, precision))


def _train(
    job: FinetuneJob,
    tiles: Tiles,
    base: _Base,
    annotations: Annotations,
    sides: Split,
    warn: Warn,
    report: FinetuneReport,
) -> _Model:
    began, device = time.perf_counter(), base.backend.device
    domain = _read_domain(job, tiles, base, sides, warn, report)
    values = {item.value for item in annotations.items}
    card, network = add_classes(
        base.backend.card, starting_network(base.network, domain), annotations.plan.legend, values
    )
    network = network.to(device)
    try:
        chain = trained_chain(card, network, job.trainable)
    except BadModel as error:
        raise BadInput(str(error), "model") from None
    half = card.tile_size // 2
    cropped = is_local(network) and tiles.superpatches is None and half % 32 == 0 and half >= _SMALLEST_CROP
    source = SampleSource(tiles, sides, card, half if cropped else card.tile_size)
    crops = min(max(2 * len(sides.training), _CROPS[0]), _CROPS[1])
    epochs = job.epochs or max(6, round(EPOCHS * _CROPS[0] / crops))
    if not cropped:  # a tile has the pixels of four crops
        crops //= 4
    settings = Hyperparameters(epochs, _BATCH if cropped else 1, _RATES[job.trainable], job.keep_base, job.seed)

    told = _Share(report, _DOMAIN_READ, _TRAINING, stage("preparing"))
    told(0.0)
    done = 0

    def each() -> None:
        nonlocal done
        done += 1
        told(min(1.0, done / crops))
        if report.enough():
            raise Cancelled

    distilled = (base.backend.card, base.network) if job.keep_base else None
    augmentation = FOR_ALL_IMAGES if job.everywhere else FOR_LIKE_IMAGES
    prepared = prepare_crops(
        training_samples(source, crops, job.seed, augmentation), network, chain, distilled, device, each
    )
    if not any((crop.target >= 0).any() for crop in prepared):
        raise BadInput(
            "No pixel of the polygons has data in the image, or polygons of other classes cover them all: "
            "draw polygons where the image has data.",
            "polygons",
        )
    held_out = prepare_crops(holdout_samples(source), network, chain, None, device, lambda: _stop(report))
    spent = time.perf_counter() - began
    training = _Share(report, _TRAINING, _COMPARING, stage("training"))
    result = train(
        network, chain, card, prepared, held_out, settings, device, base.backend.precision == BF16, report, training
    )
    result.seconds["preparing"] = spent
    covered = None
    if domain is not None and not job.everywhere:
        network, covered = limited_to(domain, base.network, base.backend.card, network, card), domain.covered
    backend = backend_of(card, network, device, base.backend.precision)
    return _Model(network, backend, source, settings, result, covered)


def _read_domain(
    job: FinetuneJob,
    tiles: Tiles,
    base: _Base,
    sides: Split,
    warn: Warn,
    report: FinetuneReport,
) -> ImageDomain | None:
    """The image's domain, where it is asked for; warns where it does not cover all of the image."""
    if job.everywhere and not isinstance(base.network, GatedNetwork):
        return None
    told = _Share(report, _PREPARING, _DOMAIN_READ, stage("preparing"))
    source = SampleSource(tiles, sides, base.backend.card, base.backend.card.tile_size)
    domain = read_domain(source, job.seed, told)
    if domain.covered < MOSTLY and not job.everywhere:
        warn(notice("counts_on_part", share=domain.covered))
    return domain


def _is_better(before: Scores, after: Scores) -> bool:
    """Whether the scores after are higher, or there are none."""
    return after.mean_iou is None or before.mean_iou is None or after.mean_iou > before.mean_iou
