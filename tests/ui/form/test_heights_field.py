"""Where heights come from."""

from __future__ import annotations

import pytest

from flair_landcover.tests import qgis_side
from flair_landcover.ui.form.heights_field import HeightsField, HeightSource


def heights(tmp_path, name: str) -> str:
    return str(qgis_side.write_aerial(tmp_path / f"{name}.tif", bands=1))


def test_a_band_needs_no_raster(application):
    field = HeightsField()
    assert field.source() is HeightSource.BAND and field.paths() == (None, None)


def test_a_raster_of_heights_is_asked_for(application, tmp_path):
    field = HeightsField()
    field.set_source(HeightSource.RASTER)
    with pytest.raises(ValueError, match="Choose the raster of heights"):
        field.paths()
    path = heights(tmp_path, "mnh")
    field.set_paths(path, "")
    assert field.paths() == (path, None)


def test_a_difference_needs_both_models(application, tmp_path):
    field = HeightsField()
    field.set_source(HeightSource.DIFFERENCE)
    surface, terrain = heights(tmp_path, "mns"), heights(tmp_path, "mnt")
    field.set_paths(surface, "")
    with pytest.raises(ValueError, match="Choose the surface and the terrain model"):
        field.paths()
    field.set_paths("", terrain)
    assert field.paths() == (surface, terrain)


def test_a_change_of_source_is_told(application):
    field = HeightsField()
    told = []
    field.changed.connect(lambda: told.append(field.source()))
    field.set_source(HeightSource.NONE)
    assert told == [HeightSource.NONE] and field.paths() == (None, None)
