"""Heights as people have them: taken as the well-formed ones, doubted with what they look like, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.notices import Notice
from flair_landcover.inference.check import check_job
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import changed, segmentation_job

from ..conftest import ORIGIN, SHARED_DATA, Recorder, picture, read_labels, write_raster

FEET = "EPSG:2263"  # New York Long Island (ftUS)


def canopy(rows: int = 600, columns: int = 600) -> np.ndarray:
    """Trees up to 15 m with level ground between, metres in steps of 0.2 m, (rows, columns) float32."""
    heights = np.maximum(picture(1, rows, columns, seed=5)[0] / 5 - 28, 0)
    return (np.round(heights / 0.2) * 0.2).astype(np.float32)


def ground(rows: int = 600, columns: int = 600) -> np.ndarray:
    """A terrain that rises gently from 90 m, in steps of 0.2 m, (rows, columns) float32."""
    slope = 90 + np.arange(columns) / columns * 12
    return np.broadcast_to(np.round(slope / 0.2) * 0.2, (rows, columns)).astype(np.float32)


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "colours.tif", picture(4, 600, 600).astype(np.uint8), alpha="no")


@pytest.fixture
def found(colours: Path, small_model: Path, tmp_path: Path):
    """What the check of a job says of heights: notices about them."""

    def look(heights: np.ndarray | Path, terrain: np.ndarray | Path | None = None, **settings) -> list[Notice]:
        told: list[Notice] = []
        paths = {}
        for name, given in (("elevation", heights), ("terrain", terrain)):
            if isinstance(given, np.ndarray):
                given = write_raster(tmp_path / f"{name}.tif", given if given.ndim == 3 else given[None], **settings)
            if given is not None:
                paths[name] = str(given)
        check_job(
            segmentation_job(str(colours), str(tmp_path / "map.tif"), model=str(small_model), **paths), told.append
        )
        return [each for each in told if each.setting in paths]

    return look


def labels_of(colours: Path, model: Path, **settings) -> np.ndarray:
    output = colours.with_name("map.tif")
    extent = (ORIGIN[0], ORIGIN[1] - 60, ORIGIN[0] + 50, ORIGIN[1] - 10)
    segment(segmentation_job(str(colours), str(output), model=str(model), extent=extent, **settings), Recorder())
    return read_labels(output)


def test_heights_above_ground_are_taken_as_they_are(found):
    assert found(canopy()) == []
    assert found(canopy() + ground(), ground()) == []


@pytest.mark.parametrize("above", [2.2, 30, 112, 400])
def test_a_surface_model_above_sea_level_is_doubted(above, found):
    """Also one of a flat coast: level places are the ground, and they lie above 2 m."""
    (told,) = found(canopy() + np.float32(above))
    assert told.code == "heights_above_sea" and told.doubt and told.setting == "elevation"
    assert told.values["low"] == pytest.approx(above, abs=0.1)
    assert told.evidence["lowest_m"] == pytest.approx(above, abs=0.1) and told.picture


def test_a_surface_model_above_a_rising_terrain_is_doubted(found):
    assert [told.code for told in found(canopy() + ground())] == ["heights_above_sea"]


@pytest.mark.parametrize("dtype", ["float32", "uint16", "int32"])
def test_centimetres_are_refused(dtype, found):
    with pytest.raises(BadInput, match="centimetres") as caught:
        found((canopy() * 100).round().astype(dtype))
    assert caught.value.field == "elevation"


def test_millimetres_are_refused(found):
    with pytest.raises(BadInput, match="no metres") as caught:
        found(canopy() * 1000)
    assert caught.value.field == "elevation"


def test_heights_that_are_too_tall_on_much_of_the_place_are_doubted(found):
    """As decimetres are."""
    (told,) = found(canopy() * np.float32(10.5))
    assert told.code == "tall_heights" and told.values["percent"] > 5


def test_heights_far_below_0_are_refused(found):
    with pytest.raises(BadInput, match="below 0"):
        found(canopy() - 45)


def test_heights_that_lie_below_0_in_part_are_doubted(found):
    heights = canopy()
    heights[:200] -= 30
    assert [told.code for told in found(heights)] == ["heights_below_ground"]


@pytest.mark.parametrize("value", [0, 1])
def test_heights_of_one_value_are_doubted(value, found):
    (told,) = found(np.full((600, 600), value, np.float32))
    assert told.code == "flat_heights" and told.values == {"value": value}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_digital_numbers_of_flair_that_are_given_as_metres_are_doubted(dtype, found):
    (told,) = found((canopy() / 0.2).round().astype(dtype))
    assert told.code == "digital_heights" and "divide them by 5" in told.templates[told.code]


@pytest.mark.parametrize("bands", [3, 4])
def test_a_coloured_picture_is_refused(bands, found):
    pixels = picture(bands, 600, 600).astype(np.uint8)
    with pytest.raises(BadInput, match="coloured picture") as caught:
        found(pixels, photometric="rgb")
    assert caught.value.field == "elevation"


def test_a_palette_is_refused(found, tmp_path):
    path = write_raster(tmp_path / "palette.tif", picture(1, 600, 600).astype(np.uint8))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {value: (value, 255 - value, 0, 255) for value in range(256)})
    with pytest.raises(BadInput, match="coloured picture"):
        found(path)


def test_of_several_bands_the_first_is_taken_with_a_word(found):
    heights = np.stack([canopy(), np.ones((600, 600), np.float32)])
    assert [told.code for told in found(heights)] == ["first_band_as_heights"]


def test_complex_heights_are_refused(found):
    with pytest.raises(BadInput, match="complex"):
        found(canopy().astype(np.complex64))


@pytest.mark.parametrize("fill", [1e30, -3.4028234663852886e38, -9999, -32768, 9999, 65535, float("inf")])
def test_an_undeclared_fill_is_no_data_as_a_declared_one(fill, colours, found, small_model, tmp_path):
    heights = canopy()
    heights[100:200, 50:220] = fill
    heights = heights[None]
    declared = write_raster(tmp_path / "declared.tif", heights, nodata=None if np.isinf(fill) else fill)
    told = found(heights[0])
    if np.isfinite(fill):
        (only,) = told
        assert only.code == "undeclared_fill" and not only.doubt and only.values["percent"] in range(3, 8)
    heights[0, 100:200, 50:220] = np.where(np.isinf(fill), 0, fill)
    expected = labels_of(colours, small_model, elevation=str(declared))
    undeclared = write_raster(tmp_path / "undeclared.tif", heights)
    np.testing.assert_array_equal(labels_of(colours, small_model, elevation=str(undeclared)), expected)


def test_an_undeclared_fill_is_not_mixed_with_its_neighbours_where_heights_are_resampled(
    colours, small_model, tmp_path
):
    heights = canopy()[None, ::4, ::4].copy()
    heights[0, 30:60, 10:50] = 9999
    settings = {"transform": Affine(0.8, 0, ORIGIN[0], 0, -0.8, ORIGIN[1])}
    maps = [
        labels_of(colours, small_model, elevation=str(write_raster(tmp_path / "h.tif", heights, nodata=n, **settings)))
        for n in (9999, None)
    ]
    np.testing.assert_array_equal(maps[1], maps[0])


@pytest.mark.parametrize("settings", [{"nodata": -9999}, {}])
def test_heights_without_any_value_are_refused(settings, found):
    with pytest.raises(BadInput, match="has no heights where the map is to be") as caught:
        found(np.full((600, 600), -9999, np.float32), **settings)
    assert caught.value.field == "elevation"


def test_heights_with_holes_are_told_to_cover_a_part(found):
    heights = canopy()
    heights[:, :300] = np.nan
    (told,) = found(heights)
    assert told.code == "heights_end" and 40 <= told.values["percent"] <= 60 and not told.doubt


def test_surface_and_terrain_that_are_swapped_are_refused(found):
    with pytest.raises(BadInput, match="swapped") as caught:
        found(ground(), canopy() + ground())
    assert caught.value.field == "terrain"


def test_models_of_different_height_systems_are_doubted_or_refused(found):
    """Between heights above the ellipsoid and above the sea lie 45 m in France."""
    (told,) = found(canopy() + ground() + 45, ground())
    assert told.code == "models_apart" and told.values["low"] == pytest.approx(45, abs=0.1)
    with pytest.raises(BadInput, match="height systems"):
        found(canopy() + ground() - 45, ground())


def test_models_of_different_units_are_refused(found):
    with pytest.raises(BadInput, match="no metres") as caught:
        found((canopy() + ground()) * 100, ground())
    assert caught.value.field == "elevation"
    with pytest.raises(BadInput, match="no metres") as caught:
        found(canopy() + ground(), ground() * 100)
    assert caught.value.field == "terrain"
    with pytest.raises(BadInput, match="different units"):
        found((canopy() + ground()) * 10, ground())


def test_one_model_that_is_given_twice_is_doubted(found):
    assert [told.code for told in found(ground(), ground())] == ["flat_heights"]


def test_a_surface_that_lies_below_the_terrain_in_part_is_doubted(found):
    surface = canopy() + ground()
    surface[:, :150] -= 20
    assert [told.code for told in found(surface, ground())] == ["surface_below_terrain"]


def test_0_far_below_a_terrain_is_no_data(colours, found, small_model, tmp_path):
    """QGIS's Merge leaves it between tiles."""
    terrain = ground()
    terrain[200:300, 50:200] = 0
    surface = canopy() + ground()
    (told,) = found(surface, terrain)
    assert told.code == "undeclared_fill" and told.setting == "terrain" and told.values["value"] == 0
    paths = {"elevation": write_raster(tmp_path / "s.tif", surface[None])}
    maps = [
        labels_of(
            colours,
            small_model,
            elevation=str(paths["elevation"]),
            terrain=str(write_raster(tmp_path / "t.tif", terrain[None], nodata=nodata)),
        )
        for nodata in (0, None)
    ]
    np.testing.assert_array_equal(maps[1], maps[0])


