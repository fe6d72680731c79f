"""Widgets are tried with the layers that the form's tests have, messages in a window with QGIS's message bar."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.gui import QgsMessageBar
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent
from qgis.PyQt.QtWidgets import QApplication, QMainWindow

from ..form.conftest import aerial, application, canvas, web  # noqa: F401 - fixtures


@pytest.fixture
def josefine(monkeypatch):
    """The user is josefine."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "josefine")
    monkeypatch.setenv("HOME", "/data/people/josefine")


@pytest.fixture
def window(application):  # noqa: F811
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
