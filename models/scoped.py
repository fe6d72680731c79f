"""A network whose fine-tuning counts where an image looks like the one that it was made on; elsewhere it is as before.

What is learnt from a few polygons of one image spoils the map of others. So a fine-tuned model keeps what it changed
as it was before, too, and each place of an image is mapped by the one or the other: by the colours around it, as far
as these are like those of some place of the image that the polygons were drawn on. Choosing the network by what the
input looks like is the "expert gate" of Aljundi et al., CVPR 2017, arXiv 1611.06194, section 3.3; theirs looks with an
autoencoder, this one compares the mean and the contrast of each band, which needs no training.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from .cards import ROLES, BadModel, ModelCard

WINDOW = 256  # pixels a side of the surroundings whose look counts: 51 m
_STEP = 32  # pixels between the places at which it is measured
_COLOURS = frozenset(ROLES[:4])  # heights differ by what stands there, not by camera and season
# How much the mean and the standard deviation of a band differ between images, as shares of its range: what
# `benchmarks/looks.py` measures, rounded.
_MEANS, _CONTRASTS = 0.12, 0.05
# Distance in these units up to which a place looks alike, and from which it does not; same benchmark.
NEAR, FAR = 0.2, 0.3
_EVEN = 1e-4  # contrast in the network's units below which a band is one value throughout
_LOOKS, _BEFORE = "looks", "before."


class ScopedNetwork(nn.Module):
    """Two states of one network, and on which images the later one counts.

    network: in its later state. before: weights by name in their earlier one, as far as they differ. looks:
    (windows, 2 x colour bands) float32, of `look` of windows of the image that the later state was made on. card: says
    what the bands are.
    Raises BadModel where these do not fit together.
    """

    def __init__(self, network: nn.Module, before: Mapping[str, Tensor], looks: Tensor, card: ModelCard) -> None:
        super().__init__()
        own = network.state_dict()
        for name, tensor in before.items():
            if name not in own or own[name].shape != tensor.shape:
                raise BadModel(f"The earlier weight {name} does not fit the network: install the model again.")
        self._bands = _colour_bands(card)
        if looks.ndim != 2 or not len(looks) or looks.shape[1] != 2 * len(self._bands):
            raise BadModel("What the model's image looked like does not fit its bands: install the model again.")
        self.network = network
        self.before = nn.Module()
        self._names = tuple(before)
        for name, tensor in before.items():
            self.before.register_buffer(_inner(name), tensor)
        self.register_buffer(_LOOKS, looks)
        stds = torch.tensor([card.stds[index] for index in self._bands])
        units = torch.cat([_MEANS / stds, _CONTRASTS / stds]) * (255 / card.scale)
        self.register_buffer("_units", units, persistent=False)

    def forward(self, aerial: Tensor, *others: Tensor) -> Tensor:
        """Logits of either state, or between them; see `nn.Module.forward` of the network."""
        share = self.share(aerial)
        if share.min() >= 1:
            return self.network(aerial, *others)
        before = functional_call(self.network, self.earlier(), (aerial, *others))
        return before if share.max() <= 0 else torch.lerp(before, self.network(aerial, *others), share.to(before.dtype))

    def earlier(self) -> dict[str, Tensor]:
        """The weights of the earlier state that differ, by their names in the network."""
        return {name: getattr(self.before, _inner(name)) for name in self._names}

    def share(self, aerial: Tensor) -> Tensor:
        """How much the later state counts at each pixel, 0..1: (B, 1, H, W) float32 of aerial (B, inputs, H, W)."""
        found = look(aerial[:, self._bands])
        there = found.permute(0, 2, 3, 1)[..., None, :]
        # a band that is even throughout was not given; what is compared is what both have
        compared = _given(there) & _given(self.looks)
        square = ((there - self.looks) / self._units).square() * compared
        distance = (square.sum(-1) / compared.sum(-1).clamp(min=1)).sqrt()
        nearest = torch.where(compared.any(-1), distance, distance.new_tensor(FAR)).amin(-1)
        share = ((FAR - nearest) / (FAR - NEAR)).clamp(0, 1)[:, None]
        height, width = aerial.shape[-2:]
        # from the windows' middles out to the edges
        around = [side // _STEP - count + 1 for side, count in zip((width, height), share.shape[:1:-1])]
        margins = [margin for whole in around for margin in (whole // 2, whole - whole // 2)]
        share = functional.pad(share, margins, mode="replicate")
        return functional.interpolate(share, (height, width), mode="bilinear", align_corners=True)


def look(aerial: Tensor) -> Tensor:
    """Mean and standard deviation of each band in windows of WINDOW pixels, or of the whole where that is smaller.

    aerial: (B, bands, H, W) float32; of sides that are no multiples of _STEP the rest is left out. Returns
    (B, 2 x bands, rows, columns) float32, means first, windows _STEP pixels apart.
    """
    bands = aerial.shape[1]
    blocks = functional.avg_pool2d(torch.cat([aerial, aerial.square()], dim=1).float(), _STEP)
    both = functional.avg_pool2d(blocks, [min(WINDOW // _STEP, side) for side in blocks.shape[-2:]], 1)
    mean, square = both[:, :bands], both[:, bands:]
    return torch.cat([mean, (square - mean.square()).clamp(min=0).sqrt()], dim=1)


def look_of(aerial: Tensor, card: ModelCard) -> Tensor:
    """The look of one window of at most WINDOW a side: (2 x colour bands,) of aerial (inputs, rows, columns)."""
    return look(aerial[None, _colour_bands(card)])[0, :, 0, 0]


def scoped(card: ModelCard, network: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """The network, or one with both of its states where a state dict is that of one.

    Raises BadModel where the two states do not fit together.
    """
    if _LOOKS not in weights:
        return network
    before = {_outer(name[len(_BEFORE) :]): value for name, value in weights.items() if name.startswith(_BEFORE)}
    return ScopedNetwork(network, before, weights[_LOOKS], card)


def states(network: nn.Module) -> tuple[nn.Module, dict[str, Tensor], Tensor | None]:
    """A network in its later state, what differs in the earlier one, and its looks.

    Of a network that has one state: itself, nothing and None.
    """
    if isinstance(network, ScopedNetwork):
        return network.network, network.earlier(), network.looks
    return network, {}, None


def _colour_bands(card: ModelCard) -> list[int]:
    return [index for index, role in enumerate(card.inputs) if role in _COLOURS]


def _given(look: Tensor) -> Tensor:
    """Whether a band was given: (..., 2 x bands) bool. A band that a user does not have is one value throughout."""
    contrast = look[..., look.shape[-1] // 2 :]
    return torch.cat([contrast, contrast], dim=-1) > _EVEN


def _inner(name: str) -> str:
    """A weight's name as a buffer may have it."""
    return name.replace(".", "/")


def _outer(name: str) -> str:
    return name.replace("/", ".")
