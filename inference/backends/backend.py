"""What a runtime gives: a network that is ready to predict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...contract.answers import Device
from ...contract.cards import ModelCard
from ...contract.choices import CPU, FP32
from .loading import loading

if TYPE_CHECKING:
    from torch import nn

Series = tuple[np.ndarray, np.ndarray]  # (T, bands, 40, 40) float32 and the days (T,) float32

# Share of an image below which users are told that a fine-tuning does not count on the rest; `Backend.domain_share`.
MOSTLY = 0.8


class Backend(Protocol):
    """A network that is ready to predict."""

    @property
    def card(self) -> ModelCard:
        """What it is."""

    @property
    def device(self) -> str:
        """What it runs on: cpu, cuda or mps."""

    @property
    def precision(self) -> str:
        """What it computes in: fp32 or bf16."""

    @property
    def batch_size(self) -> int:
        """Tiles a call."""

    def logits(self, aerial: np.ndarray, series: Series | None) -> np.ndarray:
        """Logits (batch_size, outputs, rows, columns) float32.

        aerial: (batch_size, inputs, rows, columns) float32. series: Sentinel-2 of every tile, with
        shapes (batch_size, T, bands, 40, 40) and (batch_size, T), or None.
        """

    def domain_share(self, aerial: np.ndarray) -> np.ndarray | None:
        """How much the model's fine-tuning counts at each pixel, 0..1: (rows, columns) float32.

        aerial: a tile (inputs, rows, columns) float32. None where it counts everywhere, or there is none: see
        `models.networks.gated`.
        """


def open_backend(model: Path, device: str, precision: str) -> Backend:
    """The runtime for a model folder or checkpoint.

    device: auto, cpu, cuda or mps. precision: auto, fp32 or bf16.
    Raises BadModel where the model cannot be used, BadInput where the device is not there.
    """
    with loading("torch"):
        from .torch_backend import TorchBackend

    return TorchBackend.open(model, device, precision)


def backend_of(card: ModelCard, network: nn.Module, device: str = CPU, precision: str = FP32) -> Backend:
    """The runtime for a torch network that is in memory, as training makes one; the network is moved to the device.

    device: auto, cpu, cuda or mps. precision: fp32 or bf16. Raises BadInput where the device is not there.
    """
    with loading("torch"):
        from .torch_backend import TorchBackend

    return TorchBackend.of(card, network, device, precision)


def available_devices() -> tuple[Device, ...]:
    """The devices that `open_backend` can use here, the fastest first."""
    with loading("torch"):
        from . import torch_backend

    return torch_backend.available_devices()


def checkpoint_card(path: Path) -> ModelCard:
    """The card of a checkpoint file. Raises BadModel where it is none of a known format."""
    with loading("torch"):
        from ...models.networks.checkpoints import read_checkpoint

    return read_checkpoint(path)[0]
