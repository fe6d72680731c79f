"""Collars that are not declared and places without pixels: the map is that of the raster that declares them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.notices import Notice
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.inference.raster.aerial import describe_aerial
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from .conftest import ORIGIN, SHARED_DATA, Recorder, read_labels, write_raster

SIDE = 320


def run(raster: Path, model: Path, **settings) -> tuple[np.ndarray, list[Notice], dict]:
    """The labels, what was told, and the provenance."""
    output = raster.parent / f"{raster.stem}_map.tif"
    report = Recorder()
    job = segmentation_job(str(raster), str(output), model=str(model), device="cpu", precision="fp32", **settings)
    segment(job, report)
    with rasterio.open(output) as dataset:
        provenance = json.loads(dataset.tags()["FLAIR_LANDCOVER"])
    assert not [path for path in raster.parent.iterdir() if path.name.startswith(".")]
    return read_labels(output), report.notices, provenance


def codes(notices: list[Notice]) -> list[str]:
    return [each.code for each in notices]


@pytest.fixture(scope="module")
def patch(flair_patches) -> np.ndarray:
    """Four bands of a real patch, 1..254."""
    path = sorted(flair_patches.glob("IMG_*.tif"))[0]
    with rasterio.open(path) as dataset:
        return np.clip(dataset.read([1, 2, 3, 4])[:, :SIDE, :SIDE], 1, 254)


@pytest.fixture(scope="module")
def slanted() -> np.ndarray:
    """(rows, columns) bool: where a picture that was turned on the ground has no pixels, at two corners."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (columns + 0.3 * rows < 90) | (columns + 2 * rows > 3 * SIDE - 150)


def in_16_bits(pixels: np.ndarray, bits: int = 16) -> np.ndarray:
    """The same picture as a sensor of so many bits gives it, darker and narrower than its type."""
    return (pixels.astype(np.uint16) * (2 ** (bits - 9)) + 100).astype(np.uint16)


