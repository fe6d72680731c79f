"""From a training state to a model folder: weights of few bits, and scores measured with the weights as stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..models.cards import WEIGHTS_NAME, ModelCard, digest_of, write_card
from ..models.utt import UTT
from ..models.weights import load_weights, save_quantised
from .evaluate import coarse_scores, confusion, exact_scores
from .pictures import ALL_ROLES, RGB, RGB_NIR, Picture

BITS = 7
BAND_SETS = {"five bands": ALL_ROLES, "RGB and near infrared": RGB_NIR, "RGB": RGB}

RURAL_STEP = 3  # every third rural tile is measured: neighbours look alike


def write_weights(network: UTT, folder: Path) -> UTT:
    """Writes `weights.safetensors` of integers of BITS bits and returns the network that these weights make.

    The running statistics of the batch normalisations stay as they are: measuring them anew with the
    averaged or the rounded weights was tried and did not lower the loss on training crops.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS_NAME
    save_quantised(network.state_dict(), path, BITS)
    rounded = UTT(in_channels=5, satellite=network.has_satellite, metadata=network.has_metadata)
    rounded.load_state_dict(load_weights(path))
    return rounded.eval()


def measure(network: UTT, held_out: Sequence[Picture], generated: Sequence[Picture]) -> dict:
    """The scores of a card: real patches, renderings, rural tiles and generated scenes, by the bands given."""
    by_kind: dict[str, list[Picture]] = {}
    for picture in held_out:
        by_kind.setdefault(picture.kind, []).append(picture)
    scores: dict[str, dict] = {}
    if by_kind.get("flair2"):
        scores["real FLAIR #2 patches"] = {
            bands: exact_scores(confusion(network, by_kind["flair2"], roles)) for bands, roles in BAND_SETS.items()
        }
    if by_kind.get("flair2-renderings"):
        table = confusion(network, by_kind["flair2-renderings"], RGB)
        scores["renderings of FLAIR #2 scenes"] = {"RGB": exact_scores(table)}
    if by_kind.get("naip-rural"):
        rural = by_kind["naip-rural"][::RURAL_STEP]
        scores["rural NAIP tiles, coarse labels"] = {
            bands: coarse_scores(confusion(network, rural, BAND_SETS[bands]))
            for bands in ("RGB and near infrared", "RGB")
        }
    if generated:
        scores["generated scenes"] = {
            bands: exact_scores(confusion(network, generated, roles)) for bands, roles in BAND_SETS.items()
        }
        with_series = [picture for picture in generated if picture.series is not None]
        for bands in ("five bands", "RGB"):
            table = confusion(network, with_series, BAND_SETS[bands], with_series=True)
            scores["generated scenes"][f"{bands} and Sentinel-2 series"] = exact_scores(table)
    return scores


def write_model(card: ModelCard, folder: Path) -> ModelCard:
    """Writes the card beside the weights that the folder holds, with their digest; returns it."""
    card = replace(card, weights_digest=digest_of(folder / WEIGHTS_NAME))
    write_card(card, folder)
    return card
