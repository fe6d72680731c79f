from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from flair_landcover.contract.cards import ROLES
from flair_landcover.finetune.samples import (
    ANYWHERE,
    IGNORED,
    UNLABELLED,
    _read,
    holdout_samples,
    labels_in,
    training_samples,
)
from flair_landcover.inference.raster.windows import Window
from flair_landcover.research.scenes.polygons import draw_polygons, write_polygons
from flair_landcover.research.scenes.village import AERIAL_CRS, make_village
from flair_landcover.tests.jobs import finetune_job

from ..inference.bdortho import cut
from ..inference.conftest import make_model, write_raster
from .scenes import CLASSES, SMALL, TINY, WITH_SATELLITE, scene_job, source_of


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    made, _ = source_of(scene_job(tmp_path_factory.mktemp("scene"), TINY, holdout=0.34))
    with made.tiles:
        yield made


def test_a_seed_gives_the_same_samples_whatever_the_threads_do(source):
    first, second = (list(training_samples(source, 12, 3)) for _ in range(2))
    assert all(torch.equal(a.aerial, b.aerial) and torch.equal(a.target, b.target) for a, b in zip(first, second))
    other = list(training_samples(source, 12, 4))
    assert not any(torch.equal(a.aerial, b.aerial) for a, b in zip(first, other))


def test_tiles_give_the_samples_of_the_whole(source, tmp_path):
    (whole,) = source.tiles.inputs.job.image.input
    with rasterio.open(whole) as dataset:
        parts = cut(dataset.read(), dataset.transform, [130], [90, 210])
    (tmp_path / "tiles").mkdir()
    for name, (pixels, transform) in parts.items():
        write_raster(tmp_path / "tiles" / f"{name}.tif", pixels, transform=transform)
    job = scene_job(
        tmp_path, TINY, input=str(tmp_path / "tiles"), holdout=0.34, model=source.tiles.inputs.job.image.model
    )
    made, _ = source_of(job)
    with made.tiles:
        pairs = zip(training_samples(made, 12, 3), training_samples(source, 12, 3))
        assert all(torch.equal(a.aerial, b.aerial) and torch.equal(a.target, b.target) for a, b in pairs)


def test_samples_have_the_size_of_a_crop_and_the_networks_bands(source):
    for sample in training_samples(source, 8, 0):
        assert sample.aerial.shape == (5, 64, 64) and sample.aerial.dtype == torch.float32
        assert sample.target.shape == (64, 64) and sample.target.dtype == torch.int16


def test_classes_are_drawn_for_alike(source):
    values = [c.value for c in source.card.classes]
    seen = [
        {values[i] for i in sample.target.unique().tolist() if i >= 0} for sample in training_samples(source, 12, 0)
    ]
    labelled = [found for number, found in enumerate(seen) if number % ANYWHERE != ANYWHERE - 1]
    assert all(labelled)
    for value in CLASSES:
        assert sum(value in found for found in labelled) >= 3


def test_held_out_polygons_are_neither_learnt_nor_held_to_the_base(source):
    whole = Window(0, 0, 300, 300)
    sides = [(labels_in(source, whole, side) != UNLABELLED) for side in (source.split.training, source.split.holdout)]
    assert sides[0].any() and sides[1].any() and not (sides[0] & sides[1]).any()
    # the raster as one sample: crops at native scale, put back where they come from, are what training reads
    plain = replace(source, size=300)
    target = _read(plain, whole, source.split.training, source.split.holdout).target.numpy()
    assert (target[sides[1]] == IGNORED).all() and (target[sides[0]] >= 0).all()
    assert (target[~sides[0] & ~sides[1]] == UNLABELLED).all()


def test_the_hold_out_is_evaluated_on_its_own_pixels_alone(source):
    samples = list(holdout_samples(source))
    assert len(samples) == len(source.split.holdout)
    for sample, item in zip(samples, source.split.holdout):
        found = {source.card.classes[i].value for i in sample.target.unique().tolist() if i >= 0}
        assert item.value in found
        assert set(sample.target.unique().tolist()) & {UNLABELLED} == set()


def test_pixels_without_data_are_neither_learnt_nor_evaluated(tmp_path):
    job = scene_job(tmp_path, TINY, holdout=0.0)
    with rasterio.open(job.image.input[0], "r+") as dataset:
        dataset.nodata = 0
        pixels = dataset.read()
        pixels[:, :150] = 0
        dataset.write(pixels)
    source, _ = source_of(job)
    with source.tiles:
        for sample in training_samples(source, 12, 0):
            _, mask = source.tiles.picture(Window(0, 0, 300, 300))
            assert not mask[:150].any()
            assert (sample.target == IGNORED).sum() < sample.target.numel()


def test_bands_that_may_be_missing_are_left_out_now_and_then(source):
    nir = ROLES.index("nir")
    scenes = [sample.aerial for sample in training_samples(source, 60, 0)]
    without = sum(bool((aerial[nir] == TINY.fill["nir"]).all()) for aerial in scenes)
    assert 2 <= without <= 25
    assert all(aerial[0].std() > 0 for aerial in scenes)  # red may not


def test_normalised_bands_stay_within_what_the_image_can_hold(tmp_path):
    card = replace(SMALL, id="means", means=(0.4,) * 5, stds=(0.25,) * 5)
    source, _ = source_of(scene_job(tmp_path, card))
    with source.tiles:
        for sample in training_samples(source, 8, 0):
            shares = sample.aerial[:3] * 0.25 + 0.4
            assert shares.min() >= -1e-5 and shares.max() <= 1 + 1e-5


def test_a_raster_smaller_than_a_crop_can_be_learnt_from(tmp_path: Path):
    source, _ = source_of(scene_job(tmp_path, TINY), size=320)
    with source.tiles:
        sample = next(training_samples(source, 1, 0))
    assert sample.aerial.shape == (5, 320, 320)
    assert np.isfinite(sample.aerial.numpy()).all()


def test_with_a_series_samples_are_whole_tiles_and_some_go_without_it(tmp_path):
    files = make_village(tmp_path / "village", size=512)
    polygons = write_polygons(tmp_path / "p.gpkg", draw_polygons(files.truth, 8), AERIAL_CRS)
    model = make_model(tmp_path / "utt", WITH_SATELLITE)
    job = finetune_job(str(files.aerial), str(polygons), model=str(model), sentinel2=str(files.sentinel2))
    source, _ = source_of(job, size=WITH_SATELLITE.tile_size)
    with source.tiles:
        assert source.with_series
        samples = list(training_samples(source, 6, 0))
    with_series = [sample for sample in samples if sample.series is not None]
    assert 2 <= len(with_series) < 6
    for sample in with_series:
        assert sample.aerial.shape == (5, 512, 512)
        assert sample.series.shape == (12, 10, 40, 40) and sample.days.shape == (12,)
