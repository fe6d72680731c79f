"""The first page of a fine-tuning: where polygons come from."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest

from flair_landcover.layers.annotations import is_annotations
from flair_landcover.ui.finetune.setup_page import SetupPage
from flair_landcover.ui.form.form_fields import FormFields

from .conftest import services


@pytest.fixture
def make_page(aerial, canvas, teacher, tmp_path):
    """A page over the image, without a polygon layer in the project; takes what the user answers about the path."""
    made = []

    def make(path: str) -> SetupPage:
        fields = FormFields(canvas)
        page = SetupPage(services(fields, ask=lambda parent, proposed: path), lambda: teacher)
        fields.changed.connect(page.show_image)
        page.show()
        made.append((page, fields))
        return page

    yield make
    for page, fields in made:
        page.close()
        fields.close()
        page.deleteLater()


def press(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_button_makes_the_annotation_layer_to_draw_in_before_there_is_any_map(make_page, aerial, tmp_path):
    page = make_page(str(tmp_path / "notes.gpkg"))
    assert page.polygons.currentLayer() is None
    press(page.draw_button)
    layer = page.polygons.currentLayer()
    assert is_annotations(layer) and layer.isEditable() and layer.crs() == aerial.crs()
    assert (tmp_path / "notes.gpkg").is_file()
    assert page.field.currentField() == "class"
    assert page.outcome.text() == "Draw on the map, and give each polygon its class."


def test_the_annotation_layer_that_is_there_is_drawn_in_again(make_page, tmp_path):
    page = make_page(str(tmp_path / "notes.gpkg"))
    press(page.draw_button)
    first = page.polygons.currentLayer()
    press(page.draw_button)
    assert page.polygons.currentLayer() is first
    assert sum(is_annotations(layer) for layer in QgsProject.instance().mapLayers().values()) == 1


def test_who_names_no_file_gets_no_layer(make_page):
    page = make_page("")
    press(page.draw_button)
    assert page.polygons.currentLayer() is None and page.outcome.text() == ""


def test_without_an_image_the_page_says_that_one_is_needed(make_page, aerial, tmp_path):
    page = make_page(str(tmp_path / "notes.gpkg"))
    QgsProject.instance().removeMapLayer(aerial.id())
    press(page.draw_button)
    assert page.outcome.text().startswith("Choose an image in the panel first")
    assert not (tmp_path / "notes.gpkg").exists()
