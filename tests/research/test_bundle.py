"""Models packed for the plugin: what is measured, what the card says, what is refused."""

from __future__ import annotations

import re
import subprocess  # nosec B404 - starts make and this very interpreter
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from flair_landcover.contract.cards import (
    CARD_NAME,
    WEIGHTS_NAME,
    BadModel,
    ModelCard,
    SatelliteInput,
    digest_of,
    read_card,
)
from flair_landcover.engine.hub import cache_path
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.checkpoints import load_model, read_checkpoint
from flair_landcover.models.networks.flairhub import FlairHub
from flair_landcover.models.networks.flairhub_card import FLAIR_HUB_SATELLITE
from flair_landcover.models.networks.weights import load_weights, save_quantised
from flair_landcover.models.package import export_model
from flair_landcover.research import bundle as module
from flair_landcover.research.bundle import MOST_BYTES, ComparedTile, agreement, bundle, deflated_bytes, main

from ..inference.conftest import make_model, picture, write_raster
from ..models.golden import with_made_up_weights

SMALL = ModelCard(id="small", title="Small U-Net", architecture="smp:Unet:resnet18", tile_size=64)
ROOT = Path(__file__).parents[2]
AGREEMENT = "agreement of stored and float32 weights"


def on_the_grid(network: nn.Module, bits: int = 7) -> nn.Module:
    """A network whose weights are what storing leaves of them already, so that packing takes nothing away."""
    with tempfile.TemporaryDirectory() as folder:
        save_quantised(network.state_dict(), Path(folder) / WEIGHTS_NAME, bits)
        network.load_state_dict(load_weights(Path(folder) / WEIGHTS_NAME))
    return network.eval()


@pytest.fixture(scope="module")
def patches(tmp_path_factory) -> Path:
    """A folder as FLAIR's, of two small patches."""
    folder = tmp_path_factory.mktemp("flair") / "D1" / "img"
    folder.mkdir(parents=True)
    for number in (1, 2):
        write_raster(folder / f"IMG_00000{number}.tif", picture(5, 64, 64, seed=number).astype(np.uint8))
    return folder.parents[1]


@pytest.fixture(scope="module")
def rounded(tmp_path_factory) -> Path:
    """A model folder that loses nothing when it is packed."""
    torch.manual_seed(0)
    folder = make_model(tmp_path_factory.mktemp("models") / "exact", SMALL)
    card, network = load_model(folder)
    module.write_weights(on_the_grid(network), folder)
    module.write_model(card, folder)
    return folder


