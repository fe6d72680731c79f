"""`flair:segment` as scripts and batches run it, in one QGIS with one warm worker."""

from __future__ import annotations

import json
import os
import shutil
import traceback
from pathlib import Path

import numpy as np
import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.runtime.client import shared_client
from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_side import LEFT, PIXEL_M, TOP

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterDefinition,
    QgsProject,
    QgsRasterFileWriter,
    QgsRasterLayer,
    QgsRectangle,
    QgsSettings,
    QgsVectorLayer,
)

LAMBERT_93 = QgsCoordinateReferenceSystem("EPSG:2154")


@pytest.fixture(scope="session")
def whole_map(application, model, aerial, tmp_path_factory) -> np.ndarray:
    """Labels (200, 200) of the whole aerial raster."""
    import processing

    output = str(tmp_path_factory.mktemp("whole") / "map.tif")
    parameters = {"INPUT": str(aerial), "MODEL": str(model), "PRECISION": "fp32", "DEVICE": "cpu", "OUTPUT": output}
    processing.run("flair:segment", parameters)
    return qgis_side.read_pixels(output)[0]


def job_of(path: Path) -> dict:
    """The job that a map's provenance names."""
    return json.loads(gdal.Open(str(path)).GetMetadataItem("FLAIR_LANDCOVER"))["job"]


def area_of(results: dict) -> float:
    """Square metres over all classes."""
    areas = [value for name, value in results.items() if name.startswith("AREA_")]
    assert len(areas) == 13
    return sum(areas)


def sentence(feedback) -> str:
    """The last error before Processing's own."""
    return [error for error in feedback.errors if not error.startswith("There were errors executing")][-1]


def test_the_parameters_have_the_names_that_others_rely_on_and_a_help_text(application):
    algorithm = QgsApplication.processingRegistry().algorithmById("flair:segment")
    parameters = {parameter.name(): parameter for parameter in algorithm.parameterDefinitions()}
    assert list(parameters) == qgis_side.PARAMETERS
    assert all(parameter.help() and parameter.description() for parameter in parameters.values())
    required = {
        name
        for name, parameter in parameters.items()
        if not parameter.flags() & QgsProcessingParameterDefinition.FlagOptional and parameter.defaultValue() is None
    }
    assert required == {"OUTPUT"}  # of INPUT and TILES one is needed
    assert not parameters["MODEL"].defaultValue()  # the library's default model
    assert not parameters["OUTPUT_CONFIDENCE"].createByDefault()
    assert not parameters["OUTPUT_PROBABILITIES"].createByDefault()


@pytest.fixture
def seasons(tmp_path) -> Path:
    return qgis_side.write_raster(tmp_path / "seasons.tif", np.full((10, 40, 40), 9, np.float32), pixel_m=10.0)


def test_every_parameter_reaches_the_engine(segment, feedback, aerial, model, seasons, tmp_path):
    surface = np.full((1, 40, 40), 1, np.float32)
    surface[:, ::2] = 4
    heights = qgis_side.write_raster(tmp_path / "heights.tif", surface, pixel_m=1.0)
    ground = qgis_side.write_raster(tmp_path / "ground.tif", np.full((1, 40, 40), 1, np.float32), pixel_m=1.0)
    ring = [(LEFT, TOP), (LEFT, TOP - 40), (LEFT + 40, TOP - 40), (LEFT + 40, TOP)]
    mask = qgis_side.write_polygons(tmp_path / "mask.gpkg", [ring], 2154)
    results = segment(
        INPUT=aerial,
        BANDS="R=3 G=2 B=1 NIR=4",
        ELEVATION=heights,
        TERRAIN=ground,
        EXTENT=f"{LEFT},{LEFT + 20},{TOP - 20},{TOP}",
        MASK=mask,
        SENTINEL2=seasons,
        LEAVE_OUT="2021-04-15, 2021-04-20",
        TTA="flips",
        OUTPUT=tmp_path / "map.tif",
        OUTPUT_CONFIDENCE=tmp_path / "confidence.tif",
    )
    job = job_of(tmp_path / "map.tif")
    assert job.pop("mask")[0]["type"] in ("Polygon", "MultiPolygon")
    assert job == {
        "input": [str(aerial)],
        "crs": "",
        "infrared": None,
        "output": str(tmp_path / "map.tif"),
        "bands": "R=3 G=2 B=1 NIR=4",
        "elevation": str(heights),
        "terrain": str(ground),
        "extent": [LEFT, TOP - 20, LEFT + 20, TOP],
        "sentinel2": [str(seasons)],
        "leave_out": ["2021-04-15", "2021-04-20"],
        "model": str(model),
        "device": "cpu",
        "precision": "fp32",
        "tta": "flips",
        "confidence": str(tmp_path / "confidence.tif"),
        "probabilities": None,
        "difference": None,
        "classes": "flair13",
        "strict": False,
    }
    assert feedback.warnings == ["The model Untrained takes no Sentinel-2: the series is left out."]
    assert set(results) - {name for name in results if name.startswith("AREA_")} == {"OUTPUT", "OUTPUT_CONFIDENCE"}


