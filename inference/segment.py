"""Runs one job: resolve, check, plan, read, prepare, predict, blend, write."""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..contract.cards import BadModel, ModelCard
from ..contract.choices import BUNDLED
from ..contract.errors import BadInput, Cancelled
from ..contract.going_on import listening
from ..contract.image import dated_path
from ..contract.nomenclature import NODATA
from ..contract.notices import english, notice, stage
from ..contract.report import Report
from ..contract.segmentation import ModelName, SegmentationJob, SegmentationResult
from ..contract.version import plugin_version
from .backends.backend import MOSTLY, Backend
from .blend import Blender, tile_weights
from .check import check_job
from .mask import Mask
from .plan import Strip, make_plan, overlap_of, plan_strips
from .predict import TileInput, predict_tiles, warm_backend
from .raster.origin import sources_of
from .raster.pictures import BlockPictures
from .raster.read import gdal_settings, read_ahead
from .raster.write import MapBlock, MapWriter
from .ready import made_ready
from .resolve import Inputs
from .sources import files_read
from .tiles import open_tiles


def segment(job: SegmentationJob, report: Report) -> SegmentationResult:
    """Makes the land-cover map that the job asks for.

    Where the user has enough, the map is finished with the blocks that are done, the rest nodata.
    Raises BadInput before any work where something given cannot be used, Cancelled where the user
    stopped it, or had enough before any block was done. Either way, and at any other error, nothing is
    left under the final names.
    """
    started = time.perf_counter()
    with gdal_settings():
        report.progress(0.0, stage("checking"))
        with listening(report.cancelled, lambda now: report.progress(0.0, now)):
            inputs = check_job(job, report.warning)
        sources = files_read(inputs)
        report.progress(0.0, stage("loading"))
        try:
            backend = warm_backend(inputs.model, job.image.device, job.image.precision)
        except BadModel as error:
            raise BadInput(str(error), "model") from None
        if report.cancelled() or report.enough():
            raise Cancelled
        mask = Mask(job.mask, inputs.geobox)
        strips = list(planned_strips(inputs, mask))
        tally = _Tally(np.zeros(256, np.int64), sum(len(strip.reaches) for strip in strips))
        with MapWriter(
            job.output,
            job.confidence,
            job.probabilities,
            inputs.geobox,
            inputs.window,
            inputs.card.classes,
            job.difference,
        ) as writer:
            whole, card = inputs.window, inputs.card
            pictures = BlockPictures(whole.width, whole.height, card.tile_size, card.classes)
            with closing(_map_blocks(inputs, backend, strips, mask, report, tally)) as blocks:
                for block in blocks:
                    writer.write(block)
                    tally.pixels += np.bincount(block.labels.ravel(), minlength=256)
                    if block.difference is not None:
                        tally.changed += int(np.count_nonzero(block.difference != NODATA))
                    tally.blocks += 1
                    report.tile(*pictures.picture(block.labels, inputs.geobox.window_transform(block.window)))
            if not tally.complete and not tally.blocks:
                raise Cancelled
            _warn_of_sentinel2(tally, report)
            _warn_of_domain(tally, inputs.card, report)
            if tally.complete and not tally.pixels[1:].any():
                report.warning(notice("empty_map"))
            report.progress(1.0, stage("writing"))
            if report.cancelled():
                raise Cancelled
            sources.check_unchanged()
            writer.finish(json.dumps(_provenance(inputs, backend, tally), ensure_ascii=False))
    area = inputs.geobox.pixel_area_m2
    return SegmentationResult(
        output=job.output,
        confidence=job.confidence,
        probabilities=job.probabilities,
        difference=job.difference,
        areas_m2={c.value: float(tally.pixels[c.value] * area) for c in inputs.card.classes},
        classes=tuple((c.value, c.name, c.colour) for c in inputs.card.classes),
        tiles=tally.tiles,
        planned_tiles=tally.planned,
        complete=tally.complete,
        seconds=time.perf_counter() - started,
        device=backend.device,
        precision=backend.precision,
        model=ModelName(inputs.card.id, inputs.card.title),
        bytes=os.path.getsize(job.output),
        sentinel2_dates=tuple(sorted(tally.dates)),
        tiles_without_sentinel2=tally.without_sentinel2,
        changed_m2=None if job.difference is None else float(tally.changed * area),
    )


