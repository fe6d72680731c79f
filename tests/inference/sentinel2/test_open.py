"""Which form a path is taken for."""

from __future__ import annotations

import pytest

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.tests.inference.sentinel2.products import made_up, make_product

from .forms import no_warning, pixels, write, write_flair, write_zarr


def opened(*paths):
    return open_series(tuple(str(path) for path in paths), no_warning)


def test_the_form_is_found_from_what_the_path_holds(tmp_path):
    raster = write(tmp_path / "20210415.tif", pixels(1)[0])
    assert opened(raster).kind == "raster"
    assert opened(tmp_path).kind == "folder"
    assert opened(make_product(tmp_path / "p", made_up(), "2021-04-15")).kind == "product"
    assert opened(write_flair(tmp_path / "f", pixels())).kind == "flair"
    assert opened(write_zarr(tmp_path / "z", pixels(), [0, 1, 2])).kind == "cube"


@pytest.mark.parametrize("layer", ["SENTINEL2_L2A:{}:10m:EPSG_32631", "SENTINEL2_L2A:{}:TCI:EPSG_32631"])
def test_a_layer_that_qgis_took_out_of_a_product_stands_for_the_product(tmp_path, layer):
    safe = make_product(tmp_path, made_up(), "2021-04-15")
    assert opened(layer.format(safe / "MTD_MSIL2A.xml")) == opened(safe)


def test_a_string_is_one_path(tmp_path):
    path = write(tmp_path / "20210415.tif", pixels(1)[0])
    assert open_series(str(path), no_warning) == opened(path) == opened(path, path)


@pytest.mark.parametrize(("paths", "match"), [((), "No Sentinel-2 series"), (("nowhere",), "nowhere does not exist")])
def test_nothing_there_is_told(tmp_path, paths, match):
    with pytest.raises(BadInput, match=match) as caught:
        opened(*(tmp_path / path for path in paths))
    assert caught.value.field == "sentinel2"


def test_several_forms_at_once_are_refused(tmp_path):
    raster = write(tmp_path / "20210415.tif", pixels(1)[0])
    with pytest.raises(BadInput, match="one form at a time"):
        opened(raster, make_product(tmp_path, made_up(), "2021-07-04"))
