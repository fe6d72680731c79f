"""The form with a real engine: checked while it changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from osgeo import gdal
from qgis.core import QgsCoordinateReferenceSystem, QgsGeometry, QgsProject, QgsRasterLayer, QgsRectangle
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QComboBox, QLabel

from flair_landcover.runtime.client import EngineClient
from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_side import LEFT, TOP
from flair_landcover.tests.ui.form.conftest import wait_for
from flair_landcover.ui.form.area_field import Area
from flair_landcover.ui.form.form import Form
from flair_landcover.ui.form.heights_field import HeightSource

LAMBERT = QgsCoordinateReferenceSystem("EPSG:2154")


@pytest.fixture(scope="module")
def client():
    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    made = EngineClient()
    yield made
    made.close()


@pytest.fixture
def model(tmp_path_factory) -> str:
    return str(qgis_side.untrained_model(tmp_path_factory.getbasetemp()))


@pytest.fixture
def make_form(canvas, client):
    made = []

    def make(busy: tuple[str, ...] = (), connection=client) -> Form:
        form = Form(canvas, lambda: list(busy), lambda: connection)
        form.show()
        form.activate()
        made.append(form)
        return form

    yield make
    for form in made:
        form.close()
        form.deleteLater()


def coarse_aerial(path: Path) -> Path:
    """350 x 350 pixels of 2 m, on several superpatches of a series."""
    pixels = qgis_side.read_pixels(qgis_side.write_aerial(path, size=350, bands=3))
    return qgis_side.write_raster(path, pixels, pixel_m=2.0)


def said(form: Form) -> str:
    return "\n".join(label.text() for label in form.findChildren(QLabel) if label.isVisible() and label.text())


def ready(form: Form):
    """Waits until the form can be run."""
    wait_for(form.run_button.isEnabled)


def refused(form: Form, sentence: str):
    """Waits until the form says the sentence, and why Run is grey."""
    wait_for(lambda: sentence in said(form))
    assert not form.run_button.isEnabled() and form.reason.text()


def test_an_image_alone_is_enough_for_a_run(make_form, aerial):
    form = make_form()
    ready(form)
    wait_for(lambda: form.fields.bands.text())
    assert form.fields.bands.text() == "R=1 G=2 B=3 NIR=4 ELEVATION=5"
    ready(form)
    assert "200 × 200 pixels of 0.2 m, 5 bands" in said(form)
    assert "40.0 m × 40.0 m, 0.16 ha – all of the image" in said(form)
    assert "one tile, at most" in form.cost.text()
    assert form.reason.text() == ""


def test_run_gives_the_checked_job_as_plain_values(make_form, aerial, model, tmp_path):
    form = make_form()
    form.fields.model.set_model(model)
    form.fields.area.set_area(
        Area((QgsGeometry.fromRect(QgsRectangle(LEFT + 5, TOP - 25, LEFT + 30, TOP - 10)),), LAMBERT, False, "box")
    )
    form.fields.destination.set_file(str(tmp_path / "map.tif"))
    wait_for(lambda: form.fields.bands.text())
    ready(form)
    asked = []
    form.run_asked.connect(asked.append)
    QTest.mouseClick(form.run_button, Qt.MouseButton.LeftButton)
    (request,) = asked
    json.dumps(request.job.to_dict())
    assert request.job.image.input == (aerial.source(),) and request.job.output == str(tmp_path / "map.tif")
    assert request.job.image.crs == ""  # the file says it
    assert request.job.image.bands == ""  # the engine's guess stands
    assert request.job.extent == (LEFT + 5, TOP - 25, LEFT + 30, TOP - 10) and request.job.mask is None
    assert (request.name, request.aerial_layer, request.tiles) == ("ortho", aerial.id(), 1)
    assert request.pixels == 125 * 75
    assert QgsCoordinateReferenceSystem.fromWkt(request.crs_wkt) == aerial.crs()
    assert not form.run_button.isEnabled()


def test_the_crs_that_the_image_was_given_goes_with_the_job(make_form, aerial):
    aerial.setCrs(QgsCoordinateReferenceSystem("EPSG:27572"))
    form = make_form()
    ready(form)
    assert form.fields.image_settings().crs == "EPSG:27572"


def test_without_an_image_run_says_what_is_missing(make_form):
    form = make_form()
    refused(form, "Add an aerial image to the project, or choose a file.")
    assert form.reason.text() == "Run waits for the field “Image”."


def test_of_a_web_layer_an_area_is_to_be_fetched_first(make_form, web):
    form = make_form()
    refused(form, "web map is a web layer: draw the area to map, then “Fetch this area”.")
    assert form.reason.text() == "Run waits for the field “Image”."
    assert form.fields.fetch.isVisible() and not form.fields.fetch.button.isEnabled()
    assert "Draw the area that is to be fetched from web map" in said(form)


def test_what_the_engine_finds_wrong_stands_under_its_field(make_form, aerial):
    form = make_form()
    ready(form)
    far = QgsGeometry.fromRect(QgsRectangle(LEFT + 5000, TOP, LEFT + 5100, TOP + 100))
    form.fields.area.set_area(Area((far,), LAMBERT, False, "box"))
    refused(form, "The extent lies outside the aerial raster")
    assert form.reason.text() == "Run waits for the field “Area”."
    form.fields.area.set_area(None)
    ready(form)
    assert "outside" not in said(form)


def test_two_height_models_are_taken_as_their_difference(make_form, aerial, tmp_path):
    surface, terrain = (str(qgis_side.write_aerial(tmp_path / f"{n}.tif", bands=1)) for n in ("mns", "mnt"))
    form = make_form()
    form.fields.heights.set_source(HeightSource.DIFFERENCE)
    refused(form, "Choose the surface and the terrain model, or another source of heights.")
    form.fields.heights.set_paths(surface, terrain)
    ready(form)
    job = form.fields.job()
    assert (job.image.elevation, job.image.terrain) == (surface, terrain) and "ELEVATION" not in job.image.bands


def test_remarks_unfold(make_form, tmp_path):
    layer = QgsRasterLayer(str(qgis_side.write_aerial(tmp_path / "rgb.tif", bands=3)), "rgb")
    QgsProject.instance().addMapLayer(layer)
    form = make_form()
    wait_for(lambda: form.fields.bands.text())
    ready(form)
    remarks = form.fields.field("bands").remarks
    assert "2 remarks" in remarks._button.text()
    QTest.mouseClick(remarks._button, Qt.MouseButton.LeftButton)
    assert "has no near infrared" in said(form) and "has no elevation" in said(form)
    assert form.remarks.remarks() == []


def remarks_of(form: Form, name: str) -> list[str]:
    """The codes of what stands beside a field."""
    return [remark.code for remark in form.fields.field(name).remarks.remarks()]


def test_a_doubt_stands_unfolded_beside_its_field_once_from_the_look_and_the_check(make_form, tmp_path):
    pixels = qgis_side.read_pixels(qgis_side.write_aerial(tmp_path / "fine.tif"))
    coarse = qgis_side.write_raster(tmp_path / "coarse.tif", pixels, pixel_m=1.5)
    QgsProject.instance().addMapLayer(QgsRasterLayer(str(coarse), "coarse"))
    form = make_form()
    wait_for(lambda: "coarse_pixels" in remarks_of(form, "aerial"))
    ready(form)
    assert remarks_of(form, "aerial").count("coarse_pixels") == 1
    assert said(form).count("has pixels of 1.5 m") == 1
    assert form.doubts_button.isVisible() and "Image" in form.doubts_button.text()  # also where the field is not seen


def test_doubts_of_the_image_stay_where_the_job_is_refused_and_go_with_the_image(make_form, aerial, tmp_path):
    pixels = qgis_side.read_pixels(aerial.source())
    coarse = QgsRasterLayer(str(qgis_side.write_raster(tmp_path / "coarse.tif", pixels, pixel_m=1.5)), "coarse")
    QgsProject.instance().addMapLayer(coarse)
    form = make_form()
    form.choose_aerial(coarse)
    far = QgsGeometry.fromRect(QgsRectangle(LEFT + 5000, TOP, LEFT + 5100, TOP + 100))
    form.fields.area.set_area(Area((far,), LAMBERT, False, "box"))
    refused(form, "The extent lies outside the aerial raster")
    wait_for(lambda: "coarse_pixels" in remarks_of(form, "aerial"))
    form.choose_aerial(aerial)
    assert remarks_of(form, "aerial") == [] and form.doubts_button.isHidden()


def test_bands_that_are_chosen_by_hand_are_in_the_job_until_the_guess_is_chosen_again(make_form, aerial):
    form = make_form()
    wait_for(lambda: form.fields.bands.text())
    box = form.fields.bands._boxes["nir"]
    box.setCurrentIndex(0)
    assert form.fields.job().image.bands == "R=1 G=2 B=3 ELEVATION=5"
    box.setCurrentIndex(box.findData(4))
    assert form.fields.job().image.bands == ""
    form.fields.heights.set_source(HeightSource.NONE)
    assert form.fields.job().image.bands == "R=1 G=2 B=3 NIR=4"


def test_what_becomes_other_is_remarked_until_the_models_own_classes_are_chosen(make_form, aerial, model, tmp_path):
    shutil.copytree(model, tmp_path / "pools")
    card = json.loads((tmp_path / "pools" / "card.json").read_text(encoding="utf-8"))
    pool = {"value": 14, "name": "swimming pool", "colour": "#3de6eb"}
    card.update(own_classes=[*card["classes"][:12], pool], own_outputs=[*range(1, 13), 14])
    (tmp_path / "pools" / "card.json").write_text(json.dumps(card), encoding="utf-8")
    form = make_form()
    form.fields.model.set_model(str(tmp_path / "pools"))
    wait_for(lambda: form.fields.bands.text())
    ready(form)
    QTest.mouseClick(form.remarks._button, Qt.MouseButton.LeftButton)
    assert "Of the model's classes swimming pool becomes other" in said(form)
    (box,) = (box for box in form.fields.more.findChildren(QComboBox) if box.accessibleName() == "Classes")
    box.setCurrentIndex(box.findData("model"))
    assert not form.run_button.isEnabled()
    ready(form)
    assert "becomes other" not in said(form)
    asked = []
    form.run_asked.connect(asked.append)
    QTest.mouseClick(form.run_button, Qt.MouseButton.LeftButton)
    assert asked[0].job.classes == "model"


def test_the_dates_of_a_series_are_shown_and_those_left_out_go_into_the_job(make_form, tmp_path):
    path = coarse_aerial(tmp_path / "ortho.tif")
    QgsProject.instance().addMapLayer(QgsRasterLayer(str(path), "ortho"))
    folder = str(qgis_side.write_series(tmp_path / "series"))
    form = make_form()
    assert not form.fields.series.difference_box.isEnabled()
    form.fields.sentinel2.set_paths((folder,))
    strip = form.fields.series.strip
    wait_for(strip.isVisible)
    assert form.fields.series.line.text() == "2 of 3 dates, 2 months"
    assert strip.mark_of("2021-05-20").toolTip() == "2021-05-20: 29 % cloudy\n20210520.tif"
    assert "not used" in strip.mark_of("2021-06-09").toolTip()
    ready(form)
    QTest.mouseClick(strip.mark_of("2021-05-20"), Qt.MouseButton.LeftButton)
    assert form.fields.series.line.text() == "1 of 3 dates, one month" and not form.run_button.isEnabled()
    ready(form)
    QTest.mouseClick(form.fields.series.difference_box, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    form.fields.destination.set_file(str(tmp_path / "map.tif"))
    ready(form)
    job = form.fields.job()
    assert (job.image.sentinel2, job.image.leave_out) == ((folder,), ("2021-05-20",))
    assert job.difference == str(tmp_path / "map_difference.tif")
    for date in ("2021-04-15", "2021-06-09"):
        QTest.mouseClick(strip.mark_of(date), Qt.MouseButton.LeftButton)
    refused(form, "All dates are left out: take some of them again, or choose no Sentinel-2.")
    assert form.reason.text() == "Run waits for the field “Sentinel-2”."


def test_the_dates_follow_the_area(make_form, tmp_path):
    path = coarse_aerial(tmp_path / "ortho.tif")
    QgsProject.instance().addMapLayer(QgsRasterLayer(str(path), "ortho"))
    form = make_form()
    form.fields.sentinel2.set_paths((str(qgis_side.write_series(tmp_path / "series")),))
    wait_for(form.fields.series.strip.isVisible)
    south = QgsGeometry.fromRect(QgsRectangle(LEFT + 100, TOP - 690, LEFT + 500, TOP - 550))
    form.fields.area.set_area(Area((south,), LAMBERT, False, "box"))
    mark = form.fields.series.strip.mark_of
    wait_for(lambda: mark("2021-05-20").accessibleName() == "2021-05-20: 0 % cloudy")
    assert form.fields.series.strip.isVisible()


def test_a_series_that_lies_elsewhere_is_refused_under_its_field(make_form, aerial, tmp_path):
    folder = qgis_side.write_series(tmp_path / "series")
    for path in folder.glob("*.tif"):
        dataset = gdal.Open(str(path), gdal.GA_Update)
        dataset.SetGeoTransform((LEFT + 50_000, 10.0, 0, TOP, 0, -10.0))
        dataset = None
    form = make_form()
    form.fields.sentinel2.set_paths((str(folder),))
    wait_for(lambda: form.reason.text() == "Run waits for the field “Sentinel-2”.")
    assert "Sentinel-2 series" in said(form) and form.fields.series.strip.isHidden()
    wait_for(lambda: "Looking at the dates" not in said(form))  # which is asked on its own
    form.fields.sentinel2.set_paths(())
    ready(form)


def test_a_web_layer_is_no_series(make_form, aerial, web):
    form = make_form()
    form.fields.sentinel2.set_layers([web])
    refused(form, "The layer web map comes from WMS, which gives pictures and not the pixels themselves")
    assert form.reason.text() == "Run waits for the field “Sentinel-2”."


def test_a_series_its_dates_left_out_and_the_wish_are_there_the_next_time(make_form, aerial, tmp_path):
    folder = str(qgis_side.write_series(tmp_path / "series"))
    form = make_form()
    form.fields.sentinel2.set_paths((folder,))
    wait_for(form.fields.series.strip.isVisible)
    QTest.mouseClick(form.fields.series.strip.mark_of("2021-05-20"), Qt.MouseButton.LeftButton)
    form.fields.series.set_difference(True)
    ready(form)
    QTest.mouseClick(form.run_button, Qt.MouseButton.LeftButton)
    again = make_form()
    ready(again)
    job = again.fields.job()
    assert (job.image.sentinel2, job.image.leave_out) == ((folder,), ("2021-05-20",)) and job.difference
    wait_for(again.fields.series.strip.isVisible)
    assert again.fields.series.strip.left_out() == {"2021-05-20"}


def test_a_file_that_a_layer_shows_is_not_overwritten(make_form, aerial):
    form = make_form()
    ready(form)
    form.fields.destination.set_file(aerial.source())
    refused(form, "The layer ortho shows this file: choose another name, or remove the layer first.")


def test_a_file_that_a_queued_run_writes_is_not_taken_again(make_form, aerial, tmp_path):
    form = make_form(busy=(str(tmp_path / "map.tif"),))
    form.fields.destination.set_file(str(tmp_path / "map.tif"))
    refused(form, "A queued run will write this file: choose another name.")


def test_a_folder_that_does_not_exist_is_told_under_the_result(make_form, aerial, tmp_path):
    form = make_form()
    form.fields.destination.set_file(str(tmp_path / "gone" / "map.tif"))
    refused(form, "does not exist")
    assert form.reason.text() == "Run waits for the field “Result”."


def test_what_was_used_is_there_the_next_time(make_form, aerial, model, tmp_path):
    form = make_form()
    wait_for(lambda: form.fields.bands.text())
    form.fields.model.set_model(model)
    form.fields.more.set_values("fp32", "flips", "model", True)
    form.fields.destination.set_confidence(True)
    form.fields.heights.set_source(HeightSource.NONE)
    ready(form)
    used = form.fields.job()
    QTest.mouseClick(form.run_button, Qt.MouseButton.LeftButton)
    again = make_form()
    wait_for(lambda: again.fields.bands.text())
    job = again.fields.job()
    for name in ("input", "bands", "elevation", "model", "device", "precision", "tta"):
        assert job.to_dict()[name] == used.to_dict()[name], name
    assert job.confidence and job.probabilities and job.output != used.output


def test_the_bands_chosen_for_an_image_are_remembered_with_it(make_form, aerial):
    form = make_form()
    wait_for(lambda: form.fields.bands.text())
    boxes = form.fields.bands._boxes
    boxes["red"].setCurrentIndex(boxes["red"].findData(3))
    boxes["blue"].setCurrentIndex(boxes["blue"].findData(1))
    ready(form)
    QTest.mouseClick(form.run_button, Qt.MouseButton.LeftButton)
    again = make_form()
    wait_for(lambda: again.fields.bands.text())
    assert again.fields.bands.text() == "R=3 G=2 B=1 NIR=4 ELEVATION=5"


def test_without_an_engine_run_says_so(make_form, aerial, monkeypatch, tmp_path):
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", str(tmp_path / "nowhere" / "python"))
    broken = EngineClient()
    form = make_form(connection=broken)
    wait_for(lambda: "does not exist" in form.reason.text())
    assert not form.run_button.isEnabled()
    broken.close()


def test_nothing_is_started_before_the_form_is_seen(canvas, aerial):
    unused = EngineClient()
    form = Form(canvas, lambda: [], lambda: unused)
    form.check_soon()
    QTest.qWait(500)
    assert unused.pid is None and not form.run_button.isEnabled()
    form.close()
    unused.close()


def test_closing_leaves_nothing_on_the_canvas(make_form, canvas, aerial):
    before = len(canvas.scene().items())
    form = make_form()
    form.fields.area.set_area(
        Area((QgsGeometry.fromRect(QgsRectangle(LEFT, TOP - 20, LEFT + 20, TOP)),), LAMBERT, False, "box")
    )
    assert len(canvas.scene().items()) > before
    form.fields.area.rectangle_button.click()
    form.fields.close()
    assert len(canvas.scene().items()) == before
    assert canvas.mapTool() is None
