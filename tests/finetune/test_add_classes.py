from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass
from flair_landcover.finetune.add_classes import add_classes
from flair_landcover.models.networks.build import build_network

from .scenes import SMALL, WITH_SATELLITE

PANELS, HEDGE = LandCoverClass(14, "solar panels", "#102030"), LandCoverClass(15, "hedge", "#405060")
LEGEND = (*FLAIR_CLASSES, PANELS, HEDGE)


def made(card: ModelCard):
    torch.manual_seed(0)
    return build_network(card)


@pytest.mark.parametrize("card", [SMALL, WITH_SATELLITE], ids=lambda card: card.id)
def test_the_old_outputs_stay_and_new_ones_are_a_quarter_as_likely_as_other(card):
    network = made(card)
    grown_card, grown = add_classes(card, network, LEGEND, [3, 14, 15])
    assert grown_card.outputs == (*range(1, 14), 14, 15) and grown_card.classes == LEGEND
    tile = torch.rand(1, 5, 64, 64)
    with torch.no_grad():
        before, after = network(tile), grown(tile)
    torch.testing.assert_close(after[:, :13], before)
    torch.testing.assert_close(after[:, 13:].exp(), (before[:, 12:13].exp() / 4).expand(-1, 2, -1, -1))


def test_without_new_classes_nothing_is_built():
    network = made(SMALL)
    card, same = add_classes(SMALL, network, FLAIR_CLASSES, [1, 2, 13])
    assert same is network and card == SMALL


def test_a_class_of_the_legend_that_was_never_predicted_gets_an_output():
    card = replace(SMALL, outputs=(*range(1, 13), 0))
    network = made(card)
    grown_card, grown = add_classes(card, network, FLAIR_CLASSES, [13])
    assert grown_card.outputs == (*range(1, 13), 0, 13)
    tile = torch.rand(1, 5, 64, 64)
    with torch.no_grad():
        before, after = network(tile), grown(tile)
    # without an output for "other" the new one is like the mean of all
    torch.testing.assert_close(after[:, 13], before.mean(dim=1) - torch.tensor(4.0).log(), rtol=1e-4, atol=1e-5)


def test_a_grown_network_is_one_that_its_card_describes():
    card, grown = add_classes(SMALL, made(SMALL), LEGEND, [14])
    build_network(card).load_state_dict(grown.state_dict())
    assert not grown.training
