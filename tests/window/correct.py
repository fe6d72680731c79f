"""Run by a real QGIS window: a map is corrected by click, and polygons are drawn by hand, with QGIS's own shortcuts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.layers.annotations import find_annotations
from flair_landcover.layers.description import describe_result
from flair_landcover.layers.styling import style_land_cover
from flair_landcover.tests.answers import segmentation_result
from flair_landcover.tests.qgis_side import write_raster
from flair_landcover.tests.window.analyst import part, press, texts
from flair_landcover.tests.window.driver import (
    canvas,
    click,
    dock,
    drawn,
    iface,
    pause,
    picture,
    plugin_action,
    report,
    settings,
    tell,
)
from flair_landcover.ui.annotate.correct_bar import CorrectBar

_LEGEND: list = [[c.value, c.name, c.colour] for c in FLAIR_CLASSES]
_NONE, _CONTROL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


def add_map(aerial: QgsRasterLayer) -> QgsRasterLayer:
    """Water on the left, forest on the right."""
    labels = np.full((1, 200, 200), 5, np.uint8)
    labels[:, :, 100:] = 7
    layer = QgsRasterLayer(str(write_raster(Path(settings["folder"]) / "map.tif", labels)), "Land cover")
    QgsProject.instance().addMapLayer(layer)
    style_land_cover(layer, [(value, name, colour) for value, name, colour in _LEGEND])
    areas = {"5": 800.0, "7": 800.0}
    result = segmentation_result(areas_m2=areas, classes=_LEGEND, model={"id": "m", "title": "M"})
    describe_result(layer, result, datetime(2024, 5, 1), aerial.id())
    return layer


def key(which: Qt.Key, modifier: Qt.KeyboardModifier = _NONE) -> None:
    """A key where the focus is, through the shortcuts of the window."""
    QTest.keyClick(QApplication.focusWidget() or canvas, which, modifier)


def found() -> list[list[int]]:
    layer = find_annotations(QgsProject.instance())
    assert layer is not None
    return sorted([feature["class"], feature["was"]] for feature in layer.getFeatures())


def steps():
    yield pause(0.2)
    iface.mainWindow().resize(1300, 900)
    aerial = iface.addRasterLayer(settings["small_aerial"], "ortho")
    layer = add_map(aerial)
    plugin_action("flairLandCoverDock").trigger()
    yield dock
    canvas.setExtent(canvas.mapSettings().layerExtentToOutputExtent(layer, layer.extent()))
    canvas.refresh()
    yield pause(0.5)
    yield drawn
    bar = dock().results.findChild(CorrectBar)
    bar._ask_path = lambda parent, proposed: proposed
    iface.mainWindow().activateWindow()
    press(bar.correct_button)
    yield drawn
    water, forest = part(layer, 0.2, 0.5, 0.8, 0.5)
    click(water)
    report["outlined"] = bar._tool.is_outlined()
    yield pause(0.3)
    picture("correct")
    key(Qt.Key.Key_1)
    click(forest)
    key(Qt.Key.Key_A)
    report["corrected"] = found()
    report["file"] = find_annotations(QgsProject.instance()).source()
    key(Qt.Key.Key_Z, _CONTROL)
    report["undone"] = found()
    report["said"] = texts(bar)
    yield drawn
    picture("corrected")
    key(Qt.Key.Key_Escape)
    report["left"] = canvas.mapTool() is not bar._tool

    press(bar.draw_button)
    yield pause(0.2)
    annotations = find_annotations(QgsProject.instance())
    report["drawing"] = {
        "active": iface.activeLayer() is annotations,
        "editable": annotations.isEditable(),
        "tool": iface.actionAddFeature().isChecked(),
    }
    annotations.rollBack()
    QgsApplication.taskManager().cancelAll()


tell(steps())
