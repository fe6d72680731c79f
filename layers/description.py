"""What a land-cover layer says about itself, saved with the project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from qgis.core import QgsMapLayer

from ..contract.segmentation import SegmentationResult

# Custom property of a land-cover layer: JSON text.
RESULT_PROPERTY = "flair_landcover/result"


@dataclass(frozen=True)
class ResultDescription:
    """A map as its layer's custom property describes it.

    areas_m2: square metres by class value. classes: (value, name, #rrggbb) in the legend's order.
    made: with time zone. complete: False where the run was ended before all was mapped.
    changed_m2: square metres that have another class with Sentinel-2 than without; None where that is not known.
    aerial_layer, confidence_layer, probabilities_layer, difference_layer: layer ids, "" where there is none.
    layer, name: id and name of the layer that was described.
    """

    areas_m2: dict[int, float]
    classes: tuple[tuple[int, str, str], ...]
    model_title: str
    made: datetime
    complete: bool
    aerial_layer: str
    confidence_layer: str
    probabilities_layer: str
    layer: str
    name: str
    difference_layer: str = ""
    changed_m2: float | None = None


def describe_result(
    layer: QgsMapLayer,
    result: SegmentationResult,
    made: datetime,
    aerial_layer: str = "",
    confidence_layer: str = "",
    probabilities_layer: str = "",
    difference_layer: str = "",
) -> None:
    """Writes what is known of a map into the custom property RESULT_PROPERTY of its layer.

    made: when it was made (without a time zone: local time). aerial_layer, confidence_layer, probabilities_layer,
    difference_layer: ids of layers, "" where there is none.

    The JSON holds areas_m2 (by class value as text), classes (value, name, colour), model (id, title), made
    (ISO 8601 with time zone), complete (false: only a part was mapped), changed_m2 (square metres that have
    another class with Sentinel-2 than without; null where that is not known), aerial_layer, confidence_layer,
    probabilities_layer, difference_layer, and layer and name: id and name of the layer it was written for.
    """
    description = {
        "areas_m2": result.areas_m2,
        "classes": result.classes,
        "model": result.model.to_dict(),
        "made": made.astimezone().isoformat(timespec="seconds"),
        "complete": result.complete,
        "changed_m2": result.changed_m2,
        "aerial_layer": aerial_layer,
        "confidence_layer": confidence_layer,
        "probabilities_layer": probabilities_layer,
        "difference_layer": difference_layer,
        "layer": layer.id(),
        "name": layer.name(),
    }
    layer.setCustomProperty(RESULT_PROPERTY, json.dumps(description, ensure_ascii=False))


def description_of(layer: QgsMapLayer) -> ResultDescription | None:
    """The description that a layer carries; None where there is none, or none that can be read."""
    text = layer.customProperty(RESULT_PROPERTY)
    if not isinstance(text, str):
        return None
    try:
        values = json.loads(text)
        return ResultDescription(
            areas_m2={int(value): float(area) for value, area in values["areas_m2"].items()},
            classes=tuple((int(value), str(name), str(colour)) for value, name, colour in values["classes"]),
            model_title=str(values["model"].get("title") or values["model"].get("id") or ""),
            made=datetime.fromisoformat(values["made"]).astimezone(),
            complete=bool(values["complete"]),
            aerial_layer=str(values["aerial_layer"]),
            confidence_layer=str(values["confidence_layer"]),
            probabilities_layer=str(values["probabilities_layer"]),
            layer=str(values["layer"]),
            name=str(values["name"]),
            # Not in projects of the first version.
            difference_layer=str(values.get("difference_layer") or ""),
            changed_m2=None if values.get("changed_m2") is None else float(values["changed_m2"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):  # written by hand, or by another version
        return None
