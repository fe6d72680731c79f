"""Drives a real QGIS window from inside (`qgis --code`): steps that wait for what they need, and a report.

FLAIR_TEST names a JSON file of settings; `report` there is the file that the report goes to.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qgis import utils
from qgis.core import QgsApplication, QgsPointXY, QgsProject, QgsTask
from qgis.PyQt.QtCore import QEvent, QPoint, QPointF, Qt, QThread, QTimer
from qgis.PyQt.QtGui import QMouseEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAction, QApplication, QDockWidget, QToolButton

PATIENCE_S = 300  # for one step
_LOOK_MS = 50
_PICTURE_WIDTH = 1200  # pixels; pictures stay in git for good

# What PyQt calls must be in reach of Python: a timer and its slot that only know each other are
# collected as garbage, and the next call crashes.
_kept: list = []

settings: dict = json.loads(Path(os.environ["FLAIR_TEST"]).read_text(encoding="utf-8"))
report: dict = {"errors": []}
# A crash leaves the Python stack here.
faulthandler.enable((Path(settings["report"]).parent / "crash.txt").open("w"))
iface = utils.iface
canvas = iface.mapCanvas()

Wait = Callable[[], object]


def tell(steps: Iterator[Wait], at_end: Callable[[], None] | None = None) -> None:
    """Goes through the steps while the window lives; then writes the report and ends QGIS.

    A step yields what it waits for: a function that gives something true once it is there.
    at_end: ends QGIS instead of the usual way.
    """
    state: dict[str, Any] = {"wait": next(steps), "deadline": time.monotonic() + PATIENCE_S}
    timer = QTimer(iface.mainWindow())

    def step() -> None:
        try:
            if time.monotonic() > state["deadline"]:
                raise TimeoutError("a step hangs")
            if state["wait"]():
                state["wait"] = next(steps)
                state["deadline"] = time.monotonic() + PATIENCE_S
        except StopIteration:
            finish()
        except Exception:
            report["errors"].append(traceback.format_exc() + _where(steps))
            finish()

    def finish() -> None:
        timer.stop()
        timer.deleteLater()
        Path(settings["report"]).write_text(json.dumps(report), encoding="utf-8")
        if at_end is not None:
            at_end()
            return
        QgsProject.instance().clear()
        # Not closed: QGIS would ask what to do with a temporary layer.
        QTimer.singleShot(0, QApplication.exit)

    _kept.extend((timer, step, finish))
    timer.timeout.connect(step)
    timer.start(_LOOK_MS)


def _where(steps: Iterator) -> str:
    frame = getattr(steps, "gi_frame", None)
    return f"after line {frame.f_lineno}" if frame else ""


def pause(seconds: float) -> Wait:
    """Waits while events are handled."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


# What is there


def presence() -> dict:
    """All that the plugin has in the window, in Processing and beside QGIS."""
    menus = [action.menu() for action in iface.rasterMenu().actions() if action.menu()]
    entries = {menu.title().replace("&", ""): [a.text() for a in menu.actions()] for menu in menus}
    window = iface.mainWindow()
    toolbar = [a for a in iface.rasterToolBar().actions() if a.objectName().startswith("flairLandCover")]
    provider = QgsApplication.processingRegistry().providerById("flair")
    return {
        "menu": entries.get("FLAIR Land Cover"),
        "toolbar": [action.text() for action in toolbar],
        "icons": [not action.icon().pixmap(24, 24).isNull() for action in toolbar],
        "buttons": sum(
            1
            for button in iface.rasterToolBar().findChildren(QToolButton)
            if button.defaultAction() is not None and button.defaultAction().objectName().startswith("flairLandCover")
        ),
        "actions": sorted(a.objectName() for a in window.findChildren(QAction) if "flairLandCover" in a.objectName()),
        "docks": len(window.findChildren(QDockWidget, "flairLandCoverDock")),
        "provider": provider and {"name": provider.name(), "icon": not provider.icon().pixmap(24, 24).isNull()},
        "algorithms": [algorithm.id() for algorithm in provider.algorithms()] if provider else [],
        "active": "flair_landcover" in utils.active_plugins,
    }


