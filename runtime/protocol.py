"""The messages between QGIS and the engine's worker: JSON, one message a line, UTF-8.

Standard library only: both sides import this module. A reader ignores fields that it does not
know, so that either side can learn new ones without the other.

Requests (to the worker)::

    {"id": 1, "call": "segment", "params": {...}}
    {"id": 1, "cancel": true}

Answers (from the worker); a call that runs begins with `progress` 0, and every call ends with exactly
one `result` or `error`::

    {"id": 1, "progress": 0.25, "message": "...", "remaining_s": 12.5}
    {"id": 1, "warning": "..."}
    {"id": 1, "tile": {"bounds": [xmin, ymin, xmax, ymax]}}
    {"id": 1, "result": {...}}
    {"id": 1, "error": {"kind": "bad_input", "message": "...", "detail": "..."}}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Union

BAD_INPUT = "bad_input"
CANCELLED = "cancelled"
FAILED = "failed"


class ProtocolError(ValueError):
    """A line that is no message. `id` is the call that it names, None where it names none."""

    def __init__(self, message: str, id: int | None = None) -> None:
        super().__init__(message)
        self.id = id


@dataclass(frozen=True)
class Call:
    """Run the call named `call`; `id` is new for each call of a worker's life."""

    id: int
    call: str
    params: dict


@dataclass(frozen=True)
class Cancel:
    """Stop the call `id`, running or waiting."""

    id: int


@dataclass(frozen=True)
class Progress:
    """progress: 0..1 of the work done; remaining_s: seconds still expected, None if unknown."""

    id: int
    progress: float
    message: str
    remaining_s: float | None = None


@dataclass(frozen=True)
class Caution:
    """A warning to the user; the call goes on."""

    id: int
    warning: str


@dataclass(frozen=True)
class Tile:
    """A tile is done; bounds: (xmin, ymin, xmax, ymax) in the aerial raster's CRS."""

    id: int
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True)
class Result:
    """The call is done."""

    id: int
    result: dict


@dataclass(frozen=True)
class Failure:
    """The call ended without a result.

    id: None where the worker could not read which call was meant.
    kind: `BAD_INPUT`, `CANCELLED` or `FAILED` (a reader takes any other for `FAILED`).
    message: one sentence for the user; detail: a traceback, or "".
    """

    id: int | None
    kind: str
    message: str
    detail: str = ""


# Evaluated at run time, where Python 3.9 has no X | Y for classes.
Request = Union[Call, Cancel]
Answer = Union[Progress, Caution, Tile, Result, Failure]


def encode(message: Request | Answer) -> bytes:
    """One line, its end included.

    Raises TypeError or ValueError where the message holds what JSON cannot.
    """
    if isinstance(message, Call):
        fields = {"call": message.call, "params": message.params}
    elif isinstance(message, Cancel):
        fields = {"cancel": True}
    elif isinstance(message, Progress):
        fields = {"progress": message.progress, "message": message.message, "remaining_s": message.remaining_s}
    elif isinstance(message, Caution):
        fields = {"warning": message.warning}
    elif isinstance(message, Tile):
        fields = {"tile": {"bounds": list(message.bounds)}}
    elif isinstance(message, Result):
        fields = {"result": message.result}
    elif isinstance(message, Failure):
        fields = {"error": {"kind": message.kind, "message": message.message, "detail": message.detail}}
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
    raise ProtocolError("The message holds neither a call nor a cancel.", id)


def decode_answer(line: bytes) -> Answer:
    """The answer in one line. Raises ProtocolError where there is none."""
    values = _object(line)
    if "error" in values:
        id = None if values.get("id") is None else _id(values)
        error = _dict(values["error"], "error", id)
        return Failure(id, str(error.get("kind", FAILED)), str(error.get("message", "")), str(error.get("detail", "")))
    id = _id(values)
    if "result" in values:
        return Result(id, _dict(values["result"], "result", id))
    if "progress" in values:
        remaining = values.get("remaining_s")
        return Progress(
            id,
            _number(values["progress"], "progress", id),
            str(values.get("message", "")),
            None if remaining is None else _number(remaining, "remaining_s", id),
        )
    if "warning" in values:
        return Caution(id, _text(values, "warning"))
    if "tile" in values:
        bounds = _dict(values["tile"], "tile", id).get("bounds")
        if not isinstance(bounds, list) or len(bounds) != 4:
            raise ProtocolError("The message's tile does not hold four bounds.", id)
        xmin, ymin, xmax, ymax = (_number(value, "bounds", id) for value in bounds)
        return Tile(id, (xmin, ymin, xmax, ymax))
    raise ProtocolError("The message holds no answer that this version knows.", id)


def _object(line: bytes) -> dict:
    try:
        values = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ProtocolError(f"The line is not JSON in UTF-8: {line[:80]!r}.") from error
    if not isinstance(values, dict):
        raise ProtocolError(f"The line is not a JSON object: {line[:80]!r}.")
    return values


def _id(values: dict) -> int:
    id = values.get("id")
    if isinstance(id, bool) or not isinstance(id, int):
        raise ProtocolError("The message has no id that is a whole number.")
    return id


def _text(values: dict, name: str) -> str:
    if not isinstance(values[name], str):
        raise ProtocolError(f"The message's {name} is not text.", values["id"])
    return values[name]


def _dict(value: object, name: str, id: int | None) -> dict:
    if not isinstance(value, dict):
        raise ProtocolError(f"The message's {name} is not an object.", id)
    return value


def _number(value: object, name: str, id: int) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProtocolError(f"The message's {name} is not a number.", id)
    return float(value)
