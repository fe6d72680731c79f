"""What the tests of the messages share: a window with QGIS's message bar."""

from __future__ import annotations

import os

import pytest

from flair_landcover.tests.qgis_application import qgis_application

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.gui import QgsMessageBar
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent
from qgis.PyQt.QtWidgets import QApplication, QMainWindow


@pytest.fixture(scope="session")
def application(tmp_path_factory):
    os.environ["QGIS_CUSTOM_CONFIG_PATH"] = str(tmp_path_factory.getbasetemp() / "profile-inside")
    return qgis_application()


@pytest.fixture(autouse=True)
def josefine(monkeypatch):
    """The user is josefine."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "josefine")
    monkeypatch.setenv("HOME", "/data/people/josefine")


@pytest.fixture
def window(application):
    """A main window, and in it a message bar."""
    made = QMainWindow()
    made.resize(900, 400)
    made.bar = QgsMessageBar(made)
    made.setMenuWidget(made.bar)
    made.show()
    yield made
    if not sip.isdeleted(made):
        sip.delete(made)
    settle()


def settle() -> None:
    """Does what was left to the event loop, deletions included."""
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
