"""What a year of Sentinel-2 does to the map of the sample village, with the bundled model.

Of the bundled starter this much holds: it looks at the series, and it looks at the right place. Of the order of
the dates it takes little notice: shuffled, its labels change, but on average over scenes not for the worse.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flair_landcover.inference.segment import segment
from flair_landcover.research.scenes.village import VillageFiles, make_village
from flair_landcover.tests.jobs import segmentation_job

from .conftest import Recorder, read_labels

SHIFT = 400  # metres: 40 pixels of 10 m, a whole superpatch


@dataclass(frozen=True)
class Answer:
    """A map of the village: its labels, and the probability (0..1) that it gave to the true class of each pixel."""

    labels: np.ndarray
    of_truth: np.ndarray
    dates: tuple[str, ...]


@pytest.fixture(scope="module")
def village(tmp_path_factory) -> VillageFiles:
    return make_village(tmp_path_factory.mktemp("village"), size=1024)


@pytest.fixture(scope="module")
def truth(village) -> np.ndarray:
    return read_labels(village.truth)


@pytest.fixture(scope="module")
def ask(village, truth, tmp_path_factory):
    """Runs the engine with a folder of dates, or none."""

    def run(folder: Path | None) -> Answer:
        out = tmp_path_factory.mktemp("map")
        job = segmentation_job(
            str(village.aerial),
            str(out / "map.tif"),
            sentinel2=folder and str(folder),
            probabilities=str(out / "probabilities.tif"),
            device="cpu",
            precision="fp32",
        )
        result = segment(job, Recorder())
        with rasterio.open(out / "probabilities.tif") as dataset:
            of_truth = np.take_along_axis(dataset.read(), truth[None].astype(int) - 1, axis=0)[0] / 255
        return Answer(read_labels(out / "map.tif"), of_truth, tuple(result.sentinel2_dates))

    return run


@pytest.fixture(scope="module")
def with_series(ask, village) -> Answer:
    return ask(village.year)


def dated(folder: Path) -> list[str]:
    """The dates of a folder as its files are named, ascending."""
    return sorted(path.stem for path in folder.iterdir() if re.fullmatch(r"\d{8}\.tif", path.name))


def shuffled(year: Path, folder: Path) -> Path:
    """A copy in which each date has the pixels and the masks of another."""
    folder.mkdir()
    dates = dated(year)
    order = np.random.default_rng(0).permutation(len(dates))
    for date, other in zip(dates, order):
        for part in ("", "_clouds", "_snow"):
            shutil.copy(year / f"{dates[other]}{part}.tif", folder / f"{date}{part}.tif")
    return folder


def shifted(year: Path, folder: Path, axis: int) -> Path:
    """A copy in which everything lies 400 m further south (axis 0) or east (axis 1); what leaves comes in again."""
    shutil.copytree(year, folder)
    for path in folder.iterdir():
        with rasterio.open(path, "r+") as dataset:
            dataset.write(np.roll(dataset.read(), round(SHIFT / dataset.res[0]), axis=1 + axis))
    return folder


def test_the_engine_takes_the_folder_and_leaves_out_what_clouds_and_snow_hide(with_series, village):
    dates = {f"{date[:4]}-{date[4:6]}-{date[6:]}" for date in dated(village.year)}
    assert set(with_series.dates) < dates
    overcast = set()
    for path in village.year.glob("*_clouds.tif"):
        with rasterio.open(path) as dataset:
            if (dataset.read() >= 60).mean() > 0.95:
                overcast.add(f"{path.name[:4]}-{path.name[4:6]}-{path.name[6:8]}")
    assert overcast and not overcast & set(with_series.dates)
    assert len(with_series.dates) >= 12


def test_the_series_changes_the_answer_for_the_better(with_series, ask, truth):
    """Better by the probability that the true class gets; which class wins is hardly more often right."""
    without = ask(None)
    assert (without.labels != with_series.labels).mean() > 0.05
    assert with_series.of_truth.mean() > without.of_truth.mean() + 0.005


def test_a_series_shifted_by_a_superpatch_is_worse(with_series, ask, village, truth, tmp_path):
    places = [ask(shifted(village.year, tmp_path / str(axis), axis)) for axis in (0, 1)]
    for wrong in places:
        assert (wrong.labels != with_series.labels).mean() > 0.1
        assert wrong.of_truth.mean() < with_series.of_truth.mean()
    wrong_probability = np.mean([wrong.of_truth.mean() for wrong in places])
    assert wrong_probability < with_series.of_truth.mean() - 0.01
    wrong_accuracy = np.mean([(wrong.labels == truth).mean() for wrong in places])
    assert wrong_accuracy < (with_series.labels == truth).mean() - 0.01


def test_shuffled_dates_change_the_answer(with_series, ask, village, tmp_path):
    again = ask(shuffled(village.year, tmp_path / "shuffled"))
    assert (again.labels != with_series.labels).mean() > 0.05
