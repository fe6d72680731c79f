"""UPerNet's decoder: a pyramid of poolings on the deepest map, then a feature pyramid over all of them.

Xiao et al., "Unified Perceptual Parsing for Scene Understanding", ECCV 2018, arXiv 1807.10221, section 3.1 and
figure 4; the pooling pyramid is PSPNet's, arXiv 1612.01105, section 3.2. Module names, widths and the order of sums
are those of segmentation-models-pytorch 0.4.0, which IGN trained FLAIR-HUB with; later versions have another decoder
under the same name, whose weights do not fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

POOLED_SIZES = (1, 2, 3, 6)  # cells a side that the deepest map is pooled to (arXiv 1612.01105, section 3.2)
PYRAMID_WIDTH = 256  # channels of every map of the feature pyramid (segmentation-models-pytorch 0.4.0)
OUTPUT_WIDTH = 64  # channels of the decoder's output (segmentation-models-pytorch 0.4.0)
OUTPUT_STRIDE = 4  # pixels of the input to one of the output, on either axis


def _convolution(before: int, after: int, kernel: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


def _resized(maps: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    return functional.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=False)


class _PoolingPyramid(nn.Module):
    """The deepest map beside what it is like around, at four scales."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        share = channels // len(POOLED_SIZES)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), _convolution(channels, share)) for size in POOLED_SIZES
        )
        self.out_conv = _convolution(2 * channels, PYRAMID_WIDTH)

    def forward(self, deepest: Tensor) -> Tensor:
        pooled = [_resized(block(deepest), deepest.shape[-2:]) for block in self.blocks]
        return self.out_conv(torch.cat([deepest, *pooled], dim=1))


class _PyramidStage(nn.Module):
    """The map from below at the size of an encoder's map, that map added; a map without channels adds nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.skip_conv = _convolution(channels, PYRAMID_WIDTH) if channels else nn.Identity()

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        resized = _resized(below, skip.shape[-2:])
        return resized + self.skip_conv(skip) if skip.shape[1] else resized


class UPerNetDecoder(nn.Module):
    """Encoder maps to one map of 64 channels at a quarter of the resolution.

    channels: of the encoder's maps, the input itself first, the deepest last; 0 where it has no map of a size. The
        deepest one's is a multiple of 4.

    The stage of the input itself holds weights that no output depends on, as in segmentation-models-pytorch 0.4.0.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        *shallower, deepest = channels
        self.psp = _PoolingPyramid(deepest)
        self.fpn_stages = nn.ModuleList(_PyramidStage(count) for count in reversed(shallower))
        self.fpn_bottleneck = _convolution((len(channels) - 1) * PYRAMID_WIDTH, OUTPUT_WIDTH, kernel=3)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: (B, channels[i], H / 2^i, W / 2^i) float each, the input itself first.

        Returns (B, 64, H / 4, W / 4) float.
        """
        height, width = maps[0].shape[-2:]
        size = height // OUTPUT_STRIDE, width // OUTPUT_STRIDE
        pyramid = [self.psp(maps[-1])]
        for stage, skip in zip(self.fpn_stages, reversed(maps[1:-1])):
            pyramid.append(stage(pyramid[-1], skip))
        return self.fpn_bottleneck(torch.cat([_resized(level, size) for level in pyramid], dim=1))
