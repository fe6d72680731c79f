"""A small scene of colours that a network can learn, and reports that remember, for the tests of fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from flair_landcover.contract.cards import ModelCard, SatelliteInput
from flair_landcover.contract.finetuning import FinetuneJob
from flair_landcover.contract.notices import Notice, Stage, english
from flair_landcover.contract.report import Epoch
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.finetune.annotations import Annotations, read_annotations
from flair_landcover.finetune.holdout import split
from flair_landcover.finetune.samples import SampleSource
from flair_landcover.inference.resolve import resolve, with_series
from flair_landcover.inference.tiles import open_tiles
from flair_landcover.tests.jobs import finetune_job

from ..inference.conftest import make_model, write_raster
from .polygons import square, write_polygons

FIELD = 10.0  # metres a side of a field of one colour
FIELDS = 6  # fields a side
COLOURS = {5: (40, 70, 150, 20, 0), 7: (90, 160, 80, 200, 40), 3: (190, 185, 180, 80, 0)}  # water, deciduous, road
CLASSES = tuple(COLOURS)
SMALL = ModelCard(id="small", title="Small U-Net", architecture="smp:Unet:resnet18", tile_size=128)
TINY = ModelCard(id="tiny", title="Tiny U-Net", architecture="smp:Unet:resnet18", tile_size=64)  # its crops are tiles


def truth() -> np.ndarray:
    """Classes of the scene, uint8 (300, 300): fields in turn."""
    fields = np.array([[CLASSES[(row + column) % 3] for column in range(FIELDS)] for row in range(FIELDS)], np.uint8)
    return np.kron(fields, np.ones((50, 50), np.uint8))


def write_scene(folder: Path, **settings) -> Path:
    """The scene as five bands of 8 bits, 0.2 m."""
    rng = np.random.default_rng(0)
    colours = np.zeros((256, 5))
    for value, colour in COLOURS.items():
        colours[value] = colour
    pixels = colours[truth()].transpose(2, 0, 1) + rng.normal(0, 6, (5, 300, 300))
    return write_raster(folder / "aerial.tif", pixels.clip(1, 255).astype(np.uint8), **settings)


def drawn(count: int = 9) -> tuple[list, list[int]]:
    """Squares of 6 m within the fields of the left half, and their classes."""
    places = [(row, column) for row in range(FIELDS) for column in range(3)][:count]
    shapes = [square(FIELD * column + 2, FIELD * row + 2, 6) for row, column in places]
    return shapes, [CLASSES[(row + column) % 3] for row, column in places]


def scene_job(folder: Path, card: ModelCard = TINY, polygons: tuple[list, list] | None = None, **settings):
    """A job on the scene with a random network, written into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    image, model = folder / "aerial.tif", folder / f"base-{card.id}"
    if not image.exists():
        write_scene(folder)
    if not model.exists():
        make_model(model, card)
    path = write_polygons(folder / "drawn.gpkg", *(polygons or drawn()))
    values = {"input": str(image), "polygons": path, "model": str(model), "output": str(folder / "new"), **settings}
    return finetune_job(**values)


@dataclass
class Watcher:
    """A report that remembers and wishes what `wish` says, "cancel" or "enough", once `phase` (empty: any) is told."""

    phase: str = ""
    wish: str = ""
    after_epochs: int = 0
    warnings: list[str] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    fractions: list[float] = field(default_factory=list)
    on_phase: Callable[[str], None] = lambda _: None

    def progress(self, fraction: float, stage: Stage, remaining_s: float | None = None) -> None:
        phase = english(stage)
        if phase not in self.phases:
            self.phases.append(phase)
        self.fractions.append(fraction)
        self.on_phase(phase)

    def warning(self, notice: Notice) -> None:
        self.warnings.append(english(notice))

    def epoch(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)

    def tile(self, transform: tuple, png: bytes) -> None:
        raise AssertionError("a training draws no map")

    def _wished(self, what: str) -> bool:
        told = not self.phase or self.phase in self.phases
        return self.wish == what and told and len(self.epochs) >= self.after_epochs

    def cancelled(self) -> bool:
        return self._wished("cancel")

    def enough(self) -> bool:
        return self._wished("enough")


def source_of(job: FinetuneJob, size: int = 64) -> tuple[SampleSource, Annotations]:
    """What samples of a job are drawn from; close its `tiles`."""
    inputs = with_series(resolve(SegmentationJob(job.image, ""), lambda _: None), lambda _: None)
    annotations = read_annotations(job, inputs.card, inputs.geobox, lambda _: None)
    sides = split(annotations.items, job.holdout, job.seed, inputs.geobox)
    card = replace(inputs.card, classes=annotations.plan.legend)
    return SampleSource(open_tiles(inputs), sides, card, size), annotations


WITH_SATELLITE = ModelCard(id="utt", title="Small U-T&T", architecture="utt", satellite=SatelliteInput())
