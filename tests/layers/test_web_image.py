"""An area of a web layer as a GeoTIFF, from a server of WMS, WMTS and XYZ in the test."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from osgeo import gdal
from qgis.core import QgsCoordinateReferenceSystem, QgsNetworkAccessManager, QgsRasterLayer, QgsRectangle

from flair_landcover.contract.origin import ORIGIN_TAG, ImageOrigin
from flair_landcover.layers import web_image, web_pictures
from flair_landcover.layers.web_grid import FetchGrid, grid_over
from flair_landcover.layers.web_image import fetch_image, plan_fetch
from flair_landcover.layers.web_layer import web_layer
from flair_landcover.layers.web_pictures import FetchFailed
from flair_landcover.runtime.errors import CancelledError
from flair_landcover.tests.qgis_side import ROOT, read_pixels
from flair_landcover.tests.web_server import LICENCE, OWNER, Reply, WebServer, encoded

PATCH = ROOT.resolve().parent / "shared" / "data" / "flair2" / "IMG_050549.tif"  # real: 512 x 512 pixels of 0.2 m
LEFT, TOP, PIXEL = 942_390.4, 6_538_568.0, 0.2
LAMBERT = QgsCoordinateReferenceSystem("EPSG:2154")
EXCEPTION = (
    b"<?xml version='1.0'?><ServiceExceptionReport version='1.3.0'><ServiceException code='LayerNotDefined'>"
    b"no such layer</ServiceException></ServiceExceptionReport>"
)
WMS, WMTS = "wms", "wmts"


@pytest.fixture(scope="session")
def patch(tmp_path_factory) -> Path:
    if not PATCH.is_file():
        pytest.skip("The real FLAIR #2 patches are not at ../shared/data/flair2.")
    return Path(shutil.copy(PATCH, tmp_path_factory.mktemp("patch") / "patch.tif"))


@pytest.fixture
def server(application, patch, monkeypatch):
    monkeypatch.setattr(web_pictures, "PAUSES_S", (0.0, 0.0))
    made = WebServer(patch)
    yield made
    made.close()


@pytest.fixture
def truth(patch) -> np.ndarray:
    """Red, green and blue of the patch, (3, 512, 512)."""
    return read_pixels(patch)[:3]


def grid_at(column: int = 50, row: int = 60, width: int = 300, height: int = 200) -> FetchGrid:
    """A grid on the patch's own pixels."""
    left, top = LEFT + column * PIXEL, TOP - row * PIXEL
    box = QgsRectangle(left, top - height * PIXEL, left + width * PIXEL, top)
    return grid_over(box, LAMBERT, PIXEL, LAMBERT)


def layer_of(source: str, name: str = "ortho"):
    return web_layer(QgsRasterLayer(source, name, "wms"))


def fetch(source: str, grid: FetchGrid, path: Path, name: str = "ortho", is_cancelled=lambda: False) -> list:
    """Fetches in another thread, as the window does; the progress told. Raises what it raised."""
    layer, told, errors = layer_of(source, name), [], []

    def work() -> None:
        try:
            fetch_image(layer, grid, path, lambda *each: told.append(each), is_cancelled)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    if errors:
        raise errors[0]
    return told


def source_of(server: WebServer, service: str) -> str:
    return server.wms() if service == WMS else server.wmts()


@pytest.mark.parametrize("service", [WMS, WMTS])
def test_a_layer_in_the_images_crs_gives_the_servers_pixels_as_they_are(server, truth, tmp_path, service):
    told = fetch(source_of(server, service), grid_at(), tmp_path / "image.tif")
    dataset = gdal.Open(str(tmp_path / "image.tif"))
    assert np.array_equal(dataset.ReadAsArray(), truth[:, 60:260, 50:350])
    assert dataset.GetGeoTransform() == pytest.approx((LEFT + 10, 0.2, 0, TOP - 12, 0, -0.2), abs=1e-6)
    assert QgsCoordinateReferenceSystem.fromWkt(dataset.GetProjection()).authid() == "EPSG:2154"
    bands = [dataset.GetRasterBand(number) for number in (1, 2, 3)]
    assert [band.GetDescription() for band in bands] == ["Red", "Green", "Blue"]
    assert [gdal.GetColorInterpretationName(band.GetColorInterpretation()) for band in bands] == [
        "Red",
        "Green",
        "Blue",
    ]
    assert bands[0].GetMaskFlags() == gdal.GMF_ALL_VALID and bands[0].GetBlockSize() == [256, 256]
    assert dataset.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == "DEFLATE"
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and fractions[0] >= 0 and fractions[-1] <= 1
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]


