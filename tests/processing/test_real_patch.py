"""A real FLAIR #2 patch through `qgis_process` with the bundled model, read by programs that lack the plugin."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.tests import qgis_side

gdal = pytest.importorskip("osgeo.gdal", reason="needs QGIS's Python")

PATCH = qgis_side.ROOT.resolve().parent / "shared" / "data" / "flair2" / "IMG_050549.tif"


@pytest.fixture(scope="module")
def patch_and_map(qgis_process, tmp_path_factory) -> tuple[Path, Path]:
    if not PATCH.is_file():
        pytest.skip("the real FLAIR patches are not here (../shared/data/flair2)")
    folder = tmp_path_factory.mktemp("real")
    patch = Path(shutil.copyfile(PATCH, folder / "patch.tif"))
    output = folder / "map.tif"
    done = qgis_process("run", "flair:segment", "--", f"INPUT={patch}", f"OUTPUT={output}")
    assert done.returncode == 0, done.stdout + done.stderr
    return patch, output


def test_it_is_a_valid_cog_by_gdals_own_validation(patch_and_map):
    from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate

    warnings, errors, _ = validate(str(patch_and_map[1]), full_check=True)
    assert not errors
    assert not warnings


def test_it_lies_on_the_grid_of_the_input_with_values_1_to_13(patch_and_map):
    patch, output = (gdal.Open(str(path)) for path in patch_and_map)
    assert output.GetGeoTransform() == patch.GetGeoTransform()
    assert (output.RasterXSize, output.RasterYSize) == (patch.RasterXSize, patch.RasterYSize)
    assert output.GetSpatialRef().IsSame(patch.GetSpatialRef())
    labels = output.ReadAsArray()
    assert labels.dtype == np.uint8
    assert 1 <= labels.min() <= labels.max() <= 13


def test_colour_table_and_provenance_are_inside(patch_and_map, tmp_path):
    alone = shutil.copyfile(patch_and_map[1], tmp_path / "alone.tif")  # without the .aux.xml beside it
    dataset = gdal.Open(str(alone))
    table = dataset.GetRasterBand(1).GetColorTable()
    names = dataset.GetRasterBand(1).GetMetadata()
    for c in FLAIR_CLASSES:
        assert table.GetColorEntry(c.value)[:3] == c.rgb
        assert names[f"CLASS_{c.value}"] == c.name
    provenance = json.loads(dataset.GetMetadata()["FLAIR_LANDCOVER"])
    assert provenance["model"]["weights"].startswith("sha256:")
    assert provenance["job"]["input"] == [str(patch_and_map[0])]
    assert provenance["bands"] == {"red": 1, "green": 2, "blue": 3, "nir": 4, "elevation": 5}


def test_a_qgis_without_the_plugin_shows_the_13_names_in_their_colours_and_nothing_else(patch_and_map):
    code = (
        "import json, os, sys\n"
        "from qgis.core import QgsApplication, QgsRasterLayer\n"
        "application = QgsApplication([], False)\n"
        "application.initQgis()\n"
        "layer = QgsRasterLayer(sys.argv[1], 'map')\n"
        "print(json.dumps([[c.value, c.label, c.color.name()] for c in layer.renderer().classes()]), flush=True)\n"
        "os._exit(0)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("QGIS_PLUGINPATH", "PYTHONPATH")}
    done = subprocess.run(
        [sys.executable, "-c", code, str(patch_and_map[1])],
        env={**environment, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [[c.value, c.name, c.colour] for c in FLAIR_CLASSES]
