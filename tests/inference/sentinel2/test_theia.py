"""Theia's products: which of their files are read, and what the bits of their masks mean."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.inference.sentinel2.warp import OpenFiles, read_cover, read_reflectance
from flair_landcover.tests.inference.sentinel2.products import ProductPixels, made_up, make_product, zip_product
from flair_landcover.tests.notices import in_english

from .forms import TRANSFORM, no_warning, reflectance_of, values_of, write
from .test_product import expected_of, some_pixels
from .theia_products import make_theia, zip_folder

SIDE = 32  # pixels of 20 m of the masks
BITS = 2 ** np.arange(8)


def bits_of(*values: int) -> np.ndarray:
    """A mask whose columns hold the values, one after the other."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for column, value in enumerate(values):
        mask[:, column] = value
    return mask


CLM = bits_of(0, *BITS, 0b1110_0011)  # nothing, each bit alone, several
MG2 = bits_of(0, *BITS, 0b0000_0110)


def opened(*paths, warn=no_warning):
    series = open_series(tuple(str(path) for path in paths), warn)
    assert series.kind == "product"
    return series


@pytest.mark.parametrize("form", ["folder", "zip", "metadata", "band", "mask", "layer of a zip", "folder of both"])
def test_a_product_gives_the_pixels_that_it_was_made_of(tmp_path, form):
    pixels = some_pixels()
    product = make_theia(tmp_path, pixels, "2018-04-19", CLM, MG2)
    archive = zip_folder(product)
    path = {
        "folder": product,
        "zip": archive,
        "metadata": product / f"{product.name}_MTD_ALL.xml",
        "band": product / f"{product.name}_FRE_B8A.tif",
        "mask": product / "MASKS" / f"{product.name}_CLM_R1.tif",
        "layer of a zip": f"/vsizip/{archive}/{product.name}/{product.name}_FRE_B2.tif",
        "folder of both": tmp_path,
    }[form]
    if "zip" in form:
        shutil.rmtree(product)
    (found,) = opened(path).acquisitions
    assert (found.date, found.name, found.nodata, found.offset, found.scale) == (
        "2018-04-19",
        product.name,
        -10_000,
        0,
        1,
    )
    np.testing.assert_array_equal(reflectance_of(found), expected_of(pixels))


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_bits_of_the_masks_are_clouds_with_their_shadows_and_snow(tmp_path, form):
    """The bits between the second and the last are in two orders: their sums, the first two, and the last count."""
    product = make_theia(tmp_path, some_pixels(), "2018-04-19", CLM, MG2)
    (found,) = opened(product if form == "folder" else zip_folder(product)).acquisitions
    assert found.classes is None
    assert values_of(found.clouds)[0, :10].tolist() == [0, 100, 100, 0, 0, 0, 0, 0, 100, 100]
    assert values_of(found.snow)[0, :10].tolist() == [0, 0, 0, 100, 0, 0, 0, 0, 0, 100]
    frame = GeoBox(TRANSFORM, found.geobox.crs_wkt, (2 * SIDE, 2 * SIDE))
    with OpenFiles() as files:
        covered, _ = read_cover(found, frame, files)
    assert covered is not None
    assert covered[0, ::2][:10].tolist() == [0, 1, 1, 1, 0, 0, 0, 0, 1, 2]


def test_pixels_without_data_are_missing_and_slightly_negative_ones_dark(tmp_path):
    pixels = made_up()
    product = make_theia(tmp_path, pixels, "2018-04-19", CLM, MG2)
    (band,) = product.glob("*_FRE_B2.tif")
    values = pixels.bands["B2"].astype(np.int16)
    write(band, np.where(values == 0, -10_000, -20).astype(np.int16)[None])
    (found,) = opened(product).acquisitions
    with OpenFiles() as files:
        read, missing = read_reflectance(found, GeoBox(TRANSFORM, found.geobox.crs_wkt, values.shape), files)
    np.testing.assert_array_equal(missing, values == 0)
    assert not read[0].any()


