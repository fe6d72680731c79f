"""Colours and colour infrared in two files give the map of the file of four bands, to the pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.notices import Notice, english
from flair_landcover.contract.partner import partner_of
from flair_landcover.engine import cli
from flair_landcover.inference.describe import describe
from flair_landcover.inference.raster.aerial import describe_aerial
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from .bdortho import CRS, cut, real_scene, write
from .conftest import Recorder, make_model, read_labels

RGB, IRC = [0, 1, 2], [3, 0, 1]
NAME = "34-2021-0770-6280-LA93-0M20-E080"
INFRARED = "34-2021-0770-6280-LA93-0M20-IRC-E080"


class Scene:
    """A part of a real scene, its map from one file of four bands, and maps of it in other forms."""

    def __init__(self, folder: Path, model: Path) -> None:
        pixels, self.transform = real_scene()
        self.folder, self.model, self.pixels = folder, model, pixels[:4, :190, :200]
        self.whole = write(folder / "whole.tif", self.pixels, self.transform)
        self.labels, _ = self.map(self.whole)

    def map(self, *paths: Path, **settings) -> tuple[np.ndarray, list[str]]:
        """Labels of paths as one image, and the warnings."""
        report = Recorder()
        output = str(self.folder / "map.tif")
        settings = {"model": str(self.model), "device": "cpu", "precision": "fp32", **settings}
        segment(segmentation_job(tuple(map(str, paths)), output, **settings), report)
        return read_labels(Path(output)), report.warnings

    def pair(self, folder: Path, shift: tuple[float, float] = (0, 0), **settings) -> tuple[Path, Path]:
        """The scene's two files."""
        rgb = write(folder / f"{NAME}.tif", self.pixels[RGB], self.transform, photometric="RGB")
        moved = self.transform * Affine.translation(*shift)
        return rgb, write(folder / f"{INFRARED}.tif", self.pixels[IRC], moved, photometric="RGB", **settings)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Scene:
    card = ModelCard(
        id="rgbi",
        title="Small RGBI",
        architecture="smp:Unet:resnet18",
        tile_size=128,
        inputs=("red", "green", "blue", "nir"),
        scale=1.0,
        means=(110.0, 110.0, 105.0, 100.0),
        stds=(50.0, 45.0, 42.0, 40.0),
    )
    folder = tmp_path_factory.mktemp("scene")
    return Scene(folder, make_model(folder / "model", card))


def test_two_files_give_the_map_of_the_one_of_four_bands(scene, tmp_path):
    rgb, infrared = scene.pair(tmp_path)
    labels, told = scene.map(rgb, infrared=str(infrared))
    assert len(np.unique(labels)) > 3
    np.testing.assert_array_equal(labels, scene.labels)
    assert told == [f"The near infrared is band 1 of {infrared}."]


def test_the_infrared_is_what_makes_the_map(scene, tmp_path):
    rgb, _ = scene.pair(tmp_path)
    _, wrong = scene.pair(tmp_path / "wrong")
    with rasterio.open(wrong, "r+") as dataset:
        dataset.write(255 - dataset.read(1), 1)
    labels, _ = scene.map(rgb, infrared=str(wrong))
    assert (labels != scene.labels).any()


def test_two_jpeg_2000_files_give_the_map_of_the_one_of_four_bands(scene, tmp_path):
    lossless = {"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": "100"}
    files = [tmp_path / f"{path.stem}.jp2" for path in scene.pair(tmp_path)]
    for path in files:
        rasterio.shutil.copy(str(path.with_suffix(".tif")), str(path), **lossless)
    labels, _ = scene.map(files[0], infrared=str(files[1]))
    np.testing.assert_array_equal(labels, scene.labels)


def test_two_files_given_as_one_image_are_told_apart_by_their_names(scene, tmp_path):
    labels, told = scene.map(*scene.pair(tmp_path))
    np.testing.assert_array_equal(labels, scene.labels)
    assert any(text.startswith("Among the rasters is the infrared image of another one") for text in told)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_infrared_of_8_bits_in_another_type_is_taken_as_it_is(scene, tmp_path, dtype):
    rgb, _ = scene.pair(tmp_path)
    path = write(tmp_path / "other_irc.tif", scene.pixels[IRC].astype(dtype), scene.transform)
    labels, _ = scene.map(rgb, infrared=str(path))
    np.testing.assert_array_equal(labels, scene.labels)


