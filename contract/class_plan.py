"""Which class of the map each value of a polygon layer's field means.

Standard library only, so that QGIS's own Python can ask before anything is trained.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable
from dataclasses import dataclass

from .cards import ModelCard
from .class_names import COSIA, FLAIR, find_class, known_name
from .errors import BadInput
from .nomenclature import LandCoverClass
from .notices import Notice, notice
from .plain import shown

MAX_VALUE = 255  # labels are uint8
# A class with less is warned of: one polygon is one example, and 200 m2 are 5000 pixels of 0.2 m, many of them alike.
FEW_POLYGONS = 3
LITTLE_M2 = 200.0
_SHOWN = 5  # values that a sentence lists before it says how many more there are


@dataclass(frozen=True)
class ClassPlan:
    """What the values of a field mean.

    assigned: class value, or None for ignored, of each value of the field as `value_text` writes it.
    legend: the model's classes and after them the new ones.
    new: names of the new classes, as in the legend.
    notices: what was taken for granted: values that are a class of FLAIR or CoSIA, but "other" to the model.
    """

    assigned: dict[str, int | None]
    legend: tuple[LandCoverClass, ...]
    new: tuple[str, ...]
    notices: tuple[Notice, ...] = ()

    def name_of(self, value: int) -> str:
        """The name of a class of the legend."""
        return next(c.name for c in self.legend if c.value == value)


def value_text(value: object) -> str:
    """A field's value as the text that class maps list: ``3`` also for 3.0 and " 3 "; empty for null and NaN."""
    value = value.item() if hasattr(value, "item") else value  # of an array
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else str(value)
    return " ".join(str(value).split())


def parse_class_map(text: str) -> tuple[tuple[str, str], ...]:
    """The class map that a text such as ``vigne=vineyard; 7=3; unsure=`` means (the last is ignored).

    Raises BadInput, about ``class_map``, where a part has no ``=``.
    """
    pairs = []
    for part in filter(str.strip, text.split(";")):
        value, equals, name = part.rpartition("=")  # a value may hold one, a class's name hardly
        if not equals:
            raise BadInput(
                f"The class map's {shown(part.strip())} has no =: write VALUE=CLASS, or VALUE= to ignore.", "class_map"
            )
        pairs.append((value_text(value), value_text(name)))
    return tuple(pairs)


def plan_classes(
    card: ModelCard, values: Iterable[str], class_map: Iterable[tuple[str, str]] = (), numbers: str = FLAIR
) -> ClassPlan:
    """What the values of a field mean to the model of `card`, and the legend that follows.

    values: distinct values of the field as text (see `value_text`); empty stands for none and is ignored where the
    class map does not list it. A value that the class map lists means the class that it is mapped to. Any
    other means the class of its number or name, or the new class of its name that the map makes, see
    `class_names.find_class`, which knows the French names of FLAIR and CoSIA too. A new class is made only where one
    of `values` is mapped to it.
    numbers: whose they are in the field, see `class_names.numbering`; those in the class map are the model's.
    Raises BadInput, about ``class_map``, where a value is none of these, or a class cannot be made.
    """
    values = list(dict.fromkeys(value_text(value) for value in values))
    chosen = {value_text(value): value_text(name) for value, name in class_map}
    legend = list(card.classes)
    assigned: dict[str, int | None] = {}
    there = frozenset(values)
    for value in (value for value in chosen if value in there):
        name = chosen[value]
        if not name:
            assigned[value] = None
            continue
        target = find_class(name, legend, or_other=False)
        if target is None:
            target = _new_class(name, value, legend)
            legend.append(target)
        assigned[value] = target.value
    assigned.setdefault("", None)
    unknown = []
    for value in values:
        if value in assigned:
            continue
        # A class that the map has made goes before "other"; its number is not the field's.
        made = find_class(value, legend[len(card.classes) :], or_other=False) if not value.isdecimal() else None
        target = made or find_class(value, card.classes, numbers)
        if target is None:
            unknown.append(value)
        else:
            assigned[value] = target.value
    if unknown:
        raise BadInput(_unknown_sentence(unknown, card), "class_map")
    ordered = {value: assigned[value] for value in values}
    new = tuple(c.name for c in legend[len(card.classes) :])
    return ClassPlan(ordered, tuple(legend), new, _notices(card, [v for v in values if v not in chosen], numbers))


def _notices(card: ModelCard, values: list[str], numbers: str) -> tuple[Notice, ...]:
    """On the values, of those that no class map lists, that FLAIR or CoSIA has as classes of their own."""
    names, by_number = [], []
    for value in values:
        if not value or find_class(value, card.classes, numbers, or_other=False) is not None:
            continue
        name = known_name(value, numbers)
        if value.isdecimal() and numbers != COSIA:
            by_number.append(f"{value} ({name})")
        else:
            names.append(value if not value.isdecimal() else f"{value} ({name})")
    notices = []
    if names:
        notices.append(notice("classes_as_other", count=len(names), names=names, model=card.title))
    if by_number:
        notices.append(notice("numbers_of_flair", count=len(by_number), numbers=by_number))
    return tuple(notices)


def _new_class(name: str, value: str, legend: list[LandCoverClass]) -> LandCoverClass:
    number = max(c.value for c in legend) + 1
    if not any(character.isalpha() for character in name):
        raise BadInput(
            f"The value {shown(value)} is mapped to {shown(name)}, which is no class of the model and no "
            "name of a new one: choose a class, or a name with letters.",
            "class_map",
        )
    if number > MAX_VALUE:
        raise BadInput(
            f"There is no room for the new class {shown(name)}, as labels end at {MAX_VALUE}: map to "
            "fewer new classes.",
            "class_map",
        )
    return LandCoverClass(number, name, distinct_colour([c.colour for c in legend]))


def distinct_colour(colours: list[str]) -> str:
    """``#rrggbb``: of 72 clear colours the one that is farthest from all of `colours`, the first of equals.

    Distance: the "redmean" approximation of perceived difference (T. Riemersma, Colour metric, compuphase.com).
    """
    candidates = [
        "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hsv_to_rgb(hue / 24, saturation, value))
        for saturation, value in ((1.0, 1.0), (1.0, 0.65), (0.45, 1.0))
        for hue in range(24)
    ]
    return max(candidates, key=lambda candidate: min((_distance(candidate, c) for c in colours), default=0.0))


def _distance(first: str, second: str) -> float:
    one, two = ([int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (first, second))
    red = (one[0] + two[0]) / 2
    r, g, b = (x - y for x, y in zip(one, two))
    return (2 + red / 256) * r * r + 4 * g * g + (2 + (255 - red) / 256) * b * b


def _unknown_sentence(unknown: list[str], card: ModelCard) -> str:
    named = ", ".join(shown(value) for value in unknown[:_SHOWN])
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    one = len(unknown) == 1
    return (
        f"The class value{'' if one else 's'} {named}{more} {'is' if one else 'are'} no class of the model "
        f"{card.title}: map {'it' if one else 'each'} to a class, to the name of a new one, or to nothing to ignore it."
    )