def test_pictures_join_without_a_seam(server, truth, tmp_path, monkeypatch):
    monkeypatch.setattr("flair_landcover.layers.web_grid.BLOCK", 128)
    for service in (WMS, WMTS):
        fetch(source_of(server, service), grid_at(), tmp_path / f"{service}.tif")
        assert np.array_equal(read_pixels(tmp_path / f"{service}.tif"), truth[:, 60:260, 50:350]), service


def test_a_wms_that_is_shown_in_web_mercator_is_asked_in_the_images_crs_where_it_draws_that(server, truth, tmp_path):
    fetch(server.wms("EPSG:3857"), grid_at(), tmp_path / "image.tif")
    assert all("CRS=EPSG:2154" in request for request in server.requests)
    assert np.array_equal(read_pixels(tmp_path / "image.tif"), truth[:, 60:260, 50:350])


@pytest.mark.parametrize(("source", "level"), [("xyz", "20"), ("pm", "19")])
def test_web_mercator_is_resampled_to_the_grid_from_a_zoom_that_is_as_fine(server, truth, tmp_path, source, level):
    if source == "xyz":
        # On the ground here: 0.21 m at zoom 19, 0.10 m at zoom 20.
        layer, address = layer_of(server.xyz()), server.xyz()
    else:
        layer, address = layer_of(server.wmts("PM")), server.wmts("PM")
    plan = plan_fetch([layer], grid_at())
    fetch(address, grid_at(), tmp_path / "image.tif")
    levels = {r.split("/")[2] if source == "xyz" else r.split("TILEMATRIX=")[1].split("&")[0] for r in server.requests}
    assert levels == {level}
    assert len(set(server.requests)) == len(server.requests)  # no tile twice
    if source == "xyz":
        assert plan.requests == len(server.requests)
        assert not any("nothing finer" in remark for remark in plan.remarks)
    else:
        assert any("ortho has nothing finer than 0.21 m there" in remark for remark in plan.remarks)
    dataset = gdal.Open(str(tmp_path / "image.tif"))
    assert dataset.GetGeoTransform() == pytest.approx((LEFT + 10, 0.2, 0, TOP - 12, 0, -0.2), abs=1e-6)
    assert dataset.GetRasterBand(1).GetMaskFlags() == gdal.GMF_ALL_VALID
    found, wanted = dataset.ReadAsArray().astype(int), truth[:, 60:260, 50:350].astype(int)
    differences = {
        (down, across): np.abs(found - truth[:, 60 + down : 260 + down, 50 + across : 350 + across]).mean()
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    }
    assert min(differences, key=differences.get) == (0, 0), differences
    assert np.abs(found - wanted).mean() < 6, np.abs(found - wanted).mean()


def test_a_coarser_image_is_made_of_a_coarser_zoom(server, tmp_path):
    grid = FetchGrid("EPSG:2154", LEFT, TOP - 20, 0.8, 64, 64)
    fetch(server.wmts(), grid, tmp_path / "image.tif")  # of the server's own zoom of 0.8 m
    assert all("TILEMATRIX=3" in request for request in server.requests)
    server.requests.clear()
    grid = FetchGrid("EPSG:2154", LEFT, TOP - 20, 0.7, 64, 64)
    fetch(server.wmts(), grid, tmp_path / "between.tif")
    assert all("TILEMATRIX=4" in request for request in server.requests)


def test_what_is_transparent_is_masked(server, truth, tmp_path):
    fetch(server.wms(), grid_at(-20, -30), tmp_path / "image.tif")
    dataset = gdal.Open(str(tmp_path / "image.tif"))
    mask = dataset.GetRasterBand(1).GetMaskBand().ReadAsArray()
    wanted = np.zeros((200, 300), np.uint8)
    wanted[30:, 20:] = 255
    assert np.array_equal(mask, wanted) and dataset.GetRasterBand(2).GetMaskFlags() == gdal.GMF_PER_DATASET
    assert np.array_equal(dataset.ReadAsArray()[:, 30:, 20:], truth[:, :170, :280])
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]


