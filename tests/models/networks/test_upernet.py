from __future__ import annotations

import pytest
import torch

from flair_landcover.models.networks.upernet import UPerNetDecoder

from ..golden import with_made_up_weights

CHANNELS = [3, 0, 8, 16, 24, 32]


@pytest.fixture(scope="module")
def decoder() -> UPerNetDecoder:
    return with_made_up_weights(UPerNetDecoder(CHANNELS))


def _maps(tiles: int, side: int = 64, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.rand(tiles, count, side >> depth, side >> depth, generator=generator)
        for depth, count in enumerate(CHANNELS)
    ]


@torch.inference_mode()
@pytest.mark.parametrize("side", [32, 64, 96])
def test_the_map_has_a_quarter_of_the_resolution(decoder, side):
    assert decoder(_maps(2, side)).shape == (2, 64, side // 4, side // 4)


@torch.inference_mode()
def test_every_map_counts_but_the_input_itself(decoder):
    maps = _maps(1)
    before = decoder(maps)
    for depth, count in enumerate(CHANNELS):
        if count:
            changed = [each + (index == depth) for index, each in enumerate(maps)]
            assert torch.equal(decoder(changed), before) == (depth == 0)


@torch.inference_mode()
def test_tiles_of_a_batch_get_what_they_get_alone(decoder):
    maps = _maps(3)
    alone = torch.cat([decoder([each[index : index + 1] for each in maps]) for index in range(3)])
    assert (alone[0] - alone[1]).abs().max() > 0.01
    torch.testing.assert_close(decoder(maps), alone, rtol=0, atol=1e-5)
