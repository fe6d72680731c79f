from __future__ import annotations

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

from flair_landcover.research.scenes.polygons import draw_polygons, write_polygons
from flair_landcover.research.scenes.village import make_village


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return make_village(tmp_path_factory.mktemp("village"), size=512).truth


def test_polygons_lie_well_inside_of_their_class(truth):
    with rasterio.open(truth) as dataset:
        labels, transform = dataset.read(1), dataset.transform
    polygons = draw_polygons(truth, 12)
    assert len(polygons) == 12
    for value, polygon in polygons:
        inside = rasterio.features.rasterize([polygon], labels.shape, transform=transform).astype(bool)
        assert (labels[inside] == value).mean() > 0.97
        assert polygon.is_valid and polygon.area >= 6
    assert len({value for value, _ in polygons}) >= 10


def test_more_than_there_is_room_for_is_refused(truth):
    with pytest.raises(ValueError, match="fewer"):
        draw_polygons(truth, 10_000)


@pytest.mark.parametrize("names", [True, False])
def test_they_are_written_with_their_classes(truth, tmp_path, names):
    polygons = draw_polygons(truth, 5)
    path = write_polygons(tmp_path / "p.gpkg", polygons, "EPSG:2154", names)
    info, _, wkb, (field,) = pyogrio.raw.read(path, layer="annotations")
    assert info["crs"] == "EPSG:2154" and list(info["fields"]) == ["class"]
    assert len(wkb) == 5 and all(shapely.equals_exact(shapely.from_wkb(w), p) for w, (_, p) in zip(wkb, polygons))
    if not names:
        np.testing.assert_array_equal(field, [value for value, _ in polygons])