@pytest.mark.parametrize("given", ["beside", "folder", "tile", "all"])
def test_tiles_of_both_give_the_map_of_the_one_of_four_bands(scene, tmp_path, given):
    cuts = {"columns": [90], "rows": [70]}
    folders = {"beside": ("all", "all"), "all": ("all", "all"), "folder": ("rvb", "irc"), "tile": ("rvb", "one")}[given]
    for bands, folder, word in ((RGB, folders[0], ""), (IRC, folders[1], "-IRC")):
        for name, part in cut(scene.pixels[bands], scene.transform, **cuts).items():
            write(tmp_path / folder / f"{name}{word}-E080.tif", *part, photometric="RGB")
    if given == "tile":
        write(tmp_path / "one.tif", scene.pixels[IRC], scene.transform)
    infrared = {"beside": None, "folder": "irc", "tile": "one.tif", "all": "all"}[given]
    infrared = infrared and str(tmp_path / infrared)
    labels, told = scene.map(tmp_path / folders[0], infrared=infrared)
    np.testing.assert_array_equal(labels, scene.labels)
    assert ("Among the rasters are the infrared images of others" in " ".join(told)) == (given == "beside")


def test_a_described_band_is_the_near_infrared_whatever_its_place(scene, tmp_path):
    rgb, _ = scene.pair(tmp_path)
    other = write(tmp_path / "other.tif", scene.pixels[[0, 1, 3]], scene.transform)
    with rasterio.open(other, "r+") as dataset:
        dataset.descriptions = ("Rouge", "Vert", "Proche infrarouge")
    labels, told = scene.map(rgb, infrared=str(other))
    np.testing.assert_array_equal(labels, scene.labels)
    assert told == [f"The near infrared is band 3 of {other}."]


@pytest.mark.parametrize("shift", [(0.3, -0.2), (1.4, 0.45), (-3.2, 2.1)])
def test_a_grid_that_is_a_part_of_a_pixel_off_is_aligned(scene, tmp_path, shift):
    whole = round(shift[0]), int(np.floor(shift[1] + 0.5))
    rgb, _ = scene.pair(tmp_path)
    infrared = np.roll(scene.pixels[IRC], (-whole[1], -whole[0]), (1, 2))  # the same pixels at the nearest places
    larger = np.pad(infrared, ((0, 0), (5, 5), (5, 5)), mode="wrap")
    path = write(tmp_path / "a_irc.tif", larger, scene.transform * Affine.translation(shift[0] - 5, shift[1] - 5))
    labels, told = scene.map(rgb, infrared=str(path))
    np.testing.assert_array_equal(labels, scene.labels)
    assert any("they are moved by 0." in text and "of a pixel to the nearest" in text for text in told)


def test_an_infrared_image_of_other_pixels_is_resampled(scene, tmp_path):
    rgb, _ = scene.pair(tmp_path)
    coarse = scene.pixels[IRC].reshape(3, 95, 2, 100, 2).mean((2, 4)).round().astype(np.uint8)
    path = write(tmp_path / "coarse_irc.tif", coarse, scene.transform * Affine.scale(2))
    labels, told = scene.map(rgb, infrared=str(path))
    assert labels.all()
    assert (labels == scene.labels).mean() > 0.9
    assert any("it is resampled" in text for text in told)


def test_an_infrared_image_of_another_crs_is_resampled(scene, tmp_path):
    rgb, infrared = scene.pair(tmp_path)
    with rasterio.open(infrared) as dataset:
        transform, width, height = calculate_default_transform(
            CRS, "EPSG:32631", dataset.width, dataset.height, *dataset.bounds, resolution=0.2
        )
        warped = np.zeros((3, height, width), np.uint8)
        reproject(
            dataset.read(), warped, src_transform=dataset.transform, src_crs=CRS, dst_transform=transform,
            dst_crs="EPSG:32631", resampling=Resampling.bilinear,
        )  # fmt: skip
    path = write(tmp_path / "utm_irc.tif", warped, transform, crs="EPSG:32631", nodata=0)
    labels, told = scene.map(rgb, infrared=str(path))
    assert any("it is resampled" in text for text in told)
    assert (labels[8:-8, 8:-8] == scene.labels[8:-8, 8:-8]).mean() > 0.9


def test_labels_of_a_resampled_infrared_do_not_depend_on_the_extent(scene, tmp_path):
    rgb, _ = scene.pair(tmp_path)
    fine = np.kron(scene.pixels[IRC], np.ones((2, 2), np.uint8))[:, 1:-1, 1:-1]
    path = write(tmp_path / "fine_irc.tif", fine, scene.transform * Affine.translation(0.3, 0.3) * Affine.scale(0.52))
    whole, _ = scene.map(rgb, infrared=str(path))
    left, top = scene.transform * (30, 10)
    part, _ = scene.map(rgb, infrared=str(path), extent=[left, top - 0.2 * 100, left + 0.2 * 90, top])
    np.testing.assert_array_equal(part, whole[10:110, 30:120])


