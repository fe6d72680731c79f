"""How bright the pictures are that a model was trained on, for its card: an image that is far from them is told of.

`python -m flair_landcover.research.seen MODEL --data FOLDER` writes it into the card of a model of a recipe.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..contract.cards import ROLES, read_card, write_card
from .dataset import LabelledImage
from .material import read_material
from .recipe import BUNDLED_RECIPE, read_recipe

_MOST = (1, 99)  # percentiles


def seen_means(images: Iterable[LabelledImage]) -> dict[str, tuple[float, float]]:
    """By role, between which digital numbers the means of most images lie: the 1st and 99th percentiles."""
    means: dict[str, list[float]] = {role: [] for role in ROLES}
    for image in images:
        known = image.bands[:3].any(axis=0)
        for role in image.roles if known.any() else ():
            means[role].append(float(image.bands[ROLES.index(role)][known].mean()))
    return {role: _range(values) for role, values in means.items() if values}


def _range(values: list[float]) -> tuple[float, float]:
    low, high = np.percentile(values, _MOST)
    return round(float(low), 1), round(float(high), 1)


def main() -> int:
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="seen", description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="model folder whose card is written")
    parser.add_argument("--recipe", type=Path, default=BUNDLED_RECIPE, help="JSON file (default: bundled)")
    parser.add_argument("--data", type=Path, required=True, help="folder of the recipe's data")
    options = parser.parse_args()
    material = read_material(read_recipe(options.recipe), options.data)
    card = replace(read_card(options.model), seen=seen_means(material.pictures()))
    print(write_card(card, options.model), card.seen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
