"""Runs one job: check, plan, read, prepare, predict, blend, write."""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from rasterio.features import bounds as geometry_bounds
from rasterio.features import geometry_mask

from ..models.cards import BadModel, ModelCard
from ..models.library import BUNDLED
from ..models.nomenclature import NODATA
from ..version import plugin_version
from .backends import Backend
from .blend import Blender, tile_weights
from .check import Inputs, check_job
from .errors import BadInput, Cancelled
from .grid import Grid, Window
from .job import Report, SegmentationJob, SegmentationResult
from .plan import Tile, TilePlan, make_plan, overlap_of
from .predict import TileInput, predict_tiles, warm_backend
from .prepare import fill_invalid, heights_to_digital_numbers, network_input, pad_to, to_8_bits
from .read import WindowReader, aerial_reader, read_ahead, warped_reader
from .sentinel2 import Superpatches, open_superpatches
from .write import MapBlock, MapWriter

# Bytes that GDAL may keep of the rasters it reads and writes; its own default is a share of the memory.
_GDAL_CACHE = 16 * 2**20
_MEMORY_COLUMNS = 32  # columns of tiles blended at once: what waits stays below 75 MB however wide the raster is


def segment(job: SegmentationJob, report: Report) -> SegmentationResult:
    """Makes the land-cover map that the job asks for.

    Raises BadInput before any work where something given cannot be used, Cancelled where the user
    stopped it. Either way, and at any other error, nothing is left under the final names.
    """
    started = time.perf_counter()
    with rasterio.Env(GDAL_CACHEMAX=_GDAL_CACHE, GDAL_NUM_THREADS="2"):
        report.progress(0.0, "Checking the inputs")
        inputs = check_job(job, report.warning)
        report.progress(0.0, "Loading the model")
        try:
            backend = warm_backend(inputs.model, job.device, job.precision)
        except BadModel as error:
            raise BadInput(str(error)) from None
        if report.cancelled():
            raise Cancelled
        tally = _Tally(np.zeros(256, np.int64))
        with MapWriter(
            job.output, job.confidence, job.probabilities, inputs.grid, inputs.window, inputs.card.classes
        ) as writer:
            with closing(_map_blocks(inputs, backend, report, tally)) as blocks:
                for block in blocks:
                    writer.write(block)
                    tally.pixels += np.bincount(block.labels.ravel(), minlength=256)
            if tally.without_sentinel2:
                report.warning(
                    f"Sentinel-2 was left out for {tally.without_sentinel2} of {tally.tiles} tiles: "
                    "the raster does not cover them on every date."
                )
            if not tally.pixels[1:].any():
                report.warning("The extent holds no pixel with data: the map is empty.")
            report.progress(1.0, "Writing the map")
            writer.finish(json.dumps(_provenance(inputs, backend, tally), ensure_ascii=False))
    area = inputs.grid.pixel_area_m2
    return SegmentationResult(
        output=job.output,
        confidence=job.confidence,
        probabilities=job.probabilities,
        areas_m2={c.value: float(tally.pixels[c.value] * area) for c in inputs.card.classes},
        classes=tuple((c.value, c.name, c.colour) for c in inputs.card.classes),
        tiles=tally.tiles,
        seconds=time.perf_counter() - started,
        device=backend.device,
        precision=backend.precision,
    )


@dataclass
class _Tally:
    """What a run counts: pixels by label, tiles predicted, tiles whose Sentinel-2 was missing."""

    pixels: np.ndarray
    tiles: int = 0
    without_sentinel2: int = 0


def _map_blocks(inputs: Inputs, backend: Backend, report: Report, tally: _Tally) -> Iterator[MapBlock]:
    """Finished blocks of the map, each once."""
    card, grid = inputs.card, inputs.grid
    plan = make_plan(grid.width, grid.height, inputs.window, card.tile_size)
    mask = _Mask(inputs.job.mask, grid)
    weights = tile_weights(card.tile_size, overlap_of(card.tile_size))
    values = np.array([c.value for c in card.classes], np.uint8)
    parts = [
        _part(plan, range(first, min(first + _MEMORY_COLUMNS, len(plan.columns))), mask)
        for first in range(0, len(plan.columns), _MEMORY_COLUMNS)
    ]
    total = sum(len(reaches) for _, reaches in parts)
    clock = _Clock(total, report)
    with _open_readers(inputs) as readers:
        for targets, reaches in parts:
            blender = Blender(targets, weights)
            # closed before the readers are, at whatever error: its threads read from them
            with closing(read_ahead(reaches, readers.tile_input)) as tile_inputs:
                for tile_input, probabilities in predict_tiles(tile_inputs, backend, inputs.job.tta):
                    if report.cancelled():
                        raise Cancelled
                    tile = tile_input.tile
                    tally.tiles += 1
                    tally.without_sentinel2 += inputs.sentinel2 is not None and tile_input.series is None
                    finished = blender.add(tile, probabilities, reaches[tile])
                    if finished is not None:
                        target = targets[tile.row, tile.column]
                        known = _crop(tile_input.valid, tile.window, target) & mask.inside(target)
                        labels = np.where(known, values[finished.argmax(axis=0)], np.uint8(NODATA))
                        yield MapBlock(target, labels, finished)
                    report.tile(grid.window_bounds(tile.block))
                    clock.tick()