def test_where_the_infrared_ends_there_is_no_map(scene, tmp_path):
    rgb, _ = scene.pair(tmp_path)
    part = write(tmp_path / "part_irc.tif", scene.pixels[IRC][:, :, :150], scene.transform)
    holed = scene.pixels.copy()
    holed[:, :, 150:] = 0
    expected, _ = scene.map(write(tmp_path / "holed.tif", holed, scene.transform, nodata=0))
    labels, told = scene.map(rgb, infrared=str(part))
    assert not labels[:, 150:].any()
    np.testing.assert_array_equal(labels, expected)
    assert "The infrared image covers 75 % of the image: the rest is left out of the map." in told


@pytest.mark.parametrize("form", ["nodata", "alpha", "mask"])
def test_where_the_image_has_no_data_the_infrared_makes_none(scene, tmp_path, form):
    holed = scene.pixels.copy()
    holed[:, 100:, :60] = 0
    rgb, infrared = scene.pair(tmp_path)  # whose infrared is whole
    opaque = np.where(holed.any(0), 255, 0).astype(np.uint8)
    expected, _ = scene.map(write(tmp_path / "whole.tif", holed, scene.transform, nodata=0))
    if form == "alpha":
        rgb = write(
            tmp_path / "a.tif",
            np.concatenate([holed[RGB], opaque[None]]),
            scene.transform,
            alpha="YES",
            photometric="RGB",
        )
    else:
        rgb = write(tmp_path / "a.tif", holed[RGB], scene.transform, nodata=0 if form == "nodata" else None)
    if form == "mask":
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(rgb, "r+") as dataset:
            dataset.write_mask(opaque)
    labels, _ = scene.map(rgb, infrared=str(infrared))
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("tiled", [False, True])
def test_a_collar_that_is_not_declared_is_that_of_the_file_of_four_bands(scene, tmp_path, tiled):
    collared = scene.pixels.copy()
    collared[:, :, :40] = collared[:, 150:] = 0
    expected, _ = scene.map(write(tmp_path / "whole.tif", collared, scene.transform))
    assert not expected[:, :40].any() and not expected[150:].any() and expected[:150, 40:].all()
    for bands, word in ((RGB, ""), (IRC, "-IRC")):
        parts = {"scene": (collared[bands], scene.transform)}
        for name, part in (cut(*parts["scene"], [90], [70]) if tiled else parts).items():
            write(tmp_path / "tiles" / f"{name}{word}.tif", *part, photometric="RGB")
    labels, _ = scene.map(tmp_path / "tiles")
    np.testing.assert_array_equal(labels, expected)


def test_an_infrared_image_beside_that_is_not_given_is_told_of(scene, tmp_path):
    rgb, infrared = scene.pair(tmp_path)
    found: list[Notice] = []
    describe_aerial(ImageSettings((str(rgb),)), found.append)
    assert [english(told) for told in found] == [
        f"By its name {infrared} is the infrared image of this place: give it as the infrared image to map with it."
    ]
    assert (found[0].setting, found[0].doubt) == ("infrared", False)
    whole = write(tmp_path / f"{NAME}.jp2.tif", scene.pixels, scene.transform)
    describe_aerial(ImageSettings((str(whole),)), found.append)
    assert len(found) == 1


def test_the_command_line_takes_the_infrared_image(scene, tmp_path):
    rgb, infrared = scene.pair(tmp_path)
    output = tmp_path / "map.tif"
    fixed = ["--model", str(scene.model), "--device", "cpu", "--precision", "fp32", "--strict"]
    assert cli.run(["segment", str(rgb), str(output), "--infrared", str(infrared), *fixed]) == 0
    np.testing.assert_array_equal(read_labels(output), scene.labels)


REAL = {
    "ign-bdortho/770550_6277550_montpellier.tif": (40, 60),
    "ign-bdortho/792000_6272000_0.tif": (40, 60),
    "ign-lidar-scenes/484649_6632630_fields.tif": (500, 300),  # at 0.4 m
    "ign-lidar-scenes/874375_6616670.tif": (40, 60),
}


