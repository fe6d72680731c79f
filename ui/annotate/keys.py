"""One key a class: 1 to 9, 0, then letters."""

from __future__ import annotations

import string

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QKeyEvent

KEYS = "1234567890" + string.ascii_uppercase
# The row of digits as French keyboards give it without Shift.
_AZERTY = dict(zip("&é\"'(-è_çà", KEYS))
_WITH = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.MetaModifier,
)


def key_of(place: int) -> str:
    """The key of the class at a place of the list, from 0 on; "" beyond the last letter."""
    return KEYS[place] if place < len(KEYS) else ""


def place_of(event: QKeyEvent) -> int | None:
    """The place in the list that a key stands for; None for other keys, and together with Ctrl, Alt or Meta."""
    if any(event.modifiers() & modifier for modifier in _WITH):
        return None
    text = event.text()
    place = KEYS.find(_AZERTY.get(text, text.upper())) if len(text) == 1 else -1
    return place if place >= 0 else None