def _part(
    plan: TilePlan, columns: range, mask: _Mask
) -> tuple[dict[tuple[int, int], Window], dict[Tile, list[tuple[int, int]]]]:
    """What to write of some lattice columns, by owner, and the tiles that it takes with the owners each reaches."""
    targets: dict[tuple[int, int], Window] = {}
    reaches: dict[Tile, list[tuple[int, int]]] = {}
    for owner in plan.owners(columns):
        target = plan.target(owner)
        if not mask.touches(target):
            continue
        targets[owner.row, owner.column] = target
        for tile in plan.touching(owner):
            reaches.setdefault(tile, []).append((owner.row, owner.column))
    return targets, dict(sorted(reaches.items(), key=lambda item: (item[0].row, item[0].column)))


def _crop(array: np.ndarray, window: Window, part: Window) -> np.ndarray:
    row, column = part[1] - window[1], part[0] - window[0]
    return array[row : row + part[3], column : column + part[2]]


class _Mask:
    """The polygons inside of which the map is wanted; without any, everywhere."""

    def __init__(self, geometries: tuple[dict, ...] | None, grid: Grid) -> None:
        self._geometries = None if geometries is None else [(geometry_bounds(g), g) for g in geometries]
        self._grid = grid

    def inside(self, window: Window) -> np.ndarray:
        """(rows, columns) bool: pixels whose centre lies in a polygon."""
        shape = (window[3], window[2])
        if self._geometries is None:
            return np.ones(shape, bool)
        xmin, ymin, xmax, ymax = self._grid.window_bounds(window)
        near = [g for (x0, y0, x1, y1), g in self._geometries if x0 < xmax and x1 > xmin and y0 < ymax and y1 > ymin]
        if not near:
            return np.zeros(shape, bool)
        return geometry_mask(near, shape, self._grid.window_transform(window), invert=True)

    def touches(self, window: Window) -> bool:
        """Whether any pixel of the window is inside."""
        return self._geometries is None or bool(self.inside(window).any())


@dataclass(frozen=True)
class _Readers:
    """All rasters of a job, ready to give the network's input of any tile; `read_ahead` calls it in threads."""

    inputs: Inputs
    aerial: WindowReader
    heights: WindowReader | None
    superpatches: Superpatches | None

    def __enter__(self) -> _Readers:
        return self

    def __exit__(self, *_: object) -> None:
        for reader in (self.aerial, self.heights, self.superpatches and self.superpatches.reader):
            if reader is not None:
                reader.close()

    def tile_input(self, tile: Tile) -> TileInput:
        """Reads and prepares one tile."""
        card, source, size = self.inputs.card, self.inputs.aerial, self.inputs.card.tile_size
        left, top, width, height = tile.window
        window = (left, top, min(width, self.inputs.grid.width - left), min(height, self.inputs.grid.height - top))
        roles = [role for role in self.inputs.roles if not (role == "elevation" and self.heights)]
        numbers = [source.bands[role] for role in roles]
        pixels, inside = self.aerial.read(window, numbers)
        valid = np.zeros((size, size), bool)
        valid[: window[3], : window[2]] = inside
        if not inside.any():
            return TileInput(tile, None, valid, None)
        layers = fill_invalid(to_8_bits(pixels, [source.stretch.get(number) for number in numbers]), inside)
        bands = dict(zip(roles, layers))
        if self.heights is not None:
            bands["elevation"] = self._elevation(window)
        aerial = pad_to(network_input(bands, card), size)
        series = self.superpatches.read(tile.window) if self.superpatches else None
        return TileInput(tile, aerial, valid, series)

    def _elevation(self, window: Window) -> np.ndarray:
        metres, valid = self.heights.read(window, [1])
        known = valid & np.isfinite(metres[0])  # NaN stands for nodata, declared or not
        return heights_to_digital_numbers(np.where(known, metres[0], 0), self.inputs.card)


def _open_readers(inputs: Inputs) -> _Readers:
    grid, job = inputs.grid, inputs.job
    heights = superpatches = None
    if inputs.heights:
        heights = warped_reader(job.elevation, grid.crs_wkt, grid.transform, grid.width, grid.height)
    if inputs.sentinel2 is not None:
        superpatches = open_superpatches(inputs.sentinel2, inputs.card.satellite, grid)
    return _Readers(inputs, aerial_reader(inputs.aerial, grid), heights, superpatches)


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
        self._report.progress(self._done / self._total, f"Tile {self._done} of {self._total}", left)


def _with_full_paths(job: SegmentationJob) -> SegmentationJob:
    """The job as it can be run again from any folder; sources that are no files and ids of models stay as they are."""
    paths = {name: getattr(job, name) for name in ("output", "confidence", "probabilities")}
    for name in ("input", "elevation", "sentinel2", "model"):
        value = getattr(job, name)
        if value and value != BUNDLED and os.path.exists(value):
            paths[name] = value
    return replace(job, **{name: os.path.abspath(path) for name, path in paths.items() if path})


def _provenance(inputs: Inputs, backend: Backend, tally: _Tally) -> dict:
    """How the map was made, enough to make it again."""
    card: ModelCard = inputs.card
    return {
        "plugin": "FLAIR Land Cover",
        "version": plugin_version(),
        "job": _with_full_paths(inputs.job).to_dict(),
        "model": {"id": card.id, "title": card.title, "weights": card.weights_digest},
        "bands": inputs.aerial.bands,
        "stretch": {str(number): limits for number, limits in inputs.aerial.stretch.items()},
        "normalisation": {"scale": card.scale, "means": card.means, "stds": card.stds},
        "ground_sampling_distance": card.ground_sampling_distance,
        "tile_size": card.tile_size,
        "overlap": overlap_of(card.tile_size),
        "sentinel2_dates": list(inputs.sentinel2.dates) if inputs.sentinel2 else [],
        "tiles": tally.tiles,
        "tiles_without_sentinel2": tally.without_sentinel2,
        "device": backend.device,
        "precision": backend.precision,
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