def test_one_raster_or_several_tiles_must_be_given_and_not_both(segment, feedback, aerial, tmp_path):
    for given, told in (
        ({}, "There is no aerial image: give one raster (INPUT), or several tiles or a folder of them (TILES)."),
        (
            {"INPUT": aerial, "TILES": [str(aerial)]},
            "either as one raster (INPUT) or as several tiles (TILES), not both",
        ),
    ):
        with pytest.raises(QgsProcessingException):
            segment(**given, OUTPUT=tmp_path / "map.tif")
        assert told in sentence(feedback)
    assert not (tmp_path / "map.tif").exists()


def test_one_map_a_tile_is_that_part_of_the_map_of_all_tiles(segment, tmp_path):
    pixels = qgis_side.read_pixels(qgis_side.write_aerial(tmp_path / "whole.tif", size=400, bands=3))
    tiles = []
    for start in (0, 250):
        part, left = pixels[:, :, start : start + 250].copy(), LEFT + start * PIXEL_M
        tiles.append(str(qgis_side.write_raster(tmp_path / f"tile_{start}.tif", part, left=left)))
    segment(TILES=tiles, OUTPUT=tmp_path / "all.tif")
    labels = qgis_side.read_pixels(tmp_path / "all.tif")[0]
    assert labels.shape == (400, 400) and len(np.unique(labels)) > 1
    for tile, columns in zip(tiles, (slice(0, 250), slice(250, 400))):
        segment(TILES=tiles, EXTENT=tile, OUTPUT=tmp_path / "one.tif")
        assert np.array_equal(qgis_side.read_pixels(tmp_path / "one.tif")[0], labels[:, columns])


def test_what_is_in_doubt_is_a_warning_and_refuses_a_strict_run(segment, feedback, aerial, seasons, tmp_path):
    segment(INPUT=aerial, SENTINEL2=seasons, OUTPUT=tmp_path / "map.tif")
    (doubt,) = feedback.warnings
    assert doubt == "The model Untrained takes no Sentinel-2: the series is left out."
    with pytest.raises(QgsProcessingException, match=f"takes nothing that is in doubt. {doubt}"):
        segment(INPUT=aerial, SENTINEL2=seasons, STRICT=True, OUTPUT=tmp_path / "strict.tif")
    assert not (tmp_path / "strict.tif").exists()
    segment(INPUT=aerial, STRICT=True, OUTPUT=tmp_path / "sure.tif")
    assert job_of(tmp_path / "sure.tif")["strict"] is True


def test_layers_of_the_project_serve_as_inputs(segment, aerial, whole_map, tmp_path):
    layer = QgsRasterLayer(str(aerial), "ortho")
    QgsProject.instance().addMapLayer(layer, False)
    try:
        segment(INPUT="ortho", OUTPUT=tmp_path / "by-name.tif")
        segment(INPUT=layer, OUTPUT=tmp_path / "by-layer.tif")
    finally:
        QgsProject.instance().removeMapLayer(layer)
    assert np.array_equal(qgis_side.read_pixels(tmp_path / "by-name.tif")[0], whole_map)
    assert np.array_equal(qgis_side.read_pixels(tmp_path / "by-layer.tif")[0], whole_map)


