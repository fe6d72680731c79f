"""Which part of a network is trained, and what the part before it gives, which is computed once.

The part that is trained is a chain of stages at the network's end. A run of the whole network tells what each stage
is called with; from that the chain can be run again without what lies before it, whatever the architecture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..contract.cards import BadModel, ModelCard
from ..contract.choices import ALL, DECODER, LAST
from ..models.networks.flairhub import LABELS, FlairHub
from ..models.networks.utt import UTT

LAST_BLOCKS = 3  # of a decoder that is a chain of blocks: from a quarter of the resolution up
# What cached values are kept as: half the memory, and the range of float32.
CACHED = torch.bfloat16

Call = tuple[tuple, dict]  # positional and named arguments


@dataclass(frozen=True)
class Chain:
    """The stages that are trained, in order: each takes what the one before gives as its first argument."""

    stages: tuple[nn.Module, ...]

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return [parameter for stage in self.stages for parameter in stage.parameters()]

    def record(self, run: Callable[[], Tensor]) -> tuple[list[Call], Tensor]:
        """Runs the whole network and tells what its stages were called with, and what it gives.

        In the calls of all stages but the first, the first argument is left out.
        Raises ValueError where the stages are no chain in this network.
        """
        calls: list[Call] = []
        given: list[Any] = []

        def before(_: nn.Module, args: tuple, kwargs: dict) -> None:
            if calls and (not args or args[0] is not given[-1]):
                raise ValueError("the stages are not a chain")
            calls.append((args[1:] if calls else args, kwargs))

        def after(_: nn.Module, args: tuple, output: Any) -> None:
            given.append(output)

        hooks = [stage.register_forward_pre_hook(before, with_kwargs=True) for stage in self.stages]
        hooks += [stage.register_forward_hook(after) for stage in self.stages]
        try:
            with torch.no_grad():
                result = run()
        finally:
            for hook in hooks:
                hook.remove()
        if len(calls) != len(self.stages) or given[-1] is not result:
            raise ValueError("the stages are not the network's end")
        return calls, result

    def run(self, calls: list[Call]) -> Tensor:
        """What the network gives after `record` told its calls."""
        (args, kwargs), *others = calls
        result = self.stages[0](*args, **kwargs)
        for stage, (args, kwargs) in zip(self.stages[1:], others):
            result = stage(result, *args, **kwargs)
        return result


def trained_chain(card: ModelCard, network: nn.Module, trainable: str) -> Chain:
    """What is trained of a network, made trainable; the rest is frozen.

    trainable: ``last``: the head and, where the decoder is a chain of blocks, its last three; ``decoder``: the whole
        decoder and the head; ``all``. Statistics of batch normalisations never change: keep the network in eval mode.
    Raises BadModel where the network has no such parts.
    """
    body = _segmenter(network)
    decoder, head = getattr(body, "decoder", None), getattr(body, "segmentation_head", None)
    if not isinstance(decoder, nn.Module) or not isinstance(head, nn.Module):
        raise BadModel(
            f"The model {card.title} ({card.architecture}) cannot be trained here: choose another base model."
        )
    chains = {LAST: (*_last_blocks(decoder), head), DECODER: (decoder, head), ALL: (network,)}
    chain = Chain(chains[trainable])
    network.requires_grad_(False)
    for parameter in chain.parameters:
        parameter.requires_grad_(True)
    return chain


def is_local(network: nn.Module) -> bool:
    """Whether a crop of a tile gets about what the tile gets there: decoders that are chains of convolutions."""
    return bool(_last_blocks(_segmenter(network).get_submodule("decoder")))


def _segmenter(network: nn.Module) -> nn.Module:
    """What holds decoder and head: U-T&T's U-Net, what follows FLAIR-HUB's encoders, else the network itself."""
    if isinstance(network, UTT):
        return network.arch_vhr
    return network.main_decoders.get_submodule(f"{LABELS}.seg_model") if isinstance(network, FlairHub) else network


def _last_blocks(decoder: nn.Module) -> tuple[nn.Module, ...]:
    """Unet, MAnet and Linknet have `blocks` in a row; those of Unet++ form a net, other decoders have none."""
    blocks = getattr(decoder, "blocks", None)
    return tuple(blocks[-LAST_BLOCKS:]) if isinstance(blocks, nn.ModuleList) else ()


def map_tensors(values: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Arguments of calls, nested in tuples, lists and dictionaries, with every tensor changed."""
    if isinstance(values, Tensor):
        return change(values)
    if isinstance(values, (tuple, list)):
        return type(values)(map_tensors(value, change) for value in values)
    if isinstance(values, dict):
        return {name: map_tensors(value, change) for name, value in values.items()}
    return values


def concatenated(samples: list[Any]) -> Any:
    """The same arguments of several calls as one batch; what is no tensor is the first call's."""
    first = samples[0]
    if isinstance(first, Tensor):
        return torch.cat(samples)
    if isinstance(first, (tuple, list)):
        return type(first)(concatenated(list(values)) for values in zip(*samples))
    if isinstance(first, dict):
        return {name: concatenated([values[name] for values in samples]) for name in first}
    return first


def bytes_of(values: Any) -> int:
    """Bytes of all tensors in nested arguments."""
    total = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal total
        total += tensor.numel() * tensor.element_size()
        return tensor

    map_tensors(values, count)
    return total