def test_what_is_transparent_is_masked_where_tiles_are_resampled(server, tmp_path):
    fetch(server.xyz(), grid_at(-20, -30), tmp_path / "image.tif")
    dataset = gdal.Open(str(tmp_path / "image.tif"))
    mask = dataset.GetRasterBand(1).GetMaskBand().ReadAsArray()
    assert (mask[32:, 22:] == 255).all() and not mask[:28].any() and not mask[:, :18].any()


def test_nothing_but_transparent_pixels_or_one_colour_is_refused(server, tmp_path):
    with pytest.raises(FetchFailed, match="gives nothing but transparent pixels there"):
        fetch(server.wms(), grid_at(5000), tmp_path / "image.tif")
    white = encoded(np.full((4, 200, 300), 255, np.uint8))
    server.wrong = lambda parameters, before: Reply(body=white, kind="image/png")
    with pytest.raises(FetchFailed, match="gives one colour alone there"):
        fetch(server.wms(), grid_at(), tmp_path / "image.tif")
    assert list(tmp_path.iterdir()) == []


# What goes wrong

WRONG = {
    "500": (Reply(500), "answers with the error 500"),
    "404": (Reply(404, b"<h1>no such tile</h1>"), "answers with the error 404 no such tile"),
    "html": (Reply(body=b"<html><body>Please log in</body></html>"), "text instead of a picture: Please log in"),
    "exception": (Reply(body=EXCEPTION, kind="text/xml"), "text instead of a picture: no such layer"),
    "empty": (Reply(body=b"", kind="image/png"), "nothing, or with a broken picture"),
    "cut": (Reply(body=encoded(np.full((4, 256, 256), 9, np.uint8))[:150], kind="image/png"), "a broken picture"),
    "size": (Reply(body=encoded(np.full((4, 100, 100), 9, np.uint8)), kind="image/png"), "100 × 100 pixels instead of"),
}


@pytest.mark.parametrize("service", [WMS, WMTS])
@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_picture_is_told_after_three_tries_and_leaves_nothing(server, tmp_path, service, kind):
    reply, sentence = WRONG[kind]
    server.wrong = lambda parameters, before: reply
    (tmp_path / "image.tif").write_text("before")
    with pytest.raises(FetchFailed, match="The layer ortho could not be fetched, 3 tries: ") as failed:
        fetch(source_of(server, service), grid_at(), tmp_path / "image.tif")
    assert sentence in str(failed.value) and "http" not in str(failed.value)
    assert max(server.requests.count(path) for path in server.requests) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]
    assert (tmp_path / "image.tif").read_text() == "before"


@pytest.mark.parametrize("service", [WMS, WMTS])
@pytest.mark.parametrize("kind", WRONG)
def test_what_goes_wrong_once_is_asked_for_again(server, truth, tmp_path, service, kind):
    server.wrong = lambda parameters, before: WRONG[kind][0] if before == 0 else None
    fetch(source_of(server, service), grid_at(), tmp_path / "image.tif")
    assert np.array_equal(read_pixels(tmp_path / "image.tif"), truth[:, 60:260, 50:350])


@pytest.mark.parametrize("service", [WMS, WMTS])
def test_a_server_that_sends_on_is_followed_and_its_second_answer_looked_at(server, truth, tmp_path, service):
    def wrong(parameters: dict, before: int) -> Reply | None:
        path = server.requests[-1]
        return None if "again" in path else Reply(302, location=f"{server.address}{path}&again=1")

    server.wrong = wrong
    fetch(source_of(server, service), grid_at(width=200, height=150), tmp_path / "image.tif")
    assert np.array_equal(read_pixels(tmp_path / "image.tif"), truth[:, 60:210, 50:250])
    server.wrong = lambda parameters, before: wrong(parameters, before) or Reply(500)
    with pytest.raises(FetchFailed, match="500"):
        fetch(source_of(server, service), grid_at(250, 250), tmp_path / "failed.tif")


def test_one_wrong_tile_of_many_is_noticed(server, tmp_path):
    asked: dict[tuple, int] = {}

    def wrong(parameters: dict, before: int) -> Reply | None:
        number = asked.setdefault((parameters["TILECOL"], parameters["TILEROW"]), len(asked))
        return Reply(404) if number == 4 else None

    server.wrong = wrong
    with pytest.raises(FetchFailed, match="404"):
        fetch(server.xyz(), grid_at(), tmp_path / "image.tif")
    assert len(asked) > 5 and list(tmp_path.iterdir()) == []