def planned_strips(inputs: Inputs, mask: Mask) -> Iterator[Strip]:
    """What a checked job predicts, from left to right."""
    plan = make_plan(inputs.geobox.width, inputs.geobox.height, inputs.window, inputs.card.tile_size)
    return plan_strips(plan, mask.touches)


@dataclass
class _Tally:
    """What a run counts.

    pixels: by label. planned, tiles: tiles to predict, and done. without_sentinel2, mirrored: of those, without a
    series although there is one, and with a series that ends in their superpatch. dates: of the series that some
    tile used. alike, compared: pixels with data on which the model's fine-tuning counts, and all of them where it
    has any. changed: pixels whose label the series changed. blocks: written.
    """

    pixels: np.ndarray
    planned: int
    tiles: int = 0
    without_sentinel2: int = 0
    mirrored: int = 0
    dates: set[str] = field(default_factory=set)
    alike: float = 0.0
    compared: int = 0
    changed: int = 0
    blocks: int = 0

    @property
    def complete(self) -> bool:
        return self.tiles == self.planned

    def count(self, tile_input: TileInput, with_series: bool, alike: np.ndarray | None) -> None:
        """Counts a tile that is done; with_series: whether the job has one. alike: of `Backend.domain_share`."""
        if alike is not None:
            self.alike += float(alike[tile_input.valid].sum())
            self.compared += int(tile_input.valid.sum())
        self.tiles += 1
        self.without_sentinel2 += with_series and not tile_input.dates  # a series without dates is padding
        self.mirrored += bool(tile_input.mirrored)
        self.dates.update(tile_input.dates)


def _warn_of_sentinel2(tally: _Tally, report: Report) -> None:
    if tally.without_sentinel2:
        report.warning(notice("tiles_without_series", without=tally.without_sentinel2, total=tally.tiles))
    if tally.mirrored:
        report.warning(notice("series_ends", ending=tally.mirrored, total=tally.tiles))


def _warn_of_domain(tally: _Tally, card: ModelCard, report: Report) -> None:
    share = tally.alike / tally.compared if tally.compared else 1.0
    if share < MOSTLY:
        report.warning(notice("outside_of_tuning", share=1 - share, model=card.title))


def _map_blocks(
    inputs: Inputs, backend: Backend, strips: list[Strip], mask: Mask, report: Report, tally: _Tally
) -> Generator[MapBlock, None, None]:
    """Finished blocks of the map, each once, until the user has enough."""
    card, job = inputs.card, inputs.job
    weights = tile_weights(card.tile_size, overlap_of(card.tile_size))

    def ended() -> bool:
        return report.cancelled() or report.enough()

    ready = made_ready(inputs, Path(job.output).absolute(), lambda now: report.progress(0.0, now), ended)
    with ready as read_from, open_tiles(read_from) as tiles:
        clock = _Clock(tally.planned, report)
        for strip in strips:
            blender = Blender(strip.targets, weights)
            without = Blender(strip.targets, weights) if job.difference is not None else None
            # closed before the rasters are, at whatever error: its threads read from them
            with closing(read_ahead(strip.reaches, tiles.tile_input)) as tile_inputs:
                predictions = predict_tiles(tile_inputs, backend, job.tta, without is not None, card)
                for tile_input, predicted in predictions:
                    if report.cancelled():
                        raise Cancelled
                    tile = tile_input.tile
                    alike = None if tile_input.aerial is None else backend.domain_share(tile_input.aerial)
                    tally.count(tile_input, inputs.sentinel2 is not None, alike)
                    finished = blender.add(tile, predicted.probabilities, strip.reaches[tile])
                    alone = without.add(tile, predicted.without, strip.reaches[tile]) if without else None
                    if finished is not None:
                        target = strip.targets[tile.row, tile.column]
                        known = tile_input.valid[target.within(tile.window)] & mask.inside(target)
                        labels = _labels(finished, known, card)
                        difference = None if alone is None else _difference(labels, _labels(alone, known, card))
                        yield MapBlock(target, labels, finished, difference)
                    clock.tick()
                    if report.enough():
                        return