def test_the_crs_that_a_layer_was_given_goes_with_it(segment, aerial, whole_map, tmp_path):
    layer = QgsRasterLayer(str(qgis_side.without_crs(aerial, tmp_path / "plain.tif")), "plain")
    layer.setCrs(LAMBERT_93)
    segment(INPUT=layer, OUTPUT=tmp_path / "map.tif")
    assert job_of(tmp_path / "map.tif")["crs"] == "EPSG:2154"
    assert np.array_equal(qgis_side.read_pixels(tmp_path / "map.tif")[0], whole_map)
    assert QgsRasterLayer(str(tmp_path / "map.tif"), "map").crs() == LAMBERT_93


def test_a_layer_opened_with_options_of_gdal_is_read_from_its_file(segment, aerial, whole_map, tmp_path):
    layer = QgsRasterLayer(f"{aerial}|option:NUM_THREADS=2", "ortho")
    assert layer.isValid()
    segment(INPUT=layer, OUTPUT=tmp_path / "map.tif")
    assert np.array_equal(qgis_side.read_pixels(tmp_path / "map.tif")[0], whole_map)


def test_an_extent_in_another_crs_maps_the_pixels_that_it_covers(segment, aerial, whole_map, tmp_path):
    degrees = QgsCoordinateReferenceSystem("EPSG:4326")
    wanted = QgsRectangle(LEFT + 12.3, TOP - 31.7, LEFT + 32.1, TOP - 10.9)
    project = QgsProject.instance().transformContext()
    extent = QgsCoordinateTransform(LAMBERT_93, degrees, project).transformBoundingBox(wanted)
    segment(
        INPUT=aerial,
        EXTENT=f"{extent.xMinimum()!r},{extent.xMaximum()!r},{extent.yMinimum()!r},{extent.yMaximum()!r} [EPSG:4326]",
        OUTPUT=tmp_path / "map.tif",
    )
    dataset = gdal.Open(str(tmp_path / "map.tif"))
    left, _, _, top, _, _ = dataset.GetGeoTransform()
    column, row = (left - LEFT) / PIXEL_M, (TOP - top) / PIXEL_M
    assert (column, row) == (pytest.approx(round(column)), pytest.approx(round(row)))
    column, row = round(column), round(row)
    labels = dataset.ReadAsArray()
    # A rectangle in degrees is turned by some degrees in Lambert-93: what comes back covers what was
    # asked for, and not much more.
    assert column * PIXEL_M <= 12.3 and row * PIXEL_M <= 10.9
    assert (column + labels.shape[1]) * PIXEL_M >= 32.1 and (row + labels.shape[0]) * PIXEL_M >= 31.7
    assert labels.shape[1] * PIXEL_M < 19.8 * 1.2 and labels.shape[0] * PIXEL_M < 20.8 * 1.2
    assert np.array_equal(labels, whole_map[row : row + labels.shape[0], column : column + labels.shape[1]])


def test_a_mask_in_another_crs_leaves_nodata_outside_its_polygons(segment, aerial, whole_map, tmp_path):
    # Two squares of 10 m with pixel edges for borders.
    rings = [
        [(LEFT + x, TOP - y), (LEFT + x, TOP - y - 10), (LEFT + x + 10, TOP - y - 10), (LEFT + x + 10, TOP - y)]
        for x, y in ((4, 6), (28, 30))
    ]
    mask = qgis_side.write_polygons(tmp_path / "forêt.gpkg", rings, 4326)
    results = segment(INPUT=aerial, MASK=mask, OUTPUT=tmp_path / "map.tif")
    labels = qgis_side.read_pixels(tmp_path / "map.tif")[0]
    expected = np.zeros_like(whole_map)
    for rows, columns in ((slice(30, 80), slice(20, 70)), (slice(150, 200), slice(140, 190))):
        expected[rows, columns] = whole_map[rows, columns]
    assert np.array_equal(labels, expected)
    assert area_of(results) == pytest.approx(200.0)


def test_only_selected_polygons_mask_where_asked(segment, aerial, tmp_path):
    from qgis.core import QgsProcessingFeatureSourceDefinition

    square = [(LEFT, TOP), (LEFT, TOP - 10), (LEFT + 10, TOP - 10), (LEFT + 10, TOP)]
    other = [(x + 30, y - 30) for x, y in square]
    layer = QgsVectorLayer(str(qgis_side.write_polygons(tmp_path / "mask.gpkg", [square, other], 2154)), "mask")
    layer.selectByIds([1])
    QgsProject.instance().addMapLayer(layer, False)
    try:
        chosen = QgsProcessingFeatureSourceDefinition(layer.id(), True)
        results = segment(INPUT=aerial, MASK=chosen, OUTPUT=tmp_path / "map.tif")
    finally:
        QgsProject.instance().removeMapLayer(layer)
    assert area_of(results) == pytest.approx(100.0)


