"""The messages between QGIS and the engine's worker: JSON, one message a line, UTF-8.

Standard library only: both sides import this module. A reader ignores fields that it does not
know, so that either side can learn new ones without the other.

Requests (to the worker)::

    {"id": 1, "call": "segment", "params": {...}}
    {"id": 1, "cancel": true}
    {"id": 1, "enough": true}

Answers (from the worker); a call that runs begins with `progress` 0, and every call ends with exactly
one `result` or `error`::

    {"id": 1, "progress": 0.25, "stage": {"code": "tile", "values": {...}}, "remaining_s": 12.5}
    {"id": 1, "warning": {"code": "no_infrared", "values": {}}}
    {"id": 1, "tile": {"transform": [a, b, c, d, e, f], "png": "base64"}}
    {"id": 1, "epoch": {"number": 3, "of": 40, "loss": 0.21, ...}}
    {"id": 1, "result": {...}}
    {"id": 1, "error": {"kind": "bad_input", "message": "...", "detail": "...", "field": "extent"}}
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, TypeVar, Union, cast

from .errors import ProtocolError
from .notices import Notice, Stage
from .report import Epoch

_Kind = TypeVar("_Kind", Stage, Notice, Epoch)

BAD_INPUT = "bad_input"
CANCELLED = "cancelled"
FAILED = "failed"


@dataclass(frozen=True)
class Call:
    """Run the call named `call`; `id` is new for each call of a worker's life."""

    id: int
    call: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Cancel:
    """Stop the call `id`, running or waiting."""

    id: int


@dataclass(frozen=True)
class Enough:
    """End the running call `id` now and keep what it has done; a waiting call is stopped."""

    id: int


@dataclass(frozen=True)
class Progress:
    """progress: 0..1 of the work done; remaining_s: seconds still expected, None if unknown."""

    id: int
    progress: float
    stage: Stage
    remaining_s: float | None = None


@dataclass(frozen=True)
class Caution:
    """A warning to the user; the call goes on."""

    id: int
    warning: Notice


@dataclass(frozen=True)
class TileDone:
    """A block of the map is final.

    transform: (a, b, c, d, e, f) from pixels of the picture to the aerial raster's CRS:
        x = a * column + b * row + c, y = d * column + e * row + f.
    png: the block's picture in the legend's colours, transparent where nodata.
    """

    id: int
    transform: tuple[float, float, float, float, float, float]
    png: bytes


@dataclass(frozen=True)
class EpochDone:
    """What `FinetuneReport.epoch` was told."""

    id: int
    epoch: Epoch


@dataclass(frozen=True)
class Result:
    """The call is done."""

    id: int
    result: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """The call ended without a result.

    id: None where the worker could not read which call was meant.
    kind: `BAD_INPUT`, `CANCELLED` or `FAILED` (a reader takes any other for `FAILED`).
    message: one sentence for the user; detail: a traceback, or "".
    field: the setting that bad input is about, or "".
    """

    id: int | None
    kind: str
    message: str
    detail: str = ""
    field: str = ""


# Evaluated at run time, where Python 3.9 has no X | Y for classes.
Request = Union[Call, Cancel, Enough]
Answer = Union[Progress, Caution, TileDone, EpochDone, Result, Failure]


def encode(message: Request | Answer) -> bytes:
    """One line, its end included.

    Raises TypeError or ValueError where the message holds what JSON cannot.
    """
    if isinstance(message, Call):
        fields: dict[str, Any] = {"call": message.call, "params": message.params}
    elif isinstance(message, Cancel):
        fields = {"cancel": True}
    elif isinstance(message, Enough):
        fields = {"enough": True}
    elif isinstance(message, Progress):
        fields = {
            "progress": message.progress,
            "stage": message.stage.to_dict(),
            "remaining_s": message.remaining_s,
        }
    elif isinstance(message, Caution):
        fields = {"warning": message.warning.to_dict()}
    elif isinstance(message, TileDone):
        png = base64.b64encode(message.png).decode("ascii")
        fields = {"tile": {"transform": list(message.transform), "png": png}}
    elif isinstance(message, EpochDone):
        fields = {"epoch": message.epoch.to_dict()}
    elif isinstance(message, Result):
        fields = {"result": message.result}
    elif isinstance(message, Failure):
        fields = {"error": {name: getattr(message, name) for name in ("kind", "message", "detail", "field")}}
    else:
        raise TypeError(f"{type(message).__name__} is no message")
    # ASCII with escapes is UTF-8 too, and carries the lone surrogates by which Python names files
    # whose names are not valid UTF-8.
    return json.dumps({"id": message.id, **fields}, ensure_ascii=True).encode("ascii") + b"\n"


