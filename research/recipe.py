"""How a model is trained, read from a JSON file that anyone can run again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from pathlib import Path

BUNDLED_RECIPE = Path(__file__).parent / "recipes" / "bundled.json"

DATA_KINDS = ("pictures", "flair2")


@dataclass(frozen=True)
class TrainingStage:
    """One run of the training loop.

    steps: steps of the optimiser; the learning rate rises over the share `warm_up` of them, then falls as half a
        cosine.
    batch, crop: crops a step and their side in pixels. late_batch, late_crop: those of every other step in the
        last 40 % of the steps; 0: as the others.
    series_every: one step in so many is on whole images with their Sentinel-2 series (0: none);
        series_batch: images in it; fused: share of them that fuse the satellite features.
    pasted: share of crops with exact labels onto which segments of another one are pasted.
    flooded: share of crops with exact labels and near infrared in which open land is turned to water, see
        `flood.flood`.
    coarse: factor of the weight that labels have in the loss which are sets of classes.
    average: decay of the average of the weights.
    kept: share of the weights that the stage began with in those that it ends with: Wortsman et al., arXiv
        2109.01903, equation 1, where their alpha is 1 - kept.
    shares: share of the crops by kind of image; kinds that are not named get none.
    """

    steps: int
    batch: int = 8
    crop: int = 256
    late_batch: int = 0
    late_crop: int = 0
    series_every: int = 0
    series_batch: int = 2
    fused: float = 0.8
    pasted: float = 0.0
    flooded: float = 0.0
    learning_rate: float = 8e-4
    warm_up: float = 0.03
    weight_decay: float = 0.02
    coarse: float = 1.0
    average: float = 0.998
    kept: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """The stages of a training and what they learn from.

    id, title, licence: of the model's card. seed: of weights, crops and series.
    data: ``images`` (the folders that `research.dataset` reads) or ``flair2`` (IGN's data set as published).
    teacher: a U-Net with an ImageNet encoder, trained first; None: no distillation.
    student: the network itself, on all images but the real patches, held to the teacher.
    labels: what follows on the same images without the teacher, whose errors end there. None: nothing follows.
    patches: what follows, on the real patches too; measured by leaving each out once. None: nothing follows.
    satellite: what comes last, for the satellite branch alone, on images with their series. None: nothing follows.
    probabilities, features: weight in the student's loss of the teacher's class probabilities and encoder maps.
    digest: ``sha256:<hex>`` of the file.
    """

    id: str
    title: str
    licence: str
    student: TrainingStage
    data: str = "pictures"
    seed: int = 1
    teacher: TrainingStage | None = None
    labels: TrainingStage | None = None
    patches: TrainingStage | None = None
    satellite: TrainingStage | None = None
    probabilities: float = 1.0
    features: float = 0.5
    digest: str = ""


def read_recipe(path: Path) -> Recipe:
    """The recipe of a JSON file.

    Raises ValueError where it is no recipe, with what is wrong.
    """
    try:
        text = path.read_bytes()
        values = json.loads(text)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a recipe ({error}): name one of research/recipes.") from None
    digest = "sha256:" + hashlib.sha256(text).hexdigest()
    for name in ("teacher", "student", "labels", "patches", "satellite"):
        if values.get(name) is not None:
            values[name] = _made(TrainingStage, values[name], f"the stage {name} of {path}")
    recipe = _made(Recipe, {**values, "digest": digest}, str(path))
    if recipe.data not in DATA_KINDS:
        raise ValueError(f"{path} names the data {recipe.data}: choose one of {', '.join(DATA_KINDS)}.")
    return recipe


def _made(kind: type, values: dict, where: str):
    unknown = sorted(set(values) - {f.name for f in fields(kind)})
    if unknown:
        raise ValueError(f"{where} has the entry {unknown[0]}, which no recipe knows: take it out.")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where} is not complete ({error}): add what is missing.") from None