def leftovers() -> dict:
    """What could pile up: threads, processes, tasks, canvas items, layers, files in QGIS's temporary folder."""
    import threading

    from qgis.core import QgsProcessingUtils

    return {
        "threads": sorted(t.name for t in threading.enumerate() if "FLAIR" in t.name),
        "processes": children(),
        "tasks": QgsApplication.taskManager().count(),
        "canvas_items": len(canvas.scene().items()),
        "layers": len(QgsProject.instance().mapLayers()),
        "files": sorted(name for name in os.listdir(QgsProcessingUtils.tempFolder()) if "land_cover" in name),
        "event_threads": len(QApplication.instance().findChildren(QThread)),
    }


def children() -> list[str]:
    """Command lines of the processes that this QGIS started and that still run an engine."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it ended meanwhile
            continue
        if parent == str(os.getpid()) and "flair_landcover" in command:
            found.append(command[:200])
    return found


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def worker_pid() -> int | None:
    """The engine's process."""
    return sys.modules["flair_landcover.runtime.client"].shared_client().pid


def plugin_action(name: str) -> QAction:
    """An action of the plugin by its object name."""
    return iface.mainWindow().findChild(QAction, name)


def dock():
    """The plugin's dock, None while it was not opened."""
    return iface.mainWindow().findChild(QDockWidget, "flairLandCoverDock")


# What an analyst does


def at(x: float, y: float) -> QPoint:
    """Where on the canvas's viewport a point in the canvas's CRS is."""
    point = canvas.getCoordinateTransform().transform(QgsPointXY(x, y))
    return QPoint(round(point.x()), round(point.y()))


def click(place: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
    """A click on the canvas, with the way of the mouse to it."""
    move(place)
    QTest.mouseClick(canvas.viewport(), button, Qt.KeyboardModifier.NoModifier, place)


def drag(start: QPoint, end: QPoint) -> None:
    """Press, move and release on the canvas."""
    move(start)
    QTest.mousePress(canvas.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for share in (0.3, 0.6, 1.0):
        move(start + (end - start) * share, Qt.MouseButton.LeftButton)
    QTest.mouseRelease(canvas.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)


def move(place: QPoint, held: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
    """A movement of the mouse; QTest's own cannot say which button is held."""
    viewport = canvas.viewport()
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(place),
        QPointF(viewport.mapToGlobal(place)),
        Qt.MouseButton.NoButton,
        held,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(viewport, event)


def picture(name: str, widget=None) -> None:
    """Saves what a widget (the whole window) shows, where the settings name a folder and kind of picture."""
    if settings.get("pictures"):
        image = (widget or iface.mainWindow()).grab().toImage()
        if image.width() > _PICTURE_WIDTH:
            image = image.scaledToWidth(_PICTURE_WIDTH, Qt.TransformationMode.SmoothTransformation)
        image.save(str(Path(settings["pictures"]) / f"{name}-{settings['kind']}.jpg"), "JPG", 78)


def drawn() -> bool:
    """Whether the canvas has nothing left to draw."""
    return not canvas.isDrawing()


def running_tasks() -> list[QgsTask]:
    """Tasks that QGIS runs."""
    return QgsApplication.taskManager().activeTasks()


class Lateness:
    """How late a timer of 20 ms on the main thread ever was, in milliseconds."""

    def __init__(self) -> None:
        self.largest = 0.0
        self.turns = 0
        self._last: float | None = None
        self._timer = QTimer(iface.mainWindow())
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._last = None
        self._timer.start(20)

    def stop(self) -> None:
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._last is not None:
            self.largest = max(self.largest, (now - self._last) * 1000 - 20)
        self._last = now
        self.turns += 1
