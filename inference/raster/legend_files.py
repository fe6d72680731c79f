"""What lies beside a map, so that programs show its classes by name: GDAL's auxiliary file and QGIS's style.

What of it outlives the tools that analysts use, measured with GDAL 3.6 and 3.10 and QGIS 3.22 (tests in
`tests/inference/raster/test_legend_files.py`): the band's tags `CLASS_<value>` outlive everything that keeps the tags
of a file, its copy without what lies beside it included; the attribute table gdal_translate, gdalwarp and a COG made of
it; the category names gdal_translate alone; the colours all of these, gdalbuildvrt and gdal_merge.py -pct. A VRT of
several files, gdal_merge.py and QGIS's export of raw data keep no names, whatever the form.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree  # nosec B405 - only writes XML of our own, parses none

from ...contract.nomenclature import NODATA, LandCoverClass

_MARK = b"<!-- FLAIR Land Cover -->"  # QGIS drops it where a user saves a style of their own
_HEAD_BYTES = 4096


def category_names_xml(classes: tuple[LandCoverClass, ...]) -> bytes:
    """GDAL's auxiliary file (PAM) with category names and a raster attribute table for band 1."""
    names = {c.value: c.name for c in classes}
    root = ElementTree.Element("PAMDataset")
    band = ElementTree.SubElement(root, "PAMRasterBand", band="1")
    categories = ElementTree.SubElement(band, "CategoryNames")
    for value in range(max(names) + 1):
        ElementTree.SubElement(categories, "Category").text = "no data" if value == NODATA else names.get(value, "")
    table = ElementTree.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    # Field types and usages are GDAL's GDALRATFieldType and GDALRATFieldUsage.
    for index, (name, kind, usage) in enumerate(
        [("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8)]
    ):
        field = ElementTree.SubElement(table, "FieldDefn", index=str(index))
        ElementTree.SubElement(field, "Name").text = name
        ElementTree.SubElement(field, "Type").text = str(kind)
        ElementTree.SubElement(field, "Usage").text = str(usage)
    for index, c in enumerate(classes):
        row = ElementTree.SubElement(table, "Row", index=str(index))
        for cell in (c.value, c.name, *c.rgb):
            ElementTree.SubElement(row, "F").text = str(cell)
    # without an XML declaration: GDAL 3.6 takes the file for empty where it begins with one
    return ElementTree.tostring(root, encoding="unicode").encode("utf-8")


def style_qml(classes: tuple[LandCoverClass, ...]) -> bytes:
    """QGIS's default style of a map: the classes alone. Without it QGIS 3.22 lists every entry of the colour table.

    Elements and attributes are those of QgsPalettedRasterRenderer in QGIS 3.22.
    """
    root = ElementTree.Element("qgis", styleCategories="Symbology")
    pipe = ElementTree.SubElement(root, "pipe")
    settings = {"type": "paletted", "band": "1", "opacity": "1", "alphaBand": "-1", "nodataColor": ""}
    palette = ElementTree.SubElement(ElementTree.SubElement(pipe, "rasterrenderer", settings), "colorPalette")
    for c in classes:
        entry = {"value": str(c.value), "label": c.name, "color": c.colour, "alpha": "255"}
        ElementTree.SubElement(palette, "paletteEntry", entry)
    return _MARK + b"\n" + ElementTree.tostring(root, encoding="unicode").encode("utf-8")


def style_path(path: str) -> Path:
    """Where QGIS looks for the default style of a file."""
    return Path(path).with_suffix(".qml")


def may_take_style(path: str) -> bool:
    """Whether a map may have a style beside it: QGIS would take it for every raster of that name.

    Not where another file has the map's name with an ending of its own, such as the image that was mapped, or where
    the user has saved a style.
    """
    stem, name = f"{Path(path).stem}.", Path(path).name
    for each in Path(path).absolute().parent.iterdir():
        of_map = each.name == name or each.name.startswith(f"{name}.")
        if each.name.startswith(stem) and not of_map and not is_our_style(each):
            return False
    return True


def is_our_style(path: Path) -> bool:
    """Whether a file is a style that `style_qml` wrote and nobody has saved another over it."""
    try:
        with path.open("rb") as file:
            return path.suffix == ".qml" and _MARK in file.read(_HEAD_BYTES)
    except OSError:
        return False
