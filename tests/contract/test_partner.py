"""The colour infrared image of a place is found by the names that it and the image have."""

from __future__ import annotations

from pathlib import Path

import pytest

from flair_landcover.contract.partner import are_partners, infrared_among, partner_of, says_infrared

TILE = "49-2022-0440-6700-LA93-0M20-E080.jp2"
INFRARED = "49-2022-0440-6700-LA93-0M20-IRC-E080.jp2"


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    "image, infrared",
    [
        (TILE, INFRARED),
        ("01-2021-0834-6551-LA93-0M20-RVB-E100.jp2", "01-2021-0834-6551-LA93-0M20-IRC-E100.jp2"),
        ("town.tif", "town_IRC.tif"),
        ("town_rgb.tif", "town_irc.tif"),
        ("rvb_town.tif", "irc_town.tif"),
        ("town.tif", "town.nir.TIF"),
        ("town.tif", "town-cir.jp2"),
        ("tiles/town.tif", "tiles/IRC/town.tif"),
        ("rvb/town.tif", "irc/town.tif"),
        (f"rvb/{TILE}", f"irc/{INFRARED}"),
        (f"OHR_RVB_0M20_JP2-E080_LAMB93_D49-2022/{TILE}", f"OHR_IRC_0M20_JP2-E080_LAMB93_D49-2022/{INFRARED}"),
        (
            "BDORTHO_2-0_RVB-0M20_JP2-E080_LAMB93_D049_2022-01-01/ORTHOHR/1_DONNEES_LIVRAISON_2023-01-00114/"
            f"OHR_RVB_0M20_JP2-E080_LAMB93_D49-2022/{TILE}",
            "BDORTHO_2-0_IRC-0M20_JP2-E080_LAMB93_D049_2022-01-01/ORTHOHR/1_DONNEES_LIVRAISON_2023-02-00106/"
            f"OHR_IRC_0M20_JP2-E080_LAMB93_D49-2022/{INFRARED}",
        ),
        (
            f"ORTHOHR_1-0_RVB/1_DONNEES_LIVRAISON_2020-05-00114/OHR_RVB_0M20/{TILE}",
            f"ORTHOHR_1-0_IRC/1_DONNEES_LIVRAISON_2020-08-00106/OHR_IRC_0M20/{INFRARED}",
        ),
    ],
)
def test_the_infrared_of_a_tile_is_found(tmp_path, image, infrared):
    touch(tmp_path, image, infrared, "49-2022-0445-6700-LA93-0M20-IRC-E080.jp2", "other_IRC.tif")
    assert partner_of(str(tmp_path / image)) == str(tmp_path / infrared)


def test_the_infrared_folder_of_a_folder_is_found(tmp_path):
    for folder in ("OHR_RVB_0M20_D49-2022", "OHR_IRC_0M20_D49-2022", "OHR_IRC_0M20_D48-2022"):
        (tmp_path / folder).mkdir()
    assert partner_of(str(tmp_path / "OHR_RVB_0M20_D49-2022")) == str(tmp_path / "OHR_IRC_0M20_D49-2022")


@pytest.mark.parametrize(
    "image, others",
    [
        (TILE, ["49-2022-0445-6700-LA93-0M20-IRC-E080.jp2", INFRARED + ".aux.xml", "49-2022-0440.irc.txt"]),
        (INFRARED, [TILE, "49-2022-0440-6700-LA93-0M20-IRC-CIR-E080.jp2"]),
        ("town.tif", ["town_2.tif", "irc/village.tif", "air/town.tif"]),
        ("rvb/town.tif", ["irc/town.txt", "irc/town.tif/inside"]),
    ],
)
def test_what_is_not_called_like_it_is_no_partner(tmp_path, image, others):
    touch(tmp_path, image, *others)
    assert partner_of(str(tmp_path / image)) is None


def test_what_does_not_exist_or_is_no_file_has_no_partner(tmp_path):
    assert partner_of(str(tmp_path / "nowhere" / "a.tif")) is None
    assert partner_of("/vsicurl/https://example.org/a.tif") is None


def test_layers_that_lie_apart_are_partners_by_name():
    assert are_partners(f"/a/{TILE}", f"/b/{INFRARED}")
    assert not are_partners(f"/b/{INFRARED}", f"/a/{TILE}")
    assert not are_partners(f"/a/{TILE}", f"/b/{TILE}")
    assert not are_partners(f"/a/{TILE}", "/b/49-2022-0445-6700-LA93-0M20-IRC-E080.jp2")


def test_only_whole_words_of_a_name_say_infrared():
    assert says_infrared(INFRARED)
    assert says_infrared("/IRC/irc_town.tif")
    assert not says_infrared("/IRC/town.tif")
    assert not says_infrared("circle_fir_air.tif")


def test_infrared_images_of_others_are_told_apart():
    others = [f"/a/{TILE}", "/a/town.tif"]
    assert infrared_among([*others, f"/b/{INFRARED}"]) == [f"/b/{INFRARED}"]
    assert infrared_among([f"/b/{INFRARED}", "/a/town_irc.tif"]) == []
    assert infrared_among([f"/a/{TILE}", f"/b/{INFRARED}", "/b/town_irc.tif"]) == [f"/b/{INFRARED}", "/b/town_irc.tif"]
    assert infrared_among([f"/a/{TILE}", "/b/town_irc.tif"]) == []
