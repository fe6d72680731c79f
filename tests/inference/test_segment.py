"""The whole job on real rasters: what comes out, and what it does not depend on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

from flair_landcover.contract.errors import Cancelled
from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.contract.origin import ORIGIN_TAG, ImageOrigin
from flair_landcover.contract.segmentation import ModelName, SegmentationJob
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from .conftest import CRS, ORIGIN, Recorder, picture, read_labels, write_raster


def run(raster: Path, output: Path, model: Path, report: Recorder | None = None, **settings):
    job = segmentation_job(
        str(raster), str(output), model=str(model), device="cpu", **{"precision": "fp32", **settings}
    )
    return segment(job, report or Recorder())


def five_bands(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return picture(5, rows, columns, seed).astype(np.uint8)


@pytest.fixture(scope="module")
def scene(tmp_path_factory, small_model) -> tuple[Path, np.ndarray]:
    """A raster of several tiles a side, none of a whole number of tiles, and its labels."""
    folder = tmp_path_factory.mktemp("scene")
    raster = write_raster(folder / "scene.tif", five_bands(330, 410))
    run(raster, folder / "map.tif", small_model)
    return raster, read_labels(folder / "map.tif")


def extent_of(column: float, row: float, width: float, height: float) -> tuple[float, float, float, float]:
    """CRS coordinates of a window in pixels of 0.2 m from ORIGIN."""
    left, top = ORIGIN[0] + 0.2 * column, ORIGIN[1] - 0.2 * row
    return left, top - 0.2 * height, left + 0.2 * width, top


def test_the_map_lies_on_the_input_grid_with_values_1_to_13(scene):
    _, labels = scene
    assert labels.shape == (330, 410)
    assert labels.min() >= 1
    assert labels.max() <= 13
    assert len(np.unique(labels)) > 3  # a map of one class would make every comparison below trivial


def test_adjacent_extents_equal_the_whole_up_to_their_border(scene, small_model, tmp_path):
    raster, whole = scene
    for name, (column, row, width, height) in {
        "left": (0, 0, 157, 330),
        "right": (157, 0, 253, 330),
        "inner": (101, 63, 77, 201),
    }.items():
        run(raster, tmp_path / f"{name}.tif", small_model, extent=extent_of(column, row, width, height))
        part = read_labels(tmp_path / f"{name}.tif")
        np.testing.assert_array_equal(part, whole[row : row + height, column : column + width])


def test_a_plan_split_over_many_calls_gives_the_same_labels(scene, small_model, tmp_path):
    raster, whole = scene
    together = np.zeros_like(whole)
    for row in range(0, 330, 110):
        for column in range(0, 410, 137):
            width = min(137, 410 - column)
            run(raster, tmp_path / "part.tif", small_model, extent=extent_of(column, row, width, 110))
            together[row : row + 110, column : column + width] = read_labels(tmp_path / "part.tif")
    np.testing.assert_array_equal(together, whole)


def test_adjacent_extents_of_a_resampled_raster_equal_the_whole(small_model, tmp_path):
    transform = Affine(0.25, 0, ORIGIN[0], 0, -0.25, ORIGIN[1])
    raster = write_raster(tmp_path / "a.tif", five_bands(160, 240, seed=3), transform=transform)
    run(raster, tmp_path / "map.tif", small_model)
    whole = read_labels(tmp_path / "map.tif")
    assert whole.shape == (200, 300)
    for column, row, width, height in ((0, 0, 131, 200), (131, 0, 169, 77)):
        run(raster, tmp_path / "part.tif", small_model, extent=extent_of(column, row, width, height))
        part = read_labels(tmp_path / "part.tif")
        np.testing.assert_array_equal(part, whole[row : row + height, column : column + width])


def test_wide_rasters_blended_in_parts_give_the_same_labels(scene, small_model, tmp_path, monkeypatch):
    raster, whole = scene
    monkeypatch.setattr("flair_landcover.inference.plan._STRIP_COLUMNS", 2)
    run(raster, tmp_path / "map.tif", small_model)
    np.testing.assert_array_equal(read_labels(tmp_path / "map.tif"), whole)


def test_an_extent_across_the_edge_is_nodata_outside(scene, small_model, tmp_path):
    raster, whole = scene
    result = run(raster, tmp_path / "map.tif", small_model, extent=extent_of(-20, -10, 100, 60))
    labels = read_labels(tmp_path / "map.tif")
    assert labels.shape == (60, 100)
    np.testing.assert_array_equal(labels[10:, 20:], whole[:50, :80])
    assert not labels[:10].any()
    assert not labels[:, :20].any()
    assert sum(result.areas_m2.values()) == pytest.approx(50 * 80 * 0.04)


def test_a_raster_smaller_than_a_tile_is_mapped_whole(small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", five_bands(37, 90))
    run(raster, tmp_path / "map.tif", small_model)
    labels = read_labels(tmp_path / "map.tif")
    assert labels.shape == (37, 90)
    assert labels.min() >= 1


def test_nodata_pixels_stay_nodata_and_leave_others_alone(small_model, tmp_path):
    pixels = five_bands(200, 300)
    pixels[:, 40:90, 150:] = 0
    raster = write_raster(tmp_path / "a.tif", pixels, nodata=0)
    run(raster, tmp_path / "map.tif", small_model)
    labels = read_labels(tmp_path / "map.tif")
    assert not labels[40:90, 150:].any()
    labels[40:90, 150:] = 1
    assert labels.all()


def test_an_internal_mask_and_an_alpha_band_are_honoured(small_model, tmp_path):
    hidden = np.full((150, 150), 255, np.uint8)
    hidden[20:50, 60:] = 0
    masked = tmp_path / "masked.tif"
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write_raster(masked, five_bands(150, 150)[:3])
        with rasterio.open(masked, "r+") as dataset:
            dataset.write_mask(hidden)
    with_alpha = write_raster(tmp_path / "alpha.tif", np.concatenate([five_bands(150, 150)[:3], hidden[None]]))
    with rasterio.open(with_alpha, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    for raster in (masked, with_alpha):
        run(raster, tmp_path / "map.tif", small_model)
        np.testing.assert_array_equal(read_labels(tmp_path / "map.tif") > 0, hidden > 0)


def test_a_raster_without_any_data_gives_an_empty_map_and_a_warning(small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", np.zeros((3, 100, 100), np.uint8), nodata=0)
    report = Recorder()
    run(raster, tmp_path / "map.tif", small_model, report)
    assert not read_labels(tmp_path / "map.tif").any()
    assert any("empty" in warning for warning in report.warnings)


def test_polygons_of_a_mask_limit_the_map(scene, small_model, tmp_path):
    raster, whole = scene
    left, bottom, right, top = extent_of(50, 60, 120, 100)
    square = {
        "type": "Polygon",
        "coordinates": [[(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]],
    }
    run(raster, tmp_path / "map.tif", small_model, mask=(square,))
    labels = read_labels(tmp_path / "map.tif")
    np.testing.assert_array_equal(labels[60:160, 50:170], whole[60:160, 50:170])
    labels[60:160, 50:170] = 0
    assert not labels.any()


@pytest.mark.parametrize("bands", [3, 4, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_3_to_5_bands_of_8_and_16_bits_are_mapped(bands, dtype, small_model, tmp_path):
    top = 255 if dtype is np.uint8 else 4095
    raster = write_raster(tmp_path / "a.tif", picture(bands, 140, 140, top=top).astype(dtype))
    report = Recorder()
    run(raster, tmp_path / "map.tif", small_model, report)
    assert read_labels(tmp_path / "map.tif").min() >= 1
    assert any("near infrared" in warning for warning in report.warnings) == (bands < 4)
    assert any("no elevation" in warning for warning in report.warnings) == (bands < 5)
    assert any("16 bits" in warning for warning in report.warnings) == (dtype is np.uint16)


@pytest.mark.parametrize("metres", [0.2, 0.1])
def test_near_infrared_that_claims_to_be_transparency_is_near_infrared(metres, small_model, tmp_path):
    """GDAL marks the fourth band of 8-bit images as transparency, as `write_raster` shows here."""
    pixels = picture(4, 150, 150).astype(np.uint8)
    pixels[3, 10:40, 10:40] = 0  # water: no infrared, and yet a pixel like any other
    transform = Affine(metres, 0, ORIGIN[0], 0, -metres, ORIGIN[1])
    claimed = write_raster(tmp_path / "claimed.tif", pixels, transform=transform)
    honest = write_raster(tmp_path / "honest.tif", pixels, transform=transform, alpha="no", photometric="minisblack")
    with rasterio.open(claimed) as dataset:
        assert dataset.colorinterp[3] == ColorInterp.alpha
    for raster in (claimed, honest):
        run(raster, tmp_path / f"{raster.stem}_map.tif", small_model, bands="R=1 G=2 B=3 NIR=4")
    labels = read_labels(tmp_path / "claimed_map.tif")
    assert labels.min() >= 1
    np.testing.assert_array_equal(labels, read_labels(tmp_path / "honest_map.tif"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparency_with_soft_edges_is_transparency(dtype, small_model, tmp_path):
    pixels = picture(4, 100, 100).astype(dtype)
    pixels[3] = np.iinfo(dtype).max
    pixels[3, :20] = 0
    pixels[3, 20:22] //= 2  # as reprojecting an image leaves it
    raster = write_raster(tmp_path / "a.tif", pixels, alpha="yes", photometric="rgb")
    report = Recorder()
    run(raster, tmp_path / "map.tif", small_model, report)
    labels = read_labels(tmp_path / "map.tif")
    assert not labels[:20].any()
    assert labels[20:].all()
    assert any("no near infrared" in warning for warning in report.warnings)


def test_a_mosaic_of_near_infrared_images_is_found_by_its_relative_paths(small_model, tmp_path):
    folder = tmp_path / "a mosaic é"
    folder.mkdir()
    raster = write_raster(folder / "a.tif", picture(4, 100, 100).astype(np.uint8))
    rasterio.shutil.copy(raster, folder / "mosaic.vrt", driver="VRT")
    assert 'relativeToVRT="1">a.tif<' in (folder / "mosaic.vrt").read_text()
    with rasterio.open(folder / "mosaic.vrt") as dataset:
        assert dataset.colorinterp[3] == ColorInterp.alpha
    for source in (raster, folder / "mosaic.vrt"):
        run(source, tmp_path / f"{source.stem}.tif", small_model)
    np.testing.assert_array_equal(read_labels(tmp_path / "mosaic.tif"), read_labels(tmp_path / "a.tif"))


def test_bands_by_role_by_description_and_by_order_agree(scene, small_model, tmp_path):
    raster, whole = scene
    with rasterio.open(raster) as dataset:
        pixels = dataset.read()
    shuffled = write_raster(tmp_path / "shuffled.tif", pixels[[3, 2, 0, 4, 1]])
    run(shuffled, tmp_path / "by_role.tif", small_model, bands="R=3 G=5 B=2 NIR=1 ELEVATION=4")
    with rasterio.open(shuffled, "r+") as dataset:
        dataset.descriptions = ["NIR", "blue", "red", "elevation", "green"]
    run(shuffled, tmp_path / "by_description.tif", small_model)
    for name in ("by_role", "by_description"):
        np.testing.assert_array_equal(read_labels(tmp_path / f"{name}.tif"), whole)


def test_heights_in_metres_of_another_raster_equal_an_elevation_band(scene, small_model, tmp_path):
    raster, whole = scene
    with rasterio.open(raster) as dataset:
        pixels = dataset.read()
    heights = write_raster(tmp_path / "heights.tif", pixels[4:].astype(np.float32) * np.float32(0.2))
    colours = write_raster(tmp_path / "colours.tif", pixels[:4])
    run(colours, tmp_path / "map.tif", small_model, elevation=str(heights))
    np.testing.assert_array_equal(read_labels(tmp_path / "map.tif"), whole)


def test_heights_that_are_not_a_number_are_the_ground(small_model, tmp_path):
    colours = write_raster(tmp_path / "colours.tif", five_bands(100, 100)[:4], alpha="no")
    heights = picture(1, 100, 100).astype(np.float32) / 20
    heights[0, 30:60, 30:60] = 0
    flat = write_raster(tmp_path / "flat.tif", heights)
    heights[0, 30:60, 30:60] = np.nan
    holed = write_raster(tmp_path / "holed.tif", heights)
    for raster in (flat, holed):
        run(colours, tmp_path / f"{raster.stem}_map.tif", small_model, elevation=str(raster))
    np.testing.assert_array_equal(read_labels(tmp_path / "holed_map.tif"), read_labels(tmp_path / "flat_map.tif"))


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_a_surface_model_minus_a_terrain_model_equals_heights_above_ground(dtype, small_model, tmp_path):
    colours = write_raster(tmp_path / "colours.tif", five_bands(100, 100)[:4], alpha="no")
    heights = (picture(1, 100, 100) / 20).round().astype(dtype)
    ground = (200 + picture(1, 100, 100, seed=1) / 50).round().astype(dtype)
    above = write_raster(tmp_path / "above.tif", heights)
    surface = write_raster(tmp_path / "surface.tif", heights + ground)
    terrain = write_raster(tmp_path / "terrain.tif", ground)
    run(colours, tmp_path / "above_map.tif", small_model, elevation=str(above))
    run(colours, tmp_path / "map.tif", small_model, elevation=str(surface), terrain=str(terrain))
    np.testing.assert_array_equal(read_labels(tmp_path / "map.tif"), read_labels(tmp_path / "above_map.tif"))
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert json.loads(dataset.tags()["FLAIR_LANDCOVER"])["job"]["terrain"] == str(terrain)
    run(colours, tmp_path / "surface_map.tif", small_model, elevation=str(surface))
    assert (read_labels(tmp_path / "surface_map.tif") != read_labels(tmp_path / "map.tif")).any()


def test_where_either_model_has_no_data_or_the_terrain_is_higher_is_the_ground(small_model, tmp_path):
    colours = write_raster(tmp_path / "colours.tif", five_bands(100, 100)[:4], alpha="no")
    heights = 3 + (picture(1, 100, 100) // 5).astype(np.float32) / 4
    ground = np.full((1, 100, 100), 500, np.float32)
    surface = heights + ground
    surface[0, :20, :20] = np.nan
    ground[0, 30:50, :20] = -9999
    ground[0, 60:80, :20] += 100
    for rows in (slice(0, 20), slice(30, 50), slice(60, 80)):
        heights[0, rows, :20] = 0
    run(
        colours,
        tmp_path / "map.tif",
        small_model,
        elevation=str(write_raster(tmp_path / "surface.tif", surface)),
        terrain=str(write_raster(tmp_path / "terrain.tif", ground, nodata=-9999)),
    )
    run(colours, tmp_path / "flat.tif", small_model, elevation=str(write_raster(tmp_path / "h.tif", heights)))
    np.testing.assert_array_equal(read_labels(tmp_path / "map.tif"), read_labels(tmp_path / "flat.tif"))


@pytest.mark.parametrize("metres", [0.1, 0.5])
def test_another_ground_sampling_distance_is_resampled_to_the_models(metres, small_model, tmp_path):
    rows, columns = int(40 / metres), int(60 / metres)
    raster = write_raster(
        tmp_path / "a.tif", five_bands(rows, columns), transform=Affine(metres, 0, ORIGIN[0], 0, -metres, ORIGIN[1])
    )
    run(raster, tmp_path / "map.tif", small_model)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.shape == (200, 300)
        assert dataset.transform.almost_equals(Affine(0.2, 0, ORIGIN[0], 0, -0.2, ORIGIN[1]))
        assert dataset.read(1).min() >= 1


def test_averaging_a_finer_raster_gives_the_coarser_rasters_labels(scene, small_model, tmp_path):
    raster, whole = scene
    with rasterio.open(raster) as dataset:
        pixels = dataset.read()
    finer = write_raster(
        tmp_path / "finer.tif",
        pixels.repeat(2, 1).repeat(2, 2),
        transform=Affine(0.1, 0, ORIGIN[0], 0, -0.1, ORIGIN[1]),
    )
    run(finer, tmp_path / "map.tif", small_model)
    np.testing.assert_array_equal(read_labels(tmp_path / "map.tif"), whole)


@pytest.mark.parametrize(
    "transform",
    [
        Affine(0.2, 0, ORIGIN[0], 0, 0.2, ORIGIN[1]),  # south-up
        Affine.translation(*ORIGIN) * Affine.rotation(30) * Affine.scale(0.2, -0.2),
    ],
)
def test_rasters_that_are_not_north_up_keep_their_frame(transform, scene, small_model, tmp_path):
    raster, whole = scene
    with rasterio.open(raster) as dataset:
        pixels = dataset.read()
    turned = write_raster(tmp_path / "turned.tif", pixels, transform=transform)
    run(turned, tmp_path / "map.tif", small_model)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.transform.almost_equals(transform)
        np.testing.assert_array_equal(dataset.read(1), whole)


def test_a_raster_in_feet_is_measured_in_metres(small_model, tmp_path):
    feet = 0.2 / 0.3048006096012192  # US survey feet of EPSG:2263 in 0.2 m
    raster = write_raster(
        tmp_path / "a.tif", five_bands(130, 130), crs="EPSG:2263", transform=Affine(feet, 0, 980000, 0, -feet, 200000)
    )
    result = run(raster, tmp_path / "map.tif", small_model)
    assert read_labels(tmp_path / "map.tif").shape == (130, 130)
    assert sum(result.areas_m2.values()) == pytest.approx(130 * 130 * 0.04, rel=1e-6)


def test_a_raster_without_crs_but_with_metres_is_mapped_with_a_warning(scene, small_model, tmp_path):
    raster, whole = scene
    with rasterio.open(raster) as dataset:
        plain = write_raster(tmp_path / "plain.tif", dataset.read(), crs=None)
    report = Recorder()
    run(plain, tmp_path / "map.tif", small_model, report)
    np.testing.assert_array_equal(read_labels(tmp_path / "map.tif"), whole)
    assert any("no CRS" in warning for warning in report.warnings)


def test_areas_count_the_labels(scene, small_model, tmp_path):
    raster, whole = scene
    result = run(raster, tmp_path / "map.tif", small_model)
    for c in FLAIR_CLASSES:
        assert result.areas_m2[c.value] == pytest.approx((whole == c.value).sum() * 0.04)


def test_confidence_and_probabilities_agree_with_the_labels(scene, small_model, tmp_path):
    raster, whole = scene
    run(
        raster,
        tmp_path / "map.tif",
        small_model,
        confidence=str(tmp_path / "confidence.tif"),
        probabilities=str(tmp_path / "probabilities.tif"),
    )
    with rasterio.open(tmp_path / "probabilities.tif") as dataset:
        assert dataset.count == 13
        probabilities = dataset.read()
    with rasterio.open(tmp_path / "confidence.tif") as dataset:
        assert dataset.nodata == 255
        confidence = dataset.read(1)
    assert confidence.max() <= 100
    np.testing.assert_allclose(confidence / 100, probabilities.max(axis=0) / 255, atol=0.008)
    chosen = np.take_along_axis(probabilities, whole[None].astype(int) - 1, 0)[0]
    np.testing.assert_array_equal(chosen, probabilities.max(axis=0))


def test_test_time_augmentation_does_not_care_how_the_picture_lies(small_model, tmp_path):
    pixels = five_bands(128, 128)
    upright = write_raster(tmp_path / "upright.tif", pixels)
    mirrored = write_raster(tmp_path / "mirrored.tif", np.ascontiguousarray(pixels[:, :, ::-1]))
    plain = {}
    for name, tta in (("plain", "none"), ("flips", "flips"), ("d4", "d4")):
        run(upright, tmp_path / "u.tif", small_model, tta=tta, confidence=str(tmp_path / "uc.tif"))
        run(mirrored, tmp_path / "m.tif", small_model, tta=tta, confidence=str(tmp_path / "mc.tif"))
        first = read_labels(tmp_path / "uc.tif").astype(int)
        second = read_labels(tmp_path / "mc.tif")[:, ::-1].astype(int)
        plain[name] = np.abs(first - second).max()
    assert plain["plain"] > 1
    assert plain["flips"] <= 1
    assert plain["d4"] <= 1


def test_the_map_carries_colours_names_and_provenance(scene, small_model, tmp_path):
    raster, _ = scene
    run(raster, tmp_path / "map.tif", small_model)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.dtypes == ("uint8",)
        assert dataset.nodata == 0
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        colours = dataset.colormap(1)
        for c in FLAIR_CLASSES:
            assert colours[c.value][:3] == c.rgb
            assert dataset.tags(1)[f"CLASS_{c.value}"] == c.name
        provenance = json.loads(dataset.tags()["FLAIR_LANDCOVER"])
    assert provenance["model"]["id"] == "small"
    assert provenance["model"]["weights"].startswith("sha256:")
    assert provenance["bands"] == {"red": 1, "green": 2, "blue": 3, "nir": 4, "elevation": 5}
    again = SegmentationJob.from_dict(provenance["job"])
    assert again.image.input == (str(raster),)


def test_the_provenance_says_where_the_image_comes_from(small_model, tmp_path):
    raster = tmp_path / "fetched.tif"
    write_raster(raster, five_bands(40, 40))
    said = ImageOrigin(
        "Orthophotos", "https://data.geopf.fr/wms-r/wms", "ORTHO", "IGN", "Licence Ouverte 2.0"
    ).to_dict()
    with rasterio.open(raster, "r+") as dataset:
        dataset.update_tags(**{ORIGIN_TAG: json.dumps(said)})
    run(raster, tmp_path / "map.tif", small_model)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        provenance = json.loads(dataset.tags()["FLAIR_LANDCOVER"])
    assert provenance["source"] == {str(raster): said}


def test_the_provenance_names_files_so_that_any_folder_can_run_it_again(small_model, tmp_path, monkeypatch):
    write_raster(tmp_path / "a.tif", five_bands(40, 40))
    monkeypatch.chdir(tmp_path)
    run(Path("a.tif"), Path("map.tif"), small_model, confidence="confidence.tif")
    with rasterio.open(tmp_path / "map.tif") as dataset:
        job = json.loads(dataset.tags()["FLAIR_LANDCOVER"])["job"]
    assert [job["input"][0], *(job[name] for name in ("output", "confidence", "model"))] == [
        str(path) for path in (tmp_path / "a.tif", tmp_path / "map.tif", tmp_path / "confidence.tif", small_model)
    ]


def shown(report: Recorder, column: float, row: float) -> tuple[int, ...] | None:
    """Colour that the report's pictures show at a place in pixels of 0.2 m from ORIGIN; None where none is."""
    place = Affine(0.2, 0, ORIGIN[0], 0, -0.2, ORIGIN[1]) * (column, row)
    colours = set()
    for transform, png in report.tiles:
        x, y = ~Affine(*transform) * place
        with MemoryFile(png) as file, file.open() as dataset:
            if 0 <= x < dataset.width and 0 <= y < dataset.height:
                colours.add(dataset.colormap(1)[dataset.read(1)[int(y), int(x)]])
    assert len(colours) <= 1
    return colours.pop() if colours else None


