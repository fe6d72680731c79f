"""The files that a job reads are no outputs, and are the same at its end."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio.shutil

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.check import check_job
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import changed, segmentation_job

from .conftest import Recorder, picture, write_raster

SIDE = 300


@pytest.fixture
def job(small_model, tmp_path):
    """A map of a virtual raster with heights and a terrain model that are virtual too."""
    write_raster(tmp_path / "tile.tif", picture(4, SIDE, SIDE).astype(np.uint8))
    for name in ("surface", "ground"):
        write_raster(tmp_path / f"{name}_tile.tif", picture(1, SIDE, SIDE, seed=len(name)).astype(np.float32))
    for name in ("tile", "surface_tile", "ground_tile"):
        rasterio.shutil.copy(tmp_path / f"{name}.tif", tmp_path / f"{name}.vrt", driver="VRT")
    return segmentation_job(
        str(tmp_path / "tile.vrt"),
        str(tmp_path / "map.tif"),
        elevation=str(tmp_path / "surface_tile.vrt"),
        terrain=str(tmp_path / "ground_tile.vrt"),
        model=str(small_model),
        device="cpu",
    )


def refused(job, output: Path) -> None:
    with pytest.raises(BadInput, match="is one of the inputs") as caught:
        check_job(changed(job, output=str(output)), lambda told: None)
    assert caught.value.field == "output"


@pytest.mark.parametrize("name", ["tile.tif", "surface_tile.tif", "ground_tile.tif"])
def test_a_file_that_a_virtual_raster_is_made_of_is_no_output(job, name, tmp_path):
    refused(job, tmp_path / name)


def test_other_spellings_and_links_of_a_file_are_the_same_file(job, tmp_path):
    (tmp_path / "folder").mkdir()
    refused(job, tmp_path / "folder" / ".." / "tile.tif")
    os.symlink(tmp_path / "tile.tif", tmp_path / "soft.tif")
    os.link(tmp_path / "tile.tif", tmp_path / "hard.tif")
    os.symlink(tmp_path, tmp_path / "folder" / "again")
    for link in ("soft.tif", "hard.tif", "folder/again/tile.tif"):
        refused(job, tmp_path / link)
    check_job(changed(job, output=str(tmp_path / "folder" / "tile.tif")), lambda told: None)


class Meddler(Recorder):
    """Does something to a file once the first tile is done."""

    def __init__(self, meddle) -> None:
        super().__init__()
        self._meddle = meddle

    def progress(self, fraction, stage, remaining_s=None) -> None:
        super().progress(fraction, stage, remaining_s)
        if stage.code == "tile" and self._meddle:
            self._meddle()
            self._meddle = None


@pytest.mark.parametrize("name", ["tile.tif", "surface_tile.tif", "ground_tile.tif"])
@pytest.mark.parametrize("how", ["overwritten", "removed", "touched"])
def test_a_file_that_changes_during_the_run_fails_it_and_the_older_map_stays(job, name, how, tmp_path):
    path = tmp_path / name
    other = tmp_path / "other.tif"
    shutil.copy(path, other)
    (tmp_path / "map.tif").write_bytes(b"older")

    def meddle() -> None:
        if how == "overwritten":
            os.replace(other, path)
        elif how == "removed":
            path.unlink()
        else:
            os.utime(path, (1, 1))

    with pytest.raises(BadInput, match="was changed or removed during the run") as caught:
        segment(job, Meddler(meddle))
    assert name in str(caught.value)
    assert caught.value.field == {"t": "input", "s": "elevation", "g": "terrain"}[name[0]]
    assert (tmp_path / "map.tif").read_bytes() == b"older"
    assert not [part for part in tmp_path.iterdir() if part.name.startswith(".")]
