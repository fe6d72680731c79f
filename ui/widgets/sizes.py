"""Lengths and areas on the ground in words, in the user's locale."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication, QLocale

M2_PER_HA = 10_000
_SMALL_HA = 0.1  # below it, square metres say more


def area_text(area_m2: float) -> str:
    """An area, such as "1.24 ha" or "840 m²"."""
    hectares = area_m2 / M2_PER_HA
    if hectares < _SMALL_HA:
        return _tr("{} m²").format(QLocale().toString(float(area_m2), "f", 0))
    # Three to five digits are enough to compare, and narrow enough for a dock.
    digits = 2 if hectares < 100 else 1 if hectares < 1000 else 0
    return _tr("{} ha").format(QLocale().toString(hectares, "f", digits))


def sides_text(across_m: float, down_m: float) -> str:
    """The sides of a rectangle: "412 m × 300 m"."""
    return _tr("{} m × {} m").format(
        *(QLocale().toString(float(m), "f", 1 if m < 100 else 0) for m in (across_m, down_m))
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("Sizes", text)
