"""Trains a model by a recipe and writes its folder: card, weights, scores on images that it did not see.

``python -m flair_landcover.research.train --data DATA --out models/bundled`` makes the bundled model again, and
``... train RECIPE --data FLAIR2 --out MODEL`` with ``research/recipes/flair2.json`` one of IGN's whole data set.

Every stage leaves its state in a working folder: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from .folds import leave_one_out
from .material import read_material
from .publish import publish
from .recipe import BUNDLED_RECIPE, Recipe, read_recipe
from .stages import train_base, train_on_patches, train_satellite_branch

_STAMP = "recipe.txt"


def main(arguments: list[str] | None = None) -> int:
    """Runs the script; returns its exit status."""
    parser = argparse.ArgumentParser(prog="train", description="Train a model by a recipe and write its folder.")
    parser.add_argument("recipe", type=Path, nargs="?", default=BUNDLED_RECIPE, help="JSON file (default: bundled)")
    parser.add_argument("--data", type=Path, required=True, help="folder of the pictures, or of FLAIR #2 as published")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--work", type=Path, default=Path(".training"), help="folder of the stages' states")
    parser.add_argument("--threads", type=int, help="threads that torch uses")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        recipe = read_recipe(options.recipe)
        if not options.data.is_dir():
            raise ValueError(f"{options.data} is not a folder: give the folder of the data with --data.")
        stamp(options.work, recipe)
        material = read_material(recipe, options.data)
        base = train_base(recipe, material, options.work, _log)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    network = train_on_patches(recipe, base, material, options.work, _log)
    network = train_satellite_branch(recipe, network, material, options.work, _log)
    folds = leave_one_out(recipe, material, base, options.work, _log)
    publish(recipe, network, material, folds, options.out)
    return 0


def _log(line: str) -> None:
    print(line, flush=True)


def stamp(work: Path, recipe: Recipe) -> None:
    """Marks a working folder as this recipe's, so that no state is taken for another's.

    Raises ValueError where it is marked as another's.
    """
    work.mkdir(parents=True, exist_ok=True)
    mark = work / _STAMP
    if mark.exists() and mark.read_text() != recipe.digest:
        raise ValueError(f"{work} holds the states of another recipe: name another folder with --work, or delete it.")
    mark.write_text(recipe.digest)


if __name__ == "__main__":
    sys.exit(main())
