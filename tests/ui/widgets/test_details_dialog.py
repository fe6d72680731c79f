"""The window of the details."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt import sip
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QFontInfo
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QPlainTextEdit

from flair_landcover.contract.notices import notice
from flair_landcover.runtime.errors import EngineDied
from flair_landcover.tests.jobs import segmentation_job
from flair_landcover.ui.widgets.details import details_text
from flair_landcover.ui.widgets.messages import DetailsDialog

from .conftest import settle

pytestmark = pytest.mark.usefixtures("josefine")

# Where to leave pictures, for those who want to look.
PICTURES = os.environ.get("FLAIR_TEST_PICTURES")
SENTENCE = "The engine was killed (SIGKILL), most often by the system because memory ran out: run again."


@pytest.fixture
def dialog(window):
    error = EngineDied(SENTENCE, "INFO worker: tile 1\nINFO worker: tile 2")
    text = details_text(
        segmentation_job("/home/marie/a.tif", "b.tif"), error, [notice("no_infrared")], {"torch": "2.4"}
    )
    made = DetailsDialog(SENTENCE, text, window)
    made.show()
    settle()
    yield made
    if not sip.isdeleted(made):
        sip.delete(made)


def test_one_click_copies_all_of_the_text(dialog):
    QApplication.clipboard().setText("before")
    QTest.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    copied = QApplication.clipboard().text()
    assert copied == dialog.text() and SENTENCE in copied and "tile 2" in copied and "marie" not in copied
    assert dialog.copy_button.text() == "Copied"


def test_the_text_is_read_and_not_changed_in_letters_of_one_width(dialog):
    text = dialog.findChild(QPlainTextEdit)
    QTest.keyClicks(text, "x")
    assert text.isReadOnly() and text.toPlainText() == dialog.text()
    assert QFontInfo(text.font()).fixedPitch()


def test_escape_closes_and_deletes_it(dialog):
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    settle()
    assert sip.isdeleted(dialog)


def test_the_close_button_closes_and_deletes_it(dialog):
    QTest.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    settle()
    assert sip.isdeleted(dialog)


def test_it_can_be_made_larger_and_fits_the_screen(dialog):
    screen = QApplication.primaryScreen().availableSize()
    assert dialog.width() <= screen.width() and dialog.height() <= screen.height()
    assert dialog.minimumWidth() < dialog.width() and dialog.isSizeGripEnabled() and not dialog.isModal()


def test_it_can_be_looked_at(dialog):
    picture = dialog.grab()
    assert not picture.isNull()
    if PICTURES:
        picture.save(str(Path(PICTURES) / "details.png"))
