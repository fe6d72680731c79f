"""Run by a real QGIS window: an analyst's session with the dock, by mouse; a picture of each state."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from qgis import utils
from qgis.core import QgsCoordinateReferenceSystem, QgsRasterLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QDialog, QPlainTextEdit, QPushButton, QToolButton

from flair_landcover.tests.window.analyst import (
    describe,
    idle,
    labels,
    live_items,
    message,
    part,
    press,
    project,
    ready,
    refused,
    results,
    rows,
    swipe_button,
    texts,
    tiles_came,
)
from flair_landcover.tests.window.driver import (
    Lateness,
    alive,
    canvas,
    click,
    dock,
    drag,
    drawn,
    iface,
    move,
    pause,
    picture,
    plugin_action,
    report,
    settings,
    tell,
    worker_pid,
)

_WEB = "type=xyz&zmin=0&zmax=18&url=http://localhost:1/{z}/{x}/{y}.png"


def steps():
    yield lambda: "flair_landcover" in utils.active_plugins
    iface.mainWindow().resize(1400, 1000)
    aerial = iface.addRasterLayer(settings["aerial"], "village")
    yield pause(0.5)
    canvas.zoomToFullExtent()
    yield drawn

    action = plugin_action("flairLandCoverDock")
    press(next(b for b in iface.rasterToolBar().findChildren(QToolButton) if b.defaultAction() is action))
    yield dock
    form = dock().form
    report["first_reason"] = texts(form)
    yield ready
    yield pause(0.8)  # the pictures of the bands come on their own
    report["form"] = texts(form)
    report["bands"] = form.fields.bands.text()
    picture("form")

    # Of a web layer an area is to be fetched first, and the button says why it is grey
    web = QgsRasterLayer(_WEB, "web map", "wms")
    project.addMapLayer(web)
    form.choose_aerial(web)
    yield refused
    report["web"] = texts(form)
    picture("refused")
    project.removeMapLayer(web.id())
    form.choose_aerial(aerial)

    # A rectangle, drawn; a run, cancelled
    yield ready
    press(form.fields.area.rectangle_button)
    drag(*part(aerial, 0.1, 0.1, 0.85, 0.8))
    yield pause(0.1)
    yield ready
    report["rectangle"] = texts(form)
    picture("area")
    form.fields.more.set_values("fp32", "flips", "flair13", False)
    yield ready
    press(form.run_button)
    yield tiles_came(2)
    yield pause(0.2)
    picture("running")
    report["live"] = live_items()
    output = dock().queue.runs[0].request.job.output
    since = time.monotonic()
    press(next(b for b in dock().queue_panel.findChildren(QPushButton) if b.text() == "Cancel" and b.isVisible()))
    yield idle
    report["cancelled"] = {
        "seconds": time.monotonic() - since,
        "message": message(),
        "layers": len(results()),
        "file": os.path.exists(output),
        "live": live_items(),
    }

    # Again, to its end, while a timer watches the main thread
    form.fields.more.set_values("auto", "none", "flair13", False)
    form.fields.destination.set_confidence(True)
    yield ready
    lateness = Lateness()
    lateness.start()
    press(form.run_button)
    yield lambda: dock().queue.runs
    yield idle
    yield pause(0.5)
    yield drawn
    lateness.stop()
    report["lateness_ms"], report["turns"] = lateness.largest, lateness.turns
    layer = results()[0]
    report["result"] = describe(layer)
    report["message"] = message()
    report["rows"] = rows()
    report["live_after"] = live_items()
    move(part(aerial, 0.3, 0.3)[0])
    yield pause(0.5)
    report["under_cursor"] = texts(dock().results)
    picture("result")
    yield ready
    report["cost_after"] = texts(form)

    # Swipe
    press(swipe_button())
    yield pause(1.0)
    yield drawn
    picture("swipe")
    press(swipe_button())

    # The project, saved and read again
    path = str(Path(settings["folder"]) / "session.qgz")
    project.write(path)
    project.clear()
    yield pause(0.3)
    report["cleared"] = texts(dock().results)
    project.read(path)
    yield pause(0.5)
    yield drawn
    report["reloaded"] = {**describe(results()[0]), "rows": rows()}
    report["image_again"] = form.fields.aerial.layer().name()
    aerial = next(la for la in project.mapLayers().values() if la.name() == "village")

    # A polygon, drawn on a canvas of another CRS, to a file; and one behind it
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    project.setCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    form.choose_aerial(aerial)
    canvas.zoomToFullExtent()
    yield drawn
    yield ready
    press(form.fields.area.polygon_button)
    for across, down in ((0.2, 0.2), (0.8, 0.3), (0.5, 0.8)):
        click(part(aerial, across, down)[0])
    click(part(aerial, 0.5, 0.8)[0], Qt.MouseButton.RightButton)
    yield pause(0.3)
    yield ready
    report["polygon"] = texts(form)
    target = str(Path(settings["folder"]) / "polygon.tif")
    form.fields.destination.set_file(target)
    yield ready
    press(form.run_button)
    yield ready
    press(form.run_button)
    yield lambda: len(dock().queue.runs) == 2 and dock().queue.runs[0].tiles_done
    yield pause(0.2)
    report["queued"] = texts(dock().queue_panel)
    picture("queue")
    yield idle
    yield pause(0.3)
    layers = results()
    report["polygon_results"] = [describe(layer) for layer in layers]
    report["same_labels"] = labels(layers[1]) == labels(layers[2])

    # Keep what is done
    form.fields.area.set_area(None)
    form.fields.more.set_values("fp32", "d4", "flair13", False)
    yield ready
    press(form.run_button)
    yield tiles_came(1)
    press(next(b for b in dock().queue_panel.findChildren(QPushButton) if "Keep" in b.text() and b.isVisible()))
    yield idle
    yield pause(0.3)
    report["kept"] = {**describe(results()[0]), "message": message()}

    # The worker dies in the middle; the next run has a new one
    yield ready
    press(form.run_button)
    yield tiles_came(1)
    pid = worker_pid()
    os.kill(pid, signal.SIGKILL)
    yield idle
    yield pause(0.5)
    report["killed"] = {"message": message(), "live": live_items(), "alive": alive(pid)}
    picture("error")
    details = next(b for b in iface.messageBar().findChildren(QPushButton) if b.text() == "Details")
    press(details)
    yield pause(0.5)
    dialog = next(d for d in iface.mainWindow().findChildren(QDialog) if d.isVisible() and "details" in d.windowTitle())
    picture("details", dialog)
    report["details"] = dialog.findChild(QPlainTextEdit).toPlainText()
    dialog.close()
    form.fields.more.set_values("auto", "none", "flair13", False)
    yield ready
    count = len(results())
    press(form.run_button)
    yield lambda: dock().queue.runs
    yield idle
    yield pause(0.3)
    report["after_kill"] = len(results()) - count


tell(steps())
