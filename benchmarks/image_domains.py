"""How well the statistics of an image tell it from others: where the constants of `models.networks.gated` come from.

``python benchmarks/image_domains.py --data ../shared/data [--near 0.25 --far 0.35]``

Of every scene random windows are read as a fine-tuning on it would read them. Printed are how much the statistics of
all scenes differ, and on how much of the same scene, and of others by kind, the fine-tuning would then count; last, on
how much of a large image it would: the rural tiles, which are one flight over 18 x 33 km, taken as one.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
import torch
from torch import Tensor, nn

from flair_landcover.benchmarks.finetune import SHIFTED
from flair_landcover.contract.cards import ModelCard
from flair_landcover.models.networks import gated
from flair_landcover.research.augment import at_model_gsd
from flair_landcover.research.dataset import LabelledImage, held_out_images, training_images
from flair_landcover.research.generated import generated_images
from flair_landcover.research.material import MEASURED
from flair_landcover.research.scenes.village import make_village

_CARD = ModelCard(id="", title="", architecture="")
_WINDOWS, _TESTED = 768, 128  # as many as `finetune.domain` reads, and tests them with
_RURAL_STEP = 10


def main() -> None:
    """Prints one line a scene that is learnt."""
    parser = argparse.ArgumentParser(description="How well the statistics of an image tell it from others.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--near", type=float, default=gated.NEAR)
    parser.add_argument("--far", type=float, default=gated.FAR)
    options = parser.parse_args()
    gated.NEAR, gated.FAR = options.near, options.far
    images = [*held_out_images(options.data), *training_images(options.data)]
    scenes = dict(_scenes(images))
    rng = np.random.default_rng(0)
    statistics = {name: _statistics(bands, rng) for name, (_, bands) in scenes.items()}
    whole = torch.cat([found for found in statistics.values() if (found[:, 7] > 0).all()])
    print("deviation of means", *(f"{value:.3f}" for value in whole[:, :4].std(0)), end="; ")
    print("of contrasts", *(f"{value:.3f}" for value in whole[:, 4:].std(0)))
    kinds = sorted({kind for kind, _ in scenes.values()})
    for name, (kind, bands) in scenes.items():
        if kind not in ("village", "flair2", "pnoa"):
            continue
        network = gated.GatedNetwork(nn.Identity(), [{}], [statistics[name]], _CARD)
        others: dict[str, list[float]] = {other: [] for other in kinds}
        for other, (its_kind, its_bands) in scenes.items():
            if other != name:
                others[its_kind].append(float(network.share(its_bands[None]).mean()))
        own = float(network.share(bands[None]).mean())
        print(f"{name[-32:]:32} own {own:.3f};", ", ".join(f"{k} {np.mean(v):.3f}" for k, v in others.items() if v))
    rural = [image for image in images if image.kind == "naip-rural"]
    places = [rural[number] for number in rng.integers(len(rural), size=_WINDOWS + _TESTED)]
    found = torch.stack([_window(at_model_gsd(image)[0], rng) for image in places])
    print(f"rural tiles as one image: own {gated.covered_share(found[:_WINDOWS], found[_WINDOWS:], _CARD):.3f}")


def _scenes(images: list[LabelledImage]) -> Iterator[tuple[str, tuple[str, Tensor]]]:
    """Name, kind and bands (5, H, W) in 0..1 at 0.2 m of every scene."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in (1, 2):
            files = make_village(Path(folder) / str(seed), seed=seed, flight=SHIFTED)
            with rasterio.open(files.aerial) as dataset:
                yield f"village {seed}", ("village", torch.from_numpy(dataset.read()).float() / 255)
    kinds = ("flair2", "flair2-renderings", "pnoa")
    chosen = [image for image in images if image.kind in kinds]
    chosen += [image for image in images if image.kind == "naip-rural"][::_RURAL_STEP]
    for image in [*chosen, *generated_images(MEASURED, with_series=False)]:
        yield image.name, (image.kind, at_model_gsd(image)[0])


def _statistics(bands: Tensor, rng: np.random.Generator) -> Tensor:
    return torch.stack([_window(bands, rng) for _ in range(_WINDOWS)])


def _window(bands: Tensor, rng: np.random.Generator) -> Tensor:
    """The statistics of one window from anywhere in a scene."""
    row, column = (int(rng.integers(max(side - gated.WINDOW, 0) + 1)) for side in bands.shape[1:])
    return gated.statistics_of(bands[:, row : row + gated.WINDOW, column : column + gated.WINDOW], _CARD)


if __name__ == "__main__":
    main()
