"""What names say of bands and masks."""

from __future__ import annotations

import pytest

from flair_landcover.contract.cards import SATELLITE_BANDS
from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.sentinel2.bands import check_complete, role_in, without_role


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-04-15 B8A", "B8A"),
        ("B08", "B8"),
        ("T31UES_20210415T104021_B02_10m", "B2"),
        ("b12", "B12"),
        ("B1", "B1"),
        ("B10", "B10"),
        ("20210415_clouds", "clouds"),
        ("MSK_CLDPRB_20m", "clouds"),
        ("20210415_SNW", "snow"),
        ("T31UES_SCL_20m", "classes"),
        ("S2B_20210415", None),
        ("cloudless_20210415", None),
        ("cloud-free 2021", None),
        ("RGB", None),
        ("MSK_CLASSI_SNOW_ICE", None),
        ("MSK_SNWPRB", "snow"),
    ],
)
def test_a_name_says_its_role(text, expected):
    assert role_in(text) == expected


def test_files_that_belong_together_have_one_name_without_their_roles():
    names = [
        "T31_20210415_B02_10m",
        "T31_20210415_B8A_20m",
        "T31_20210415_SCL_20m",
        "T31_20210415_clouds",
        "T31_20210415",
    ]
    assert {without_role(name) for name in names} == {"t31_20210415"}


def test_the_missing_band_is_named():
    with pytest.raises(BadInput, match="It has no band B8A"):
        check_complete(set(SATELLITE_BANDS) - {"B8A"}, "It")
    check_complete(set(SATELLITE_BANDS), "It")
