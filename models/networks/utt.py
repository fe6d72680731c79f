"""U-T&T: a U-Net on the aerial image, with the features of a Sentinel-2 series added to its encoder.

Garioud et al., "FLAIR: a Country-Scale Land Cover Semantic Segmentation Dataset From Multi-Source
Optical Imagery", arXiv 2310.13336, section 4 and figure 6; FLAIR #2 datapaper, arXiv 2305.14467,
section 4. Module names are those of the published weights (IGNF/FLAIR-2), so that a published state
dict loads as it is.

Two layers of the published network have weights that no output depends on, because smp's U-Net
decoder leaves out the encoder's first map (the input itself): the first 1x1 convolution and the
first MLP of the fusion. They are kept, so that state dicts fit, and never run.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .torchvision_operators import import_segmentation_models
from .utae import UTAE, WIDTHS

smp = import_segmentation_models()

TILE_SIZE = 512  # pixels of 0.2 m that the network was made for
CENTRE_SIZE = 10  # pixels of 10 m that cover the tile itself
METADATA_WIDTH = 45  # 32 of the position, 13 of date, time, camera and height (IGNF/FLAIR-2)


class _Convolutions(nn.Module):
    """One 1x1 convolution for each encoder stage."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.conv_list = nn.ModuleList(nn.Conv2d(WIDTHS[0], stage, 1) for stage in channels)


class _Perceptrons(nn.Module):
    """One MLP of three layers for each encoder stage, its hidden widths between those of input and output."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.mlps = nn.ModuleList(_perceptron(WIDTHS[0], stage) for stage in channels)


def _perceptron(before: int, after: int) -> nn.Sequential:
    if before == after:
        first = second = 2 * before
    else:
        step = abs(after - before) // 3 * (1 if after > before else -1)
        first, second = before + step, before + 2 * step
    return _three_layers((before, first, second, after), dropout=0.3)


def _three_layers(widths: tuple[int, int, int, int], dropout: float) -> nn.Sequential:
    before, first, second, after = widths
    return nn.Sequential(
        *(nn.Linear(before, first), nn.Dropout(dropout), nn.ReLU()),
        *(nn.Linear(first, second), nn.Dropout(dropout), nn.ReLU()),
        nn.Linear(second, after),
    )


class _MetadataEncoder(nn.Module):
    """Aerial metadata to one number for each row of the deepest encoder map."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.enc_mlp = _three_layers((METADATA_WIDTH, 64, 32, rows), dropout=0.5)


