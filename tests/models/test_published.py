from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest
import torch

from flair_landcover.contract.cards import ROLES, ModelCard
from flair_landcover.engine import hub, hub_transfer
from flair_landcover.models import published
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.checkpoints import load_model, read_checkpoint
from flair_landcover.models.published import PUBLISHED, PublishedModel, find_published

from ..refusal import refusal
from .conftest import random_tiles
from .golden import with_made_up_weights


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda model: model.name)
def test_every_published_model_says_what_is_needed_to_fetch_and_to_choose_it(model):
    assert re.fullmatch(r"IGNF/FLAIR-(INC|HUB)_[\w-]+", model.hub_id)
    assert model.file in (f"{model.name}_weights.pth", f"{model.name}.safetensors")
    assert model.inputs
    assert set(model.inputs) <= set(ROLES)
    assert model.classes in (12, 15)
    assert model.licence == "etalab-2.0"
    assert model.digest is None or re.fullmatch(r"sha256:[0-9a-f]{64}", model.digest)
    assert model.revision is None or re.fullmatch(r"[0-9a-f]{40}", model.revision)
    assert (model.mean_iou is None) == (model.measured_on == "")
    assert all(0 < score < 1 for score in (model.mean_iou, model.accuracy) if score is not None)


def test_hub_ids_differ():
    assert len({model.hub_id for model in PUBLISHED}) == len(PUBLISHED)


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda model: model.name)
def test_every_published_network_is_one_that_can_be_built_and_that_fits_the_files_size(model):
    weights = _weights(model.architecture, model.inputs, model.satellite)
    stored = sum(value.numel() * value.element_size() for value in weights.values())
    if model.size is not None:
        assert 0 < model.size - stored < 500 * len(weights)  # names and the like: some hundred bytes a weight
    if model.weights is not None:
        assert stored / 4e6 == pytest.approx(model.weights, rel=0.03)  # training counts decoders that are left out here


@pytest.mark.parametrize(
    "name",
    [
        "IGNF/FLAIR-INC_rgb_12cl_resnet34-unet",
        " flair-inc_rgb_12cl_resnet34-unet",
        "FLAIR-INC_rgb_12cl_resnet34-unet_weights.pth",
    ],
)
def test_a_model_is_found_by_its_id_its_name_and_its_file(name):
    assert find_published(name).name == "FLAIR-INC_rgb_12cl_resnet34-unet"


@pytest.mark.parametrize("name", ["", "IGNF", "utt", "FLAIR-INC_rgb"])
def test_no_model_is_found_by_a_part_of_its_name(name):
    assert find_published(name) is None


@pytest.mark.parametrize("module", [published, hub, hub_transfer])
def test_no_host_stands_in_the_code(module):
    source = Path(module.__file__).read_text(encoding="utf-8")
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str) and re.search(r"https?:|\.co\b|\.com\b", text)]


# The networks of FLAIR-INC beside the U-Net with ResNet34, read off their checkpoints


def _card(model: PublishedModel) -> ModelCard:
    bands = len(model.inputs)
    return ModelCard(
        "x",
        "X",
        model.architecture,
        model.inputs,
        means=(0.0,) * bands,
        stds=(1.0,) * bands,
        outputs=(1,) * 19,
        satellite=None if not model.satellite else _series(),
    )


@functools.cache
def _weights(architecture: str, inputs: tuple[str, ...], satellite: bool = False) -> dict[str, torch.Tensor]:
    """The state dict of a network, in shapes alone."""
    card = _card(PublishedModel("x/x", "x", architecture, inputs, satellite=satellite))
    # MiT reads values while it is built, which the meta device does not have
    with torch.device("cpu" if "mit_" in architecture else "meta"):
        weights = build_network(card).state_dict()
    return {name: torch.empty_like(value, device="meta") for name, value in weights.items()}


def _series():
    from flair_landcover.models.networks.flairhub_card import FLAIR_HUB_SATELLITE

    return FLAIR_HUB_SATELLITE


# Names of DeepLabV3's decoder in segmentation-models-pytorch 0.3, with which IGN published, and today.
OLD_NAMES = {"decoder.aspp.": "decoder.0.", "decoder.conv.": "decoder.1.", "decoder.bn.": "decoder.2."}


def _as_published(name: str) -> str:
    for new, old in OLD_NAMES.items():
        if name.startswith(new):
            return old + name[len(new) :]
    return name


@pytest.mark.parametrize(
    ("architecture", "file", "title"),
    [
        ("smp:FPN:resnet34", "FLAIR-INC_rgb_15cl_resnet34-fpn_weights.pth", "FPN"),
        ("smp:DeepLabV3:resnet34", "FLAIR-INC_rgb_15cl_resnet34-deeplabv3_weights.pth", "DeepLabV3"),
        ("smp:Unet:mit_b0", "FLAIR-INC_rgb_15cl_mitb0-unet_weights.pth", "U-Net"),
    ],
)
@pytest.mark.parametrize("old", [True, False])
def test_the_other_networks_of_flair_inc_predict_as_they_should(tmp_path, architecture, file, title, old):
    model = PublishedModel("IGNF/x", file, architecture, ROLES[:3])
    network = with_made_up_weights(build_network(_card(model)))
    name = _as_published if old else str
    stored = {f"model.seg_model.{name(key)}": value for key, value in network.state_dict().items()}
    torch.save(stored, tmp_path / file)
    card, loaded = load_model(tmp_path / file)
    assert card.architecture == architecture
    assert title in card.title
    assert card.inputs == ROLES[:3]
    assert card.means == (105.08, 110.87, 101.82)
    assert sum(value > 0 for value in card.outputs) == 15
    with torch.inference_mode():
        tile = random_tiles(1, channels=3)
        torch.testing.assert_close(loaded(tile), network(tile), rtol=1e-5, atol=1e-5)


def test_mit_b5_is_recognised(tmp_path):
    model = next(m for m in PUBLISHED if m.architecture == "smp:Unet:mit_b5")
    shapes = _weights(model.architecture, model.inputs)
    small = {f"seg_model.{name}": torch.zeros(()).to(v.dtype).expand(v.shape) for name, v in shapes.items()}
    torch.save(small, tmp_path / model.file)
    assert read_checkpoint(tmp_path / model.file)[0].architecture == "smp:Unet:mit_b5"


def test_a_mit_of_an_unknown_size_is_refused(tmp_path):
    weights = {
        "encoder.patch_embed1.proj.weight": torch.ones(64, 3, 7, 7),
        "encoder.block3.0.norm1.bias": torch.ones(1),
        "segmentation_head.0.weight": torch.ones(19, 16, 3, 3),
    }
    torch.save(weights, tmp_path / "mit.pth")
    assert "encoder that this version does not know" in refusal(read_checkpoint, tmp_path / "mit.pth")


def test_a_network_of_another_collection_is_refused_by_its_first_difference(tmp_path):
    model = PublishedModel("x/x", "plus.pth", "smp:DeepLabV3Plus:resnet34", ROLES[:3])
    weights = build_network(_card(model)).state_dict()
    torch.save(weights, tmp_path / "plus.pth")
    assert "is missing" in refusal(load_model, tmp_path / "plus.pth")
