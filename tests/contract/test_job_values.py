"""What a job may say: types, ranges and finite numbers, in one place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.finetuning import FinetuneJob
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.job_values import check_values
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.tests.jobs import finetune_job, segmentation_job

SQUARE = [[[0, 0], [1, 0], [1, 1], [0, 0]]]
GIVEN = {"input": ["a.tif"], "output": "map.tif"}


def refusal(values: dict, kind=SegmentationJob) -> BadInput:
    """Why a job out of JSON is refused."""
    with pytest.raises(BadInput) as caught:
        check_values(kind.from_dict(json.loads(json.dumps(values))))
    return caught.value


VALUES: list[tuple[str, Any]] = [
    *[(name, 3) for name in ("bands", "elevation", "terrain", "infrared", "model", "device", "precision", "tta")],
    *[(name, 3) for name in ("classes", "confidence", "probabilities", "difference", "output", "sentinel2")],
    *[(name, ["x", 3]) for name in ("input", "sentinel2", "leave_out")],
    *[("strict", value) for value in ("yes", 1, None)],
    *[
        ("extent", value)
        for value in ("0 0 1 1", [0, 0, 1], [0, 0, 1, "1"], [0, 0, 1, None], [0, 0, 1, True], {"x": 1})
    ],
    *[("extent", value) for value in ([0, 0, 1e300, 1], [0, 0, 10**400, 1], [3, 0, 1, 1], [1, 1, 1, 1])],
    *[("mask", value) for value in ("polygon", 3, [3], [[1]])],
    ("mask", []),
    ("bands", "R=1\0"),
    ("bands", "R=1 " * 10_000),
    ("model", "m" * 40_000),
    ("device", "gpu"),
    ("tta", "all"),
]


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_a_value_of_another_type_or_out_of_range_is_refused_with_its_setting(name, value):
    told = refusal({**GIVEN, name: value})
    assert told.field == name
    assert len(str(told)) < 400


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(BadInput, match="not four numbers") as caught:
        check_values(segmentation_job("a", "b", extent=(0, 0, 1, value)))
    assert caught.value.field == "extent"


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[]]},
        {"type": "Polygon", "coordinates": "abcd"},
        {"type": "Polygon", "coordinates": [[["0", "0"], ["1", "0"], ["1", "1"], ["0", "0"]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, None], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1e300], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, float("nan")], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0], [1], [1], [0]]]},
        {"type": "Polygon", "coordinates": SQUARE, "properties": {}},
        {"type": "MultiPolygon", "coordinates": SQUARE},
        {"type": "LineString", "coordinates": SQUARE[0]},
        {"type": ["Polygon"], "coordinates": SQUARE},
    ],
)
def test_a_mask_that_gdal_could_not_take_is_refused(geometry):
    told = refusal({**GIVEN, "mask": [{"type": "Polygon", "coordinates": SQUARE}, geometry]})
    assert told.field == "mask" and "no valid polygons" in str(told)


def test_sound_jobs_pass():
    polygons = ({"type": "Polygon", "coordinates": SQUARE}, {"type": "MultiPolygon", "coordinates": [SQUARE]})
    check_values(segmentation_job("a", "b", extent=(-1e5, 0, 1.5, 3), mask=polygons, sentinel2="s.tif"))
    check_values(SegmentationJob(ImageSettings(("a", "b"), leave_out=("2021-04-15",)), "map.tif", strict=True))
    check_values(finetune_job("a", "p", class_map=[["1", "water"]]))


def test_a_training_is_checked_as_well():
    given = {"input": "a", "polygons": "p"}
    assert refusal({**given, "seed": -1}, FinetuneJob).field == "seed"
    assert refusal({**given, "holdout": "much"}, FinetuneJob).field == "holdout"
    assert refusal({**given, "layer": 3}, FinetuneJob).field == "layer"
    assert refusal({**given, "class_map": [["a", 3]]}, FinetuneJob).field == "class_map"


def test_a_mask_nested_ten_thousand_deep_is_refused():
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(BadInput) as caught:
        check_values(segmentation_job("a", "b", mask=({"type": "Polygon", "coordinates": deep},)))
    assert caught.value.field == "mask"
