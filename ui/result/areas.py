"""Shares as text, and the table of classes: to read, and for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable

from qgis.PyQt.QtCore import QCoreApplication, QLocale

from ..widgets.amounts import M2_PER_HA


def percent_number(share: float) -> str:
    """A share (0..1) in whole percent without the sign; what is there but rounds to nothing is "< 1"."""
    return _tr("< 1") if 0 < share < 0.005 else _number(100 * share, 0)


def share_text(share: float) -> str:
    """The same with the sign, as in a sentence."""
    return _tr("{} %").format(percent_number(share))


def exact_text(name: str, area_m2: float, share: float) -> str:
    """A class with its area and share in full, for a tooltip: "water: 1,234 m², 0.12 ha, 3.4 %"."""
    return _tr("{}: {} m², {} ha, {} %").format(
        name, _number(area_m2, 0), _number(area_m2 / M2_PER_HA, 2), _number(100 * share, 1)
    )


def table_text(rows: Iterable[tuple[str, float, float]]) -> str:
    """Lines of class, area in m² and share in percent, separated by tabs, below a header.

    rows: name, square metres, share 0..1. Numbers have the locale's decimal sign, which is what a spreadsheet
    of the same locale reads as a number, and nothing between thousands.
    """
    lines = ["\t".join((_tr("Class"), _tr("Area (m²)"), _tr("Share (%)")))]
    for name, area_m2, share in rows:
        lines.append("\t".join((name, _number(area_m2, 2, grouped=False), _number(100 * share, 2, grouped=False))))
    return "\n".join(lines) + "\n"


def _number(value: float, decimals: int, grouped: bool = True) -> str:
    locale = QLocale()
    if not grouped:
        locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
    return locale.toString(float(value), "f", decimals)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Areas", text)
