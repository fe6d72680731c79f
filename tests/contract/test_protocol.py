from __future__ import annotations

import json

import pytest

from flair_landcover.contract.errors import ProtocolError
from flair_landcover.contract.notices import notice, stage
from flair_landcover.contract.protocol import (
    Call,
    Cancel,
    Caution,
    Enough,
    EpochDone,
    Failure,
    Progress,
    Result,
    TileDone,
    decode_answer,
    decode_request,
    encode,
)
from flair_landcover.tests.answers import epoch

# How Python holds a file name that is not valid UTF-8.
NOT_UTF8 = b"/data/\xff.tif".decode("utf-8", "surrogateescape")

REQUESTS = [
    Call(1, "segment", {"input": "/données/été 日本.tif", "extent": [0.5, 1, 2, 3], "mask": None}),
    Call(2, "segment", {"input": NOT_UTF8, "output": "a\nb\u2028c"}),
    Call(3, "hello", {}),
    Cancel(4),
    Enough(5),
]
ANSWERS = [
    Progress(1, 0.25, stage("tile", number="3 … ça avance", total=12), 12.5),
    Progress(1, 1.0, stage("writing"), None),
    Caution(2, notice("layer_without_crs", layer="a\nb")),
    TileDone(3, (0.2, 0.0, 1e6, 0.0, -0.2, 6.5e6), b"\x89PNG\r\n\x1a\n\x00"),
    EpochDone(3, epoch(1, 0.25, of=40, best=True)),
    Result(4, {"output": "/data/ü.tif", "areas_m2": {"1": 2.0}}),
    Failure(5, "bad_input", "Give a path.", "", "input"),
    Failure(6, "failed", "It failed.", "Traceback\n  line"),
    Failure(None, "bad_input", "No message."),
]


@pytest.mark.parametrize("message", REQUESTS)
def test_a_request_comes_back_from_its_line(message):
    line = encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode_request(line) == message


@pytest.mark.parametrize("message", ANSWERS)
def test_an_answer_comes_back_from_its_line(message):
    line = encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode_answer(line) == message


def test_lines_have_the_documented_fields():
    assert json.loads(encode(Call(1, "hello", {"a": 1}))) == {"id": 1, "call": "hello", "params": {"a": 1}}
    assert json.loads(encode(Cancel(1))) == {"id": 1, "cancel": True}
    assert json.loads(encode(Enough(1))) == {"id": 1, "enough": True}
    assert json.loads(encode(TileDone(1, (0, 1, 2, 3, 4, 5), b"a picture"))) == {
        "id": 1,
        "tile": {"transform": [0, 1, 2, 3, 4, 5], "png": "YSBwaWN0dXJl"},
    }
    assert json.loads(encode(Progress(1, 0.5, stage("tile", number=1, total=2), 3.5))) == {
        "id": 1,
        "progress": 0.5,
        "stage": {"code": "tile", "values": {"number": 1, "total": 2}},
        "remaining_s": 3.5,
    }
    assert json.loads(encode(Caution(1, notice("conflict", area_m2=2.5)))) == {
        "id": 1,
        "warning": {"code": "conflict", "values": {"area_m2": 2.5}},
    }
    assert json.loads(encode(EpochDone(1, epoch(2, 0.5)))) == {
        "id": 1,
        "epoch": {
            **{"number": 2, "of": 30, "loss": 0.5, "holdout_loss": None, "holdout_iou": None, "training_iou": None},
            **{"best": False, "phase": "Training"},
        },
    }
    assert json.loads(encode(Failure(1, "bad_input", "m", "d", "mask"))) == {
        "id": 1,
        "error": {"kind": "bad_input", "message": "m", "detail": "d", "field": "mask"},
    }


def test_text_that_is_not_escaped_is_read_too():
    assert decode_request('{"id": 1, "call": "segment", "params": {"input": "été.tif"}}'.encode()).params == {
        "input": "été.tif"
    }


