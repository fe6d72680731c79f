"""Run by a real QGIS window (`qgis --code`): uses the plugin as an analyst does and writes down what it sees.

FLAIR_TEST names a JSON file with the aerial raster, the model and where the report and pictures go.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback

from qgis import utils
from qgis.core import QgsApplication, QgsProcessing, QgsProject
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QAction, QApplication, QTextEdit, QToolButton

with open(os.environ["FLAIR_TEST"], encoding="utf-8") as file:
    settings = json.load(file)
report: dict = {"errors": []}
iface = utils.iface
PATIENCE_S = 200


def presence() -> dict:
    """What the plugin has in the window and in Processing."""
    menus = [action.menu() for action in iface.rasterMenu().actions() if action.menu()]
    entries = {menu.title().replace("&", ""): [a.text() for a in menu.actions()] for menu in menus}
    toolbar = [action for action in iface.rasterToolBar().actions() if action.objectName() == "flairLandCoverSegment"]
    provider = QgsApplication.processingRegistry().providerById("flair")
    return {
        "menu": entries.get("FLAIR Land Cover"),
        "toolbar": [action.text() for action in toolbar],
        "icons": [not action.icon().pixmap(24, 24).isNull() for action in toolbar],
        "buttons": sum(
            1
            for button in iface.rasterToolBar().findChildren(QToolButton)
            if button.defaultAction() is not None and button.defaultAction().objectName() == "flairLandCoverSegment"
        ),
        "actions": len(iface.mainWindow().findChildren(QAction, "flairLandCoverSegment")),
        "provider": provider and {"name": provider.name(), "icon": not provider.icon().pixmap(24, 24).isNull()},
        "algorithms": [algorithm.id() for algorithm in provider.algorithms()] if provider else [],
        "active": "flair_landcover" in utils.active_plugins,
    }


def segment_action() -> QAction:
    return next(a for a in iface.rasterToolBar().actions() if a.objectName() == "flairLandCoverSegment")


def algorithm_dialog():
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible() and widget.metaObject().className() == "AlgorithmDialog":
            return widget
    return None


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def worker_pid() -> int | None:
    return sys.modules["flair_landcover.runtime.client"].shared_client().pid


def steps():
    """One step after another; what it yields is waited for while the window lives."""
    yield lambda: "processing" in utils.plugins and "flair_landcover" in utils.active_plugins
    report["enabled"] = presence()

    QTimer.singleShot(0, segment_action().trigger)
    yield algorithm_dialog
    dialog = algorithm_dialog()
    report["dialog"] = {"title": dialog.windowTitle(), "blocks": QApplication.activeModalWidget() is not None}
    dialog.resize(1000, 760)
    dialog.setParameters(
        {
            "INPUT": settings["aerial"],
            "MODEL": settings["model"],
            "PRECISION": "fp32",
            "DEVICE": "cpu",
            "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT,
        }
    )
    since = time.monotonic()
    yield lambda: time.monotonic() - since > 0.5
    dialog.grab().save(settings["dialog_picture"])

    turns = []
    ticker = QTimer()
    ticker.timeout.connect(lambda: turns.append(1))
    ticker.start(20)
    dialog.runButton().click()
    yield dialog.wasExecuted
    ticker.stop()
    report["log"] = "\n".join(text.toPlainText() for text in dialog.findChildren(QTextEdit))
    report["turns"] = len(turns)
    report["layers"] = [
        {
            "name": layer.name(),
            "renderer": layer.renderer().type(),
            "legend": [[int(c.value), c.label, c.color.name()] for c in layer.renderer().classes()],
            "tree": QgsProject.instance().layerTreeRoot().findLayer(layer.id()) is not None,
        }
        for layer in QgsProject.instance().mapLayers().values()
    ]
    dialog.close()
    yield lambda: algorithm_dialog() is None
    iface.mainWindow().grab().save(settings["window_picture"])

    pid = worker_pid()
    report["worker"] = pid is not None and alive(pid)
    utils.unloadPlugin("flair_landcover")
    # What is to be deleted later goes when the event loop turns.
    since = time.monotonic()
    yield lambda: time.monotonic() - since > 0.5
    report["worker_after_unload"] = alive(pid)
    report["unloaded"] = presence()

    report["loads_again"] = utils.loadPlugin("flair_landcover") and utils.startPlugin("flair_landcover")
    report["again"] = presence()
    utils.unloadPlugin("flair_landcover")


running = steps()
wait = next(running)
deadline = time.monotonic() + PATIENCE_S


def step() -> None:
    global wait
    try:
        if time.monotonic() > deadline:
            raise TimeoutError("a step hangs")
        if wait():
            wait = next(running)
    except StopIteration:
        finish()
    except Exception:
        report["errors"].append(traceback.format_exc())
        finish()


def finish() -> None:
    timer.stop()
    for dialog in iter(algorithm_dialog, None):
        dialog.close()
    with open(settings["report"], "w", encoding="utf-8") as target:
        json.dump(report, target)
    QgsProject.instance().clear()
    # Not closed: QGIS would ask what to do with a temporary layer.
    QTimer.singleShot(0, QApplication.exit)


timer = QTimer()
timer.timeout.connect(step)
timer.start(100)
