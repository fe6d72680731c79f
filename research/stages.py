"""The stages of a recipe: each trains a network, or goes on with it, and leaves its state in the working folder."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import nn

from ..models.networks.utt import UTT
from .crops import Crops
from .distil import DistillationLoss
from .fit import best_device, fit, load_state, move_weights, new_state
from .labels import CLASSES
from .losses import LabelLoss
from .material import Material
from .recipe import Recipe, TrainingStage
from .teacher import Teacher, imagenet_weights, load_imagenet

Network = TypeVar("Network", bound=nn.Module)
Report = Callable[[str], None]


def run_stage(
    name: str,
    network: Network,
    crops: Crops,
    stage: TrainingStage,
    seed: int,
    work: Path,
    report: Report,
    loss: nn.Module | None = None,
) -> Network:
    """Trains a network to the end of a stage; returns the average of its weights, and of what the stage keeps.

    name: of its state in the folder `work`, which it goes on from. loss: None: that of the labels alone.
    """
    begun = copy.deepcopy(network).requires_grad_(False) if stage.kept else None
    state = new_state(network, loss or LabelLoss(stage.coarse), stage)
    path = work / f"{name}.ckpt"
    if path.exists():
        load_state(state, path)
    fit(state, crops, stage, seed, path, lambda line: report(f"{name}: {line}"))
    if begun is None:
        return cast(Network, state.average)
    begun = begun.to(state.device).eval()
    move_weights(begun, state.average, 1 - stage.kept)
    return begun


def train_base(recipe: Recipe, material: Material, work: Path, report: Report) -> UTT:
    """The student before it sees the real patches; the teacher, where the recipe has one, comes first.

    Raises ValueError where the teacher's ImageNet weights are not installed.
    """
    torch.manual_seed(recipe.seed)
    student = UTT(in_channels=5, classes=CLASSES, satellite=True, metadata=False)
    loss = None
    if recipe.teacher is not None:
        teacher = Teacher()
        load_imagenet(teacher, imagenet_weights())
        crops = material.crops(recipe.teacher)
        teacher = run_stage("teacher", teacher, crops, recipe.teacher, recipe.seed, work, report)
        labels = LabelLoss(recipe.student.coarse)
        loss = DistillationLoss(student, teacher.to(best_device()), recipe.probabilities, recipe.features, labels)
    crops = material.crops(recipe.student)
    student = run_stage("student", student, crops, recipe.student, recipe.seed, work, report, loss)
    if recipe.labels is None:
        return student
    student.requires_grad_(True)
    crops = material.crops(recipe.labels)
    return run_stage("labels", student, crops, recipe.labels, recipe.seed, work, report)


def fold_name(left_out: str) -> str:
    """How the state and the counts of the network are called that has not seen this patch."""
    return "without-" + left_out.split("/")[-1]


def train_on_patches(
    recipe: Recipe, base: UTT, material: Material, work: Path, report: Report, left_out: str | None = None
) -> UTT:
    """What follows the base, on the real patches too; the base itself where the recipe has no such stage.

    left_out: name of the patch that it must not see; None: those that are held out from the model for good.
    """
    if recipe.patches is None:
        return base
    name = "patches" if left_out is None else fold_name(left_out)
    network = copy.deepcopy(base).requires_grad_(True)
    crops = material.crops(recipe.patches, left_out)
    return run_stage(name, network, crops, recipe.patches, recipe.seed, work, report)


def train_satellite_branch(recipe: Recipe, network: UTT, material: Material, work: Path, report: Report) -> UTT:
    """What comes last: the satellite branch alone learns what to add, and maps without a series stay as they are.

    Returns the network itself where the recipe has no such stage.
    """
    if recipe.satellite is None:
        return network
    network.requires_grad_(True)
    network.arch_vhr.requires_grad_(False)
    crops = material.crops(recipe.satellite)
    return run_stage("satellite", network, crops, recipe.satellite, recipe.seed, work, report)
