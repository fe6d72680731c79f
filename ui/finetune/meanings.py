"""What the values of a polygon layer's field mean, and which classes have too little to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...contract.class_plan import FEW_POLYGONS, LITTLE_M2
from ...contract.nomenclature import LandCoverClass, name_key
from .value_counts import ValueCount


@dataclass(frozen=True)
class Meaning:
    """What a value is mapped to: the class of this name, one of the model's or a new one; "" to be ignored."""

    name: str


IGNORED = Meaning("")


def preset(value: str, classes: Sequence[LandCoverClass], own: Sequence[LandCoverClass] = ()) -> Meaning | None:
    """What a value means by itself; None where only the analyst can know.

    value: as text. classes: the model's. own: what the layer itself says its numbers mean, which counts before the
    model's numbers; a class that the model does not have is a new one. No value at all is ignored.
    """
    if not value:
        return IGNORED
    said = next((c.name for c in own if str(c.value) == value), value)
    for each in classes:
        if name_key(each.name) == name_key(said) or str(each.value) == said:
            return Meaning(each.name)
    return Meaning(said) if said != value else None


def is_new(meaning: Meaning, classes: Iterable[LandCoverClass]) -> bool:
    """Whether it makes a class that the model does not have."""
    return meaning != IGNORED and name_key(meaning.name) not in {name_key(c.name) for c in classes}


def class_totals(counts: Iterable[ValueCount], meanings: dict[str, Meaning]) -> dict[str, tuple[int, float]]:
    """Polygons and square metres by class, however many values mean it; what is ignored or unknown is left out."""
    totals: dict[str, tuple[int, float]] = {}
    names: dict[str, str] = {}  # one spelling for each class
    for count in counts:
        meaning = meanings.get(count.value)
        if meaning is None or meaning == IGNORED:
            continue
        name = names.setdefault(name_key(meaning.name), meaning.name)
        polygons, area = totals.get(name, (0, 0.0))
        totals[name] = polygons + count.polygons, area + count.area_m2
    return totals


def too_little(totals: dict[str, tuple[int, float]]) -> list[str]:
    """The classes that are unlikely to be learned well."""
    return [name for name, (polygons, area) in totals.items() if polygons < FEW_POLYGONS or area < LITTLE_M2]
