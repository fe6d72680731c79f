from __future__ import annotations

import io
import os
import pickle  # nosec B403 - writes what the loader must refuse
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from flair_landcover.contract.cards import CARD_NAME, WEIGHTS_NAME, ModelCard, SatelliteInput, digest_of, write_card
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.checkpoints import install_checkpoint, load_model, read_checkpoint
from flair_landcover.models.networks.flairhub import DECODERS, ENCODERS, FlairHub
from flair_landcover.models.networks.flairhub_card import flairhub_card
from flair_landcover.models.networks.weights import load_weights, save_quantised, save_weights

from ...refusal import refusal
from ..conftest import random_series, random_tiles

# README of IGNF/FLAIR-1 and cards of the FLAIR-INC models, written off by hand: output, class, and the
# class of ours that it means in the models of 12 and of 15 classes (0: it was not trained).
FLAIR_INC = [
    (0, "building", 1, 1),
    (1, "pervious surface", 2, 2),
    (2, "impervious surface", 3, 3),
    (3, "bare soil", 4, 4),
    (4, "water", 5, 5),
    (5, "coniferous", 6, 6),
    (6, "deciduous", 7, 7),
    (7, "brushwood", 8, 8),
    (8, "vineyard", 9, 9),
    (9, "herbaceous vegetation", 10, 10),
    (10, "agricultural land", 11, 11),
    (11, "plowed land", 12, 12),
    (12, "swimming pool", 0, 13),
    (13, "snow", 0, 13),
    (14, "clear cut", 0, 0),
    (15, "mixed", 0, 0),
    (16, "ligneous", 0, 0),
    (17, "greenhouse", 0, 13),
    (18, "other", 0, 0),
]
# README of IGNF/FLAIR-HUB, written off by hand: output, class, and the class of ours that it means.
FLAIR_HUB = [
    (0, "building", 1),
    (1, "greenhouse", 13),
    (2, "swimming pool", 13),
    (3, "impervious surface", 3),
    (4, "pervious surface", 2),
    (5, "bare soil", 4),
    (6, "water", 5),
    (7, "snow", 13),
    (8, "herbaceous vegetation", 10),
    (9, "agricultural land", 11),
    (10, "plowed land", 12),
    (11, "vineyard", 9),
    (12, "deciduous", 7),
    (13, "coniferous", 6),
    (14, "brushwood", 8),
    (15, "clear cut", 0),
    (16, "ligneous", 0),
    (17, "mixed", 0),
    (18, "undefined", 0),
]
MEANS = (105.08, 110.87, 101.82, 106.38, 53.26)
STDS = (52.17, 45.38, 44.0, 39.69, 79.3)
ROUNDING = 1e-5  # of logits of about 1: sums are done in another order where weights lie otherwise in memory
ROLES = ("red", "green", "blue", "nir", "elevation")


def _prefixed(network: torch.nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in network.state_dict().items()}