@pytest.fixture(scope="module")
def unet(tmp_path_factory) -> Path:
    """A checkpoint as IGN's FLAIR-INC collection publishes them."""
    torch.manual_seed(1)
    card = ModelCard("x", "X", "smp:Unet:resnet34", outputs=(0,) * 19)
    network = on_the_grid(build_network(card))
    path = tmp_path_factory.mktemp("inc") / "FLAIR-INC_rgbie_15cl_resnet34-unet_weights.pth"
    torch.save({f"model.seg_model.{name}": value for name, value in network.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def flairhub(tmp_path_factory) -> Path:
    """A checkpoint of the FLAIR-HUB network of 29.8 million weights.

    They are spread normally, which deflates worse than most trained weights: of 7 bits they would be 24.9 MB.
    """
    network = on_the_grid(with_made_up_weights(FlairHub("convnextv2tiny", "upernet", classes=19)), bits=6)
    path = tmp_path_factory.mktemp("hub") / "mine.ckpt"
    torch.save({"state_dict": {f"model.{name}": value for name, value in network.state_dict().items()}}, path)
    return path


def refused(*arguments, **settings) -> str:
    with pytest.raises(BadModel) as caught:
        bundle(*arguments, **settings)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


def test_a_packed_folder_loads_and_its_card_tells_where_it_is_from(rounded, patches, tmp_path):
    done = bundle(str(rounded), tmp_path / "packed", patches)
    card, network = load_model(tmp_path / "packed")
    assert card == done.card and card.id == "packed" and card.title == "Small U-Net"
    assert card.weights_digest == digest_of(tmp_path / "packed" / WEIGHTS_NAME)
    assert digest_of(rounded / WEIGHTS_NAME) in card.source and "integers of 7 bits" in card.source
    assert card.scores[AGREEMENT] == done.agreement == 1
    assert card.scores["agreement measured on"].startswith("the real FLAIR patches 000001, 000002 (IGN")
    given = load_model(rounded)[1].state_dict()
    for name, weights in network.state_dict().items():
        torch.testing.assert_close(weights, given[name], rtol=1e-5, atol=1e-7)
    assert sorted(path.name for path in (tmp_path / "packed").iterdir()) == [CARD_NAME, WEIGHTS_NAME]
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]


def test_agreement_is_the_share_of_equal_labels():
    torch.manual_seed(0)
    card = replace(SMALL, tile_size=32)
    one = build_network(card)
    with torch.no_grad():  # one class wins everywhere, another one where the first band is bright
        one.segmentation_head = nn.Conv2d(5, 13, 1)
        one.encoder, one.decoder = nn.Identity(), nn.Identity()
        one.forward = lambda tiles: one.segmentation_head(tiles)
        one.segmentation_head.weight.zero_()
        one.segmentation_head.bias.copy_(torch.arange(13.0) == 3)
        other = nn.Conv2d(5, 13, 1)
        other.load_state_dict(one.segmentation_head.state_dict())
        other.weight[7, 0] = 4.0
    bands = np.zeros((5, 32, 32), np.uint8)
    bands[0, :8] = 255
    tiles = [ComparedTile(bands, 1), ComparedTile(np.zeros_like(bands), 1)]
    assert agreement(card, one, other, tiles) == pytest.approx(1 - 0.25 / 2)
    assert agreement(card, one, one, tiles) == 1
    with pytest.raises(ValueError, match="no tiles"):
        agreement(card, one, one, [])


@pytest.mark.parametrize("satellite", [SatelliteInput(), FLAIR_HUB_SATELLITE])
def test_networks_with_satellite_are_compared_with_a_series_as_they_take_it(satellite):
    seen = []

    class Watching(nn.Module):
        def forward(self, aerial, series, days):
            seen.append((series, days))
            return torch.zeros(1, 13, *aerial.shape[-2:])

    card = replace(SMALL, satellite=satellite)
    agreement(card, Watching(), Watching(), [ComparedTile(np.ones((5, 64, 64), np.uint8), 3)])
    (series, days), (again, _) = seen
    assert series.shape == (1, 12, 10, satellite.superpatch, satellite.superpatch) and series.std() > 100
    assert days.shape == (1, 12) and days[0, 0] == 120 * satellite.days_sign  # from 15 January to 15 May
    assert torch.equal(series, again)


def test_labels_that_agree_too_little_are_refused_unless_forced(patches, tmp_path):
    model = make_model(tmp_path / "random", SMALL)
    share = bundle(str(model), tmp_path / "forced", patches, force=True).agreement
    assert 0.3 < share < 0.99  # labels of random weights lie close together
    sentence = refused(str(model), tmp_path / "packed", patches)
    assert re.search(
        rf"gives only {100 * share:.1f}% of the pixels .*, not 99%: choose another model or more bits with --bits 8",
        sentence,
    )
    assert not (tmp_path / "packed").exists()
    card = read_card(tmp_path / "forced")
    assert card.scores[AGREEMENT] == pytest.approx(share, abs=1e-4)


def test_a_model_too_large_for_the_plugin_site_is_refused_unless_forced(rounded, patches, tmp_path, monkeypatch):
    assert MOST_BYTES == 24_400_000
    monkeypatch.setattr(module, "MOST_BYTES", 1_000_000)
    sentence = refused(str(rounded), tmp_path / "packed", patches)
    assert "more than the 1,000,000 that fit into a zip of the plugin site" in sentence
    assert sentence.endswith(
        "choose another model or fewer bits with --bits 6, or give --force to write it all the same."
    )
    assert not list(tmp_path.iterdir())
    done = bundle(str(rounded), tmp_path / "packed", patches, force=True)
    assert done.bytes == deflated_bytes(tmp_path / "packed") > 1_000_000
    assert any("1,000,000" in warning for warning in done.warnings)


def test_fewer_bits_make_it_smaller_and_agree_less(rounded, patches, tmp_path):
    seven, five = (bundle(str(rounded), tmp_path / str(bits), patches, force=True, bits=bits) for bits in (7, 5))
    assert five.bytes < 0.8 * seven.bytes
    assert five.agreement < seven.agreement == 1
    assert "integers of 5 bits" in five.card.source
    assert "4 to 8 bits, not 3" in refused(str(rounded), tmp_path / "packed", patches, bits=3)


def test_deflated_bytes_are_those_of_a_zip(rounded, tmp_path):
    size = export_model(rounded, tmp_path / "model.zip")
    assert deflated_bytes(rounded) == pytest.approx(size, rel=0.02)


def test_a_flair_inc_checkpoint_is_packed_with_its_licence_and_attribution(unet, patches, tmp_path):
    done = bundle(str(unet), tmp_path / "packed", patches)
    assert done.agreement > 0.999 and not done.warnings
    assert done.card.licence == "Licence Ouverte 2.0 (Etalab)"
    assert "Attribution: IGN, France." in done.card.source and unet.name in done.card.source
    assert "on the model hub" not in done.card.source  # its name is a published one's, its digest is not
    assert done.card.outputs == read_checkpoint(unet)[0].outputs
    assert done.bytes < MOST_BYTES


def test_the_flairhub_network_of_29_8_million_weights_fits(flairhub, patches, tmp_path):
    done = bundle(str(flairhub), tmp_path / "packed", patches, bits=6)
    assert done.card.architecture == "flairhub:convnextv2tiny-upernet" and done.card.licence == "etalab-2.0"
    assert done.agreement > 0.999
    assert 15e6 < done.bytes < MOST_BYTES
    assert load_model(tmp_path / "packed")[0] == done.card


def test_a_model_of_the_hub_is_named_with_its_published_scores(flairhub, patches, tmp_path, monkeypatch):
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "library"))
    title = "FLAIR-HUB_LC-A_IR_convnextv2tiny-upernet"
    name = f"IGNF/{title}"
    file = cache_path(name)
    file.parent.mkdir(parents=True)
    save_file(read_checkpoint(flairhub)[1], file)
    card = bundle(name, tmp_path / "packed", patches, bits=6).card
    assert card.title == title
    assert card.source.startswith(f"{name} on the model hub, {file.name} ({digest_of(file)}).")
    assert "Attribution: IGN, France." in card.source
    assert card.scores["as published, before packing"]["mean_iou"] == 0.62725


