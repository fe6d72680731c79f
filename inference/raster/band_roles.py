"""Which band of an aerial raster plays which role."""

from __future__ import annotations

import re

from rasterio.io import DatasetReader

from ...contract.cards import ROLES
from ...contract.errors import BadInput, about

_BY_POSITION = ROLES  # the order of FLAIR: red, green, blue, near infrared, elevation

_WORDS = {
    "red": ("red", "r", "rouge"),
    "green": ("green", "g", "vert"),
    "blue": ("blue", "b", "bleu"),
    "nir": ("nir", "near infrared", "near-infrared", "near_infrared", "infrared", "i", "infrarouge", "pir"),
    "elevation": ("elevation", "e", "height", "ndsm", "ndhm", "dhm", "chm", "mnh", "hauteur"),
}
_ROLE_OF_WORD = {word: role for role, words in _WORDS.items() for word in words}


def parse_bands(text: str) -> dict[str, int]:
    """Band numbers (from 1) by role of a text such as ``R=1 G=2 B=3 NIR=4 ELEVATION=5``.

    Raises BadInput where the text does not say that.
    """
    bands: dict[str, int] = {}
    for part in re.split(r"[\s,;]+", text.strip()):
        if not part:
            continue
        word, _, number = part.partition("=")
        role = _ROLE_OF_WORD.get(word.strip().lower())
        if role is None or not number.strip().isdecimal() or int(number) < 1:
            raise BadInput(f"The bands hold {part!r}: write them like R=1 G=2 B=3 NIR=4 ELEVATION=5.")
        if role in bands:
            raise BadInput(f"The bands name {role} twice: name each role once, like R=1 G=2 B=3.")
        bands[role] = int(number)
    return bands


def guess_bands(descriptions: tuple[str | None, ...], colours: tuple[str, ...]) -> dict[str, int]:
    """Band numbers by role: by description where red, green and blue are described, else by colour, else by position.

    descriptions: of each band, None where it has none. colours: GDAL's colour interpretation of each band
    ("red", "green", "blue", "alpha" for transparency, or anything else). The bands that no colour names
    are, in their order, near infrared and elevation.
    """
    alpha = tuple(colour == "alpha" for colour in colours)
    described: dict[str, int] = {}
    for number, description in enumerate(descriptions, start=1):
        role = _ROLE_OF_WORD.get((description or "").strip().lower())
        if role is not None and not alpha[number - 1]:
            described.setdefault(role, number)
    if {"red", "green", "blue"} <= set(described):
        return described
    numbers = [number for number, transparent in enumerate(alpha, start=1) if not transparent]
    if all(colours.count(colour) == 1 for colour in ("red", "green", "blue")):
        coloured = [colours.index(colour) + 1 for colour in ("red", "green", "blue")]
        numbers = coloured + [number for number in numbers if number not in coloured]
    return dict(zip(_BY_POSITION, numbers))


def bands_by_role(dataset: DatasetReader, path: str, text: str) -> dict[str, int]:
    """Band numbers by role: as the text says, or guessed where it is empty.

    Raises BadInput, which names ``bands`` where the text is at fault.
    """
    with about("bands"):
        bands = parse_bands(text)
        for role, number in bands.items():
            if number > dataset.count:
                raise BadInput(
                    f"The bands name band {number} as {role}, but {path} has {dataset.count}: correct the bands."
                )
    named = bool(bands)
    if not named:
        bands = guess_bands(dataset.descriptions, tuple(colour.name for colour in dataset.colorinterp))
    missing = [role for role in ("red", "green", "blue") if role not in bands]
    if missing:
        count = "one band" if dataset.count == 1 else f"{dataset.count} bands"
        raise BadInput(
            f"The aerial raster {path} has {count} and none for {missing[0]}: "
            "give an image with red, green and blue, and say which is which in the bands.",
            "bands" if named else "",
        )
    return bands
