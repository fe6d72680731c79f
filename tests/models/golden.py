"""Weights that anyone can rebuild, and what the published implementation makes of them (../shared/golden)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import rasterio
import torch
from torch import Tensor, nn

SHARED = Path(__file__).parents[2].parent / "shared"
CASES = ("metadata", "plain")
PADDED_DATES = 2

Network = TypeVar("Network", bound=nn.Module)


def shared(path: str) -> Path:
    """A file or folder of the reference data, or a skip where it is not here."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"the reference data is not here (../shared/{path})")
    return found


def made_up_weights(shapes: Mapping[str, Iterable[int]]) -> dict[str, Tensor]:
    """A state dict by the recipe of the golden README: the same numbers for the same names, everywhere."""
    return {name: _made_up(name, tuple(shape)) for name, shape in shapes.items()}


@cache  # the networks of these tests share most of their names, and drawing 27 million numbers takes a while
def _made_up(name: str, shape: tuple[int, ...]) -> Tensor:
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
        values = generator.uniform(0.5, 1.5, shape)
    elif len(shape) == 1:
        values = 0.1 * generator.standard_normal(shape)
    else:
        values = generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


def with_made_up_weights(network: Network) -> Network:
    """The network, in eval mode, with weights by the recipe."""
    network.load_state_dict(made_up_weights({name: value.shape for name, value in network.state_dict().items()}))
    return network.eval()


def reference_shapes(case: str) -> dict[str, list[int]]:
    """Every name and shape of the published state dict."""
    return json.loads(shared("golden/utt_state_dict_shapes.json").read_text(encoding="utf-8"))[case]


def flairhub_shapes() -> dict[str, dict[str, list[int]]]:
    """Every name and shape of the published FLAIR-HUB state dicts, by network."""
    return json.loads(shared("golden/flairhub_state_dict_shapes.json").read_text(encoding="utf-8"))


def flairhub_outputs() -> dict[str, np.ndarray]:
    """The published FLAIR-HUB networks' logits, each (19, 64, 64): every eighth row and column."""
    with np.load(shared("golden/flairhub_reference.npz")) as stored:
        return {name: stored[name] for name in stored.files if name.startswith("LC-")}


def flairhub_inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Aerial tile (1, 3, 512, 512), series (1, 5, 10, 10, 10) and days (1, 5)."""
    with rasterio.open(shared("data/flair2/IMG_050549.tif")) as dataset:
        bands = torch.from_numpy(dataset.read([4, 1, 2]).astype(np.float32))
    means, stds = (torch.tensor(values)[:, None, None] for values in ((106.59, 105.66, 111.35), (39.78, 52.23, 45.62)))
    cube = np.load(shared("data/sentinel2/SEN2_0000280849BAC91C_data.npy"))
    with np.load(shared("golden/flairhub_reference.npz")) as stored:
        series = cube[stored["s2_index"]][..., 27:37, 27:37].astype(np.float32)
        days = torch.from_numpy(stored["dates"])[None]
    return ((bands - means) / stds)[None], torch.from_numpy(series)[None], days


def forget_weights() -> None:
    """Gives back the memory of weights that were made up: those of FLAIR-HUB take half a gigabyte."""
    _made_up.cache_clear()


def reference_outputs(case: str) -> dict[str, np.ndarray]:
    """The published implementation's logits, each (13, 64, 64): every eighth row and column."""
    with np.load(shared("golden/utt_reference.npz")) as stored:
        return {name.partition("/")[2]: stored[name] for name in stored.files if name.startswith(f"{case}/")}


def reference_inputs(case: str) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Aerial tile (1, 5, 512, 512), series (1, 5, 10, 40, 40), days (1, 5) and metadata (1, 45) or None."""
    with rasterio.open(shared("data/flair2/IMG_050549.tif")) as dataset:
        aerial = torch.from_numpy(dataset.read().astype(np.float32) / 255)[None]
    cube = np.load(shared("data/sentinel2/SEN2_0000280849BAC91C_data.npy"))
    with np.load(shared("golden/utt_reference.npz")) as stored:
        dates = cube[stored["s2_index"]][..., 12:52, 12:52].astype(np.float32)
        days = torch.from_numpy(stored["dates"])[None]
        metadata = torch.from_numpy(stored["metadata"])[None]
    series = torch.from_numpy(dates)[None]
    return (aerial, series, days, metadata) if case == "metadata" else (aerial, series / 65535, days, None)