def _lightning(weights: dict[str, torch.Tensor]) -> dict:
    """What Lightning writes around a state dict."""
    return {
        "epoch": 91,
        "global_step": 48_000,
        "pytorch-lightning_version": "2.0.1",
        "state_dict": weights,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 92, "completed": 91}}}},
        "callbacks": {
            "ModelCheckpoint{'monitor': 'val_miou'}": {"best_model_score": torch.tensor(0.57), "dirpath": "x"}
        },
        "optimizer_states": [{"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.001}]}],
        "lr_schedulers": [],
        "hparams_name": "config",
        "hyper_parameters": {"num_classes": 13, "use_metadata": True, "learning_rate": 0.001, "bands": [1, 2, 3, 4, 5]},
    }


def _flair_2(network: torch.nn.Module) -> dict:
    """A checkpoint as IGNF/FLAIR-2 publishes them."""
    losses = {"criterion.0.weight": torch.ones(13), "criterion.1.weight": torch.ones(13)}
    return _lightning({**losses, **_prefixed(network, "model.")})


def _ends(bands: int = 5, outputs: int = 19) -> dict[str, torch.Tensor]:
    """The two weights that a FLAIR-INC U-Net is known by."""
    return {
        "encoder.conv1.weight": torch.ones(64, bands, 7, 7),
        "segmentation_head.0.weight": torch.ones(outputs, 16, 3, 3),
    }


@pytest.fixture(scope="module")
def flair_2_file(utt, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("flair-2") / "FLAIR-2_UTT.ckpt"
    torch.save(_flair_2(utt), path)
    return path


@pytest.fixture
def small_folder(tmp_path) -> Path:
    """A model folder of a small network."""
    folder = tmp_path / "small"
    folder.mkdir()
    card = ModelCard(id="small", title="Small", architecture="smp:Unet:resnet18")
    save_weights(build_network(card).state_dict(), folder / WEIGHTS_NAME)
    write_card(replace(card, weights_digest=digest_of(folder / WEIGHTS_NAME)), folder)
    return folder


def _largest_difference(network, other) -> float:
    """Between the logits of two U-T&T on one tile with its series."""
    with torch.inference_mode():
        inputs = random_tiles(1), *random_series(1, dates=2, side=24)
        return float((network(*inputs) - other(*inputs)).abs().max())


# Our own folders


@pytest.mark.parametrize(("form", "allowed"), [("float32", ROUNDING), ("float16", 0.01), ("7 bits", 0.2)])
def test_a_model_folder_predicts_as_the_network_it_was_made_of(utt, tmp_path, form, allowed):
    path = tmp_path / WEIGHTS_NAME
    weights = utt.state_dict()
    if form == "7 bits":
        save_quantised(weights, path, bits=7)
    elif form == "float16":
        save_weights({n: v.half() if v.is_floating_point() else v for n, v in weights.items()}, path)
    else:
        save_weights(weights, path)
    card = ModelCard(id="a", title="A", architecture="utt", satellite=SatelliteInput(), weights_digest=digest_of(path))
    write_card(card, tmp_path)
    loaded_card, network = load_model(tmp_path)
    assert loaded_card == card
    assert not network.training
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert {parameter.device.type for parameter in network.parameters()} == {"cpu"}
    for name, value in load_weights(path).items():
        assert torch.equal(network.state_dict()[name], value)
        assert form != "float32" or torch.equal(weights[name], value)
    assert _largest_difference(network, utt) <= allowed


def test_an_empty_folder_is_no_model(tmp_path):
    assert CARD_NAME in refusal(load_model, tmp_path)


def test_a_card_without_weights_is_no_model(small_folder):
    (small_folder / WEIGHTS_NAME).unlink()
    assert WEIGHTS_NAME in refusal(load_model, small_folder)


def test_weights_that_the_card_does_not_name_are_refused(small_folder):
    weights = load_weights(small_folder / WEIGHTS_NAME)
    weights["segmentation_head.0.bias"] += 1
    save_weights(weights, small_folder / WEIGHTS_NAME)
    assert "not those that its card names" in refusal(load_model, small_folder)


def test_truncated_weights_of_a_folder_are_refused(small_folder):
    write_card(ModelCard(id="small", title="Small", architecture="smp:Unet:resnet18"), small_folder)
    with open(small_folder / WEIGHTS_NAME, "r+b") as file:
        file.truncate(1_000_000)
    assert WEIGHTS_NAME in refusal(load_model, small_folder)


def test_a_folder_whose_weights_are_another_networks_is_refused(small_folder):
    write_card(ModelCard(id="small", title="Small", architecture="smp:Unet:resnet34"), small_folder)
    assert "encoder.layer1.2.conv1.weight is missing" in refusal(load_model, small_folder)


# U-T&T as IGNF/FLAIR-2 publishes it


def test_a_published_utt_predicts_as_it_should(utt, flair_2_file):
    card, network = load_model(flair_2_file)
    assert _largest_difference(network, utt) <= ROUNDING
    assert (card.architecture, card.satellite, card.metadata) == ("utt", SatelliteInput(), False)
    assert (card.inputs, card.scale, card.means, card.stds) == (ROLES, 255.0, (0.0,) * 5, (1.0,) * 5)
    assert card.outputs == tuple(range(1, 14))
    assert not card.fill  # it was trained with all five bands


def test_a_published_utt_with_metadata_has_that_branch(utt_with_metadata, tmp_path):
    torch.save(_flair_2(utt_with_metadata), tmp_path / "model.pt")
    card, network = load_model(tmp_path / "model.pt")
    assert card.metadata
    assert network.has_metadata
    assert _largest_difference(network, utt_with_metadata) <= ROUNDING


def test_an_aerial_network_of_flair_2_has_no_satellite_branch(utt, tmp_path):
    aerial = {name: value for name, value in utt.state_dict().items() if name.startswith("arch_vhr.")}
    save_file(aerial, tmp_path / "aerial.safetensors")
    card, network = load_model(tmp_path / "aerial.safetensors")
    assert card.satellite is None
    with torch.inference_mode():
        torch.testing.assert_close(network(random_tiles(1)), utt(random_tiles(1)), rtol=0, atol=ROUNDING)


def _without(name: str):
    return lambda weights: weights.pop(name)


def _reshaped(name: str, *shape: int):
    return lambda weights: weights.update({name: torch.zeros(shape)})


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ([_without("arch_hr.temporal_encoder.inconv.bias")], "arch_hr.temporal_encoder.inconv.bias is missing"),
        ([_without("arch_vhr.segmentation_head.0.weight")], "arch_vhr.segmentation_head.0.weight is missing"),
        ([_reshaped("arch_hr.attention.weight", 3)], "arch_hr.attention.weight is unknown"),
        (
            [
                _reshaped("reshape_utae_output.1.bias", 14),
                _reshaped("arch_vhr.encoder.layer1.0.bn1.bias", 65),
                _reshaped("arch_vhr.encoder.layer1.0.conv1.weight", 64, 64, 5, 5),
            ],
            "arch_vhr.encoder.layer1.0.conv1.weight has the shape (64, 64, 5, 5) instead of (64, 64, 3, 3)",
        ),
        ([_reshaped("arch_vhr.encoder.conv1.weight", 64)], "arch_vhr.encoder.conv1.weight has the shape (64,)"),
        ([_reshaped("arch_vhr.segmentation_head.0.weight", 19, 16, 3, 3)], "5 aerial bands and 19 classes"),
        ([_reshaped("arch_vhr.encoder.conv1.weight", 64, 3, 7, 7)], "3 aerial bands and 13 classes"),
    ],
)
def test_a_utt_that_does_not_fit_is_refused_by_its_first_difference(utt, tmp_path, changes, difference):
    # Every weight a single zero, seen in its full shape: a small file.
    weights = {name: torch.zeros((), dtype=value.dtype).expand(value.shape) for name, value in utt.state_dict().items()}
    for change in changes:
        change(weights)
    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": {f"model.{name}": value for name, value in weights.items()}}, path)
    sentence = refusal(load_model, path)
    assert difference in sentence
    assert sentence.startswith(str(path))


