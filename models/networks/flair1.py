"""The FLAIR #1 baseline: a network of segmentation-models-pytorch, with an MLP of the patch's metadata beside it.

Garioud et al., "FLAIR #1: semantic segmentation and domain adaptation dataset", arXiv 2211.12979, section 5; widths,
dropout and where the result is added are those of IGNF/FLAIR-1, `py_module/model.py`. Module names are those of the
published weights: `seg_model.*` and `enc.enc_mlp.*`.
"""

from __future__ import annotations

from torch import Tensor, nn

from .utt import METADATA_WIDTH, TILE_SIZE

_WIDTHS = (METADATA_WIDTH, 64, 32, 16)  # the last one: rows of the deepest map of a tile of 512 pixels
_DROPOUT = 0.4


class _MetadataEncoder(nn.Module):
    """(B, 45) float to (B, 16) float, none below zero: unlike in U-T&T, the last layer too has its ReLU."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip(_WIDTHS, _WIDTHS[1:]):
            layers += [nn.Linear(before, after), nn.Dropout(_DROPOUT), nn.ReLU()]
        self.enc_mlp = nn.Sequential(*layers)


class MetadataNetwork(nn.Module):
    """A network of segmentation-models-pytorch that takes a patch's metadata where it is given.

    seg_model: the network, made of `encoder`, `decoder` and `segmentation_head`; IGN's is a U-Net with ResNet34.
    """

    def __init__(self, seg_model: nn.Module) -> None:
        super().__init__()
        self.seg_model = seg_model
        self.enc = _MetadataEncoder()

    @property
    def decoder(self) -> nn.Module:
        """The network's decoder, where fine-tuning looks for it."""
        return self.seg_model.get_submodule("decoder")

    @property
    def segmentation_head(self) -> nn.Module:
        """The network's last layers, where fine-tuning looks for them."""
        return self.seg_model.get_submodule("segmentation_head")

    def forward(self, aerial: Tensor, metadata: Tensor | None = None) -> Tensor:
        """Class logits (B, classes, H, W) float of the aerial tiles.

        aerial: (B, bands, H, W) float, normalised as the card says.
        metadata: (B, 45) float: 32 values of the position, then height, camera (2), year (4), month, day and time (2
            each), as IGNF/FLAIR-1 encodes them in `py_module/utils.py`; only for tiles of 512 rows. None, as in every
            map made here, since a raster carries none of it: nothing is added to the deepest map, which is what
            IGN's own detection on rasters does (IGNF/FLAIR-1, `src/zone_detect/model.py`: the branch is left out).
        Raises ValueError where the metadata does not belong to the tiles.
        """
        if metadata is None:
            return self.seg_model(aerial)
        if metadata.shape != (len(aerial), METADATA_WIDTH):
            raise ValueError(
                f"the metadata of {len(aerial)} tiles has the shape ({len(aerial)}, {METADATA_WIDTH}), "
                f"not {tuple(metadata.shape)}"
            )
        maps = list(self.seg_model.get_submodule("encoder")(aerial))
        if maps[-1].shape[-2] != _WIDTHS[-1]:
            raise ValueError(f"aerial metadata fits tiles of {TILE_SIZE} rows only")
        # One value a row of the deepest map, the same in all of its channels and columns, as published.
        maps[-1] = maps[-1] + self.enc.enc_mlp(metadata)[:, None, :, None]
        return self.segmentation_head(self.decoder(maps))