@pytest.mark.parametrize(
    ("unit", "factor"), [("ft", 0.3048), ("US survey foot", 1200 / 3937), ("cm", 0.01), ("centimetre", 0.01)]
)
def test_a_declared_unit_is_converted(unit, factor, colours, found, small_model, tmp_path):
    metres = write_raster(tmp_path / "metres.tif", canopy()[None])
    other = write_raster(tmp_path / "other.tif", (canopy() / np.float32(factor))[None])
    with rasterio.open(other, "r+") as dataset:
        dataset.units = (unit,)
    (told,) = found(other)
    assert told.code == "heights_in_unit" and not told.doubt
    expected = labels_of(colours, small_model, elevation=str(metres))
    assert (labels_of(colours, small_model, elevation=str(other)) == expected).mean() > 0.99


def test_a_declared_scale_and_offset_are_applied(colours, found, small_model, tmp_path):
    metres = write_raster(tmp_path / "metres.tif", canopy()[None])
    scaled = write_raster(tmp_path / "scaled.tif", ((canopy() + 10) * 100).round().astype(np.uint16)[None])
    with rasterio.open(scaled, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.01,), (-10.0,)
    assert found(scaled) == []
    expected = labels_of(colours, small_model, elevation=str(metres))
    assert (labels_of(colours, small_model, elevation=str(scaled)) == expected).mean() > 0.99