RGBA = {0: (0, 0, 0, 0), **{c.value: (*c.rgb, 255) for c in FLAIR_CLASSES}}


def test_the_pictures_of_a_run_show_the_map_pixel_by_pixel(small_model, tmp_path):
    pixels = five_bands(200, 230)
    pixels[:, 40:90, 150:] = 0
    raster = write_raster(tmp_path / "a.tif", pixels, nodata=0)
    report = Recorder()
    run(raster, tmp_path / "map.tif", small_model, report, extent=extent_of(17, 9, 200, 180))
    labels = read_labels(tmp_path / "map.tif")
    assert len(report.tiles) == 4
    seen = np.full((*labels.shape, 4), -1)
    for transform, png in report.tiles:
        with MemoryFile(png) as file, file.open() as dataset:
            values, colours = dataset.read(1), dataset.colormap(1)
        place = Affine(*transform)
        assert (place.a, place.b, place.d, place.e) == pytest.approx((0.2, 0, 0, -0.2))
        column, row = round((place.c - ORIGIN[0]) / 0.2) - 17, round((ORIGIN[1] - place.f) / 0.2) - 9
        part = seen[row : row + values.shape[0], column : column + values.shape[1]]
        assert (part == -1).all()  # no two pictures show one place
        part[...] = np.array([colours[value] for value in range(max(colours) + 1)])[values]
    np.testing.assert_array_equal(seen, np.array([RGBA[value] for value in range(14)])[labels])


