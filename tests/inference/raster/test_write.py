"""The files that a job leaves."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from flair_landcover.contract.errors import CannotWrite
from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.raster.windows import Window
from flair_landcover.inference.raster.write import (
    MapBlock,
    MapWriter,
    finished_size,
    label_bits,
    working_size,
)

GRID = GeoBox(Affine(0.2, 0, 652000, 0, -0.2, 6862000), rasterio.crs.CRS.from_epsg(2154).to_wkt(), (1000, 1200))


def block(window, label: int) -> MapBlock:
    shape = (window[3], window[2])
    probabilities = np.zeros((13, *shape), np.float32)
    probabilities[max(label, 1) - 1] = 0.75
    return MapBlock(window, np.full(shape, label, np.uint8), probabilities)


def test_what_no_block_covers_is_nodata_in_every_file(tmp_path):
    paths = [str(tmp_path / f"{name}.tif") for name in "lcp"]
    with MapWriter(*paths, GRID, Window(0, 0, 1200, 1000), FLAIR_CLASSES) as writer:
        writer.write(block(Window(100, 700, 600, 300), 5))
        writer.write(block(Window(700, 700, 50, 300), 0))
        writer.finish("{}")
    labels, confidence, probabilities = (rasterio.open(path).read() for path in paths)
    inside = np.zeros((1000, 1200), bool)
    inside[700:, 100:700] = True
    np.testing.assert_array_equal(labels[0], np.where(inside, 5, 0))
    np.testing.assert_array_equal(confidence[0], np.where(inside, 75, 255))
    np.testing.assert_array_equal(probabilities[4], np.where(inside, 191, 0))
    assert not np.delete(probabilities, 4, 0).any()


def test_a_difference_is_a_file_of_labels_with_their_names(tmp_path):
    paths = [str(tmp_path / "map.tif"), None, None]
    difference = np.zeros((300, 600), np.uint8)
    difference[:, :200] = 9
    with MapWriter(*paths, GRID, Window(0, 0, 1200, 1000), FLAIR_CLASSES, str(tmp_path / "d.tif")) as writer:
        writer.write(replace(block(Window(100, 700, 600, 300), 5), difference=difference))
        writer.finish('{"a": 1}')
    with rasterio.open(tmp_path / "d.tif") as dataset:
        labels = dataset.read(1)
        assert dataset.nodata == 0
        assert dataset.tags(1)["CLASS_9"] == "vineyard"
        assert dataset.tags()["FLAIR_LANDCOVER"] == '{"a": 1}'
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    np.testing.assert_array_equal(labels[700:, 100:700], difference)
    assert np.count_nonzero(labels) == 200 * 300
    names = {"map.tif", "map.tif.aux.xml", "map.qml", "d.tif", "d.tif.aux.xml", "d.qml"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_finished_files_are_cloud_optimized_with_overviews(tmp_path):
    path = tmp_path / "map.tif"
    with MapWriter(str(path), None, None, GRID, Window(0, 0, 1200, 1000), FLAIR_CLASSES) as writer:
        writer.write(block(Window(0, 0, 1200, 1000), 3))
        writer.finish('{"a": 1}')
    with rasterio.open(path) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.overviews(1)
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.tags()["FLAIR_LANDCOVER"] == '{"a": 1}'
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.qml", "map.tif", "map.tif.aux.xml"]


def test_gdals_own_validator_finds_every_file_a_cloud_optimized_geotiff(tmp_path):
    python = "/usr/bin/python3"
    validator = "osgeo_utils.samples.validate_cloud_optimized_geotiff"
    if not Path(python).exists() or subprocess.run([python, "-c", f"import {validator}"], check=False).returncode:
        pytest.skip("GDAL's validator is not here (python3-gdal)")
    for width, height in ((1200, 1000), (513, 3), (5, 5)):
        paths = [str(tmp_path / f"{name}{width}.tif") for name in "lcp"]
        with MapWriter(*paths, GRID, Window(0, 0, width, height), FLAIR_CLASSES) as writer:
            writer.write(block(Window(0, 0, width, height), 13))
            writer.finish("{}")
        for path in paths:
            said = subprocess.run([python, "-m", validator, path], capture_output=True, text=True, check=False)
            assert said.returncode == 0, said.stdout + said.stderr
            assert "is a valid cloud optimized GeoTIFF" in said.stdout


@pytest.mark.parametrize(("width", "height"), [(1, 1), (512, 512), (513, 1030), (2000, 700)])
def test_no_finished_file_is_larger_than_was_said_and_noise_is_not_much_smaller(width, height, tmp_path):
    paths = [str(tmp_path / f"{name}.tif") for name in "lcp"]
    generator = np.random.default_rng(1)
    probabilities = generator.random((13, height, width), np.float32)
    labels = generator.integers(1, 14, (height, width)).astype(np.uint8)
    with MapWriter(*paths, GRID, Window(0, 0, width, height), FLAIR_CLASSES) as writer:
        writer.write(MapBlock(Window(0, 0, width, height), labels, probabilities))
        for name, file in writer._files.items():
            file.dataset.close()
            bands, bits = (13 if name == "probabilities" else 1), label_bits(FLAIR_CLASSES) if name == "labels" else 8
            assert (file.part / "working.tif").stat().st_size <= working_size(Window(0, 0, width, height), bands, bits)
            file.dataset = rasterio.open(file.part / "working.tif", "r+")
        writer.finish("{}")
    for path, bands, bits in zip(paths, (1, 1, 13), (4, 8, 8)):
        size = Path(path).stat().st_size
        assert size <= finished_size(Window(0, 0, width, height), bands, bits)
        assert size >= 0.4 * bands * bits / 8 * width * height


def test_what_lay_beside_an_older_file_is_replaced_or_gone(tmp_path):
    labels, confidence = tmp_path / "map.tif", tmp_path / "confidence.tif"
    for path in (labels, confidence):
        path.write_bytes(b"the file of yesterday")
        stale = '<PAMDataset><Metadata><MDI key="STALE">1</MDI></Metadata></PAMDataset>'
        path.with_name(path.name + ".aux.xml").write_text(stale)
        path.with_name(path.name + ".ovr").write_bytes(b"its overviews")
    with MapWriter(str(labels), str(confidence), None, GRID, Window(0, 0, 64, 64), FLAIR_CLASSES) as writer:
        writer.write(block(Window(0, 0, 64, 64), 3))
        writer.finish("{}")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["confidence.tif", "map.qml", "map.tif", "map.tif.aux.xml"]
    with rasterio.open(labels) as dataset:
        assert "STALE" not in dataset.tags()


def test_leaving_without_finish_leaves_nothing(tmp_path):
    with (
        pytest.raises(RuntimeError),
        MapWriter(
            str(tmp_path / "map.tif"), str(tmp_path / "c.tif"), None, GRID, Window(0, 0, 1200, 1000), FLAIR_CLASSES
        ) as writer,
    ):
        writer.write(block(Window(0, 0, 600, 300), 3))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_no_file_under_the_final_name(tmp_path):
    code = (
        "import os, signal, numpy as np, rasterio\n"
        "from affine import Affine\n"
        "from flair_landcover.inference.raster.geobox import GeoBox\n"
        "from flair_landcover.inference.raster.windows import Window\n"
        "from flair_landcover.inference.raster.write import MapBlock, MapWriter\n"
        "from flair_landcover.contract.nomenclature import FLAIR_CLASSES\n"
        "grid = GeoBox(Affine(.2, 0, 0, 0, -.2, 0), '', (600, 600))\n"
        f"path = {str(tmp_path / 'map.tif')!r}\n"
        "with MapWriter(path, None, None, grid, Window(0, 0, 600, 600), FLAIR_CLASSES) as writer:\n"
        "    labels, probabilities = np.ones((600, 600), np.uint8), np.ones((13, 600, 600), np.float32)\n"
        "    writer.write(MapBlock(Window(0, 0, 600, 600), labels, probabilities))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]  # hidden, and gone with the next run:
    with MapWriter(str(tmp_path / "map.tif"), None, None, GRID, Window(0, 0, 64, 64), FLAIR_CLASSES) as writer:
        assert len(list(tmp_path.iterdir())) == 1
        writer.write(block(Window(0, 0, 64, 64), 3))
        writer.finish("{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.qml", "map.tif", "map.tif.aux.xml"]


def test_the_working_folder_of_a_run_that_lives_is_left_alone(tmp_path):
    arguments = (str(tmp_path / "map.tif"), None, None, GRID, Window(0, 0, 64, 64), FLAIR_CLASSES)
    with MapWriter(*arguments) as first:
        with pytest.raises(CannotWrite, match="Another run writes"), MapWriter(*arguments):
            pass
        first.write(block(Window(0, 0, 64, 64), 4))
        first.finish("{}")
    assert (rasterio.open(tmp_path / "map.tif").read() == 4).all()


FULL_DISK = """
import resource, sys
import numpy as np
from flair_landcover.contract.errors import CannotWrite
from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.inference.raster.windows import Window
from flair_landcover.inference.raster.write import MapBlock, MapWriter
from flair_landcover.tests.inference.raster.test_write import GRID

