"""Maps by networks of segmentation-models-pytorch that only their card tells of: the whole job, with made-up weights.

DeepLabV3Plus on ResNet50 of timm and Segformer on MiT are the networks of a published FLAIR #2 solution; the U-Net with
a metadata branch is IGN's baseline of FLAIR #1.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

from flair_landcover.contract.cards import ROLES, WEIGHTS_NAME, ModelCard, digest_of, read_card, write_card
from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.inference.segment import segment
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.models.networks.weights import save_quantised
from flair_landcover.tests.jobs import changed, segmentation_job

from .conftest import Recorder, picture, read_labels, write_raster

SIDE = 200  # pixels of the raster


def _card(name: str, architecture: str, bands: int, **settings) -> ModelCard:
    ends: dict[str, Any] = {"inputs": ROLES[:bands], "means": (0.4,) * bands, "stds": (0.2,) * bands, "fill": {}}
    return ModelCard(id=name, title=f"Random {name}", architecture=architecture, tile_size=128, **ends, **settings)


CARDS = {
    "deeplab": _card("deeplab", "smp:DeepLabV3Plus:tu-resnet50", 5),
    "segformer": _card("segformer", "smp:Segformer:mit_b0", 3),
    "flair1": _card("flair1", "smp:Unet:resnet34", 5, metadata=True),
}


def write_model(folder: Path, card: ModelCard) -> Path:
    """A model folder of random weights of 7 bits, whose labels vary over an image."""
    torch.manual_seed(3)
    network = build_network(card)
    head = getattr(network, "seg_model", network).get_submodule("segmentation_head.0")
    weight, bias = head.get_parameter("weight"), head.get_parameter("bias")
    tile = picture(len(card.inputs), card.tile_size, card.tile_size, seed=1)
    with torch.no_grad():
        # Every output gets the same mean and spread over a picture, so that none wins everywhere.
        logits = network(torch.from_numpy((tile[None] / 255 - 0.4) / 0.2).float())
        bias -= logits.mean(dim=(0, 2, 3))
        spread = logits.std(dim=(0, 2, 3))
        weight /= spread[:, None, None, None]
        bias /= spread
    folder.mkdir(parents=True)
    save_quantised(network.state_dict(), folder / WEIGHTS_NAME)
    write_card(replace(card, weights_digest=digest_of(folder / WEIGHTS_NAME)), folder)
    return folder


@pytest.fixture(scope="module", params=CARDS)
def done(request, tmp_path_factory):
    """One map by each network: its job and result."""
    folder = tmp_path_factory.mktemp(request.param)
    card = CARDS[request.param]
    raster = write_raster(folder / "a.tif", picture(len(card.inputs), SIDE, SIDE).astype(np.uint8))
    model = write_model(folder / "model", card)
    job = segmentation_job(str(raster), str(folder / "map.tif"), model=str(model), device="cpu", precision="fp32")
    recorder = Recorder()
    return job, segment(job, recorder), recorder


def test_the_map_covers_the_raster_with_classes_of_the_card(done):
    job, result, recorder = done
    labels = read_labels(Path(job.output))
    assert labels.shape == (SIDE, SIDE) and result.complete and result.tiles == 4
    assert labels.min() >= 1 and labels.max() <= 13
    assert len(np.unique(labels)) > 5
    assert [name for _, name, _ in result.classes] == [land.name for land in FLAIR_CLASSES]
    counted = np.bincount(labels.ravel(), minlength=14)[1:] * 0.2**2
    assert [result.areas_m2[land.value] for land in FLAIR_CLASSES] == pytest.approx(counted)
    assert recorder.fractions[-1] == 1 and not recorder.warnings


def test_the_map_tells_its_model_and_its_classes(done):
    job, _, _ = done
    card = read_card(Path(job.image.model))
    with rasterio.open(job.output) as dataset:
        tags = {**dataset.tags(), **dataset.tags(1)}
        colours = dataset.colormap(1)
    made = next(json.loads(text) for text in tags.values() if text.startswith("{") and '"weights"' in text)
    assert made["model"] == {"id": card.id, "title": card.title, "weights": card.weights_digest}
    assert list(made["bands"]) == list(card.inputs)
    assert made["normalisation"]["means"] == list(card.means)
    assert colours[5][:3] == FLAIR_CLASSES[4].rgb


def test_another_picture_gives_another_map(done, tmp_path):
    job, _, _ = done
    bands = len(read_card(Path(job.image.model)).inputs)
    raster = write_raster(tmp_path / "a.tif", picture(bands, SIDE, SIDE, seed=9).astype(np.uint8))
    segment(changed(job, input=str(raster), output=str(tmp_path / "map.tif")), Recorder())
    assert (read_labels(tmp_path / "map.tif") != read_labels(Path(job.output))).mean() > 0.2


def test_the_segformer_of_82_million_weights_runs_from_its_card(tmp_path):
    card = replace(CARDS["segformer"], architecture="smp:Segformer:mit_b5")
    folder = write_model(tmp_path / "model", card)
    _, network = load_model(folder)
    assert sum(weights.numel() for weights in network.parameters()) > 80e6
    assert (folder / WEIGHTS_NAME).stat().st_size < 90e6
    with torch.inference_mode():
        tiles = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
        logits = network(tiles)
        assert logits.shape == (1, 13, 64, 64)
        assert not torch.equal(network(tiles.flip(-1)), logits)
