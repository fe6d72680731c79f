"""Images whose bands are not FLAIR's five in order: labels are those of the well-formed file, and doubts are told.

Made of real pixels: of a FLAIR patch with vegetation, of TreeSatAI's tiles, of BD ORTHO with heights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.notices import Notice
from flair_landcover.inference.check import check_job
from flair_landcover.inference.raster.aerial import AerialSource, describe_aerial
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from .conftest import SHARED_DATA, Recorder, make_model, read_labels, write_raster

SIDE = 200
R, G, B, NIR, HEIGHT = range(5)
FLAIR = "R=1 G=2 B=3 NIR=4 ELEVATION=5"


def real(path: str) -> np.ndarray:
    """The upper left of a real raster, (bands, SIDE, SIDE) uint8."""
    if not (SHARED_DATA / path).is_file():
        pytest.skip(f"the real raster is not here (../shared/data/{path})")
    with rasterio.open(SHARED_DATA / path) as dataset:
        return dataset.read()[:, :SIDE, :SIDE]


@pytest.fixture(scope="module")
def patch() -> np.ndarray:
    """Red, green, blue, near infrared, height of a FLAIR patch with much vegetation."""
    return real("flair2/IMG_087873.tif")


@pytest.fixture(scope="module")
def infrared_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network on near infrared, red and green, as IGN's are."""
    card = ModelCard(
        id="irc",
        title="Infrared",
        architecture="smp:Unet:resnet18",
        tile_size=128,
        inputs=("nir", "red", "green"),
        means=(0.0,) * 3,
        stds=(1.0,) * 3,
        fill={},
    )
    return make_model(tmp_path_factory.mktemp("infrared") / "irc", card)


@pytest.fixture(scope="module")
def labels_of_patch(patch, small_model, tmp_path_factory):
    """The labels of the patch by so many of its first bands, made once."""
    folder = tmp_path_factory.mktemp("well_formed")
    kept: dict[int, np.ndarray] = {}

    def labels(count: int) -> np.ndarray:
        if count not in kept:
            raster = write_raster(folder / f"{count}.tif", patch[:count], photometric="minisblack", alpha="no")
            kept[count] = labels_of(raster, small_model, " ".join(FLAIR.split()[:count]))
        return kept[count]

    return labels


def labels_of(raster: Path, model: Path, bands: str = "") -> np.ndarray:
    output = raster.with_name(f"{raster.stem}_map.tif")
    segment(segmentation_job(str(raster), str(output), model=str(model), bands=bands), Recorder())
    return read_labels(output)


def look(raster: Path, bands: str = "") -> tuple[AerialSource, list[Notice]]:
    found: list[Notice] = []
    return describe_aerial(ImageSettings((str(raster),), bands=bands), found.append), found


def doubts(found: list[Notice]) -> list[str]:
    return [told.code for told in found if told.doubt]


def plain(path: Path, pixels: np.ndarray, words: tuple[str | None, ...] = ()) -> Path:
    """A raster of which nothing but the words are said."""
    write_raster(path, pixels, photometric="minisblack", alpha="no")
    if words:
        with rasterio.open(path, "r+") as dataset:
            dataset.descriptions = words
    return path


# Words, wavelengths and satellites' names


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((NIR, R, G, B, HEIGHT), ("Proche infrarouge", "Rouge", "Vert", "Bleu", "MNH")),
        ((HEIGHT, B, G, R, NIR), ("Hauteur (m)", "B2", "B3", "B4", "B8")),
        ((NIR, HEIGHT, R, G, B), ("842 nm", "nDSM", "665.0", "Band 4 (0.56 um)", "490 nm")),
        ((B, G, R, NIR, HEIGHT), ("Blau", "Grün", "Rot", "Nahes Infrarot", "Höhe")),
        ((NIR, R, G, B, HEIGHT), ("PIR", None, None, None, "CHM")),
    ],
)
def test_described_bands_give_the_labels_of_flairs_order(order, words, patch, labels_of_patch, small_model, tmp_path):
    raster = plain(tmp_path / "a.tif", patch[list(order)], words)
    assert not doubts(look(raster)[1])
    np.testing.assert_array_equal(labels_of(raster, small_model), labels_of_patch(5))


