"""The window of the engine, with the real venv and pip and made-up wheels."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from flair_landcover.tests import qgis_side
from flair_landcover.tests.runtime.wheels import serve_index, write_engine_wheels

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsSettings
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QMessageBox, QPushButton

from .conftest import wait_for

ENGINE_PYTHON = qgis_side.engine_python()


def press(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def working(dialog) -> bool:
    return dialog.row.working()


def answer(dialog, text: str) -> None:
    box = wait_for(lambda: next((b for b in dialog.findChildren(QMessageBox) if b.isVisible()), None))
    press(next(b for b in box.findChildren(QPushButton) if b.text().replace("&", "") == text))


def install(dialog, wheels) -> None:
    dialog.sources.wheels.setFilePath(str(wheels))
    press(dialog.install_button)
    wait_for(lambda: working(dialog))


def test_an_empty_profile_is_told_of_what_will_be_installed(dialog):
    assert dialog.headline.text() == "The engine is not installed yet."
    assert "GB" in dialog.next_step.text()
    assert dialog.install_button.text() == "Install the engine" and not dialog.remove_button.isEnabled()
    assert not dialog.facts.isVisible()


def test_a_missing_wheel_is_one_sentence_with_a_next_step_and_leaves_nothing(dialog, folder, tmp_path):
    install(dialog, write_engine_wheels(tmp_path / "wheels", without="rasterio"))
    wait_for(lambda: not working(dialog))
    assert "rasterio" in dialog.headline.text() and dialog.next_step.text().endswith(".")
    assert not folder.exists() and os.listdir(folder.parent) == []
    assert "Failure (no_wheel)" in dialog.report()


def test_packages_that_make_no_map_are_not_kept(dialog, folder, wheels):
    install(dialog, wheels)
    wait_for(lambda: not working(dialog))
    assert "the engine makes no map" in dialog.headline.text()
    assert not folder.exists() and os.listdir(folder.parent) == []
    # What was written is there again the next time.
    assert QgsSettings().value("flair_landcover/wheels") == str(wheels)


def test_a_cancel_in_the_middle_leaves_nothing(dialog, folder, wheels):
    with serve_index(wheels) as index:
        index.slow = "rasterio"
        dialog.sources.index.setText(index.url)
        press(dialog.install_button)
        wait_for(lambda: any(name.startswith("rasterio") for name in index.asked))
        press(dialog.row.cancel_button)
        wait_for(lambda: not working(dialog))
    assert "cancelled" in dialog.headline.text().lower()
    assert not folder.exists() and os.listdir(folder.parent) == []


def test_closing_while_it_installs_asks_first(dialog, folder, wheels):
    with serve_index(wheels) as index:
        index.slow = "rasterio"
        dialog.sources.index.setText(index.url)
        press(dialog.install_button)
        wait_for(lambda: any(name.startswith("rasterio") for name in index.asked))
        dialog.reject()
        answer(dialog, "Back")
        assert dialog.isVisible() and working(dialog)
        dialog.reject()
        answer(dialog, "Stop it")
        wait_for(lambda: not dialog.isVisible())
        wait_for(lambda: not folder.parent.exists() or os.listdir(folder.parent) == [])


def test_a_broken_environment_is_told_of_and_can_be_removed(dialog, folder):
    folder.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /nowhere\n")
    press(dialog.again_button)
    wait_for(lambda: dialog.headline.text() == "The engine does not work.")
    assert dialog.install_button.text() == "Install again"
    changes = []
    dialog.changed.connect(lambda: changes.append(1))
    press(dialog.remove_button)
    answer(dialog, "Remove")
    wait_for(lambda: dialog.headline.text() == "The engine is not installed yet.")
    assert changes and not folder.exists()


def test_an_interpreter_that_cannot_run_the_engine_is_not_chosen(dialog):
    dialog.sources.interpreter.setFilePath(str(Path(sys.prefix) / "nothing" / "python"))
    press(dialog.sources.use_button)
    wait_for(lambda: dialog.headline.text() == "This interpreter cannot run the engine.")
    assert not QgsSettings().value("flair_landcover/python", "")


@pytest.mark.skipif(not ENGINE_PYTHON, reason="FLAIR_LANDCOVER_PYTHON does not name the Python of the engine")
def test_an_interpreter_of_ones_own_is_chosen_and_shown_with_what_it_can_do(dialog):
    changes = []
    dialog.changed.connect(lambda: changes.append(1))
    dialog.sources.interpreter.setFilePath(ENGINE_PYTHON)
    press(dialog.sources.use_button)
    wait_for(lambda: dialog.headline.text() == "The engine is ready.")
    assert changes and QgsSettings().value("flair_landcover/python", "")
    shown = {dialog.facts.topLevelItem(i).text(0): dialog.facts.topLevelItem(i).text(1) for i in range(4)}
    assert ENGINE_PYTHON in shown["Python"] and shown["torch"][0].isdigit()
    dialog.sources.interpreter.setFilePath("")
    press(dialog.sources.use_button)
    wait_for(lambda: dialog.headline.text() == "The engine is not installed yet.")
    assert not QgsSettings().value("flair_landcover/python", "")


def test_while_a_run_goes_on_nothing_is_installed_or_removed(application, folder):
    from flair_landcover.ui.engine.engine_dialog import EngineDialog

    dialog = EngineDialog(busy=lambda: True)
    wait_for(dialog.install_button.isEnabled)
    press(dialog.install_button)
    assert dialog.headline.text() == "A run is going on." and not folder.exists()
    dialog.shut()
    dialog.deleteLater()


def test_the_report_is_copied_without_names_and_passwords(dialog):
    press(dialog.copy_button)
    assert QApplication.clipboard().text() == dialog.report()
    assert "System: " in dialog.report() and str(Path.home()) not in dialog.report()
