"""More classes than a network was made for: its head grows, and its card with it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..contract.cards import ModelCard
from ..contract.nomenclature import OTHER, LandCoverClass
from ..models.networks.build import build_network

_SHY = math.log(4)  # a new output begins with a quarter of the odds of the output that it is copied from


def add_classes(
    card: ModelCard, network: nn.Module, legend: tuple[LandCoverClass, ...], values: Iterable[int]
) -> tuple[ModelCard, nn.Module]:
    """Card and network that can predict every class of `values`, with the legend `legend`.

    A class that no output means gets an output after the others. Its weights are those of the output that means
    "other", or the mean of all outputs where none does, and its bias is lower: at first it is hardly ever predicted.
    The other outputs give what they gave. Where no output is added the network itself is given back, in eval mode.
    """
    added = tuple(sorted(set(values) - set(card.outputs)))
    grown = replace(card, classes=legend, outputs=(*card.outputs, *added))
    if not added:
        return grown, network.eval()
    larger = build_network(grown)
    stored = network.state_dict()
    model = card.outputs.index(OTHER) if OTHER in card.outputs else None
    weights = {
        name: stored[name].cpu()
        if stored[name].shape == tensor.shape
        else _with_more_rows(stored[name].cpu(), len(added), model, shy=name.endswith("bias"))
        for name, tensor in larger.state_dict().items()
    }
    larger.load_state_dict(weights)
    return grown, larger.eval()


def _with_more_rows(tensor: Tensor, more: int, row: int | None, shy: bool) -> Tensor:
    """A weight (outputs, ...) with `more` rows after its own, like row `row` or, where that is None, their mean."""
    new = tensor.mean(dim=0, keepdim=True) if row is None else tensor[row : row + 1]
    return torch.cat([tensor, (new - _SHY if shy else new).repeat(more, *[1] * (tensor.ndim - 1))])
