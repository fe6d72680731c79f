"""Lengths, areas and times in words, in the user's locale."""

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


def duration_text(seconds: float) -> str:
    """A length of time as people say it, rounded up so that it rather ends early."""
    if round(seconds) < 60:
        return _tr("{} s").format(max(1, round(seconds)))
    minutes = round(seconds / 60 + 0.4)
    if minutes < 60:
        return _tr("{} min").format(minutes)
    return _tr("{} h {} min").format(*divmod(minutes, 60))


def time_left(seconds: float) -> str:
    """A time still expected, as roughly as it is known."""
    if seconds < 8:
        return _tr("a few seconds left")
    if seconds < 55:
        rounded = max(10, 5 * round(seconds / 5))
        return _tr("about {} s left").format(rounded)
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return _tr("about {} min left").format(minutes)
    return _tr("about {} h {:02} min left").format(*divmod(minutes, 60))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Amounts", text)
