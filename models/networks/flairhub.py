"""IGN's FLAIR-HUB networks for land cover: an aerial image alone (LC-A), or with a Sentinel-2 series (LC-D).

Garioud et al., "FLAIR-HUB: Large-scale Multimodal Dataset for Land Cover and Crop Mapping", arXiv 2506.07080,
section 4: an encoder of its own for each input, their maps put together stage by stage by a 1x1 convolution, one
decoder. Module names are those of the published weights (IGNF/FLAIR-HUB), so that a published state dict loads as it
is. Of the U-TAE's four maps, all at the series' resolution, the deepest goes to the largest map of the aerial encoder
and the last to the smallest, as in the published code.

Where there is no series, as in LC-A, the published network holds the convolutions of the fusion and never runs them;
they are kept, so that state dicts fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .torchvision_operators import import_segmentation_models
from .upernet import OUTPUT_STRIDE, OUTPUT_WIDTH, UPerNetDecoder
from .utae import SAME_SIZE, UTAE, WIDTHS

smp = import_segmentation_models()

AERIAL, SERIES, LABELS = "AERIAL_RGBI", "SENTINEL2_TS", "AERIAL_LABEL-COSIA"  # what they are called in state dicts
TILE_SIZE = 512  # pixels of 0.2 m that the networks were made for
STRIDE = 32  # pixels of the input to one of the encoder's deepest map, on either axis
SERIES_SIZE = 10  # pixels of 10 m a side that cover the tile: what the networks were trained with
LEAST_SERIES_SIZE = 2  # pixels a side that reflection at the edges needs

# The encoders by the names that IGN's models bear, and timm's names for them with further settings (model cards of
# the collection IGNF/FLAIR-HUB). Swin takes tiles of other sizes too if it makes its attention masks as it runs.
_SWIN = {"img_size": TILE_SIZE, "strict_img_size": False}
ENCODERS: dict[str, tuple[str, dict]] = {
    "convnextv2tiny": ("convnextv2_tiny", {}),
    "convnextv2base": ("convnextv2_base", {}),
    "swintiny": ("swin_tiny_patch4_window7_224", _SWIN),
    "swinsmall": ("swin_small_patch4_window7_224", _SWIN),
    "swinbase": ("swin_base_patch4_window12_384", _SWIN),
    "swinlarge": ("swin_large_patch4_window12_384", _SWIN),
}
DECODERS = ("unet", "upernet")
_UNET_WIDTHS = (256, 128, 64, 32, 16)  # channels of the U-Net decoder's blocks (segmentation-models-pytorch 0.4.0)


class _Encoder(nn.Module):
    """The aerial encoder under its published name: the input, an empty map of half its size, then four stages."""

    def __init__(self, encoder: str, in_channels: int) -> None:
        super().__init__()
        name, settings = ENCODERS[encoder]
        self.seg_model = smp.encoders.get_encoder(f"tu-{name}", in_channels=in_channels, weights=None, **settings)


class _Segmenter(nn.Module):
    """Encoder maps to class logits."""

    def __init__(self, decoder: str, stages: list[int], classes: int) -> None:
        super().__init__()
        # The published decoders were built for inputs of one channel, which shows in a weight that never runs.
        channels = [1, 0, *stages]
        if decoder == "upernet":
            self.decoder = UPerNetDecoder(channels)
            head = (OUTPUT_WIDTH, classes, 1, OUTPUT_STRIDE)
        else:
            self.decoder = smp.decoders.unet.decoder.UnetDecoder(channels, _UNET_WIDTHS)
            head = (_UNET_WIDTHS[-1], classes, 3, 1)
        width, classes, kernel, upsampling = head
        self.segmentation_head = smp.base.SegmentationHead(width, classes, kernel_size=kernel, upsampling=upsampling)

    def forward(self, maps: list[Tensor]) -> Tensor:
        return self.segmentation_head(self.decoder(maps))


class _Decoder(nn.Module):
    """The decoder under its published name."""

    def __init__(self, decoder: str, stages: list[int], classes: int) -> None:
        super().__init__()
        self.seg_model = _Segmenter(decoder, stages, classes)


class _Fusion(nn.Module):
    """One 1x1 convolution a stage from the maps of all inputs to as many channels as the aerial one has."""

    def __init__(self, stages: list[int], added: tuple[int, ...]) -> None:
        super().__init__()
        self.conv_f = nn.ModuleList(nn.Conv2d(stage + more, stage, 1) for stage, more in zip(stages, added))

    def forward(self, aerial: list[Tensor], series: list[Tensor]) -> list[Tensor]:
        return [
            convolution(torch.cat([stage, _resized(more, stage.shape[-2:])], dim=1))
            for convolution, stage, more in zip(self.conv_f, aerial, series)
        ]


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)


class FlairHub(nn.Module):
    """A FLAIR-HUB land-cover network.

    encoder: of ENCODERS. decoder: of DECODERS. in_channels: aerial bands. classes: land-cover classes.
    satellite_bands: bands of a Sentinel-2 date. satellite: whether the network takes a series at all; one that does
    cannot do without, as the published one was never trained to.
    """

    def __init__(
        self,
        encoder: str,
        decoder: str,
        in_channels: int = 3,
        classes: int = 19,
        satellite_bands: int = 10,
        satellite: bool = False,
    ) -> None:
        super().__init__()
        self.has_satellite = satellite
        aerial = _Encoder(encoder, in_channels)
        stages = list(aerial.seg_model.out_channels[2:])
        self.encoders = nn.ModuleDict({AERIAL: aerial})
        if satellite:
            self.encoders[SERIES] = UTAE(satellite_bands, classes, step=SAME_SIZE)
        self.fusion_handler = _Fusion(stages, WIDTHS[::-1] if satellite else (0,) * len(stages))
        self.main_decoders = nn.ModuleDict({LABELS: _Decoder(decoder, stages, classes)})

    def forward(
        self,
        aerial: Tensor,
        series: Tensor | None = None,
        days: Tensor | None = None,
        metadata: Tensor | None = None,
    ) -> Tensor:
        """Class logits of the aerial tiles.

        aerial: (B, in_channels, H, W) float, normalised as the card says; H and W multiples of 32.
        series: (B, T, satellite_bands, h, w) float, Sentinel-2 over exactly each tile, raw digital numbers; 10 x 10
            pixels for tiles of 102 m. A date of zeros alone is padding.
        days: (B, T) float, days from 15 May to each date; needed with series.
        metadata: none of these networks takes any.
        Returns (B, classes, H, W) float: each tile's logits depend on that tile alone.
        Raises ValueError where inputs are missing, are not the network's or do not belong together.
        """
        if metadata is not None:
            raise ValueError("this network has no metadata branch: call it without metadata")
        if any(side % STRIDE for side in aerial.shape[-2:]):
            raise ValueError(
                f"aerial tiles have a multiple of {STRIDE} pixels a side, not {aerial.shape[-2]} x {aerial.shape[-1]}"
            )
        self._check_series(aerial, series, days)
        maps = list(self.encoders.get_submodule(f"{AERIAL}.seg_model")(aerial))
        if self.has_satellite:
            encoder = self.encoders[SERIES]
            if not isinstance(encoder, UTAE) or series is None or days is None:
                raise AssertionError
            maps[2:] = self.fusion_handler(maps[2:], encoder.levels(series, days))
        return self.main_decoders.get_submodule(f"{LABELS}.seg_model")(maps)

    def _check_series(self, aerial: Tensor, series: Tensor | None, days: Tensor | None) -> None:
        if series is None:
            if self.has_satellite:
                raise ValueError("this network needs a Sentinel-2 series beside the aerial image: give one")
            return
        if not self.has_satellite:
            raise ValueError("this network has no satellite branch: call it without a series")
        if days is None:
            raise ValueError("a Sentinel-2 series needs the days of its dates")
        if series.ndim != 5 or days.shape != series.shape[:2]:
            raise ValueError(
                "a Sentinel-2 series has the shape (tiles, dates, bands, rows, columns) and its days (tiles, dates), "
                f"not {tuple(series.shape)} and {tuple(days.shape)}"
            )
        if min(series.shape[-2:]) < LEAST_SERIES_SIZE:
            raise ValueError(
                f"a Sentinel-2 series has at least {LEAST_SERIES_SIZE} pixels a side, "
                f"not {series.shape[-2]} x {series.shape[-1]}"
            )
        if len(series) != len(aerial):
            raise ValueError(f"{len(aerial)} aerial tiles do not go with a Sentinel-2 series of {len(series)}")
