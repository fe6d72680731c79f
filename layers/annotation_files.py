"""Where an annotation layer's GeoPackage goes, and its making. No other file is ever written over."""

from __future__ import annotations

import os
import re
from pathlib import Path

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFields,
    QgsMapLayer,
    QgsProject,
    QgsRasterLayer,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QCoreApplication

from ..contract.atomic import atomic_file
from ..models.library import user_folder
from .sources import raster_path

LAYER_NAME = "annotations"  # of the table inside the GeoPackage
CLASS_FIELD, WAS_FIELD, NOTE_FIELD, MADE_FIELD = "class", "was", "note", "made"

# As a memory layer is described: the types' own names differ between Qt 5 and Qt 6, these do not.
_FIELDS = (
    f"Polygon?field={CLASS_FIELD}:integer&field={WAS_FIELD}:integer"
    f"&field={NOTE_FIELD}:string&field={MADE_FIELD}:datetime"
)


class AnnotationsError(ValueError):
    """The annotation layer cannot be made, opened or saved. One sentence: what is wrong, what to do next."""


def default_path(project: QgsProject, aerial: QgsMapLayer | None) -> Path:
    """A free name: beside the aerial image, else in the project's folder, else in the user's data folder."""
    image = _file_of(aerial)
    name = image.stem if image else aerial.name() if aerial is not None else ""
    stem = "_".join(filter(None, (re.sub(r"[^\w\- ]", "_", name).strip(), LAYER_NAME)))
    folders = [image.parent if image else None, Path(project.absolutePath()) if project.absolutePath() else None]
    folder = next((each for each in folders if each and os.access(each, os.W_OK)), user_folder().parent)
    number, path = 1, folder / f"{stem}.gpkg"
    while path.exists():
        number += 1
        path = folder / f"{stem}_{number}.gpkg"
    return path


def make_geopackage(path: Path, crs: QgsCoordinateReferenceSystem) -> None:
    """Makes a GeoPackage with an empty table `annotations` of polygons; missing folders are made.

    Raises AnnotationsError where a file is there already or cannot be written.
    """
    if path.exists():
        raise AnnotationsError(_tr("The file {} is there already: choose another name.").format(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as part:
            _write(part, crs)
    except OSError as error:
        raise AnnotationsError(
            _tr("The annotation layer {} cannot be written ({}): choose another folder.").format(
                path, error.strerror or error
            )
        ) from None


def _write(path: Path, crs: QgsCoordinateReferenceSystem) -> None:
    """Raises OSError."""
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    options.layerName = LAYER_NAME
    writer = QgsVectorFileWriter.create(
        str(path), annotation_fields(), QgsWkbTypes.Type.Polygon, crs, QgsCoordinateTransformContext(), options
    )
    failed = writer.hasError() != QgsVectorFileWriter.WriterError.NoError
    problem = writer.errorMessage() if failed else ""
    del writer  # closes the file
    if failed:
        raise OSError(problem or _tr("unknown error"))


def annotation_fields() -> QgsFields:
    """class (int), was (int), note (text), made (date and time)."""
    return QgsVectorLayer(_FIELDS, LAYER_NAME, "memory").fields()


def _file_of(layer: QgsMapLayer | None) -> Path | None:
    """The file that a raster layer shows; None where it is none on this computer."""
    if not isinstance(layer, QgsRasterLayer):
        return None
    try:
        path = Path(raster_path(layer))
    except ValueError:
        return None
    return path if path.is_file() else None


def _tr(text: str) -> str:
    return QCoreApplication.translate("AnnotationFiles", text)
