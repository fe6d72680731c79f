"""What polygons hold, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable

from ..contract.class_plan import FEW_POLYGONS, LITTLE_M2
from ..contract.errors import Cancelled
from ..contract.finetuning import FinetuneJob
from ..contract.segmentation import SegmentationJob
from ..inference.check import find_place
from ..inference.raster.read import gdal_settings
from .annotations import Annotations, annotated_classes, read_annotations
from .burn import conflict_m2, conflict_sentence
from .holdout import split


def summary(job: FinetuneJob, cancelled: Callable[[], bool]) -> dict:
    """What a job's polygons say, as plain JSON values; nothing is trained or written.

    Returns ``{"classes": [{"value", "name", "colour", "polygons", "area_m2", "warning"}], "values": [{"value",
    "polygons", "class"}], "ignored", "conflict_m2", "holdout": {"training", "holdout", "note", "distance_m"},
    "warnings"}``. classes: those with polygons, by value; warning: a sentence where there is too little, or empty.
    values: of the field, as text, with the name of the class that each means, empty where it is ignored.
    ignored: polygons without a class. conflict_m2: where polygons of different classes overlap.
    Raises BadInput where `finetune` would refuse the model, the raster or the polygons; Cancelled once `cancelled`
    says so.
    """
    warnings: list[str] = []
    with gdal_settings():
        # What is to be said of the image, its form says.
        place = find_place(SegmentationJob(job.image, ""), lambda _: None)
        _go_on(cancelled)
        annotations = read_annotations(job, place.card, place.grid, warnings.append)
        _go_on(cancelled)
        conflict = conflict_m2(annotations.items, place.grid, cancelled)
        _go_on(cancelled)
        names = {c.value: c.name for c in annotations.plan.legend}
        sides = split(annotations.items, job.holdout, job.seed, place.grid, names)
    if conflict:
        warnings.append(conflict_sentence(conflict))
    return {
        "classes": [
            {**row, "warning": _too_little(row["polygons"], row["area_m2"])}
            for row in annotated_classes(annotations, place.grid.metres)
        ],
        "values": _value_rows(annotations),
        "ignored": annotations.ignored,
        "conflict_m2": conflict,
        "holdout": {
            "training": len(sides.training),
            "holdout": len(sides.holdout),
            "note": sides.note,
            "distance_m": sides.distance_m,
        },
        "warnings": warnings,
    }


def _value_rows(annotations: Annotations) -> list[dict]:
    plan, rows = annotations.plan, []
    for text, count in annotations.values:
        value = plan.assigned[text]
        rows.append({"value": text, "polygons": count, "class": "" if value is None else plan.name_of(value)})
    return rows


def _too_little(polygons: int, area_m2: float) -> str:
    if polygons >= FEW_POLYGONS and area_m2 >= LITTLE_M2:
        return ""
    have = f"{polygons} polygon{'' if polygons == 1 else 's'} of {area_m2:.0f} m²"
    return f"{have} may be too little to learn from: draw {FEW_POLYGONS} or more, of {LITTLE_M2:.0f} m² in all."


def _go_on(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled
