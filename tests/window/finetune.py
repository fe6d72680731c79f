"""Run by a real QGIS window: from unsaved polygons to a model that is kept, and a map that it makes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from osgeo import gdal
from qgis import utils
from qgis.core import QgsGeometry, QgsRectangle
from qgis.PyQt.QtTest import QTest

from flair_landcover.layers.annotations import add_annotations, add_correction, create_annotations
from flair_landcover.models.library import candidates_folder, installed_models
from flair_landcover.tests.window.analyst import describe, idle, message, part, press, project, ready, results, texts
from flair_landcover.tests.window.driver import (
    Lateness,
    canvas,
    dock,
    drag,
    drawn,
    iface,
    pause,
    picture,
    plugin_action,
    report,
    settings,
    tell,
)
from flair_landcover.ui.finetune.finetune_dialog import Page

_BLOCK = 40  # pixels of a polygon's side
_EACH = 3  # polygons of a class, at most


def truth_squares() -> list[tuple[int, QgsRectangle]]:
    """(class value, square) where the scene is of one class all over, spread over the scene."""
    dataset = gdal.Open(settings["truth"])
    labels, (left, pixel, _, top, _, _) = dataset.ReadAsArray(), dataset.GetGeoTransform()
    rows, columns = labels.shape[0] // _BLOCK, labels.shape[1] // _BLOCK
    blocks = labels[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    pure = blocks.min(axis=(2, 3)) == blocks.max(axis=(2, 3))
    squares = []
    for value in np.unique(blocks[pure][:, 0, 0]):
        places = np.argwhere(pure & (blocks[:, :, 0, 0] == value))
        for row, column in places[:: max(1, len(places) // _EACH)][:_EACH]:
            x, y, side = left + column * _BLOCK * pixel, top - row * _BLOCK * pixel, _BLOCK * pixel
            squares.append((int(value), QgsRectangle(x + 1, y - side + 1, x + side - 1, y - 1)))
    return squares


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def steps():
    yield lambda: "flair_landcover" in utils.active_plugins
    iface.mainWindow().resize(1400, 1000)
    aerial = iface.addRasterLayer(settings["aerial"], "village")
    yield pause(0.5)
    canvas.zoomToFullExtent()
    yield drawn
    plugin_action("flairLandCoverDock").trigger()
    yield dock
    form = dock().form
    yield ready

    # Polygons, drawn and not saved
    layer = add_annotations(project, create_annotations(Path(settings["folder"]) / "notes.gpkg", aerial.crs()))
    for value, square in truth_squares():
        add_correction(project, layer, QgsGeometry.fromRect(square), aerial.crs(), 13, value)
    report["polygons"] = layer.featureCount()
    canvas.refresh()
    yield drawn
    press(dock().finetune_button)
    dialog = dock().finetune
    setup = dialog.setup
    setup.settings.length.setCurrentIndex(0)
    setup.settings.name.setText("Village, corrected")
    yield setup.train_button.isEnabled
    yield pause(0.3)
    report["setup"] = texts(setup)
    report["blocks"] = dialog.isModal()
    picture("finetune-setup", dialog)
    picture("finetune")

    # It learns, while the window lives
    lateness = Lateness()
    lateness.start()
    press(setup.train_button)
    yield lambda: dialog.page is Page.TRAINING
    stage = None
    while dialog.page is Page.TRAINING:  # as long as it goes on, however slow the computer is
        stage = dialog.training.line.text(), dialog.training.bar.value(), dialog.training.plot.summary()
        if stage[2] and "learning" not in report:
            report["learning"] = texts(dialog.training)
        if stage[2].startswith("Epoch 4"):
            picture("finetune-learning", dialog)

        def moved(before=stage) -> bool:
            now = dialog.training.line.text(), dialog.training.bar.value(), dialog.training.plot.summary()
            return now != before or dialog.page is not Page.TRAINING

        yield moved
    lateness.stop()
    report["turns"], report["lateness_ms"] = lateness.turns, lateness.largest
    report["plot"] = stage[2]
    report["message"] = message()
    report["page"] = dialog.page.name
    yield pause(0.3)
    report["evaluation"] = texts(dialog.evaluation)
    picture("finetune-judge", dialog)
    report["still_unsaved"] = layer.isModified()
    report["candidates"] = len(files(candidates_folder()))

    # A preview of a part
    canvas.zoomByFactor(0.4)
    yield drawn
    press(dialog.evaluation.preview_button)
    yield lambda: dock().queue.runs
    yield idle
    yield pause(0.5)
    yield drawn
    report["preview"] = describe(results()[0])
    report["preview_said"] = dialog.evaluation.state.text()
    picture("finetune-preview")

    # Kept, and used
    press(dialog.evaluation.keep_button)
    yield lambda: dock().finetune is None
    report["titles"] = [card.title for card in installed_models()]
    report["chosen"] = form.fields.model.title()
    report["model"] = form.fields.model.model()
    report["library"] = files(Path(os.environ["FLAIR_LANDCOVER_MODELS"]))
    report["candidates_after"] = len(files(candidates_folder()))
    canvas.zoomToFullExtent()
    yield drawn
    press(form.fields.area.rectangle_button)
    drag(*part(aerial, 0.2, 0.2, 0.5, 0.5))
    yield pause(0.3)
    form.fields.destination.set_file(str(Path(settings["folder"]) / "map.tif"))
    form.fields.more.set_values("fp32", "none", "flair13", False)
    yield pause(0.3)
    yield ready
    press(form.run_button)
    yield lambda: dock().queue.runs
    report["job"] = dock().queue.runs[0].request.job.to_dict()
    yield idle
    yield pause(0.5)
    yield drawn
    report["map"] = describe(next(each for each in results() if each.source().endswith("map.tif")))
    picture("finetune-kept")

    # A second training, cancelled
    press(dock().finetune_button)
    dialog = dock().finetune
    yield dialog.setup.train_button.isEnabled
    press(dialog.setup.train_button)
    yield lambda: dialog.training.bar.value() > 0
    press(dialog.training.cancel_button)
    yield lambda: dialog.page is Page.SETUP
    report["cancelled"] = texts(dialog.setup)
    report["candidates_cancelled"] = len(files(candidates_folder()))
    QTest.qWait(100)
    dialog.close()
    layer.rollBack()


tell(steps())
