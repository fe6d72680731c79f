"""From which values of an image its 8 bits are made: the same picture in other types gives the same labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.notices import Notice
from flair_landcover.inference.prepare import to_8_bits
from flair_landcover.inference.raster.aerial import AerialSource, describe_aerial
from flair_landcover.inference.raster.read import aerial_reader
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from ..conftest import ORIGIN, Recorder, picture, read_labels, write_raster

BANDS = "R=1 G=2 B=3 NIR=4 ELEVATION=5"


def scene(seed: int = 0) -> np.ndarray:
    """Five bands of 8 bits, the fifth heights in steps of 0.2 m with ground between."""
    pixels = picture(5, 200, 240, seed)
    pixels[4] = np.maximum(pixels[4] - 120, 0)
    return pixels


def looked_at(raster: Path, bands: str = "") -> tuple[AerialSource, list[Notice]]:
    found: list[Notice] = []
    return describe_aerial(ImageSettings((str(raster),), bands=bands), found.append), found


def codes(found: list[Notice]) -> list[str]:
    return [told.code for told in found]


def labels_of(raster: Path, model: Path, bands: str = BANDS) -> np.ndarray:
    output = raster.with_name(f"{raster.stem}_map.tif")
    segment(segmentation_job(str(raster), str(output), model=str(model), bands=bands), Recorder())
    return read_labels(output)


@pytest.fixture(scope="module")
def bytes_and_labels(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """A scene of bytes, and the labels of its map."""
    raster = write_raster(
        tmp_path_factory.mktemp("bytes") / "a.tif", scene().astype(np.uint8), photometric="minisblack"
    )
    return scene(), labels_of(raster, small_model)


@pytest.mark.parametrize("nodata", [None, -9999, -32768, "nan"])
@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint32", "float32", "float64"])
def test_8_bits_in_another_type_give_the_labels_of_bytes(dtype, nodata, bytes_and_labels, small_model, tmp_path):
    """What QGIS's Merge writes, the elevation band among them."""
    pixels, expected = bytes_and_labels
    stored = pixels.astype(dtype)
    value = float("nan") if nodata == "nan" else nodata
    if value is not None and (dtype.startswith("u") or (nodata == "nan" and not dtype.startswith("f"))):
        pytest.skip("this type has no such value")
    holed = value is not None
    if holed:
        stored[:, :30, :50] = value
    raster = write_raster(tmp_path / "a.tif", stored, nodata=value, photometric="minisblack")
    source, found = looked_at(raster, BANDS)
    assert source.stretch == {}
    assert codes(found) == ["eight_bits_as"] and not found[0].doubt
    if holed:
        stored[:, :30, :50] = 0
        expected = labels_of(
            write_raster(tmp_path / "b.tif", stored.astype(np.uint8), nodata=0, photometric="minisblack"), small_model
        )
        assert not expected[:30, :50].any()
    np.testing.assert_array_equal(labels_of(raster, small_model), expected)


def test_floats_that_are_no_number_have_no_data_though_that_is_not_declared(bytes_and_labels, small_model, tmp_path):
    pixels, expected = bytes_and_labels
    stored = pixels.astype(np.float32)
    stored[4, 5, 5] = np.nan  # no height there: the ground
    stored[:, :30, :50] = np.nan
    labels = labels_of(write_raster(tmp_path / "a.tif", stored, photometric="minisblack"), small_model)
    assert not labels[:30, :50].any() and labels[30:].all()
    assert labels[150:, 150:].tolist() == expected[150:, 150:].tolist()


@pytest.mark.parametrize("metres", [0.1, 0.5])
def test_8_bits_in_another_type_are_resampled_as_bytes_are(metres, tmp_path):
    transform = Affine(metres, 0, ORIGIN[0], 0, -metres, ORIGIN[1])
    seen = {}
    for dtype in ("uint8", "int16", "float32"):
        pixels = scene()[:3].astype(dtype)
        source, _ = looked_at(write_raster(tmp_path / f"{dtype}.tif", pixels, transform=transform))
        grid = source.geobox.at(0.2)
        seen[dtype] = to_8_bits(aerial_reader(source, grid).read(grid.window, [1, 2, 3])[0], [None] * 3)
    np.testing.assert_array_equal(seen["int16"], seen["uint8"])
    differing = np.abs(seen["float32"] - seen["uint8"])
    assert differing.max() <= 1 and (differing > 0).mean() < 0.05  # halves, which GDAL rounds a step earlier


def test_bands_of_several_types_that_all_hold_8_bits_are_one_image(bytes_and_labels, small_model, tmp_path):
    pixels, expected = bytes_and_labels
    write_raster(tmp_path / "a.tif", pixels[:3].astype(np.uint8))
    write_raster(tmp_path / "b.tif", pixels[3:].astype(np.float32))
    write_raster(tmp_path / "all.tif", pixels.astype(np.uint8), photometric="minisblack")
    mosaic = tmp_path / "mixed.vrt"
    rasterio.shutil.copy(tmp_path / "all.tif", mosaic, driver="VRT")
    text = mosaic.read_text().replace('dataType="Byte" band="4"', 'dataType="Float32" band="4"')
    text = text.replace('dataType="Byte" band="5"', 'dataType="Float32" band="5"')
    mosaic.write_text(text)
    with rasterio.open(mosaic) as dataset:
        assert set(dataset.dtypes) == {"uint8", "float32"}
    source, found = looked_at(mosaic, BANDS)
    assert source.stretch == {} and codes(found) == ["eight_bits_as"]
    np.testing.assert_array_equal(labels_of(mosaic, small_model), expected)


@pytest.mark.parametrize(
    ("dtype", "bits", "top"), [("uint16", 12, 4095), ("uint16", 10, 1023), ("uint32", 20, 2**20 - 1)]
)
def test_a_declared_number_of_bits_is_scaled_by_its_range(dtype, bits, top, bytes_and_labels, small_model, tmp_path):
    pixels, expected = bytes_and_labels
    top = 2**bits - 1
    stored = pixels * top / 255
    stored[4] = pixels[4]  # heights have a scale of their own
    raster = write_raster(tmp_path / "a.tif", stored.round().astype(dtype), nbits=bits, photometric="minisblack")
    source, found = looked_at(raster, BANDS)
    assert source.stretch == dict.fromkeys((1, 2, 3, 4), (0.0, float(top)))
    assert codes(found) == ["low_bits"] and not found[0].doubt
    with rasterio.open(raster) as dataset:
        shown = to_8_bits(dataset.read([1, 2, 3, 4]), [(0.0, float(top))] * 4)
    np.testing.assert_allclose(shown, pixels[:4], atol=0.51 * 255 / top)  # half a step of so many bits
    assert (labels_of(raster, small_model) == expected).mean() > 0.95


def test_4_bits_in_a_byte_are_scaled_by_15(small_model, tmp_path):
    steps = (picture(3, 200, 200) // 16).astype(np.uint8)
    raster = write_raster(tmp_path / "a.tif", steps, nbits=4)
    whole = write_raster(tmp_path / "b.tif", steps * 17)
    source, found = looked_at(raster)
    assert source.stretch == dict.fromkeys((1, 2, 3), (0.0, 15.0)) and codes(found) == ["low_bits"]
    np.testing.assert_array_equal(labels_of(raster, small_model, ""), labels_of(whole, small_model, ""))


def test_a_sensors_bits_that_are_hardly_used_are_stretched(tmp_path):
    pixels = picture(3, 200, 200, top=1200).astype(np.uint16)
    source, found = looked_at(write_raster(tmp_path / "a.tif", pixels, nbits=12))
    assert 1000 < source.stretch[1][1] < 1200 and codes(found) == ["stretched"]


def test_half_floats_declare_no_range(tmp_path):
    source, found = looked_at(write_raster(tmp_path / "a.tif", picture(3, 200, 200).astype(np.float32), nbits=16))
    assert source.stretch == {} and codes(found) == ["eight_bits_as"]


def test_fractions_of_0_to_1_are_scaled_by_1(bytes_and_labels, small_model, tmp_path):
    pixels, expected = bytes_and_labels
    stored = (pixels / 255).astype(np.float32)
    stored[4] = pixels[4]
    raster = write_raster(tmp_path / "a.tif", stored, photometric="minisblack")
    source, found = looked_at(raster, BANDS)
    assert source.stretch == dict.fromkeys((1, 2, 3, 4), (0.0, 1.0))
    assert codes(found) == ["scaled_floats"] and not found[0].doubt
    assert (labels_of(raster, small_model) == expected).mean() > 0.999  # but for the last digit of a float


def test_fractions_of_0_to_255_are_8_bits(tmp_path):
    """As an interpolation leaves them, a little beyond included."""
    pixels = (picture(3, 200, 200) * 1.02 - 2.5).astype(np.float32)
    pixels[:, 100, :40] = -20.5
    source, found = looked_at(write_raster(tmp_path / "a.tif", pixels))
    assert source.stretch == {} and codes(found) == ["eight_bits_as"]


@pytest.mark.parametrize(
    ("dtype", "low", "high", "code"),
    [
        ("uint16", 300, 2047, "stretched"),  # 11 bits that are not declared
        ("int16", 300, 9000, "stretched_values"),
        ("int16", -500, 9000, "stretched_values"),
        ("int32", 1000, 90000, "stretched_values"),
        ("uint32", 1000, 90000, "stretched_values"),
        ("float32", 0.02, 0.4, "stretched_values"),  # reflectance
        ("float64", 300, 9000, "stretched_values"),
    ],
)
def test_other_values_are_stretched_between_their_percentiles(dtype, low, high, code, tmp_path):
    pixels = (low + (picture(3, 200, 200) - 1) / 254 * (high - low)).astype(dtype)
    source, found = looked_at(write_raster(tmp_path / "a.tif", pixels))
    for number, limits in source.stretch.items():
        whole = np.percentile(pixels[number - 1], [0.5, 99.5])
        np.testing.assert_allclose(limits, whole, atol=0.05 * (high - low))  # windows of the sample overlap
    assert codes(found) == [code] and not found[0].doubt


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_stretched_values_beyond_those_of_the_sample_are_cut_off(dtype, small_model, tmp_path):
    pixels = (300 + picture(3, 1400, 1400, top=2000)).astype(dtype)  # windows of the sample leave gaps of 53 pixels
    plain = write_raster(tmp_path / "plain.tif", pixels)
    pixels[:, 130:170, 130:170] = 30000
    bright = write_raster(tmp_path / "bright.tif", pixels)
    assert looked_at(plain)[0].stretch == looked_at(bright)[0].stretch
    extent = (ORIGIN[0] + 20, ORIGIN[1] - 40, ORIGIN[0] + 40, ORIGIN[1] - 20)
    output = tmp_path / "map.tif"
    segment(segmentation_job(str(bright), str(output), model=str(small_model), extent=extent), Recorder())
    assert read_labels(output).all()


@pytest.mark.parametrize("value", [0, 255, 77])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_an_image_of_one_value_is_refused(dtype, value, tmp_path):
    raster = write_raster(tmp_path / "a.tif", np.full((3, 200, 200), value, dtype))
    with pytest.raises(BadInput, match="is black" if value == 0 else "one value all over"):
        looked_at(raster)


def test_complex_values_are_refused(tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 64, 64).astype(np.complex64))
    with pytest.raises(BadInput, match="complex values"):
        looked_at(raster)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_dark_picture_is_doubted_with_what_was_measured(dtype, tmp_path):
    """Also one that is stored in 16 bits: be it a dark one of 8 bits or a black place of one of 16."""
    raster = write_raster(tmp_path / "a.tif", picture(3, 200, 200, top=50).round().astype(dtype))
    _, found = looked_at(raster)
    (told,) = [told for told in found if told.doubt]
    assert told.code == "dark_picture" and told.setting == "input"
    assert told.values["high"] <= 50 and told.evidence["red_high"] <= 50 and told.picture


@pytest.mark.parametrize(("dtype", "base"), [("uint8", 200), ("uint8", 120), ("uint16", 3000)])
def test_a_picture_without_contrast_is_doubted(dtype, base, tmp_path):
    pixels = (base + picture(3, 200, 200, top=8)).astype(dtype)
    _, found = looked_at(write_raster(tmp_path / "a.tif", pixels))
    (told,) = [told for told in found if told.doubt]
    assert told.code == "flat_picture" and told.values["width"] < 8 and told.picture


def test_a_band_of_one_value_is_doubted(tmp_path):
    pixels = picture(4, 200, 200).astype(np.uint8)
    pixels[3] = 200
    raster = write_raster(tmp_path / "a.tif", pixels, photometric="minisblack")
    _, found = looked_at(raster, "R=1 G=2 B=3 NIR=4")
    assert [told.values for told in found if told.doubt] == [{"number": 4, "role": "near infrared", "value": 200.0}]


@pytest.mark.parametrize("top", [255, 4095, 65535])
def test_transparency_of_as_many_bits_as_the_image_declares_is_transparency(top, tmp_path):
    pixels = (picture(4, 200, 200) * top / 255).astype(np.uint16)
    pixels[3] = top
    pixels[3, :50] = 0
    raster = write_raster(tmp_path / "a.tif", pixels, alpha="yes", photometric="rgb")
    source, _ = looked_at(raster)
    assert set(source.bands) == {"red", "green", "blue"}


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_0_that_merging_made_nodata_in_single_bands_is_0(dtype, bytes_and_labels, small_model, tmp_path):
    """QGIS's Merge with 0 as nodata makes -9999 of each 0, band by band: level ground has no height then."""
    pixels, expected = bytes_and_labels
    stored = pixels.astype(dtype)
    assert (stored[4] == 0).mean() > 0.1
    stored[stored == 0] = -9999
    raster = write_raster(tmp_path / "a.tif", stored, nodata=-9999, photometric="minisblack")
    source, found = looked_at(raster, BANDS)
    assert source.stretch == {} and codes(found) == ["eight_bits_as"]
    np.testing.assert_array_equal(labels_of(raster, small_model), expected)


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [("int16", -9999), ("int16", -32768), ("float32", -9999), ("float32", -3.4028234663852886e38), ("float32", np.nan)],
)
def test_a_hole_of_an_undeclared_fill_is_no_data(dtype, fill, small_model, tmp_path):
    pixels = scene().astype(dtype)
    pixels[:, 60:90, 80:160] = fill
    holed = write_raster(tmp_path / "a.tif", pixels, photometric="minisblack")
    declared = write_raster(tmp_path / "b.tif", pixels, nodata=fill, photometric="minisblack")
    source, found = looked_at(holed, BANDS)
    assert source.stretch == {} and codes(found) == ["filled_holes", "eight_bits_as"]
    labels = labels_of(holed, small_model)
    assert not labels[60:90, 80:160].any() and labels[:60].all()
    np.testing.assert_array_equal(labels, labels_of(declared, small_model))
