"""Networks on PyTorch."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ...contract.answers import Device
from ...contract.cards import ModelCard
from ...contract.choices import AUTO, BF16, CPU, CUDA, FP32, MPS
from ...contract.errors import BadInput
from ...models.networks.checkpoints import load_model
from ...models.networks.gated import GatedNetwork
from .backend import Series

_GPU_BATCH = 4  # tiles a call on a GPU; on a CPU one tile fills all cores
_TRIAL_SIZE = 256  # pixels a side of the tile that precisions are timed on
_TRIAL_DATES = 12  # of networks that cannot do without a series
_WORTH_IT = 0.8  # bf16 must take less than this share of fp32's time to be chosen


def available_devices() -> tuple[Device, ...]:
    """The devices that torch can use here, the fastest first."""
    devices = [Device(CPU, "CPU")]
    if torch.backends.mps.is_available():
        devices.insert(0, Device(MPS, "Apple GPU"))
    if torch.cuda.is_available():
        devices.insert(0, Device(CUDA, torch.cuda.get_device_name()))
    return tuple(devices)


@dataclass(frozen=True)
class TorchBackend:
    """A torch network on a device, in a precision. See `Backend`."""

    card: ModelCard
    network: nn.Module
    device: str
    precision: str
    batch_size: int

    @classmethod
    def open(cls, model: Path, device: str, precision: str) -> TorchBackend:
        """See `open_backend`."""
        device = choose_device(device)
        backend = cls.of(*load_model(model), device, FP32)
        return replace(backend, precision=_faster_precision(backend) if precision == AUTO else precision)

    @classmethod
    def of(cls, card: ModelCard, network: nn.Module, device: str, precision: str) -> TorchBackend:
        """See `backend_of`."""
        device = choose_device(device)
        # torch does not declare the keyword
        network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(card, network, device, precision, 1 if device == CPU else _GPU_BATCH)

    def logits(self, aerial: np.ndarray, series: Series | None) -> np.ndarray:
        """See `Backend.logits`."""
        with torch.inference_mode(), torch.autocast(self.device, torch.bfloat16, enabled=self.precision == BF16):
            tiles = torch.from_numpy(aerial).to(self.device).contiguous(memory_format=torch.channels_last)
            if series is None:
                result = self.network(tiles)
            else:
                result = self.network(tiles, *(torch.from_numpy(array).to(self.device) for array in series))
            return result.float().cpu().numpy()

    def domain_share(self, aerial: np.ndarray) -> np.ndarray | None:
        """See `Backend.domain_share`."""
        if not isinstance(self.network, GatedNetwork):
            return None
        with torch.inference_mode():
            return self.network.share(torch.from_numpy(aerial[None]).to(self.device))[0, 0].cpu().numpy()


def choose_device(wanted: str) -> str:
    """The device id that `wanted` (auto, cpu, cuda, mps) means here.

    Raises BadInput where it is not there.
    """
    here = [device.id for device in available_devices()]
    if wanted == AUTO:
        return here[0]
    if wanted not in here:
        raise BadInput(f"The device {wanted} is not available here: choose one of auto, {', '.join(here)}.", "device")
    return wanted


# What was measured in this process, by device and architecture: runs of one session are alike, however busy the
# machine is at the start of each.
_measured: dict[tuple[str, str], str] = {}


def _faster_precision(backend: TorchBackend) -> str:
    """bf16 where it is clearly faster than fp32 on this very machine: processors that emulate it are slower."""
    if backend.device == MPS:
        return FP32
    key = (backend.device, backend.card.architecture)
    if key not in _measured:
        _measured[key] = _measure_precisions(backend)
    return _measured[key]


def _measure_precisions(backend: TorchBackend) -> str:
    size = min(_TRIAL_SIZE, backend.card.tile_size)
    tile = np.zeros((backend.batch_size, len(backend.card.inputs), size, size), np.float32)
    satellite, series = backend.card.satellite, None
    if satellite is not None and satellite.required:
        side, dates = satellite.superpatch, (backend.batch_size, _TRIAL_DATES)
        series = np.zeros((*dates, len(satellite.bands), side, side), np.float32), np.zeros(dates, np.float32)
    seconds = {}
    for precision in (FP32, BF16):
        trial = replace(backend, precision=precision)
        trial.logits(tile, series)
        start = time.perf_counter()
        for _ in range(2):
            trial.logits(tile, series)
        seconds[precision] = time.perf_counter() - start
    return BF16 if seconds[BF16] < _WORTH_IT * seconds[FP32] else FP32
