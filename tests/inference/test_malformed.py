"""Malformed and hostile files: each is one sentence that names it, before any work and with nothing left behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from flair_landcover.contract.cards import ModelCard, digest_of, read_card, write_card
from flair_landcover.contract.errors import BadInput, CannotWrite
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.inference.check import check_job
from flair_landcover.inference.describe import describe
from flair_landcover.inference.segment import segment
from flair_landcover.inference.sentinel2.metadata import offset_in, scale_in
from flair_landcover.tests.jobs import segmentation_job

from .conftest import Recorder, picture, write_raster

NOT_UTF8 = os.fsdecode(b"not utf-8 \xff.tif")
SERIES_PLACE = Affine(10, 0, 651800, 0, -10, 6862200)
unix = pytest.mark.skipif(sys.platform == "win32", reason="names and files that Windows does not have")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an image, heights and a series of one date that can be mapped with, and damaged ones beside."""
    folder = tmp_path_factory.mktemp("malformed")
    write_raster(folder / "aerial.tif", picture(3, 128, 128).astype(np.uint8))
    deflate = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
    write_raster(folder / "tiled.tif", picture(3, 128, 128).astype(np.uint8), **deflate)
    big = {"nodata": 0, "compress": "lzw", "BIGTIFF": "YES", "photometric": "rgb", "alpha": "no"}
    write_raster(folder / "big.tif", picture(4, 128, 128, top=3000).astype(np.uint16), **big)
    write_raster(folder / "heights.tif", picture(1, 128, 128, top=20).astype(np.float32), nodata=-9999.0)
    series = picture(10, 60, 60, top=3000).astype(np.uint16)
    write_raster(folder / "s2_2021-06-01.tif", series, transform=SERIES_PLACE)
    return folder


@pytest.fixture
def outcome(images: Path, utt_model: Path, tmp_path: Path) -> Callable[..., str]:
    """The sentence with which a job is refused, "" where it can be done; any other error is the test's."""

    def check(**settings: object) -> str:
        given: dict[str, object] = {
            "input": str(images / "aerial.tif"),
            "output": str(tmp_path / "map.tif"),
            "model": str(utt_model),
        }
        given |= {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
        before = sorted(tmp_path.rglob("*"))
        try:
            check_job(SegmentationJob.from_dict(given), lambda told: None)
        except BadInput as error:
            assert "\n" not in str(error) and len(str(error)) < 1000
            return str(error)
        finally:
            assert sorted(tmp_path.rglob("*")) == before
        return ""

    return check


def header_of(whole: bytes) -> list[int]:
    """Where a TIFF's header and its first directory, with what it points to, may be damaged."""
    (directory,) = struct.unpack("<Q", whole[8:16]) if whole[2] == 43 else struct.unpack("<I", whole[4:8])
    return [*range(16), *range(directory, min(directory + 900, len(whole)))]


def damaged(whole: bytes, seed: int) -> bytes:
    """A TIFF with one to four bytes of its header changed."""
    chance, data = random.Random(seed), bytearray(whole)
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.choice(header_of(whole))
        data[at] = chance.choice([0, 255, data[at] ^ (1 << chance.randrange(8)), chance.randrange(256)])
    return bytes(data)


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("input", "aerial.tif"),
        ("input", "tiled.tif"),
        ("input", "big.tif"),
        ("elevation", "heights.tif"),
        ("sentinel2", "s2_2021-06-01.tif"),
    ],
)
def test_a_damaged_tiff_header_is_taken_or_refused(images, outcome, tmp_path, setting, name):
    whole = (images / name).read_bytes()
    refused = 0
    for seed in range(24):
        path = tmp_path / name
        path.write_bytes(damaged(whole, seed))
        refused += bool(outcome(**{setting: path}))
    assert 3 < refused < 24


