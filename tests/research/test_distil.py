from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from flair_landcover.models.networks.utt import UTT
from flair_landcover.research.augment import stack
from flair_landcover.research.crops import ImageCrops
from flair_landcover.research.distil import DistillationLoss
from flair_landcover.research.fit import fit, new_state
from flair_landcover.research.losses import LabelLoss
from flair_landcover.research.recipe import TrainingStage
from flair_landcover.research.teacher import Teacher

STAGE = TrainingStage(steps=100_000, batch=2, crop=64, warm_up=0.0, learning_rate=1e-3)
CPU = torch.device("cpu")


def pair() -> tuple[UTT, Teacher]:
    torch.manual_seed(1)
    return UTT(), Teacher()


def test_a_student_comes_nearer_to_its_teacher_on_pixels_without_a_label(scene):
    student, teacher = pair()
    crops = ImageCrops([replace(scene, codes=np.zeros_like(scene.codes))], {"generated": 1.0})
    crops.by_class = {}  # nothing is labelled: any place will do
    state = new_state(student, DistillationLoss(student, teacher, 1.0, 0.0, LabelLoss()), STAGE, CPU)
    batch = stack([crops.draw(64, np.random.default_rng(seed)) for seed in range(4)])

    def distance() -> float:
        with torch.no_grad():
            return (
                (state.network.eval()(batch.aerial).softmax(1) - teacher(batch.aerial).softmax(1))
                .abs()
                .sum(1)
                .mean()
                .item()
            )

    before = distance()
    fit(state, crops, STAGE, 1, report=lambda line: None, stop_after=20, bf16=False)
    assert distance() < 0.8 * before


def test_the_teacher_stays_as_it_is_and_the_projections_learn(scene):
    student, teacher = pair()
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    loss = DistillationLoss(student, teacher, 0.0, 1.0, LabelLoss())
    state = new_state(student, loss, STAGE, CPU)
    projection = loss.projections[0].weight.clone()
    fit(state, ImageCrops([scene], {"generated": 1.0}), STAGE, 1, report=lambda line: None, stop_after=2, bf16=False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
    assert not torch.equal(loss.projections[0].weight, projection)
    assert not any("teacher" in name for name in loss.state_dict())


def test_a_batch_with_a_series_has_the_loss_of_its_labels_alone(scene):
    student, teacher = pair()
    crops = ImageCrops([scene], {"generated": 1.0})
    batch = stack([crops.draw_with_series(np.random.default_rng(1))])
    loss = DistillationLoss(student, teacher, 5.0, 5.0, LabelLoss())
    student.eval()
    with torch.no_grad():
        assert torch.equal(loss(student, batch, True), loss.labels(student, batch, True))