def decode_request(line: bytes) -> Request:
    """The request in one line. Raises ProtocolError where there is none."""
    values = _object(line)
    id = _id(values)
    if "call" in values:
        params = values.get("params")
        return Call(id, _text(values, "call"), {} if params is None else _dict(params, "params", id))
    if values.get("cancel") is True:
        return Cancel(id)
    if values.get("enough") is True:
        return Enough(id)
    raise ProtocolError("The message holds no request that this version knows.", id)


def decode_answer(line: bytes) -> Answer:
    """The answer in one line. Raises ProtocolError where there is none."""
    values = _object(line)
    if "error" in values:
        id = None if values.get("id") is None else _id(values)
        error = _dict(values["error"], "error", id)
        texts = (str(error.get(name, "")) for name in ("message", "detail", "field"))
        return Failure(id, str(error.get("kind", FAILED)), *texts)
    id = _id(values)
    if "result" in values:
        return Result(id, _dict(values["result"], "result", id))
    if "progress" in values:
        remaining = values.get("remaining_s")
        return Progress(
            id,
            _number(values["progress"], "progress", id),
            _of(Stage, id, values.get("stage")),
            None if remaining is None else _number(remaining, "remaining_s", id),
        )
    if "warning" in values:
        return Caution(id, _of(Notice, id, values["warning"]))
    if "tile" in values:
        return _tile(id, _dict(values["tile"], "tile", id))
    if "epoch" in values:
        return EpochDone(id, _of(Epoch, id, values["epoch"]))
    raise ProtocolError("The message holds no answer that this version knows.", id)


def _of(kind: type[_Kind], id: int, values: object) -> _Kind:
    try:
        return kind.from_dict(values)
    except ProtocolError as error:
        raise ProtocolError(str(error), id) from None


def _tile(id: int, values: dict[str, Any]) -> TileDone:
    transform, png = values.get("transform"), values.get("png")
    if not isinstance(transform, list) or len(transform) != 6:
        raise ProtocolError("The message's tile does not hold a transform of six numbers.", id)
    a, b, c, d, e, f = (_number(value, "transform", id) for value in transform)
    try:
        picture = base64.b64decode(cast(str, png), validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ProtocolError("The message's tile does not hold a picture in base64.", id) from None
    return TileDone(id, (a, b, c, d, e, f), picture)


def _object(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also at a whole number of more digits than Python converts
        raise ProtocolError(f"The line is not JSON in UTF-8: {line[:80]!r}.") from error
    if not isinstance(values, dict):
        raise ProtocolError(f"The line is not a JSON object: {line[:80]!r}.")
    return values


def _id(values: dict[str, Any]) -> int:
    id = values.get("id")
    if isinstance(id, bool) or not isinstance(id, int):
        raise ProtocolError("The message has no id that is a whole number.")
    return id


def _text(values: dict[str, Any], name: str) -> str:
    text = values[name]
    if not isinstance(text, str):
        raise ProtocolError(f"The message's {name} is not text.", values["id"])
    return text


def _dict(value: object, name: str, id: int | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"The message's {name} is not an object.", id)
    return value


def _number(value: object, name: str, id: int) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProtocolError(f"The message's {name} is not a number.", id)
    try:
        return float(value)
    except OverflowError:
        raise ProtocolError(f"The message's {name} is too large a number.", id) from None
