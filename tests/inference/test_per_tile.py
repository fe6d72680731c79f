"""Maps of the tiles of an image fit together to the pixel."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.merge
import rasterio.shutil

from flair_landcover.contract.errors import BadInput
from flair_landcover.engine import cli
from flair_landcover.inference import segment as segmenting
from flair_landcover.inference.per_tile import tile_jobs
from flair_landcover.tests.jobs import segmentation_job

from .bdortho import cut, real_scene, write
from .conftest import read_labels


@pytest.fixture(scope="module")
def tiles(tmp_path_factory) -> list[Path]:
    """Four tiles of a real scene, of different sizes."""
    folder = tmp_path_factory.mktemp("tiles")
    pixels, transform = real_scene()
    parts = cut(pixels[:, :180, :190], transform, [101], [77])
    return [write(folder / f"{name}.tif", *part) for name, part in parts.items()]


def run(tiles: list[Path], output: Path, model: Path, *more: str) -> int:
    fixed = ["--model", str(model), "--device", "cpu", "--precision", "fp32"]
    return cli.run(["segment", *map(str, tiles), str(output), *fixed, *more])


def test_maps_of_the_tiles_are_the_parts_of_the_one_map(tiles, small_model, tmp_path):
    assert run(tiles, tmp_path / "all.tif", small_model) == 0
    assert run([tiles[0].parent], tmp_path / "maps", small_model, "--per-tile") == 0
    maps = sorted((tmp_path / "maps").glob("*.tif"))
    assert [path.name for path in maps] == [tile.name for tile in tiles]
    whole = read_labels(tmp_path / "all.tif")
    assert len(np.unique(whole)) > 3
    for path, tile in zip(maps, tiles):
        with rasterio.open(path) as made, rasterio.open(tile) as given:
            assert made.shape == given.shape
            assert made.transform.almost_equals(given.transform, 1e-6)
    merged, _ = rasterio.merge.merge(maps)
    np.testing.assert_array_equal(merged[0], whole)


def test_the_other_outputs_are_folders_too(tiles, small_model, tmp_path):
    assert run(tiles, tmp_path / "maps", small_model, "--per-tile", "--confidence", str(tmp_path / "sure")) == 0
    assert [path.name for path in sorted((tmp_path / "sure").glob("*.tif"))] == [tile.name for tile in tiles]


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("moment", ["first tile predicted", "first map put in place"])
def test_a_signal_ends_all_maps_and_it_is_said_how_many_there_are(
    tiles, small_model, tmp_path, capsys, monkeypatch, moment
):
    first = moment == "first tile predicted"
    owner, name = (segmenting.Blender, "add") if first else (rasterio.shutil, "copy")
    usual = getattr(owner, name)

    def ended(*given, **settings):
        os.kill(os.getpid(), signal.SIGTERM)
        return usual(*given, **settings)

    monkeypatch.setattr(owner, name, ended)
    assert run(tiles, tmp_path / "maps", small_model, "--per-tile") == 130
    there = [path.name for path in (tmp_path / "maps").iterdir()]
    assert [name for name in there if name.startswith(".")] == []
    assert [name for name in there if name.endswith(".tif")] == ([] if first else [tiles[0].name])
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"flair_landcover: cancelled; {len(there) and 1} of 4 maps were written before."


def test_tiles_outside_the_extent_are_left_out_and_others_cut(tiles, tmp_path):
    with rasterio.open(tiles[0]) as dataset:
        left, _, right, top = dataset.bounds
    job = segmentation_job(tuple(map(str, tiles)), str(tmp_path / "maps"), extent=[left, top - 4, right, top])
    (only,) = tile_jobs(job, lambda told: None)
    assert only.output == str(tmp_path / "maps" / tiles[0].name)
    assert only.extent == pytest.approx((left, top - 4, right, top))


def test_tiles_of_one_name_in_two_folders_have_maps_of_two_names(tiles, tmp_path):
    pixels, transform = real_scene()
    given = [write(tmp_path / year / "a.tif", pixels[:, :50, :50], transform) for year in ("1", "2")]
    jobs = tile_jobs(segmentation_job(tuple(map(str, given)), str(tmp_path / "maps")), lambda told: None)
    assert [Path(job.output).name for job in jobs] == ["a.tif", "a_2.tif"]


def test_one_raster_has_no_tiles(tiles, tmp_path):
    with pytest.raises(BadInput, match="The image is one raster") as refused:
        tile_jobs(segmentation_job((str(tiles[0]),), str(tmp_path / "maps")), lambda told: None)
    assert refused.value.field == "input"


def test_maps_in_the_folder_of_the_tiles_are_refused(tiles, small_model, capsys):
    assert run(tiles, tiles[0].parent, small_model, "--per-tile") == 2
    assert "is one of the inputs" in capsys.readouterr().err