def test_tags_of_a_length_that_no_memory_holds_are_refused(images, outcome, tmp_path):
    whole = bytearray((images / "aerial.tif").read_bytes())
    (directory,) = struct.unpack("<I", whole[4:8])
    for entry in range(struct.unpack("<H", whole[directory : directory + 2])[0]):
        at = directory + 2 + 12 * entry
        if struct.unpack("<H", whole[at : at + 2])[0] == 273:
            whole[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    (tmp_path / "a.tif").write_bytes(whole)
    assert "truncated" in outcome(input=tmp_path / "a.tif")


def placed(images: Path, folder: Path, name: str, numbers: str) -> Path:
    """A virtual raster of a file with another geotransform."""
    path = folder / f"{Path(name).stem}.vrt"
    rasterio.shutil.copy(images / name, path, driver="VRT")
    text = path.read_text()
    start, end = text.index("<GeoTransform>"), text.index("</GeoTransform>")
    path.write_text(f"{text[:start]}<GeoTransform>{numbers}{text[end:]}")
    return path


@pytest.mark.parametrize(
    "numbers",
    [
        "nan,0.2,0,6862000,0,-0.2",
        "652000,nan,0,6862000,0,-0.2",
        "652000,inf,0,6862000,0,-0.2",
        "652000,0.2,0,6862000,0,-1e300",
        "1e300,0.2,0,6862000,0,-0.2",
        "652000,0.2,0,6862000,0,0",
        "652000,1e-300,0,6862000,0,-1e-300",
    ],
)
@pytest.mark.parametrize(
    ("setting", "name"), [("input", "aerial.tif"), ("elevation", "heights.tif"), ("sentinel2", "s2_2021-06-01.tif")]
)
def test_a_geotransform_that_is_no_place_is_refused(images, outcome, tmp_path, setting, name, numbers):
    assert "georeference" in outcome(**{setting: placed(images, tmp_path, name, numbers)})


@pytest.mark.parametrize(("setting", "name"), [("input", "aerial.tif"), ("sentinel2", "s2_2021-06-01.tif")])
def test_a_description_that_is_no_utf8_is_refused(images, outcome, tmp_path, setting, name):
    shutil.copy(images / name, tmp_path / name)
    with rasterio.open(tmp_path / name, "r+") as dataset:
        dataset.set_band_description(1, "B2 XXXX")
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(b"XXXX", b"\xe9\xe8\xa9\xff"))
    assert "no UTF-8" in outcome(**{setting: tmp_path / name})


def test_a_coloured_picture_as_heights_is_refused(outcome, tmp_path):
    picture_of_heights = write_raster(tmp_path / "h.tif", picture(4, 128, 128).astype(np.uint8), photometric="rgb")
    assert "coloured picture" in outcome(elevation=picture_of_heights)


def test_a_band_number_of_five_thousand_digits_is_refused(outcome):
    assert "The bands hold 'R=111" in outcome(bands="R=" + "1" * 5000 + " G=2 B=3")


@pytest.mark.parametrize("extent", [(-1e300, -1e300, 1e300, 1e300), (652000, 6861990, 652010, 1e300)])
def test_an_extent_beyond_any_place_is_refused(outcome, extent):
    assert "not four numbers of a place" in outcome(extent=extent)


def flair(folder: Path, values: np.ndarray | bytes | None = None, georeference: object = None) -> Path:
    """An array of FLAIR's layout, or bytes in its place."""
    data = folder / "SEN2_zone_data.npy"
    if isinstance(values, bytes):
        data.write_bytes(values)
    else:
        np.save(data, picture(10, 60, 60, top=3000).astype(np.uint16)[None] if values is None else values)
    (folder / "SEN2_zone_products.txt").write_text("S2A_MSIL2A_20210601T105021\n")
    if georeference is None:
        georeference = {"crs": "EPSG:2154", "transform": SERIES_PLACE[:6]}
    text = georeference if isinstance(georeference, str) else json.dumps(georeference)
    (folder / "SEN2_zone_data.json").write_text(text)
    return data


