from __future__ import annotations

import math
import os
import random
import sys

import numpy as np
import pytest
import rasterio
import rasterio.warp
import shapely

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.errors import BadInput, Cancelled
from flair_landcover.contract.going_on import listening
from flair_landcover.finetune.annotations import read_annotations
from flair_landcover.inference.raster.aerial import aerial_geobox
from flair_landcover.tests.jobs import finetune_job
from flair_landcover.tests.notices import in_english

from .polygons import LEFT, TOP, curved_disc, locked, made_grid, square, write_polygons

CARD = ModelCard(id="base", title="Base", architecture="smp:Unet:resnet18")
# Neither geographic nor projected, as some real FLAIR files have it.
LOCAL = 'LOCAL_CS["RGF93 v1 / Lambert-93",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "polygones dessinés.gpkg"


def read(polygons, warn=None, grid=None, **settings):
    job = finetune_job(input="aerial.tif", polygons=str(polygons), **settings)
    return read_annotations(job, CARD, grid or made_grid(), in_english(warn if warn is not None else []))


def refusal(polygons, **settings) -> tuple[str, str]:
    """The sentence and the setting that it is about."""
    with pytest.raises(BadInput) as caught:
        read(polygons, **settings)
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text
    return text, caught.value.field


def found(annotations):
    return [(item.number, item.value, round(item.geometry.area, 3)) for item in annotations.items]


def test_a_layer_of_cosia_is_taken_by_its_names_and_by_its_numbers(path):
    names = ["Bâtiment", "Zone imperméable", "Surface eau", "Feuillu"]
    shapes = [square(15 * i, 0) for i in range(4)]
    write_polygons(path, shapes, [1, 3, 6, 9], field="numero", beside={"classe": names})
    warnings: list[str] = []
    by_name, by_number = (read(path, warnings, class_field=field) for field in ("classe", "numero"))
    assert [item.value for item in by_name.items] == [item.value for item in by_number.items] == [1, 3, 5, 7]
    assert by_number.ignored == 0
    assert warnings == ["The numbers in the field numero are taken as CoSIA's, as the layer has its field classe too."]


def test_numbers_that_may_be_cosias_are_the_models_with_a_warning(path):
    write_polygons(path, [square(15 * i, 0) for i in range(2)], [4, 6], field="numero")
    warnings: list[str] = []
    assert [item.value for item in read(path, warnings, class_field="numero").items] == [4, 6]
    assert warnings == [
        "The numbers in the field numero are taken as the model's, where 4 is bare soil; if they are CoSIA's, choose "
        "its field classe, or give a class map."
    ]
    warnings.clear()
    read(path, warnings, class_field="numero", class_map=(("4", "swimming pool"), ("6", "5")))
    assert warnings == []


def test_what_is_other_to_the_model_is_told(path):
    write_polygons(path, [square(15 * i, 0) for i in range(2)], ["Piscine", "Feuillu"])
    warnings: list[str] = []
    assert [item.value for item in read(path, warnings).items] == [13, 7]
    assert len(warnings) == 1 and warnings[0].startswith("Piscine is no class of the model Base: taken as other")


def test_polygons_come_with_their_classes(path):
    write_polygons(path, [square(0, 0), square(20, 0), square(40, 0, 5)], [1, 5, 1])
    warnings: list[str] = []
    annotations = read(path, warnings)
    assert found(annotations) == [(1, 1, 100), (2, 5, 100), (3, 1, 25)]
    assert annotations.values == (("1", 2), ("5", 1))
    assert annotations.source == f"{path}, layer annotations"
    assert not warnings


def test_names_numbers_and_the_class_map_are_understood(path):
    values = ["Water", "7", "vigne", "unsure", "BARE soil", None]
    write_polygons(path, [square(15 * i, 0) for i in range(6)], values, field="nom")
    warnings: list[str] = []
    annotations = read(path, warnings, class_field="nom", class_map=(("vigne", "9"), ("unsure", "")))
    assert [item.value for item in annotations.items] == [5, 7, 9, 4]
    assert annotations.ignored == 2
    assert warnings == ["1 polygon has no value in the field nom: left out."]


def test_a_new_class_joins_the_legend(path):
    write_polygons(path, [square(0, 0), square(20, 0)], ["pv", "water"])
    annotations = read(path, class_map=(("pv", "solar panels"),))
    assert annotations.plan.new == ("solar panels",)
    assert [item.value for item in annotations.items] == [14, 5]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32631", "EPSG:3857"])
