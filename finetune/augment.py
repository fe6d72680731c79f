"""Augmentation: maps turned and mirrored, and bands in another light."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def turn(maps: Tensor, turns: int, flip: bool) -> Tensor:
    """Maps (..., S, S) after so many quarter turns, mirrored after that where `flip` says so."""
    maps = torch.rot90(maps, turns, (-2, -1))
    return torch.flip(maps, (-1,)) if flip else maps


def change_light(bands: Tensor, rng: np.random.Generator) -> Tensor:
    """(5, S, S) in 0..1 as another camera, hour, season of haze or press would show it; heights hardly change."""
    colours, height = bands[:4], bands[4:]
    if rng.random() < 0.25:  # the stretch of contrast that many web maps and images have had
        flat = colours.flatten(1)
        low, high = torch.quantile(flat[:, ::7], torch.tensor([0.02, 0.98]), dim=1)
        wide = (high - low).clamp(min=0.1)
        colours = ((colours - low[:, None, None]) / wide[:, None, None]).clamp(0, 1)
    if rng.random() < 0.7:
        grey = colours[:3].mean(0, keepdim=True)
        colours = torch.cat([grey + (colours[:3] - grey) * float(rng.uniform(0.5, 1.5)), colours[3:]])
    gamma = float(np.exp(rng.normal(0, 0.3)))
    gain = np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.08, (4, 1, 1)))
    offset = rng.normal(0, 0.03) + rng.normal(0, 0.015, (4, 1, 1))
    colours = colours.clamp(1e-4, 1) ** gamma * torch.from_numpy(gain) + torch.from_numpy(offset)
    colours = colours.float()
    if rng.random() < 0.25:
        colours = _blur(colours, float(rng.uniform(0.5, 1.3)))
    if rng.random() < 0.4:
        noise = torch.from_numpy(rng.standard_normal(tuple(colours.shape), np.float32))
        colours = colours + noise * float(rng.uniform(0.005, 0.03))
    return torch.cat([colours.clamp(0, 1), (height * float(rng.uniform(0.85, 1.15))).clamp(0, 1)])


def _blur(bands: Tensor, sigma: float) -> Tensor:
    reach = 3
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).repeat(len(bands), 1)
    padded = functional.pad(bands[None], (reach,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[:, None, :, None], groups=len(bands))
    return functional.conv2d(rows, kernel[:, None, None, :], groups=len(bands))[0]
