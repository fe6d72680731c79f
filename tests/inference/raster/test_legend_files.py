"""A map's names and colours beside it, and what of them outlives the tools that analysts use."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.raster.legend_files import category_names_xml, is_our_style, style_qml
from flair_landcover.inference.raster.windows import Window
from flair_landcover.inference.raster.write import MapBlock, MapWriter

QGIS_PYTHON = "/usr/bin/python3"  # it has GDAL's bindings, rasterio none of names and tables
# Prints of each file what GDAL says of its first band.
LOOK = """
import json, sys
from osgeo import gdal
gdal.UseExceptions()
for path in sys.argv[1:]:
    dataset = gdal.Open(path)
    band = dataset.GetRasterBand(1)
    tags = [band.GetMetadataItem(f"CLASS_{value}") for value in range(1, 14)]
    table, colours = band.GetDefaultRAT(), band.GetColorTable()
    print(json.dumps({
        "names": (band.GetCategoryNames() or [])[1:],
        "table": [table.GetValueAsString(row, 1) for row in range(table.GetRowCount())] if table else [],
        "tags": [tag for tag in tags if tag],
        "colours": [list(colours.GetColorEntry(value))[:3] for value in range(1, 14)] if colours else [],
    }))
"""
NAMES = [c.name for c in FLAIR_CLASSES]
COLOURS = [list(c.rgb) for c in FLAIR_CLASSES]


def write_map(path: Path, left: float = 652000) -> Path:
    """A map of 64 x 64 pixels that has every class."""
    grid = GeoBox(Affine(0.2, 0, left, 0, -0.2, 6862000), rasterio.crs.CRS.from_epsg(2154).to_wkt(), (64, 64))
    labels = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64) % 14
    with MapWriter(str(path), None, None, grid, Window(0, 0, 64, 64), FLAIR_CLASSES) as writer:
        writer.write(MapBlock(Window(0, 0, 64, 64), labels, np.zeros((13, 64, 64), np.float32)))
        writer.finish("{}")
    return path


def looked(*paths: Path) -> list[dict]:
    if subprocess.run([QGIS_PYTHON, "-c", "import osgeo.gdal"], check=False, capture_output=True).returncode:
        pytest.skip("GDAL's bindings are not here (python3-gdal)")
    done = subprocess.run([QGIS_PYTHON, "-c", LOOK, *map(str, paths)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def run(*command: str | Path) -> None:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not here (gdal-bin)")
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    return write_map(folder / "left.tif"), write_map(folder / "right.tif", 652012.8)


ALL, WARPED, COLOURED = {"names", "table", "tags", "colours"}, {"table", "tags", "colours"}, {"colours"}
TOOLS = {
    "the map itself": (("cp", "LEFT", "LEFT.AUX", "FOLDER"), "left.tif", ALL),
    "its copy without the files beside it": (("cp", "LEFT", "OUT"), "out.tif", {"tags", "colours"}),
    "gdal_translate": (("gdal_translate", "LEFT", "OUT"), "out.tif", ALL),
    "gdal_translate to a COG": (("gdal_translate", "-of", "COG", "LEFT", "OUT"), "out.tif", ALL),
    "a clip": (("gdal_translate", "-srcwin", "8", "8", "32", "32", "LEFT", "OUT"), "out.tif", ALL),
    "gdalwarp": (("gdalwarp", "-t_srs", "EPSG:32631", "LEFT", "OUT"), "out.tif", WARPED),
    "gdalwarp of two": (("gdalwarp", "LEFT", "RIGHT", "OUT"), "out.tif", WARPED),
    "gdalwarp to a COG": (("gdalwarp", "-of", "COG", "LEFT", "OUT"), "out.tif", WARPED),
    "gdalbuildvrt": (("gdalbuildvrt", "VRT", "LEFT", "RIGHT"), "out.vrt", COLOURED),
    "gdal_merge.py -pct": (("gdal_merge.py", "-pct", "-o", "OUT", "LEFT", "RIGHT"), "out.tif", COLOURED),
    "gdal_merge.py": (("gdal_merge.py", "-o", "OUT", "LEFT", "RIGHT"), "out.tif", set()),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_what_outlives_a_tool_is_what_is_written_of_it(pair, tool, tmp_path):
    command, made, stays = TOOLS[tool]
    paths = {"LEFT": pair[0], "RIGHT": pair[1], "LEFT.AUX": f"{pair[0]}.aux.xml", "FOLDER": tmp_path}
    paths |= {"OUT": tmp_path / "out.tif", "VRT": tmp_path / "out.vrt"}
    run(*(paths.get(part, part) for part in command))
    (found,) = looked(tmp_path / made)
    wanted = {"names": NAMES, "table": NAMES, "tags": NAMES, "colours": COLOURS}
    assert found == {what: said if what in stays else [] for what, said in wanted.items()}


def test_a_copy_by_rasterio_keeps_everything(pair, tmp_path):
    rasterio.shutil.copy(pair[0], tmp_path / "out.tif", driver="COG")
    (found,) = looked(tmp_path / "out.tif")
    assert found == {"names": NAMES, "table": NAMES, "tags": NAMES, "colours": COLOURS}


def test_the_style_lists_the_classes_alone():
    entries = list(ElementTree.fromstring(style_qml(FLAIR_CLASSES)).iter("paletteEntry"))
    found = [(int(entry.get("value")), entry.get("label"), entry.get("color")) for entry in entries]
    assert found == [(c.value, c.name, c.colour) for c in FLAIR_CLASSES]


def test_a_style_of_the_users_stays_and_ours_follows_the_map(tmp_path):
    path = write_map(tmp_path / "map.tif")
    style = tmp_path / "map.qml"
    assert is_our_style(style)
    style.write_text("<qgis>ours, of yesterday<!-- FLAIR Land Cover --></qgis>")
    write_map(path)
    assert style.read_bytes() == style_qml(FLAIR_CLASSES)
    style.write_text("<qgis/>")
    write_map(path)
    assert style.read_text() == "<qgis/>"


def test_a_map_with_the_name_of_its_image_gets_no_style_that_qgis_would_give_the_image(tmp_path):
    (tmp_path / "scene.jp2").write_bytes(b"the image")
    write_map(tmp_path / "scene.tif")
    assert {path.name for path in tmp_path.iterdir()} == {"scene.jp2", "scene.tif", "scene.tif.aux.xml"}


def test_category_names_start_at_value_0():
    text = category_names_xml((LandCoverClass(2, "two & more", "#010203"),)).decode()
    assert text.startswith("<PAMDataset>")
    assert "<Category>no data</Category><Category /><Category>two &amp; more</Category>" in text