@pytest.mark.parametrize("crs", [FEET, 'LOCAL_CS["site",UNIT["US survey foot",0.304800609601219]]'])
def test_heights_in_a_crs_of_feet_without_a_unit_are_doubted(crs, small_model, tmp_path):
    foot = 1200 / 3937
    place = {"crs": crs, "transform": Affine(0.2 / foot, 0, 980000, 0, -0.2 / foot, 200000)}
    colours = write_raster(tmp_path / "colours.tif", picture(4, 600, 600).astype(np.uint8), alpha="no", **place)
    heights = write_raster(tmp_path / "heights.tif", canopy()[None], **place)
    told: list[Notice] = []
    job = segmentation_job(str(colours), str(tmp_path / "map.tif"), model=str(small_model), elevation=str(heights))
    check_job(job, told.append)
    assert [each.code for each in told if each.setting == "elevation"] == ["heights_may_be_feet"]
    with rasterio.open(heights, "r+") as dataset:
        dataset.units = ("m",)
    told.clear()
    check_job(job, told.append)
    assert [each.code for each in told if each.setting == "elevation"] == []


def test_the_sample_is_of_the_jobs_place(colours, small_model, tmp_path):
    heights = canopy()
    heights[:, 300:] += 150
    path = write_raster(tmp_path / "heights.tif", heights[None])
    job = segmentation_job(str(colours), str(tmp_path / "map.tif"), model=str(small_model), elevation=str(path))
    for left, expected in ((0, []), (65, ["heights_above_sea"])):
        told: list[Notice] = []
        extent = (ORIGIN[0] + left, ORIGIN[1] - 50, ORIGIN[0] + left + 50, ORIGIN[1])
        check_job(changed(job, extent=extent), told.append)
        assert [each.code for each in told if each.setting == "elevation"] == expected


