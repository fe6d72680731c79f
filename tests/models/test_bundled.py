"""The model that comes with the plugin."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flair_landcover.contract.cards import digest_of, read_card
from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.inference.segment import segment
from flair_landcover.models.library import BUNDLED_FOLDER
from flair_landcover.models.networks.weights import load_weights
from flair_landcover.research.scenes.village import VillageFiles, make_village
from flair_landcover.tests.jobs import segmentation_job

ROOT = Path(__file__).parents[2]
ZIP_LIMIT = 25_000_000  # bytes that plugins.qgis.org takes
NOT_IN_THE_ZIP = ("tests/", "benchmarks/", "docs/", ".ci/", "demo/")


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> VillageFiles:
    return make_village(tmp_path_factory.mktemp("village"), size=1024)


def test_the_card_is_complete_and_names_its_weights():
    card = read_card(BUNDLED_FOLDER)
    assert card.weights_digest == digest_of(BUNDLED_FOLDER / "weights.safetensors")
    assert card.classes == FLAIR_CLASSES
    assert set(card.fill) == {"nir", "elevation"}
    assert card.satellite is not None
    for text in (card.title, card.licence, card.source, card.training_data, card.limits):
        assert len(text) > 10
    assert card.scores


def test_it_has_the_published_size_in_integers_of_7_bits():
    path = BUNDLED_FOLDER / "weights.safetensors"
    weights = load_weights(path)
    stored_without_gradient = ("running_mean", "running_var", "num_batches_tracked")
    counts = [tensor.numel() for name, tensor in weights.items() if not name.endswith(stored_without_gradient)]
    assert sum(counts) == 27_254_744  # U-T&T without the metadata branch
    assert path.stat().st_size < 28_000_000


def test_a_zip_of_the_plugin_stays_under_the_limit():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    if "models/bundled/weights.safetensors" not in names:
        pytest.skip("this is not a git checkout")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in filter(None, names):
            if not name.startswith(NOT_IN_THE_ZIP):
                archive.write(ROOT / name, f"flair_landcover/{name}")
    assert len(file.getvalue()) <= ZIP_LIMIT


@pytest.mark.parametrize("bands", ["", "R=1 G=2 B=3 NIR=4", "R=1 G=2 B=3"])
def test_it_tells_the_sample_village_better_than_its_commonest_class_would(bands, village, tmp_path):
    class Quiet:
        def progress(self, *_):
            pass

        warning = tile = progress

        def cancelled(self):
            return False

        enough = cancelled

    segment(segmentation_job(str(village.aerial), str(tmp_path / "map.tif"), bands=bands, device="cpu"), Quiet())
    with rasterio.open(tmp_path / "map.tif") as dataset:
        labels = dataset.read(1)
    with rasterio.open(village.truth) as dataset:
        truth = dataset.read(1)
    assert (labels == truth).mean() > np.bincount(truth.ravel()).max() / truth.size
