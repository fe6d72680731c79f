"""Where the analyst draws polygons: an annotation layer found or made, and QGIS's own tool for polygons on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from qgis import utils
from qgis.core import QgsCoordinateReferenceSystem, QgsMapLayer, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtWidgets import QFileDialog, QWidget

from ...contract.nomenclature import LandCoverClass
from ...layers.annotation_files import default_path
from ...layers.annotations import (
    add_annotations,
    create_annotations,
    find_annotations,
    follow_classes,
    start_editing,
)

# Gives the path that the user chose, or "". parent, proposed path.
AskPath = Callable[[QWidget, str], str]


def ask_path(parent: QWidget, proposed: str) -> str:
    """Asks where the annotation layer goes; "" where the user gives up."""
    path, _ = QFileDialog.getSaveFileName(
        parent,
        _tr("New annotation layer"),
        proposed,
        "GeoPackage (*.gpkg)",
        # It is not: what is there is opened, or refused.
        options=QFileDialog.Option.DontConfirmOverwrite,
    )
    return path


def annotations_for(
    project: QgsProject,
    parent: QWidget,
    aerial: QgsMapLayer | None,
    crs: QgsCoordinateReferenceSystem,
    classes: Iterable[LandCoverClass],
    ask: AskPath = ask_path,
) -> QgsVectorLayer | None:
    """The project's annotation layer with these classes, else a new one where the user wants it.

    aerial: the image that is drawn over. crs: its CRS. None where the user gives up.
    Raises AnnotationsError where the layer cannot be made.
    """
    classes = tuple(classes)
    layer = find_annotations(project, crs)
    if layer is None:
        chosen = ask(parent, str(default_path(project, aerial)))
        if not chosen:
            return None
        path = Path(chosen)
        if path.suffix.lower() != ".gpkg":
            path = path.with_name(path.name + ".gpkg")
        layer = add_annotations(project, create_annotations(path, crs, classes))
    follow_classes(layer, classes)
    return layer


def draw_polygons(layer: QgsVectorLayer) -> None:
    """Makes the layer editable and chooses QGIS's tool that adds a polygon, ready for the first click.

    Raises AnnotationsError where the layer cannot be edited.
    """
    start_editing(layer)
    node = QgsProject.instance().layerTreeRoot().findLayer(layer.id())
    if node is not None:
        node.setItemVisibilityCheckedParentRecursive(True)
    iface = utils.iface
    if iface is not None:  # there is none in scripts of their own
        iface.setActiveLayer(layer)
        iface.actionAddFeature().trigger()


def _tr(text: str) -> str:
    return QCoreApplication.translate("Annotations", text)
