"""U-TAE: a U-Net over every date of a Sentinel-2 series, merged by temporal attention.

Garnot and Landrieu, "Panoptic Segmentation of Satellite Image Time Series with Convolutional
Temporal Attention Networks", ICCV 2021, arXiv 2107.07933 (section 3.1); its attention is L-TAE,
arXiv 2007.00586. Module names are those of the published weights (VSainteuf/utae-paps, as used by
IGNF/FLAIR-2), so that a published state dict loads as it is; the layers that FLAIR-2 keeps but
never runs (`out_conv`) hold their weights and stay idle here too.

Shapes: B tiles, T dates, C channels, H x W pixels of 10 m.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (64, 64, 128, 128)  # channels of each level, encoder and decoder alike (configs of FLAIR-2 and FLAIR-HUB)
HEADS = 16
MODEL_WIDTH = 256  # channels that the attention shares among its heads
KEY_WIDTH = 4  # length of a key and of a query
PERIOD = 1000.0  # longest period of the positional encoding, in days (arXiv 2007.00586, section 3)
MASKED_SCORE = -1e3  # attention score of a padded date, before the softmax


@dataclass(frozen=True)
class Step:
    """The convolution between two levels, padded by one pixel: its kernel and stride, in pixels."""

    kernel: int
    stride: int


HALVING = Step(kernel=4, stride=2)  # each level has half the resolution of the one above (FLAIR-2 config)
SAME_SIZE = Step(kernel=3, stride=1)  # all levels have the resolution of the series (FLAIR-HUB config)


class _ConvolutionLayer(nn.Module):
    """Convolution, normalisation and ReLU, once for each pair of neighbouring `widths`."""

    def __init__(self, widths: tuple[int, ...], grouped: bool, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:]):
            layers += [
                nn.Conv2d(before, after, kernel, stride, padding=1, padding_mode="reflect"),
                nn.GroupNorm(4, after) if grouped else nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.conv = nn.Sequential(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        return self.conv(maps)


class _InputBlock(nn.Module):
    """Two or more convolutions at one resolution (`ConvBlock` of the published code)."""

    def __init__(self, widths: tuple[int, ...], grouped: bool) -> None:
        super().__init__()
        self.conv = _ConvolutionLayer(widths, grouped)

    def forward(self, maps: Tensor) -> Tensor:
        return self.conv(maps)


class _DownBlock(nn.Module):
    """Changes the resolution as `step` says, then a convolution and a residual one."""

    def __init__(self, before: int, after: int, step: Step) -> None:
        super().__init__()
        self.down = _ConvolutionLayer((before, before), grouped=True, kernel=step.kernel, stride=step.stride)
        self.conv1 = _ConvolutionLayer((before, after), grouped=True)
        self.conv2 = _ConvolutionLayer((after, after), grouped=True)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.conv1(self.down(maps))
        return maps + self.conv2(maps)


class _UpBlock(nn.Module):
    """Undoes a step of resolution, joins the skip connection, then a convolution and a residual one."""

    def __init__(self, before: int, after: int, skip: int, step: Step) -> None:
        super().__init__()
        self.skip_conv = nn.Sequential(nn.Conv2d(skip, skip, 1), nn.BatchNorm2d(skip), nn.ReLU())
        self.up = nn.Sequential(
            nn.ConvTranspose2d(before, after, step.kernel, step.stride, padding=1), nn.BatchNorm2d(after), nn.ReLU()
        )
        self.conv1 = _ConvolutionLayer((after + skip, after), grouped=False)
        self.conv2 = _ConvolutionLayer((after, after), grouped=False)

    def forward(self, maps: Tensor, skip: Tensor) -> Tensor:
        maps = self.conv1(torch.cat([self.up(maps), self.skip_conv(skip)], dim=1))
        return maps + self.conv2(maps)


class _AttentionHeads(nn.Module):
    """One learnt query and one linear key a head (arXiv 2007.00586, section 3)."""

    def __init__(self) -> None:
        super().__init__()
        spread = math.sqrt(2.0 / KEY_WIDTH)
        self.Q = nn.Parameter(torch.randn(HEADS, KEY_WIDTH) * spread)
        self.fc1_k = nn.Linear(MODEL_WIDTH, HEADS * KEY_WIDTH)
        nn.init.normal_(self.fc1_k.weight, std=spread)

    def forward(self, embedded: Tensor) -> Tensor:
        """Scores before the softmax, (N, T, MODEL_WIDTH) -> (N, HEADS, T)."""
        keys = self.fc1_k(embedded).unflatten(-1, (HEADS, KEY_WIDTH))
        return torch.einsum("nthk,hk->nht", keys, self.Q) / math.sqrt(KEY_WIDTH)


def positional_encoding(days: Tensor) -> Tensor:
    """Sinusoids of the dates, one set shared by all heads (arXiv 2007.00586, equation 1).

    days: (B, T) float, days from the date to the reference date.
    Returns (B, T, MODEL_WIDTH) float32: channel 2i of a head is sin(days / PERIOD^(2i / d)), channel
    2i + 1 its cosine, with d = MODEL_WIDTH / HEADS.
    """
    width = MODEL_WIDTH // HEADS
    channel = torch.arange(width, device=days.device)
    frequency = PERIOD ** (-2.0 * (channel // 2) / width)
    angles = days.float().unsqueeze(-1) * frequency
    waves = torch.where(channel % 2 == 0, torch.sin(angles), torch.cos(angles))
    return waves.repeat(1, 1, HEADS)


class _TemporalEncoder(nn.Module):
    """L-TAE on every pixel of the deepest maps: merges the dates and tells how it weighed them."""

    def __init__(self) -> None:
        super().__init__()
        self.inconv = nn.Conv1d(WIDTHS[-1], MODEL_WIDTH, 1)
        self.attention_heads = _AttentionHeads()
        self.in_norm = nn.GroupNorm(HEADS, WIDTHS[-1])
        self.out_norm = nn.GroupNorm(HEADS, WIDTHS[-1])
        self.mlp = nn.Sequential(nn.Linear(MODEL_WIDTH, WIDTHS[-1]), nn.BatchNorm1d(WIDTHS[-1]), nn.ReLU())
        self.attention_dropout = nn.Dropout(0.1)
        self.dropout = nn.Dropout(0.2)

    def forward(self, maps: Tensor, days: Tensor, padded: Tensor) -> tuple[Tensor, Tensor]:
        """maps (B, T, C, H, W), days (B, T), padded (B, T) bool -> merged (B, C, H, W), weights (B, HEADS, T, H, W)."""
        batch, dates, _, height, width = maps.shape
        area = height * width
        pixels = maps.permute(0, 3, 4, 2, 1).flatten(0, 2)  # (B*H*W, C, T)
        embedded = self.inconv(self.in_norm(pixels)).transpose(1, 2)  # (B*H*W, T, MODEL_WIDTH)
        embedded = embedded + positional_encoding(days).to(embedded.dtype).repeat_interleave(area, dim=0)

        scores = self.attention_heads(embedded)
        scores = scores.masked_fill(padded.repeat_interleave(area, dim=0).unsqueeze(1), MASKED_SCORE)
        weights = self.attention_dropout(scores.softmax(dim=-1))
        values = embedded.unflatten(-1, (HEADS, MODEL_WIDTH // HEADS))
        context = torch.einsum("nht,nthv->nhv", weights, values).flatten(1)

        merged = self.out_norm(self.dropout(self.mlp(context)))
        merged = merged.view(batch, height, width, -1).permute(0, 3, 1, 2)
        weights = weights.view(batch, height, width, HEADS, dates).permute(0, 3, 4, 1, 2)
        return merged, weights


def _merge_dates(maps: Tensor, weights: Tensor, padded: Tensor) -> Tensor:
    """Mean over the dates of a skip connection, weighed by the attention (arXiv 2107.07933, equation 3).

    maps (B, T, C, H, W); weights (B, HEADS, T, h, w), resized to H x W, a group of C / HEADS channels
    a head; padded (B, T) bool. Returns (B, C, H, W).
    """
    size, channels = maps.shape[-2:], maps.shape[2] // HEADS
    weights = weights.masked_fill(padded[:, None, :, None, None], 0.0).transpose(1, 2).flatten(0, 1)
    # In the maps' order in memory, date by date, in float32: several times faster on a CPU than all dates at once,
    # and bfloat16 would round every sum.
    weights = weights.float().repeat_interleave(channels, dim=1).contiguous(memory_format=torch.channels_last)
    weights = functional.interpolate(weights, size=size, mode="bilinear").unflatten(0, maps.shape[:2])
    merged = weights[:, 0] * maps[:, 0]
    for date in range(1, maps.shape[1]):
        merged = merged + weights[:, date] * maps[:, date]
    return merged.to(maps.dtype)


class UTAE(nn.Module):
    """Sentinel-2 series to one feature map, or to one of each level.

    bands: spectral bands of a date. classes: channels of the idle `out_conv`. step: between two levels.
    """

    def __init__(self, bands: int = 10, classes: int = 13, step: Step = HALVING) -> None:
        super().__init__()
        self.in_conv = _InputBlock((bands, WIDTHS[0], WIDTHS[0]), grouped=True)
        self.down_blocks = nn.ModuleList(_DownBlock(above, below, step) for above, below in zip(WIDTHS, WIDTHS[1:]))
        self.up_blocks = nn.ModuleList(
            _UpBlock(WIDTHS[level], WIDTHS[level - 1], WIDTHS[level - 1], step)
            for level in range(len(WIDTHS) - 1, 0, -1)
        )
        self.temporal_encoder = _TemporalEncoder()
        self.out_conv = _InputBlock((WIDTHS[0], 32, classes), grouped=False)

    def forward(self, series: Tensor, days: Tensor) -> Tensor:
        """The last decoder map, (B, WIDTHS[0], H, W) float; the inputs are those of `levels`."""
        return self.levels(series, days)[-1]

    def levels(self, series: Tensor, days: Tensor) -> list[Tensor]:
        """The merged map of every level, the deepest first, the last decoder map last.

        series: (B, T, bands, H, W) float; a date of zeros alone is padding: attention passes it by,
            while it still counts in the group normalisation over time, as in the published code.
        days: (B, T) float, days between each date and 15 May.
        Returns one (B, WIDTHS[level], h, w) float a level, h and w as `step` makes them of H and W. With `HALVING`
        H and W are multiples of 8.
        """
        padded = (series == 0).flatten(2).all(dim=2)
        empty = padded[:, :, None, None, None] if padded.any() else None

        def on_each_date(block: nn.Module, maps: Tensor) -> Tensor:
            after = block(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
            return after if empty is None else after.masked_fill(empty, 0.0)

        dated = [on_each_date(self.in_conv, series)]
        for block in self.down_blocks:
            dated.append(on_each_date(block, dated[-1]))

        deepest, weights = self.temporal_encoder(dated.pop(), days, padded)
        merged = [deepest]
        for block in self.up_blocks:
            merged.append(block(merged[-1], _merge_dates(dated.pop(), weights, padded)))
        return merged
