"""The 13 land-cover classes of FLAIR: values, names and colours.

Source: README of IGNF/FLAIR-1 (names, order and colours of the baseline nomenclature; the classes
13 to 19 of the raw labels are merged into "other", as in the FLAIR #2 challenge, arXiv 2310.13336,
table 2). Standard library only, so that QGIS's own Python can read it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class LandCoverClass:
    """One class of a land-cover map.

    value: the label written in the raster, 1..255 (0 is nodata).
    name: English name, as published.
    colour: ``#rrggbb``.
    """

    value: int
    name: str
    colour: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour as three integers 0..255."""
        red, green, blue = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return red, green, blue


NODATA = 0

FLAIR_CLASSES: tuple[LandCoverClass, ...] = (
    LandCoverClass(1, "building", "#db0e9a"),
    LandCoverClass(2, "pervious surface", "#938e7b"),
    LandCoverClass(3, "impervious surface", "#f80c00"),
    LandCoverClass(4, "bare soil", "#a97101"),
    LandCoverClass(5, "water", "#1553ae"),
    LandCoverClass(6, "coniferous", "#194a26"),
    LandCoverClass(7, "deciduous", "#46e483"),
    LandCoverClass(8, "brushwood", "#f3a60d"),
    LandCoverClass(9, "vineyard", "#660082"),
    LandCoverClass(10, "herbaceous vegetation", "#55ff00"),
    LandCoverClass(11, "agricultural land", "#fff30d"),
    LandCoverClass(12, "plowed land", "#e4df7c"),
    LandCoverClass(13, "other", "#000000"),
)

OTHER = FLAIR_CLASSES[-1].value


def name_key(name: str) -> str:
    """What names of the same class have in common: no case, no accents, letters and digits alone."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in plain if character.isalnum())