@pytest.mark.parametrize("name", REAL)
def test_real_scenes_as_tiles_of_two_products_and_heights_apart_give_the_map_of_five_bands(small_model, tmp_path, name):
    pixels, transform = real_scene(name)
    column, row = REAL[name]
    pixels = pixels[:, row : row + 150, column : column + 160]
    transform = transform * Affine.translation(column, row)
    made = Scene.__new__(Scene)
    made.folder, made.model = tmp_path, small_model
    whole = write(tmp_path / "whole.tif", pixels, transform)
    bands = "R=1 G=2 B=3 NIR=4 ELEVATION=5"
    expected, _ = made.map(whole, bands=bands)
    for tile, part in cut(pixels, transform, [70], [90]).items():
        write(tmp_path / "five" / f"{tile}.tif", *part)
    np.testing.assert_array_equal(made.map(tmp_path / "five", bands=bands)[0], expected)
    assert len(np.unique(expected)) > 3
    for bands, product, word in ((RGB, "RVB", ""), (IRC, "IRC", "-IRC")):
        folder = tmp_path / f"BDORTHO_2-0_{product}-0M20" / "ORTHOHR" / f"OHR_{product}_0M20"
        for tile, part in cut(pixels[bands], transform, [70], [90]).items():
            write(folder / f"{tile}-LA93-0M20{word}-E080.tif", *part, photometric="RGB")
    metres = write(tmp_path / "heights.tif", (pixels[4:] * np.float32(0.2)).astype(np.float32), transform)
    image = tmp_path / "BDORTHO_2-0_RVB-0M20"
    assert partner_of(str(image)) == str(tmp_path / "BDORTHO_2-0_IRC-0M20")
    labels, _ = made.map(image, infrared=partner_of(str(image)), elevation=str(metres))
    np.testing.assert_array_equal(labels, expected)


def test_an_infrared_image_of_another_place_is_refused(scene, tmp_path):
    rgb, infrared = scene.pair(tmp_path, shift=(400, 0))
    with pytest.raises(BadInput, match="does not cover the image") as refused:
        scene.map(rgb, infrared=str(infrared))
    assert refused.value.field == "infrared"


def test_an_infrared_image_that_is_the_image_itself_is_refused(scene, tmp_path):
    rgb, _ = scene.pair(tmp_path)
    with pytest.raises(BadInput, match="shows the image's own band 1 as near infrared") as refused:
        scene.map(rgb, infrared=str(rgb))
    assert refused.value.field == "infrared"


@pytest.mark.parametrize("what", ["cut", "gone"])
def test_an_infrared_image_that_is_not_whole_is_refused(scene, tmp_path, what):
    rgb, infrared = scene.pair(tmp_path)
    if what == "cut":
        infrared.write_bytes(infrared.read_bytes()[:-500])
    else:
        infrared.unlink()
    with pytest.raises(BadInput, match=f"The infrared image {infrared} (is truncated|does not exist)") as refused:
        scene.map(rgb, infrared=str(infrared))
    assert refused.value.field == "infrared"


def test_the_output_may_not_be_the_infrared_image(scene, tmp_path):
    rgb, infrared = scene.pair(tmp_path)
    with pytest.raises(BadInput, match="is one of the inputs"):
        segment(
            segmentation_job((str(rgb),), str(infrared), infrared=str(infrared), model=str(scene.model)), Recorder()
        )


def test_a_given_infrared_image_counts_before_the_images_own_band(scene, tmp_path):
    _, infrared = scene.pair(tmp_path)
    wrong = scene.pixels.copy()
    wrong[3] = 255 - wrong[3]
    image = write(tmp_path / "wrong.tif", wrong, scene.transform)
    labels, told = scene.map(image, infrared=str(infrared))
    np.testing.assert_array_equal(labels, scene.labels)
    assert any("The image's own near infrared, band 4, is not used" in text for text in told)


def test_an_infrared_image_without_crs_is_taken_to_be_in_the_images(scene, tmp_path):
    rgb, infrared = scene.pair(tmp_path, crs=None)
    labels, told = scene.map(rgb, infrared=str(infrared))
    np.testing.assert_array_equal(labels, scene.labels)
    assert "The infrared image has no CRS: it is taken to be in the image's." in told


def test_the_description_shows_the_infrared_as_a_band_more(scene, tmp_path):
    rgb, infrared = scene.pair(tmp_path)
    found = describe(ImageSettings((str(rgb),), infrared=str(infrared)), None)
    assert (found.count, found.bands) == (4, {"red": 1, "green": 2, "blue": 3, "nir": 4})
    assert [told.code for told in found.findings] == ["infrared_taken"]
    assert [told.setting for told in found.findings] == ["infrared"]
