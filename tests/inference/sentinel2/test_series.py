"""What a series says of itself."""

from __future__ import annotations

from affine import Affine

from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.sentinel2.series import Acquisition, Series


def test_two_orbits_of_one_date_are_two_acquisitions_and_one_date():
    acquisitions = tuple(
        Acquisition(date, "x", (), GeoBox(Affine.identity(), "", (0, 0)), 0.0)
        for date in ("2021-01-05", "2021-01-05", "2021-02-01")
    )
    series = Series("folder", acquisitions)
    assert series.dates == ("2021-01-05", "2021-02-01")
    assert len(series.acquisitions) == 3
