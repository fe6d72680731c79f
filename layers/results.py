"""Puts a result into the project, above the aerial layer that it was made from, and finds it there again."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from qgis.core import QgsCoordinateReferenceSystem, QgsLayerTreeGroup, QgsProcessingUtils, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QCoreApplication

from ..contract.segmentation import ModelName, SegmentationResult
from .description import ResultDescription, describe_result, description_of
from .run_request import RunRequest
from .styling import style_confidence, style_grey, style_land_cover


def temporary_path() -> str:
    """A new name in QGIS's folder for temporary files, where QGIS knows a layer as temporary. Nothing is made."""
    return os.path.join(QgsProcessingUtils.tempFolder(), f"land_cover_{uuid.uuid4().hex[:12]}.tif")


class UnreadableResultError(ValueError):
    """A file of a result cannot be shown. The message is one sentence: what is wrong, what to do next."""


def add_result(project: QgsProject, result: SegmentationResult, request: RunRequest, made: datetime) -> QgsRasterLayer:
    """Adds the layers of a finished run, in a group named after the model, or as the request says, and the time.

    made: without a time zone: local time.
    The group lies directly above the aerial layer, in that layer's own group; at the top where the layer is
    gone. In it, from the top: what Sentinel-2 changed, confidence and probabilities (where there are, all not
    shown at first), and the land-cover layer, which is returned.

    Raises UnreadableResultError where a file is missing or no raster; nothing is added then.
    """
    land_cover = _open(result.output, _tr("Land cover"), request)
    confidence = _open(result.confidence, _tr("Confidence"), request) if result.confidence else None
    probabilities = _open(result.probabilities, _tr("Class probabilities"), request) if result.probabilities else None
    difference = _open(result.difference, _tr("Without Sentinel-2"), request) if result.difference else None

    style_land_cover(land_cover, result.classes)
    if difference:
        style_land_cover(difference, result.classes)
    if confidence:
        style_confidence(confidence)
    if probabilities:
        style_grey(probabilities, 255)
    model = ModelName(result.model.id or request.job.image.model, result.model.title or request.model_title)
    describe_result(
        land_cover,
        replace(result, model=model),
        made,
        aerial_layer=request.aerial_layer,
        confidence_layer=confidence.id() if confidence else "",
        probabilities_layer=probabilities.id() if probabilities else "",
        difference_layer=difference.id() if difference else "",
    )

    group = _insert_group(project, request.aerial_layer)
    group.setName(_free_name(project, request.title or model.title, made.astimezone(), result.complete))
    # The hidden ones on top: one that is switched on below an opaque map would show nothing.
    layers = [layer for layer in (difference, confidence, probabilities, land_cover) if layer]
    for layer in layers:
        project.addMapLayer(layer, False)
        node = group.addLayer(layer)
        node.setExpanded(layer is land_cover)
        node.setItemVisibilityChecked(layer is land_cover)
    _keep_drawing_order(project, layers, request.aerial_layer)
    project.setDirty(True)
    return land_cover


def result_layers(project: QgsProject) -> list[QgsRasterLayer]:
    """The land-cover layers of the project that carry a description of their own, the latest first.

    A layer that got the description of another file by "Paste style" does not count: the areas are not its own.
    """
    found = []
    for layer in project.mapLayers().values():
        if not isinstance(layer, QgsRasterLayer):
            continue
        description = description_of(layer)
        if description and _is_own(description, layer, project):
            found.append((description.made, layer))
    return [layer for _, layer in sorted(found, key=lambda each: each[0], reverse=True)]


def result_title(project: QgsProject, layer: QgsRasterLayer) -> str:
    """What a result is called in a list: the name that the user gave its layer, else its group's, else model and time.

    The layer carries a description.
    """
    description = description_of(layer)
    if description is None:
        raise AssertionError
    if layer.name() != description.name:
        return layer.name()
    node = project.layerTreeRoot().findLayer(layer.id())
    group = node.parent() if node else None
    if group and group.parent():  # the root has none
        results = [other for other in group.findLayers() if other.layer() and description_of(other.layer())]
        if len(results) == 1:
            return group.name()
    return _name(description.model_title, description.made, "%H:%M", description.complete)


def companions(project: QgsProject, layer: QgsRasterLayer) -> list[QgsRasterLayer]:
    """The layers of a result that are in the project: the land-cover layer itself and those that go with it."""
    description = description_of(layer)
    others = (
        [description.difference_layer, description.confidence_layer, description.probabilities_layer]
        if description
        else []
    )
    return [layer, *(project.mapLayer(each) for each in others if project.mapLayer(each))]


def _open(path: str, name: str, request: RunRequest) -> QgsRasterLayer:
    if not Path(path).is_file():
        raise UnreadableResultError(
            _tr("The result {} is not there any more: run again, and keep the file where it is.").format(path)
        )
    # Without the default style: its statistics would be written beside the file.
    layer = QgsRasterLayer(path, name, "gdal", QgsRasterLayer.LayerOptions(False))
    if not layer.isValid():
        raise UnreadableResultError(
            _tr("The result {} cannot be opened as a raster: it was damaged after the run; run again.").format(path)
        )
    # The user may have given the aerial layer a CRS that its file does not have: the map lies upon it.
    crs = QgsCoordinateReferenceSystem.fromWkt(request.crs_wkt)
    if crs.isValid() and crs != layer.crs():
        layer.setCrs(crs)
    return layer


def _insert_group(project: QgsProject, aerial_layer: str) -> QgsLayerTreeGroup:
    """A group without a name, directly above the aerial layer."""
    below = project.layerTreeRoot().findLayer(aerial_layer)
    parent = below.parent() if below else project.layerTreeRoot()
    # One of several alternatives would switch the image off; an embedded group is another project's.
    while parent.parent() and (parent.isMutuallyExclusive() or parent.customProperty("embedded")):
        below, parent = parent, parent.parent()
    return parent.insertGroup(parent.children().index(below) if below else 0, "")


def _keep_drawing_order(project: QgsProject, layers: list[QgsRasterLayer], aerial_layer: str) -> None:
    """Draws the layers directly above the aerial one also where the drawing order is not that of the layer tree."""
    root = project.layerTreeRoot()
    if not root.hasCustomLayerOrder():
        return
    order = [layer for layer in root.customLayerOrder() if layer not in layers]
    at = next((i for i, layer in enumerate(order) if layer.id() == aerial_layer), 0)
    root.setCustomLayerOrder([*order[:at], *layers, *order[at:]])


def _free_name(project: QgsProject, title: str, made: datetime, complete: bool) -> str:
    """Model and time to the minute; with seconds, then a number, where a group has that name already."""
    root = project.layerTreeRoot()
    names = [_name(title, made, pattern, complete) for pattern in ("%H:%M", "%H:%M:%S")]
    names += [f"{names[1]} ({number})" for number in range(2, len(root.findGroups(True)) + 3)]
    return next(name for name in names if not root.findGroup(name))


def _name(title: str, made: datetime, pattern: str, complete: bool) -> str:
    text = _tr("{}, {}") if complete else _tr("{}, {}, part")
    return text.format(title or _tr("Land cover"), made.strftime(pattern))


def _is_own(description: ResultDescription, layer: QgsRasterLayer, project: QgsProject) -> bool:
    """Whether a description was written for this layer, or for one of the same file that it is a copy of."""
    described = project.mapLayer(description.layer)
    return described is None or described.source() == layer.source()


def _tr(text: str) -> str:
    return QCoreApplication.translate("ResultLayers", text)
