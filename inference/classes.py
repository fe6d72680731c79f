"""Whose classes a map shows: the 13 of FLAIR, which all models share, or the model's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..contract.cards import ModelCard, learned_classes
from ..contract.choices import FLAIR13
from ..contract.class_plan import MAX_VALUE
from ..contract.errors import BadInput
from ..contract.nomenclature import FLAIR_CLASSES, OTHER, LandCoverClass, name_key
from ..contract.notices import Notice, notice

_SHOWN = 8  # names in a sentence


def with_classes(card: ModelCard, choice: str) -> ModelCard:
    """The card whose `outputs` and `classes` are those that a map is to show; the network is the same.

    choice: ``flair13`` or ``model``, see `SegmentationJob.classes`. Where a card's classes are those already it is
    given back as it is. A class that a fine-tuned model has learned keeps its value unless that is taken; then it gets
    the first one that is free from 14 on.
    Raises BadInput, about ``classes``, where there are too many classes for labels of 8 bits.
    """
    return _with_ours(card) if choice == FLAIR13 else _with_own(card)


def _with_ours(card: ModelCard) -> ModelCard:
    ours = {name_key(c.name): c.value for c in FLAIR_CLASSES}
    learned = learned_classes(card)
    legend = list(FLAIR_CLASSES)
    means = {0: 0}
    for land in card.classes:
        if name_key(land.name) in ours:
            means[land.value] = ours[name_key(land.name)]
        elif land in learned:
            means[land.value] = _add(legend, land, card)
        else:
            means[land.value] = OTHER
    return _with(card, tuple(means[value] for value in card.outputs), legend)


def _with_own(card: ModelCard) -> ModelCard:
    if not card.own_classes:
        return card
    legend = list(card.own_classes)
    known = {name_key(c.name): c.value for c in legend}
    added = card.outputs[len(card.own_outputs) :]
    learned = learned_classes(card)
    means = {0: 0}
    for land in card.classes:
        if land in learned or land.value in added:
            means[land.value] = known[name_key(land.name)] if name_key(land.name) in known else _add(legend, land, card)
    return _with(card, (*card.own_outputs, *(means[value] for value in added)), legend)


def _with(card: ModelCard, outputs: tuple[int, ...], legend: Iterable[LandCoverClass]) -> ModelCard:
    classes = tuple(sorted(legend, key=lambda c: c.value))
    if outputs == card.outputs and classes == card.classes:
        return card
    return replace(card, outputs=outputs, classes=classes, own_classes=(), own_outputs=())


def _add(legend: list[LandCoverClass], land: LandCoverClass, card: ModelCard) -> int:
    """Adds a class to the legend, and gives the value that it has there."""
    taken = {c.value for c in legend}
    own = (land.value,) if land in FLAIR_CLASSES or land.value > OTHER else ()
    value = next((value for value in (*own, *range(OTHER + 1, MAX_VALUE + 1)) if value not in taken), None)
    if value is None:
        raise BadInput(
            f"The model {card.title} has more than {MAX_VALUE} classes with those that it has learned: "
            "choose the other classes, or another model.",
            "classes",
        )
    legend.append(replace(land, value=value))
    return value


def what_becomes_what(card: ModelCard) -> Notice | None:
    """On the model's classes that have another name among the 13; None where all keep theirs."""
    own, ours = _with_own(card), _with_ours(card)
    names = {c.value: c.name for c in own.classes}
    targets = {c.value: c.name for c in ours.classes}
    becoming: dict[str, list[str]] = {}
    for value, target in zip(own.outputs, ours.outputs):
        if value and target and name_key(names[value]) != name_key(targets[target]):
            sources = becoming.setdefault(targets[target], [])
            if names[value] not in sources:
                sources.append(names[value])
    if not becoming:
        return None
    return notice("classes_change", changes=[_become(sources, target) for target, sources in becoming.items()])


def _become(names: list[str], target: str) -> Notice:
    if len(names) > _SHOWN:
        return notice("many_classes_become", names=names[:_SHOWN], more=len(names) - _SHOWN, target=target)
    if len(names) > 1:
        return notice("classes_become", names=names[:-1], last=names[-1], target=target)
    return notice("class_becomes", name=names[0], target=target)
