"""A network whose fine-tuning counts where an image looks like the one that it was made on; elsewhere it is as before.

What is learnt from a few polygons of one image spoils the map of others. So a fine-tuned model keeps what it changed
as it was before, too, and each place of an image is mapped by the one or the other: by the colours around it, as far
as these are like those of some place of the image that the polygons were drawn on. Choosing the network by what the
input looks like is the "expert gate" of Aljundi et al., CVPR 2017, arXiv 1611.06194, section 3.3; theirs asks an
autoencoder, this one compares the mean and the contrast of each band, which needs no training. A model that is
fine-tuned again, on another image, has one more such state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from ...contract.cards import ROLES, BadModel, ModelCard

WINDOW = 256  # pixels a side of the surroundings whose statistics count: 51 m
_STEP = 32  # pixels between the places at which it is measured
_COLOURS = frozenset(ROLES[:4])  # heights differ by what stands there, not by camera and season
# How much the mean and the standard deviation of a band differ between images, as shares of its range: what
# `benchmarks/image_domains.py` measures, rounded.
_MEANS, _CONTRASTS = 0.12, 0.05
# Distance in these units up to which two windows are alike, and from which they are not; same benchmark.
NEAR, FAR = 0.2, 0.3
_EVEN = 1e-4  # contrast in the network's units below which a band is one value throughout
_STATISTICS, _BEFORE = "looks.", "before."  # beginnings of the names in stored weights


class GatedNetwork(nn.Module):
    """States of one network, and on which images each but the first counts.

    network: in its latest state. before: of each earlier state, the first of all first, the weights by name that
    differ from the latest. statistics: of each state but the first, `window_statistics` of windows of the image that
    it was made on, (windows, 2 x colour bands) float32. Where several are alike the latest counts. card: says what
    the bands are.
    Raises BadModel where these do not fit together.
    """

    _units: Tensor

    def __init__(
        self, network: nn.Module, before: Sequence[Mapping[str, Tensor]], statistics: Sequence[Tensor], card: ModelCard
    ) -> None:
        super().__init__()
        own = network.state_dict()
        for name, tensor in ((name, tensor) for weights in before for name, tensor in weights.items()):
            fits = name in own and own[name].shape == tensor.shape
            if not fits or own[name].is_floating_point() != tensor.is_floating_point():
                raise BadModel(f"The earlier weight {name} does not fit the network: install the model again.")
        self._bands = _colour_bands(card)
        if len(before) != len(statistics) or not all(
            known.ndim == 2 and len(known) and known.shape[1] == 2 * len(self._bands) and known.is_floating_point()
            for known in statistics
        ):
            raise BadModel("What the model's image looked like does not fit its bands: install the model again.")
        self.network = network
        self.before = nn.ModuleList(_Buffers({_inner(name): t for name, t in weights.items()}) for weights in before)
        self._names = tuple(tuple(weights) for weights in before)
        self.looks = _Buffers({str(number): known for number, known in enumerate(statistics)})  # stored by this name
        self.register_buffer("_units", _units(card).to(statistics[0].device), persistent=False)

    def forward(self, aerial: Tensor, *others: Tensor) -> Tensor:
        """Logits of the states that count, or between them; see `nn.Module.forward` of the network."""
        return self._logits(len(self._names), self._shares(aerial), (aerial, *others))

    def _logits(self, state: int, shares: list[Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        """Of the states up to one, by their number from 0; none is run that counts nowhere."""
        if state == 0:
            return self._run(0, inputs)
        share = shares[state - 1]
        if share.min() >= 1:
            return self._run(state, inputs)
        earlier = self._logits(state - 1, shares, inputs)
        if share.max() <= 0:
            return earlier
        return torch.lerp(earlier, self._run(state, inputs), share.to(earlier.dtype))

    def _run(self, state: int, inputs: tuple[Tensor, ...]) -> Tensor:
        if state == len(self._names):
            return self.network(*inputs)
        return functional_call(self.network, self._differing(state), inputs)

    def _differing(self, state: int) -> dict[str, Tensor]:
        return {name: getattr(self.before[state], _inner(name)) for name in self._names[state]}

    def states(self) -> list[dict[str, Tensor]]:
        """The whole state dict of each state, the first of all first."""
        own = self.network.state_dict()
        return [{**own, **self._differing(state)} for state in range(len(self._names))] + [own]

    def known_statistics(self) -> list[Tensor]:
        """The statistics of each state but the first, as they were given."""
        return [getattr(self.looks, str(number)) for number in range(len(self._names))]

    def matching_state(self, statistics: Tensor) -> int:
        """Number of the state that counts most on an image whose windows have these statistics, 0 being the first."""
        left, counted = torch.ones_like(statistics[:, 0]), []
        for known in reversed(self.known_statistics()):
            share = similarity(statistics, known, self._units)
            counted.append(float((left * share).mean()))
            left = left * (1 - share)
        counted.append(float(left.mean()))
        return len(self._names) - counted.index(max(counted))

    def share(self, aerial: Tensor) -> Tensor:
        """How much states other than the first count at each pixel, 0..1.

        aerial: (B, inputs, H, W). Returns (B, 1, H, W) float32.
        """
        return 1 - torch.stack([1 - share for share in self._shares(aerial)]).prod(0)

    def _shares(self, aerial: Tensor) -> list[Tensor]:
        """How much each state but the first counts beside those before it, each (B, 1, H, W) float32."""
        found = window_statistics(aerial[:, self._bands]).permute(0, 2, 3, 1)
        height, width = aerial.shape[-2:]
        # from the windows' middles out to the edges
        around = [side // _STEP - count + 1 for side, count in zip((width, height), found.shape[2:0:-1])]
        margins = [margin for whole in around for margin in (whole // 2, whole - whole // 2)]
        shares = []
        for known in self.known_statistics():
            share = functional.pad(similarity(found, known, self._units)[:, None], margins, mode="replicate")
            shares.append(functional.interpolate(share, (height, width), mode="bilinear", align_corners=True))
        return shares


class _Buffers(nn.Module):
    """Tensors by name that go with a module and are not trained."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


