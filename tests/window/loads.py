"""Run by a real QGIS window: the plugin is loaded, used and unloaded twenty times; nothing piles up."""

from __future__ import annotations

from qgis import utils
from qgis.core import QgsGeometry, QgsProject

from flair_landcover.tests.window.driver import (
    alive,
    canvas,
    dock,
    drawn,
    iface,
    leftovers,
    pause,
    plugin_action,
    presence,
    report,
    settings,
    tell,
    worker_pid,
)

TIMES = 20


def steps():
    yield lambda: "flair_landcover" in utils.active_plugins
    layer = iface.addRasterLayer(settings["aerial"], "village")
    yield pause(0.5)
    utils.unloadPlugin("flair_landcover")
    yield pause(0.5)
    yield drawn
    report["before"], report["absent_before"] = leftovers(), presence()
    report["workers_left"] = []
    report["half_done"] = 0
    for turn in range(TIMES):
        assert utils.loadPlugin("flair_landcover") and utils.startPlugin("flair_landcover")
        plugin_action("flairLandCoverDock").trigger()
        yield dock
        form = dock().form
        yield form.run_button.isEnabled
        extent = canvas.mapSettings().layerExtentToOutputExtent(layer, layer.extent())
        area = dock().form.fields.area
        area.rectangle_button.click()
        canvas.mapTool().drawn.emit(QgsGeometry.fromRect(extent.scaled(0.8)))
        if turn % 5 == 0:  # unloaded in the middle of a run
            yield pause(0.3)
            yield form.run_button.isEnabled
            form.run_button.click()
            yield lambda: dock().queue.runs and dock().queue.runs[0].tiles_done
            report["half_done"] += 1
            area.polygon_button.click()  # and of a drawing
        pid = worker_pid()
        utils.unloadPlugin("flair_landcover")
        yield pause(0.2)
        if alive(pid):
            report["workers_left"].append(pid)
    yield lambda: not leftovers()["tasks"]
    yield pause(1.0)
    yield drawn
    report["after"], report["absent_after"] = leftovers(), presence()
    report["layer_there"] = QgsProject.instance().mapLayer(layer.id()) is not None


tell(steps())
