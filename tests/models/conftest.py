"""Networks with made-up weights, which need no data."""

from __future__ import annotations

import pytest
import torch

from flair_landcover.contract.cards import ModelCard
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.utt import UTT

from .golden import with_made_up_weights


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small tiles on one thread: on busy cores, threads spend most of their time waiting for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def utt() -> UTT:
    """A U-T&T of the published size, with its satellite branch."""
    return with_made_up_weights(UTT())


@pytest.fixture(scope="session")
def utt_with_metadata() -> UTT:
    """A U-T&T of the published size with both branches."""
    return with_made_up_weights(UTT(metadata=True))


@pytest.fixture(scope="session")
def unet():
    """A function from a number of bands to a U-Net of 19 outputs, as FLAIR-INC has them."""

    def build(bands: int):
        card = ModelCard(
            id="u-net",
            title="U-Net",
            architecture="smp:Unet:resnet34",
            inputs=ModelCard("", "", "").inputs[:bands],
            outputs=(0,) * 19,
        )
        return with_made_up_weights(build_network(card))

    return build


def random_tiles(count: int, channels: int = 5, rows: int = 64, columns: int = 64, seed: int = 0) -> torch.Tensor:
    """Aerial tiles (count, channels, rows, columns) in 0..1, all different."""
    return torch.rand(count, channels, rows, columns, generator=torch.Generator().manual_seed(seed))


def random_series(count: int, dates: int = 4, side: int = 40, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Series (count, dates, 10, side, side) and days (count, dates), other ones for each tile."""
    generator = torch.Generator().manual_seed(seed)
    brightness = torch.rand(count, dates, 10, 1, 1, generator=generator)
    series = brightness + 0.3 * torch.rand(count, dates, 10, side, side, generator=generator)
    return series, torch.randint(-200, 200, (count, dates), generator=generator).float()
