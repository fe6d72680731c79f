"""On which images a fine-tuning counts: what the image looks like, and what the network was before it."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ...inference.grid import Window
from ...inference.read import read_ahead
from ...models.cards import ModelCard
from ...models.scoped import WINDOW, ScopedNetwork, look_of, states
from .grow import grow
from .samples import Ground, plain_windows

_WINDOWS = 256  # that are looked at, half of them around polygons


def scope(base: nn.Module, base_card: ModelCard, network: nn.Module, ground: Ground, seed: int) -> ScopedNetwork:
    """The trained network with the state before the training, which counts wherever an image looks otherwise.

    base: what it was trained from; where that has a scope already, what it was trained on still counts, and elsewhere
    the map is that of the very first model. network: in its new state, with the card of `ground`.
    """
    card = ground.card
    device = next(network.parameters()).device
    later, before, looks = states(base)
    first = copy.deepcopy(later)
    first.load_state_dict({**later.state_dict(), **before})
    _, first = grow(base_card, first, card.classes, card.outputs)
    own, begun = network.state_dict(), first.to(device).state_dict()
    differing = {name: begun[name] for name, tensor in own.items() if not torch.equal(tensor, begun[name])}
    found = _looks(ground, seed).to(device)
    return ScopedNetwork(network, differing, found if looks is None else torch.cat([looks, found]), card).eval()


def _looks(ground: Ground, seed: int) -> Tensor:
    """(windows, 2 x colour bands) float32 of windows around the polygons and from anywhere in the image."""

    def read(window: Window) -> Tensor | None:
        aerial, _ = ground.tiles.picture(window)
        return None if aerial is None else look_of(torch.from_numpy(aerial), ground.card)

    windows = plain_windows(ground, _WINDOWS, min(WINDOW, ground.card.tile_size), seed)
    return torch.stack([look for look in read_ahead(windows, read) if look is not None])
