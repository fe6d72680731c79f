"""The classes of a published checkpoint: the values and colours that its own ones have in a map.

IGN's networks have 19 outputs in an order of their own. Names that are among the 13 keep values 1 to 13, so that maps
by different models agree in them; others follow from 14 in the order of the checkpoint's outputs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ...contract.nomenclature import FLAIR_CLASSES, OTHER, LandCoverClass

# README of IGNF/FLAIR-1, nomenclature of 19 classes; those of IGNF/FLAIR-HUB's README are the same.
_COLOURS = {
    "swimming pool": "#3de6eb",
    "snow": "#ffffff",
    "clear cut": "#8ab3a0",
    "mixed": "#6b714f",
    "ligneous": "#c5dc42",
    "greenhouse": "#9999ff",
}


def class_settings(outputs: Sequence[str], live: Collection[str]) -> dict[str, Any]:
    """What the card of a published checkpoint says of its classes: outputs, own_classes and own_outputs.

    outputs: names of the network's outputs in order. live: those that were trained; they are among the 13 or have a
    published colour.
    """
    ours = {c.name: c for c in FLAIR_CLASSES}
    legend: dict[str, LandCoverClass] = {}
    following = OTHER + 1
    for name in (name for name in outputs if name in live):
        if name in ours:
            legend[name] = ours[name]
        else:
            legend[name] = LandCoverClass(following, name, _COLOURS[name])
            following += 1
    return {
        "outputs": tuple((ours[name].value if name in ours else OTHER) if name in live else 0 for name in outputs),
        "own_classes": tuple(sorted(legend.values(), key=lambda c: c.value)),
        "own_outputs": tuple(legend[name].value if name in live else 0 for name in outputs),
    }
