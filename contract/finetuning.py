"""What one fine-tuning is asked for, and what it answers.

`FinetuneJob` is built by the dialog, the Processing algorithm, the command line and the tests; it travels as
JSON to the worker, as `SegmentationJob` does. It holds plain values only. Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from .cards import ModelCard
from .choices import HOLDOUT, KEEP_BASE, MAX_HOLDOUT, TRAINABLE
from .errors import BadInput
from .image import ImageJob
from .notices import Notice
from .plain import Plain, shown

# What scores were measured on.
HOLDOUT_POLYGONS, TRAINING_POLYGONS = "holdout", "training"

_SEEDS = 2**32  # seeds that every random generator in use takes


@dataclass(frozen=True)
class FinetuneJob(ImageJob):
    """One model to make out of another and some polygons.

    image: what the polygons were drawn over, with what beside it, and on what is trained; its model is the base model.
    polygons: path of a vector file that OGR reads.
    output: path of the model folder to write; None: in the library, under the new model's id.
    name: title of the new model; empty: the base model's title with ", corrected".
    layer: layer of the vector file; empty: the first one with polygons.
    class_field: the field that holds the classes.
    class_map: (value of the field as text, class), where class is a class's name or number as text, empty to
        ignore the polygons of that value, or a name that the model does not know, which makes a new class.
        Values that are not listed are taken by number or by name; see `class_plan.plan_classes`.
    epochs: 0 means the default.
    trainable: what is trained: ``last`` layers, ``decoder`` or ``all``.
    holdout: share of the polygons to be held out for the scores, 0..0.5; 0: none.
    keep_base: weight of the term that holds unlabelled pixels to the base model's probabilities; 0: none.
    everywhere: whether what is learnt counts on every image, not only where it looks like this one.
    one_class: go on although all polygons are of one class.
    seed: for the hold-out, the drawing of tiles and the augmentation.
    report: path of the HTML report to write; None: ``report.html`` in the model folder.
    """

    polygons: str
    output: str | None = None
    name: str = ""
    layer: str = ""
    class_field: str = "class"
    class_map: tuple[tuple[str, str], ...] = ()
    epochs: int = 0
    trainable: str = TRAINABLE[0]
    holdout: float = HOLDOUT
    keep_base: float = KEEP_BASE
    everywhere: bool = False
    one_class: bool = False
    seed: int = 0
    report: str | None = None

    REQUIRED: ClassVar[dict[str, str]] = {
        **ImageJob.REQUIRED,
        "polygons": "The job names no polygons: give a path.",
    }

    def __post_init__(self) -> None:
        try:
            pairs = tuple((str(value), str(name)) for value, name in self.class_map or ())
        except (TypeError, ValueError):
            message = "The class map is not a list of pairs: give each value of the field with its class."
            raise BadInput(message, "class_map") from None
        object.__setattr__(self, "class_map", pairs)


def check_settings(job: FinetuneJob) -> None:
    """Raises BadInput, which names the setting, where one of the training's own settings is out of its range."""
    if job.trainable not in TRAINABLE:
        raise BadInput(
            f"What is to be trained, {shown(job.trainable)}, is unknown: choose one of {', '.join(TRAINABLE)}.",
            "trainable",
        )
    if not _number(job.holdout) or not 0 <= job.holdout <= MAX_HOLDOUT:
        raise BadInput(f"The hold-out {job.holdout} is not a share: give one between 0 and {MAX_HOLDOUT}.", "holdout")
    if not _number(job.keep_base) or job.keep_base < 0:
        raise BadInput(
            f"The weight {job.keep_base} of what the base model knows is no weight: give 0 or more.", "keep_base"
        )
    if not _whole(job.epochs) or job.epochs < 0:
        raise BadInput(f"{job.epochs} is no number of epochs: give a whole number, 0 for the default.", "epochs")
    for name in ("everywhere", "one_class"):
        if not isinstance(getattr(job, name), bool):
            raise BadInput(f"The setting {name} is {shown(getattr(job, name))}: give true or false.", name)
    if not _whole(job.seed) or not 0 <= job.seed < _SEEDS:
        raise BadInput(f"The seed {job.seed} cannot be used: give a whole number from 0 to {_SEEDS - 1}.", "seed")


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Scores(Plain):
    """How well a model does on polygons.

    where: `HOLDOUT_POLYGONS`, or `TRAINING_POLYGONS` where none are held out. accuracy: share of the pixels that are
    right, 0..1, None without pixels. mean_iou: of the classes that occur, 0..1, None without any. iou: 0..1 by class
    name. pixels: how many were looked at.
    """

    where: str
    accuracy: float | None
    mean_iou: float | None
    iou: dict[str, float]
    pixels: int


@dataclass(frozen=True)
class AnnotatedClass(Plain):
    """A class of the legend that has polygons: how many, and the area of their outlines."""

    value: int
    name: str
    colour: str
    polygons: int
    area_m2: float


@dataclass(frozen=True)
class FinetuneResult(Plain):
    """What a fine-tuning left.

    folder: the model folder. card: the new model's. report: path of the HTML report.
    seconds: wall time of the job. device: what it ran on.
    epochs: how many were run; best_epoch: the one whose state was kept, from 1 on.
    stopped: ``end`` (all epochs), ``early`` (no better any more) or ``enough`` (the user's wish).
    before, after: of the base and of the new model.
    changed: share of the sampled extent whose label changes, 0..1.
    agreement: share of the unannotated pixels that keep the base model's label, 0..1.
    classes: those with polygons.
    trained_polygons, holdout_polygons: how many were on each side.
    warnings: what the user was told.
    """

    folder: str
    card: ModelCard
    report: str
    seconds: float
    device: str
    epochs: int
    best_epoch: int
    stopped: str
    before: Scores
    after: Scores
    changed: float
    agreement: float
    classes: tuple[AnnotatedClass, ...]
    trained_polygons: int
    holdout_polygons: int
    warnings: list[Notice]