def test_the_pictures_of_a_turned_and_resampled_raster_lie_where_the_map_does(small_model, tmp_path):
    transform = Affine.translation(*ORIGIN) * Affine.rotation(30) * Affine.scale(0.25, -0.25)
    raster = write_raster(tmp_path / "a.tif", five_bands(160, 200), transform=transform)
    report = Recorder()
    run(raster, tmp_path / "map.tif", small_model, report)
    counted = 0
    with rasterio.open(tmp_path / "map.tif") as written:
        labels = written.read(1)
        for placed, png in report.tiles:
            with MemoryFile(png) as file, file.open() as dataset:
                values, colours = dataset.read(1), dataset.colormap(1)
            for row, column in np.ndindex(values.shape):
                x, y = ~written.transform * (Affine(*placed) * (column + 0.5, row + 0.5))
                assert colours[values[row, column]] == RGBA[labels[int(y), int(x)]]
                counted += 1
    assert counted == labels.size


def test_a_run_that_is_enough_keeps_the_blocks_that_are_done(scene, small_model, tmp_path):
    raster, whole = scene
    report = Recorder(enough_after=5)
    paths = {name: tmp_path / f"{name}.tif" for name in ("map", "confidence", "probabilities")}
    result = run(
        raster,
        paths["map"],
        small_model,
        report,
        confidence=str(paths["confidence"]),
        probabilities=str(paths["probabilities"]),
    )
    assert (result.complete, result.tiles, result.planned_tiles) == (False, 5, 12)
    assert len(report.tiles) == 5
    labels = read_labels(paths["map"])
    done = labels > 0
    assert 0.2 < done.mean() < 0.6
    np.testing.assert_array_equal(labels[done], whole[done])
    for row, column in ((10, 10), (10, 400), (150, 20), (320, 400)):  # the pictures say the same
        assert shown(report, column + 0.5, row + 0.5) == (RGBA[whole[row, column]] if done[row, column] else None)
    assert sum(result.areas_m2.values()) == pytest.approx(done.sum() * 0.04)
    for name, path in paths.items():
        with rasterio.open(path) as dataset:
            assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            provenance = json.loads(dataset.tags()["FLAIR_LANDCOVER"])
            assert (provenance["complete"], provenance["tiles"], provenance["planned_tiles"]) == (False, 5, 12)
            rest = dataset.read()[:, ~done]
        assert (rest == (255 if name == "confidence" else 0)).all()