class UTT(nn.Module):
    """The aerial U-Net, with or without its satellite branch and its metadata branch.

    in_channels: aerial bands. classes: land-cover classes. satellite_bands: bands of a Sentinel-2
    date. satellite, metadata: whether the branch exists at all (at call time both are optional).
    """

    def __init__(
        self,
        in_channels: int = 5,
        classes: int = 13,
        satellite_bands: int = 10,
        satellite: bool = True,
        metadata: bool = False,
    ) -> None:
        super().__init__()
        self.arch_vhr = smp.Unet("resnet34", encoder_weights=None, in_channels=in_channels, classes=classes)
        stages = list(self.arch_vhr.encoder.out_channels)
        self.has_satellite = satellite
        self.has_metadata = metadata
        if satellite:
            self.arch_hr = UTAE(satellite_bands, classes)
            self.fm_utae_featmap_cropped = _Convolutions(stages)
            self.fm_utae_featmap_collapsed = _Perceptrons(stages)
            self.reshape_utae_output = nn.Sequential(nn.Identity(), nn.Conv2d(WIDTHS[0], classes, 1))
        if metadata:
            self.mtd_mlp = _MetadataEncoder(TILE_SIZE // 2 ** (len(stages) - 1))

    def forward(
        self,
        aerial: Tensor,
        series: Tensor | None = None,
        days: Tensor | None = None,
        metadata: Tensor | None = None,
    ) -> Tensor:
        """Class logits of the aerial tiles.

        aerial: (B, in_channels, H, W) float, normalised as the card says; H and W multiples of 32.
        series: (B, T, satellite_bands, 40, 40) float, Sentinel-2 centred on each tile, or None.
        days: (B, T) float, days from each date to 15 May; needed with series.
        metadata: (B, 45) float, or None; only for tiles of 512 rows.
        Returns (B, classes, H, W) float: each tile's logits depend on that tile alone.
        Raises ValueError where the network lacks the branch of an input, or inputs do not belong together.
        """
        features = None if series is None else self.satellite_features(series, days)
        return self._aerial_logits(aerial, features, metadata)

    def forward_both(
        self, aerial: Tensor, series: Tensor, days: Tensor, metadata: Tensor | None = None, fuse: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Aerial logits and the satellite branch's own, both (B, classes, H, W), as training compares them.

        fuse: False leaves the satellite features out of the aerial logits ("modality dropout").
        """
        features = self.satellite_features(series, days)
        auxiliary = self.reshape_utae_output[1](_centre(features))
        auxiliary = functional.interpolate(auxiliary, size=aerial.shape[-2:], mode="nearest")
        return self._aerial_logits(aerial, features if fuse else None, metadata), auxiliary

    def satellite_features(self, series: Tensor, days: Tensor | None) -> Tensor:
        """The last decoder map of the U-TAE, (B, 64, 40, 40).

        Raises ValueError where the network has no satellite branch, or series and days do not fit it.
        """
        if not self.has_satellite:
            raise ValueError("this network has no satellite branch: call it without a series")
        if days is None:
            raise ValueError("a Sentinel-2 series needs the days of its dates")
        if series.ndim != 5 or days.shape != series.shape[:2]:
            raise ValueError(
                "a Sentinel-2 series has the shape (tiles, dates, bands, rows, columns) and its days (tiles, dates), "
                f"not {tuple(series.shape)} and {tuple(days.shape)}"
            )
        if any(side < CENTRE_SIZE or side % 8 for side in series.shape[-2:]):
            raise ValueError(
                f"a Sentinel-2 series has a multiple of 8 and at least {CENTRE_SIZE} pixels a side, "
                f"not {series.shape[-2]} x {series.shape[-1]}"
            )
        return self.arch_hr(series, days)

    def _aerial_logits(self, aerial: Tensor, features: Tensor | None, metadata: Tensor | None) -> Tensor:
        for name, given in (("Sentinel-2 series", features), ("aerial metadata", metadata)):
            if given is not None and len(given) != len(aerial):
                raise ValueError(f"{len(aerial)} aerial tiles do not go with {name} of {len(given)}")
        maps = list(self.arch_vhr.encoder(aerial))
        if metadata is not None:
            maps[-1] = maps[-1] + self._metadata_rows(metadata, maps[-1].shape[-2])
        if features is not None:
            centre = _centre(features)
            mean = features.mean(dim=(-2, -1))
            for stage in range(1, len(maps)):  # stage 0, the input itself, is not read by the decoder
                maps[stage] = maps[stage] + self._fusion(stage, centre, mean, maps[stage].shape[-2:])
        return self.arch_vhr.segmentation_head(self.arch_vhr.decoder(maps))

    def _fusion(self, stage: int, centre: Tensor, mean: Tensor, size: torch.Size) -> Tensor:
        """What the satellite adds to one encoder map: where things are, and what the surroundings are like."""
        local = self.fm_utae_featmap_cropped.conv_list[stage](centre)
        surroundings = self.fm_utae_featmap_collapsed.mlps[stage](mean)
        # Added while it is small: a constant comes through the resizing as it is.
        return functional.interpolate(local + surroundings[:, :, None, None], size=size, mode="bilinear")

    def _metadata_rows(self, metadata: Tensor, rows: int) -> Tensor:
        if not self.has_metadata:
            raise ValueError("this network has no metadata branch: call it without metadata")
        encoded = self.mtd_mlp.enc_mlp(metadata)
        if encoded.shape[1] != rows:
            raise ValueError(f"aerial metadata fits tiles of {TILE_SIZE} rows only")
        return encoded[:, None, :, None]


def _centre(features: Tensor) -> Tensor:
    """The pixels that cover the tile: the central 10 x 10 of (B, C, H, W)."""
    top = (features.shape[-2] - CENTRE_SIZE) // 2
    left = (features.shape[-1] - CENTRE_SIZE) // 2
    return features[..., top : top + CENTRE_SIZE, left : left + CENTRE_SIZE]
