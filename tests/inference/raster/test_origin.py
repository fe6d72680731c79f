"""Where an image comes from, as its file says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flair_landcover.contract.origin import ORIGIN_TAG, ImageOrigin
from flair_landcover.inference.raster.origin import source_of, sources_of

ORIGIN = ImageOrigin(
    layer="Orthophotos",
    url="https://data.geopf.fr/wms-r/wms",
    server_layer="ORTHOIMAGERY.ORTHOPHOTOS",
    attribution="IGN",
    licence="Licence Ouverte 2.0",
    fetched="2026-12-01T12:00:00+01:00",
    software="FLAIR Land Cover 0.1.0",
)


def write(path: Path, **tags: str) -> str:
    with rasterio.open(
        path, "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8", crs="EPSG:2154"
    ) as dataset:
        dataset.write(np.zeros((1, 8, 8), np.uint8))
        dataset.update_tags(**tags)
    return str(path)


def test_a_fetched_image_says_all_that_was_noted(tmp_path):
    tags = {ORIGIN_TAG: json.dumps(ORIGIN.to_dict()), "TIFFTAG_COPYRIGHT": "IGN"}
    assert source_of(write(tmp_path / "a.tif", **tags)) == ORIGIN.to_dict()


def test_another_image_says_what_its_tags_say(tmp_path):
    path = write(tmp_path / "a.tif", TIFFTAG_COPYRIGHT=" PNOA, IGN Spain ", TIFFTAG_ARTIST="", TIFFTAG_SOFTWARE="x")
    assert source_of(path) == {"copyright": "PNOA, IGN Spain"}


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"layer": 3}'])
def test_a_damaged_note_is_passed_over(tmp_path, text):
    path = write(tmp_path / "a.tif", **{ORIGIN_TAG: text, "TIFFTAG_COPYRIGHT": "IGN"})
    assert source_of(path) == {"copyright": "IGN"}


def test_files_that_say_nothing_or_cannot_be_opened_are_left_out(tmp_path):
    (tmp_path / "text.tif").write_text("no raster")
    said, silent = write(tmp_path / "said.tif", TIFFTAG_ARTIST="Agency"), write(tmp_path / "silent.tif")
    paths = [silent, said, said, str(tmp_path / "text.tif"), str(tmp_path / "gone.tif"), "<VRTDataset/>"]
    assert sources_of(paths) == {said: {"artist": "Agency"}}