def test_a_run_that_ends_by_itself_is_complete_however_late_it_is_enough(scene, small_model, tmp_path):
    raster, whole = scene
    result = run(raster, tmp_path / "map.tif", small_model, Recorder(enough_after=12))
    assert (result.complete, result.tiles, result.planned_tiles) == (True, 12, 12)
    np.testing.assert_array_equal(read_labels(tmp_path / "map.tif"), whole)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert json.loads(dataset.tags()["FLAIR_LANDCOVER"])["complete"] is True


def test_enough_before_anything_is_done_is_a_cancel(scene, small_model, tmp_path):
    raster, _ = scene
    with pytest.raises(Cancelled):
        run(raster, tmp_path / "map.tif", small_model, Recorder(enough_after=0))

    class AfterTheFirstTile(Recorder):
        """Has enough after a tile that finishes no block of the extent."""

        def enough(self) -> bool:
            return self.fractions[-1] > 0

    report = AfterTheFirstTile()
    with pytest.raises(Cancelled):
        run(raster, tmp_path / "map.tif", small_model, report, extent=extent_of(120, 120, 80, 80))
    assert 0 < report.fractions[-1] < 1 and not report.tiles
    assert list(tmp_path.iterdir()) == []


def test_the_result_names_its_model_and_size(scene, small_model, tmp_path):
    result = run(scene[0], tmp_path / "map.tif", small_model)
    assert result.model == ModelName("small", "Small U-Net")
    assert result.bytes == (tmp_path / "map.tif").stat().st_size
    assert json.loads(json.dumps(result.to_dict()))["complete"] is True


