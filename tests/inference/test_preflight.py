"""What is told of an image before the run, by what the model's card says that the model knows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flair_landcover.contract.cards import ModelCard, read_card
from flair_landcover.contract.choices import BUNDLED
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.notices import Notice, english
from flair_landcover.inference.check import check_job
from flair_landcover.inference.preflight import known_ranges
from flair_landcover.inference.segment import segment
from flair_landcover.models.library import find_model
from flair_landcover.tests.jobs import changed, segmentation_job

from .conftest import ORIGIN, Recorder, make_model, picture, write_raster

CARD = ModelCard(id="small", title="Small U-Net", architecture="smp:Unet:resnet18", tile_size=128)


@pytest.fixture
def patch(flair_patches: Path, tmp_path: Path) -> np.ndarray:
    """A real patch, (5, 512, 512) uint8."""
    with rasterio.open(sorted(flair_patches.glob("IMG_*.tif"))[0]) as dataset:
        return dataset.read()


def findings(raster: Path, model: str | Path = BUNDLED, **settings) -> dict[str, Notice]:
    """What is told of a job, by code."""
    told: list[Notice] = []
    check_job(segmentation_job(str(raster), str(raster.parent / "map.tif"), model=str(model), **settings), told.append)
    return {each.code: each for each in told}


def test_nothing_is_in_doubt_of_a_real_patch(patch, tmp_path):
    assert not [told for told in findings(write_raster(tmp_path / "a.tif", patch)).values() if told.doubt]


@pytest.mark.parametrize(("band", "factor", "code"), [(0, 0.1, "band_darker"), (3, 0.2, "band_darker")])
def test_a_band_far_darker_than_what_the_model_knows_is_told_with_its_picture(patch, band, factor, code, tmp_path):
    pixels = patch.copy()
    pixels[band] = pixels[band] * factor
    told = findings(write_raster(tmp_path / "a.tif", pixels))[code]
    low, high = read_card(find_model(BUNDLED)).seen[("red", "green", "blue", "nir")[band]]
    assert told.doubt and told.setting == "bands" and told.picture
    assert told.evidence["mean"] == pytest.approx(pixels[band].mean(), abs=8)  # of samples
    assert f"{low:.0f} to {high:.0f}" in english(told)


def test_a_band_far_brighter_is_told(patch, tmp_path):
    pixels = patch.copy()
    pixels[2] = 255 - pixels[2] // 16
    assert findings(write_raster(tmp_path / "a.tif", pixels))["band_brighter"].values["mean"] > 240


def test_what_missing_bands_cost_is_told_as_the_card_says(patch, tmp_path):
    scores = read_card(find_model(BUNDLED)).scores["leave one patch out"]
    for count, name in ((3, "RGB"), (4, "RGB and near infrared")):
        raster = write_raster(tmp_path / f"{count}.tif", patch[:count])
        told = findings(raster)["bands_missing"]
        assert told.values == {
            "count": count,
            "total": 5,
            "where": "leave one patch out",
            "without": scores[name]["mean_iou_of_classes_present"],
            "whole": scores["five bands"]["mean_iou_of_classes_present"],
        }
        assert not told.doubt
    assert "bands_missing" not in findings(write_raster(tmp_path / "5.tif", patch))


def test_the_share_without_data_and_another_pixel_size_are_told(small_model, tmp_path):
    pixels = picture(3, 300, 400).astype(np.uint8)
    pixels[:, :, :100] = 0
    told = findings(write_raster(tmp_path / "a.tif", pixels, nodata=0), small_model)
    assert told["without_data"].values["share"] == pytest.approx(0.25, abs=0.1)
    assert "resampled" not in told
    coarse = write_raster(tmp_path / "b.tif", pixels, transform=rasterio.Affine(0.5, 0, ORIGIN[0], 0, -0.5, ORIGIN[1]))
    assert findings(coarse, small_model)["resampled"].values == {"size": 0.5, "model_size": 0.2}


def test_a_published_model_knows_what_its_means_and_deviations_say():
    card = replace(CARD, means=(0.4, 0.5, 0.5, 0.9, 0.1), stds=(0.2, 0.1, 0.1, 0.2, 0.1))
    ranges = known_ranges(card)
    assert ranges["red"] == pytest.approx((0.1 * 255, 0.7 * 255))
    assert ranges["nir"] == pytest.approx((0.6 * 255, 255))
    assert ranges["elevation"][0] == 0
    assert known_ranges(CARD) == {}


def test_a_strict_run_is_refused_where_anything_is_in_doubt_and_writes_nothing(tmp_path):
    model = make_model(tmp_path / "model", replace(CARD, seen={"red": (240.0, 250.0)}))
    raster = write_raster(tmp_path / "a.tif", picture(3, 100, 100, top=150).astype(np.uint8))
    job = segmentation_job(str(raster), str(tmp_path / "map.tif"), model=str(model), device="cpu", strict=True)
    with pytest.raises(BadInput, match=r"strict run .* Red is much darker") as refusal:
        segment(job, Recorder())
    assert refusal.value.field == "bands"
    assert not (tmp_path / "map.tif").exists()
    assert segment(changed(job, strict=False), Recorder()).complete
    sound = make_model(tmp_path / "sound", CARD)
    assert segment(changed(job, model=str(sound)), Recorder()).complete


def test_the_provenance_keeps_what_was_told_with_its_evidence(tmp_path):
    model = make_model(tmp_path / "model", replace(CARD, seen={"red": (240.0, 250.0)}))
    raster = write_raster(tmp_path / "a.tif", picture(3, 100, 100, top=150).astype(np.uint8))
    report = Recorder()
    segment(segmentation_job(str(raster), str(tmp_path / "map.tif"), model=str(model), device="cpu"), report)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        kept = json.loads(dataset.tags()["FLAIR_LANDCOVER"])["findings"]
    (darker,) = [found for found in kept if found["code"] == "band_darker"]
    assert darker["said"].startswith("Red is much darker") and darker["setting"] == "bands"
    assert darker["evidence"]["mean"] == pytest.approx(darker["values"]["mean"])
    assert darker["picture"] == ""  # pictures would swell the file
