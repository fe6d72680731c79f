"""Label codes of training images: the 13 classes, "not known", and sets of classes that a coarse label allows.

Code 0 is a pixel without a label. Codes 1..13 are the classes. Every further code stands for a set
of classes: a mask of another nomenclature says only that the pixel is one of them.
"""

from __future__ import annotations

import numpy as np

from ..contract.nomenclature import FLAIR_CLASSES

UNKNOWN = 0
CLASSES = len(FLAIR_CLASSES)
_VALUES = {land.name: land.value for land in FLAIR_CLASSES}

_GREEN = ("coniferous", "deciduous", "brushwood", "herbaceous vegetation")
_SEALED = ("building", "pervious surface", "impervious surface", "bare soil", "water", "other")
_FARMED = ("agricultural land", "plowed land", "vineyard", "herbaceous vegetation", "bare soil")

# What a coarse label can be, by a name of our own. The sets are wide where outlines are coarse.
_COARSE: dict[str, tuple[str, ...]] = {
    # naip-rural, masks of yinx111: 0 background, 1 building, 2 road, 3 bare land, 4 forest, 5 water
    "rural background": ("herbaceous vegetation", "agricultural land", "brushwood", "deciduous", "coniferous"),
    "rural road": ("impervious surface", "pervious surface"),
    "rural bare land": ("bare soil", "agricultural land", "plowed land", "herbaceous vegetation", "pervious surface"),
    "rural forest": ("deciduous", "coniferous"),
    # naip-urban: tree points of Ventura et al. 2024, and the vegetation index of the rest
    "urban tree": ("deciduous", "coniferous"),
    "urban green": _GREEN,
    "urban sealed": _SEALED,
    "urban": (*_GREEN, *_SEALED),
    # pnoa: what lies between the polygons drawn in it, of farms without open water
    "dry farmland": tuple(name for name in _VALUES if name != "water"),
    # ucmerced: what the pixels of a scene of that name can be
    "scene farmed": _FARMED,
    "scene chaparral": ("brushwood", "bare soil", "herbaceous vegetation", "deciduous"),
    "scene forest": ("deciduous", "coniferous", "brushwood"),
    "scene golf": (*_GREEN, "bare soil", "water", "pervious surface"),
    "scene paved": ("impervious surface", "building", "herbaceous vegetation", "pervious surface", "deciduous"),
    "scene built": (*_GREEN, "building", "pervious surface", "impervious surface", "bare soil", "other"),
    "scene shore": ("water", "bare soil", "pervious surface", "herbaceous vegetation"),
    "scene river": (*_GREEN, "water", "bare soil"),
    "scene harbour": ("water", "other", "impervious surface", "building"),
}

CODES: dict[str, int] = {**_VALUES, **{name: CLASSES + 1 + i for i, name in enumerate(_COARSE)}}


def allowed_classes() -> np.ndarray:
    """Which classes each code allows: (codes, CLASSES) bool; row 0, "not known", is all False."""
    table = np.zeros((max(CODES.values()) + 1, CLASSES), bool)
    for name, code in CODES.items():
        for member in _COARSE.get(name, (name,)):
            table[code, _VALUES[member] - 1] = True
    return table
