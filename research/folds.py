"""Leave-one-patch-out: every real patch mapped by a network that has never seen it, beside a plain baseline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..contract.atomic import atomic_file
from ..finetune.augment import turn
from ..models.networks.torchvision_operators import import_segmentation_models
from ..models.networks.utt import UTT
from .augment import Crop
from .dataset import ALL_ROLES, RGB, RGB_NIR, LabelledImage
from .evaluate import EvaluationCounts, count_predictions, scores_of
from .labels import CLASSES
from .material import Material
from .recipe import Recipe
from .stages import Report, fold_name, run_stage, train_on_patches

BAND_SETS = {"five bands": ALL_ROLES, "RGB and near infrared": RGB_NIR, "RGB": RGB}
BASELINE = "ResNet34 U-Net from random weights, these patches alone, flips; five bands"


class PlainCrops:
    """Windows of patches, mirrored at random and nothing else: what a first attempt would train on."""

    with_series = False

    def __init__(self, patches: list[LabelledImage]) -> None:
        self._patches = patches

    def draw(self, size: int, rng: np.random.Generator) -> Crop:
        """One window of `size` pixels."""
        patch = self._patches[int(rng.integers(len(self._patches)))]
        height, width = patch.codes.shape
        row, column = rng.integers(height - size + 1), rng.integers(width - size + 1)
        window = (..., slice(row, row + size), slice(column, column + size))
        bands = torch.from_numpy(patch.bands[window]).float() / 255
        codes = torch.from_numpy(np.ascontiguousarray(patch.codes[window]))
        turns, flip = 2 * int(rng.integers(2)), bool(rng.integers(2))
        return Crop(turn(bands, turns, flip), turn(codes, turns, flip))

    def draw_with_series(self, rng: np.random.Generator) -> Crop:
        """There is none: see `with_series`."""
        raise NotImplementedError


class PlainUNet(nn.Module):
    """smp's U-Net with a ResNet34, nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = import_segmentation_models().Unet("resnet34", encoder_weights=None, in_channels=5, classes=CLASSES)

    def forward(self, aerial: torch.Tensor) -> torch.Tensor:
        """aerial (B, 5, H, W) -> logits (B, CLASSES, H, W)."""
        return self.unet(aerial)


def leave_one_out(recipe: Recipe, material: Material, base: UTT, work: Path, report: Report) -> dict:
    """Scores over all real patches, each mapped by networks trained without it: for the card.

    base: the student before it sees any patch. The states and counts of what is done lie in `work`. Empty where the
    recipe has no stage on patches.
    """
    if recipe.patches is None:
        return {}
    sums: dict[str, EvaluationCounts] = {}
    for patch in material.patches:
        for name, fold in ((fold_name(patch.name), _ours), (_plain_name(patch), _plain)):
            path = work / f"{name}.json"
            if not path.exists():
                _write(dict(fold(recipe, material, base, patch, work, report)), path)
                (work / f"{name}.ckpt").unlink()  # the counts stay, some 440 MB a fold go
            for bands, counts in _read(path).items():
                sums[bands] = sums[bands] + counts if bands in sums else counts
    return {bands: scores_of(counts) for bands, counts in sums.items()}


def _ours(
    recipe: Recipe, material: Material, base: UTT, patch: LabelledImage, work: Path, report: Report
) -> Iterator[tuple[str, EvaluationCounts]]:
    network = train_on_patches(recipe, base, material, work, report, patch.name)
    for bands, roles in BAND_SETS.items():
        yield bands, count_predictions(network, [patch], roles)
        yield f"{bands}, flips at test time", count_predictions(network, [patch], roles, augmentation="flips")


def _plain_name(patch: LabelledImage) -> str:
    return "plain-" + fold_name(patch.name)


def _plain(
    recipe: Recipe, material: Material, base: UTT, patch: LabelledImage, work: Path, report: Report
) -> Iterator[tuple[str, EvaluationCounts]]:
    if recipe.patches is None:
        raise AssertionError
    stage = replace(recipe.patches, series_every=0, kept=0.0, learning_rate=recipe.student.learning_rate)
    torch.manual_seed(recipe.seed)
    crops = PlainCrops([other for other in material.patches if other.name != patch.name])
    network = run_stage(_plain_name(patch), PlainUNet(), crops, stage, recipe.seed, work, report)
    yield BASELINE, count_predictions(network, [patch], ALL_ROLES)


def _write(counted: dict[str, EvaluationCounts], path: Path) -> None:
    with atomic_file(path) as part:
        part.write_text(json.dumps({n: [c.matrix.tolist(), c.bins.tolist()] for n, c in counted.items()}))


def _read(path: Path) -> dict[str, EvaluationCounts]:
    stored = json.loads(path.read_text())
    return {name: EvaluationCounts(np.array(matrix), np.array(bins)) for name, (matrix, bins) in stored.items()}
