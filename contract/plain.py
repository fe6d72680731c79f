"""Dataclasses as plain JSON values, and back."""

from __future__ import annotations

import re
import sys
import typing
from dataclasses import MISSING, asdict, fields
from functools import cache
from types import SimpleNamespace
from typing import Any, Optional, TypeVar, cast

from .errors import ProtocolError

_Kind = TypeVar("_Kind")
_Plain = TypeVar("_Plain", bound="Plain")

_OPTIONAL = re.compile(r"([\w.]+(?:\[[^\[\]]*\])?) \| None")


class Plain:
    """What a dataclass of the contract inherits to travel as JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` gives the same back from them, and from what JSON makes of them."""
        return asdict(cast(Any, self))

    @classmethod
    def from_dict(cls: type[_Plain], values: object) -> _Plain:
        """What `to_dict` described; keys that this version does not know are passed over.

        Raises ProtocolError where a required one is missing, or one is of another type than it should be.
        """
        if not isinstance(values, dict):
            raise ProtocolError(f"{cls.__name__} is not an object.")
        hints, given = hints_of(cast(Any, cls)), {}
        for f in fields(cast(Any, cls)):
            if f.name in values:
                given[f.name] = read(hints[f.name], values[f.name], f"{cls.__name__}.{f.name}")
            elif f.default is MISSING and f.default_factory is MISSING:
                raise ProtocolError(f"{cls.__name__} has no {f.name}.")
        return cls(**given)


def fitting(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """Those of the values that a dataclass has fields for, where they are of the field's type."""
    found = {}
    for name, hint in hints_of(kind).items():
        try:
            found[name] = read(hint, values[name], name)
        except (KeyError, ProtocolError):
            continue
    return found


def read(hint: Any, value: Any, where: str) -> Any:
    """A value out of JSON as its type hint says. Raises ProtocolError, which names `where`, if it is of another."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:  # no other is in use than X | None
        return None if value is None else read(inner[0], value, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        hints = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        if len(hints) == len(value):
            return tuple(read(each, part, where) for each, part in zip(hints, value))
    elif origin is list and isinstance(value, list):
        return [read(inner[0], part, where) for part in value]
    elif origin is dict and isinstance(value, dict):
        return {_key(inner[0], key, where): read(inner[1], part, where) for key, part in value.items()}
    elif hint is Any:
        return value
    elif hasattr(hint, "from_dict"):
        return hint.from_dict(value)
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _float(value, where)
    elif isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise ProtocolError(f"{where} is {shown(value)}, which it cannot be.")


def shown(value: object) -> str:
    """A value as a sentence for the user shows it: the first 80 characters of what Python writes for it."""
    try:
        return f"{value!r:.80}"
    except (RecursionError, ValueError):  # nested deeply, or a whole number of thousands of digits
        return f"too large a {type(value).__name__} to show"


def _float(value: float, where: str) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        raise ProtocolError(f"{where} is a number that is too large.") from None


def _key(hint: Any, key: Any, where: str) -> Any:
    if hint is not int:
        return read(hint, key, where)
    try:
        return int(key)  # JSON makes texts of them
    except ValueError:
        raise ProtocolError(f"{where} has the key {shown(key)}, which is no number.") from None


def _whole_optional(text: str) -> str:
    end = " | None"
    return f"Optional[{text[: -len(end)]}]" if text.endswith(end) else text


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    names = {f.name: str(f.type) for f in fields(kind)}
    # Python 3.9 cannot evaluate X | None.
    written = {name: _OPTIONAL.sub(r"Optional[\1]", _whole_optional(text)) for name, text in names.items()}
    known: dict[str, Any] = {}
    for each in reversed(kind.__mro__):  # fields that are inherited are written in the words of their own module
        known.update(vars(sys.modules[each.__module__]))
    known["Optional"] = Optional
    return typing.get_type_hints(SimpleNamespace(__annotations__=written), known)