KINDS = {
    "black": (lambda p: p, 0, {}),
    "white": (lambda p: p, 255, {}),
    "16 bits, black": (in_16_bits, 0, {}),
    "16 bits, white": (in_16_bits, 65535, {}),
    "12 bits, white": (lambda p: in_16_bits(p, 12), 4095, {"nbits": 12}),
    "12 bits of 16, white": (lambda p: in_16_bits(p, 12), 4095, {}),
    "whole rows": (lambda p: p, 0, {"blockysize": 1}),
    "tiles": (lambda p: p, 0, {"tiled": True, "blockxsize": 64, "blockysize": 64, "photometric": "rgb", "alpha": "no"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_collar_is_no_data_and_the_map_is_that_of_the_raster_that_declares_it(
    kind, patch, slanted, small_model, tmp_path, monkeypatch
):
    monkeypatch.setattr("flair_landcover.inference.raster.validity._SIDE", 64)  # a collar through many parts
    made, fill, settings = KINDS[kind]
    pixels = made(patch).copy()
    pixels[:, slanted] = fill
    undeclared = write_raster(tmp_path / "undeclared.tif", pixels, **settings)
    declared = write_raster(tmp_path / "declared.tif", pixels, nodata=fill, **settings)
    right, _, of_right = run(declared, small_model)
    labels, notices, provenance = run(undeclared, small_model)
    assert not right[slanted].any()
    assert right[~slanted].all()
    np.testing.assert_array_equal(labels, right)
    assert provenance["stretch"] == of_right["stretch"]
    (told,) = [each for each in notices if each.code == "collar"]
    assert not told.doubt
    assert told.values["value"] == fill
    around = np.concatenate([slanted[0], slanted[-1], slanted[:, 0], slanted[:, -1]])
    assert told.values["percent"] == round(100 * around.mean())
    assert told.picture


def test_what_has_the_fill_inside_of_the_picture_stays(patch, slanted, small_model, tmp_path):
    pixels = patch.copy()
    pixels[:, slanted] = 255
    pixels[:, 150:170, 180:200] = 255  # a roof in the sun
    raster = write_raster(tmp_path / "white.tif", pixels)
    masked = write_raster(tmp_path / "masked.tif", pixels)
    with rasterio.open(masked, "r+") as dataset:
        dataset.write_mask(~slanted)
    labels, _, _ = run(raster, small_model)
    right, _, _ = run(masked, small_model)
    assert labels[150:170, 180:200].all()
    np.testing.assert_array_equal(labels, right)


def test_a_collar_is_left_out_where_the_raster_is_resampled(patch, slanted, small_model, tmp_path):
    coarse = Affine(0.3, 0, ORIGIN[0], 0, -0.3, ORIGIN[1])
    pixels = patch.copy()
    pixels[:, slanted] = 0
    raster = write_raster(tmp_path / "black.tif", pixels, transform=coarse)
    masked = write_raster(tmp_path / "masked.tif", pixels, transform=coarse)
    with rasterio.open(masked, "r+") as dataset:
        dataset.write_mask(~slanted)
    labels, _, _ = run(raster, small_model)
    right, _, _ = run(masked, small_model)
    assert 0 < (right == 0).mean() < 0.5
    np.testing.assert_array_equal(labels, right)


def test_an_extent_of_a_raster_with_a_collar_has_the_labels_of_the_whole(patch, slanted, small_model, tmp_path):
    pixels = patch.copy()
    pixels[:, slanted] = 0
    raster = write_raster(tmp_path / "black.tif", pixels)
    whole, _, _ = run(raster, small_model)
    left, top = ORIGIN[0] + 0.2 * 40, ORIGIN[1] - 0.2 * 100
    part, _, _ = run(raster, small_model, extent=(left, top - 20, left + 30, top))
    np.testing.assert_array_equal(part, whole[100:200, 40:190])


def test_a_raster_that_declares_one_fill_may_have_a_collar_of_another(patch, slanted, small_model, tmp_path):
    pixels = patch.copy()
    pixels[:, slanted] = 255
    pixels[:, :40] = 0
    raster = write_raster(tmp_path / "both.tif", pixels, nodata=0)
    labels, notices, _ = run(raster, small_model)
    np.testing.assert_array_equal(labels == 0, slanted | (np.mgrid[:SIDE, :SIDE][0] < 40))
    assert codes(notices).count("collar") == 1


def test_dark_pixels_at_an_edge_are_no_collar(patch, tmp_path):
    pixels = patch.copy()
    pixels[:, :30, 100:160] = 0  # a shadow of 12 m
    told: list[Notice] = []
    source = describe_aerial(ImageSettings((str(write_raster(tmp_path / "dark.tif", pixels)),)), told.append)
    assert source.fills == ()
    assert "collar" not in codes(told)


def test_a_collar_that_lossy_compression_has_blurred_is_doubted(patch, slanted, tmp_path):
    pixels = patch.copy()
    noise = np.random.default_rng(0).integers(0, 4, pixels.shape).astype(np.uint8)
    pixels[:, slanted] = noise[:, slanted]
    told: list[Notice] = []
    source = describe_aerial(ImageSettings((str(write_raster(tmp_path / "jpeg.tif", pixels)),)), told.append)
    assert source.fills == ()
    (doubt,) = [each for each in told if each.code == "nearly_a_collar"]
    assert doubt.doubt


def test_a_collar_of_a_jpeg_2000_is_found_in_its_reduced_picture(patch, slanted, small_model, tmp_path):
    pixels = patch.copy()
    pixels[:, slanted] = 0
    lossless = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}
    raster = write_raster(tmp_path / "black.jp2", pixels, **lossless)
    declared = write_raster(tmp_path / "declared.tif", pixels, nodata=0)
    labels, notices, _ = run(raster, small_model)
    right, _, _ = run(declared, small_model)
    np.testing.assert_array_equal(labels, right)
    assert "collar" in codes(notices)


def vrt_of(path: Path, sources: list[tuple[Path, int, int, int, int]], nodata: float | None = None) -> Path:
    """A virtual raster of SIDE pixels a side as gdalbuildvrt writes it: files at (column, row, width, height)."""
    bands = []
    for band in range(1, 5):
        parts = "".join(
            f'<SimpleSource><SourceFilename relativeToVRT="1">{file.name}</SourceFilename><SourceBand>{band}'
            f'</SourceBand><SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
            f'<DstRect xOff="{column}" yOff="{row}" xSize="{width}" ySize="{height}"/></SimpleSource>'
            for file, column, row, width, height in sources
        )
        declared = "" if nodata is None else f"<NoDataValue>{nodata}</NoDataValue>"
        bands.append(f'<VRTRasterBand dataType="Byte" band="{band}">{declared}{parts}</VRTRasterBand>')
    place = f"{ORIGIN[0]}, 0.2, 0, {ORIGIN[1]}, 0, -0.2"
    path.write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:2154</SRS>'
        f"<GeoTransform>{place}</GeoTransform>{''.join(bands)}</VRTDataset>"
    )
    return path


def test_places_of_a_virtual_raster_without_a_file_are_no_data(patch, small_model, tmp_path):
    known = np.ones((SIDE, SIDE), bool)
    known[140:200, 150:250] = False  # inside: no collar
    sources = []
    for name, (column, row, width, height) in {
        "top": (0, 0, SIDE, 140),
        "left": (0, 140, 150, 60),
        "right": (250, 140, 70, 60),
        "bottom": (0, 200, SIDE, 120),
    }.items():
        file = write_raster(tmp_path / f"{name}.tif", patch[:, row : row + height, column : column + width])
        sources.append((file, column, row, width, height))
    labels, notices, _ = run(vrt_of(tmp_path / "hole.vrt", sources), small_model)
    right, _, _ = run(vrt_of(tmp_path / "declared.vrt", sources, nodata=0), small_model)
    np.testing.assert_array_equal(right == 0, ~known)
    np.testing.assert_array_equal(labels, right)
    (told,) = [each for each in notices if each.code == "holes"]
    assert not told.doubt
    assert told.values["percent"] == round(100 * (~known).mean())


def test_a_whole_virtual_raster_has_no_holes(patch, tmp_path):
    file = write_raster(tmp_path / "whole.tif", patch)
    told: list[Notice] = []
    raster = vrt_of(tmp_path / "whole.vrt", [(file, 0, 0, SIDE, SIDE)])
    source = describe_aerial(ImageSettings((str(raster),)), told.append)
    assert source.coverage is None
    assert "holes" not in codes(told)


@pytest.mark.parametrize("in_16_bit", [False, True])
def test_blocks_of_a_tiff_that_were_never_written_are_no_data(in_16_bit, patch, small_model, tmp_path):
    pixels = in_16_bits(patch) if in_16_bit else patch
    settings = {"tiled": True, "blockxsize": 64, "blockysize": 64, "sparse_ok": True}
    paths = [tmp_path / "sparse.tif", tmp_path / "declared.tif"]
    for path, nodata in zip(paths, (None, 0)):
        profile = {"count": 4, "height": SIDE, "width": SIDE, "dtype": pixels.dtype, "crs": "EPSG:2154"}
        place = Affine(0.2, 0, ORIGIN[0], 0, -0.2, ORIGIN[1])
        with rasterio.open(path, "w", driver="GTiff", transform=place, nodata=nodata, **profile, **settings) as dataset:
            for row in range(0, SIDE, 64):
                for column in range(0, SIDE, 64):
                    if (row, column) not in ((64, 128), (64, 192), (256, 256)):
                        window = rasterio.windows.Window(column, row, 64, 64)
                        dataset.write(pixels[:, row : row + 64, column : column + 64], window=window)
    labels, notices, provenance = run(paths[0], small_model)
    right, _, of_right = run(paths[1], small_model)
    assert (right == 0).sum() == 3 * 64 * 64
    np.testing.assert_array_equal(labels, right)
    assert provenance["stretch"] == of_right["stretch"]
    assert "holes" in codes(notices)


def test_a_real_scene_with_an_undeclared_collar_is_mapped_without_it(small_model, tmp_path):
    scenes = sorted((SHARED_DATA / "ign-lidar-scenes").glob("*_fields.tif"))
    if not scenes:
        pytest.skip("the real scenes are not here (../shared/data/ign-lidar-scenes)")
    with rasterio.open(scenes[0]) as dataset:
        pixels, transform = dataset.read([1, 2, 3, 4]), dataset.transform
    raster = write_raster(tmp_path / "fields.tif", pixels, transform=transform)
    told: list[Notice] = []
    source = describe_aerial(ImageSettings((str(raster),)), told.append)
    assert source.fills == (0.0,)
    assert source.without_data > 0.2
    assert [each.code for each in told if each.doubt] == []


@pytest.mark.parametrize("declared", [False, True])
def test_a_collar_of_several_tiles_and_their_infrared_is_left_out(declared, patch, slanted, small_model, tmp_path):
    pixels = patch.copy()
    pixels[:, slanted] = 0
    whole = write_raster(tmp_path / "whole.tif", pixels, nodata=0)
    right, _, _ = run(whole, small_model)
    nodata = 0 if declared else None
    tiles = []
    for column in (0, 160):
        place = Affine(0.2, 0, ORIGIN[0] + 0.2 * column, 0, -0.2, ORIGIN[1])
        part = pixels[:3, :, column : column + 160]
        tiles.append(write_raster(tmp_path / f"tile_{column}.tif", part, transform=place, nodata=nodata))
    infrared = write_raster(tmp_path / "irc.tif", pixels[[3, 0, 1]], nodata=nodata)
    output = tmp_path / "map.tif"
    image = ImageSettings(tuple(map(str, tiles)), infrared=str(infrared), model=str(small_model), device="cpu")
    image = replace(image, precision="fp32")
    report = Recorder()
    segment(SegmentationJob(image, str(output)), report)
    np.testing.assert_array_equal(read_labels(output), right)
    assert codes(report.notices).count("collar") == (not declared)
