"""What a training says of itself, in the user's language."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication, QLocale

from ...contract.answers import AnnotationSummary
from ...runtime.wording import worded

UP, DOWN, SAME = "▲", "▼", "="
_EQUAL = 0.005  # a difference that two digits do not show


def _tr(text: str) -> str:
    return QCoreApplication.translate("FinetuneWords", text)


def score_text(value: float | None) -> str:
    """A score of 0 to 1 with two digits; a dash where there is none."""
    return "–" if value is None else QLocale().toString(float(value), "f", 2)


def share_text(value: float | None) -> str:
    """A share of 0 to 1 in percent; a dash where there is none."""
    if value is None:
        return "–"
    return _tr("{}\u00a0%").format(QLocale().toString(100 * float(value), "f", 0 if value >= 0.1 or not value else 1))


def change_text(before: float | None, after: float | None) -> str:
    """By how much a score rose or fell, with an arrow."""
    if before is None or after is None:
        return ""
    difference = after - before
    if abs(difference) < _EQUAL:
        return SAME
    return f"{UP if difference > 0 else DOWN} {score_text(abs(difference))}"


def polygons_text(count: int) -> str:
    """A number of polygons in words."""
    return _tr("one polygon") if count == 1 else _tr("{} polygons").format(QLocale().toString(count))


def summary_text(answer: AnnotationSummary) -> str:
    """What there is to learn from: in a line or two."""
    hold, classes = answer.holdout, len(answer.classes)
    area = QLocale().toString(sum(row.area_m2 for row in answer.classes), "f", 0)
    polygons = polygons_text(hold.training + hold.holdout)
    if classes == 1:
        what = _tr("{} of one class, {} m²").format(polygons, area)
    else:
        what = _tr("{} of {} classes, {} m²").format(polygons, classes, area)
    if hold.holdout:
        split = _tr("{} to learn from, {} held out.").format(hold.training, hold.holdout)
    else:
        split = _tr("all to learn from, none held out.")
    line = _tr("{}: {}").format(what, split)
    return line if hold.note is None else f"{line} {worded(hold.note)}"
