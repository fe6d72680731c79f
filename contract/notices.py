"""What the engine says of a job while it goes on: stages and notices, each a code with plain values.

Nobody reads a sentence back. The engine gives a code and its values; whoever shows them words them, the command line
in English with `english`, QGIS in the user's language. Each code is defined here once, by its English template, whose
placeholders are the names of its values. To make one that is not defined so is an error at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from string import Formatter
from typing import Any, ClassVar, TypeVar, Union

from .errors import ProtocolError

_Kind = TypeVar("_Kind", bound="_Told")

# A pair is for one and for another number of what the value `count` counts.
Template = Union[str, "tuple[str, str]"]

STAGES: dict[str, Template] = {
    "started": "Started",
    "checking": "Checking the inputs",
    "loading": "Loading the model",
    "tile": "Tile {number} of {total}",
    "writing": "Writing the map",
    "checking_training": "Checking",
    "reading": "Reading",
    "preparing": "Preparing features",
    "training": "Training",
    "comparing": "Comparing",
    "writing_model": "Writing",
    "fetched": "Fetched {megabytes:,.0f} MB",
    "fetched_of": "Fetched {megabytes:,.0f} of {total:,.0f} MB",
}
NOTICES: dict[str, Template] = {}


@dataclass(frozen=True)
class _Told:
    """A code of `templates` and its values: text, numbers, lists of them, or a notice that is a part of the sentence.

    Raises ValueError where the code is unknown or its template names other values, TypeError where a value is not one
    that JSON has.
    """

    code: str
    values: dict[str, Any]
    templates: ClassVar[Mapping[str, Template]] = {}

    def __post_init__(self) -> None:
        if self.code not in self.templates:
            raise ValueError(f"There is no {type(self).__name__} {self.code!r}.")
        names = names_in(self.templates[self.code])
        if set(self.values) != names:
            raise ValueError(f"{self.code} has the values {sorted(names)}, not {sorted(self.values)}.")
        for name, value in self.values.items():
            if not all(isinstance(item, (str, int, float, Notice)) for item in _items(value)):
                raise TypeError(f"The value {name} of {self.code} is no plain value: {value!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` gives the same back."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[_Kind], values: Any) -> _Kind:
        """What `to_dict` described. Raises ProtocolError where it is none that this version knows."""
        try:
            return cls(values["code"], {name: _read(value) for name, value in values["values"].items()})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolError(f"{values!r:.80} is no {cls.__name__} ({error}).") from None


class Stage(_Told):
    """What the engine does at the moment."""

    templates = STAGES


class Notice(_Told):
    """Something that the user should know, in one sentence."""

    templates = NOTICES


def stage(code: str, **values: object) -> Stage:
    """A stage by its code and its values."""
    return Stage(code, values)


def notice(code: str, **values: object) -> Notice:
    """A notice by its code and its values."""
    return Notice(code, values)


def english(told: Stage | Notice) -> str:
    """The English words."""
    return in_words(told, str)


def in_words(told: Stage | Notice, translate: Callable[[str], str]) -> str:
    """The words in the language that `translate` gives a template in."""
    template = told.templates[told.code]
    if not isinstance(template, str):
        one, many = template
        template = one if told.values["count"] == 1 else many
    return translate(template).format(**{name: _shown(value, translate) for name, value in told.values.items()})


@cache
def names_in(template: Template) -> frozenset[str]:
    """The names of the values of a template; `count` too where it is a pair."""
    if isinstance(template, str):
        return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)
    return frozenset({"count"}).union(*map(names_in, template))


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _read(value: object) -> object:
    if isinstance(value, list):
        return [_read(item) for item in value]
    return Notice.from_dict(value) if isinstance(value, dict) else value


def _shown(value: object, translate: Callable[[str], str]) -> object:
    if isinstance(value, list):
        return ", ".join(str(_shown(item, translate)) for item in value)
    return in_words(value, translate) if isinstance(value, Notice) else value
