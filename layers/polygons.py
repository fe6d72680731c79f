"""Polygons of a layer as a file that the engine can read: the layer's own, or a copy of what QGIS shows."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeature,
    QgsFeatureRequest,
    QgsFeatureSink,
    QgsFeatureSource,
    QgsField,
    QgsFields,
    QgsProcessingUtils,
    QgsProviderRegistry,
    QgsRectangle,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QCoreApplication, QVariant

from .sources import features_of

_COPY_LAYER = "polygons"
# Types of fields that a GeoPackage keeps as they are; others are written as text.
_PLAIN_TYPES = (QVariant.Int, QVariant.LongLong, QVariant.Double, QVariant.String, QVariant.Bool)


@dataclass(frozen=True)
class PolygonFile:
    """A vector file. layer: the layer in it. copied: whether it is a copy, which whoever asked for it removes."""

    path: str
    layer: str
    copied: bool


def _tr(text: str) -> str:
    return QCoreApplication.translate("Polygons", text)


def saved_file(layer: QgsVectorLayer, field: str) -> PolygonFile | None:
    """The layer's own file, where that holds exactly what QGIS shows; None where a copy is needed.

    A copy is needed for unsaved edits, filters, joined and computed fields, another CRS than the file's, and for
    what is no file, such as a database.
    """
    if layer.providerType() != "ogr" or layer.isModified() or layer.subsetString():
        return None
    fields = layer.fields()
    index = fields.lookupField(field)
    if index < 0 or fields.fieldOrigin(index) != QgsFields.FieldOrigin.OriginProvider:
        return None
    if layer.dataProvider().crs() != layer.crs():
        return None
    parts = QgsProviderRegistry.instance().decodeUri("ogr", layer.source())
    path, name = parts.get("path") or "", parts.get("layerName") or ""
    # Anything else in the source would be a setting that only QGIS knows.
    plain = layer.source() == (f"{path}|layername={name}" if name else path)
    if not plain or not os.path.exists(path):
        return None
    return PolygonFile(os.path.abspath(path), name, False)


def copied_file(
    source: QgsFeatureSource,
    field: str,
    transforms: QgsCoordinateTransformContext,
    near: tuple[QgsRectangle, QgsCoordinateReferenceSystem] | None = None,
) -> PolygonFile:
    """A copy of the polygons and one field in a new folder of QGIS's folder for temporary files.

    near: only polygons that may touch this rectangle, in its CRS, are copied. Curves stay curves.
    Raises ValueError, with a sentence for the user, where the field is missing, no polygon is there, or the
    copy cannot be written.
    """
    index = source.fields().lookupField(field)
    if index < 0:
        names = ", ".join(source.fields().names()) or "–"
        raise ValueError(
            _tr("The layer {} has no field {}: choose one of {}.").format(source.sourceName(), field, names)
        )
    folder = tempfile.mkdtemp(prefix="flair_polygons_", dir=QgsProcessingUtils.tempFolder())
    file = PolygonFile(os.path.join(folder, f"{_file_name(source.sourceName())}.gpkg"), _COPY_LAYER, True)
    request = QgsFeatureRequest().setSubsetOfAttributes([index])
    rectangle = _in_crs(near, source.sourceCrs(), transforms)
    if rectangle is not None:
        request.setFilterRect(rectangle)
    copied, error = _write(file.path, source, index, request, transforms)
    if copied and not error:
        return file
    remove_copy(file)
    if error:
        text = _tr("The polygons of {} cannot be copied for the engine ({}): save the layer as a GeoPackage.")
    else:
        text = _tr("No polygon of the layer {} lies on the aerial image: draw some there, or choose another layer.")
    raise ValueError(text.format(source.sourceName(), error))


def _write(
    path: str,
    source: QgsFeatureSource,
    index: int,
    request: QgsFeatureRequest,
    transforms: QgsCoordinateTransformContext,
) -> tuple[int, str]:
    """Writes polygons and the field `index`; how many, and what went wrong, or ""."""
    definition = source.fields().at(index)
    plain = definition.type() in _PLAIN_TYPES
    fields = QgsFields()
    fields.append(QgsField(definition.name(), definition.type() if plain else QVariant.String))
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    options.layerName = _COPY_LAYER
    options.layerOptions = ["FID=flair_fid"]  # the field may well be called "fid", as the driver would call its own
    # Of several parts, where the layer lets its polygons have them only while they are edited.
    kind = QgsWkbTypes.multiType(source.wkbType())
    writer = QgsVectorFileWriter.create(path, fields, kind, source.sourceCrs(), transforms, options)
    copied = 0
    for feature in features_of(source, request):
        if not feature.hasGeometry():
            continue
        copy = QgsFeature(fields)
        copy.setGeometry(feature.geometry())
        value = feature.attribute(index)
        null = value is None or (isinstance(value, QVariant) and value.isNull())
        copy.setAttribute(0, value if plain or null else str(value))
        if not writer.addFeature(copy, QgsFeatureSink.Flag.FastInsert):
            break
        copied += 1
    return copied, writer.errorMessage() if writer.hasError() else ""


def remove_copy(file: PolygonFile | None) -> None:
    """Removes a copy and its folder; a layer's own file stays."""
    if file is None or not file.copied:
        return
    folder = os.path.dirname(file.path)
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        os.remove(os.path.join(folder, name))
    if os.path.isdir(folder):
        os.rmdir(folder)


def _file_name(title: str) -> str:
    """A name for the copy that tells where it comes from."""
    return re.sub(r"[^\w.-]+", "_", title).strip("._")[:60] or "polygons"


def _in_crs(
    near: tuple[QgsRectangle, QgsCoordinateReferenceSystem] | None,
    crs: QgsCoordinateReferenceSystem,
    transforms: QgsCoordinateTransformContext,
) -> QgsRectangle | None:
    if near is None or not crs.isValid() or not near[1].isValid():
        return None
    try:
        return QgsCoordinateTransform(near[1], crs, transforms).transformBoundingBox(near[0])
    except QgsCsException:  # the engine says what is wrong
        return None