def test_heights_of_a_corner_of_a_large_image_are_looked_at_in_that_corner(small_model, tmp_path):
    colours = write_raster(tmp_path / "colours.tif", picture(4, 2000, 2000).astype(np.uint8), alpha="no")
    place = Affine(0.2, 0, ORIGIN[0] + 211, 0, -0.2, ORIGIN[1] - 217)
    for above, expected in ((0, ["heights_end"]), (300, ["heights_end", "heights_above_sea"])):
        path = write_raster(tmp_path / "corner.tif", canopy(90, 90)[None] + np.float32(above), transform=place)
        told: list[Notice] = []
        job = segmentation_job(str(colours), str(tmp_path / "map.tif"), model=str(small_model), elevation=str(path))
        check_job(job, told.append)
        assert [each.code for each in told if each.setting == "elevation"] == expected


@pytest.mark.parametrize("side", [0.1, 1])
def test_heights_of_a_pixel_or_a_few_are_taken(side, colours, small_model, tmp_path):
    path = write_raster(tmp_path / "heights.tif", canopy()[None])
    extent = (ORIGIN[0] + 40, ORIGIN[1] - 40 - side, ORIGIN[0] + 40 + side, ORIGIN[1] - 40)
    job = segmentation_job(str(colours), str(tmp_path / "map.tif"), model=str(small_model), elevation=str(path))
    told: list[Notice] = []
    check_job(changed(job, extent=extent), told.append)
    assert not [each for each in told if each.setting == "elevation"]


def test_heights_are_looked_at_again_where_the_file_changes_and_only_there(colours, found, tmp_path, monkeypatch):
    path = write_raster(tmp_path / "h.tif", canopy()[None])
    opened: list[str] = []
    from flair_landcover.inference.raster import heights as module

    reader = module.warped_reader
    monkeypatch.setattr(module, "warped_reader", lambda *given: (opened.append(given[0]), reader(*given))[1])
    assert found(path) == found(path) == []
    assert len(opened) == 1
    write_raster(path, canopy()[None] + 200)
    assert [told.code for told in found(path)] == ["heights_above_sea"]


def test_grey_heights_with_transparency_are_read(found):
    pixels = np.stack([canopy().round(), np.full((600, 600), 65535)]).astype(np.uint16)
    pixels[1, :, :300] = 0
    told = found(pixels, alpha="yes", photometric="minisblack")
    assert [each.code for each in told] == ["heights_end"]


# the band of heights of an image


def five(heights: np.ndarray, dtype: str = "uint8") -> np.ndarray:
    pixels = np.concatenate([picture(4, 600, 600), heights[None]])
    return (pixels if dtype.startswith("float") else pixels.round()).astype(dtype)


@pytest.fixture
def of_band(small_model: Path, tmp_path: Path):
    """What is told of the bands of an image, and its path."""

    def look(pixels: np.ndarray, **settings) -> tuple[list[Notice], Path]:
        told: list[Notice] = []
        path = write_raster(tmp_path / "five.tif", pixels, photometric="minisblack", **settings)
        bands = "R=1 G=2 B=3 NIR=4 ELEVATION=5"
        check_job(
            segmentation_job(str(path), str(tmp_path / "map.tif"), model=str(small_model), bands=bands), told.append
        )
        return [each for each in told if each.setting == "bands"], path

    return look


BANDS = "R=1 G=2 B=3 NIR=4 ELEVATION=5"


def test_a_band_of_digital_numbers_is_taken_as_it_is(of_band):
    assert of_band(five(canopy() / 0.2))[0] == []