def test_a_slow_picture_is_waited_for_and_one_that_never_comes_is_told(server, truth, tmp_path):
    server.wrong = lambda parameters, before: Reply(wait_s=0.7)
    fetch(server.wms(), grid_at(), tmp_path / "image.tif")
    assert np.array_equal(read_pixels(tmp_path / "image.tif"), truth[:, 60:260, 50:350])
    before = QgsNetworkAccessManager.timeout()
    QgsNetworkAccessManager.setTimeout(300)
    try:
        with pytest.raises(FetchFailed, match=r"the server did not answer within 0\.3 s"):
            fetch(server.wms(), grid_at(), tmp_path / "late.tif")
    finally:
        QgsNetworkAccessManager.setTimeout(before)
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]


def test_a_server_that_is_gone_is_told(server, tmp_path):
    layer = layer_of(server.wms())
    server.close()
    with pytest.raises(FetchFailed, match=r"does not answer|could not be fetched, 3 tries"):
        fetch_image(layer, grid_at(), tmp_path / "image.tif", lambda *_: None, lambda: False)
    tiles = layer_of(server.xyz())
    with pytest.raises(FetchFailed, match="could not be fetched, 3 tries"):
        fetch_image(tiles, grid_at(), tmp_path / "image.tif", lambda *_: None, lambda: False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("service", [WMS, WMTS])
def test_a_cancel_ends_it_in_the_middle_of_a_slow_picture_and_leaves_nothing(server, tmp_path, service):
    asked = threading.Event()

    def wrong(parameters: dict, before: int) -> Reply:
        asked.set()
        return Reply(wait_s=20)

    server.wrong = wrong
    with pytest.raises(CancelledError):
        fetch(source_of(server, service), grid_at(), tmp_path / "image.tif", is_cancelled=asked.is_set)
    assert list(tmp_path.iterdir()) == []


# What is noted


def test_where_it_comes_from_is_in_the_file_and_no_key_is(server, tmp_path):
    key = "?apikey%3Dan7nvfzojv5wa96dsga5nk8w%26map%3Dmaps/ortho.map"
    source = server.wms(more=key).replace("http://", "http://jane:s3cret@") + "&http-header:referer=http://mine.org"
    source += "&IgnoreGetMapUrl=1"
    fetch(source, grid_at(), tmp_path / "image.tif", "Ortho 2021")
    assert any("apikey=an7nvf" in request for request in server.requests)
    tags = gdal.Open(str(tmp_path / "image.tif")).GetMetadata()
    origin = ImageOrigin.from_dict(json.loads(tags[ORIGIN_TAG]))
    assert (origin.layer, origin.server_layer) == ("Ortho 2021", "ORTHO")
    assert origin.url == f"{server.address}/wms?map=maps/ortho.map"
    assert (origin.attribution, origin.licence) == (OWNER, LICENCE)
    assert origin.fetched[:4].isdecimal() and origin.software.startswith("FLAIR Land Cover ")
    assert tags["TIFFTAG_COPYRIGHT"] == f"{OWNER}; {LICENCE}"
    assert tags["TIFFTAG_IMAGEDESCRIPTION"].startswith(
        f"Ortho 2021, fetched from {origin.url} at {origin.fetched[:10]}"
    )
    content = (tmp_path / "image.tif").read_bytes()
    for secret in (b"an7nvfzojv5wa96dsga5nk8w", b"jane", b"s3cret", b"mine.org"):
        assert secret not in content


def test_user_and_password_reach_the_server_and_not_the_file(server, tmp_path):
    fetch(server.wms() + "&username=jane&password=s3cret", grid_at(), tmp_path / "image.tif")
    assert server.headers[-1]["authorization"].startswith("Basic ")
    assert b"s3cret" not in (tmp_path / "image.tif").read_bytes()


def test_what_a_layer_says_of_its_rights_comes_before_what_the_server_says(server, tmp_path):
    layer = QgsRasterLayer(server.xyz(), "tiles", "wms")
    metadata = layer.metadata()
    metadata.setRights(["(c) The Agency"])
    metadata.setLicenses(["CC BY 4.0"])
    layer.setMetadata(metadata)
    origin = fetch_image(web_layer(layer), grid_at(), tmp_path / "image.tif", lambda *_: None, lambda: False)
    assert (origin.attribution, origin.licence) == ("(c) The Agency", "CC BY 4.0")


def test_an_infrared_layer_has_its_bands_called_so_and_lies_on_the_same_grid(server, patch, truth, tmp_path):
    fetch(server.wms(layer="ORTHO.IRC"), grid_at(), tmp_path / "irc.tif", "IRC")
    fetch(server.wms(), grid_at(), tmp_path / "rgb.tif")
    infrared, colours = (gdal.Open(str(tmp_path / f"{name}.tif")) for name in ("irc", "rgb"))
    names = [infrared.GetRasterBand(number).GetDescription() for number in (1, 2, 3)]
    assert names == ["Near infrared", "Red", "Green"]
    assert np.array_equal(infrared.ReadAsArray()[0], read_pixels(patch)[3, 60:260, 50:350])
    assert np.array_equal(infrared.ReadAsArray()[1:], truth[:2, 60:260, 50:350])
    assert infrared.GetGeoTransform() == colours.GetGeoTransform()


def test_a_layer_that_only_the_user_calls_infrared_has_bands_without_names(server, tmp_path):
    layer = layer_of(server.wms())
    fetch_image(layer, grid_at(), tmp_path / "image.tif", lambda *_: None, lambda: False, as_infrared=True)
    dataset = gdal.Open(str(tmp_path / "image.tif"))
    bands = [dataset.GetRasterBand(number) for number in (1, 2, 3)]
    assert [band.GetDescription() for band in bands] == ["", "", ""]
    assert bands[0].GetColorInterpretation() != gdal.GCI_RedBand


def test_jpeg_pictures_are_taken_and_have_nothing_transparent(server, truth, tmp_path):
    fetch(server.wms(form="image/jpeg"), grid_at(), tmp_path / "image.tif")
    dataset = gdal.Open(str(tmp_path / "image.tif"))
    assert dataset.GetRasterBand(1).GetMaskFlags() == gdal.GMF_ALL_VALID
    assert np.abs(dataset.ReadAsArray().astype(int) - truth[:, 60:260, 50:350]).mean() < 6


def test_a_gdal_that_raises_nothing_does_as_well(server, truth, tmp_path):
    gdal.DontUseExceptions()  # as QGIS has it
    try:
        fetch(server.xyz(), grid_at(), tmp_path / "image.tif")
        fetch(server.wms(), grid_at(-20, -30), tmp_path / "masked.tif")
        with pytest.raises(OSError, match="gone"):
            web_image._made(gdal.Open, str(tmp_path / "gone.tif"))
    finally:
        gdal.UseExceptions()
    assert read_pixels(tmp_path / "image.tif").shape == (3, 200, 300)
    assert np.array_equal(read_pixels(tmp_path / "masked.tif")[:, 30:, 20:], truth[:, :170, :280])


def test_a_full_disk_is_told_before_anything_is_asked(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100_000))
    with pytest.raises(FetchFailed, match="make room, or choose a smaller area"):
        fetch(server.wms(), grid_at(), tmp_path / "image.tif")
    assert server.requests == []


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(server, tmp_path):
    with pytest.raises(FetchFailed, match=r"The folder .* does not exist"):
        fetch(server.wms(), grid_at(), tmp_path / "gone" / "image.tif")
    assert server.requests == []


def test_a_plan_counts_pictures_and_bytes_and_asks_again_beyond_a_size(server):
    layers = [layer_of(server.wms()), layer_of(server.wms(layer="ORTHO.IRC"), "IRC")]
    plan = plan_fetch(layers, grid_at(0, 0, 3000, 2000))
    assert (plan.requests, plan.megabytes, plan.is_large()) == (2 * 3 * 2, 36.0, False)
    assert plan.remarks[0] == "in EPSG:2154 - RGF93 v1 / Lambert-93, pixels of 0.2 m"
    assert not plan_fetch(layers, grid_at(0, 0, 10_000, 10_000)).is_large()
    assert plan_fetch(layers, grid_at(0, 0, 10_001, 10_000)).is_large()
