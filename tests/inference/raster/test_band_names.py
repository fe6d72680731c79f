"""What is said of bands."""

from __future__ import annotations

import pytest

from flair_landcover.inference.raster.band_names import MASK, OTHER, Said, called_infrared, named_roles, wavelength_nm


def roles_of(*texts: str) -> tuple[str | None, ...]:
    return named_roles([Said(text) for text in texts])


@pytest.mark.parametrize(
    "texts",
    [
        ("NIR", "Red", "Green", "Blue"),
        ("NIR 842nm", "Red 665nm", "Green (560 nm)", "B 490 nm"),
        ("842 nm", "665.0", "0,56 µm", "Band 4 (0.4900 Micrometers)"),
        ("760-900 nm", "0.63 to 0.69 microns", "520–600 nanometers", "450 - 520 nm"),
        ("B8", "B4", "B3", "B2"),
        ("B08", "B04", "B03", "B02"),
        ("T31UDQ_B8A_10m", "T31UDQ_B04_10m", "T31UDQ_B03_10m", "T31UDQ_B02_10m"),
        ("SR_B5", "SR_B4", "SR_B3", "SR_B2"),
        ("Proche infrarouge", "Rouge", "Vert", "Bleu"),
        ("Infrarouge proche", "canal rouge", "canal vert", "canal bleu"),
        ("PIR", "ROUGE", "VERT", "BLEU"),
        ("infra-rouge", "R", "V", "B"),
        ("Nahes Infrarot", "Rot", "Grün", "Blau"),
        ("Infrarrojo cercano", "Rojo", "Verde", "Azul"),
        ("Infrarosso vicino", "Rosso", "Verde", "Blu"),
        ("Near Infrared", "Band 2 (Red)", "Band 3 (Green)", "Band 4 (Blue)"),
        ("near_infra_red", "red_band", "green_band", "blue_band"),
        ("I", "R", "G", "B"),
    ],
)
def test_words_wavelengths_and_satellites_names_count_in_any_order(texts):
    assert roles_of(*texts) == ("nir", "red", "green", "blue")
    assert roles_of(*reversed(texts)) == ("blue", "green", "red", "nir")


@pytest.mark.parametrize(
    "text",
    [
        "MNH",
        "Hauteur (m)",
        "CHM",
        "nDSM",
        "hauteur de la canopée",
        "Elevation",
        "normalised DSM",
        "Höhe",
        "E",
        "MNH_2021",
    ],
)
def test_heights_above_ground_are_known_by_their_words(text):
    assert roles_of("Red", text) == ("red", "elevation")


@pytest.mark.parametrize(
    "text",
    [
        *("Red edge", "RedEdge 1", "red_edge", "Bord du rouge", "SWIR 1", "short wave infrared", "Infrarouge moyen"),
        *("Thermal infrared", "705 nm", "1610 nm", "B5", "B11", "panchromatic", "Coastal blue", "MNS", "DSM", "NDVI"),
        *("cloud mask", "classes"),
    ],
)
def test_what_is_described_as_something_else_is_that(text):
    assert roles_of("B4", text) == ("red", OTHER)


@pytest.mark.parametrize("text", ["mask", "Masque", "Alpha"])
def test_masks_are_known_by_their_words(text):
    assert roles_of("Red", text) == ("red", MASK)


@pytest.mark.parametrize(
    "texts", [("", "", ""), ("Band 1", "Band 2", "Band 3"), ("B1", "B2", "B3", "B4"), ("2020", "red, green, blue")]
)
def test_what_says_nothing_of_bands_says_nothing(texts):
    assert roles_of(*texts) == (None,) * len(texts)


def test_of_two_bands_of_one_role_the_first_or_the_one_nearest_to_it_has_it():
    assert roles_of("NIR1", "NIR2") == ("nir", OTHER)
    assert roles_of("NIR 910 nm", "NIR 842 nm") == (OTHER, "nir")
    assert roles_of("B8A", "B8", "B4") == (OTHER, "nir", "red")
    assert roles_of("B8A", "B4") == ("nir", "red")


def test_tags_and_colour_interpretation_say_what_a_description_does_not():
    said = [Said("", 842.0), Said("", 665.0), Said("Green", 560.0), Said(colour="nir"), Said(colour="rededge"), Said()]
    assert named_roles(said) == ("nir", "red", "green", OTHER, OTHER, None)


def test_wavelengths_have_the_unit_that_they_say_or_that_makes_them_light():
    assert wavelength_nm("0.665", "Micrometers") == pytest.approx(665)
    assert wavelength_nm("665", "Nanometers") == wavelength_nm("0.665") == wavelength_nm("665 nm") == pytest.approx(665)
    assert wavelength_nm("2020") is None and wavelength_nm("band 3") is None


def test_an_image_is_called_infrared_by_its_name_or_its_folders():
    tile = "49-2022-0440-6700-LA93-0M20-IRC-E080.jp2"
    assert called_infrared(f"/d/{tile}") == tile
    assert called_infrared("/d/OHR_IRC_0M20_JP2-E080/a.jp2") == "OHR_IRC_0M20_JP2-E080"
    assert called_infrared("/d/CIR/2020/a.tif") == "CIR"
    for other in ("/d/49-2022-0440-6700-LA93-0M20-E080.jp2", "/CIR/RVB/a.tif", "/d/rgb_cir.tif", "circle.tif"):
        assert called_infrared(other) == ""


def test_a_description_of_many_digits_is_looked_at_once():
    """Looked at from each of its digits to the end, it would take hours."""
    assert roles_of("1" * 300_000, "red 665 nm", "560 nm", "0.49 µm") == (None, "red", "green", "blue")
