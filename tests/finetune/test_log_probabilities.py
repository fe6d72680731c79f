from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from flair_landcover.contract.cards import ModelCard
from flair_landcover.finetune.log_probabilities import (
    base_loss,
    base_shares,
    class_log_probabilities,
    class_weights,
    label_loss,
)
from flair_landcover.finetune.samples import IGNORED, UNLABELLED
from flair_landcover.inference.predict import class_probabilities

from .scenes import SMALL

MERGED = replace(SMALL, outputs=(*range(1, 13), 0, 13, 13))  # one output is dead, two mean "other"


@pytest.mark.parametrize("card", [SMALL, MERGED, replace(SMALL, outputs=(*range(1, 13), 0))])
def test_probabilities_are_those_that_the_engine_maps(card: ModelCard):
    logits = torch.randn(2, len(card.outputs), 4, 5, generator=torch.Generator().manual_seed(0)) * 3
    expected = class_probabilities(logits.numpy(), card)
    np.testing.assert_allclose(class_log_probabilities(logits, card).exp().numpy(), expected, atol=1e-6)


def test_labels_alone_count_in_the_loss_of_labels():
    log_probabilities = torch.log(torch.tensor([0.7, 0.2, 0.1])).view(1, 3, 1, 1).expand(1, 3, 1, 4)
    target = torch.tensor([[[0, 1, UNLABELLED, IGNORED]]], dtype=torch.int16)
    weights = torch.tensor([1.0, 3.0, 1.0])
    expected = -(math.log(0.7) + 3 * math.log(0.2)) / 4
    assert label_loss(log_probabilities, target, weights).item() == pytest.approx(expected)


def test_without_labels_the_loss_of_labels_is_nothing():
    log_probabilities = torch.zeros(1, 3, 2, 2, requires_grad=True)
    loss = label_loss(log_probabilities, torch.full((1, 2, 2), UNLABELLED, dtype=torch.int16), torch.ones(3))
    loss.backward()
    assert loss.item() == 0 and not log_probabilities.grad.any()


def test_the_distance_to_the_base_model_is_zero_at_the_base_model():
    logits = torch.randn(1, 13, 8, 8, generator=torch.Generator().manual_seed(0))
    target = torch.full((1, 8, 8), UNLABELLED, dtype=torch.int16)
    shares = base_shares(logits, SMALL)
    near = base_loss(class_log_probabilities(logits, SMALL), target, shares).item()
    far = base_loss(class_log_probabilities(logits.flip(1), SMALL), target, shares).item()
    assert abs(near) < 0.01 < 0.5 < far


def test_only_unlabelled_pixels_are_held_to_the_base_model():
    logits = torch.randn(1, 13, 1, 6, generator=torch.Generator().manual_seed(0))
    log_probabilities = class_log_probabilities(logits.flip(1), SMALL).requires_grad_()
    target = torch.tensor([[[2, 2, IGNORED, IGNORED, UNLABELLED, UNLABELLED]]], dtype=torch.int16)
    base_loss(log_probabilities, target, base_shares(logits, SMALL)).backward()
    # of the unlabelled pixels every second one
    assert log_probabilities.grad.abs().sum(dim=(0, 1, 2)).gt(0).tolist() == [False, False, False, False, True, False]


def test_new_classes_are_held_to_nothing():
    """Mass that goes to a class that the base model does not have is as far from it as any other wrong class's."""
    logits = torch.zeros(1, 14, 1, 1)
    logits[0, 13] = 8.0
    card = replace(SMALL, outputs=(*range(1, 14), 14), classes=(*SMALL.classes, replace(SMALL.classes[0], value=14)))
    target = torch.full((1, 1, 1), UNLABELLED, dtype=torch.int16)
    assert base_loss(class_log_probabilities(logits, card), target, base_shares(logits, SMALL)).item() > 5


def test_rare_classes_weigh_more_within_bounds():
    target = torch.cat([torch.full((10_000,), 0), torch.full((100,), 1), torch.full((1,), 2)]).to(torch.int16)
    weights = class_weights([target], 4)
    assert weights[0] < weights[1] <= weights[2] == 4.0
    assert weights[3] == 0
