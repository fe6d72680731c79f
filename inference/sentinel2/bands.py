"""What a raster's band is, by the name that it, its file or its variable carries. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Container

from ...contract.cards import SATELLITE_BANDS
from ...contract.errors import BadInput

CLOUDS, SNOW, CLASSES = "clouds", "snow", "classes"  # of Acquisition
MASKS = (CLOUDS, SNOW, CLASSES)
CIRRUS = "B10"  # which Level-2A does not have

_BAND = re.compile(r"(?<![A-Za-z0-9])B0?(8A|1[0-2]|[1-9])(?![0-9A-Za-z])", re.IGNORECASE)
_CLASSIFIED = re.compile(r"(?<![a-z])msk_classi", re.IGNORECASE)
_RESOLUTION = r"(?<![a-z0-9])[126]0m(?![a-z0-9])"
_MASKS = {
    CLASSES: re.compile(r"(?<![a-z])scl(?![a-z])", re.IGNORECASE),
    CLOUDS: re.compile(r"(?<![a-z])(?:cldprb|cld|clouds?)(?![a-z]|[-_ ]?free)", re.IGNORECASE),
    SNOW: re.compile(r"(?<![a-z])(?:snwprb|snw|snow)(?![a-z]|[-_ ]?free)", re.IGNORECASE),
}
_TOKENS = re.compile("|".join([_RESOLUTION, _BAND.pattern, *(p.pattern for p in _MASKS.values())]), re.IGNORECASE)


def role_in(text: str) -> str | None:
    """``B8A``, ``B2`` and the like, ``clouds``, ``snow`` or ``classes``, as a name says; None where it says neither."""
    if _CLASSIFIED.search(text):  # of Level-1C's masks, in Google Earth Engine's exports beside the probabilities
        return None
    for role, pattern in _MASKS.items():
        if pattern.search(text):
            return role
    match = _BAND.search(text)
    return f"B{match[1].upper()}" if match else None


def without_role(text: str) -> str:
    """A name without what tells band, mask and resolution: equal for files that belong together."""
    return re.sub(r"[-_ .]+", "_", _TOKENS.sub("", text)).strip("_").lower()


def check_complete(roles: Container[str], what: str) -> None:
    """Raises BadInput that names the first band which is not there; `what` begins the sentence."""
    for name in SATELLITE_BANDS:
        if name not in roles:
            raise BadInput(f"{what} has no band {name}: give {' '.join(SATELLITE_BANDS)}.")
