"""The domain of a fine-tuning: the images on which it counts, and what the network was before it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..contract.cards import ModelCard
from ..contract.errors import BadInput
from ..inference.raster.read import read_ahead
from ..inference.raster.windows import Window
from ..models.networks.gated import WINDOW, GatedNetwork, covered_share, statistics_of
from .add_classes import add_classes
from .samples import SampleSource, plain_windows

# Windows whose statistics are taken: around polygons, from anywhere, and some more that tell whether those are enough.
_AROUND, _ANYWHERE, _TESTED = 128, 640, 128


@dataclass(frozen=True)
class ImageDomain:
    """The images that look like one.

    statistics: (windows, 2 x colour bands) float32, of `models.networks.gated.statistics_of`. covered: share of the
    image itself that is of its domain, 0..1.
    """

    statistics: Tensor
    covered: float


def read_domain(source: SampleSource, seed: int, each: Callable[[float], None]) -> ImageDomain:
    """Takes the statistics of windows of the image. each: called with the share of them that is done.

    Raises BadInput where none of them has data.
    """

    def read(window: Window) -> Tensor | None:
        aerial, _ = source.tiles.picture(window)
        return None if aerial is None else statistics_of(torch.from_numpy(aerial), source.card)

    side, total = min(WINDOW, source.card.tile_size), _AROUND + _ANYWHERE + _TESTED
    windows = plain_windows(source, _AROUND, _ANYWHERE + _TESTED, side, seed)
    known: list[Tensor] = []
    tested: list[Tensor] = []
    for number, found in enumerate(read_ahead(windows, read), 1):
        if found is not None:
            (known if number <= _AROUND + _ANYWHERE else tested).append(found)
        each(number / total)
    if not known:
        raise BadInput("The image has no data around the polygons: draw polygons where it has.", "polygons")
    statistics = torch.stack(known)
    if not tested:
        return ImageDomain(statistics, 1.0)
    others = torch.stack(tested)
    return ImageDomain(torch.cat([statistics, others]), covered_share(statistics, others, source.card))


def starting_network(base: nn.Module, domain: ImageDomain | None) -> nn.Module:
    """A copy of the network that a training begins with: of several states the one that maps most of such an image."""
    network = copy.deepcopy(base)
    if not isinstance(network, GatedNetwork) or domain is None:
        return network
    state = network.matching_state(domain.statistics.to(network.known_statistics()[0].device))
    weights = network.states()[state]
    network.network.load_state_dict({name: tensor.clone() for name, tensor in weights.items()})
    return network.network


def limited_to(
    domain: ImageDomain, base: nn.Module, base_card: ModelCard, network: nn.Module, card: ModelCard
) -> GatedNetwork:
    """The trained network with every state before the training; it counts on images of the domain.

    base: what it was made from; of several states each goes on to count where it did, outside of the domain.
    network: in its new state; card: its card, of which new classes are added to the earlier states.
    """
    device = next(network.parameters()).device
    several = base if isinstance(base, GatedNetwork) else None
    bare = copy.deepcopy(several.network if several else base)
    own, before = network.state_dict(), []
    for weights in several.states() if several else [base.state_dict()]:
        bare.load_state_dict(weights)
        _, grown = add_classes(base_card, bare, card.classes, card.outputs)
        begun = {name: tensor.to(device).clone() for name, tensor in grown.state_dict().items()}
        before.append({name: begun[name] for name, tensor in own.items() if not torch.equal(tensor, begun[name])})
    statistics = [*(several.known_statistics() if several else ()), domain.statistics]
    return GatedNetwork(network, before, [known.to(device) for known in statistics], card).eval()
