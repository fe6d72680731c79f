from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from flair_landcover.contract.answers import AnnotationSummary
from flair_landcover.contract.cards import WEIGHTS_NAME, ModelCard, write_card
from flair_landcover.contract.errors import BadInput, Cancelled
from flair_landcover.contract.notices import english
from flair_landcover.finetune.summary import summary
from flair_landcover.tests.jobs import finetune_job

from ..inference.conftest import picture, write_raster
from .polygons import square, write_polygons


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> dict:
    """A raster of 200 x 200 m and a model's card, as settings of a job."""
    folder = tmp_path_factory.mktemp("scène")
    raster = write_raster(folder / "aerial.tif", picture(3, 1000, 1000).astype(np.uint8))
    (folder / "model").mkdir()
    (folder / "model" / WEIGHTS_NAME).touch()  # a summary does not look into the weights
    write_card(ModelCard(id="base", title="Base", architecture="smp:Unet:resnet18"), folder / "model")
    return {"input": str(raster), "model": str(folder / "model")}


def told(image: dict, polygons: str, **settings) -> AnnotationSummary:
    answer = summary(finetune_job(**image, polygons=polygons, **settings), lambda: False)
    assert AnnotationSummary.from_dict(json.loads(json.dumps(answer.to_dict()))) == answer
    return answer


def test_classes_values_and_sides_are_counted(image, tmp_path):
    shapes = [square(20 * i, 40 * (i % 2)) for i in range(9)]
    values = ["water"] * 4 + ["pv"] * 3 + ["7", "unsure"]
    polygons = write_polygons(tmp_path / "p.gpkg", shapes, values)
    answer = told(image, polygons, class_map=(("pv", "solar panels"), ("unsure", "")))
    assert [(row.value, row.name, row.polygons) for row in answer.classes] == [
        (5, "water", 4),
        (7, "deciduous", 1),
        (14, "solar panels", 3),
    ]
    assert [row.area_m2 for row in answer.classes] == pytest.approx([400, 100, 300])
    assert [bool(row.warning) for row in answer.classes] == [False, True, False]
    assert all(row.colour.startswith("#") for row in answer.classes)
    assert [row.to_dict() for row in answer.values] == [
        {"value": "water", "polygons": 4, "class_name": "water"},
        {"value": "pv", "polygons": 3, "class_name": "solar panels"},
        {"value": "7", "polygons": 1, "class_name": "deciduous"},
        {"value": "unsure", "polygons": 1, "class_name": ""},
    ]
    assert answer.ignored == 1 and answer.conflict_m2 == 0 and answer.warnings == []
    sides = answer.holdout
    assert (sides.training, sides.holdout) == (6, 2)
    assert "deciduous" in english(sides.note) and sides.distance_m > 5


def test_polygons_that_disagree_are_reported(image, tmp_path):
    polygons = write_polygons(tmp_path / "p.gpkg", [square(0, 0), square(6, 0), square(50, 0)], [5, 7, 1])
    answer = told(image, polygons)
    assert answer.conflict_m2 == pytest.approx(40)
    assert "40.0 m²" in english(answer.warnings[-1])


def test_warnings_of_the_polygons_come_along(image, tmp_path):
    bow_tie = shapely.Polygon([square(0, 0).exterior.coords[i] for i in (0, 2, 1, 3)])
    polygons = write_polygons(tmp_path / "p.gpkg", [bow_tie, square(50, 0), square(900, 0)], [5, 7, 1])
    warnings = [english(each) for each in told(image, polygons).warnings]
    assert len(warnings) == 2 and "repaired" in warnings[0] and "left out" in warnings[1]


def test_too_few_polygons_for_a_holdout_are_told(image, tmp_path):
    polygons = write_polygons(tmp_path / "p.gpkg", [square(0, 0), square(50, 0)], [5, 7])
    assert told(image, polygons).holdout.holdout == 0
    assert "too few" in english(told(image, polygons).holdout.note)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"input": "nowhere.tif"}, "input"),
        ({"model": "nowhere"}, "model"),
        ({"class_field": "nature"}, "class_field"),
        ({"trainable": "head"}, "trainable"),
    ],
)
def test_what_the_training_would_refuse_is_refused(image, tmp_path, change, field):
    polygons = write_polygons(tmp_path / "p.gpkg", [square(0, 0), square(50, 0)], [5, 7])
    with pytest.raises(BadInput) as caught:
        summary(finetune_job(**{**image, "polygons": polygons, **change}), lambda: False)
    assert caught.value.field == field


def test_it_can_be_cancelled(image, tmp_path):
    polygons = write_polygons(tmp_path / "p.gpkg", [square(0, 0), square(50, 0)], [5, 7])
    with pytest.raises(Cancelled):
        summary(finetune_job(**image, polygons=polygons), lambda: True)
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["p.gpkg"]
