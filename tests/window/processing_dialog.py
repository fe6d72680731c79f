"""Run by a real QGIS window: the plugin is there, Processing's dialog maps, unloading leaves nothing."""

from __future__ import annotations

from qgis import utils
from qgis.core import QgsProcessing, QgsProject
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QApplication, QTextEdit

from flair_landcover.tests.window.driver import (
    alive,
    iface,
    pause,
    picture,
    plugin_action,
    presence,
    report,
    settings,
    tell,
    worker_pid,
)


def algorithm_dialog():
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible() and widget.metaObject().className() == "AlgorithmDialog":
            return widget
    return None


def steps():
    yield lambda: "processing" in utils.plugins and "flair_landcover" in utils.active_plugins
    report["enabled"] = presence()

    selected = iface.addRasterLayer(settings["small_aerial"], "selected")
    yield pause(0.3)
    QTimer.singleShot(0, plugin_action("flairLandCoverBatch").trigger)
    yield algorithm_dialog
    dialog = algorithm_dialog()
    report["input"] = dialog.mainWidget().createProcessingParameters()["INPUT"] == selected.id()
    report["dialog"] = {"title": dialog.windowTitle(), "blocks": QApplication.activeModalWidget() is not None}
    dialog.resize(1000, 760)
    dialog.setParameters(
        {
            "INPUT": settings["small_aerial"],
            "MODEL": settings["model"],
            "PRECISION": "fp32",
            "DEVICE": "cpu",
            "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT,
        }
    )
    yield pause(0.5)
    picture("processing", dialog)

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
        if layer is not selected
    ]
    dialog.close()
    yield lambda: algorithm_dialog() is None

    pid = worker_pid()
    report["worker"] = pid is not None and alive(pid)
    utils.unloadPlugin("flair_landcover")
    # What is to be deleted later goes when the event loop turns.
    yield pause(0.5)
    report["worker_after_unload"] = alive(pid)
    report["unloaded"] = presence()

    report["loads_again"] = utils.loadPlugin("flair_landcover") and utils.startPlugin("flair_landcover")
    report["again"] = presence()
    utils.unloadPlugin("flair_landcover")


tell(steps())