# FLAIR-INC U-Nets


@pytest.mark.parametrize(
    ("prefix", "bands", "file"),
    [
        ("model.seg_model.", 5, "FLAIR-INC_rgbie_15cl_resnet34-unet.ckpt"),
        ("seg_model.", 4, "FLAIR-INC_rgbi_12cl_resnet34-unet_weights.pth"),
        ("model.", 3, "FLAIR-INC_rgb_15cl_resnet34-unet.safetensors"),
    ],
)
def test_a_flair_inc_unet_predicts_as_it_should(unet, tmp_path, prefix, bands, file):
    network, path = unet(bands), tmp_path / file
    weights = _prefixed(network, prefix)
    if path.suffix == ".safetensors":
        save_file(weights, path)
    elif path.suffix == ".ckpt":
        torch.save(_lightning({**weights, "criterion.weight": torch.ones(19)}), path)
    else:
        torch.save(weights, path)
    card, loaded = load_model(path)
    with torch.inference_mode():
        tile = random_tiles(1, channels=bands)
        torch.testing.assert_close(loaded(tile), network(tile), rtol=0, atol=ROUNDING)
    assert card.architecture == "smp:Unet:resnet34"
    assert card.inputs == ROLES[:bands]
    assert card.outputs == tuple(row[2 if "12cl" in file else 3] for row in FLAIR_INC)


@pytest.mark.parametrize("bands", [3, 4, 5])
@pytest.mark.parametrize("prefix", ["model.seg_model.", "seg_model.", "model.", ""])
def test_the_card_of_a_flair_inc_unet_has_the_published_normalisation(tmp_path, prefix, bands):
    torch.save({prefix + name: value for name, value in _ends(bands).items()}, tmp_path / "unet.pth")
    card, weights = read_checkpoint(tmp_path / "unet.pth")
    assert set(weights) == set(_ends())
    assert card.inputs == ROLES[:bands]
    assert (card.scale, card.means, card.stds) == (1.0, MEANS[:bands], STDS[:bands])
    assert not card.fill


@pytest.mark.parametrize(
    ("file", "asked", "column"),
    [
        ("FLAIR-INC_rgb_12cl_resnet34-unet.pth", None, 2),
        ("FLAIR-INC_RGB_12CL.pth", None, 2),
        ("FLAIR-INC_rgb_15cl_resnet34-unet.pth", None, 3),
        ("unet.pth", None, 3),
        ("unet.pth", 12, 2),
        ("unet_12cl.pth", 15, 3),
    ],
)
def test_outputs_of_a_flair_inc_unet_mean_our_classes_by_name(tmp_path, file, asked, column):
    torch.save(_ends(), tmp_path / file)
    card, _ = read_checkpoint(tmp_path / file, asked)
    assert card.outputs == tuple(row[column] for row in FLAIR_INC)
    names = {c.value: c.name for c in card.classes}
    for output, name, *_ in FLAIR_INC[:12]:
        assert names[card.outputs[output]] == name


@pytest.mark.parametrize(
    ("live", "others"), [(12, []), (15, [(14, "swimming pool"), (15, "snow"), (16, "greenhouse")])]
)
def test_a_flair_inc_unet_keeps_its_own_classes_with_ours_first(tmp_path, live, others):
    torch.save(_ends(), tmp_path / "unet.pth")
    card, _ = read_checkpoint(tmp_path / "unet.pth", live)
    assert [(c.value, c.name) for c in card.own_classes] == [*((i + 1, FLAIR_INC[i][1]) for i in range(12)), *others]
    names = {0: "", **{c.value: c.name for c in card.own_classes}}
    trained = {12: 2, 15: 3}[live]
    assert [names[value] for value in card.own_outputs] == [row[1] if row[trained] else "" for row in FLAIR_INC]
    assert len(card.classes) == 13


@pytest.mark.parametrize(
    ("weights", "live", "named"),
    [
        (_ends(outputs=13), None, "13 outputs, where a FLAIR-INC U-Net has 3 to 5 and 19"),
        (_ends(bands=6), None, "6 aerial bands"),
        (_ends(bands=2), None, "2 aerial bands"),
        (_ends(), 14, "12 or 15 live classes, not 14"),
        ({**_ends(), "encoder.conv1.weight": torch.ones(())}, None, "encoder.conv1.weight has the shape ()"),
    ],
)
def test_a_unet_of_another_kind_is_refused(tmp_path, weights, live, named):
    torch.save(weights, tmp_path / "unet.pth")
    assert named in refusal(read_checkpoint, tmp_path / "unet.pth", live)


# FLAIR-HUB


def _hub(
    family: str = "convnextv2", width: int = 96, depth: int = 9, bands: int = 3, outputs: int = 19
) -> dict[str, torch.Tensor]:
    """The weights that a FLAIR-HUB network is known by."""
    first, stages = {"convnextv2": ("stem_0", "stages"), "swin": ("patch_embed.proj", "layers")}[family]
    encoder, decoder = "encoders.AERIAL_RGBI.seg_model.model", "main_decoders.AERIAL_LABEL-COSIA.seg_model"
    return {
        f"{encoder}.{first}.weight": torch.ones(width, bands, 4, 4),
        **{f"{encoder}.{stages}_2.blocks.{block}.mlp.fc1.bias": torch.ones(1) for block in range(depth)},
        f"{decoder}.decoder.psp.out_conv.0.weight": torch.ones(1),
        f"{decoder}.segmentation_head.0.bias": torch.ones(outputs),
    }


