"""What polygons hold, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..contract.answers import AnnotationSummary, FieldValue, SplitSummary, SummarisedClass
from ..contract.class_plan import FEW_POLYGONS, LITTLE_M2
from ..contract.errors import Cancelled
from ..contract.finetuning import FinetuneJob
from ..contract.going_on import listening
from ..contract.notices import Notice, notice
from ..contract.segmentation import SegmentationJob
from ..inference.raster.read import gdal_settings
from ..inference.resolve import resolve_place
from .annotations import Annotations, annotated_classes, read_annotations
from .burn import conflict_m2
from .holdout import split


def summary(job: FinetuneJob, cancelled: Callable[[], bool]) -> AnnotationSummary:
    """What a job's polygons say; nothing is trained or written.

    Raises BadInput where `finetune` would refuse the model, the raster or the polygons; Cancelled once `cancelled`
    says so.
    """
    warnings: list[Notice] = []
    with gdal_settings(), listening(cancelled):
        # What is to be said of the image, its form says.
        place = resolve_place(SegmentationJob(job.image, ""), lambda _: None)
        _go_on(cancelled)
        annotations = read_annotations(job, place.card, place.geobox, warnings.append)
        _go_on(cancelled)
        conflict = conflict_m2(annotations.items, place.geobox, cancelled)
        _go_on(cancelled)
        names = {c.value: c.name for c in annotations.plan.legend}
        sides = split(annotations.items, job.holdout, job.seed, place.geobox, names)
    if conflict:
        warnings.append(notice("conflict", area_m2=conflict))
    classes = annotated_classes(annotations, place.geobox.metres)
    return AnnotationSummary(
        tuple(SummarisedClass(**c.to_dict(), warning=_too_little(c.polygons, c.area_m2)) for c in classes),
        tuple(_value_rows(annotations)),
        annotations.ignored,
        conflict,
        SplitSummary(len(sides.training), len(sides.holdout), sides.note, sides.distance_m),
        warnings,
    )


def _value_rows(annotations: Annotations) -> Iterator[FieldValue]:
    plan = annotations.plan
    for text, count in annotations.values:
        value = plan.assigned[text]
        yield FieldValue(text, count, "" if value is None else plan.name_of(value))


def _too_little(polygons: int, area_m2: float) -> Notice | None:
    if polygons >= FEW_POLYGONS and area_m2 >= LITTLE_M2:
        return None
    return notice("too_little", count=polygons, area_m2=area_m2, polygons=FEW_POLYGONS, enough_m2=LITTLE_M2)


def _go_on(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled
