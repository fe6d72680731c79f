"""The library's window as the dock opens it, and the dock's list of models."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsProject, QgsSettings
from qgis.PyQt.QtCore import QEvent
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.models.library import set_default_model
from flair_landcover.tests.ui.bare_window import Window

from .conftest import answer, install, press


@pytest.fixture
def make_dock(library):
    """Makes the dock, which asks no engine as long as it is not shown."""
    from flair_landcover.ui.dock import LandCoverDock

    QgsSettings().remove("flair_landcover")
    QgsProject.instance().clear()
    made = []

    def make() -> LandCoverDock:
        window = Window()
        made.append((LandCoverDock(window), window))
        return made[-1][0]

    yield make
    for dock, window in made:
        dock.unload()
        dock.deleteLater()
        window.mainWindow().deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QgsSettings().remove("flair_landcover")


def test_the_dock_opens_with_the_default_model(library, make_dock):
    install(library, "own")
    set_default_model("own")
    field = make_dock().form.fields.model
    assert (field.model(), field.title()) == ("own", "Our own")


def test_the_button_beside_the_list_opens_the_window_once(make_dock):
    dock = make_dock()
    button = dock.form.fields.model.library_button
    assert not button.isHidden() and button.accessibleName() == "Models…"
    button.click()
    opened = dock.library
    assert opened.isVisible() and not opened.isModal()
    opened.reject()
    button.click()
    assert dock.library is opened and opened.isVisible()


def test_what_changes_in_the_window_shows_in_the_docks_list(library, make_dock):
    install(library, "own", limits="Only valleys.")
    dock = make_dock()
    dock.open_library()
    field = dock.form.fields.model
    dock.library.shelf.choose("own")
    press(dock.library.default_button)
    assert field.model() == "own" and field.card().limits == "Only valleys."
    dock.library.rename(dock.library.shelf.current(), "Valley")
    assert field.title() == "Valley"
    press(dock.library.delete_button)
    answer(dock.library, "Delete")
    assert field.model() == "bundled" and field.card().limits != "Only valleys."


def test_a_model_that_came_while_the_window_was_closed_is_in_its_list(library, make_dock):
    dock = make_dock()
    dock.open_library()
    dock.library.reject()
    install(library, "own")
    dock.open_library()
    assert dock.library.shelf.choose("own")


def test_unloading_takes_the_window_along(make_dock):
    dock = make_dock()
    dock.open_library()
    dock.stop()
    assert dock.library is None