def test_a_mask_without_polygons_is_refused(segment, feedback, aerial, tmp_path):
    mask = qgis_side.write_polygons(tmp_path / "mask.gpkg", [], 2154)
    with pytest.raises(QgsProcessingException, match="The mask has no valid polygons"):
        segment(INPUT=aerial, MASK=mask, OUTPUT=tmp_path / "map.tif")
    assert not (tmp_path / "map.tif").exists()


def test_a_mask_beyond_the_crs_of_the_image_is_refused(segment, feedback, aerial, tmp_path):
    layer = QgsVectorLayer("Polygon?crs=EPSG:4326", "mask", "memory")
    from qgis.core import QgsFeature, QgsGeometry

    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromWkt("POLYGON((0 94, 10 94, 10 95, 0 94))"))
    layer.dataProvider().addFeature(feature)
    with pytest.raises(QgsProcessingException):
        segment(INPUT=aerial, MASK=layer, OUTPUT=tmp_path / "map.tif")
    assert "outside the CRS of the aerial image" in sentence(feedback)


def test_a_mask_with_a_broken_polygon_is_refused_by_name(segment, feedback, aerial, tmp_path):
    bow_tie = [(LEFT, TOP), (LEFT + 10, TOP - 10), (LEFT + 10, TOP), (LEFT, TOP - 10)]
    mask = qgis_side.write_polygons(tmp_path / "mask.gpkg", [bow_tie], 2154)
    # QGIS's own check throws through Python's frames: without ours the second time crashes.
    for _ in range(3):
        with pytest.raises(QgsProcessingException):
            segment(INPUT=aerial, MASK=mask, OUTPUT=tmp_path / "map.tif")
        assert "polygon 1 of mask has an invalid geometry" in sentence(feedback)
    assert traceback.format_stack()


@pytest.mark.parametrize(("check", "mapped_m2"), [("GeometrySkipInvalid", 400.0), ("GeometryNoCheck", 600.0)])
def test_a_broken_polygon_is_left_out_or_taken_where_the_parameter_says_so(
    segment, feedback, aerial, tmp_path, check, mapped_m2
):
    from qgis.core import QgsFeatureRequest, QgsProcessingFeatureSourceDefinition

    bow_tie = [(LEFT, TOP - 20), (LEFT + 20, TOP - 40), (LEFT + 20, TOP - 20), (LEFT, TOP - 40)]
    square = [(LEFT, TOP), (LEFT + 20, TOP), (LEFT + 20, TOP - 20), (LEFT, TOP - 20)]
    mask = QgsProcessingFeatureSourceDefinition(
        str(qgis_side.write_polygons(tmp_path / "mask.gpkg", [bow_tie, square], 2154)),
        flags=QgsProcessingFeatureSourceDefinition.Flag.FlagOverrideDefaultGeometryCheck,
        geometryCheck=getattr(QgsFeatureRequest.InvalidGeometryCheck, check),
    )
    results = segment(INPUT=aerial, MASK=mask, OUTPUT=tmp_path / "map.tif")
    assert area_of(results) == pytest.approx(mapped_m2, rel=0.02)
    told = [warning for warning in feedback.warnings if "polygon 1 of" in warning]
    assert len(told) == (check == "GeometrySkipInvalid")


