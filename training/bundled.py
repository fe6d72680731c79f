"""Trains the bundled model and writes its folder: card, weights, scores on pictures that it did not see.

python -m flair_landcover.training.bundled --data ../shared/data --minutes 55 --out models/bundled
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import torch

from ..models.cards import ModelCard, SatelliteInput
from .fit import FitSettings, FitState, Pictures, fit, load_state, new_state
from .generated import generated_pictures, with_series_of_its_labels
from .pictures import (
    HELD_OUT_PATCHES,
    HELD_OUT_RENDERINGS,
    SAME_RENDERINGS,
    Picture,
    held_out_pictures,
    training_pictures,
)
from .publish import measure, write_model, write_weights

# Seeds of the generated scenes that it learns from, and of those that it is measured on.
WITH_SERIES, WITHOUT_SERIES, MEASURED = range(1000, 1100), range(1100, 1300), range(900_000, 900_012)

LICENCE = "GPL-2.0-or-later; the data it was trained on has licences of its own, see the training data"
LIMITS = (
    "A draft: finds roads, most grass and some woods; misses most buildings and nearly all vineyard, crops, bare soil, "
    "water, conifers and brushwood."
)


def main(arguments: list[str] | None = None) -> int:
    """Runs the script; returns its exit status."""
    parser = argparse.ArgumentParser(prog="bundled", description="Train the bundled model and write its folder.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data (flair2, naip-rural, ...)")
    parser.add_argument("--minutes", type=float, default=55.0, help="wall time of the training, resumed runs together")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--checkpoint", type=Path, default=Path("bundled.ckpt"), help="where to keep the state")
    parser.add_argument("--resume", type=Path, help="checkpoint to go on from")
    parser.add_argument("--seed", type=int, default=1, help="of weights, crops and series (default 1)")
    parser.add_argument("--threads", type=int, default=2, help="threads that torch uses (default 2)")
    options = parser.parse_args(arguments)
    if not options.data.is_dir():
        print(f"{options.data} is not a folder: give the folder of the real data with --data.", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    settings = FitSettings(seconds=options.minutes * 60, seed=options.seed)
    pictures = Pictures(all_pictures(options.data, options.seed))
    state = load_state(options.resume, settings) if options.resume else new_state(settings)
    fit(state, pictures, settings, options.checkpoint, _log)
    publish(state, pictures, options.data, options.out)
    return 0


def _log(line: str) -> None:
    print(line, flush=True)


def all_pictures(data: Path, seed: int) -> list[Picture]:
    """All pictures of the training: the real ones, series for those with exact labels, the generated ones."""
    real = [
        with_series_of_its_labels(picture, seed) if picture.kind in ("flair2", "flair2-renderings") else picture
        for picture in training_pictures(data)
    ]
    return [*real, *generated_pictures(WITH_SERIES), *generated_pictures(WITHOUT_SERIES, with_series=False)]


def publish(state: FitState, pictures: Pictures, data: Path, out: Path) -> ModelCard:
    """Writes the model folder of a training state, measured; the folder takes its name once it is whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as beside:
        folder = Path(beside) / out.name
        network = write_weights(state.average, folder)
        scores = measure(network, held_out_pictures(data), list(generated_pictures(MEASURED)))
        card = write_model(_card(state, pictures, scores), folder)
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
    return card


def _card(state: FitState, pictures: Pictures, scores: dict) -> ModelCard:
    return ModelCard(
        id="bundled",
        title="U-T&T starter",
        architecture="utt",
        satellite=SatelliteInput(),
        licence=LICENCE,
        source=(
            "Trained from random weights by training/bundled.py of FLAIR Land Cover; the network is that of Garioud "
            "et al., arXiv 2310.13336. Weights stored as integers of 7 bits with a scale for each output channel."
        ),
        training_data=_training_data(state, pictures),
        limits=LIMITS,
        scores={"measured": _measured(), **scores},
    )


def _training_data(state: FitState, pictures: Pictures) -> str:
    number = {kind: len(pictures.by_kind.get(kind, [])) for kind in pictures.kinds}
    return (
        f"{state.step} steps in {state.elapsed / 60:.0f} minutes, on crops of: "
        f"{number.get('flair2', 0)} real FLAIR #2 patches of 102.4 m with exact labels and "
        f"{number.get('flair2-renderings', 0)} renderings of such patches (RGB, 0.4 m, labels read from figures, "
        "edges left out), IGN - FLAIR #2, Open Licence 2.0 (Etalab); "
        f"{number.get('naip-rural', 0)} rural tiles of Ohio, 0.6 m, imagery USDA NAIP, public domain, coarse masks by "
        "yinx111 (2025), acknowledged, each mask class read as a set of classes; "
        f"{number.get('naip-urban', 0)} urban tiles of California with tree positions by Ventura et al. 2024 "
        "(JAG 130, 103848), CC BY 4.0, imagery USDA NAIP, labels weak (trees, vegetation index); "
        f"{number.get('ucmerced', 0)} pictures of the UC Merced land use data set (Yang and Newsam 2010, imagery USGS, "
        "public domain), each scene class read as a set of classes; "
        f"{number.get('generated', 0)} generated scenes. No aerial picture had a Sentinel-2 series of its own: series "
        "were generated from labels, with reflectances partly taken from a Sentinel-2 cube of Flanders (contains "
        "modified Copernicus Sentinel data 2018-2019). No weights trained elsewhere were used."
    )


def _measured() -> str:
    return (
        "With the stored weights, on whole scenes of which training saw no pixel: FLAIR #2 patches "
        f"{', '.join(sorted(HELD_OUT_PATCHES))}; renderings {', '.join(sorted(HELD_OUT_RENDERINGS))} (upsampled to "
        "0.2 m, edges left out); every third rural NAIP tile of the north of the area (agreement: the prediction is "
        "one of the classes that the coarse label allows); "
        f"{len(MEASURED)} generated scenes of other seeds. The renderings "
        f"{' and '.join(SAME_RENDERINGS[0])} are one scene and both in training. IoU 0..1; 'other' has a weight of 0.2 "
        "in the loss. Real patches and renderings are so few that their scores are anecdotes."
    )


if __name__ == "__main__":
    sys.exit(main())