def test_a_cancelled_job_leaves_nothing_and_the_next_one_works(scene, small_model, tmp_path):
    raster, whole = scene
    report = Recorder(stop_after=3)
    with pytest.raises(Cancelled):
        run(raster, tmp_path / "map.tif", small_model, report, confidence=str(tmp_path / "c.tif"))
    assert len(report.tiles) == 3
    assert list(tmp_path.iterdir()) == []
    run(raster, tmp_path / "map.tif", small_model)
    np.testing.assert_array_equal(read_labels(tmp_path / "map.tif"), whole)


def test_an_error_in_mid_run_leaves_the_map_that_was_there(scene, small_model, tmp_path):
    raster, _ = scene
    damaged = tmp_path / "damaged.tif"
    with rasterio.open(raster) as dataset:
        write_raster(damaged, dataset.read(), tiled=True, blockxsize=64, blockysize=64, compress="deflate")
    with rasterio.open(damaged) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_3_3", "TIFF", bidx=1))
    with open(damaged, "r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 200)
    output = tmp_path / "out" / "map.tif"
    output.parent.mkdir()
    output.write_bytes(b"the map of yesterday")
    with pytest.raises(ValueError, match=r"damaged\.tif cannot be read to its end"):
        run(damaged, output, small_model)
    assert output.read_bytes() == b"the map of yesterday"
    assert list(output.parent.iterdir()) == [output]


def test_progress_ends_at_one_and_never_goes_back(scene, small_model, tmp_path):
    report = Recorder()
    result = run(scene[0], tmp_path / "map.tif", small_model, report)
    assert report.fractions == sorted(report.fractions)
    assert report.fractions[-1] == 1.0
    assert result.tiles == len(report.tiles) == 3 * 4  # 330 x 410 pixels in tiles of 128 that share 24


def test_the_input_folder_is_left_as_it_was(small_model, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    raster = write_raster(folder / "a.tif", five_bands(130, 130))
    before = raster.read_bytes()
    run(raster, tmp_path / "map.tif", small_model)
    assert list(folder.iterdir()) == [raster]
    assert raster.read_bytes() == before


def test_a_real_flair_patch_gives_a_map_on_its_own_grid(flair_patches, utt_model, tmp_path):
    patch = tmp_path / "in.tif"
    shutil.copyfile(flair_patches / "IMG_050549.tif", patch)
    result = run(patch, tmp_path / "map.tif", utt_model)
    with rasterio.open(patch) as before, rasterio.open(tmp_path / "map.tif") as after:
        assert after.shape == before.shape
        assert after.transform == before.transform
        assert after.crs == before.crs
        labels = after.read(1)
    assert result.tiles == 1
    assert labels.min() >= 1
    assert labels.max() <= 13


def test_a_local_crs_in_metres_is_accepted(flair_patches, small_model, tmp_path):
    """Some real FLAIR masks carry a local CS of the name of Lambert-93; aerial images may too."""
    with rasterio.open(flair_patches / "IMG_050549.tif") as dataset:
        local = 'LOCAL_CS["RGF93 v1 / Lambert-93",UNIT["metre",1],AXIS["E",EAST],AXIS["N",NORTH]]'
        raster = write_raster(tmp_path / "a.tif", dataset.read(window=((0, 140), (0, 140))), crs=local)
    run(raster, tmp_path / "map.tif", small_model)
    assert read_labels(tmp_path / "map.tif").min() >= 1


def test_a_local_crs_in_feet_is_measured_in_metres(scene, small_model, tmp_path):
    raster, whole = scene
    local = 'LOCAL_CS["site",UNIT["foot",0.3048],AXIS["E",EAST],AXIS["N",NORTH]]'
    feet = 0.2 / 0.3048
    with rasterio.open(raster) as dataset:
        moved = write_raster(
            tmp_path / "a.tif", dataset.read(), crs=local, transform=Affine(feet, 0, 1000, 0, -feet, 5000)
        )
    result = run(moved, tmp_path / "map.tif", small_model)
    np.testing.assert_array_equal(read_labels(tmp_path / "map.tif"), whole)
    assert sum(result.areas_m2.values()) == pytest.approx(330 * 410 * 0.04, rel=1e-6)


def test_the_crs_is_kept(scene, small_model, tmp_path):
    run(scene[0], tmp_path / "map.tif", small_model)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.crs == rasterio.crs.CRS.from_string(CRS)
