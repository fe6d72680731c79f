"""What a band is by what its file says of it: words, wavelengths, the names of satellites' bands."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ...contract.cards import ROLES

OTHER = "other"  # the file says what it is, and that is none of the roles
MASK = "mask"

# Words of English, French, German, Spanish, Italian and Portuguese, without accents.
_WORDS = {
    "red": ("red", "rouge", "rot", "rojo", "roja", "rosso", "vermelho"),
    "green": ("green", "vert", "verte", "grun", "gruen", "verde"),
    "blue": ("blue", "bleu", "bleue", "blau", "azul", "blu"),
    "nir": (
        *("nir", "pir", "ir", "infrared", "nearinfrared", "infrarouge", "infrarot", "infrarrojo", "infrarosso"),
        *("infravermelho",),
    ),
    "elevation": (
        *("elevation", "height", "heights", "hauteur", "hauteurs", "ndsm", "ndhm", "dhm", "chm", "mnh", "mhc", "hag"),
        *("ndom", "vhm", "altura", "alturas", "hohe", "hoehe", "hohen", "altezza"),
    ),
    # heights above the sea are no heights above ground
    OTHER: (
        *("edge", "rededge", "bord", "lointain", "swir", "mir", "mwir", "lwir", "tir", "thermal", "thermique"),
        *("mid", "middle", "moyen", "medio", "short", "shortwave", "coastal", "aerosol", "yellow", "pan"),
        *("panchromatic", "panchromatique", "cirrus", "ndvi", "ndwi", "dsm", "dtm", "dem", "mns", "mnt", "mne", "dom"),
        *("dgm", "altitude", "label", "labels", "class", "classes", "classe", "classification", "cloud", "clouds"),
        *("qa", "quality", "shadow", "lidar", "intensity", "intensite"),
    ),
    MASK: ("mask", "masque", "maske", "mascara", "maschera", "alpha", "transparency", "transparence", "validity"),
}
_LETTERS = {"r": "red", "g": "green", "v": "green", "b": "blue", "i": "nir", "e": "elevation"}  # v: of RVB, vert
_ROLE_OF_WORD = {word: role for role, words in _WORDS.items() for word in words}
_FILLERS = frozenset({"band", "bande", "banda", "channel", "canal", "canale", "kanal", "layer", "couche"})
_NORMALISED = frozenset({"normalised", "normalized", "normalise", "normalisiert", "normalisiertes"})
_SURFACES = frozenset({"dsm", "mns", "dom", "surface"})
_COMPOUND = re.compile(r"(?<![a-z])infra[\s_-]+(?=red|rouge|rot|rojo|rosso)")
_EDGE = re.compile(r"(?<![a-z])red[\s_-]*edge")

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_MEASURED = re.compile(
    rf"(?<!\d){_NUMBER}(?:\s*(?:-|–|to|a)\s*{_NUMBER})?\s*(nanomet[a-z]*|micromet[a-z]*|microns?|nm|um|μm)(?![a-z])"
)
_LIGHT = (350, 1100)  # nm that a number without a unit may be: what cameras see
_ALONE = re.compile(rf"\(?{_NUMBER}\)?")
# Wavelengths in nm from which on bands are blue, green, red, none (the red edge), near infrared and none: between the
# bands of Sentinel-2, B1 443, B2 492, B3 560, B4 665, B5 704 to B7 783, B8 833, B8A 865, B9 945, and those of aerial
# cameras, whose near infrared begins at 690 to 760 and is centred at 830 to 860.
_RANGES = (("blue", 450, 520), ("green", 520, 600), ("red", 600, 690), ("nir", 760, 920))
_CENTRES = {"blue": 490.0, "green": 560.0, "red": 660.0, "nir": 840.0}
_UNKNOWN = 30.0  # nm that a band of unknown wavelength counts as away from the middle of its role's

# Sentinel-2's and, after SR_, Landsat 8's and 9's
_SENTINEL = {"2": "blue", "3": "green", "4": "red", "8": "nir", "8a": "nir"}
_LANDSAT = {"2": "blue", "3": "green", "4": "red", "5": "nir"}
_SATELLITE = re.compile(r"(?<![a-z0-9])(sr[\s_-]?)?b0?(8a|1[0-2]|[1-9])(?![a-z0-9])")

# What files of near infrared, red and green are called (IRC is IGN's word), and those of colours.
_COLOUR_INFRARED = frozenset({"irc", "cir"})
_TRUE_COLOURS = frozenset({"rgb", "rvb", "rgbi", "rgbn", "rvbi", "rgbnir"})
_LEVELS = 3  # names looked at: the file's and those of two folders above it

# What GDAL's colour interpretations from 3.10 on say; red, green and blue are what any TIFF of three bands says.
_COLOURS = {"nir": "nir", **dict.fromkeys(("pan", "coastal", "rededge", "swir", "mwir", "lwir", "tir"), OTHER)}


@dataclass(frozen=True)
class Said:
    """What a file says of a band.

    text: its description, or "". wavelength_nm: of its tags; None where there is none. colour: GDAL's interpretation.
    """

    text: str = ""
    wavelength_nm: float | None = None
    colour: str = "undefined"


def role_of_word(word: str) -> str | None:
    """The role that a word or letter names; None for any other."""
    role = _in_words(word)
    return None if role in (OTHER, MASK) else role


def named_roles(bands: Sequence[Said]) -> tuple[str | None, ...]:
    """For each band a role, `OTHER`, `MASK`, or None where its file says nothing of it.

    Of several that say the same role one has it, and the others are `OTHER`: that whose wavelength is nearest to the
    middle of the role's, else the first.
    """
    satellites = _satellite_roles([said.text for said in bands])
    roles = [
        _in_words(said.text) or satellite or _by_wavelength(_wavelength(said)) or _COLOURS.get(said.colour)
        for said, satellite in zip(bands, satellites)
    ]
    for role in ROLES:
        several = [index for index, found in enumerate(roles) if found == role]
        if len(several) > 1:
            best = min(several, key=lambda index: _distance(bands[index], role))
            for index in several:
                if index != best:
                    roles[index] = OTHER
    return tuple(roles)


def wavelength_nm(text: str, unit: str = "") -> float | None:
    """The wavelength that a text names, the middle of a range; None where it names none.

    unit: of a number that stands alone; without one it is nm or µm, as it must be to be light.
    """
    text = _plain(text)
    measured = _MEASURED.search(text)
    if measured is not None:
        low, high = _number(measured[1]), _number(measured[2] or measured[1])
        return (low + high) / 2 * (1.0 if measured[3].startswith("n") else 1000.0)
    alone = _ALONE.fullmatch(text)
    if alone is None:
        return None
    number = _number(alone[1])
    if unit:
        return number * (1.0 if _plain(unit).startswith("n") else 1000.0)
    length = number * 1000 if number < 10 else number
    return length if _LIGHT[0] <= length <= _LIGHT[1] else None


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def called_infrared(path: str) -> str:
    """What calls an image colour infrared: its own name or that of one of the folders nearest to it; "" where none.

    A name that says that these are colours, too, says nothing.
    """
    for _ in range(_LEVELS):
        path, name = os.path.split(path)
        words = set(re.findall(r"[a-z]+", _plain(os.path.splitext(name)[0])))
        if words & _COLOUR_INFRARED:
            return "" if words & _TRUE_COLOURS else name
        if words & _TRUE_COLOURS:
            return ""
    return ""


def _plain(text: str) -> str:
    """A text in small letters without accents."""
    parts = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _in_words(text: str) -> str | None:
    plain = _EDGE.sub("rededge", _COMPOUND.sub("infra", _plain(text)))
    chunks = [chunk for chunk in re.findall(r"[a-z0-9]+", _MEASURED.sub(" ", plain)) if not chunk.isdigit()]
    chunks = [chunk for chunk in chunks if chunk not in _FILLERS]
    if len(chunks) == 1 and chunks[0] in _LETTERS:
        return _LETTERS[chunks[0]]
    words = [word for chunk in chunks for word in re.findall(r"[a-z]{2,}", chunk)]
    if _NORMALISED & set(words) and _SURFACES & set(words):
        return "elevation"
    roles = {_ROLE_OF_WORD[word] for word in words if word in _ROLE_OF_WORD}
    if MASK in roles and len(words) > 1:  # of clouds, of buildings
        return OTHER
    if OTHER in roles:
        return OTHER
    return roles.pop() if len(roles) == 1 else None


def _satellite_roles(texts: Sequence[str]) -> list[str | None]:
    """Roles by names such as B8A or SR_B4. Names that only count the bands, B1 B2 B3, say nothing."""
    found = [_SATELLITE.search(_plain(text)) for text in texts]
    if all(match is None or match[2] == str(number) for number, match in enumerate(found, start=1)):
        return [None] * len(texts)
    first_infrared = "8" if any(match is not None and match[2] == "8" for match in found) else "8a"
    roles: list[str | None] = []
    for match in found:
        if match is None:
            roles.append(None)
        elif match[1]:
            roles.append(_LANDSAT.get(match[2], OTHER))
        else:
            role = _SENTINEL.get(match[2], OTHER)
            roles.append(OTHER if role == "nir" and match[2] != first_infrared else role)
    return roles


def _wavelength(said: Said) -> float | None:
    return said.wavelength_nm if said.wavelength_nm is not None else wavelength_nm(said.text)


def _distance(said: Said, role: str) -> float:
    """Of a band from the middle of a role's, in nm."""
    length = _wavelength(said)
    return abs(length - _CENTRES[role]) if length is not None and role in _CENTRES else _UNKNOWN


def _by_wavelength(length: float | None) -> str | None:
    if length is None:
        return None
    return next((role for role, low, high in _RANGES if low <= length < high), OTHER)
