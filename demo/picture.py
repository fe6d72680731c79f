"""Draws an aerial image and its land-cover map side by side, with the legend, as QGIS shows them.

Runs in QGIS's Python: ``python3 -m flair_landcover.demo.picture MAP AERIAL PICTURE``.
"""

from __future__ import annotations

import os
import sys

from qgis.core import (
    QgsApplication,
    QgsLayerTree,
    QgsLayout,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemMap,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsMapLayerLegendUtils,
    QgsProject,
    QgsRasterLayer,
    QgsUnitTypes,
)
from qgis.PyQt.QtGui import QFont

from ..contract.nomenclature import FLAIR_CLASSES
from ..layers.styling import style_land_cover

_SIDE = 110.0  # millimetres of each of the two maps
_MARGIN = 6.0
_TITLE = 10.0
_LEGEND = 56.0


def draw(map_path: str, aerial_path: str, picture_path: str) -> None:
    """Writes the PNG. Raises ValueError where a raster cannot be opened or the picture not be written."""
    project = QgsProject()
    layers = {}
    for name, path in (("Aerial image", aerial_path), ("Land cover", map_path)):
        layers[name] = QgsRasterLayer(path, name)
        if not layers[name].isValid():
            raise ValueError(f"{path} cannot be opened: make the map first.")
        project.addMapLayer(layers[name])
    style_land_cover(layers["Land cover"], [(c.value, c.name, c.colour) for c in FLAIR_CLASSES])

    layout = QgsLayout(project)
    layout.initializeDefaults()
    page = layout.pageCollection().page(0)
    page.setPageSize(_millimetres(2 * _SIDE + 4 * _MARGIN + _LEGEND, _SIDE + _TITLE + 2 * _MARGIN))
    for index, (name, layer) in enumerate(layers.items()):
        left = _MARGIN + index * (_SIDE + _MARGIN)
        _place(_title(layout, name), left, _MARGIN, _SIDE, _TITLE)
        picture = QgsLayoutItemMap(layout)
        layout.addLayoutItem(picture)
        picture.setLayers([layer])
        picture.setCrs(layer.crs())
        _place(picture, left, _MARGIN + _TITLE, _SIDE, _SIDE)
        picture.setExtent(layer.extent())  # not zoomToExtent, which divides by the size of the extent before: none
        picture.setFrameEnabled(True)
    legend = QgsLayoutItemLegend(layout)
    layout.addLayoutItem(legend)
    tree = QgsLayerTree()
    node = tree.addLayer(layers["Land cover"])
    QgsMapLayerLegendUtils.setLegendNodeOrder(node, list(range(1, len(FLAIR_CLASSES) + 1)))  # without the band's name
    legend.setAutoUpdateModel(False)
    legend.model().setRootGroup(tree)
    _place(legend, 3 * _MARGIN + 2 * _SIDE, _MARGIN, _LEGEND, _SIDE)

    # Rendered and saved here: QGIS's own export to PNG lets GDAL complain that it cannot georeference one.
    image = QgsLayoutExporter(layout).renderPageToImage(0, dpi=150)
    if not image.save(picture_path):
        raise ValueError(f"{picture_path} cannot be written: choose another folder.")


def _title(layout: QgsLayout, text: str) -> QgsLayoutItemLabel:
    label = QgsLayoutItemLabel(layout)
    layout.addLayoutItem(label)
    label.setText(text)
    label.setFont(QFont("Sans", 14))
    return label


def _place(item, left: float, top: float, width: float, height: float) -> None:
    item.attemptMove(QgsLayoutPoint(left, top, QgsUnitTypes.LayoutUnit.LayoutMillimeters))
    item.attemptResize(_millimetres(width, height))


def _millimetres(width: float, height: float) -> QgsLayoutSize:
    return QgsLayoutSize(width, height, QgsUnitTypes.LayoutUnit.LayoutMillimeters)


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QgsApplication([], False)
    application.initQgis()
    draw(*sys.argv[1:4])
    sys.stdout.flush()
    os._exit(0)  # QGIS 3.22 crashes when Python tears its layouts down; the picture is on disk
