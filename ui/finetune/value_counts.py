"""The values of a polygon layer's field: how many polygons hold each, how large they are, and what it means."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from qgis.core import (
    NULL,
    QgsApplication,
    QgsDistanceArea,
    QgsFeatureRequest,
    QgsProject,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ...contract.class_names import FLAIR, find_class
from ...contract.class_plan import FEW_POLYGONS, LITTLE_M2, value_text
from ...contract.nomenclature import LandCoverClass, name_key
from ...runtime.errors import CancelledError
from ..tasks.background_task import BackgroundTask
from ..widgets.lifetime import Connections

MAX_VALUES = 100  # distinct ones; a field with more is none of classes
_LOOK_EVERY = 500  # polygons between two looks at whether the count is still wanted
_PAUSE_MS = 400  # after an edit, until it is counted: the next one may follow at once
# After these the layer's features may be others.
_CHANGES = ("layerModified", "afterRollBack", "dataChanged", "subsetStringChanged")


@dataclass(frozen=True)
class ValueCount:
    """value: as text, see `contract.class_plan.value_text`; "" for none. area_m2: on the ellipsoid."""

    value: str
    polygons: int
    area_m2: float


def counting(layer: QgsVectorLayer, field: str) -> Callable[[BackgroundTask], tuple[list[ValueCount], bool]]:
    """Work that counts. Only plain values and a copy of the layer's source go to its thread.

    The result: counts by number of polygons, the most first; whether there are more than MAX_VALUES, where it ends.
    """
    source = QgsVectorLayerFeatureSource(layer)  # unsaved edits included
    index = layer.fields().indexFromName(field)
    total = max(1, layer.featureCount())
    measure = QgsDistanceArea()
    measure.setSourceCrs(layer.crs(), QgsProject.instance().transformContext())
    measure.setEllipsoid(layer.crs().ellipsoidAcronym())

    def work(task: BackgroundTask) -> tuple[list[ValueCount], bool]:
        found: dict[str, list[float]] = {}
        for number, feature in enumerate(source.getFeatures(QgsFeatureRequest().setSubsetOfAttributes([index]))):
            if number % _LOOK_EVERY == 0:
                if task.stopped():
                    raise CancelledError("The count was given up.")
                task.setProgress(min(100.0, 100.0 * number / total))
            value = feature.attribute(index)
            text = "" if value is None or value == NULL else value_text(value)
            if text not in found and len(found) == MAX_VALUES:
                return [], True
            area = measure.measureArea(feature.geometry())
            entry = found.setdefault(text, [0, 0.0])
            entry[0] += 1
            entry[1] += area if math.isfinite(area) else 0.0
        counts = [ValueCount(value, int(count), area) for value, (count, area) in found.items()]
        return sorted(counts, key=lambda each: (-each.polygons, _rank(each.value))), False

    return work


class ValueCounter(QObject):
    """Counts the values of a layer's field, and again after every change of the layer.

    counted: list of ValueCount, whether there are too many. started: a count began. lost: the layer is removed.
    """

    counted = pyqtSignal(object, bool)
    started = pyqtSignal()
    lost = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layer: QgsVectorLayer | None = None
        self._field = ""
        self._of_layer = Connections()
        self._task: BackgroundTask | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PAUSE_MS)
        self._soon.timeout.connect(self._count)

    def watch(self, layer: QgsVectorLayer | None, field: str) -> None:
        """Counts from now on in this field of this layer; None: in none."""
        self.rest()
        if layer is None or layer.fields().indexFromName(field) < 0:
            return
        self._layer, self._field = layer, field
        for signal in _CHANGES:
            self._of_layer.add(layer, signal, self._count_soon)
        self._of_layer.add(layer, "willBeDeleted", self._lose)
        self._count()

    def rest(self) -> None:
        """Counts no more; may be called again."""
        self._soon.stop()
        self._drop_task()
        self._of_layer.close()
        self._layer = None

    def _lose(self) -> None:
        self.rest()
        self.lost.emit()

    def _count_soon(self, *_) -> None:
        self._soon.start()

    def _count(self) -> None:
        self._drop_task()
        if self._layer is None or sip.isdeleted(self._layer):
            return
        title = self.tr("Counting the classes of {}").format(self._layer.name())
        self._task = BackgroundTask(title, counting(self._layer, self._field))
        self._task.signals.ended.connect(self._tell)
        self.started.emit()
        self._task.start_in(QgsApplication.taskManager())

    def _tell(self) -> None:
        task, self._task = self._task, None
        if task is not None and task.result is not None:
            self.counted.emit(*task.result)

    def _drop_task(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.signals.ended.disconnect(self._tell)
            task.stop()


def _rank(value: str) -> tuple[float, str]:
    """Numbers by size, before words."""
    try:
        return float(value), value
    except ValueError:
        return math.inf, value


@dataclass(frozen=True)
class Meaning:
    """What a value is mapped to: the class of this name, one of the model's or a new one; "" to be ignored."""

    name: str


IGNORED = Meaning("")


def preset(
    value: str, classes: Sequence[LandCoverClass], own: Sequence[LandCoverClass] = (), numbers: str = FLAIR
) -> Meaning | None:
    """What a value means by itself; None where only the analyst can know.

    value: as text. classes: the model's. own: what the layer itself says its numbers mean, which counts before the
    model's numbers; a class that the model does not have is a new one. numbers: whose they are where the layer does
    not say, see `class_names.numbering`. No value at all is ignored.
    """
    if not value:
        return IGNORED
    said = next((c.name for c in own if str(c.value) == value), "")
    found = find_class(said, classes, or_other=False) if said else find_class(value, classes, numbers)
    if found is not None:
        return Meaning(found.name)
    return Meaning(said) if said else None


def is_new(meaning: Meaning, classes: Sequence[LandCoverClass]) -> bool:
    """Whether it makes a class that the model does not have."""
    return meaning != IGNORED and find_class(meaning.name, classes, or_other=False) is None


def class_totals(counts: Iterable[ValueCount], meanings: dict[str, Meaning]) -> dict[str, tuple[int, float]]:
    """Polygons and square metres by class, however many values mean it; what is ignored or unknown is left out."""
    totals: dict[str, tuple[int, float]] = {}
    names: dict[str, str] = {}  # one spelling for each class
    for count in counts:
        meaning = meanings.get(count.value)
        if meaning is None or meaning == IGNORED:
            continue
        name = names.setdefault(name_key(meaning.name), meaning.name)
        polygons, area = totals.get(name, (0, 0.0))
        totals[name] = polygons + count.polygons, area + count.area_m2
    return totals


def too_little(totals: dict[str, tuple[int, float]]) -> list[str]:
    """The classes that are unlikely to be learned well."""
    return [name for name, (polygons, area) in totals.items() if polygons < FEW_POLYGONS or area < LITTLE_M2]
