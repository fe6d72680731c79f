"""On which images a fine-tuning counts: what the image looks like, and what the network was before it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..contract.cards import ModelCard
from ..contract.errors import BadInput
from ..inference.raster.geobox import Window
from ..inference.raster.read import read_ahead
from ..models.networks.gated import WINDOW, ScopedNetwork, look_of, own_share
from .add_classes import grow
from .samples import Ground, plain_windows

# Windows that are looked at: around polygons, from anywhere, and as many again as tell whether those are enough.
_AROUND, _ANYWHERE, _ASKED = 128, 640, 128


@dataclass(frozen=True)
class Scope:
    """What an image looks like.

    looks: (windows, 2 x colour bands) float32, of `models.networks.gated.look_of`. own: on how much of the image
    itself what is learnt counts, 0..1.
    """

    looks: Tensor
    own: float


def read_scope(ground: Ground, seed: int, each: Callable[[float], None]) -> Scope:
    """Looks at windows of the image. each: called with the share of them that is done.

    Raises BadInput where none of them has data.
    """

    def read(window: Window) -> Tensor | None:
        aerial, _ = ground.tiles.picture(window)
        return None if aerial is None else look_of(torch.from_numpy(aerial), ground.card)

    side, total = min(WINDOW, ground.card.tile_size), _AROUND + _ANYWHERE + _ASKED
    windows = plain_windows(ground, _AROUND, _ANYWHERE + _ASKED, side, seed)
    known, asked = [], []
    for number, found in enumerate(read_ahead(windows, read), 1):
        if found is not None:
            (known if number <= _AROUND + _ANYWHERE else asked).append(found)
        each(number / total)
    if not known:
        raise BadInput("The image has no data around the polygons: draw polygons where it has.", "polygons")
    looks = torch.stack(known)
    if not asked:
        return Scope(looks, 1.0)
    others = torch.stack(asked)
    return Scope(torch.cat([looks, others]), own_share(looks, others, ground.card))


def begin(base: nn.Module, scope: Scope | None) -> nn.Module:
    """A copy of the network that a training begins with: of several states the one that maps most of such an image."""
    network = copy.deepcopy(base)
    if not isinstance(network, ScopedNetwork):
        return network
    state = network.counting(scope.looks.to(network.known_looks()[0].device))
    weights = network.states()[state]
    network.network.load_state_dict({name: tensor.clone() for name, tensor in weights.items()})
    return network.network


def scoped_to(
    scope: Scope, base: nn.Module, base_card: ModelCard, network: nn.Module, card: ModelCard
) -> ScopedNetwork:
    """The trained network with every state before the training; it counts where an image looks as the scope says.

    base: what it was made from; of several states each goes on to count where it did, if the image is not alike.
    network: in its new state; card: its card, of which new classes are added to the earlier states.
    """
    device = next(network.parameters()).device
    several = isinstance(base, ScopedNetwork)
    bare = copy.deepcopy(base.network if several else base)
    own, before = network.state_dict(), []
    for weights in base.states() if several else [base.state_dict()]:
        bare.load_state_dict(weights)
        _, grown = grow(base_card, bare, card.classes, card.outputs)
        begun = {name: tensor.to(device).clone() for name, tensor in grown.state_dict().items()}
        before.append({name: begun[name] for name, tensor in own.items() if not torch.equal(tensor, begun[name])})
    looks = [*(base.known_looks() if several else ()), scope.looks]
    return ScopedNetwork(network, before, [known.to(device) for known in looks], card).eval()