def test_unknown_fields_are_ignored():
    assert decode_request(b'{"id": 1, "call": "hello", "params": {}, "priority": 3}') == Call(1, "hello", {})
    line = b'{"id": 1, "progress": 0.5, "stage": {"code": "loading", "values": {}, "since": 2}, "power_w": 3}'
    assert decode_answer(line) == Progress(1, 0.5, stage("loading"))
    line = b'{"id": 1, "tile": {"transform": [0, 1, 2, 3, 4, 5], "png": "", "row": 1}}'
    assert decode_answer(line) == TileDone(1, (0, 1, 2, 3, 4, 5), b"")


def test_an_error_of_an_older_engine_names_no_field():
    line = b'{"id": 1, "error": {"kind": "bad_input", "message": "m", "detail": ""}}'
    assert decode_answer(line) == Failure(1, "bad_input", "m", "", "")


def test_a_call_without_params_has_none():
    assert decode_request(b'{"id": 1, "call": "hello"}') == Call(1, "hello", {})


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Loading model...",
        b"[1, 2]",
        b'{"id": 1, "call": "hello"',
        b'{"id": 1, "call": "caf\xe9"}',
        b'{"call": "hello"}',
        b'{"id": true, "call": "hello"}',
        b'{"id": "1", "call": "hello"}',
        b'{"id": 1}',
        b'{"id": 1, "cancel": false}',
        b'{"id": 1, "enough": false}',
        b'{"id": 1, "call": 7}',
        b'{"id": 1, "call": "hello", "params": [1]}',
    ],
)
def test_a_line_that_is_no_request_is_refused(line):
    with pytest.raises(ProtocolError):
        decode_request(line)


@pytest.mark.parametrize(
    "line",
    [
        b"Downloading: 100%",
        b'{"id": 1, "progress": "half"}',
        b'{"id": 1, "progress": 0.5, "stage": {"code": "loading", "values": {}}, "remaining_s": "long"}',
        b'{"id": 1, "progress": 0.5}',
        b'{"id": 1, "progress": 0.5, "stage": "Loading the model"}',
        b'{"id": 1, "progress": 0.5, "stage": {"code": "loading"}}',
        b'{"id": 1, "progress": 0.5, "stage": {"code": "What a newer engine says", "values": {}}}',
        b'{"id": 1, "progress": 0.5, "stage": {"code": ["loading"], "values": {}}}',
        b'{"id": 1, "progress": 0.5, "stage": {"code": "tile", "values": {"number": 3}}}',
        b'{"id": 1, "warning": 3}',
        b'{"id": 1, "warning": "No near infrared."}',
        b'{"id": 1, "warning": {"code": "no_heights", "values": {}}}',
        b'{"id": 1, "warning": {"code": "empty_map", "values": {"size": 1}}}',
        b'{"id": 1, "tile": [0, 1, 2, 3]}',
        b'{"id": 1, "tile": {"transform": [0, 1, 2, 3, 4], "png": ""}}',
        b'{"id": 1, "tile": {"transform": [0, 1, 2, 3, 4, null], "png": ""}}',
        b'{"id": 1, "tile": {"transform": [0, 1, 2, 3, 4, 5]}}',
        b'{"id": 1, "tile": {"transform": [0, 1, 2, 3, 4, 5], "png": "no base64"}}',
        b'{"id": 1, "tile": {"transform": [0, 1, 2, 3, 4, 5], "png": 7}}',
        b'{"id": 1, "epoch": 3}',
        b'{"id": 1, "epoch": {"number": 2}}',
        b'{"id": 1, "result": 3}',
        b'{"id": 1, "error": "no"}',
        b'{"id": 1, "news": "none"}',
        b'{"result": {}}',
    ],
)
def test_a_line_that_is_no_answer_is_refused(line):
    with pytest.raises(ProtocolError):
        decode_answer(line)


def test_a_refusal_names_the_call_where_the_line_did():
    with pytest.raises(ProtocolError) as caught:
        decode_request(b'{"id": 12, "call": 7}')
    assert caught.value.id == 12
    with pytest.raises(ProtocolError) as caught:
        decode_request(b"nothing")
    assert caught.value.id is None


def test_what_json_cannot_hold_is_not_sent():
    with pytest.raises(TypeError):
        encode(Result(1, {"path": object()}))
