"""Files of a raster that are missing, empty or cut off are found by their headers, and named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.raster.intact import files_of
from flair_landcover.inference.raster.open import open_raster
from flair_landcover.inference.raster.virtual import Band, Source, of_bands
from flair_landcover.tests.inference.conftest import picture, write_raster

PICTURE = picture(3, 300, 400).astype(np.uint8)


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as refused:
        open_raster(str(path), "The aerial raster").close()
    return str(refused.value)


def cut(path: Path, by: int) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[:-by])
    return path


def jpeg_2000(path: Path, **options) -> Path:
    tif = write_raster(path.with_suffix(".tif"), PICTURE)
    rasterio.shutil.copy(str(tif), str(path), driver="JP2OpenJPEG", **options)
    tif.unlink()
    return path


def virtual(path: Path, *sources: str, relative: bool = True) -> Path:
    text = of_bands((300, 400), "", rasterio.Affine.identity(), [Band("uint8", [Source(s) for s in sources])], None)
    path.write_text(text.replace('relativeToVRT="0"', 'relativeToVRT="1"') if relative else text)
    return path


FORMS = {
    "strips": {},
    "tiles": {"tiled": True, "blockxsize": 128, "blockysize": 128},
    "bands apart": {"interleave": "band", "tiled": True, "blockxsize": 128, "blockysize": 128},
    "deflate": {"compress": "deflate"},
    "big": {"BIGTIFF": "YES"},
    "one strip": {"blockysize": 300},
    "big endian": {"ENDIANNESS": "BIG"},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_tiff_is_whole_until_its_last_byte_of_pixels_is_gone(tmp_path, form):
    path = write_raster(tmp_path / "a.tif", PICTURE, **FORMS[form])
    open_raster(str(path), "The aerial raster").close()
    cut(path, 400)
    assert refusal(path) == (
        f"The aerial raster {path} is truncated: it ends before its pixels do; copy or download it again."
    )


def test_a_sparse_tiff_is_whole(tmp_path):
    path = tmp_path / "sparse.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=3, height=900, width=900, tiled=True, SPARSE_OK=True
    ) as dataset:
        dataset.write(PICTURE[:, :256, :256], window=rasterio.windows.Window(0, 0, 256, 256))
    open_raster(str(path), "The aerial raster").close()


@pytest.mark.parametrize("options", [{}, {"BLOCKXSIZE": 128, "BLOCKYSIZE": 128}, {"REVERSIBLE": "YES"}])
def test_a_jpeg_2000_is_whole_until_it_is_cut(tmp_path, options):
    path = jpeg_2000(tmp_path / "a.jp2", **options)
    open_raster(str(path), "The aerial raster").close()
    cut(path, 400)
    assert "a.jp2 is truncated: it ends before its pixels do" in refusal(path)


@pytest.mark.parametrize("name", ["a.tif", "a.jp2", "a.vrt", "a.img"])
def test_an_empty_file_is_said_to_be_empty(tmp_path, name):
    (tmp_path / name).touch()
    assert refusal(tmp_path / name) == (
        f"The aerial raster {tmp_path / name} is empty, of 0 bytes: copy or download it again."
    )


@pytest.mark.parametrize("relative", [True, False])
def test_a_virtual_raster_without_one_of_its_files_is_refused_and_the_file_named(tmp_path, relative):
    write_raster(tmp_path / "here.tif", PICTURE)
    names = ("here.tif", "gone & lost.tif")
    path = virtual(
        tmp_path / "a.vrt", *(name if relative else str(tmp_path / name) for name in names), relative=relative
    )
    assert refusal(path) == (
        f"The file {tmp_path / 'gone & lost.tif'}, of which the aerial raster {path} is made, does not exist: "
        "put it there, or make the virtual raster anew."
    )


def test_a_virtual_raster_of_one_with_a_cut_file_is_refused(tmp_path):
    (tmp_path / "deep").mkdir()
    cut(write_raster(tmp_path / "deep" / "cut.tif", PICTURE), 400)
    virtual(tmp_path / "deep" / "inner.vrt", "cut.tif")
    outer = virtual(tmp_path / "outer.vrt", "deep/inner.vrt")
    assert files_of(str(outer)) == (str(outer), str(tmp_path / "deep/inner.vrt"), str(tmp_path / "deep/cut.tif"))
    said = refusal(outer)
    assert said.startswith(f"The file {tmp_path / 'deep/cut.tif'}, of which") and "is truncated" in said


def test_a_virtual_raster_of_something_that_is_no_raster_is_refused(tmp_path):
    (tmp_path / "note.tif").write_text("a note")
    said = refusal(virtual(tmp_path / "a.vrt", "note.tif"))
    assert said.startswith(f"The file {tmp_path / 'note.tif'}, of which") and "cannot be read as a raster" in said


def test_a_virtual_raster_of_itself_ends(tmp_path):
    path = virtual(tmp_path / "a.vrt", "a.vrt")
    assert files_of(str(path)) == (str(path),)