def npy(header: str) -> bytes:
    """A .npy file of version 1 with any header."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 1000


ARRAYS = {
    "sound": ("", None),
    "no dates": ("has the shape", np.ones((0, 10, 60, 60), np.uint16)),
    "no rows": ("has the shape", np.ones((1, 10, 0, 60), np.uint16)),
    "objects": ("cannot be read", np.array([{}], object)),
    "texts": ("type", np.full((1, 10, 60, 60), "a")),
    "negative": ("The Sentinel-2 array", npy("{'descr': '<u2', 'fortran_order': False, 'shape': (1, 10, -1, 60)}")),
    "huge": ("cannot be read", npy("{'descr': '<u2', 'fortran_order': False, 'shape': (1, 10, 99999999999, 9999999)}")),
    "endless": (
        "cannot be read",
        npy(f"{{'descr': '<u2', 'fortran_order': False, 'shape': (1{'0' * 400}, 10, 6, 6)}}"),
    ),
    "deep": ("cannot be read", npy("(" * 9000)),
    "no header": ("cannot be read", npy("[]")),
    "no shape": ("cannot be read", npy("{'descr': '<u2', 'fortran_order': False, 'shape': ('a',)}")),
    "no type": ("cannot be read", npy("{'descr': [[[]]], 'fortran_order': False, 'shape': (1, 10, 6, 6)}")),
    "nul": ("cannot be read", npy("\0\0\0")),
    "version": ("cannot be read", b"\x93NUMPY\x09\x00" + b"\0" * 100),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_of_flair_that_is_none_is_refused(outcome, tmp_path, kind):
    wanted, values = ARRAYS[kind]
    said = outcome(sentinel2=flair(tmp_path, values))
    assert wanted in said and bool(said) == bool(wanted)


@pytest.mark.parametrize(
    "georeference",
    [
        {"crs": "EPSG:2154", "transform": [1e300, 0, 0, 0, -1e300, 0]},
        {"crs": "EPSG:2154", "transform": [10, 0, 1e300, 0, -10, 0]},
        '{"crs": "EPSG:2154", "transform": [NaN, 0, 0, 0, -10, 0]}',
        {"crs": "EPSG:2154", "transform": [10**400, 0, 0, 0, -10, 0]},
        {"crs": "EPSG:2154", "transform": [10, 0, 0]},
        {"crs": "EPSG:2154", "transform": {"a": 10}},
        {"crs": ["EPSG:2154"], "transform": [10, 0, 0, 0, -10, 0]},
        {"crs": {"type": "name"}, "transform": [10, 0, 0, 0, -10, 0]},
        {"crs": "\0", "transform": [10, 0, 0, 0, -10, 0]},
        {"crs": None, "transform": [10, 0, 0, 0, -10, 0]},
        {"crs": 1e300, "transform": [10, 0, 0, 0, -10, 0]},
        "[" * 100_000,
        "[]",
        "9" * 5000,
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_georeference_of_an_array_that_is_none_is_refused(outcome, tmp_path, georeference):
    assert "The georeference" in outcome(sentinel2=flair(tmp_path, None, georeference))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"IMG_1.tif": [' + "[" * 100_000, '{"IMG_1.tif": 3}', "9" * 5000])
def test_a_centroid_file_that_is_none_is_refused(outcome, tmp_path, text):
    data = flair(tmp_path)
    (tmp_path / "SEN2_zone_data.json").unlink()
    (tmp_path / "flair-2_centroids_sp_to_patch.json").write_text(text)
    assert "The centroid file" in outcome(sentinel2=data)


def archive(folder: Path, name: str = "S2A_MSIL2A_20210601T105021_N0300_R051_T31TDJ_20210601T134000.SAFE") -> Path:
    """A zip file that holds the beginning of a product."""
    path = folder / "product.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(f"{name}/MTD_MSIL2A.xml", "<a>" * 3000)
        zipped.writestr(f"{name}/s2_2021-06-01.tif", b"II*\0" + b"\0" * 3000)
    return path


def test_a_damaged_zip_is_refused(outcome, tmp_path):
    whole = archive(tmp_path).read_bytes()
    chance = random.Random(1)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 2, 8])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "product.zip").write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        assert outcome(sentinel2=tmp_path / "product.zip")


@pytest.mark.parametrize(
    "text",
    [
        "<VRTDataset",
        "<VRTDataset rasterXSize='9' rasterYSize='9'></VRTDataset>",
        "<VRTDataset rasterXSize='-1' rasterYSize='99999999999999999999'></VRTDataset>",
        "<VRTDataset rasterXSize='9' rasterYSize='9'><SRS>" + "(" * 9000 + "</SRS></VRTDataset>",
        "<VRTDataset>" * 9000,
        "\0",
        "\xff",
    ],
    ids=lambda text: text[:30],
)
@pytest.mark.parametrize("setting", ["input", "elevation", "sentinel2"])
def test_a_virtual_raster_that_is_none_is_refused(outcome, tmp_path, setting, text):
    (tmp_path / "a_2021-06-01.vrt").write_text(text, encoding="latin1")
    assert outcome(**{setting: tmp_path / "a_2021-06-01.vrt"})


@pytest.mark.parametrize("place", ["abc", "nan", "1e300", "-inf", "", "9" * 5000])
def test_a_part_of_a_virtual_raster_that_has_no_place_is_refused(images, outcome, tmp_path, place):
    path = placed(images, tmp_path, "aerial.tif", "652000,0.2,0,6862000,0,-0.2")
    path.write_text(path.read_text().replace('<DstRect xOff="0"', f'<DstRect xOff="{place}"'))
    assert outcome(input=path)


@pytest.mark.parametrize("bits", ["9" * 5000, "0", "-1", "x", "²"])
def test_a_number_of_bits_that_is_none_counts_for_nothing(images, outcome, tmp_path, bits):
    path = placed(images, tmp_path, "aerial.tif", "652000,0.2,0,6862000,0,-0.2")
    own = f'<Metadata domain="IMAGE_STRUCTURE"><MDI key="NBITS">{bits}</MDI></Metadata>'
    text = path.read_text()
    assert "<ColorInterp>" in text
    path.write_text(text.replace("<ColorInterp>", f"{own}<ColorInterp>"))
    assert not outcome(input=path)


@pytest.mark.parametrize("number", ["1.2.3", ".", "9" * 5000, "0"])
@pytest.mark.parametrize("asked", [offset_in, scale_in])
def test_a_number_in_the_metadata_of_a_product_that_is_none_is_refused(asked, number):
    metadata = f'<BOA_QUANTIFICATION_VALUE unit="none">{number}<<BOA_ADD_OFFSET band_id="1">-{number}<'
    if asked is offset_in and number == "0":
        metadata = metadata.replace('"1"', '"11"')
        assert offset_in(metadata, "It") == 0.0
        return
    with pytest.raises(BadInput):
        asked(metadata, "It")


def test_virtual_rasters_that_read_each_other_are_refused(images, outcome, tmp_path):
    first, second = placed(images, tmp_path, "aerial.tif", "652000,0.2,0,6862000,0,-0.2"), tmp_path / "b.vrt"
    text = first.read_text()
    name = text[text.index("<SourceFilename") : text.index("</SourceFilename>")]
    first.write_text(text.replace(name, '<SourceFilename relativeToVRT="1">b.vrt'))
    second.write_text(text.replace(name, '<SourceFilename relativeToVRT="1">aerial.vrt'))
    assert outcome(input=first)


def safetensors(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + b"\0" * 64


WEIGHTS = {
    "empty": b"",
    "long": safetensors(b"{}", 2**62),
    "deep": safetensors(b"[" * 100_000),
    "text": safetensors(b"not json"),
    "other": safetensors(b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}'),
    "outside": safetensors(b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 9999999]}}'),
    "negative": safetensors(b'{"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}}'),
    "type": safetensors(b'{"a": {"dtype": "X", "shape": [4], "data_offsets": [0, 16]}}'),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_that_are_none_are_refused(images, small_model, tmp_path, kind):
    model = tmp_path / "model"
    shutil.copytree(small_model, model)
    (model / "weights.safetensors").write_bytes(WEIGHTS[kind])
    card = read_card(model)
    write_card(ModelCard(**{**vars(card), "weights_digest": digest_of(model / "weights.safetensors")}), model)
    job = segmentation_job(str(images / "aerial.tif"), str(tmp_path / "map.tif"), model=str(model))
    with pytest.raises(BadInput) as caught:
        segment(job, Recorder())
    assert caught.value.field == "model" and "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


@pytest.mark.parametrize("ending", [".zip", ".pth", ".ckpt", ".safetensors", ""])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"\0" * 100, b"\x80\x02}q\0." * 20, b"[" * 100_000])
def test_a_file_as_model_that_is_none_is_refused(outcome, tmp_path, ending, content):
    (tmp_path / f"model{ending}").write_bytes(content)
    assert outcome(model=tmp_path / f"model{ending}")


@unix
@pytest.mark.parametrize("setting", ["input", "infrared", "elevation", "sentinel2", "model"])
@pytest.mark.parametrize("name", ["pipe.tif", "pipe_2021-06-01.vrt", "pipe.zip", "pipe.npy", "pipe.gpkg"])
def test_a_pipe_is_refused_and_not_waited_for(outcome, tmp_path, setting, name):
    os.mkfifo(tmp_path / name)
    assert "is a pipe or a device" in outcome(**{setting: tmp_path / name})


@unix
def test_an_output_that_is_a_pipe_is_refused(outcome, tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    assert "is a pipe or a device" in outcome(output=tmp_path / "pipe.tif")


@unix
@pytest.mark.parametrize("setting", ["input", "infrared", "elevation", "sentinel2", "model", "output", "confidence"])
def test_a_name_that_is_no_utf8_is_refused(images, outcome, tmp_path, setting):
    if setting not in ("output", "confidence"):
        shutil.copy(images / "aerial.tif", tmp_path / NOT_UTF8)
    assert "UTF-8" in outcome(**{setting: str(tmp_path / NOT_UTF8)})


@unix
def test_a_raster_of_a_folder_whose_name_is_no_utf8_is_refused(images, outcome, tmp_path):
    (tmp_path / "tiles").mkdir()
    shutil.copy(images / "aerial.tif", tmp_path / "tiles" / "a.tif")
    shutil.copy(images / "aerial.tif", tmp_path / "tiles" / NOT_UTF8)
    assert "UTF-8" in outcome(input=tmp_path / "tiles")


@pytest.mark.parametrize("length", [240, 241, 247, 251, 255, 256, 5000])
def test_a_name_that_is_too_long_for_what_lies_beside_it_is_refused_before_the_run(outcome, tmp_path, length):
    said = outcome(output=tmp_path / ("m" * (length - 4) + ".tif"))
    assert bool(said) == (length > 240) and (not said or "shorter name" in said)


@pytest.mark.parametrize("beside", [".aux.xml", ".ovr", ".msk"])
def test_a_folder_in_the_place_of_what_lies_beside_the_map_is_refused(outcome, tmp_path, beside):
    (tmp_path / f"map.tif{beside}").mkdir()
    assert f"map.tif{beside}" in outcome()


def test_a_folder_in_the_place_of_the_style_leaves_the_map_without_one(images, small_model, tmp_path):
    (tmp_path / "map.qml").mkdir()
    job = segmentation_job(str(images / "aerial.tif"), str(tmp_path / "map.tif"), model=str(small_model))
    segment(job, Recorder())
    assert (tmp_path / "map.tif").is_file() and (tmp_path / "map.qml").is_dir()


class Removing(Recorder):
    """A report that removes a folder once the first block is done."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def tile(self, transform, png) -> None:
        super().tile(transform, png)
        shutil.rmtree(self.folder)


@unix
def test_an_output_folder_that_is_removed_during_the_run_is_told(images, small_model, tmp_path):
    (tmp_path / "out").mkdir()
    job = segmentation_job(str(images / "aerial.tif"), str(tmp_path / "out" / "map.tif"), model=str(small_model))
    with pytest.raises(CannotWrite, match="out"):
        segment(job, Removing(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_described_image_that_is_malformed_is_refused(images, tmp_path):
    """The dock asks at every change of its form."""
    whole = (images / "aerial.tif").read_bytes()
    for seed in range(20):
        (tmp_path / "a.tif").write_bytes(damaged(whole, seed))
        try:
            describe(ImageSettings((str(tmp_path / "a.tif"),)), None)
        except BadInput as error:
            assert error.field
