"""Gives maps that come into the project as copies of what the engine wrote their legend: the classes alone, by name.

A copy, a warped map or a VRT of several has lost the style that lies beside the map, and often the names. QGIS then
lists every entry of the colour table, 16 or 256 of them, by their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

from qgis.core import QgsMapLayer, QgsProject, QgsRasterLayer

from ..contract.nomenclature import FLAIR_CLASSES, NODATA
from .sources import raster_path
from .styling import Legend, style_land_cover

_UNUSED = "#000000"  # of an entry of a colour table to which nobody gave a colour
_VALUE, _NAME = 5, 2  # GDAL's usages of a column: GFU_MinMax and GFU_Name


class MapLegends:
    """Looks at the layers that are added to a project, until `rest`."""

    def __init__(self, project: QgsProject) -> None:
        self._project = project
        project.layersAdded.connect(show_classes)

    def rest(self) -> None:
        """Looks at no more."""
        self._project.layersAdded.disconnect(show_classes)


def show_classes(layers: Iterable[QgsMapLayer]) -> None:
    """Gives those of the layers that are maps with QGIS's own legend that of their classes."""
    for layer in layers:
        legend = legend_of(layer) if isinstance(layer, QgsRasterLayer) else None
        if legend is not None:
            style_land_cover(layer, legend)


def legend_of(layer: QgsRasterLayer) -> Legend | None:
    """The classes of a map that shows all of its colour table; None for any other layer, or one that has a style.

    A map is known by the colours of FLAIR's first 12 classes, which all maps of the engine have. Names are those of
    the band's tags, else of the attribute table, else FLAIR's; a class without any has its number.
    """
    if not layer.isValid() or layer.providerType() != "gdal" or layer.renderer().type() != "paletted":
        return None
    table = {int(each.value): each.color.name() for each in layer.dataProvider().colorTable(1)}
    flair = {c.value: c for c in FLAIR_CLASSES}
    if len(layer.renderer().classes()) != len(table) or any(
        table.get(value) != c.colour for value, c in flair.items() if value < len(flair)
    ):
        return None
    names = _names_in(layer)
    if not names:
        names = {value: flair[value].name if value in flair else str(value) for value in sorted(table)}
        names = {value: name for value, name in names.items() if value in flair or table[value] != _UNUSED}
    return [(value, name, table[value]) for value, name in sorted(names.items()) if value != NODATA and value in table]


def _names_in(layer: QgsRasterLayer) -> dict[int, str]:
    """The names of the classes by their values, as the file has them; empty where it has none."""
    from osgeo import gdal

    try:
        dataset = gdal.Open(raster_path(layer))
    except RuntimeError:  # where another plugin has switched GDAL's exceptions on
        dataset = None
    if dataset is None:
        return {}
    band = dataset.GetRasterBand(1)
    tags = ((key.partition("CLASS_")[2], name) for key, name in band.GetMetadata().items() if key.startswith("CLASS_"))
    names = {int(value): name for value, name in tags if value.isdecimal()}
    table = band.GetDefaultRAT()
    if names or table is None:
        return names
    columns = {table.GetUsageOfCol(column): column for column in range(table.GetColumnCount())}
    if _VALUE not in columns or _NAME not in columns:
        return {}
    rows = range(table.GetRowCount())
    return {table.GetValueAsInt(row, columns[_VALUE]): table.GetValueAsString(row, columns[_NAME]) for row in rows}
