"""Rasters that are not stored in tiles: copied into tiles first where that saves time, and mapped alike."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from flair_landcover.contract.errors import BadInput, Cancelled
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.inference import ready
from flair_landcover.inference.check import check_job, checked_inputs
from flair_landcover.inference.raster import copies
from flair_landcover.inference.raster.aerial import describe_aerial
from flair_landcover.inference.raster.copies import Copy, Untiled, copy_worth
from flair_landcover.inference.raster.sample import take_sample
from flair_landcover.inference.raster.windows import Window
from flair_landcover.inference.segment import segment
from flair_landcover.inference.tiles import open_tiles
from flair_landcover.tests.jobs import segmentation_job

from .conftest import ORIGIN, Recorder, read_labels, write_raster

SIDE = 300


@pytest.fixture(scope="module")
def patch(flair_patches) -> np.ndarray:
    """Four bands of a real patch, 1..254."""
    with rasterio.open(sorted(flair_patches.glob("IMG_*.tif"))[0]) as dataset:
        return np.clip(dataset.read([1, 2, 3, 4])[:, :SIDE, :SIDE], 1, 254)


@pytest.fixture
def copied(monkeypatch) -> list[Copy]:
    """What was copied. Every raster in blocks of more than 64 pixels counts as one that takes long to read."""
    made: list[Copy] = []
    write = ready.write_copy

    def write_and_keep(dataset, copy, block, path, told) -> None:
        write(dataset, copy, block, path, told)
        with rasterio.open(path) as file:
            assert file.block_shapes[0] == (512, 512)
        made.append(copy)

    monkeypatch.setattr(ready, "write_copy", write_and_keep)
    monkeypatch.setattr(copies, "_LARGE", 64)
    monkeypatch.setattr(copies, "_SLOW_S", 0.0)
    monkeypatch.setattr(copies, "_LEAST_GAIN_S", -1e9)
    return made


def run(raster: Path, model: Path, report: Recorder | None = None, **settings) -> np.ndarray:
    output = raster.parent / f"{raster.stem}_map.tif"
    job = segmentation_job(str(raster), str(output), model=str(model), device="cpu", precision="fp32", **settings)
    segment(job, report or Recorder())
    assert not [path for path in raster.parent.iterdir() if path.name.startswith(".")]
    return read_labels(output)


def tiled(folder: Path, pixels: np.ndarray, **settings) -> Path:
    return write_raster(folder / "tiled.tif", pixels, tiled=True, blockxsize=64, blockysize=64, **settings)


def converted(raster: Path, name: str, **options: str) -> Path:
    path = raster.parent / name
    rasterio.shutil.copy(raster, path, **options)
    return path


LOSSLESS = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
FORMS = {
    "JPEG 2000 of one tile": ("one.jp2", {**LOSSLESS, "BLOCKXSIZE": "512", "BLOCKYSIZE": "512"}),
    "JPEG 2000 of tall tiles": ("tall.jp2", {**LOSSLESS, "BLOCKXSIZE": "128", "BLOCKYSIZE": "512"}),
    "rows": ("rows.tif", {"driver": "GTiff", "COMPRESS": "LZW", "BLOCKYSIZE": "1"}),
    "some rows": ("some_rows.tif", {"driver": "GTiff", "COMPRESS": "DEFLATE", "BLOCKYSIZE": "7"}),
    "one strip": ("strip.tif", {"driver": "GTiff", "COMPRESS": "DEFLATE", "BLOCKYSIZE": str(SIDE)}),
    "one block": (
        "block.tif",
        {"driver": "GTiff", "TILED": "YES", "COMPRESS": "DEFLATE", "BLOCKXSIZE": "304", "BLOCKYSIZE": "304"},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_copied_first_and_the_map_is_that_of_the_raster_in_tiles(form, patch, small_model, tmp_path, copied):
    name, options = FORMS[form]
    whole = tiled(tmp_path, patch)
    right = run(whole, small_model)
    assert copied == []
    report = Recorder()
    np.testing.assert_array_equal(run(converted(whole, name, **options), small_model, report), right)
    assert [each.window for each in copied] == [Window(0, 0, SIDE, SIDE)]
    assert any("not stored in tiles" in text for text in report.warnings)


def test_16_bits_have_the_stretch_of_the_raster_in_tiles(patch, small_model, tmp_path, copied):
    pixels = patch.astype(np.uint16) * 20 + 300
    whole = tiled(tmp_path, pixels)
    right = run(whole, small_model)
    for name, options in FORMS.values():
        raster = converted(whole, name, **options)
        np.testing.assert_array_equal(run(raster, small_model), right)
    assert len(copied) == len(FORMS)


def test_nodata_goes_with_the_copy(patch, small_model, tmp_path, copied):
    pixels = patch.copy()
    pixels[:, 100:170, 50:200] = 0
    whole = tiled(tmp_path, pixels, nodata=0)
    right = run(whole, small_model)
    labels = run(converted(whole, "rows.tif", driver="GTiff", COMPRESS="LZW", BLOCKYSIZE="1"), small_model)
    assert len(copied) == 1
    np.testing.assert_array_equal(labels, right)
    assert (labels == 0).sum() == 70 * 150


def test_a_mask_goes_with_the_copy(patch, small_model, tmp_path, copied):
    known = np.ones((SIDE, SIDE), bool)
    known[100:170, 50:200] = False
    labels = []
    for name, settings in (
        ("tiled.tif", {"tiled": True, "blockxsize": 64, "blockysize": 64}),
        ("rows.tif", {"compress": "lzw", "blockysize": 1}),
    ):
        raster = write_raster(tmp_path / name, patch, **settings)
        with rasterio.open(raster, "r+") as dataset:
            dataset.write_mask(known)
        labels.append(run(raster, small_model))
    assert len(copied) == 1
    np.testing.assert_array_equal(labels[1], labels[0])
    np.testing.assert_array_equal(labels[0] != 0, known)


def test_transparency_goes_with_the_copy(patch, small_model, tmp_path, copied):
    known = np.ones((SIDE, SIDE), bool)
    known[100:170, 50:200] = False
    pixels = np.concatenate([patch[:3], known[None].astype(np.uint8) * 255])
    raster = write_raster(tmp_path / "rows.tif", pixels, photometric="rgb", alpha="yes", compress="lzw", blockysize=1)
    labels = run(raster, small_model)
    assert len(copied) == 1
    np.testing.assert_array_equal(labels != 0, known)


def test_a_collar_is_left_out_of_the_copy_too(patch, small_model, tmp_path, copied):
    pixels = patch.copy()
    pixels[:, :, :50] = 0
    raster = write_raster(tmp_path / "rows.tif", pixels, compress="lzw", blockysize=1)
    whole = run(raster, small_model)
    assert not whole[:, :50].any() and whole[:, 50:].all()
    left, top = ORIGIN[0], ORIGIN[1] - 20
    part = run(raster, small_model, extent=(left, top - 10, left + 20, top))
    np.testing.assert_array_equal(part, whole[100:150, :100])
    assert [each.window for each in copied] == [Window(0, 0, SIDE, SIDE)] * 2


def test_of_an_extent_only_what_its_tiles_see_is_copied(patch, small_model, tmp_path, copied):
    raster = write_raster(tmp_path / "rows.tif", np.tile(patch, (1, 2, 2)), compress="lzw", blockysize=1)
    whole = run(raster, small_model)
    left, top = ORIGIN[0] + 80, ORIGIN[1] - 80
    part = run(raster, small_model, extent=(left, top - 10, left + 10, top))
    np.testing.assert_array_equal(part, whole[400:450, 400:450])
    assert copied[1].window == Window(270, 270, 310, 310)  # a tile of 128 pixels and 2 more to all sides
    assert copied[1].size < copied[0].size


def test_fine_tuning_reads_the_same_pixels_from_the_copy(patch, small_model, tmp_path, copied):
    whole = tiled(tmp_path, patch)
    seen = []
    for raster in (whole, converted(whole, "rows.tif", driver="GTiff", COMPRESS="LZW", BLOCKYSIZE="1")):
        image = ImageSettings((str(raster),), model=str(small_model))
        inputs = checked_inputs(SegmentationJob(image, ""), lambda told: None)
        made = ready.made_ready(inputs, tmp_path / "model", lambda now: None, lambda: False)
        with made as read_from, open_tiles(read_from) as tiles:
            seen.append(tiles.picture(Window(40, 60, 128, 128)))
    assert len(copied) == 1
    np.testing.assert_array_equal(seen[1][0], seen[0][0])
    np.testing.assert_array_equal(seen[1][1], seen[0][1])


class Stopped(Recorder):
    """A report whose user cancels while the image is copied."""

    def progress(self, fraction, stage, remaining_s=None) -> None:
        super().progress(fraction, stage, remaining_s)
        self.copying = getattr(self, "copying", False) or stage.code == "copying"

    def cancelled(self) -> bool:
        return getattr(self, "copying", False)


def test_cancelled_while_it_is_copied_nothing_is_left(patch, small_model, tmp_path, copied, monkeypatch):
    monkeypatch.setattr(copies, "_AT_ONCE", 16)
    raster = write_raster(tmp_path / "rows.tif", patch, compress="lzw", blockysize=1)
    with pytest.raises(Cancelled):
        run(raster, small_model, Stopped())
    assert [path.name for path in tmp_path.iterdir()] == ["rows.tif"]
    assert copied == []


def test_a_disk_without_room_for_the_copy_is_said_before_any_work(patch, small_model, tmp_path, copied, monkeypatch):
    raster = write_raster(tmp_path / "rows.tif", patch, compress="lzw", blockysize=1)
    usage = namedtuple("usage", "total used free")
    job = segmentation_job(str(raster), str(tmp_path / "map.tif"), model=str(small_model), device="cpu")
    size = 512 * 512 * 4
    inputs = check_job(job, lambda told: None)
    assert ready.planned_copy(inputs) == Copy(Window(0, 0, SIDE, SIDE), size)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**12, 0, 50_000_000 + size))
    with pytest.raises(BadInput, match="for a temporary copy of the image in tiles"):
        check_job(job, lambda told: None)


ROWS, STRIP, TALL = (1, 25000), (25000, 25000), (25000, 1024)


@pytest.mark.parametrize(
    ("block", "seconds", "extent", "worth"),
    [
        (ROWS, 0.05, 25000, False),  # quickly read as it is
        (ROWS, 0.5, 25000, True),
        (TALL, 8.0, 25000, True),
        (TALL, 8.0, 500, False),  # of a few windows
        (STRIP, 4.0, 25000, True),
    ],
)
def test_a_copy_is_made_where_it_saves_time(block, seconds, extent, worth):
    found = Untiled(block, 4, seconds)
    copy = copy_worth(found, (25000, 25000), Window(0, 0, extent, extent), 512, 416)
    assert (copy is not None) == worth
    if copy is not None:
        assert copy.size >= extent * extent * 4


def test_what_is_stored_in_tiles_is_never_copied(patch, tmp_path):
    assert copy_worth(None, (25000, 25000), Window(0, 0, 25000, 25000), 512, 416) is None
    source = describe_aerial(ImageSettings((str(tiled(tmp_path, patch)),)), lambda told: None)
    assert source.untiled is None


def test_the_sample_of_a_large_jpeg_2000_is_read_reduced(patch, tmp_path, monkeypatch):
    monkeypatch.setattr("flair_landcover.inference.raster.sample._REDUCED_FROM", 256)
    monkeypatch.setattr("flair_landcover.inference.raster.sample._SIZE", 16)
    whole = tiled(tmp_path, patch[:, :256, :256])
    raster = converted(whole, "one.jp2", **LOSSLESS)
    with rasterio.open(raster) as dataset:
        assert take_sample(dataset).windows[0] != Window(0, 0, 32, 32)  # not that large
    monkeypatch.setattr("flair_landcover.inference.raster.sample._REDUCED_FROM", 255)
    with rasterio.open(raster) as dataset:
        sample = take_sample(dataset)
        thinned = dataset.read(out_shape=(4, 128, 128))
    assert sample.windows[9] == Window(32, 32, 32, 32)
    assert sample.valid.all()
    np.testing.assert_array_equal(sample.pixels[2][9], thinned[1, 16:32, 16:32])