def test_bands_corrected_for_slopes_are_preferred_and_the_others_taken_where_they_are_alone(tmp_path):
    flat, steep = made_up(seed=1), made_up(seed=2)
    product = make_theia(tmp_path, flat, "2018-04-19", CLM, MG2, sre=steep)
    np.testing.assert_array_equal(reflectance_of(opened(product).acquisitions[0]), expected_of(flat))
    for file in product.glob("*_FRE_*"):
        file.unlink()
    np.testing.assert_array_equal(reflectance_of(opened(product).acquisitions[0]), expected_of(steep))


def test_products_in_one_folder_are_a_series_with_overlapping_tiles_each(tmp_path):
    for date, tile, epsg in (
        ("2018-07-04", "T31TCJ", 32631),
        ("2018-04-19", "T31TCJ", 32631),
        ("2018-04-19", "T30TYP", 32630),
    ):
        product = make_theia(tmp_path, made_up(), date, CLM, MG2, tile=tile, epsg=epsg)
        if tile == "T30TYP":
            zip_folder(product)
            shutil.rmtree(product)
    series = opened(tmp_path)
    assert [(each.date, each.name.split("_")[3]) for each in series.acquisitions] == [
        ("2018-04-19", "T30TYP"),
        ("2018-04-19", "T31TCJ"),
        ("2018-07-04", "T31TCJ"),
    ]
    safe = make_product(tmp_path, made_up(), "2018-05-19")
    assert safe.stem in [each.name for each in opened(tmp_path).acquisitions]


def test_files_of_products_that_lie_together_in_one_folder_are_told_apart(tmp_path):
    flat = tmp_path / "flat"
    (flat / "MASKS").mkdir(parents=True)
    dates = ("2018-04-19", "2018-05-19", "2018-07-04")
    for seed, date in enumerate(dates):
        product = make_theia(tmp_path / "made", made_up(seed=seed), date, CLM, MG2)
        for file in product.rglob("*.tif"):
            file.rename(flat / file.relative_to(product))
    assert opened(flat).dates == dates
    bands = sorted(flat.glob("*20180519*_FRE_*"))
    (found,) = opened(*bands).acquisitions
    np.testing.assert_array_equal(reflectance_of(found), expected_of(made_up(seed=1)))
    assert values_of(found.clouds)[0, 1] == 100


def test_a_stack_of_a_product_s_bands_has_its_nodata_and_the_masks_beside_it(tmp_path):
    """As OTB and iota2 make them."""
    product = make_theia(tmp_path / "made", made_up(), "2023-04-19", CLM, MG2)
    values = expected_of(made_up()).astype(np.int16)
    folder = tmp_path / "stacks"
    write(folder / f"{product.name}_FRE_STACK.tif", np.where(values == 0, -10_000, values).astype(np.int16))
    for name in ("CLM_R1", "MG2_R1"):
        shutil.copy(product / "MASKS" / f"{product.name}_{name}.tif", folder)
    for given in ([folder], sorted(folder.iterdir())):
        series = open_series([str(path) for path in given], no_warning)
        (found,) = series.acquisitions
        assert (series.kind, found.date, found.offset, found.nodata) == ("folder", "2023-04-19", 0, -10_000)
        np.testing.assert_array_equal(reflectance_of(found), values)
        assert values_of(found.clouds)[0, :20:2].tolist() == [0, 100, 100, 0, 0, 0, 0, 0, 100, 100]
        assert values_of(found.snow)[0, :20:2].tolist() == [0, 0, 0, 100, 0, 0, 0, 0, 0, 100]


def test_of_several_versions_of_one_image_the_latest_is_taken_and_it_is_told(tmp_path):
    old, new = (
        make_theia(tmp_path, made_up(seed=seed), "2018-04-19", CLM, MG2, version=version)
        for seed, version in ((1, "V2-2"), (2, "V10-0"))
    )
    make_product(tmp_path, made_up(), "2019-04-19", "02.07")
    reprocessed = make_product(tmp_path, made_up(), "2019-04-19", "05.00")
    told = []
    series = opened(tmp_path, warn=in_english(told))
    assert [each.name for each in series.acquisitions] == [new.name, reprocessed.stem]
    assert len(told) == 1
    assert old.name in told[0]
    assert "_N0207_" in told[0]


def test_months_of_level_3a_are_taken_with_their_flags(tmp_path):
    pixels = made_up()
    product = make_theia(tmp_path, pixels, "2018-04-15", CLM, MG2, level="L3A")
    for file in product.glob("*_FRE_*"):
        file.rename(file.with_name(file.name.replace("_FRE_", "_FRC_")))
    shutil.rmtree(product / "MASKS")
    write(product / "MASKS" / f"{product.name}_FLG_R2.tif", bits_of(0, 1, 2, 3, 4)[None])
    (found,) = opened(product).acquisitions
    np.testing.assert_array_equal(reflectance_of(found), expected_of(pixels))
    assert values_of(found.clouds)[0, :5].tolist() == [0, 100, 0, 0, 0]
    assert values_of(found.snow)[0, :5].tolist() == [0, 0, 100, 0, 0]


def remove(folder, pattern: str) -> None:
    for file in list(folder.rglob(pattern)):
        file.unlink()


@pytest.mark.parametrize(
    ("pattern", "match"),
    [("*_B8A.tif", "has no band B8A"), ("*_FRE_*", "holds no surface reflectance")],
)
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_product_that_is_not_whole_is_told(tmp_path, pattern, match, form):
    product = make_theia(tmp_path, made_up(), "2018-04-19", CLM, MG2)
    remove(product, pattern)
    with pytest.raises(BadInput, match=match) as caught:
        opened(product if form == "folder" else zip_folder(product))
    assert caught.value.field == "sentinel2"


def test_a_product_of_another_level_is_refused(tmp_path):
    product = make_theia(tmp_path, made_up(), "2018-04-19", CLM, MG2, level="L2B-SNOW")
    for path in (product, zip_folder(product)):
        with pytest.raises(BadInput, match="is of level L2B-SNOW: give the one of Level-2A"):
            opened(path)


def test_zip_files_of_other_things_are_refused_each_with_its_reason(tmp_path):
    safe = make_product(tmp_path, ProductPixels(made_up().bands), "2018-04-19")
    inner = zip_product(safe)
    kinds = {
        "zips": ([(inner.name, inner.read_bytes())], r"holds zip files \(S2A_MSIL2A_.*unpack it once"),
        "cube": ([("cube.nc", b"")], "holds a data cube or arrays"),
        "arrays": ([("SEN2_1_data.npy", b"")], "holds a data cube or arrays"),
        "pictures": ([("a/readme.txt", b""), ("__MACOSX/a/._b.tif", b"")], "holds no Sentinel-2 product"),
        "nothing": ([], "holds no Sentinel-2 product"),
    }
    for name, (members, match) in kinds.items():
        path = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members:
                archive.writestr(member, content)
        with pytest.raises(BadInput, match=match) as caught:
            opened(path)
        assert caught.value.field == "sentinel2"
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("20210415.tif", b"")
    with pytest.raises(BadInput, match="can only be read unpacked"):
        opened(tmp_path / "packed.zip")
    protected = bytearray(inner.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = protected.find(signature)
        while at >= 0:
            protected[at + place] |= 1
            at = protected.find(signature, at + 4)
    (tmp_path / "protected.zip").write_bytes(protected)
    with pytest.raises(BadInput, match="is protected by a password"):
        opened(tmp_path / "protected.zip")
    (tmp_path / "S2A_MSIL2A.tar").write_bytes(b"")
    with pytest.raises(BadInput, match="archive that can only be read unpacked"):
        opened(tmp_path / "S2A_MSIL2A.tar")


def test_a_zip_file_of_something_else_beside_products_does_not_matter(tmp_path):
    product = make_theia(tmp_path, made_up(), "2018-04-19", CLM, MG2)
    with zipfile.ZipFile(tmp_path / "papers.zip", "w") as archive:
        archive.writestr("paper.pdf", b"")
    assert [each.name for each in opened(tmp_path).acquisitions] == [product.name]