def test_another_crs_is_transformed_to_the_rasters(path, crs):
    def move(points):
        return np.column_stack(rasterio.warp.transform("EPSG:2154", crs, points[:, 0], points[:, 1]))

    shapes = [square(0, 0), square(150, 180)]
    write_polygons(path, [shapely.transform(shape, move) for shape in shapes], [1, 5], crs=crs)
    for item, shape in zip(read(path).items, shapes):
        assert shapely.hausdorff_distance(item.geometry, shape) < 0.02


def test_invalid_outlines_are_repaired_and_it_is_said(path):
    bow_tie = shapely.Polygon([(LEFT + x, TOP - y) for x, y in ((0, 0), (10, 10), (10, 0), (0, 10))])
    write_polygons(path, [bow_tie, square(50, 0)], [1, 5])
    warnings: list[str] = []
    annotations = read(path, warnings)
    assert found(annotations) == [(1, 1, 25), (2, 1, 25), (3, 5, 100)]
    assert all(item.geometry.is_valid for item in annotations.items)
    assert len(warnings) == 1 and "1 polygon has an outline that crosses itself" in warnings[0]


def test_an_outline_of_random_corners_is_refused_at_once(path):
    """Repaired it would take hours and all of the memory."""
    corners = np.random.default_rng(0).uniform(0, 100, (5000, 2))
    scribble = shapely.Polygon(np.array([LEFT, TOP - 100]) + corners)
    write_polygons(path, [scribble, square(150, 0)], [1, 5])
    text, setting = refusal(path)
    assert "crosses itself more than 2,000 times: draw it again, or delete it" in text and setting == "polygons"


def test_reading_polygons_ends_where_the_job_was_stopped(path):
    write_polygons(path, [square(0, 0), square(50, 0)], [1, 5])
    with pytest.raises(Cancelled), listening(lambda: True):
        read(path)


def test_multiparts_and_collections_are_taken_apart(path):
    many = shapely.MultiPolygon([square(0, 0), square(20, 0)])
    mixed = shapely.GeometryCollection([square(40, 0), shapely.Point(LEFT + 1, TOP - 1)])
    write_polygons(path, [many, mixed], [1, 5])
    assert found(read(path)) == [(1, 1, 100), (2, 1, 100), (3, 5, 100)]


def test_curves_are_made_straight(path):
    write_polygons(path, [curved_disc(20, 20, 10), square(50, 0)], [1, 5])
    disc, _ = read(path).items
    assert disc.geometry.area == pytest.approx(100 * math.pi, rel=2e-3)
    assert len(disc.geometry.exterior.coords) > 50


def test_heights_are_dropped(path):
    high = shapely.force_3d(square(0, 0), 120.0)
    write_polygons(path, [high, square(50, 0)], [1, 5])
    assert not any(item.geometry.has_z for item in read(path).items)


def test_only_what_lies_on_the_raster_is_taken(path):
    write_polygons(path, [square(-5, 0), square(500, 0), square(20, 0), square(190, 190)], [1, 5, 5, 7])
    warnings: list[str] = []
    annotations = read(path, warnings)
    assert found(annotations) == [(1, 1, 50), (2, 5, 100), (3, 7, 100)]
    assert warnings == ["1 of 4 features have nothing on the aerial raster: left out."]


def test_an_unknown_value_outside_the_raster_is_no_matter(path):
    write_polygons(path, [square(0, 0), square(20, 0), square(900, 0)], ["water", "building", "who knows"])
    assert len(read(path).items) == 2


def test_what_is_smaller_than_a_pixel_is_left_out(path):
    write_polygons(path, [square(0, 0), square(20, 0), square(40, 0, 0.1)], [1, 5, 5])
    warnings: list[str] = []
    assert len(read(path, warnings).items) == 2
    assert warnings == ["1 polygon is smaller than one pixel: left out."]
    write_polygons(path, [square(40, 0, 0.1)], [5], layer="small")
    assert "smaller than one pixel" in refusal(path, layer="small")[0]


def test_features_without_an_area_are_left_out(path):
    line = shapely.LineString([(LEFT, TOP), (LEFT + 50, TOP - 50)])
    write_polygons(path, [square(0, 0), square(20, 0), line], [1, 5, 5])
    warnings: list[str] = []
    assert len(read(path, warnings).items) == 2
    assert warnings == ["1 feature is no polygon: left out."]


