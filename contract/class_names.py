"""Which class of a model a name or a number in a polygon layer stands for: FLAIR's and CoSIA's, in English and French.

Standard library only, so that QGIS's own Python and the engine know the same names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from .nomenclature import FLAIR_CLASSES, LandCoverClass, name_key

FLAIR = "flair"
COSIA = "cosia"

# Values 1 to 19 of FLAIR's full nomenclature (README of IGNF/FLAIR-1). FLAIR #2 merges 13 to 19 into "other"
# (arXiv 2310.13336, table 2), which is 13 in the nomenclature of 13 classes: 13 is the same in both.
FLAIR19 = (
    *(c.name for c in FLAIR_CLASSES[:-1]),
    *("swimming pool", "snow", "clear cut", "mixed", "ligneous", "greenhouse", "other"),
)
# The field `numero` of the GeoPackages of CoSIA, IGN's land cover of France (cartes.gouv.fr, IGNF_COSIA), from 1 on;
# the field `classe` beside it holds Bâtiment, Zone perméable, Zone imperméable, Piscine, Sol nu, Surface eau, Neige,
# Conifère, Feuillu, Broussaille, Vigne, Pelouse, Culture, Terre labourée, Serre.
COSIA15 = (
    *("building", "pervious surface", "impervious surface", "swimming pool", "bare soil", "water", "snow"),
    *("coniferous", "deciduous", "brushwood", "vineyard", "herbaceous vegetation", "agricultural land"),
    *("plowed land", "greenhouse"),
)
_NUMBER_FIELD, _NAME_FIELD = "numero", "classe"

# French names of CoSIA and of FLAIR's classes, and their usual variants; small words and plurals are left out of
# account, see `_words`.
_FRENCH = {
    "building": ("bâtiment", "bâti"),
    "pervious surface": ("zone perméable", "surface perméable", "perméable"),
    "impervious surface": (
        *("zone imperméable", "surface imperméable", "imperméable"),
        *("zone imperméabilisée", "surface imperméabilisée", "imperméabilisé"),
    ),
    "bare soil": ("sol nu",),
    "water": ("eau", "surface eau", "plan eau", "zone eau"),
    "coniferous": ("conifère", "résineux"),
    "deciduous": ("feuillu",),
    "brushwood": ("broussaille",),
    "vineyard": ("vigne", "vignoble"),
    "herbaceous vegetation": ("pelouse", "surface herbacée", "végétation herbacée", "zone herbacée", "herbacée"),
    "agricultural land": ("culture", "terre agricole", "surface agricole", "zone agricole"),
    "plowed land": ("terre labourée", "labour", "ploughed land"),
    "swimming pool": ("piscine",),
    "snow": ("neige",),
    "clear cut": ("coupe", "coupe rase"),
    "mixed": ("mixte",),
    "ligneous": ("ligneux",),
    "greenhouse": ("serre",),
    "other": ("autre",),
}
_SMALL_WORDS = frozenset({"a", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "of"})


def numbering(field: str, fields: Iterable[str]) -> str:
    """Whose numbers those of a layer's field are: `COSIA` for `numero` with `classe` beside it, else `FLAIR`."""
    beside = {name_key(each) for each in fields}
    return COSIA if is_cosia_number(field) and _NAME_FIELD in beside else FLAIR


def is_cosia_number(field: str) -> bool:
    """Whether a field has the name of the one in which CoSIA has its numbers."""
    return name_key(field) == _NUMBER_FIELD


def find_class(
    value: str, classes: Sequence[LandCoverClass], numbers: str = FLAIR, or_other: bool = True
) -> LandCoverClass | None:
    """The class of `classes` that a field's value means; None where it is none that is known.

    value: as `class_plan.value_text` writes it. A number is that of CoSIA where `numbers` says so, else the classes'
    own; 14 to 19 are FLAIR's where the classes have no number above 13. A name is the classes' own, or stands for one
    of them in English or French: case, accents, plurals, hyphens and small words make no difference.
    or_other: whether what is a class of FLAIR or CoSIA, but none of `classes`, is their "other", as in FLAIR #2.
    """
    if numbers == COSIA and value.isdecimal():
        name = _numbered(value, COSIA15)
        return None if name is None else _by_name(name, classes, or_other)
    for each in classes:
        if str(each.value) == value or name_key(each.name) == name_key(value):
            return each
    if value.isdecimal() and max((c.value for c in classes), default=0) <= len(FLAIR_CLASSES):
        value = _numbered(value, FLAIR19) or value
    return _by_name(value, classes, or_other)


def known_name(value: str, numbers: str = FLAIR) -> str:
    """The English name of the class of FLAIR or CoSIA that a value stands for; "" where it stands for none."""
    named = _numbered(value, COSIA15 if numbers == COSIA else FLAIR19) if value.isdecimal() else None
    return named or _ENGLISH.get(_words(value), "")


def _by_name(name: str, classes: Sequence[LandCoverClass], or_other: bool) -> LandCoverClass | None:
    wanted = _meaning(name)
    found = [each for each in classes if _meaning(each.name) == wanted]
    if not found and or_other and wanted in _ENGLISH.values():
        found = [each for each in classes if _meaning(each.name) == "other"]
    return found[0] if len(found) == 1 else None


def _meaning(name: str) -> str:
    """The English name of a known class; what a name has in common with its plural of any other."""
    words = _words(name)
    return _ENGLISH.get(words, words)


def _words(name: str) -> str:
    """A name without case, accents, small words and the ending of plurals, its words joined."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    words = [word for word in re.split(r"[\W_]+", plain) if word and word not in _SMALL_WORDS]
    return "".join(word[:-1] if len(word) > 3 and word[-1] in "sx" else word for word in words)


def _numbered(value: str, names: Sequence[str]) -> str | None:
    number = value.lstrip("0")
    if len(number) > len(str(len(names))):  # nor do thousands of digits become a number in Python
        return None
    return names[int(number) - 1] if number and int(number) <= len(names) else None


_ENGLISH = {_words(spelling): name for name, spellings in _FRENCH.items() for spelling in (name, *spellings)}
