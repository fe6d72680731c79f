"""Virtual rasters over arrays."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine

from flair_landcover.inference.sentinel2 import vrt

PLACE = Affine(10, 0, 574_680.5, 0, -10, 5_622_440)
WKT = rasterio.crs.CRS.from_epsg(32631).to_wkt()


@pytest.mark.parametrize("kind", ["<u2", ">u2", "<i2", "|u1", "<f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_gdal_reads_windows_of_an_array_as_numpy_does(tmp_path, kind, order):
    values = np.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7).astype(kind)
    path = tmp_path / "a & b <1>.npy"  # characters that XML keeps for itself
    np.save(path, np.asarray(values, order=order))
    with vrt.open_source(vrt.of_array(np.load(path, mmap_mode="r"), 1, WKT, PLACE, 0.0)) as dataset:
        assert dataset.crs.to_epsg() == 32631
        assert dataset.transform == PLACE
        assert dataset.nodata == 0
        np.testing.assert_array_equal(dataset.read(), values[1])
        window = rasterio.windows.Window(2, 1, 3, 4)
        np.testing.assert_array_equal(dataset.read(2, window=window), values[1, 1, 1:5, 2:5])


def test_a_type_that_gdal_does_not_have_is_a_key_error(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((1, 1, 2, 2), bool))
    with pytest.raises(KeyError):
        vrt.of_array(np.load(tmp_path / "a.npy", mmap_mode="r"), 0, WKT, PLACE, None)
