"""The sample product is one in the eyes of GDAL's own driver for products."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from flair_landcover.tests.inference.sentinel2.products import made_up, make_product


@pytest.mark.parametrize(("baseline", "offset"), [("03.00", 0), ("05.10", 1000)])
def test_gdal_opens_it_as_a_level_2a_product(tmp_path, baseline, offset):
    pixels = made_up()
    safe = make_product(tmp_path, pixels, "2023-04-15", baseline)
    with rasterio.open(safe / "MTD_MSIL2A.xml") as product:
        assert product.driver == "SENTINEL2"
        assert product.tags()["PROCESSING_LEVEL"] == "Level-2A"
        names = {name.split(":")[-2]: name for name in product.subdatasets}
    seen = set()
    for resolution in ("10m", "20m"):
        with rasterio.open(names[resolution]) as dataset:
            assert dataset.crs.to_epsg() == 32631
            for number, description in enumerate(dataset.descriptions, start=1):
                name = description.split(",")[0]
                expected = {**pixels.bands, "SCL": pixels.classes, "CLD": pixels.clouds, "SNW": pixels.snow}.get(name)
                if expected is None:
                    continue  # aerosol and water vapour, which the product does not have
                seen.add(name)
                if name in pixels.bands:
                    expected = np.where(expected > 0, expected + offset, 0)
                np.testing.assert_array_equal(dataset.read(number), expected)
    assert seen >= set(pixels.bands) | {"SCL"}
