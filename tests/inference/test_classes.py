"""Whose classes a map shows: the 13 of FLAIR or the model's own, from the card to every file of a job."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
import torch

from flair_landcover.contract.cards import ModelCard, SatelliteInput, read_card
from flair_landcover.contract.class_plan import plan_classes
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass
from flair_landcover.contract.notices import english
from flair_landcover.contract.segmentation import SegmentationJob, SegmentationResult
from flair_landcover.finetune.add_classes import add_classes
from flair_landcover.inference.check import check_job
from flair_landcover.inference.classes import what_becomes_what, with_classes
from flair_landcover.inference.resolve import resolve, with_series
from flair_landcover.inference.segment import segment
from flair_landcover.models.library import BUNDLED_FOLDER
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.models.networks.flairhub import FlairHub
from flair_landcover.tests.jobs import changed, segmentation_job

from .conftest import Recorder, make_model, picture, read_labels, write_raster
from .sentinel2.made_series import write_date

PANELS = LandCoverClass(14, "solar panels", "#102030")
GREENHOUSE, POOL, SNOW = ("greenhouse", "#9999ff"), ("swimming pool", "#3de6eb"), ("snow", "#ffffff")
FINE_TUNING = {"polygons": {"new_classes": ["solar panels"]}}
# Two outputs of "other" among the 13, which the model itself tells apart.
OWN = ModelCard(
    "own",
    "Own",
    "smp:Unet:resnet18",
    outputs=(1, 13, 0, 13, 5),
    own_classes=(FLAIR_CLASSES[0], FLAIR_CLASSES[4], LandCoverClass(14, *GREENHOUSE), LandCoverClass(15, *SNOW)),
    own_outputs=(1, 14, 0, 15, 5),
)
THEIRS = ModelCard(
    "theirs",
    "Theirs",
    "smp:Unet:resnet18",
    outputs=(1, 2, 3, 20, 0),
    classes=(
        LandCoverClass(1, "Bare_Soil", "#111111"),
        LandCoverClass(2, "roof", "#222222"),
        LandCoverClass(3, "water", "#333333"),
        LandCoverClass(20, "hedge", "#444444"),
    ),
)


# Cards


@pytest.mark.parametrize("choice", ["flair13", "model"])
@pytest.mark.parametrize("card", [read_card(BUNDLED_FOLDER), ModelCard("a", "A", "utt")], ids=["bundled", "default"])
def test_a_model_of_the_13_stays_as_it_is_and_nothing_is_remarked(card, choice):
    assert with_classes(card, choice) is card
    assert what_becomes_what(card) is None


def test_the_models_own_classes_take_the_place_of_the_13():
    card = with_classes(OWN, "model")
    assert (card.outputs, card.classes) == (OWN.own_outputs, OWN.own_classes)
    assert with_classes(OWN, "flair13") is OWN
    assert english(what_becomes_what(OWN)).startswith("Of the model's classes greenhouse and snow become other: ")


def test_classes_of_a_foreign_card_are_mapped_by_name_whatever_their_values():
    card = with_classes(THEIRS, "flair13")
    assert card.outputs == (4, 13, 5, 13, 0)
    assert card.classes == FLAIR_CLASSES
    assert with_classes(THEIRS, "model") is THEIRS
    assert "roof and hedge become other" in english(what_becomes_what(THEIRS))


def test_a_class_that_the_card_maps_to_one_of_the_13_is_remarked_with_it():
    card = replace(OWN, outputs=(1, 1, 0, 13, 5))
    assert "Of the model's classes greenhouse becomes building, snow becomes other: " in english(
        what_becomes_what(card)
    )


def test_many_classes_are_remarked_in_a_short_sentence():
    many = tuple(LandCoverClass(value, f"kind {value}", "#000000") for value in range(1, 101))
    card = replace(THEIRS, classes=many, outputs=tuple(range(1, 101)))
    assert "kind 7, kind 8 and 92 more become other" in english(what_becomes_what(card))


@pytest.mark.parametrize("choice", ["flair13", "model"])
def test_classes_that_polygons_have_taught_are_kept(choice):
    legend = (*FLAIR_CLASSES, PANELS)
    card = replace(OWN, outputs=(*range(1, 14), 14), classes=legend, own_classes=(), own_outputs=())
    assert with_classes(replace(card, fine_tuning=FINE_TUNING), choice).classes == legend


def test_a_learned_class_whose_value_the_model_uses_itself_gets_a_free_one():
    network = build_network(OWN)
    card, grown = add_classes(OWN, network, (*FLAIR_CLASSES, PANELS), [5, 14])
    assert card.outputs == (1, 13, 0, 13, 5, 14)
    ours, own = (with_classes(replace(card, fine_tuning=FINE_TUNING), choice) for choice in ("flair13", "model"))
    assert (ours.outputs, ours.classes[13:]) == (card.outputs, (PANELS,))
    assert own.outputs == (1, 14, 0, 15, 5, 16)
    assert own.classes == (*OWN.own_classes, replace(PANELS, value=16))
    assert grown.segmentation_head[0].out_channels == len(own.outputs)


def test_a_learned_class_that_the_model_has_itself_is_one_class_with_it():
    taught = LandCoverClass(14, "Greenhouse", "#000001")
    card = replace(OWN, outputs=(*OWN.outputs, 14), classes=(*FLAIR_CLASSES, taught), fine_tuning=FINE_TUNING)
    own = with_classes(card, "model")
    assert (own.outputs, own.classes) == ((1, 14, 0, 15, 5, 14), OWN.own_classes)


def test_accents_and_case_make_no_other_class_in_a_maps_legend_nor_in_a_class_map():
    forest = LandCoverClass(14, "Forêt dense", "#000001")
    card = replace(OWN, own_classes=(*OWN.own_classes[:2], forest, OWN.own_classes[3]))
    assert plan_classes(replace(card, classes=card.own_classes), ["foret dense"]).assigned == {"foret dense": 14}
    taught = LandCoverClass(14, "foret dense", "#000002")
    taught_card = replace(card, outputs=(*card.outputs, 14), classes=(*FLAIR_CLASSES, taught), fine_tuning=FINE_TUNING)
    own = with_classes(taught_card, "model")
    assert (own.outputs, own.classes) == ((1, 14, 0, 15, 5, 14), card.own_classes)


def test_one_of_the_13_that_polygons_have_added_keeps_its_value():
    card = replace(OWN, outputs=(*OWN.outputs, 13, 2), fine_tuning={"polygons": {"new_classes": []}})
    own = with_classes(card, "model")
    assert own.outputs == (1, 14, 0, 15, 5, 13, 2)
    assert [c.value for c in own.classes] == [1, 2, 5, 13, 14, 15]


def test_what_a_foreign_model_was_taught_follows_the_13():
    legend = (*THEIRS.classes[:3], LandCoverClass(4, "solar panels", "#102030"))
    card = replace(THEIRS, outputs=(1, 2, 3, 4), classes=legend, fine_tuning=FINE_TUNING)
    ours = with_classes(card, "flair13")
    assert (ours.outputs, ours.classes[13:]) == ((4, 13, 5, 14), (PANELS,))


@pytest.mark.parametrize("fine_tuning", [{}, {"polygons": None}, {"polygons": {"new_classes": None}}])
def test_classes_beyond_the_13_that_nobody_taught_become_other(fine_tuning):
    legend = (*FLAIR_CLASSES[:12], LandCoverClass(14, *GREENHOUSE))
    card = replace(OWN, outputs=(1, 14), classes=legend, own_classes=(), own_outputs=(), fine_tuning=fine_tuning)
    assert with_classes(card, "flair13").outputs == (1, 13)


def test_more_classes_than_labels_have_values_are_refused():
    own = tuple(LandCoverClass(value, f"kind {value}", "#000000") for value in range(1, 256))
    card = replace(OWN, own_classes=own, outputs=(*OWN.outputs, 14), classes=(*FLAIR_CLASSES, PANELS))
    with pytest.raises(BadInput, match="more than 255 classes") as caught:
        with_classes(card, "model")
    assert caught.value.field == "classes"


# Whole jobs


@dataclass
class Made:
    """A checkpoint with made-up weights and the maps by it. shares: probabilities of its 19 outputs by hand."""

    job: SegmentationJob
    names: tuple[str | None, ...]
    shares: np.ndarray
    results: dict[str, tuple[SegmentationJob, SegmentationResult, list[str]]]


LIVE = {
    "inc": (*(c.name for c in FLAIR_CLASSES[:12]), "swimming pool", "snow", None, None, None, "greenhouse", None),
    "hub": (
        *("building", "greenhouse", "swimming pool", "impervious surface", "pervious surface", "bare soil", "water"),
        *("snow", "herbaceous vegetation", "agricultural land", "plowed land", "vineyard", "deciduous", "coniferous"),
        *("brushwood", None, None, None, None),
    ),
}
OTHERS = {"inc": (POOL, SNOW, GREENHOUSE), "hub": (GREENHOUSE, POOL, SNOW)}
BANDS = {"inc": "R=1 G=2 B=3 NIR=4 ELEVATION=5", "hub": "R=1 G=2 B=3 NIR=4"}
FILES = {"inc": "FLAIR-INC_rgbie_15cl_resnet34-unet_weights.pth", "hub": "FLAIR-HUB_LC-A_IR_convnextv2tiny-unet.pth"}
PREFIXES = {"inc": "model.seg_model.", "hub": "model."}
ROLE_BANDS = {"red": 0, "green": 1, "blue": 2, "nir": 3, "elevation": 4}


def _network(kind: str) -> torch.nn.Module:
    torch.manual_seed(5)
    if kind == "hub":
        return FlairHub("convnextv2tiny", "unet")
    return build_network(ModelCard("u", "U", "smp:Unet:resnet34", outputs=(0,) * 19))


@pytest.fixture(scope="module", params=["inc", "hub"])
def made(request, tmp_path_factory) -> Made:
    """A picture of exactly one tile, mapped with both choices of classes."""
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    pixels = picture(5, 512, 512, seed=2).astype(np.uint8)
    path = folder / FILES[kind]
    torch.save({PREFIXES[kind] + name: value for name, value in _network(kind).state_dict().items()}, path)
    card, network = load_model(path)
    head = network.get_submodule(next(name for name, module in network.named_modules() if _is_head(name, module)))
    bands = [ROLE_BANDS[role] for role in card.inputs]
    means, stds = (np.array(values, np.float32)[:, None, None] for values in (card.means, card.stds))
    tile = torch.from_numpy((pixels[bands].astype(np.float32) - means) / stds)[None]
    with torch.inference_mode():
        logits = network(tile)
        # Every output has the same mean and spread over the picture, so that each wins somewhere.
        spread = logits.std(dim=(0, 2, 3)) / 2
        weight, bias = head.get_parameter("weight"), head.get_parameter("bias")
        bias.copy_((bias - logits.mean(dim=(0, 2, 3))) / spread)
        weight.div_(spread[:, None, None, None])
        logits = network(tile)[0].double().numpy()
    torch.save({PREFIXES[kind] + name: value for name, value in network.state_dict().items()}, path)
    live = np.array([name is not None for name in LIVE[kind]])
    exponentials = np.where(live[:, None, None], np.exp(logits - logits.max()), 0.0)
    raster, settings = write_raster(folder / "a.tif", pixels), {"device": "cpu", "precision": "fp32"}
    job = segmentation_job(str(raster), "map.tif", bands=BANDS[kind], model=str(path), **settings)
    results = {}
    for choice in ("flair13", "model"):
        asked = replace(
            job,
            classes=choice,
            output=str(folder / f"{choice}.tif"),
            confidence=str(folder / f"{choice}_confidence.tif"),
            probabilities=str(folder / f"{choice}_probabilities.tif"),
        )
        recorder = Recorder()
        results[choice] = asked, segment(asked, recorder), recorder.warnings
    return Made(job, LIVE[kind], exponentials / exponentials.sum(axis=0), results)


def _is_head(name: str, module: torch.nn.Module) -> bool:
    return name.endswith("segmentation_head.0") and isinstance(module, torch.nn.Conv2d)


def expected_legend(made: Made, choice: str) -> list[tuple[int, str, str]]:
    """Written by hand: the 13, or the 12 that the model has of them with its three others from 14 on."""
    ours = [(c.value, c.name, c.colour) for c in FLAIR_CLASSES]
    if choice == "flair13":
        return ours
    others = OTHERS["inc" if made.names == LIVE["inc"] else "hub"]
    return [*ours[:12], *((value, *other) for value, other in enumerate(others, start=14))]


def expected_shares(made: Made, choice: str) -> np.ndarray:
    """Probabilities of the classes of the legend, added up by hand from those of the outputs."""
    legend = expected_legend(made, choice)
    names = [name for _, name, _ in legend]
    shares = np.zeros((len(legend), 512, 512))
    for output, name in enumerate(made.names):
        if name is not None:
            shares[names.index(name if name in names else "other")] += made.shares[output]
    return shares


@pytest.mark.parametrize("choice", ["flair13", "model"])
def test_the_label_is_the_class_with_the_largest_sum_of_probabilities(made, choice):
    job, _, _ = made.results[choice]
    shares = expected_shares(made, choice)
    labels = read_labels(Path(job.output))
    values = np.array([value for value, _, _ in expected_legend(made, choice)])
    highest = np.sort(shares, axis=0)[-2:]
    clear = highest[1] - highest[0] > 1e-3
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(labels[clear], values[shares.argmax(axis=0)][clear])
    assert len(np.unique(labels)) > 10
    with rasterio.open(job.probabilities) as dataset:
        assert dataset.count == len(shares)
        assert np.abs(dataset.read() / 255 - shares).max() < 0.5 / 255 + 1e-3
        assert [text.split(",")[0] for text in dataset.descriptions] == [n for _, n, _ in expected_legend(made, choice)]
    with rasterio.open(job.confidence) as dataset:
        assert np.abs(dataset.read(1) / 100 - shares.max(axis=0)).max() < 0.5 / 100 + 1e-3


def test_what_is_other_among_the_13_is_three_classes_of_the_models_own(made):
    ours, own = (read_labels(Path(made.results[choice][0].output)) for choice in ("flair13", "model"))
    assert set(np.unique(own[ours == 13])) >= {14, 15, 16}
    assert (ours[own > 13] == 13).all()
    assert (ours[ours < 13] == own[ours < 13]).all()


@pytest.mark.parametrize("choice", ["flair13", "model"])
def test_every_file_and_the_answer_have_the_legend(made, choice):
    job, result, _ = made.results[choice]
    legend = expected_legend(made, choice)
    assert list(result.classes) == legend
    with rasterio.open(job.output) as dataset:
        labels, colours = dataset.read(1), dataset.colormap(1)
        assert {value: name for value, name, _ in legend} == {
            int(tag[6:]): name for tag, name in dataset.tags(1).items() if tag.startswith("CLASS_")
        }
        provenance = json.loads(dataset.tags()["FLAIR_LANDCOVER"])
    assert {value: "#{:02x}{:02x}{:02x}".format(*colours[value][:3]) for value, _, _ in legend} == {
        value: colour for value, _, colour in legend
    }
    assert result.areas_m2 == pytest.approx({value: (labels == value).sum() * 0.04 for value, _, _ in legend})
    assert provenance["job"]["classes"] == choice
    assert provenance["classes"] == [list(entry) for entry in legend]
    band = ElementTree.parse(job.output + ".aux.xml").getroot().find("PAMRasterBand")
    categories = [entry.text or "" for entry in band.find("CategoryNames")]
    assert {value: categories[value] for value, _, _ in legend} == {value: name for value, name, _ in legend}
    rows = [[cell.text for cell in row] for row in band.find("GDALRasterAttributeTable").findall("Row")]
    assert [(int(row[0]), row[1]) for row in rows] == [(value, name) for value, name, _ in legend]


def test_what_becomes_other_is_remarked_with_the_13_alone(made):
    others = [name for name, _ in OTHERS["inc" if made.names == LIVE["inc"] else "hub"]]
    (remark,) = made.results["flair13"][2]
    assert f"{others[0]}, {others[1]} and {others[2]} become other" in remark
    assert made.results["model"][2] == []


def test_a_fine_tuning_sees_the_card_as_it_stands(made):
    inputs = with_series(resolve(made.job, lambda warning: None), lambda warning: None)
    assert inputs.card.own_classes and inputs.card.classes == FLAIR_CLASSES


@pytest.fixture(scope="module")
def foreign_model(tmp_path_factory) -> Path:
    """A small network on tiles of 128 pixels with five outputs of four classes, two of them beyond the 13."""
    card = replace(OWN, tile_size=128, title="Small network of its own")
    return make_model(tmp_path_factory.mktemp("models") / "own", card)


@pytest.mark.parametrize("choice", ["flair13", "model"])
def test_neighbouring_extents_agree(foreign_model, tmp_path, choice):
    raster = write_raster(tmp_path / "a.tif", picture(5, 160, 300).astype(np.uint8))
    job = segmentation_job(
        *(str(raster), str(tmp_path / "map.tif")),
        model=str(foreign_model),
        device="cpu",
        precision="fp32",
        classes=choice,
    )
    segment(job, Recorder())
    whole = read_labels(tmp_path / "map.tif")
    left, top, border = 652000.0, 6862000.0, 652000.0 + 0.2 * 137
    for name, columns, extent in (
        ("west", slice(0, 137), (left, top - 32, border, top)),
        ("east", slice(137, 300), (border, top - 32, left + 60, top)),
    ):
        segment(changed(job, output=str(tmp_path / f"{name}.tif"), extent=extent), Recorder())
        np.testing.assert_array_equal(read_labels(tmp_path / f"{name}.tif"), whole[:, columns])
    assert len(np.unique(whole)) > 1


@pytest.mark.parametrize(("choice", "values"), [("flair13", set(range(1, 14))), ("model", {*range(1, 13), 14})])
def test_what_sentinel2_changes_is_told_in_the_same_classes(tmp_path, choice, values):
    card = ModelCard(
        *("pools", "Pools", "utt"),
        satellite=SatelliteInput(),
        own_classes=(*FLAIR_CLASSES[:12], LandCoverClass(14, *POOL)),
        own_outputs=(*range(1, 13), 14),
    )
    model = make_model(tmp_path / "pools", card)
    raster = write_raster(tmp_path / "a.tif", picture(5, 60, 60).astype(np.uint8))
    for month in (3, 6):
        write_date(tmp_path / "s", f"2021-0{month}-15")
    job = segmentation_job(
        *(str(raster), str(tmp_path / "map.tif")),
        sentinel2=(str(tmp_path / "s"),),
        difference=str(tmp_path / "difference.tif"),
        model=str(model),
        device="cpu",
        precision="fp32",
        classes=choice,
    )
    result = segment(job, Recorder())
    segment(changed(job, output=str(tmp_path / "without.tif"), sentinel2=None, difference=None), Recorder())
    labels, without, difference = (read_labels(tmp_path / f"{name}.tif") for name in ("map", "without", "difference"))
    np.testing.assert_array_equal(difference, np.where(labels != without, without, 0))
    assert set(np.unique(labels)) | set(np.unique(without)) <= values
    assert result.changed_m2 == pytest.approx((labels != without).sum() * 0.04)
    with rasterio.open(tmp_path / "difference.tif") as dataset:
        named = {int(tag[6:]) for tag in dataset.tags(1) if tag.startswith("CLASS_")}
    assert named == values


def test_an_unknown_choice_is_refused_with_the_known_ones(foreign_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(5, 60, 60).astype(np.uint8))
    job = segmentation_job(str(raster), str(tmp_path / "map.tif"), model=str(foreign_model), classes="mine")
    with pytest.raises(BadInput, match="'mine' is unknown: choose one of flair13, model") as caught:
        check_job(job, lambda warning: None)
    assert caught.value.field == "classes"


def test_a_job_of_an_older_version_maps_the_13():
    assert SegmentationJob.from_dict({"input": "a.tif", "output": "b.tif"}).classes == "flair13"
    own = segmentation_job("a.tif", "b.tif", classes="model")
    assert SegmentationJob.from_dict(json.loads(json.dumps(own.to_dict()))) == own
