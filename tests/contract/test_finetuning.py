from __future__ import annotations

import json
import math

import pytest

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.finetuning import FinetuneJob, FinetuneResult, Scores, check_settings
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.tests.jobs import finetune_job

JOB = finetune_job(
    input="/d/été.tif",
    polygons="/d/p.gpkg",
    class_map=(("pv", "solar panels"), ("7", "")),
    bands="R=1 G=2 B=3",
    elevation="/d/e.tif",
    terrain="/d/t.tif",
    sentinel2=("/d/s2",),
    leave_out=("2021-04-15",),
    model="base",
    device="cpu",
    precision="fp32",
)


def test_a_job_comes_back_from_json():
    assert FinetuneJob.from_dict(json.loads(json.dumps(JOB.to_dict()))) == JOB


def test_unknown_and_missing_settings_are_refused():
    with pytest.raises(BadInput, match="epoch_count"):
        FinetuneJob.from_dict({**JOB.to_dict(), "epoch_count": 3})
    for name in ("input", "polygons"):
        with pytest.raises(BadInput) as caught:
            FinetuneJob.from_dict({**JOB.to_dict(), name: ""})
        assert caught.value.field == name


@pytest.mark.parametrize("class_map", [["vigne"], [["a", "b", "c"]], 3])
def test_a_class_map_that_is_no_list_of_pairs_is_refused(class_map):
    with pytest.raises(BadInput) as caught:
        FinetuneJob.from_dict({**JOB.to_dict(), "class_map": class_map})
    assert caught.value.field == "class_map"


def test_one_path_of_a_series_may_be_given_as_it_is():
    assert finetune_job("a", "b", sentinel2="/d/s2").image.sentinel2 == ("/d/s2",)
    assert finetune_job("a", "b", sentinel2=()).image.sentinel2 is None


def test_the_map_of_the_same_image_has_the_same_settings():
    map_job = SegmentationJob(JOB.image, "/d/map.tif")
    assert map_job.output == "/d/map.tif"
    for name in (
        "input", "bands", "elevation", "terrain", "sentinel2", "leave_out", "model", "device", "precision"
    ):  # fmt: skip
        assert map_job.to_dict()[name] == JOB.to_dict()[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trainable", "head"),
        ("holdout", -0.1),
        ("holdout", 0.51),
        ("holdout", math.nan),
        ("holdout", "a quarter"),
        ("keep_base", -1.0),
        ("keep_base", math.inf),
        ("epochs", -1),
        ("epochs", 2.5),
        ("seed", -1),
        ("seed", 2**32),
        ("everywhere", "no"),
        ("one_class", 1),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(BadInput) as caught:
        check_settings(finetune_job("a", "b", **{name: value}))
    assert caught.value.field == name


def test_usual_settings_are_fine():
    check_settings(JOB)
    check_settings(finetune_job("a", "b", holdout=0, keep_base=0, epochs=3, trainable="all", seed=7))


def test_a_result_is_plain_json():
    scores = {"where": "holdout", "accuracy": 0.5, "mean_iou": None, "iou": {}, "pixels": 3}
    both, card = Scores.from_dict(scores), ModelCard("x", "X", "utt")
    result = FinetuneResult("f", card, "r", 1.0, "cpu", 3, 2, "end", both, both, 0.1, 0.9, (), 3, 1, [])
    assert json.loads(json.dumps(result.to_dict()))["before"] == scores