def test_features_without_a_geometry_are_left_out(path):
    write_polygons(path, [square(0, 0), square(20, 0), None, shapely.Polygon()], [1, 5, 5, 1])
    warnings: list[str] = []
    assert len(read(path, warnings).items) == 2
    assert warnings == ["2 of 4 features have nothing on the aerial raster: left out."]


def test_no_polygon_on_the_raster_says_where_both_are(path):
    write_polygons(path, [square(5000, 0), square(6000, 0)], [1, 5])
    text, field = refusal(path)
    assert field == "polygons"
    assert "652000 6861800 652200 6862000" in text and "657000" in text and "EPSG:2154" in text


def test_polygons_whose_crs_is_wrong_do_not_lie_on_the_raster(path):
    write_polygons(path, [square(0, 0), square(20, 0)], [1, 5], crs="EPSG:4326")
    assert "check the layer's CRS" in refusal(path)[0]


def test_polygons_are_moved_to_the_crs_that_the_image_was_given(path, tmp_path):
    """As to that of its file: a raster without one, and one whose file says another."""

    def to_utm(points):
        return np.column_stack(rasterio.warp.transform("EPSG:2154", "EPSG:32631", points[:, 0], points[:, 1]))

    write_polygons(path, [shapely.transform(square(20, 20), to_utm)], [1], crs="EPSG:32631")
    told: list[str] = []
    for own in ("", LOCAL):
        profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "width": 500, "height": 400}
        with rasterio.open(tmp_path / "a.tif", "w", **profile, crs=own or None, transform=made_grid().transform):
            pass
        with rasterio.open(tmp_path / "a.tif") as dataset:
            grid = aerial_geobox(dataset, "a.tif", in_english(told), "EPSG:2154")
        assert found(read(path, told, grid, one_class=True)) == [(1, 1, 100)]
    assert not any("as they are" in each for each in told)


def test_a_layer_without_crs_is_taken_to_be_in_the_rasters(path):
    with pytest.warns(UserWarning, match="crs"):
        write_polygons(path, [square(0, 0), square(20, 0)], [1, 5], crs=None)
    warnings: list[str] = []
    assert len(read(path, warnings).items) == 2
    assert len(warnings) == 1 and "has no CRS" in warnings[0]


@pytest.mark.parametrize("crs", ["", LOCAL])
def test_a_raster_whose_place_is_unknown_takes_coordinates_as_they_are(path, crs):
    write_polygons(path, [square(0, 0), square(20, 0)], [1, 5])
    warnings: list[str] = []
    assert found(read(path, warnings, grid=made_grid(crs=crs))) == [(1, 1, 100), (2, 5, 100)]
    assert len(warnings) == 1 and "as they are" in warnings[0]


def test_a_single_class_is_refused_unless_it_is_allowed(path):
    write_polygons(path, [square(0, 0), square(20, 0)], [5, 5])
    text, field = refusal(path)
    assert field == "one_class" and "water" in text and "everywhere" in text
    assert [item.value for item in read(path, one_class=True).items] == [5, 5]


def test_unknown_values_are_named(path):
    write_polygons(path, [square(0, 0), square(20, 0), square(40, 0)], ["water", "haie", "verger"])
    text, field = refusal(path)
    assert field == "class_map" and "'haie', 'verger'" in text


def test_polygons_without_any_class_are_refused(path):
    write_polygons(path, [square(0, 0), square(20, 0)], [None, None])
    assert refusal(path)[1] == "class_field"
    write_polygons(path, [square(0, 0), square(20, 0)], [1, 2], layer="ignored")
    assert refusal(path, layer="ignored", class_map=(("1", ""), ("2", "")))[1] == "class_map"


def test_a_locked_geopackage_is_refused(path):
    write_polygons(path, [square(0, 0), square(20, 0)], [1, 5])
    with locked(str(path)):
        text, field = refusal(path)
    assert field == "polygons" and "locked" in text
    assert len(read(path).items) == 2


def test_a_missing_field_is_refused_with_those_there_are(path):
    write_polygons(path, [square(0, 0)], [1], field="nature")
    text, field = refusal(path)
    assert field == "class_field" and "nature" in text


def test_a_missing_layer_is_refused_with_those_there_are(path):
    write_polygons(path, [square(0, 0)], [1])
    text, field = refusal(path, layer="anotations")
    assert field == "layer" and "annotations" in text


