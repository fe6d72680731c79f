"""Whatever is read, there is an answer or one sentence of refusal, and no other error."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

hypothesis = pytest.importorskip("hypothesis")  # QGIS's Python has none

from hypothesis import example, given, settings  # noqa: E402 - after it is known to be there
from hypothesis import strategies as st  # noqa: E402

from flair_landcover.contract.cards import BadModel, ModelCard, SatelliteInput, card_from_dict  # noqa: E402
from flair_landcover.contract.class_plan import parse_class_map, plan_classes  # noqa: E402
from flair_landcover.contract.dates import axis_date, date_in  # noqa: E402
from flair_landcover.contract.errors import BadInput, ProtocolError  # noqa: E402
from flair_landcover.contract.finetuning import FinetuneJob  # noqa: E402
from flair_landcover.contract.image import dated_path  # noqa: E402
from flair_landcover.contract.job_values import check_values  # noqa: E402
from flair_landcover.contract.protocol import decode_answer, decode_request, encode  # noqa: E402
from flair_landcover.contract.segmentation import SegmentationJob  # noqa: E402

# The same examples on each run; without a deadline, as other tests run beside these.
settings.register_profile("same", derandomize=True, deadline=None, max_examples=120, database=None)
settings.load_profile("same")

TEXTS = st.text(max_size=12) | st.sampled_from(["", "\0", "\udcff", "²", "٣", "9" * 5000, "R=1", "../x", "a" * 300])
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 1e300, math.nan, math.inf, 2**31, -1])
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def nested(depth: int) -> Any:
    """A list within a list, so deep."""
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def changed(sound: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """What is sound with any values in the place of some of its own, at its first or second level, or without them."""

    @st.composite
    def change(draw: Any) -> dict[str, Any]:
        values = json.loads(json.dumps(sound))
        for name in draw(st.lists(st.sampled_from(sorted(values)), max_size=3, unique=True)):
            inner = values[name]
            if isinstance(inner, dict) and inner and draw(st.booleans()):
                inner[draw(st.sampled_from(sorted(inner)))] = draw(PLAIN)
            elif isinstance(inner, list) and inner and draw(st.booleans()):
                inner[draw(st.integers(0, len(inner) - 1))] = draw(PLAIN)
            elif draw(st.integers(0, 4)):
                values[name] = draw(PLAIN)
            else:
                del values[name]
        return values

    return change()


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
SEGMENTATION = {"extent": [0, 0, 1, 1], "mask": [SQUARE], "sentinel2": ["s.tif"], "confidence": "c.tif"}
SEGMENTATION = {**SegmentationJob.from_dict({"input": "a.tif", "output": "map.tif"}).to_dict(), **SEGMENTATION}
FINETUNE = FinetuneJob.from_dict({"input": "a.tif", "polygons": "p.gpkg", "class_map": [["1", "water"]]}).to_dict()
CARD = ModelCard("id", "Title", "utt", satellite=SatelliteInput(), seen={"red": (1.0, 2.0)}, scores={"a": 1.0})


def refusing(function: Any, *arguments: Any) -> Any:
    """What a function answers; None where it refuses, which it does in one line."""
    try:
        return function(*arguments)
    except (BadInput, BadModel, ProtocolError) as error:
        assert str(error) and "\n" not in str(error)
        return None


def checked(kind: Any, values: dict[str, Any]) -> None:
    check_values(kind.from_dict(values))


@given(changed(SEGMENTATION))
@example({**SEGMENTATION, "bands": "R=" + "1" * 5000})
@example({**SEGMENTATION, "input": ["\udcff.tif"]})
def test_any_map_to_make_is_taken_or_refused(values):
    refusing(checked, SegmentationJob, values)


@given(changed(FINETUNE))
@example({**FINETUNE, "seed": 10**400})
def test_any_training_is_taken_or_refused(values):
    refusing(checked, FinetuneJob, values)


@given(changed(CARD.to_dict()))
@example({**CARD.to_dict(), "tile_size": 10**400})
@example({**CARD.to_dict(), "seen": {"red": 3}})
def test_any_card_is_read_or_refused_and_what_is_read_can_be_written(values):
    card = refusing(card_from_dict, values)
    if card is not None:
        assert card_from_dict(json.loads(json.dumps(card.to_dict()))) == card


DEEP = [
    *[(SegmentationJob, SEGMENTATION, name) for name in sorted(SEGMENTATION)],
    *[(FinetuneJob, FINETUNE, name) for name in ("class_map", "seed")],
    *[(ModelCard, CARD.to_dict(), name) for name in sorted(CARD.to_dict())],
]


@pytest.mark.parametrize("kind,sound,name", [pytest.param(*deep, id=f"{deep[0].__name__}-{deep[2]}") for deep in DEEP])
def test_what_nests_ten_thousand_deep_is_refused(kind, sound, name):
    assert refusing(checked if kind is not ModelCard else read_as, kind, {**sound, name: nested(10_000)}) is None


def read_as(kind: Any, values: dict[str, Any]) -> Any:
    return kind.from_dict(values)


LINES = st.binary(max_size=40) | changed({"id": 1, "call": "segment", "params": {"a": 1}, "cancel": True}).map(
    lambda values: json.dumps(values).encode() if "9" * 5000 not in repr(values) else b"{"
)


@given(LINES)
@example(b'{"id": ' + b"9" * 5000 + b"}")
@example(b"[" * 100_000)
@example(b'{"id": 1, "call": "x", "params": ' + b'{"a":' * 50_000)
def test_any_line_is_a_request_or_refused(line):
    request = refusing(decode_request, line)
    if request is not None:
        assert decode_request(encode(request)) is not None


ANSWER = {
    "id": 1,
    "progress": 0.5,
    "stage": {"code": "tile", "values": {}},
    "warning": {"code": "no_infrared", "values": {}},
    "tile": {"transform": [1, 0, 0, 0, 1, 0], "png": "aaaa"},
    "result": {},
    "error": {"kind": "failed", "message": "m"},
    "epoch": {},
}


@given(
    st.sampled_from(sorted(set(ANSWER) - {"id", "stage"})).flatmap(
        lambda name: changed({key: ANSWER[key] for key in ("id", "stage", name)})
    )
)
def test_any_line_of_an_engine_is_an_answer_or_refused(values):
    refusing(decode_answer, json.dumps(values).encode())


@given(st.text() | st.lists(TEXTS, max_size=6).map(" = ; ".join) | st.just("a=1;" * 2000))
def test_any_class_map_is_read_or_refused(text):
    pairs = refusing(parse_class_map, text) or ()
    refusing(plan_classes, CARD, [value for value, _ in pairs], pairs)


@given(st.lists(TEXTS | st.integers() | st.floats() | st.none(), max_size=6), st.lists(st.tuples(TEXTS, TEXTS)))
@example(["²", "٣", "9" * 5000, "-1", "1e5"], [("1", "²"), ("9" * 5000, "9" * 5000)])
def test_any_values_of_a_field_have_a_plan_or_are_refused(values, class_map):
    refusing(plan_classes, CARD, values, class_map)


YEARLIKE = st.lists(st.sampled_from([*"0123456789-_/.T@ ", "2021", "٣", "²"]), max_size=14).map("".join)


@given(YEARLIKE | TEXTS)
@example("0000-00-00")
@example("2021-٣٣-٣٣")
@example("clip@2021-02-31")
def test_any_text_holds_a_date_or_none_or_is_refused(text):
    refusing(date_in, text, "it")
    refusing(dated_path, text)


UNITS = st.sampled_from(["days", "seconds", "s", "ns", "month"]).flatmap(
    lambda unit: YEARLIKE.map(lambda date: f"{unit} since {date}")
)


@given(TEXTS | NUMBERS.map(lambda number: f"{number:.0f}"[:50] if isinstance(number, float) else "7"), UNITS | TEXTS)
@example("nan", "days since 2000-01-01")
@example("1e300", "days since 2000-01-01")
@example("1", "days since 0-0-0")
@example("1", "days since ٢٠٠٠-01-01")
def test_any_value_of_a_time_axis_is_a_date_or_refused(value, units):
    refusing(axis_date, value, units, "", "it")
