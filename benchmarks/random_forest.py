"""What pixels and their surroundings alone are worth: a random forest on the real patches, each left out once.

``python benchmarks/random_forest.py DATA [--samples 3000] [--trees 200] [--seed 1]`` (DATA: folder of the real data)

The yardstick for the bundled model, whose card has scores of the same split. For each patch of `DATA/flair2` a forest
learns from all the others, pixel by pixel, and maps that patch. A pixel is described by its bands and by their means
and standard deviations over three windows around it, and by nothing else: no shapes, no order of what lies where.
Scores are printed for each patch and for all patches together. A class that a single patch holds (building) can never
be found in it, which the mean IoU counts as 0.

Needs scikit-learn, which the engine itself does not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flair_landcover.contract.cards import ROLES
from flair_landcover.research.dataset import (
    ALL_ROLES,
    RGB,
    RGB_NIR,
    LabelledImage,
    held_out_images,
    training_images,
)
from flair_landcover.research.evaluate import exact_scores, label_matrix
from flair_landcover.research.labels import UNKNOWN

BAND_SETS = {"five bands": ALL_ROLES, "RGB and near infrared": RGB_NIR, "RGB": RGB}  # those that cards report
WINDOWS = (5, 15, 45)  # pixels of 0.2 m: a car, a house, a garden
SMALLEST_LEAF = 5  # training pixels; keeps a tree from learning single pixels by heart


def main(arguments: list[str] | None = None) -> int:
    """Prints one block a set of bands; returns the exit status."""
    parser = argparse.ArgumentParser(description="A random forest on the real patches, each left out once.")
    parser.add_argument("data", type=Path, help="folder of the real data (with flair2 in it)")
    parser.add_argument("--samples", type=int, default=3_000, help="training pixels of a class of a patch, at most")
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the training pixels and of the trees")
    parser.add_argument("--bands", nargs="*", choices=BAND_SETS, default=list(BAND_SETS), help="sets of bands to run")
    parser.add_argument("--jobs", type=int, default=1, help="processor cores to use (default 1)")
    options = parser.parse_args(arguments)
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError:
        print("scikit-learn is missing: run `pip install scikit-learn` in the engine's environment.", file=sys.stderr)
        return 2
    patches = real_patches(options.data)
    if len(patches) < 2:
        print(
            f"{options.data} holds {len(patches)} patches: name a folder with two or more in flair2.", file=sys.stderr
        )
        return 2
    for bands in options.bands:
        print(f"{bands}: {options.trees} trees, {options.samples} pixels of a class of a patch, seed {options.seed}")
        matrices = leave_one_out(patches, BAND_SETS[bands], options)
        print_scores("all patches", np.sum(matrices, axis=0))
        print()
    return 0


def real_patches(data: Path) -> list[LabelledImage]:
    """The FLAIR #2 patches of `data`, by name, whether or not the bundled model was trained on them."""
    images = [*training_images(data), *held_out_images(data)]
    return sorted((image for image in images if image.kind == "flair2"), key=lambda image: image.name)


def leave_one_out(
    patches: Sequence[LabelledImage], roles: frozenset[str], options: argparse.Namespace
) -> list[np.ndarray]:
    """For each patch the confusion matrix, as `research.evaluate` has it, of a forest that saw all the others."""
    from sklearn.ensemble import RandomForestClassifier

    features = [describe(patch, roles) for patch in patches]
    chosen = [sample(patch.codes, options.samples, options.seed + i) for i, patch in enumerate(patches)]
    matrices = []
    for left_out, patch in enumerate(patches):
        start = time.perf_counter()
        others = [i for i in range(len(patches)) if i != left_out]
        forest = RandomForestClassifier(
            options.trees,
            max_features="sqrt",
            min_samples_leaf=SMALLEST_LEAF,
            random_state=options.seed,
            n_jobs=options.jobs,
        )
        forest.fit(
            np.concatenate([features[i][chosen[i]] for i in others]),
            np.concatenate([patches[i].codes.ravel()[chosen[i]] for i in others]),
        )
        matrices.append(label_matrix(patch.codes.ravel(), forest.predict(features[left_out]) - 1))
        print_scores(f"{patch.name} ({time.perf_counter() - start:.0f} s)", matrices[-1])
    return matrices


def describe(patch: LabelledImage, roles: frozenset[str]) -> np.ndarray:
    """(H * W, features) float32: the bands of `roles`, their means and their standard deviations over WINDOWS."""
    from scipy.ndimage import uniform_filter

    features = []
    for role, band in zip(ROLES, patch.bands.astype(np.float32)):
        if role not in roles:
            continue
        features.append(band)
        for window in WINDOWS:
            mean = uniform_filter(band, window)
            variance = uniform_filter(band**2, window) - mean**2
            features += [mean, np.sqrt(np.maximum(variance, 0))]  # rounding can take a flat window's below zero
    return np.stack([feature.ravel() for feature in features], axis=1)


def sample(codes: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Places in the flattened `codes` (H, W) of up to `most` pixels of each class: rare classes count as much."""
    rng = np.random.default_rng(seed)
    flat = codes.ravel()
    places = [np.flatnonzero(flat == code) for code in np.unique(flat) if code != UNKNOWN]
    return np.concatenate([rng.permutation(there)[:most] for there in places])


def print_scores(name: str, matrix: np.ndarray) -> None:
    """One line with accuracy and mean IoU, one with the IoU of the classes that occur."""
    scores = exact_scores(matrix)
    print(f"  {name}: accuracy {scores['overall_accuracy']}, mean IoU {scores['mean_iou_of_classes_present']}")
    print("    " + ", ".join(f"{land} {iou}" for land, iou in scores["iou"].items()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