def similarity(statistics: Tensor, known: Tensor, units: Tensor) -> Tensor:
    """How much statistics are like the nearest of those known, 0..1: (...) float32 of (..., 2 x bands).

    known: (windows, 2 x bands). units: (2 x bands,), of distances. A band that is even throughout was not given: what
    is compared is what both have.
    """
    there = statistics[..., None, :]
    compared = _given(there) & _given(known)
    square = ((there - known) / units).square() * compared
    distance = (square.sum(-1) / compared.sum(-1).clamp(min=1)).sqrt()
    nearest = torch.where(compared.any(-1), distance, distance.new_tensor(FAR)).amin(-1)
    return ((FAR - nearest) / (FAR - NEAR)).clamp(0, 1)


def window_statistics(aerial: Tensor) -> Tensor:
    """Mean and standard deviation of each band in windows of WINDOW pixels, or of the whole where that is smaller.

    aerial: (B, bands, H, W) float32; of sides that are no multiples of _STEP the rest is left out. Returns
    (B, 2 x bands, rows, columns) float32, means first, windows _STEP pixels apart.
    """
    bands = aerial.shape[1]
    corner = aerial[..., :1, :1].float()
    shifted = aerial.float() - corner  # so that a band of one value has no contrast at all, whatever the value
    blocks = functional.avg_pool2d(torch.cat([shifted, shifted.square()], dim=1), _STEP)
    both = functional.avg_pool2d(blocks, [min(WINDOW // _STEP, side) for side in blocks.shape[-2:]], 1)
    mean, square = both[:, :bands], both[:, bands:]
    return torch.cat([mean + corner, (square - mean.square()).clamp(min=0).sqrt()], dim=1)


def statistics_of(aerial: Tensor, card: ModelCard) -> Tensor:
    """The statistics of one window of at most WINDOW a side: (2 x colour bands,) of aerial (inputs, rows, columns)."""
    return window_statistics(aerial[None, _colour_bands(card)])[0, :, 0, 0]


def covered_share(statistics: Tensor, others: Tensor, card: ModelCard) -> float:
    """On how much of an image what was learnt on it counts, 0..1: by other windows of it than those that are known."""
    return float(similarity(others, statistics, _units(card)).mean())


def with_all_states(card: ModelCard, network: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """The network, or one with all of its states where a state dict is that of one.

    Raises BadModel where the states do not fit together.
    """
    known = {name[len(_STATISTICS) :]: value for name, value in weights.items() if name.startswith(_STATISTICS)}
    if not known:
        return network
    numbers = [str(number) for number in range(len(known))]
    if set(known) != set(numbers) or not all(torch.isfinite(values).all() for values in known.values()):
        raise BadModel("What the model's image looked like cannot be read: install the model again.")
    before = [_under(f"{_BEFORE}{number}.", weights) for number in numbers]
    return GatedNetwork(network, before, [known[number] for number in numbers], card)


def _under(start: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {_outer(name[len(start) :]): value for name, value in weights.items() if name.startswith(start)}


def only_state(card: ModelCard, network: nn.Module) -> nn.Module:
    """The network itself, for what can be done with one state alone.

    Raises BadModel where it has several.
    """
    if isinstance(network, GatedNetwork):
        raise BadModel(
            f"What {card.title} was fine-tuned to counts on images like one alone: choose the model that it was made "
            "from, or fine-tune for images that look otherwise, too."
        )
    return network


def _colour_bands(card: ModelCard) -> list[int]:
    return [index for index, role in enumerate(card.inputs) if role in _COLOURS]


def _units(card: ModelCard) -> Tensor:
    """What distances of statistics count in, (2 x colour bands,) float32, in the network's units."""
    stds = torch.tensor([card.stds[index] for index in _colour_bands(card)])
    return torch.cat([_MEANS / stds, _CONTRASTS / stds]) * (255 / card.scale)


def _given(statistics: Tensor) -> Tensor:
    """Whether a band was given: (..., 2 x bands) bool. A band that a user does not have is one value throughout."""
    contrast = statistics[..., statistics.shape[-1] // 2 :]
    return torch.cat([contrast, contrast], dim=-1) > _EVEN


def _inner(name: str) -> str:
    """A weight's name as a buffer may have it."""
    return name.replace(".", "/")


def _outer(name: str) -> str:
    return name.replace("/", ".")