def test_a_series_is_taken_as_a_folder_and_as_layers_and_what_it_changes_is_written(segment, aerial, tmp_path):
    folder = qgis_side.write_series(tmp_path / "series")
    maps = [tmp_path / f"{name}.tif" for name in ("folder", "layers", "without")]
    segment(
        INPUT=aerial,
        MODEL="bundled",
        SENTINEL2=folder,
        LEAVE_OUT="2021-05-20",
        OUTPUT=maps[0],
        OUTPUT_DIFFERENCE=tmp_path / "difference.tif",
    )
    layers = [QgsRasterLayer(str(path), path.stem) for path in sorted(folder.glob("*.tif"))]
    for layer in layers:
        QgsProject.instance().addMapLayer(layer, False)
    given = [layers[0], *(layer.id() for layer in layers[1:-1]), layers[-1].source()]
    try:
        segment(INPUT=aerial, MODEL="bundled", SENTINEL2=given, LEAVE_OUT="2021-05-20", OUTPUT=maps[1])
    finally:
        QgsProject.instance().removeMapLayers([layer.id() for layer in layers])
    segment(INPUT=aerial, MODEL="bundled", OUTPUT=maps[2])
    with_series, again, without = (qgis_side.read_pixels(path)[0] for path in maps)
    assert np.array_equal(with_series, again)
    difference = qgis_side.read_pixels(tmp_path / "difference.tif")[0]
    assert difference.any() and np.array_equal(difference, np.where(with_series != without, without, 0))
    assert job_of(maps[0])["sentinel2"] == [str(folder)]
    provenance = json.loads(gdal.Open(str(maps[0])).GetMetadataItem("FLAIR_LANDCOVER"))
    assert provenance["sentinel2_dates"] == ["2021-04-15"]


@pytest.mark.parametrize("parameter", ["INPUT", "ELEVATION", "TERRAIN", "SENTINEL2"])
def test_a_layer_of_a_web_service_is_refused_with_its_reason(segment, feedback, aerial, tmp_path, parameter):
    web = QgsRasterLayer(f"type=xyz&url=file://{tmp_path}/%7Bz%7D/%7Bx%7D/%7By%7D.png&zmax=1&zmin=0", "Web map", "wms")
    assert web.isValid()
    with pytest.raises(QgsProcessingException):
        segment(**{"INPUT": aerial, "OUTPUT": tmp_path / "map.tif", parameter: web})
    if parameter == "INPUT":
        expected = "The layer Web map is a web layer: fetch its area first with flair:fetcharea, and give what came."
    else:
        expected = (
            "The layer Web map comes from WMS, which gives pictures and not the pixels themselves: "
            "export it to a GeoTIFF first."
        )
    assert sentence(feedback) == expected


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"BANDS": "R=1 G=2 B=9"}, "The bands name band 9 as blue"),
        ({"EXTENT": "0,10,0,10"}, "The extent lies outside the aerial raster"),
        ({"OUTPUT": "map.png"}, "give it a name that ends in .tif"),
        ({"OUTPUT": "missing/map.tif"}, "does not exist: create it or choose another"),
    ],
)
def test_the_engines_sentence_about_bad_input_is_the_error(segment, feedback, aerial, tmp_path, parameters, says):
    output = str(tmp_path / parameters.pop("OUTPUT", "map.tif"))
    with pytest.raises(QgsProcessingException, match=says):
        segment(INPUT=aerial, OUTPUT=output, **parameters)
    assert feedback.errors == []
    assert os.listdir(tmp_path) == []


def test_runs_one_after_another_share_a_worker_and_give_the_same_map(segment, aerial, whole_map, tmp_path):
    pids = set()
    for i in range(3):
        segment(INPUT=aerial, OUTPUT=tmp_path / f"{i}.tif")
        pids.add(shared_client().pid)
        assert np.array_equal(qgis_side.read_pixels(tmp_path / f"{i}.tif")[0], whole_map)
    assert len(pids) == 1 and None not in pids


def test_relative_paths_count_from_the_current_folder_of_qgis(segment, aerial, model, whole_map, tmp_path, monkeypatch):
    shutil.copy(aerial, tmp_path / "ortho.tif")
    os.symlink(model, tmp_path / "network")
    monkeypatch.chdir(tmp_path)
    # The worker runs already, in the folder where the first run found it.
    assert shared_client().pid is not None
    results = segment(INPUT="ortho.tif", MODEL="network", OUTPUT="map.tif")
    assert results["OUTPUT"] == "map.tif"
    assert np.array_equal(qgis_side.read_pixels(tmp_path / "map.tif")[0], whole_map)


@pytest.fixture
def with_card(model, tmp_path):
    """A function that copies the untrained model with other settings in its card."""

    def make(**settings) -> Path:
        other = tmp_path / "model"
        shutil.copytree(model, other)
        card = json.loads((other / "card.json").read_text(encoding="utf-8"))
        (other / "card.json").write_text(json.dumps({**card, **settings}), encoding="utf-8")
        return other

    return make