@pytest.mark.parametrize(
    ("kind", "prefix", "file"),
    [
        ("LC-D", "model.", "FLAIR-HUB_LC-D_IR_convnextv2tiny-upernet.ckpt"),
        ("LC-A", "", "FLAIR-HUB_LC-A_IR_convnextv2tiny-upernet.safetensors"),
        ("LC-A", "model.", "hub.pth"),
    ],
)
def test_a_flairhub_network_predicts_as_it_should(tmp_path, kind, prefix, file):
    torch.manual_seed(0)
    network = FlairHub("convnextv2tiny", "upernet", satellite=kind == "LC-D").eval()
    stored = _prefixed(network, prefix)
    stored["criterion.AERIAL_LABEL-COSIA.weight"] = torch.ones(19)
    stored[f"{prefix}aux_decoders.SENTINEL2_TS__AERIAL_LABEL-COSIA.weight"] = torch.ones(19, 19, 1, 1)
    path = tmp_path / file
    if path.suffix == ".safetensors":
        save_file(stored, path)
    else:
        torch.save(_lightning(stored) if path.suffix == ".ckpt" else stored, path)
    card, loaded = load_model(path)
    inputs = random_tiles(1, channels=3), *(random_series(1, side=10) if kind == "LC-D" else ())
    with torch.inference_mode():
        torch.testing.assert_close(loaded(*inputs), network(*inputs), rtol=0, atol=ROUNDING)
    assert card.architecture == "flairhub:convnextv2tiny-upernet"
    assert (card.satellite is not None) == (kind == "LC-D")


@pytest.mark.parametrize("prefix", ["model.", ""])
def test_the_card_of_a_flairhub_network_has_the_published_normalisation_and_classes(tmp_path, prefix):
    torch.save({prefix + name: value for name, value in _hub().items()}, tmp_path / "hub.pth")
    card, weights = read_checkpoint(tmp_path / "hub.pth")
    assert set(weights) == set(_hub())
    assert card.inputs == ("nir", "red", "green")
    assert (card.scale, card.means, card.stds) == (1.0, (106.59, 105.66, 111.35), (39.78, 52.23, 45.62))
    assert not card.fill
    assert card.outputs == tuple(row[2] for row in FLAIR_HUB)
    assert card.licence == "etalab-2.0"
    names = {c.value: c.name for c in card.classes}
    assert all(names[value] in (name, "other") for _, name, value in FLAIR_HUB if value)


def test_a_flairhub_network_keeps_its_own_classes_with_ours_first(tmp_path):
    torch.save(_hub(), tmp_path / "hub.pth")
    card, _ = read_checkpoint(tmp_path / "hub.pth")
    others = [(14, "greenhouse", "#9999ff"), (15, "swimming pool", "#3de6eb"), (16, "snow", "#ffffff")]
    assert [(c.value, c.name, c.colour) for c in card.own_classes[12:]] == others
    assert card.own_classes[:12] == card.classes[:12]
    names = {0: "", **{c.value: c.name for c in card.own_classes}}
    assert [names[value] for value in card.own_outputs] == [name if value else "" for _, name, value in FLAIR_HUB]


def test_a_flairhub_network_whose_file_is_called_rgb_takes_colours(tmp_path):
    for file, first in (("FLAIR-HUB_LC-A_RGB_swinbase-upernet.pth", "red"), ("FLAIR-HUB_LC-A_RGBI.pth", "nir")):
        torch.save(_hub(), tmp_path / file)
        card, _ = read_checkpoint(tmp_path / file)
        assert card.inputs[0] == first
        assert first in card.title
    torch.save(_hub(), tmp_path / "lc-a_rgb.pth")
    card, _ = read_checkpoint(tmp_path / "lc-a_rgb.pth")
    assert (card.inputs, card.means, card.stds) == (
        ("red", "green", "blue"),
        (105.66, 111.35, 102.18),
        (52.23, 45.62, 44.29),
    )


def test_the_series_of_a_flairhub_network_is_the_published_one(tmp_path):
    torch.save({**_hub(), "encoders.SENTINEL2_TS.out_conv.x": torch.ones(1)}, tmp_path / "hub.pth")
    satellite = read_checkpoint(tmp_path / "hub.pth")[0].satellite
    assert satellite == SatelliteInput(
        superpatch=10, divisor=1.0, required=True, averaging="year", days_sign=-1, cloud_rule="flairhub"
    )


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_network_of_the_flairhub_collection_is_recognised(encoder, decoder):
    with torch.device("meta"):
        weights = FlairHub(encoder, decoder).state_dict()
    assert flairhub_card(Path("hub.pth"), weights).architecture == f"flairhub:{encoder}-{decoder}"


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        (_hub(bands=4), "takes 4 aerial bands"),
        (_hub(outputs=23), "23 outputs, where a FLAIR-HUB land-cover model has 19"),
        (_hub(width=80), "an encoder that this version does not know"),
        (_hub(depth=27), "an encoder that this version does not know"),
        ({**_hub(), "encoders.DEM_ELEV.x": torch.ones(1)}, "takes the input DEM_ELEV"),
        ({**_hub(), "main_decoders.ALL_LABEL-LPIS.x": torch.ones(1)}, "maps ALL_LABEL-LPIS"),
    ],
)
def test_a_flairhub_network_of_another_kind_is_refused(tmp_path, weights, named):
    torch.save(weights, tmp_path / "hub.pth")
    assert named in refusal(read_checkpoint, tmp_path / "hub.pth")


def test_a_flairhub_network_with_a_weight_missing_or_too_many_is_refused(tmp_path):
    network = FlairHub("convnextv2tiny", "unet").state_dict()
    torch.save({**network, "fusion_handler.extra": torch.ones(1)}, tmp_path / "more.pth")
    assert "the weight fusion_handler.extra is unknown" in refusal(load_model, tmp_path / "more.pth")
    del network["fusion_handler.conv_f.0.bias"]
    torch.save(network, tmp_path / "less.pth")
    assert "the weight fusion_handler.conv_f.0.bias is missing" in refusal(load_model, tmp_path / "less.pth")


# Files


