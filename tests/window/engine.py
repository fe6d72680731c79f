"""Run by a real QGIS window with an empty profile: the engine is installed from a folder of wheels, then maps."""

from __future__ import annotations

import os
from pathlib import Path

from qgis import utils
from qgis.core import QgsApplication
from qgis.PyQt.QtTest import QTest

from flair_landcover.runtime.environment import managed_folder
from flair_landcover.tests.window.analyst import describe, idle, press, ready, refused, results, texts
from flair_landcover.tests.window.driver import (
    Lateness,
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


def can_execute() -> list:
    algorithm = QgsApplication.processingRegistry().algorithmById("flair:segment")
    return list(algorithm.canExecute())


def steps():
    yield lambda: "flair_landcover" in utils.active_plugins
    iface.mainWindow().resize(1400, 1000)
    iface.addRasterLayer(settings["aerial"], "village")
    yield pause(0.5)
    plugin_action("flairLandCoverDock").trigger()
    yield dock
    form = dock().form

    # No engine: an offer, here and in Processing
    yield refused
    yield form.engine_button.isVisible
    report["refused"] = texts(form)
    report["offer"] = form.engine_button.text()
    report["can_execute"] = can_execute()
    yield pause(0.3)
    picture("engine-missing")
    press(form.engine_button)
    dialog = dock().engine
    yield lambda: dialog.isVisible() and dialog.headline.text()
    report["empty"] = texts(dialog)
    report["blocks"] = dialog.isModal()

    # From a folder of wheels
    dialog.sources.setCollapsed(False)
    QTest.keyClicks(dialog.sources.wheels.lineEdit(), settings["wheels"])
    yield pause(0.3)
    picture("engine-install", dialog)
    lateness = Lateness()
    lateness.start()
    press(dialog.install_button)
    stages = []
    while dialog.row.working():
        stage = dialog.row.stage.text()
        if stage not in stages:
            stages.append(stage)
            if len(stages) == 8:
                picture("engine-installing", dialog)

        def moved(before=stage) -> bool:
            return dialog.row.stage.text() != before or not dialog.row.working()

        yield moved
    lateness.stop()
    report["stages"], report["lateness_ms"] = stages, lateness.largest
    yield pause(0.3)
    report["ready"] = texts(dialog)
    report["facts"] = [
        [dialog.facts.topLevelItem(i).text(column) for column in (0, 1)]
        for i in range(dialog.facts.topLevelItemCount())
    ]
    report["report"] = dialog.report()
    report["beside"] = sorted(os.listdir(Path(managed_folder()).parent))
    report["can_execute_then"] = can_execute()
    picture("engine-ready", dialog)
    dialog.reject()
    yield lambda: dock().engine is None

    # A first map
    yield ready
    report["offer_after"] = form.engine_button.isVisible()
    press(form.run_button)
    yield lambda: results() and idle()
    report["map"] = describe(results()[0])
    yield drawn
    picture("engine-map")

    # The models
    plugin_action("flairLandCoverModelsAction").trigger()
    library = dock().library
    yield library.isVisible
    yield pause(0.3)
    report["models"] = [library.shelf.topLevelItem(i).text(0) for i in range(library.shelf.topLevelItemCount())]
    report["card"] = library.view.toPlainText()
    picture("models", library)


tell(steps())
