"""A file with a damaged block in its middle: the run fails with a sentence that names the file, and nothing is left.

Only what a decoder can tell: a TIFF without compression and the packets of JPEG 2000 have no sums to check them by.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from ..inference.conftest import Recorder, picture, write_raster

ALL = os.environ.get("FAULTS") == "all"
SIDE = 600
INNER = {"tiled": True, "blockxsize": 128, "blockysize": 128}
FORMS = {
    "deflate": {**INNER, "compress": "deflate"},
    "lzw": {**INNER, "compress": "lzw"},
    "zstd": {**INNER, "compress": "zstd"},
    "strips": {"compress": "deflate", "blockysize": 16},
    "jpeg": {**INNER, "compress": "jpeg"},
}


def damage(path: Path, share: float) -> None:
    """Writes zeros over the bytes of a TIFF's block that lies after this share of all."""
    with rasterio.open(path) as dataset:
        rows = -(-dataset.height // dataset.block_shapes[0][0])
        columns = -(-dataset.width // dataset.block_shapes[0][1])
        row, column = divmod(int(share * rows * columns), columns)
        offset, size = (
            int(dataset.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE")
        )
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(bytes(size))


class DamagedLater(Recorder):
    """Damages a block at a tile of the run, without a trace in the file's size and time."""

    def __init__(self, path: Path, share: float, tile: int) -> None:
        super().__init__()
        self._given = path, share, tile

    def progress(self, fraction, stage, remaining_s=None) -> None:
        super().progress(fraction, stage, remaining_s)
        path, share, tile = self._given
        if stage.code == "tile" and stage.values["number"] == tile:
            before = os.stat(path)
            damage(path, share)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def fails_naming(path: Path, job, report: Recorder, folder: Path) -> None:
    with pytest.raises(BadInput) as caught:
        segment(job, report)
    assert path.name in str(caught.value) and str(caught.value).endswith(".")
    assert [left.name for left in folder.iterdir()] == ["map.tif"]
    assert (folder / "map.tif").read_bytes() == b"older"


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "map.tif").write_bytes(b"older")
    return tmp_path / "out"


@pytest.mark.parametrize("form", FORMS if ALL else ["deflate"])
@pytest.mark.parametrize("share", [number / 10 for number in range(10)] if ALL else [0.5])
def test_a_damaged_block_of_the_image_fails_the_run(small_model, tmp_path, folder, form, share):
    path = write_raster(tmp_path / "image.tif", picture(3, SIDE, SIDE).astype(np.uint8), **FORMS[form])
    damage(path, share)
    job = segmentation_job(str(path), str(folder / "map.tif"), model=str(small_model), device="cpu")
    fails_naming(path, job, Recorder(), folder)


@pytest.mark.parametrize("tile", range(1, 11) if ALL else [9])
def test_a_block_that_is_damaged_during_the_run_fails_it(small_model, tmp_path, folder, tile):
    path = write_raster(tmp_path / "image.tif", picture(3, SIDE, SIDE).astype(np.uint8), **FORMS["deflate"])
    job = segmentation_job(str(path), str(folder / "map.tif"), model=str(small_model), device="cpu")
    fails_naming(path, job, DamagedLater(path, 0.99, tile), folder)


def test_a_damaged_block_of_the_heights_fails_the_run(utt_model, tmp_path, folder):
    path = write_raster(tmp_path / "image.tif", picture(4, SIDE, SIDE).astype(np.uint8))
    heights = (picture(1, SIDE, SIDE) / 16).astype(np.float32)
    heights = write_raster(tmp_path / "heights.tif", heights, **FORMS["deflate"])
    damage(heights, 0.5)
    job = segmentation_job(
        str(path), str(folder / "map.tif"), elevation=str(heights), model=str(utt_model), device="cpu"
    )
    fails_naming(heights, job, Recorder(), folder)


@pytest.mark.parametrize("share", [number / 10 for number in range(10)] if ALL else [0.5])
def test_a_damaged_tile_of_a_jpeg_2000_file_fails_the_run(small_model, tmp_path, folder, share):
    path = tmp_path / "image.jp2"
    settings = {"driver": "JP2OpenJPEG", "blockxsize": 128, "blockysize": 128, "QUALITY": 100, "REVERSIBLE": "YES"}
    write_raster(path, picture(3, SIDE, SIDE).astype(np.uint8), **settings)
    stored = bytearray(path.read_bytes())
    part = stored.index(b"\xff\x90\x00\x0a", int(len(stored) * share))  # where a tile-part begins
    stored[part : part + 2000] = bytes(2000)
    path.write_bytes(stored)
    job = segmentation_job(str(path), str(folder / "map.tif"), model=str(small_model), device="cpu")
    fails_naming(path, job, Recorder(), folder)
