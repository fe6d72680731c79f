"""Dataclasses of the contract as JSON, and back."""

from __future__ import annotations

import importlib
import json
import pkgutil
import typing
from dataclasses import dataclass

import pytest

from flair_landcover import contract
from flair_landcover.contract.answers import Hello, SeriesDate
from flair_landcover.contract.calls import CALLS, AerialQuestion, HubModel
from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.errors import ProtocolError
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.notices import Notice, notice
from flair_landcover.contract.plain import Plain, fitting, hints_of
from flair_landcover.tests.answers import segmentation_result
from flair_landcover.tests.jobs import finetune_job, segmentation_job

for module in pkgutil.iter_modules(contract.__path__):
    importlib.import_module(f"{contract.__name__}.{module.name}")


def kinds(of: type[Plain] = Plain) -> list[type[Plain]]:
    """The dataclasses of the contract that travel."""
    found = [kind for kind in of.__subclasses__() if kind.__module__.startswith(contract.__name__)]
    return [*found, *(below for kind in found for below in kinds(kind))]


def example(hint):
    """Something of a type, other than its default."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:
        return example(inner[0])
    if origin is tuple:
        return tuple(map(example, inner[:1] * 2 if inner[-1] is Ellipsis else inner))
    if origin is list:
        return [example(inner[0])]
    if origin is dict:
        return {example(inner[0]): example(inner[1])}
    if hint is Notice:
        return notice("empty_map")
    if hint is ModelCard:
        return ModelCard("own", "Étangs", "utt")
    if issubclass(hint, Plain):
        return hint(**{name: example(each) for name, each in hints_of(hint).items()})
    return {str: "été\n日本", int: 7, float: 0.25, bool: True}[hint]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_what_travels_comes_back_from_json(kind):
    made = example(kind)
    assert kind.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_what_may_be_missing_comes_back_as_nothing(kind):
    optional = {name: None for name, hint in hints_of(kind).items() if typing.get_origin(hint) is typing.Union}
    made = kind(**{**vars(example(kind)), **optional})
    assert kind.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_all_that_calls_take_and_give_travels():
    travelling = {*kinds(), type(segmentation_job("a", "b")), type(finetune_job("a", "b")), AerialQuestion}
    assert {kind for call in CALLS.values() for kind in (call.params, call.answer)} <= travelling
    assert all(name == call.name for name, call in CALLS.items())


@pytest.mark.parametrize(
    "job",
    [
        segmentation_job("a.tif", "b.tif", extent=(1.0, 2, 3, 4), mask=({"type": "Polygon"},), sentinel2="s", tta="d4"),
        AerialQuestion(ImageSettings(("a.tif", "b.tif"), infrared="i.tif"), (1.0, 2.0, 3.0, 4.0)),
        finetune_job("a.tif", "p.gpkg", class_map=(("7", "pond"),), leave_out=("2021-04-15",), device="cpu", seed=3),
    ],
    ids=["segmentation", "question", "finetune"],
)
def test_a_job_comes_back_from_one_flat_object(job):
    values = json.loads(json.dumps(job.to_dict()))
    assert values["input"][0] == "a.tif" and "image" not in values
    assert type(job).from_dict(values) == job


def test_keys_that_a_newer_side_has_added_are_passed_over():
    assert SeriesDate.from_dict({"date": "2021-04-15", "clear": 1, "state": "clear", "colour": 3}) == SeriesDate(
        "2021-04-15", 1.0, "clear"
    )


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (SeriesDate, {"date": "2021-04-15", "state": "clear"}, "SeriesDate has no clear"),
        (SeriesDate, {"date": 3, "clear": None, "state": "clear"}, "SeriesDate.date is 3"),
        (SeriesDate, {"date": "2021-04-15", "clear": True, "state": "clear"}, "SeriesDate.clear is True"),
        (SeriesDate, ["2021-04-15"], "SeriesDate is not an object"),
        (HubModel, {"hub_id": 3}, "HubModel.hub_id"),
        (Hello, {"versions": {}, "devices": [{"id": "cpu"}], "folder": "", "executable": ""}, "Device has no name"),
        (Hello, {"versions": {"torch": 2}, "devices": [], "folder": "", "executable": ""}, "Hello.versions is 2"),
    ],
)
def test_what_is_missing_or_of_another_type_is_named(kind, values, said):
    with pytest.raises(ProtocolError, match=said):
        kind.from_dict(values)


def test_a_key_that_should_be_a_number_is_named_where_it_is_none():
    values = {**segmentation_result().to_dict(), "areas_m2": {"water": 1.0}}
    with pytest.raises(ProtocolError, match="'water', which is no number"):
        type(segmentation_result()).from_dict(values)


def test_of_kept_settings_those_that_fit_are_taken():
    values = {"input": ["a.tif"], "device": 3, "sentinel2": ["s.tif"], "leave_out": "May", "new": 1}
    assert fitting(ImageSettings, values) == {"input": ("a.tif",), "sentinel2": ("s.tif",)}


def test_a_type_that_python_3_9_cannot_evaluate_is_read():
    @dataclass(frozen=True)
    class Mixed(Plain):
        names: tuple[str | None, ...]
        corner: tuple[float, float] | None

    assert Mixed.from_dict({"names": ["a", None], "corner": [1, 2]}) == Mixed(("a", None), (1.0, 2.0))