def _labels(probabilities: np.ndarray, known: np.ndarray, card: ModelCard) -> np.ndarray:
    """The likeliest class of each pixel, uint8 (rows, columns), nodata where it is not known."""
    values = np.array([c.value for c in card.classes], np.uint8)
    return np.where(known, values[probabilities.argmax(axis=0)], np.uint8(NODATA))


def _difference(labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The other labels where they differ, nodata elsewhere."""
    return np.where(labels != others, others, np.uint8(NODATA))


class _Clock:
    """Tells how far a run is and how long it may still take, from the tiles done so far."""

    def __init__(self, total: int, report: Report) -> None:
        self._total = total
        self._done = 0
        self._report = report
        self._started = time.perf_counter()

    def tick(self) -> None:
        self._done += 1
        left = (time.perf_counter() - self._started) / self._done * (self._total - self._done)
        self._report.progress(self._done / self._total, stage("tile", number=self._done, total=self._total), left)


def _with_full_paths(job: SegmentationJob) -> SegmentationJob:
    """The job as it can be run again from any folder; sources that are no files and ids of models stay as they are."""
    written = {name: getattr(job, name) for name in ("output", "confidence", "probabilities", "difference")}
    read = {name: getattr(job.image, name) for name in ("infrared", "elevation", "terrain", "model")}
    read = {name: path for name, path in read.items() if path != BUNDLED and os.path.exists(path or "")}
    image = tuple(os.path.abspath(path) if os.path.exists(path) else path for path in job.image.input)
    series = tuple(_absolute(path) for path in job.image.sentinel2 or ())
    return replace(job, image=replace(job.image, input=image, sentinel2=series, **_full(read)), **_full(written))


def _full(paths: dict[str, str | None]) -> dict[str, Any]:
    return {name: os.path.abspath(path) for name, path in paths.items() if path}


def _absolute(text: str) -> str:
    path, _ = dated_path(text)
    return os.path.abspath(path) + text[len(path) :] if os.path.exists(path) else text


def _provenance(inputs: Inputs, backend: Backend, tally: _Tally) -> dict:
    """How the map was made, enough to make it again."""
    card: ModelCard = inputs.card
    image = inputs.job.image
    return {
        "plugin": "FLAIR Land Cover",
        "version": plugin_version(),
        "job": _with_full_paths(inputs.job).to_dict(),
        "model": {"id": card.id, "title": card.title, "weights": card.weights_digest},
        "classes": [[c.value, c.name, c.colour] for c in card.classes],
        "source": sources_of(filter(None, (*inputs.aerial.files, image.infrared, image.elevation, image.terrain))),
        "bands": inputs.aerial.bands,
        "stretch": {str(number): limits for number, limits in inputs.aerial.stretch.items()},
        "normalisation": {"scale": card.scale, "means": card.means, "stds": card.stds},
        "ground_sampling_distance": card.ground_sampling_distance,
        "tile_size": card.tile_size,
        "overlap": overlap_of(card.tile_size),
        "sentinel2_dates": sorted(tally.dates),
        "findings": [{"said": english(told), **told.to_dict(), "picture": ""} for told in inputs.findings],
        "complete": tally.complete,
        "tiles": tally.tiles,
        "planned_tiles": tally.planned,
        "tiles_without_sentinel2": tally.without_sentinel2,
        "tiles_with_mirrored_sentinel2": tally.mirrored,
        "difference": inputs.job.difference,
        "changed_m2": None if inputs.job.difference is None else tally.changed * inputs.geobox.pixel_area_m2,
        "device": backend.device,
        "precision": backend.precision,
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