THEIR_CLASSES = [
    {"value": value, "name": {1: "water", 5: "roof"}.get(value, f"class {value}"), "colour": f"#0000{value:02x}"}
    for value in range(1, 14)
]


def test_the_areas_of_a_model_with_other_classes_are_not_given_to_ours(segment, aerial, with_card, tmp_path):
    other = with_card(classes=THEIR_CLASSES)
    results = segment(INPUT=aerial, MODEL=other, CLASSES="model", OUTPUT=tmp_path / "map.tif")
    labels = qgis_side.read_pixels(tmp_path / "map.tif")
    assert results["AREA_WATER"] == pytest.approx((labels == 1).sum() * PIXEL_M**2)
    assert area_of(results) == results["AREA_WATER"]


def test_the_classes_of_another_model_are_mapped_by_name_unless_its_own_are_asked_for(
    segment, feedback, aerial, with_card, tmp_path
):
    other = with_card(classes=THEIR_CLASSES)
    results = segment(INPUT=aerial, MODEL=other, OUTPUT=tmp_path / "ours.tif")
    labels = qgis_side.read_pixels(tmp_path / "ours.tif")
    assert set(np.unique(labels)) <= {5, 13}
    assert results["AREA_WATER"] == pytest.approx((labels == 5).sum() * PIXEL_M**2)
    assert results["AREA_OTHER"] == pytest.approx((labels == 13).sum() * PIXEL_M**2)
    assert area_of(results) == pytest.approx(labels.size * PIXEL_M**2)
    assert feedback.warnings == []  # nothing in it is in doubt
    (told,) = [info for info in feedback.infos if "become other" in info]
    assert "class 2, class 3, class 4, roof" in told


def test_a_models_own_classes_are_mapped_with_their_legend(segment, feedback, aerial, with_card, tmp_path):
    ours = [{"value": c.value, "name": c.name, "colour": c.colour} for c in FLAIR_CLASSES[:12]]
    pool = {"value": 14, "name": "swimming pool", "colour": "#3de6eb"}
    other = with_card(own_classes=[*ours, pool], own_outputs=[*range(1, 13), 14])
    files = {name: tmp_path / f"{name}.tif" for name in ("OUTPUT", "OUTPUT_PROBABILITIES")}
    segment(INPUT=aerial, MODEL=other, CLASSES="model", **files)
    assert feedback.warnings == []
    assert qgis_side.read_pixels(files["OUTPUT_PROBABILITIES"]).shape[0] == 13
    dataset = gdal.Open(str(files["OUTPUT"]))  # kept: a band without its dataset crashes
    band = dataset.GetRasterBand(1)
    assert band.GetMetadataItem("CLASS_14") == "swimming pool"  # GDAL 3.6 reads the file beside a GeoTIFF from here on
    assert band.GetCategoryNames()[12:15] == ["plowed land", "", "swimming pool"]
    table = band.GetDefaultRAT()
    last = table.GetRowCount() - 1
    assert (table.GetValueAsInt(last, 0), table.GetValueAsString(last, 1)) == (14, "swimming pool")
    assert band.GetColorTable().GetColorEntry(14)[:3] == (0x3D, 0xE6, 0xEB)
    assert job_of(files["OUTPUT"])["classes"] == "model"
    assert [info for info in feedback.infos if info.startswith("swimming pool: ")]
    assert not [info for info in feedback.infos if info.startswith("other: ")]


def test_a_temporary_map_is_a_geotiff_whatever_the_default_of_processing(segment, aerial):
    algorithm = QgsApplication.processingRegistry().algorithmById("flair:segment")
    assert algorithm.provider().supportedOutputRasterLayerExtensions() == ["tif", "tiff"]
    settings = QgsSettings()
    others = QgsRasterFileWriter.supportedFormatExtensions()
    settings.setValue("Processing/DefaultOutputRasterLayerExt", others.index("gpkg"))
    try:
        results = segment(INPUT=aerial, OUTPUT=QgsProcessing.TEMPORARY_OUTPUT)
    finally:
        settings.remove("Processing/DefaultOutputRasterLayerExt")
    assert results["OUTPUT"].endswith(".tif")
    assert qgis_side.read_pixels(results["OUTPUT"]).shape == (1, 200, 200)