@pytest.mark.parametrize("namespace", ["IMAGERY", None])
def test_wavelengths_in_tags_give_the_labels_of_flairs_order(namespace, patch, labels_of_patch, small_model, tmp_path):
    """As GDAL keeps them, and as ENVI's files are converted."""
    raster = plain(tmp_path / "a.tif", patch[[NIR, B, R, G]])
    with rasterio.open(raster, "r+") as dataset:
        for number, length in enumerate((0.842, 0.49, 0.665, 0.56), start=1):
            if namespace:
                dataset.update_tags(number, ns=namespace, CENTRAL_WAVELENGTH_UM=str(length))
            else:
                dataset.update_tags(number, wavelength=str(1000 * length), wavelength_units="Nanometers")
    source, found = look(raster)
    assert source.bands == {"nir": 1, "blue": 2, "red": 3, "green": 4} and not doubts(found)
    np.testing.assert_array_equal(labels_of(raster, small_model), labels_of_patch(4))


def test_described_bands_that_are_not_used_are_named(patch, labels_of_patch, small_model, tmp_path):
    pixels = np.stack([patch[R], patch[G], patch[B], patch[R] // 2 + patch[NIR] // 2, patch[NIR], patch[HEIGHT]])
    words = ("Red", "Green", "Blue", "Red edge", "NIR", "nDSM")
    raster = plain(tmp_path / "a.tif", pixels, words)
    source, found = look(raster)
    assert source.bands == {"red": 1, "green": 2, "blue": 3, "nir": 5, "elevation": 6} and not doubts(found)
    (told,) = [told for told in found if told.code == "bands_not_used"]
    assert [part.values for part in told.values["unused"]] == [{"number": 4, "name": "Red edge"}]
    np.testing.assert_array_equal(labels_of(raster, small_model), labels_of_patch(5))


# Colour infrared


@pytest.mark.parametrize(
    ("name", "words", "code", "doubt"),
    [
        ("49-2022-0440-6700-LA93-0M20-IRC-E080.tif", (), "infrared_by_name", False),
        ("a.tif", (), "infrared_first", True),
        ("b.tif", ("NIR", "Red", "Green"), None, False),
        ("c.tif", ("Infrarouge", None, None), "bands_partly_described", False),
    ],
)
def test_colour_infrared_alone_gives_the_labels_of_its_bands(name, words, code, doubt, patch, infrared_model, tmp_path):
    raster = plain(tmp_path / name, patch[[NIR, R, G]], words)
    said = labels_of(plain(tmp_path / "said.tif", patch[[NIR, R, G]]), infrared_model, "NIR=1 R=2 G=3")
    source, found = look(raster)
    assert source.bands == {"nir": 1, "red": 2, "green": 3}
    assert [(told.code, told.doubt, told.setting) for told in found] == ([(code, doubt, "bands")] if code else [])
    np.testing.assert_array_equal(labels_of(raster, infrared_model), said)


def test_a_model_that_needs_blue_names_those_that_do_without(patch, infrared_model, tmp_path, monkeypatch):
    raster = plain(tmp_path / "tile_IRC.tif", patch[[NIR, R, G]])
    for library, fits in ((tmp_path / "none", "FLAIR-HUB_LC-A_IR"), (infrared_model.parent, "choose Infrared")):
        monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(library))
        with pytest.raises(BadInput, match=f"needs blue.*as its infrared image.*{fits}") as caught:
            check_job(segmentation_job(str(raster), str(tmp_path / "map.tif")), lambda told: None)
        assert caught.value.field == "bands"


def test_near_infrared_before_the_colours_is_seen_and_doubted(small_model, tmp_path):
    raster = plain(tmp_path / "a.tif", real("treesatai/sample_1632__aerial.tif"))
    source, found = look(raster)
    assert source.bands == {"nir": 1, "red": 2, "green": 3, "blue": 4} and doubts(found) == ["infrared_first"]
    assert found[0].evidence["brighter_share"] > 0.02 and found[0].picture
    np.testing.assert_array_equal(labels_of(raster, small_model), labels_of(raster, small_model, "NIR=1 R=2 G=3 B=4"))
    assert not look(raster, "NIR=1 R=2 G=3 B=4")[1]
    source, found = look(raster, "R=1 G=2 B=3 NIR=4")
    assert source.bands["red"] == 1 and doubts(found) == ["red_doubtful"]
    job = segmentation_job(str(raster), str(tmp_path / "strict.tif"), model=str(small_model), strict=True)
    with pytest.raises(BadInput, match="NIR=1 R=2 G=3 B=4"):
        check_job(job, lambda told: None)


# More bands than five, or a fifth that is none


@pytest.mark.parametrize("order", [(R, G, B, NIR, R, G), (R, G, B, NIR, R), (NIR, R, G, R, G, B)])
def test_stacks_of_colours_and_colour_infrared_give_the_labels_of_four_bands(
    order, patch, labels_of_patch, small_model, tmp_path
):
    raster = plain(tmp_path / "a.tif", patch[list(order)])
    source, found = look(raster)
    assert "elevation" not in source.bands
    told = next(told for told in found if told.code == "bands_not_used")
    assert {part.code for part in told.values["unused"]} == {"band_copy"}
    np.testing.assert_array_equal(labels_of(raster, small_model), labels_of_patch(4))


@pytest.mark.parametrize("kind", ["second infrared", "classes", "one value"])
def test_a_fifth_band_that_is_no_height_is_left_out_and_told(kind, patch, labels_of_patch, small_model, tmp_path):
    classes = (patch[NIR] > 90).astype(np.uint8) + (patch[NIR] > 120) + 1
    fifth = {"second infrared": 250 - patch[NIR] // 2, "classes": classes, "one value": np.full_like(classes, 7)}[kind]
    raster = plain(tmp_path / "a.tif", np.concatenate([patch[:4], fifth[None]]))
    source, found = look(raster)
    assert source.bands == {"red": 1, "green": 2, "blue": 3, "nir": 4}
    assert [(told.code, told.doubt) for told in found] == [("bands_not_used", False)]
    np.testing.assert_array_equal(labels_of(raster, small_model), labels_of_patch(4))


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("beneath", ["filled", "image"])
def test_an_undeclared_mask_masks(count, dtype, beneath, patch, small_model, tmp_path):
    shown = np.full((SIDE, SIDE), 255, np.uint8)
    shown[40:90, 30:] = 0
    pixels = np.where(shown, patch[:count], 0 if beneath == "filled" else patch[:count]).astype(np.uint8)
    declared = tmp_path / "declared.tif"
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        plain(declared, pixels)
        with rasterio.open(declared, "r+") as dataset:
            dataset.write_mask(shown)
    raster = plain(tmp_path / "a.tif", np.concatenate([pixels, shown[None]]).astype(dtype))
    source, found = look(raster)
    assert set(source.bands.values()) == set(range(1, count + 1))
    assert [told.code for told in found if told.code.startswith("mask")] == [
        "mask_band" if beneath == "filled" else "mask_band_hides"
    ]
    labels = labels_of(raster, small_model)
    assert not labels[40:90, 30:].any() and labels[:40].all()
    np.testing.assert_array_equal(labels, labels_of(declared, small_model))


def test_transparency_behind_near_infrared_is_heeded(patch, labels_of_patch, small_model, tmp_path):
    shown = np.full((SIDE, SIDE), 255, np.uint8)
    raster = plain(tmp_path / "whole.tif", np.concatenate([patch[:4], shown[None]]))
    shown[:50] = 0
    hidden = plain(tmp_path / "hidden.tif", np.concatenate([patch[:4], shown[None]]))
    for path in (raster, hidden):
        with rasterio.open(path, "r+") as dataset:
            dataset.colorinterp = [
                *(ColorInterp.red, ColorInterp.green, ColorInterp.blue),
                *dataset.colorinterp[3:4],
                ColorInterp.alpha,
            ]
        source, found = look(path)
        assert source.bands == {"red": 1, "green": 2, "blue": 3, "nir": 4} and not found
    np.testing.assert_array_equal(labels_of(raster, small_model), labels_of_patch(4))
    labels = labels_of(hidden, small_model)
    assert not labels[:50].any() and labels[50:].all()


@pytest.mark.parametrize(
    "path",
    [
        *(f"flair2/IMG_{number}.tif" for number in ("000687", "002115", "034217", "036294", "050549", "084558")),
        *("ign-bdortho/770550_6277550_montpellier.tif", "ign-bdortho/792000_6272000_0.tif"),
        *("ign-lidar-scenes/484649_6632630_fields.tif", "ign-lidar-scenes/870200_6617083_houses.tif"),
        *("idtrees/MLBS_5.tif", "idtrees/MLBS_7.tif", "idtrees/OSBS_1.tif"),
    ],
)
def test_real_heights_stay_the_fifth_band_without_a_doubt(path):
    if not (SHARED_DATA / path).is_file():
        pytest.skip(f"the real raster is not here (../shared/data/{path})")
    source, found = look(SHARED_DATA / path)
    assert (source.bands["red"], source.bands["elevation"]) == (1, 5) and not doubts(found)
    assert source.bands.get("nir") == (None if "houses" in path else 4)


def test_real_heights_behind_the_colours_are_not_taken_for_near_infrared():
    path = SHARED_DATA / "neon-teak-heights/TEAK_043.tif"
    if not path.is_file():
        pytest.skip("the real heights are not here (../shared/data/neon-teak-heights)")
    source, found = look(path)
    assert source.bands == {"red": 1, "green": 2, "blue": 3, "elevation": 4} and doubts(found) == ["fourth_is_height"]
    assert not look(path, "R=1 G=2 B=3 ELEVATION=4")[1]
    assert doubts(look(path, "R=1 G=2 B=3 NIR=4")[1]) == ["infrared_doubtful"]


@pytest.mark.parametrize(
    ("bands", "doubt"),
    [
        ("R=1 G=2 B=3 NIR=4 ELEVATION=6", "elevation_doubtful"),
        ("R=1 G=2 B=3 NIR=4 ELEVATION=7", "elevation_doubtful"),
        ("R=1 G=2 B=3 NIR=6", "infrared_doubtful"),
        ("R=4 G=1 B=2", "red_doubtful"),
        (FLAIR, None),
        ("NIR=4 R=1 G=2", None),
    ],
)
def test_bands_that_are_said_win_and_are_doubted_where_their_looks_say_otherwise(bands, doubt, patch, tmp_path):
    second = (250 - patch[NIR] // 2)[None]
    raster = plain(tmp_path / "a.tif", np.concatenate([patch, patch[[R]], second]))
    source, found = look(raster, bands)
    assert [f"{source.bands[role]}" for role in source.bands] == [part.partition("=")[2] for part in bands.split()]
    assert doubts(found) == ([doubt] if doubt else [])


# One grey band


@pytest.mark.parametrize("kind", ["one band", "transparency", "three bands", "undeclared mask"])
def test_a_grey_image_is_grey_in_all_three_with_a_doubt(kind, patch, small_model, tmp_path):
    grey = patch[G]
    shown = np.full_like(grey, 255)
    expected = labels_of(plain(tmp_path / "rgb.tif", np.stack([grey] * 3)), small_model, "R=1 G=2 B=3")
    bands = {"one band": [grey], "three bands": [grey] * 3}.get(kind, [grey, shown])
    raster = plain(tmp_path / "a.tif", np.stack(bands))
    if kind == "transparency":
        with rasterio.open(raster, "r+") as dataset:
            dataset.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
    source, found = look(raster)
    assert list(source.bands) == ["red", "green", "blue"] and doubts(found) == ["grey_image"]
    np.testing.assert_array_equal(labels_of(raster, small_model), expected)