def test_an_empty_layer_is_refused(path):
    write_polygons(path, [], [], kind="Polygon")
    assert "empty" in refusal(path)[0]


def test_the_first_layer_with_polygons_is_taken(path):
    write_polygons(path, [shapely.Point(LEFT, TOP)], [1], layer="points", kind="Point")
    write_polygons(path, [square(0, 0), square(20, 0)], [1, 5], layer="surfaces", kind="Polygon", append=True)
    assert read(path).source.endswith("layer surfaces")
    assert "Point" in refusal(path, layer="points")[0]


def test_a_layer_of_lines_is_refused(path):
    line = shapely.LineString([(LEFT, TOP), (LEFT + 50, TOP - 50)])
    write_polygons(path, [line], [1])
    assert "no polygons" in refusal(path)[0]


def test_a_table_without_geometries_is_refused(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("class,area\n1,2\n", encoding="utf-8")
    assert "table" in refusal(table)[0]


@pytest.mark.parametrize("name", ["notes.txt", "broken.gpkg", "folder"])
def test_what_is_no_vector_file_is_refused(tmp_path, name):
    if name == "folder":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("hello", encoding="utf-8")
    assert "no vector file" in refusal(tmp_path / name)[0]


def test_a_missing_file_is_refused(tmp_path):
    assert "There is no file" in refusal(tmp_path / "gone.gpkg")[0]


@pytest.mark.parametrize("suffix", [".geojson", ".shp", ".fgb"])
def test_other_formats_are_read_too(tmp_path, suffix):
    crs = "EPSG:4326" if suffix == ".geojson" else "EPSG:2154"

    def move(points):
        return np.column_stack(rasterio.warp.transform("EPSG:2154", crs, points[:, 0], points[:, 1]))

    shapes = [shapely.transform(shape, move) for shape in (square(0, 0), square(20, 0))]
    path = tmp_path / f"polygons{suffix}"
    write_polygons(path, shapes, ["forêt", "water"], crs=crs, kind="Polygon", layer="polygons")
    items = read(path, class_map=(("forêt", "deciduous"),)).items
    assert {item.value for item in items} == {5, 7}  # FlatGeobuf has an order of its own


def test_settings_out_of_range_are_refused_first(tmp_path):
    assert refusal(tmp_path / "gone.gpkg", holdout=0.9)[1] == "holdout"


POLYGONS = {
    "deep": '{"type": "FeatureCollection", "features": ' + "[" * 100_000,
    "no geometry": '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": 3, "properties": 4}]}',
    "texts": '{"type": "Feature", "properties": {"class": "1"}, "geometry": {"type": "Polygon", "coordinates": "ab"}}',
    "far": '{"type": "Feature", "properties": {"class": "1"}, "geometry": {"type": "Polygon", "coordinates": '
    "[[[1e300, 0], [1e308, 1e308], [0, 1e300], [1e300, 0]]]}}",
    "long": '{"type": "Feature", "properties": {"class": %s}, "geometry": {"type": "Polygon", "coordinates": '
    "[[[0, 0], [1, 0], [1, 1], [0, 0]]]}}" % ("9" * 5000),
    "nul": "\0\0\0",
    "sqlite": "SQLite format 3\0" + "\xff" * 3000,
}


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "shp"])
@pytest.mark.parametrize("kind", POLYGONS)
def test_a_file_of_polygons_that_is_none_is_refused(tmp_path, kind, ending):
    (tmp_path / f"a.{ending}").write_text(POLYGONS[kind], encoding="latin1")
    sentence, _ = refusal(tmp_path / f"a.{ending}")
    assert "\n" not in sentence


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_of_polygons_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.geojson")
    assert "is a pipe or a device" in refusal(tmp_path / "a.geojson")[0]


def test_a_damaged_geopackage_is_taken_or_refused(path, tmp_path):
    write_polygons(path, [square(0, 0), square(20, 0), square(40, 0, 5)], [1, 5, 1])
    whole, chance = path.read_bytes(), random.Random(1)
    refused = 0
    for number in range(40):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 8, 200])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        damaged = tmp_path / f"{number}.gpkg"
        damaged.write_bytes(data[: chance.choice([len(data), len(data), chance.randrange(len(data))])])
        try:
            read(damaged)
        except BadInput as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused
