"""Choosing a Sentinel-2 series: layers, a group, files, a folder."""

from __future__ import annotations

import numpy as np
import pytest

from flair_landcover.tests import qgis_side

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QEvent, QPoint, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QComboBox, QDialogButtonBox, QFileDialog, QListWidget, QToolButton

from flair_landcover.layers.description import RESULT_PROPERTY
from flair_landcover.ui.widgets.layers_dialog import LayersDialog
from flair_landcover.ui.widgets.series_chooser import SeriesChooser


@pytest.fixture
def project(application):
    found = QgsProject.instance()
    found.clear()
    yield found
    found.clear()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def dated(project, tmp_path):
    """Three layers of one date each in the group `2021` of the group `satellites`, and one layer beside them."""
    group = project.layerTreeRoot().addGroup("satellites").addGroup("2021")
    layers = []
    for name in ("20210415", "20210501", "20210712", "ortho"):
        path = qgis_side.write_raster(tmp_path / f"{name}.tif", np.ones((1, 4, 4), np.uint8))
        layers.append(QgsRasterLayer(str(path), name))
        project.addMapLayer(layers[-1], False)
        (group if name.isdigit() else project.layerTreeRoot()).addLayer(layers[-1])
    return layers


@pytest.fixture
def chooser(project):
    made = SeriesChooser()
    made.resize(220, 30)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def entries(chooser) -> list[str]:
    settle()
    box = chooser.findChild(QComboBox)
    return [box.itemText(i) for i in range(box.count())]


def chosen(chooser) -> str:
    settle()
    return chooser.findChild(QComboBox).currentText()


def settle() -> None:
    for _ in range(3):
        QApplication.processEvents()


def pick(chooser, text: str) -> None:
    """Chooses an entry with the keyboard, as an analyst may."""
    box = chooser.findChild(QComboBox)
    QTest.keyClick(box, Qt.Key.Key_Home)
    while box.currentText() != text:
        before = box.currentIndex()
        QTest.keyClick(box, Qt.Key.Key_Down)
        assert box.currentIndex() > before, f"no entry {text}"


def press_in_menu(chooser, number: int) -> None:
    """Opens the menu of the button and clicks its entry."""
    button = chooser.findChild(QToolButton)

    def choose() -> None:
        menu = button.menu()
        QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(menu.actions()[number]).center())

    QTimer.singleShot(50, choose)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))


def sources(layers) -> tuple[str, ...]:
    return tuple(layer.source() for layer in layers)


def test_nothing_is_chosen_at_first(chooser, dated):
    assert chosen(chooser) == "none" and chooser.paths() is None


def test_layers_and_groups_of_them_are_listed(chooser, dated):
    assert entries(chooser) == [
        *("none", "20210415", "20210501", "20210712", "ortho"),
        *("satellites (3)", "2021 (3)"),
    ]


def test_a_layer_gives_its_file(chooser, dated):
    settle()
    pick(chooser, "ortho")
    assert chooser.paths() == (dated[3].source(),)


def test_a_group_gives_the_files_of_its_layers(chooser, dated):
    settle()
    pick(chooser, "2021 (3)")
    assert chooser.paths() == sources(dated[:3])


def test_a_group_stays_chosen_when_it_is_renamed_or_gets_another_layer(chooser, dated, project):
    settle()
    pick(chooser, "2021 (3)")
    told = []
    chooser.changed.connect(lambda: told.append(chooser.paths()))
    group = project.layerTreeRoot().findGroup("2021")
    group.setName("dates")
    assert chosen(chooser) == "dates (3)" and told == []
    project.removeMapLayer(dated[1].id())
    assert chosen(chooser) == "dates (2)"
    assert told == [(dated[0].source(), dated[2].source())]


def test_the_group_of_a_land_cover_map_is_not_offered(chooser, dated, project):
    dated[0].setCustomProperty(RESULT_PROPERTY, "{}")
    project.layerTreeRoot().addGroup("empty")
    assert "2021 (3)" not in entries(chooser) and "empty (0)" not in entries(chooser)


def test_a_layer_that_leaves_the_project_is_no_longer_chosen(chooser, dated, project):
    chooser.set_layers([dated[3]])
    told = []
    chooser.changed.connect(lambda: told.append(chooser.paths()))
    project.removeMapLayer(dated[3].id())
    assert chosen(chooser) == "none" and told == [None]


def test_several_layers_are_picked_in_a_list(chooser, dated):
    press_in_menu(chooser, 2)
    dialog = chooser.findChild(LayersDialog)
    rows = dialog.findChild(QListWidget)
    assert [rows.item(i).text() for i in range(rows.count())] == ["20210415", "20210501", "20210712", "ortho"]
    rows.setFocus()
    for row in (0, 2):
        rows.setCurrentRow(row)
        QTest.keyClick(rows, Qt.Key.Key_Space)
    buttons = dialog.findChild(QDialogButtonBox)
    QTest.mouseClick(buttons.button(QDialogButtonBox.StandardButton.Ok), Qt.MouseButton.LeftButton)
    assert chosen(chooser) == "2 layers"
    assert chooser.paths() == (dated[0].source(), dated[2].source())


def test_of_several_layers_those_that_are_left_stay_chosen(chooser, dated, project):
    chooser.set_layers([dated[0], dated[2], dated[3]])
    project.removeMapLayer(dated[2].id())
    assert chosen(chooser) == "2 layers" and chooser.paths() == (dated[0].source(), dated[3].source())
    project.removeMapLayer(dated[3].id())
    assert chosen(chooser) == "20210415" and "1 layers" not in entries(chooser)


def test_files_and_folders_are_entries_of_their_own(chooser, dated, tmp_path, monkeypatch):
    files = [str(qgis_side.write_raster(tmp_path / f"{n}.tif", np.ones((1, 2, 2), np.uint8))) for n in ("a", "b")]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (files, ""))
    press_in_menu(chooser, 0)
    assert chosen(chooser) == "2 files" and chooser.paths() == tuple(files)
    product = tmp_path / "S2A_MSIL2A_20210415.SAFE"
    product.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(product))
    press_in_menu(chooser, 1)
    assert chosen(chooser) == product.name and chooser.paths() == (str(product),)
    assert chooser.findChild(QComboBox).toolTip() == str(product)
    assert "2 files" not in entries(chooser)


def test_files_of_layers_choose_the_layers_and_files_that_are_gone_nothing(chooser, dated, tmp_path):
    assert chooser.set_paths(sources(dated[:3]))
    assert chosen(chooser) == "satellites (3)"
    assert not chooser.set_paths((str(tmp_path / "gone.tif"),))
    assert chosen(chooser) == "satellites (3)"
    assert chooser.set_paths(()) and chosen(chooser) == "none"


def test_a_web_layer_is_refused_with_the_reason_also_in_a_group(chooser, dated, project):
    web = QgsRasterLayer("type=xyz&zmin=0&zmax=18&url=http://localhost:1/{z}/{x}/{y}.png", "web map", "wms")
    project.addMapLayer(web, False)
    project.layerTreeRoot().findGroup("2021").addLayer(web)
    settle()
    for entry in ("web map", "2021 (4)"):
        pick(chooser, entry)
        with pytest.raises(ValueError, match="web map comes from WMS, which gives pictures and not the pixels"):
            chooser.paths()


def test_a_chooser_that_is_deleted_hears_no_more_of_the_project(dated, project):
    chooser = SeriesChooser()
    chooser.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    project.layerTreeRoot().addGroup("new")
    project.removeMapLayer(dated[0].id())
    settle()


def test_the_keyboard_reaches_the_list_and_the_button(chooser, dated):
    box, button = chooser.findChild(QComboBox), chooser.findChild(QToolButton)
    assert box.focusPolicy() & Qt.FocusPolicy.TabFocus and button.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert box.accessibleName() and button.accessibleName() and button.toolTip()
