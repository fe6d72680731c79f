"""Run by a real QGIS window: QGIS ends in the middle of a run, in the way that the setting `ending` names."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from qgis import utils
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QAbstractButton, QApplication, QMessageBox

from flair_landcover.tests.window.driver import dock, iface, pause, plugin_action, report, settings, tell, worker_pid

_GO_ON = ("Yes", "Discard", "OK", "Close", "Exit")


def steps():
    yield lambda: "flair_landcover" in utils.active_plugins
    iface.addRasterLayer(settings["aerial"], "village")
    yield pause(0.5)
    plugin_action("flairLandCoverDock").trigger()
    yield dock
    form = dock().form
    yield form.run_button.isEnabled
    form.fields.destination.set_file(str(Path(settings["folder"]) / "map.tif"))
    form.fields.more.set_values("fp32", "flips", "flair13", False)
    yield pause(0.3)
    yield form.run_button.isEnabled
    form.run_button.click()
    yield lambda: dock().queue.runs and dock().queue.runs[0].tiles_done
    report["pid"] = worker_pid()


def end() -> None:
    if settings["ending"] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif settings["ending"] == "quit":  # as when its user logs out
        QApplication.quit()
    else:
        timer.timeout.connect(_close)
        timer.start(300)


def _close() -> None:
    """Closes the window, and answers what QGIS asks then: to cancel what runs, to lose what was not saved.

    Having cancelled, QGIS stays open, and its user closes it again.
    """
    question = QApplication.activeModalWidget()
    if question is None:
        # Not from within the timer: closing waits in a dialog, and no timer fires twice at a time.
        QTimer.singleShot(0, iface.mainWindow().close)
        return
    buttons = question.findChildren(QAbstractButton)
    for text in _GO_ON:
        for button in buttons:
            if button.text().replace("&", "").startswith(text) and button.isVisible():
                with (Path(settings["folder"]) / "asked.txt").open("a", encoding="utf-8") as asked:
                    words = question.text() if isinstance(question, QMessageBox) else question.windowTitle()
                    asked.write(f"{words} -> {text}\n")
                button.click()
                return


timer = QTimer()
tell(steps(), at_end=end)
