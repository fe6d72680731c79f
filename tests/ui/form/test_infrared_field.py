"""The colour infrared image that goes with an image: found by its name, left out at will."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtWidgets import QLabel

from flair_landcover.tests import qgis_side
from flair_landcover.tests.jobs import segmentation_job
from flair_landcover.ui.form.form_fields import FormFields

TILE = "49-2022-0440-6700-LA93-0M20-E080"
INFRARED = "49-2022-0440-6700-LA93-0M20-IRC-E080"


@pytest.fixture
def tile(tmp_path) -> str:
    return str(qgis_side.write_aerial(tmp_path / f"{TILE}.tif", bands=3))


@pytest.fixture
def infrared(tmp_path) -> str:
    return str(qgis_side.write_aerial(tmp_path / f"{INFRARED}.tif", bands=3))


@pytest.fixture
def make_fields(canvas):
    made = []

    def make() -> FormFields:
        fields = FormFields(canvas)
        fields.show()
        made.append(fields)
        return fields

    yield make
    for fields in made:
        fields.close()
        fields.deleteLater()


def add(path: str, name: str = "") -> QgsRasterLayer:
    layer = QgsRasterLayer(path, name or path)
    QgsProject.instance().addMapLayer(layer)
    return layer


def said(fields: FormFields) -> str:
    return "\n".join(label.text() for label in fields.findChildren(QLabel) if label.isVisible())


def test_the_file_beside_the_image_is_chosen_and_told(make_fields, tile, infrared):
    add(tile)
    fields = make_fields()
    assert fields.image_settings().infrared == infrared
    assert "Found by its name; its near infrared is used." in said(fields)
    assert QgsProject.instance().count() == 1  # it is no layer


def test_it_is_left_out_at_will_and_stays_so_for_this_image(make_fields, tile, infrared):
    add(tile)
    fields = make_fields()
    fields.infrared.set_layer(None)
    assert fields.image_settings().infrared is None and "Found by its name" not in said(fields)
    fields.remember(segmentation_job(tile, "map.tif"))
    assert make_fields().image_settings().infrared is None


def test_what_was_chosen_by_hand_is_there_the_next_time(make_fields, tile, tmp_path):
    add(tile)
    other = str(qgis_side.write_aerial(tmp_path / "another.tif", bands=3))
    fields = make_fields()
    fields.infrared.set_path(other)
    fields.remember(segmentation_job(tile, "map.tif", infrared=other))
    assert make_fields().image_settings().infrared == other


def test_of_two_layers_of_a_place_the_one_in_colours_is_the_image(make_fields, tile, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    infrared = str(qgis_side.write_aerial(tmp_path / "elsewhere" / f"{INFRARED}.tif", bands=3))
    add(infrared, "a")
    add(tile, "b")
    settings = make_fields().image_settings()
    assert (settings.input, settings.infrared) == ((tile,), infrared)


def test_an_infrared_layer_that_comes_later_is_chosen_unless_the_analyst_chose(make_fields, tile, tmp_path):
    add(tile)
    fields, decided = make_fields(), make_fields()
    assert fields.image_settings().infrared is None
    decided.infrared.set_path(tile)
    decided.infrared.set_layer(None)
    (tmp_path / "elsewhere").mkdir()
    infrared = str(qgis_side.write_aerial(tmp_path / "elsewhere" / f"{INFRARED}.tif", bands=3))
    add(infrared)
    assert fields.image_settings().infrared == infrared
    assert decided.image_settings().infrared is None


def test_another_image_takes_its_own(make_fields, tile, infrared, tmp_path):
    add(tile, "a")
    other = add(str(qgis_side.write_aerial(tmp_path / "another.tif", bands=3)), "b")
    fields = make_fields()
    assert fields.image_settings().infrared == infrared
    fields.aerial.set_layer(other)
    assert fields.image_settings().infrared is None


def test_an_image_with_infrared_of_its_own_has_no_such_field(make_fields, aerial, tile, infrared):
    fields = make_fields()
    assert fields.image_settings().infrared is None and "Infrared" not in said(fields)
    fields.aerial.set_layer(add(tile))
    assert "Infrared" in said(fields)