def test_a_band_with_fractions_holds_metres(of_band, small_model):
    told, path = of_band(five(canopy() / 0.2))
    expected = labels_of(path, small_model, bands=BANDS)
    told, path = of_band(five(canopy(), "float32"))
    assert [each.code for each in told] == ["band_in_metres"] and not told[0].doubt
    np.testing.assert_array_equal(labels_of(path, small_model, bands=BANDS), expected)


@pytest.mark.parametrize("fill", [1e30, 3.4028234663852886e38, -9999, np.nan])
@pytest.mark.parametrize("step", [0.2, 1])
def test_a_fill_in_a_band_of_heights_is_the_ground(step, fill, of_band, small_model):
    pixels = five(canopy() / step, "float32")
    pixels[4, 100:200, 100:200] = 0
    told, path = of_band(pixels)
    expected = labels_of(path, small_model, bands=BANDS)
    pixels[4, 100:200, 100:200] = fill
    told_of_filled, path = of_band(pixels)
    assert [each.code for each in told_of_filled] == [each.code for each in told]
    np.testing.assert_array_equal(labels_of(path, small_model, bands=BANDS), expected)


def test_a_band_with_fractions_beside_colours_with_fractions_is_doubted(of_band):
    told, _ = of_band(five(canopy() / 0.2, "float32") + np.float32(0.25))
    assert [each.code for each in told] == ["band_with_fractions"]


def test_a_band_that_is_scaled_with_the_colours_is_scaled_back_with_them(of_band, small_model):
    _, path = of_band(five(canopy() / 0.2))
    expected = labels_of(path, small_model, bands=BANDS)
    told, path = of_band((five(canopy() / 0.2) / 255).astype(np.float32))
    assert told == []
    assert (labels_of(path, small_model, bands=BANDS) == expected).mean() > 0.99
    told, path = of_band((five(canopy() / 0.2) * (4095 / 255)).round().astype(np.uint16), nbits=12)
    assert told == []
    assert (labels_of(path, small_model, bands=BANDS) == expected).mean() > 0.9


@pytest.mark.parametrize(
    ("heights", "dtype", "code"),
    [
        (canopy() / 0.2 + 110, "uint8", "band_above_sea"),
        (canopy() + 90.5, "float32", "band_above_sea"),
        (canopy() * 100, "uint16", "band_too_tall"),
        (np.zeros((600, 600)), "uint8", "band_of_one_value"),
        (canopy() / 0.2 - 40, "int16", "band_below_ground"),
    ],
)
def test_a_band_that_holds_something_else_is_doubted(heights, dtype, code, of_band):
    told, _ = of_band(five(heights, dtype))
    doubts = [each for each in told if each.doubt]
    assert code in [each.code for each in doubts]
    assert all(each.picture and each.evidence for each in doubts)


@pytest.mark.parametrize(
    ("folder", "bands"),
    [
        ("flair2/IMG_*.tif", "R=1 G=2 B=3 NIR=4 ELEVATION=5"),
        ("ign-bdortho/*.tif", "R=1 G=2 B=3 NIR=4 ELEVATION=5"),
        ("ign-lidar-scenes/*0.tif", "R=1 G=2 B=3 NIR=4 ELEVATION=5"),
        ("idtrees/MLBS_1*.tif", "R=1 G=2 B=3 NIR=4 ELEVATION=5"),
        ("neon-teak-heights/*.tif", "R=1 G=2 B=3 ELEVATION=4"),
    ],
)
def test_real_heights_are_not_doubted_as_a_band_nor_as_a_raster_of_their_own(folder, bands, small_model, tmp_path):
    """Forests without a gap, plots of 20 m and trees above 51 m are among them."""
    rasters = sorted(SHARED_DATA.glob(folder))
    if not rasters:
        pytest.skip("the real rasters are not here (../shared/data)")
    for raster in rasters:
        told: list[Notice] = []
        job = segmentation_job(str(raster), str(tmp_path / "map.tif"), model=str(small_model), bands=bands)
        check_job(job, told.append)
        with rasterio.open(raster) as dataset:
            metres = dataset.read(int(bands[-1])).astype(np.float32)[None] * np.float32(0.2)
            place = {"crs": dataset.crs, "transform": dataset.transform}
        own = write_raster(tmp_path / "own.tif", metres, **place)
        check_job(replace(job, image=replace(job.image, elevation=str(own))), told.append)
        assert [each.code for each in told if each.doubt] == [], raster.name
