"""Network weights on disk: safetensors of float32, float16, or small integers with a scale a channel.

A tensor stored as integers comes with another of its name and the suffix `SCALE_SUFFIX`, one float32
for each output channel (the first axis): weight = integer x scale.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...contract.atomic import atomic_file
from ...contract.cards import BadModel

SCALE_SUFFIX = "::scale"
# Weights of the largest tensor that is kept as float16. With 7 bits for the rest, a U-T&T gave 99.6 % of the pixels of
# seven FLAIR patches the label of its float32 weights, instead of 98.6 % with 7 bits for all, for 0.2 MB.
_FEW = 2**14
_CLIPS = torch.linspace(0.6, 1.0, 9)  # shares of a channel's largest weight tried as the integers' range


def load_weights(path: Path) -> dict[str, Tensor]:
    """The state dict of a safetensors file, every floating-point tensor as float32.

    Raises BadModel where the file is missing, is not safetensors, or has scales that do not fit.
    """
    try:
        stored = load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise BadModel(f"{path} cannot be read as model weights ({error}): install the model again.") from None
    weights = {}
    for name, tensor in stored.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        scale = stored.get(name + SCALE_SUFFIX)
        if scale is not None:
            if scale.shape != tensor.shape[:1]:
                raise BadModel(f"{path} has not one scale for each channel of {name}: install the model again.")
            weights[name] = tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
        else:
            # A copy: the file is mapped into memory, and Windows would not let go of it while the network lives.
            weights[name] = tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)
    return weights


def save_weights(weights: dict[str, Tensor], path: Path) -> None:
    """Writes a state dict as it is, whole or not at all."""
    with atomic_file(path) as part:
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, str(part))
        part.chmod(0o644)  # safetensors makes files that only their owner can read; a shared model must be readable


def save_quantised(weights: dict[str, Tensor], path: Path, bits: int = 7) -> None:
    """Writes a state dict with every matrix and kernel of many weights as integers of `bits` bits (2 to 8).

    Vectors (biases, normalisation) stay float32 and small tensors become float16: they are few, and a network feels
    their rounding most, that of its first convolution above all, whose bands differ in range.
    """
    stored = {}
    for name, tensor in weights.items():
        if tensor.ndim < 2 or not tensor.is_floating_point():
            stored[name] = tensor
        elif tensor.numel() <= _FEW:
            stored[name] = tensor.half()
        else:
            stored[name], stored[name + SCALE_SUFFIX] = quantise(tensor.float(), bits)
    save_weights(stored, path)


def quantise(tensor: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Integers and scales of one tensor of shape (channels, ...): int8 of its shape, float32 (channels,).

    Each channel takes the range, of `_CLIPS` times its largest weight, with the least squared error.
    """
    top = 2 ** (bits - 1) - 1
    rows = tensor.flatten(1)
    largest = rows.abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny)
    best_error = torch.full_like(largest, float("inf"))
    best_scale = largest / top
    for clip in _CLIPS:
        scale = largest * clip / top
        rounded = (rows / scale[:, None]).round().clamp(-top, top) * scale[:, None]
        error = (rounded - rows).square().sum(dim=1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best_scale = torch.where(better, scale, best_scale)
    integers = (rows / best_scale[:, None]).round().clamp(-top, top).to(torch.int8)
    return integers.view(tensor.shape), best_scale
