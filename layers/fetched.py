"""Images fetched from web layers as layers of the project."""

from __future__ import annotations

import os
import uuid

from qgis.core import QgsProcessingUtils, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QCoreApplication

from ..contract.origin import ImageOrigin


def temporary_image() -> str:
    """A new name in QGIS's folder for temporary files, where QGIS knows a layer as temporary. Nothing is made."""
    return os.path.join(QgsProcessingUtils.tempFolder(), f"fetched_{uuid.uuid4().hex[:12]}.tif")


def add_fetched(project: QgsProject, path: str, origin: ImageOrigin, web: str) -> QgsRasterLayer:
    """Adds a fetched image, directly above its web layer where that is still there, with whom to name for it.

    web: the id of the web layer. Raises ValueError, with a sentence for the user, where the file cannot be opened.
    """
    layer = QgsRasterLayer(path, _tr("{} (fetched)").format(origin.layer))
    if not layer.isValid():
        raise ValueError(_tr("The fetched image {} cannot be opened: fetch it again.").format(path))
    metadata = layer.metadata()
    metadata.setRights([origin.attribution] if origin.attribution else [])
    metadata.setLicenses([origin.licence] if origin.licence else [])
    layer.setMetadata(metadata)
    project.addMapLayer(layer, False)
    root = project.layerTreeRoot()
    below = root.findLayer(web)
    parent = below.parent() if below else root
    parent.insertLayer(parent.children().index(below) if below else 0, layer)
    return layer


def _tr(text: str) -> str:
    return QCoreApplication.translate("Fetched", text)
