"""`flair:fetcharea`, from a server in the test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from osgeo import gdal
from qgis.core import QgsProcessingException, QgsProject, QgsRasterLayer

from flair_landcover.contract.origin import ORIGIN_TAG
from flair_landcover.layers import web_pictures
from flair_landcover.tests.qgis_side import LEFT, ROOT, TOP, read_pixels, write_aerial
from flair_landcover.tests.web_server import LICENCE, OWNER, Reply, WebServer

PARAMETERS = ["LAYER", "EXTENT", "PIXEL_SIZE", "CRS", "LARGEST", "OUTPUT"]
PATCH = ROOT.resolve().parent / "shared" / "data" / "flair2" / "IMG_050549.tif"
EXTENT = f"{LEFT + 4},{LEFT + 24},{TOP - 30},{TOP - 10} [EPSG:2154]"  # 100 x 100 pixels of `write_aerial`


@pytest.fixture
def server(application, tmp_path, monkeypatch):
    monkeypatch.setattr(web_pictures, "PAUSES_S", (0.0, 0.0))
    made = WebServer(write_aerial(tmp_path / "aerial.tif"))
    yield made
    made.close()
    QgsProject.instance().clear()


@pytest.fixture
def fetch(server, feedback, tmp_path):
    """Runs `flair:fetcharea` as scripts do, with `feedback`, into image.tif."""
    import processing

    def run(source: str, **parameters) -> dict:
        layer = QgsRasterLayer(source, "ortho", "wms")
        values = {"LAYER": layer, "EXTENT": EXTENT, "OUTPUT": str(tmp_path / "image.tif"), **parameters}
        return processing.run("flair:fetcharea", values, feedback=feedback)

    return run


def test_its_parameters_are_those_that_scripts_know_with_help(application):
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().algorithmById("flair:fetcharea")
    assert [each.name() for each in algorithm.parameterDefinitions()] == PARAMETERS
    assert all(each.help() for each in algorithm.parameterDefinitions())
    assert algorithm.canExecute()[0] and algorithm.parameterDefinition("PIXEL_SIZE").defaultValue() == 0.2


def test_the_pixels_are_the_servers_and_the_log_says_what_was_taken(fetch, server, feedback, tmp_path):
    outputs = fetch(server.wms())
    assert np.array_equal(read_pixels(tmp_path / "image.tif"), read_pixels(tmp_path / "aerial.tif")[:3, 50:150, 20:120])
    assert outputs["OUTPUT"] == str(tmp_path / "image.tif") and outputs["LICENCE"] == f"{OWNER}; {LICENCE}"
    said = "\n".join(feedback.infos)
    assert "100 × 100 pixels, requests to the server: 1, at most 0.0 MB" in said
    assert "in EPSG:2154 - RGF93 v1 / Lambert-93, pixels of 0.2 m" in said and LICENCE in said
    assert any("picture 1 of 1" in text for text in feedback.texts)


def test_tiles_of_web_mercator_come_in_lambert_93_or_in_the_crs_asked_for(fetch, server, tmp_path):
    QgsProject.instance().clear()
    for crs, code in ((None, "2154"), ("EPSG:32632", "32632")):
        fetch(server.xyz(), **({"CRS": crs} if crs else {}))
        dataset = gdal.Open(str(tmp_path / "image.tif"))
        assert dataset.GetSpatialRef().GetAuthorityCode(None) == code and dataset.GetGeoTransform()[1] == 0.2


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"CRS": "EPSG:3857"}, "does not measure in true metres there"),
        ({"PIXEL_SIZE": 0.01, "LARGEST": 1}, "2,000 × 2,000 pixels, requests to the server: 4, at most 12.0 MB"),
        ({"OUTPUT": "/nowhere/image.tif"}, "nowhere"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(fetch, server, feedback, parameters, sentence):
    with pytest.raises(QgsProcessingException) as refused:
        fetch(server.wms(), **parameters)
    assert sentence in "\n".join([str(refused.value), *feedback.errors])
    assert server.requests == []


def test_a_layer_of_a_file_is_refused(application, feedback, tmp_path):
    import processing

    layer = QgsRasterLayer(str(write_aerial(tmp_path / "aerial.tif")), "ortho")
    values = {"LAYER": layer, "EXTENT": EXTENT, "OUTPUT": str(tmp_path / "a.tif")}
    with pytest.raises(QgsProcessingException):
        processing.run("flair:fetcharea", values, feedback=feedback)
    assert any("The layer ortho is no web layer" in error for error in feedback.errors)


def test_an_error_of_the_server_is_told_and_leaves_nothing(fetch, server, tmp_path):
    server.wrong = lambda parameters, before: Reply(503)
    with pytest.raises(QgsProcessingException, match=r"The layer ortho could not be fetched, 3 tries: .* 503"):
        fetch(server.wms())
    assert sorted(path.name for path in tmp_path.glob("*image*")) == []


def test_a_cancel_says_so_and_leaves_nothing(fetch, server, feedback, tmp_path):
    def wrong(parameters: dict, before: int) -> Reply:
        feedback.cancel()
        return Reply(wait_s=20)

    server.wrong = wrong
    with pytest.raises(QgsProcessingException, match="Cancelled: nothing was written"):
        fetch(server.wms())
    assert list(tmp_path.glob("*image*")) == []


def test_a_web_layer_as_the_image_of_a_map_is_refused_with_the_way_out(server, feedback, tmp_path):
    import processing

    layer = QgsRasterLayer(server.xyz(), "ortho", "wms")
    file = str(tmp_path / "aerial.tif")
    for number, images in enumerate(({"INPUT": layer}, {"INPUT": file, "INFRARED": layer}), start=1):
        with pytest.raises(QgsProcessingException):
            processing.run("flair:segment", {**images, "OUTPUT": str(tmp_path / "map.tif")}, feedback=feedback)
        sentence = "The layer ortho is a web layer: fetch its area first with flair:fetcharea"
        assert sum(sentence in error for error in feedback.errors) == number


def test_where_the_server_has_nothing_there_is_no_map(fetch, segment, server, tmp_path):
    # 50 pixels beyond the west and the north edge of what the server shows.
    fetch(server.wms(), EXTENT=f"{LEFT - 10},{LEFT + 20},{TOP - 20},{TOP + 10} [EPSG:2154]")
    segment(INPUT=tmp_path / "image.tif", OUTPUT=tmp_path / "map.tif")
    labels = read_pixels(tmp_path / "map.tif")[0]
    assert labels.shape == (150, 150)
    assert not labels[:50].any() and not labels[:, :50].any() and (labels[50:, 50:] > 0).all()


def test_on_the_command_line_a_real_patch_and_its_infrared_are_fetched_and_the_map_is_that_of_the_file(
    qgis_process, model, tmp_path
):
    if not PATCH.is_file():
        pytest.skip("The real FLAIR #2 patches are not at ../shared/data/flair2.")

    def run(algorithm: str, **parameters) -> None:
        done = qgis_process("run", algorithm, "--", *(f"{name}={value}" for name, value in parameters.items()))
        assert done.returncode == 0, done.stdout + done.stderr

    patch = Path(shutil.copy(PATCH, tmp_path / "patch.tif"))
    paths = {name: str(tmp_path / f"{name}.tif") for name in ("file", "image", "infrared", "fetched_map", "file_map")}
    gdal.Translate(paths["file"], str(patch), bandList=[1, 2, 3, 4], creationOptions=["ALPHA=NO"])
    left, top = 942_390.4, 6_538_568.0
    extent = f"{left},{left + 102.4},{top - 102.4},{top} [EPSG:2154]"
    server = WebServer(patch)
    try:
        run("flair:fetcharea", LAYER=f"wms://{server.wms()}", EXTENT=extent, OUTPUT=paths["image"])
        source = f"wms://{server.wmts(layer='ORTHO.IRC')}"
        run("flair:fetcharea", LAYER=source, EXTENT=extent, OUTPUT=paths["infrared"])
    finally:
        server.close()
    assert np.array_equal(read_pixels(paths["image"]), read_pixels(patch)[:3])
    assert np.array_equal(read_pixels(paths["infrared"]), read_pixels(patch)[[3, 0, 1]])
    settings = {"MODEL": model, "PRECISION": "fp32", "DEVICE": "cpu"}
    run("flair:segment", INPUT=paths["file"], OUTPUT=paths["file_map"], **settings)
    run("flair:segment", INPUT=paths["image"], INFRARED=paths["infrared"], OUTPUT=paths["fetched_map"], **settings)
    assert np.array_equal(read_pixels(paths["fetched_map"]), read_pixels(paths["file_map"]))
    provenance = json.loads(gdal.Open(paths["fetched_map"]).GetMetadataItem("FLAIR_LANDCOVER"))
    for name, layer in (("image", "ORTHO"), ("infrared", "ORTHO.IRC")):
        noted = json.loads(gdal.Open(paths[name]).GetMetadataItem(ORIGIN_TAG))
        assert provenance["source"][paths[name]] == noted
        assert (noted["server_layer"], noted["licence"]) == (layer, LICENCE)
