from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from flair_landcover.research.labels import CLASSES, CODES, UNKNOWN
from flair_landcover.research.losses import OTHER_WEIGHT, SetCrossEntropy, code_weights


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(2, CLASSES, 4, 4, generator=torch.Generator().manual_seed(3)).requires_grad_()


def test_exact_labels_cost_their_weighted_cross_entropy(logits):
    codes = torch.arange(32).view(2, 4, 4) % (CLASSES - 1) + 1
    expected = functional.cross_entropy(logits, codes - 1, weight=code_weights()[1 : CLASSES + 1])
    assert SetCrossEntropy(code_weights())(logits, codes).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_coarse_label_costs_the_summed_probability_of_its_classes(logits):
    codes = torch.full((2, 4, 4), CODES["rural forest"])
    forest = logits.softmax(1)[:, [CODES["coniferous"] - 1, CODES["deciduous"] - 1]].sum(1)
    assert SetCrossEntropy(code_weights())(logits, codes).item() == pytest.approx(-forest.log().mean().item(), rel=1e-5)


def test_pixels_without_a_label_neither_count_nor_teach(logits):
    codes = torch.full((2, 4, 4), UNKNOWN)
    codes[0, 0, 0] = CODES["water"]
    loss = SetCrossEntropy(code_weights())(logits, codes)
    loss.backward()
    assert loss.item() == pytest.approx(-logits[0, :, 0, 0].log_softmax(0)[CODES["water"] - 1].item(), rel=1e-5)
    taught = logits.grad.abs().sum(1) > 0
    assert taught.nonzero().tolist() == [[0, 0, 0]]


def test_a_batch_without_labels_costs_nothing(logits):
    assert SetCrossEntropy(code_weights())(logits, torch.zeros(2, 4, 4, dtype=torch.uint8)).item() == 0


def test_other_counts_little_and_plowed_land_not_at_all_on_the_satellite_output(logits):
    weights = code_weights(plowed=0.0)
    assert weights[CODES["other"]].item() == pytest.approx(OTHER_WEIGHT)
    plowed = torch.full((2, 4, 4), CODES["plowed land"])
    assert SetCrossEntropy(weights)(logits, plowed).item() == 0
    assert SetCrossEntropy(code_weights())(logits, plowed).item() > 0


def test_coarse_labels_can_be_made_to_count_more_beside_exact_ones():
    usual, more = code_weights(), code_weights(coarse=3.0)
    assert torch.equal(more[: CLASSES + 1], usual[: CLASSES + 1])
    assert torch.allclose(more[CLASSES + 1 :], 3 * usual[CLASSES + 1 :])
