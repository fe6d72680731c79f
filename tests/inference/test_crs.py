"""Files that say no CRS, a local one or a wrong one: the map is that of the file that says the right one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.image import ImageSettings
from flair_landcover.inference.raster.aerial import describe_aerial
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from .conftest import CRS, ORIGIN, Recorder, picture, read_labels, write_raster

LOCAL = 'LOCAL_CS["RGF93 v1 / Lambert-93",UNIT["metre",1],AXIS["E",EAST],AXIS["N",NORTH]]'
FEET = 'LOCAL_CS["site",UNIT["foot",0.3048],AXIS["E",EAST],AXIS["N",NORTH]]'


def run(raster: Path, output: Path, model: Path, **settings) -> tuple[np.ndarray, list[str]]:
    """The labels and what was told."""
    report = Recorder()
    settings = {"model": str(model), "device": "cpu", "precision": "fp32", **settings}
    segment(segmentation_job(str(raster), str(output), **settings), report)
    return read_labels(output), report.warnings


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return picture(4, 200, 260).astype(np.uint8)


@pytest.fixture(scope="module")
def heights() -> np.ndarray:
    """In metres, on pixels of 0.5 m."""
    return picture(1, 80, 104, seed=5, top=30).astype(np.float32)


HALF = Affine(0.5, 0, ORIGIN[0], 0, -0.5, ORIGIN[1])


@pytest.fixture(scope="module")
def known(pixels, heights, small_model, tmp_path_factory) -> tuple[np.ndarray, np.ndarray]:
    """The labels without and with heights, of files that say their CRS."""
    folder = tmp_path_factory.mktemp("known")
    image = write_raster(folder / "a.tif", pixels)
    above = write_raster(folder / "h.tif", heights, transform=HALF)
    bare, _ = run(image, folder / "map.tif", small_model)
    with_heights, _ = run(image, folder / "map.tif", small_model, elevation=str(above))
    assert (bare != with_heights).any()
    return bare, with_heights


def crs_of(path: Path) -> rasterio.crs.CRS:
    with rasterio.open(path) as dataset:
        return dataset.crs


@pytest.mark.parametrize("given", [CRS, rasterio.crs.CRS.from_string(CRS).to_wkt()])
def test_the_crs_that_is_given_counts_where_the_file_has_none(given, pixels, known, small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", pixels, crs=None)
    labels, told = run(raster, tmp_path / "map.tif", small_model, crs=given, strict=False)
    np.testing.assert_array_equal(labels, known[0])
    assert crs_of(tmp_path / "map.tif") == rasterio.crs.CRS.from_string(CRS)
    assert "The aerial raster has no CRS of its own: it is taken to be in EPSG:2154, as given." in told
    assert not any("taken as metres" in each for each in told)


@pytest.mark.parametrize("own", ["EPSG:27572", "EPSG:4326", LOCAL])
def test_the_crs_that_is_given_counts_before_the_files(own, pixels, known, small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", pixels, crs=own)
    labels, told = run(raster, tmp_path / "map.tif", small_model, crs=CRS)
    np.testing.assert_array_equal(labels, known[0])
    assert crs_of(tmp_path / "map.tif") == rasterio.crs.CRS.from_string(CRS)
    name = "RGF93 v1 / Lambert-93" if own == LOCAL else own
    assert f"The aerial raster's file says the CRS {name}; it is taken to be in EPSG:2154, as given." in told


def test_the_files_own_crs_given_again_is_not_worth_a_word(pixels, tmp_path):
    raster = write_raster(tmp_path / "a.tif", pixels)
    told: list = []
    source = describe_aerial(ImageSettings((str(raster),), crs=CRS, bands="R=1 G=2 B=3"), told.append)
    assert not any("crs" in each.code for each in told)
    assert source.geobox == describe_aerial(ImageSettings((str(raster),), bands="R=1 G=2 B=3"), told.append).geobox


@pytest.mark.parametrize(("given", "says"), [("EPSG:999999", "EPSG:999999"), ("Lambert", "is none that is known")])
def test_a_crs_that_is_none_is_refused(given, says, pixels, tmp_path):
    raster = write_raster(tmp_path / "a.tif", pixels, crs=None)
    with pytest.raises(BadInput, match=says) as caught:
        describe_aerial(ImageSettings((str(raster),), crs=given), lambda told: None)
    assert caught.value.field == "crs" and str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_heights_without_a_crs_that_fall_on_the_image_are_in_its(pixels, heights, known, small_model, tmp_path):
    image = write_raster(tmp_path / "a.tif", pixels)
    grid = tmp_path / "h.asc"
    rows = "\n".join(" ".join(f"{value:.2f}" for value in row) for row in heights[0])
    grid.write_text(
        f"ncols 104\nnrows 80\nxllcorner {ORIGIN[0]}\nyllcorner {ORIGIN[1] - 40}\ncellsize 0.5\n"
        f"NODATA_value -9999\n{rows}\n"
    )
    labels, told = run(image, tmp_path / "map.tif", small_model, elevation=str(grid))
    np.testing.assert_array_equal(labels, known[1])
    said = f"The raster {grid} has no CRS: it is taken to be in the aerial raster's, on which it falls."
    assert said in told
    with pytest.raises(BadInput, match="has no CRS") as caught:
        run(image, tmp_path / "strict.tif", small_model, elevation=str(grid), strict=True)
    assert caught.value.field == "elevation"


def test_heights_without_a_crs_that_fall_elsewhere_are_refused(pixels, heights, small_model, tmp_path):
    image = write_raster(tmp_path / "a.tif", pixels)
    away = write_raster(tmp_path / "h.tif", heights, crs=None, transform=Affine(0.5, 0, 0, 0, -0.5, 40))
    with pytest.raises(BadInput) as caught:
        run(image, tmp_path / "map.tif", small_model, elevation=str(away))
    assert caught.value.field == "elevation"
    assert str(caught.value) == (
        f"The elevation raster {away} has no CRS, and the coordinates of both do not fall on each other (0 0 52 40, "
        "the extent 652000 6861960 652052 6862000): assign its CRS first, or choose a raster of the same place."
    )


def test_heights_in_another_crs_are_laid_under_an_image_whose_crs_is_given(
    pixels, heights, known, small_model, tmp_path
):
    image = write_raster(tmp_path / "a.tif", pixels, crs=None)
    above = write_raster(tmp_path / "h.tif", heights, transform=HALF)
    labels, _ = run(image, tmp_path / "map.tif", small_model, crs=CRS, elevation=str(above))
    np.testing.assert_array_equal(labels, known[1])


@pytest.mark.parametrize(
    ("own", "of_heights", "says"),
    [
        (None, CRS, "The aerial raster has no CRS: the coordinates of the raster"),
        (None, None, ""),
        (LOCAL, CRS, "has a local CRS, whose place on Earth is unknown"),
        (CRS, LOCAL, "has a local CRS, whose place on Earth is unknown"),
        (LOCAL, LOCAL, ""),
        (LOCAL, None, "has no CRS: it is taken to be in the aerial raster's"),
    ],
)
def test_coordinates_are_taken_as_they_are_where_one_of_both_is_nowhere_on_earth(
    own, of_heights, says, pixels, heights, known, small_model, tmp_path
):
    image = write_raster(tmp_path / "a.tif", pixels, crs=own)
    above = write_raster(tmp_path / "h.tif", heights, crs=of_heights, transform=HALF)
    labels, told = run(image, tmp_path / "map.tif", small_model, elevation=str(above))
    np.testing.assert_array_equal(labels, known[1])
    beside = [each for each in told if str(above) in each]
    assert len(beside) == bool(says) and all(says in each for each in beside)


def test_heights_of_a_local_crs_elsewhere_are_refused(pixels, heights, small_model, tmp_path):
    image = write_raster(tmp_path / "a.tif", pixels, crs=LOCAL)
    away = write_raster(tmp_path / "h.tif", heights, transform=Affine(0.5, 0, 152000, 0, -0.5, ORIGIN[1]))
    with pytest.raises(BadInput, match="cannot be transformed to the aerial raster's CRS: check both CRS"):
        run(image, tmp_path / "map.tif", small_model, elevation=str(away))


def test_a_local_crs_in_feet_is_resampled_as_one_in_metres(pixels, small_model, tmp_path):
    in_metres = write_raster(tmp_path / "m.tif", pixels, crs=LOCAL, transform=Affine(0.3, 0, 300, 0, -0.3, 600))
    foot = 0.3 / 0.3048
    in_feet = write_raster(
        tmp_path / "f.tif", pixels, crs=FEET, transform=Affine(foot, 0, 300 / 0.3048, 0, -foot, 600 / 0.3048)
    )
    wanted, _ = run(in_metres, tmp_path / "map.tif", small_model)
    labels, _ = run(in_feet, tmp_path / "map.tif", small_model)
    assert labels.shape == wanted.shape == (300, 390)
    assert (labels == wanted).mean() > 0.995  # bilinear ties round up or down with the units of the transform


@pytest.mark.parametrize(
    ("own", "of_infrared", "says"),
    [
        (CRS, None, "The infrared image has no CRS: it is taken to be in the image's."),
        (None, CRS, "The aerial raster has no CRS: the coordinates of the raster"),
        (LOCAL, CRS, "has a local CRS, whose place on Earth is unknown"),
        (CRS, CRS, ""),
    ],
)
def test_an_infrared_image_is_laid_on_the_image_as_heights_are(
    own, of_infrared, says, pixels, known, small_model, tmp_path
):
    image = write_raster(tmp_path / "a.tif", pixels[:3], crs=own)
    infrared = write_raster(tmp_path / "irc.tif", pixels[[3, 0, 1]], crs=of_infrared)
    labels, told = run(image, tmp_path / "map.tif", small_model, infrared=str(infrared))
    np.testing.assert_array_equal(labels, known[0])
    beside = [each for each in told if "CRS" in each and ("infrared" in each or str(infrared) in each)]
    assert len(beside) == bool(says) and all(says in each for each in beside)


def test_an_infrared_image_without_a_crs_that_falls_elsewhere_is_refused(pixels, small_model, tmp_path):
    image = write_raster(tmp_path / "a.tif", pixels[:3])
    away = Affine(0.2, 0, 0, 0, -0.2, 40)
    infrared = write_raster(tmp_path / "irc.tif", pixels[[3, 0, 1]], crs=None, transform=away)
    with pytest.raises(BadInput, match="does not cover the image") as caught:
        run(image, tmp_path / "map.tif", small_model, infrared=str(infrared))
    assert caught.value.field == "infrared"