def test_a_zip_is_packed_too_and_generated_scenes_stand_in_for_patches(rounded, tmp_path, capsys):
    export_model(rounded, tmp_path / "model.zip")
    arguments = [str(tmp_path / "model.zip"), "--out", str(tmp_path / "packed"), "--title", "Mine"]
    assert main([*arguments, "--attribution", "A. Nonymous"]) == 0
    printed = capsys.readouterr()
    assert "Mine, 100.00% of the labels as before" in printed.out
    assert printed.err == "warning: The licence of Mine is not known: give it with --licence before you pass it on.\n"
    card = read_card(tmp_path / "packed")
    assert card.scores["agreement measured on"] == "4 generated scenes"
    assert card.licence.startswith("not stated by the file") and "Attribution: A. Nonymous." in card.source
    assert main([*arguments, "--licence", "CC BY 4.0"]) == 0
    assert read_card(tmp_path / "packed").licence == "CC BY 4.0"
    assert capsys.readouterr().err == ""


def test_an_older_model_is_replaced_whole_and_nothing_else_is(rounded, patches, tmp_path):
    make_model(tmp_path / "packed", SMALL)
    (tmp_path / "packed" / "report.html").write_text("old")
    bundle(str(rounded), tmp_path / "packed", patches)
    assert sorted(path.name for path in (tmp_path / "packed").iterdir()) == [CARD_NAME, WEIGHTS_NAME]
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.txt").write_text("mine")
    assert "is no model folder" in refused(str(rounded), tmp_path / "notes", patches)
    assert (tmp_path / "notes" / "note.txt").read_text() == "mine"


def test_a_refusal_leaves_the_older_model(rounded, patches, tmp_path):
    make_model(tmp_path / "random", SMALL)
    bundle(str(rounded), tmp_path / "packed", patches)
    before = read_card(tmp_path / "packed")
    refused(str(tmp_path / "random"), tmp_path / "packed", patches)
    assert load_model(tmp_path / "packed")[0] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed", "random"]


def test_a_model_can_be_packed_into_its_own_folder(rounded, patches, tmp_path):
    bundle(str(rounded), tmp_path / "packed", patches)
    done = bundle(str(tmp_path / "packed"), tmp_path / "packed", patches)
    assert done.agreement == 1 and load_model(tmp_path / "packed")[0] == done.card


def test_what_cannot_be_used_is_told_in_a_sentence(rounded, patches, tmp_path, monkeypatch):
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "library"))
    assert "no published model named nowhere.ckpt" in refused("nowhere.ckpt", tmp_path / "packed", patches)
    (tmp_path / "empty").mkdir()
    assert "holds no FLAIR patch" in refused(str(rounded), tmp_path / "packed", tmp_path / "empty")
    write_raster(tmp_path / "empty" / "IMG_1.tif", np.ones((3, 64, 64), np.uint8))
    assert "no FLAIR patch of five bands" in refused(str(rounded), tmp_path / "packed", tmp_path / "empty")
    (tmp_path / "text.ckpt").write_text("no weights")
    assert "text.ckpt is not" in refused(str(tmp_path / "text.ckpt"), tmp_path / "packed", patches)
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(str(rounded), tmp_path / "file" / "packed", patches)


def test_the_command_refuses_with_status_2_and_one_line(tmp_path):
    command = [
        sys.executable,
        "-m",
        "flair_landcover.research.bundle",
        str(tmp_path),
        "--out",
        str(tmp_path / "packed"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr == f"{tmp_path} is not a model folder: it has no card.json.\n"


def test_make_bundle_asks_for_a_model():
    ended = subprocess.run(
        ["make", "--dry-run", "bundle"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 2 and "make bundle MODEL=<hub id, folder or checkpoint>" in ended.stderr
    command = ["make", "--dry-run", "bundle", "MODEL=a b.ckpt", "DATA=patches", "OPTIONS=--force"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    said = " ".join(ended.stdout.replace("\\\n", " ").split())
    assert "-m flair_landcover.research.bundle 'a b.ckpt' --out models/bundled --data 'patches' --force" in said
