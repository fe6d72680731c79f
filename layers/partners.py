"""The colour infrared image that belongs to an image: a layer of the project, or a file beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from qgis.core import QgsProject, QgsRaster, QgsRasterLayer

from ..contract.partner import are_partners, partner_of, says_infrared
from .tiles import image_paths

_COLOURS = 3  # bands of an image without infrared


def infrared_of(image: Sequence[str]) -> str:
    """Path of the colour infrared image of an image's place, "" where none is found.

    image: as a job's `input`; of several files in one folder, the folder's.
    """
    folders = {os.path.dirname(path) for path in image}
    if len(image) > 1 and len(folders) > 1:
        return ""
    path = image[0] if len(image) == 1 else folders.pop()
    if _is_text(path):
        return ""
    for _, other in _project_images():
        if are_partners(path, other):
            return other
    return partner_of(path) or ""


def colours_of(layer: QgsRasterLayer) -> QgsRasterLayer | None:
    """The project's layer of the image in colours that a layer is the colour infrared one of, if it is one."""
    try:
        (path,) = image_paths(layer)
    except ValueError:  # without pixels of its own, or of several files
        return None
    if not says_infrared(path):
        return None
    return next((other for other, image in _project_images() if are_partners(image, path)), None)


def may_lack_infrared(layer: QgsRasterLayer) -> bool:
    """Whether an image has no more bands than colours: a fourth that is transparency does not count."""
    count = layer.bandCount()
    provider = layer.dataProvider()
    alpha = QgsRaster.ColorInterpretation.AlphaBand
    return count <= _COLOURS or (count == _COLOURS + 1 and provider.colorInterpretation(count) == alpha)


def _project_images() -> Iterator[tuple[QgsRasterLayer, str]]:
    """The project's raster layers of one file or folder each, with its path."""
    for layer in QgsProject.instance().mapLayers().values():
        if isinstance(layer, QgsRasterLayer) and layer.providerType() == "gdal":
            paths = image_paths(layer)
            if len(paths) == 1 and not _is_text(paths[0]):
                yield layer, paths[0]


def _is_text(path: str) -> bool:
    """Whether it is the text of a virtual raster, which lies nowhere."""
    return path.lstrip().startswith("<")
