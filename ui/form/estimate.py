"""What a run will cost, in words."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication, QLocale

from ...contract.answers import Forecast
from ..widgets.amounts import area_text, duration_text, sides_text
from .remembered import Pace

_LONG_S = 600.0  # seconds beyond which a smaller area is recommended for a first look


def _tr(text: str) -> str:
    return QCoreApplication.translate("Estimate", text)


def bytes_text(size: float) -> str:
    """A file size in MB or GB."""
    if size < 1e9:
        return _tr("{} MB").format(QLocale().toString(max(0.1, size / 1e6), "f", 1 if size < 1e7 else 0))
    return _tr("{} GB").format(QLocale().toString(size / 1e9, "f", 1))


def place_text(checked: Forecast) -> str:
    """The mapped rectangle's sides and the area within: "412 m × 300 m, 12.36 ha"."""
    sides = sides_text(*(side * checked.pixel_m for side in (checked.width, checked.height)))
    return f"{sides}, {area_text(checked.area_m2)}"


def cost_text(checked: Forecast, pace: Pace | None, tta: str) -> str:
    """Tiles, time and size of a run.

    pace: of the last such run on this device, if any.
    """
    tiles = _tr("one tile") if checked.tiles == 1 else _tr("{} tiles").format(QLocale().toString(checked.tiles))
    if pace is None:
        return _tr("{}, at most {}; how long it takes is known after a first run on this device.").format(
            tiles, bytes_text(checked.largest_bytes)
        )
    seconds = pace.seconds(checked.tiles, tta)
    size = min(checked.largest_bytes, pace.pixel_bytes * checked.width * checked.height)
    text = _tr("{}, about {}, {}").format(tiles, duration_text(seconds), bytes_text(size))
    if seconds > _LONG_S:
        text += _tr(" – draw a smaller area for a first look")
    return text