@pytest.mark.parametrize("suffix", [".ckpt", ".PTH", ".safetensors", ".SAFETENSORS"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_checkpoints_of_any_container_and_precision_are_read_as_float32(tmp_path, suffix, dtype):
    stored = {name: (value / 3).to(dtype) for name, value in _ends().items()}
    stored["encoder.bn1.num_batches_tracked"] = torch.tensor(5)
    path = tmp_path / f"unet{suffix}"
    if suffix.lower() == ".safetensors":
        save_file(stored, path)
    else:
        torch.save({"model_state_dict": stored}, path)
    _, weights = read_checkpoint(path)
    assert weights["encoder.bn1.num_batches_tracked"].dtype == torch.int64
    for name in _ends():
        assert weights[name].dtype == torch.float32
        assert torch.equal(weights[name], stored[name].float())


@pytest.mark.parametrize("suffix", [".ckpt", ".pth", ".safetensors"])
@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"hello", b"a text\nof two lines\n", b'{"weights": 1}', b"id,value\n1,2\n", b".", b"t.", b"K"),
        *(b"%PDF-1.4\n", b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0", b"PK\x03\x04", b"\x80\x02", b"(lp0\nI1\na."),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    assert refusal(load_model, path).startswith(str(path))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_checkpoint_is_refused(tmp_path, zipped, share):
    whole = io.BytesIO()
    torch.save({"state_dict": _ends()}, whole, _use_new_zipfile_serialization=zipped)
    path = tmp_path / "model.ckpt"
    path.write_bytes(whole.getvalue())
    read_checkpoint(path)
    path.write_bytes(whole.getvalue()[: int(share * len(whole.getvalue()))])
    assert refusal(load_model, path).startswith(str(path))


def test_a_truncated_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(_ends(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    assert refusal(load_model, path).startswith(str(path))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    for name in ("gone.ckpt", "gone.safetensors"):
        assert name in refusal(load_model, tmp_path / name)


class _Code:
    """An object whose unpickling makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("container", ["state dict", "hyperparameters", "bare pickle", "old format"])
def test_code_in_a_checkpoint_does_not_run(tmp_path, container):
    made, path = tmp_path / "made", tmp_path / "model.ckpt"
    code = _Code(made)
    content = {"state_dict": {**_ends(), "model.x": code}}
    if container == "hyperparameters":
        content = {"state_dict": _ends(), "hyper_parameters": {"callback": code}}
    if container == "bare pickle":
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=container != "old format")
    function, arguments = code.__reduce__()
    function(*arguments)  # this is what unpickling it would do
    made.rmdir()
    assert "not a checkpoint of plain weights" in refusal(load_model, path)
    assert not made.exists()


@pytest.mark.parametrize(
    "content",
    [
        *(None, 5, "text", [1, 2], torch.ones(3)),
        *({"state_dict": [torch.ones(1)]}, {"epoch": 3}, {0: torch.ones(1)}, {"state_dict": {0: torch.ones(1)}}),
    ],
)
def test_a_file_without_named_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "model.pth")
    assert "holds no network weights" in refusal(load_model, tmp_path / "model.pth")


def test_weights_of_an_unknown_network_are_refused_by_the_first_name(tmp_path):
    torch.save({"criterion.weight": torch.ones(1), "backbone.stem": torch.ones(1)}, tmp_path / "model.pth")
    assert "its first weight is backbone.stem" in refusal(load_model, tmp_path / "model.pth")
    torch.save({"criterion.weight": torch.ones(1)}, tmp_path / "model.pth")
    assert "its first weight is nothing" in refusal(load_model, tmp_path / "model.pth")


# Installation


def test_an_installed_checkpoint_predicts_as_the_checkpoint(utt, flair_2_file, tmp_path):
    folder = tmp_path / "models" / "mon-utt"
    card = install_checkpoint(flair_2_file, folder)
    assert card.id == "mon-utt"
    assert card.weights_digest == digest_of(folder / WEIGHTS_NAME)
    assert sorted(path.name for path in folder.iterdir()) == [CARD_NAME, WEIGHTS_NAME]
    assert [path.name for path in folder.parent.iterdir()] == ["mon-utt"]
    assert folder.stat().st_mode & 0o555 == 0o555
    loaded_card, network = load_model(folder)
    assert loaded_card == card
    assert _largest_difference(network, utt) <= ROUNDING


def test_an_installed_unet_keeps_the_live_classes_that_were_asked_for(unet, tmp_path):
    torch.save(_prefixed(unet(3), "model."), tmp_path / "unet.pth")
    install_checkpoint(tmp_path / "unet.pth", tmp_path / "twelve", live_classes=12)
    card, _ = load_model(tmp_path / "twelve")
    assert card.outputs == tuple(row[2] for row in FLAIR_INC)
    assert (card.means, card.stds) == (MEANS[:3], STDS[:3])


@pytest.mark.parametrize("content", [b"text", None])
def test_a_checkpoint_that_does_not_fit_installs_nothing(tmp_path, content):
    path, folder = tmp_path / "unet.pth", tmp_path / "models" / "new"
    if content is None:
        torch.save(_ends(), path)
    else:
        path.write_bytes(content)
    refusal(install_checkpoint, path, folder)
    assert not folder.parent.exists()


def test_a_folder_that_exists_is_left_as_it_is(flair_2_file, small_folder):
    before = {path.name: path.read_bytes() for path in small_folder.iterdir()}
    assert str(small_folder) in refusal(install_checkpoint, flair_2_file, small_folder)
    assert {path.name: path.read_bytes() for path in small_folder.iterdir()} == before


def test_a_full_disk_installs_nothing(flair_2_file, tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # no file may become larger
    try:
        sentence = refusal(install_checkpoint, flair_2_file, tmp_path / "models" / "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be written" in sentence
    assert not list((tmp_path / "models").iterdir())


def test_a_place_that_cannot_hold_a_folder_is_refused(flair_2_file, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot be written" in refusal(install_checkpoint, flair_2_file, tmp_path / "file" / "new")
