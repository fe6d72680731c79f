"""Real rasters and a real network for the tests of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine

from flair_landcover.contract.cards import ModelCard, SatelliteInput, digest_of, write_card
from flair_landcover.contract.notices import Notice, Stage, english
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.weights import save_weights

SHARED_DATA = Path(__file__).parents[2].parent / "shared" / "data"
ORIGIN = (652000.0, 6862000.0)  # upper left corner of made-up rasters, Lambert-93
CRS = "EPSG:2154"


@pytest.fixture(scope="session")
def flair_patches() -> Path:
    """Folder of the real FLAIR #2 patches."""
    folder = SHARED_DATA / "flair2"
    if not folder.is_dir():
        pytest.skip("the real FLAIR patches are not here (../shared/data/flair2)")
    return folder


def make_model(folder: Path, card: ModelCard, seed: int = 0) -> Path:
    """A model folder whose weights are random but whose labels vary over an image."""
    torch.manual_seed(seed)
    network = build_network(card)
    inside = {"utt": "arch_vhr.", "flairhub": "main_decoders.AERIAL_LABEL-COSIA.seg_model."}
    head = network.get_submodule(f"{inside.get(card.architecture.partition(':')[0], '')}segmentation_head.0")
    with torch.no_grad():
        head.get_parameter("weight").mul_(20)  # so that classes win by more than rounding
        head.get_parameter("bias").zero_()
    folder.mkdir(parents=True)
    save_weights(network.state_dict(), folder / "weights.safetensors")
    write_card(replace(card, weights_digest=digest_of(folder / "weights.safetensors")), folder)
    return folder


@pytest.fixture(scope="session")
def utt_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A U-T&T of the published size with random weights."""
    card = ModelCard(id="random", title="Random U-T&T", architecture="utt", satellite=SatelliteInput())
    return make_model(tmp_path_factory.mktemp("models") / "random", card)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small, quick network on tiles of 128 pixels, for tests of what surrounds the network."""
    card = ModelCard(id="small", title="Small U-Net", architecture="smp:Unet:resnet18", tile_size=128)
    return make_model(tmp_path_factory.mktemp("models") / "small", card)


def picture(bands: int, rows: int, columns: int, seed: int = 0, top: int = 255) -> np.ndarray:
    """A picture with structure at several scales, (bands, rows, columns) in 1..top."""
    generator = np.random.default_rng(seed)
    total = np.zeros((bands, rows, columns))
    for step in (4, 16, 64):
        coarse = generator.random((bands, rows // step + 2, columns // step + 2))
        total += np.kron(coarse, np.ones((step, step)))[:, :rows, :columns]
    return (1 + total / 3 * (top - 1)).round()


def write_raster(path: Path, pixels: np.ndarray, **settings) -> Path:
    """A GeoTIFF at ORIGIN with pixels of 0.2 m, unless `settings` say otherwise."""
    profile = {
        "driver": "GTiff",
        "dtype": pixels.dtype,
        "count": len(pixels),
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "crs": CRS,
        "transform": Affine(0.2, 0, ORIGIN[0], 0, -0.2, ORIGIN[1]),
    }
    profile.update(settings)
    with rasterio.open(path, "w", **{key: value for key, value in profile.items() if value is not None}) as dataset:
        dataset.write(pixels)
    return path


def read_labels(path: Path) -> np.ndarray:
    """The map's labels, uint8 (rows, columns)."""
    with rasterio.open(path) as dataset:
        return dataset.read(1)


@dataclass
class Recorder:
    """A report that remembers; after so many tiles or blocks it asks for an end, or has enough."""

    warnings: list[str] = field(default_factory=list)
    fractions: list[float] = field(default_factory=list)
    tiles: list[tuple[tuple[float, ...], bytes]] = field(default_factory=list)
    stop_after: int | None = None
    enough_after: int | None = None
    notices: list[Notice] = field(default_factory=list)

    def progress(self, fraction: float, stage: Stage, remaining_s: float | None = None) -> None:
        self.fractions.append(fraction)

    def warning(self, notice: Notice) -> None:
        self.warnings.append(english(notice))
        self.notices.append(notice)

    def tile(self, transform: tuple[float, ...], png: bytes) -> None:
        self.tiles.append((transform, png))

    def cancelled(self) -> bool:
        return self.stop_after is not None and len(self.tiles) >= self.stop_after

    def enough(self) -> bool:
        return self.enough_after is not None and len(self.tiles) >= self.enough_after