most, paths = int(sys.argv[1]), sys.argv[2:]
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
noise = np.random.default_rng(0).integers(1, 14, (1000, 1200)).astype(np.uint8)
shares = np.random.default_rng(1).random((13, 1000, 1200), np.float32)
try:
    with MapWriter(*paths, GRID, Window(0, 0, 1200, 1000), FLAIR_CLASSES) as writer:
        for row in range(0, 1000, 250):
            part = slice(row, row + 250)
            writer.write(MapBlock(Window(0, row, 1200, 250), noise[part], shares[:, part]))
        writer.finish("{}")
except CannotWrite as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size on Windows")
@pytest.mark.parametrize("share", [0.001, 0.3, 0.8, 0.999])
def test_where_a_file_cannot_be_written_to_its_end_the_older_map_stays_and_a_sentence_says_so(share, tmp_path):
    paths = [tmp_path / f"{name}.tif" for name in ("labels", "confidence", "probabilities")]

    def write(most: int) -> str:
        command = [sys.executable, "-c", FULL_DISK, str(most), *map(str, paths)]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout

    assert write(10**9) == ""
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    said = write(int(share * paths[2].stat().st_size))
    assert said.count("\n") == 1 and "cannot be written" in said and "what was there before is unchanged" in said
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_finished_file_that_holds_anything_else_than_was_written_is_not_put_in_place(tmp_path, monkeypatch):
    """As where the disk loses a block that GDAL has taken."""

    def copy(source, target, **options) -> None:
        sound(source, target, **options)
        with rasterio.open(target, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
            dataset.write(np.zeros((1, 10, 10), np.uint8), window=rasterio.windows.Window(50, 50, 10, 10))

    sound = rasterio.shutil.copy
    monkeypatch.setattr(rasterio.shutil, "copy", copy)
    with MapWriter(str(tmp_path / "map.tif"), None, None, GRID, Window(0, 0, 1200, 1000), FLAIR_CLASSES) as writer:
        writer.write(block(Window(0, 0, 600, 300), 5))
        with pytest.raises(CannotWrite, match="does not hold what was written"):
            writer.finish("{}")
    assert list(tmp_path.iterdir()) == []
