"""What about ten polygons do to a model, where they were drawn and elsewhere, and how long that takes.

``python benchmarks/finetune.py [--polygons 12] [--seeds 1 2] [--data ../shared/data] [--trainable last]``

Makes villages whose light, haze and season the bundled model gets wrong, draws polygons from their truth, trains
with default settings, so that what is learnt counts everywhere, and so without the distillation, and prints mean IoU on
the rest of the village, on generated scenes of other seeds and, with --data, on real patches that the bundled model was
not trained on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
import shapely
import torch

from flair_landcover.contract.choices import KEEP_BASE, LAST
from flair_landcover.contract.finetuning import FinetuneJob
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.notices import Notice, Stage, english
from flair_landcover.contract.report import Epoch
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.evaluation.confusion import accuracy, confusion_matrix, mean_iou
from flair_landcover.finetune.finetune import finetune
from flair_landcover.inference.segment import segment
from flair_landcover.models.library import BUNDLED_FOLDER
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.research.dataset import ALL_ROLES, HELD_OUT_PATCHES, LabelledImage, held_out_images
from flair_landcover.research.evaluate import count_predictions, exact_matrix
from flair_landcover.research.generated import generated_images
from flair_landcover.research.labels import CLASSES
from flair_landcover.research.material import MEASURED
from flair_landcover.research.scenes.aerial import Flight
from flair_landcover.research.scenes.polygons import draw_polygons, write_polygons
from flair_landcover.research.scenes.village import AERIAL_CRS, make_village

# Dry late summer, a low western sun, haze, a dim camera with little red and infrared.
SHIFTED = Flight(azimuth=235.0, elevation=38.0, gain=(0.78, 0.82, 0.95, 0.7), haze=22.0, contrast=0.85, season=1.0)


class _Watch:
    """A report that keeps the time of each phase and prints nothing but epochs."""

    def __init__(self, epochs: bool) -> None:
        self.phases: dict[str, float] = {}
        self._epochs, self._phase, self._since = epochs, "", time.perf_counter()

    def progress(self, fraction: float, stage: Stage, remaining_s: float | None = None) -> None:
        now = time.perf_counter()
        if self._phase:
            self.phases[self._phase] = self.phases.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = english(stage), now

    def epoch(self, epoch: Epoch) -> None:
        if self._epochs:
            values = epoch.to_dict().items()
            print("   ", {name: round(v, 3) if isinstance(v, float) else v for name, v in values}, flush=True)

    def warning(self, notice: Notice) -> None:
        pass

    def tile(self, transform: tuple, png: bytes) -> None:
        pass

    def cancelled(self) -> bool:
        return False

    def enough(self) -> bool:
        return False


def main() -> None:
    """Prints one block a scene."""
    parser = argparse.ArgumentParser(description="What about ten polygons do to the bundled model.")
    parser.add_argument("--polygons", type=int, default=12)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--data", type=Path, help="folder of the real data, for the real patches")
    parser.add_argument("--patches", nargs="*", default=sorted(HELD_OUT_PATCHES), help="real patches to train on")
    parser.add_argument("--trainable", default=LAST)
    parser.add_argument("--keep-base", type=float, nargs="*", default=[KEEP_BASE], help="counting on like images alone")
    parser.add_argument(
        "--everywhere", type=float, nargs="*", default=[1.0, 0.0], help="KEEP_BASE, counting everywhere"
    )
    parser.add_argument("--sentinel2", action="store_true", help="with the village's Sentinel-2 series")
    parser.add_argument("--elsewhere", type=int, default=len(MEASURED), help="generated scenes to measure on")
    parser.add_argument("--training-seed", type=int, default=0, help="of the fine-tuning: how much chance changes")
    parser.add_argument("--epochs", action="store_true", help="print every epoch")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    elsewhere = {"generated scenes": list(generated_images(MEASURED[: options.elsewhere], with_series=False))}
    patches: list[LabelledImage] = []
    if options.data:
        held_out = held_out_images(options.data)
        patches = [image for image in held_out if image.name.split("/")[-1] in HELD_OUT_PATCHES]
        elsewhere["real patches left out"] = patches
        elsewhere["renderings left out"] = [p for p in held_out if p.kind == "flair2-renderings"]
    before = {name: _miou_of(BUNDLED_FOLDER, images) for name, images in elsewhere.items()}
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            files = make_village(Path(folder) / f"village{seed}", seed=seed, flight=SHIFTED)
            series = str(files.sentinel2) if options.sentinel2 else None
            _bench(
                f"village {seed}, shifted", files.aerial, files.truth, AERIAL_CRS, series, options, elsewhere, before
            )
        for image in patches:
            number = image.name.split("/")[-1]
            if number not in options.patches:
                continue
            source = options.data / "flair2" / f"IMG_{number}.tif"
            truth = _written_truth(image, source, Path(folder) / f"truth_{number}.tif")
            others = {**elsewhere, "real patches left out": [other for other in patches if other is not image]}
            scored = {name: _miou_of(BUNDLED_FOLDER, images) for name, images in others.items()}
            _bench(f"real patch {number}", source, truth, None, None, options, others, scored)


def _bench(
    name: str,
    aerial: Path,
    truth: Path,
    crs: str | None,
    series: str | None,
    options: argparse.Namespace,
    elsewhere: dict[str, list[LabelledImage]],
    before: dict[str, tuple[float, float]],
) -> None:
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        with rasterio.open(truth) as dataset:
            labels, transform, crs = dataset.read(1), dataset.transform, crs or dataset.crs
        count = options.polygons
        while True:
            try:
                polygons = draw_polygons(truth, count)
                break
            except ValueError:
                count -= 1
        path = write_polygons(folder / "polygons.gpkg", polygons, str(crs))
        drawn = rasterio.features.rasterize([shape for _, shape in polygons], labels.shape, transform=transform)
        rest = (labels > 0) & (drawn == 0)
        area = shapely.area([shape for _, shape in polygons]).sum()
        print(f"{name}: {count} polygons, {area:.0f} m² of {labels.size * 0.04:.0f}", flush=True)
        image = ImageSettings((str(aerial),), sentinel2=(series,) if series else None)
        job = FinetuneJob(image, str(path), trainable=options.trainable, seed=options.training_seed)
        base = _mapped(job, "bundled", folder, labels, rest)
        variants = [(weight, False) for weight in options.keep_base] + [(weight, True) for weight in options.everywhere]
        for keep_base, everywhere in variants:
            watch = _Watch(options.epochs)
            output = str(folder / f"model{keep_base}{everywhere}")
            result = finetune(replace(job, output=output, keep_base=keep_base, everywhere=everywhere), watch)
            new = _mapped(job, result.folder, folder, labels, rest)
            print(
                f"  keep_base {keep_base}{', everywhere' * everywhere}: {result.seconds:.0f} s on {result.device}, "
                f"{options.threads} threads;",
                end=" ",
            )
            print(", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in watch.phases.items()))
            print(
                f"    {result.epochs} epochs, best {result.best_epoch} ({result.stopped}), "
                f"{result.trained_polygons} polygons trained, {result.holdout_polygons} held out"
            )
            print(f"    mean IoU on the rest: {base[0]:.3f} -> {new[0]:.3f} ({new[0] - base[0]:+.3f}),", end=" ")
            print(f"accuracy {base[1]:.3f} -> {new[1]:.3f}; labels that change {result.changed:.2f}")
            for place, images in elsewhere.items():
                after = _miou_of(Path(result.folder), images)
                print(
                    f"    elsewhere, {place}: mean IoU {before[place][0]:.3f} -> {after[0]:.3f} "
                    f"({after[0] - before[place][0]:+.3f}), accuracy {before[place][1]:.3f} -> {after[1]:.3f} "
                    f"({after[1] - before[place][1]:+.3f})",
                    flush=True,
                )


def _mapped(job: FinetuneJob, model: str, folder: Path, labels: np.ndarray, rest: np.ndarray) -> tuple[float, float]:
    """Mean IoU and accuracy of a model's map on the pixels of `rest`."""
    segment(SegmentationJob(replace(job.image, model=model), str(folder / "map.tif")), _Watch(epochs=False))
    with rasterio.open(folder / "map.tif") as dataset:
        predicted = dataset.read(1)
    matrix = confusion_matrix(labels[rest], predicted[rest], CLASSES + 1)[1:, 1:]
    return mean_iou(matrix) or 0.0, accuracy(matrix) or 0.0


def _miou_of(model: Path, images: list[LabelledImage]) -> tuple[float, float]:
    network = load_model(model)[1]
    matrix = exact_matrix(count_predictions(network, images, ALL_ROLES).matrix)
    return mean_iou(matrix) or 0.0, accuracy(matrix) or 0.0


def _written_truth(image: LabelledImage, source: Path, path: Path) -> Path:
    with rasterio.open(source) as dataset:
        profile = {**dataset.profile, "count": 1, "dtype": "uint8", "nodata": 0}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(image.codes, 1)
    return path


if __name__ == "__main__":
    main()
