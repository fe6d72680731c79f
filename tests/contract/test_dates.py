"""Dates in names and on time axes."""

from __future__ import annotations

import pytest

from flair_landcover.contract.dates import axis_date, date_in
from flair_landcover.contract.errors import BadInput


@pytest.mark.parametrize(
    "text",
    [
        "20210415.tif",
        "s2_2021-04-15_B8A",
        "S2A_MSIL2A_20210415T104021_N0300_R008_T31UES_20210416T180000",
        "T31UES_20210415104021_B02",
        "2021-04-15-00:00_2021-04-16-23:59_Sentinel-2_L2A_B02_(Raw)",
        "2021:04:15 10:40:21",
        "2021_04_15",
        "site_20219999_20210415",  # what is on no calendar does not hide a date that follows
    ],
)
def test_the_first_date_is_found(text):
    assert date_in(text, "it") == "2021-04-15"


@pytest.mark.parametrize("text", ["s2.tif", "tile_123456789", "B12_2021", "part_31_12_2021"])
def test_other_numbers_are_no_dates(text):
    assert date_in(text, "it") is None


@pytest.mark.parametrize("text", ["s2_20210231.tif", "2021-13-01"])
def test_a_date_on_no_calendar_is_named(text):
    with pytest.raises(BadInput, match=r"The raster x has the date 2021.*which does not exist"):
        date_in(text, "The raster x")


@pytest.mark.parametrize(
    ("value", "units", "expected"),
    [
        ("0", "seconds since 2018-08-04 10:50:22", "2018-08-04"),
        ("863999", "seconds since 2018-08-04 10:50:22", "2018-08-14"),
        ("59", "days since 2020-01-01", "2020-02-29"),
        ("1.6184832e18", "nanoseconds since 1970-01-01", "2021-04-15"),
        ("-24", "hours since 2021-01-01T00:00:00Z", "2020-12-31"),
        ("2021-04-15T10:40:21.000000000", "", "2021-04-15"),
        ("20210415", "", "2021-04-15"),
    ],
)
def test_values_of_a_time_axis_become_dates(value, units, expected):
    assert axis_date(value, units, "proleptic_gregorian", "x") == expected


@pytest.mark.parametrize(
    ("value", "units", "calendar"),
    [
        ("1", "fortnights since 2020-01-01", ""),
        ("1", "days since 2020-13-01", ""),
        ("1e30", "days since 2020-01-01", ""),
        ("nan", "days since 2020-01-01", ""),
        ("1", "days since 2020-01-01", "360_day"),
        ("7", "", ""),
    ],
)
def test_a_time_axis_that_gives_no_date_is_refused(value, units, calendar):
    with pytest.raises(BadInput, match="the cube x"):
        axis_date(value, units, calendar, "the cube x")
