"""What the analyst is told, in QGIS's own message bar."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import Qgis
from qgis.gui import QgsMessageBarItem
from qgis.PyQt import sip
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QPushButton, QTextBrowser

from flair_landcover.ui.widgets.messages import DetailsDialog, Messages

from .conftest import settle

pytestmark = pytest.mark.usefixtures("josefine")


@pytest.fixture
def messages(window):
    made = Messages(window.bar, window)
    yield made
    if not sip.isdeleted(made):
        made.close()


def shown(window) -> list[str]:
    """What the bar says, the latest first."""
    return [item.findChild(QTextBrowser).toPlainText() for item in window.bar.items()]


def button(window, text: str) -> QPushButton:
    return next(each for each in window.bar.currentItem().findChildren(QPushButton) if each.text() == text)


def click(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    settle()


def dialogs(window) -> list[DetailsDialog]:
    return [dialog for dialog in window.findChildren(DetailsDialog) if dialog.isVisible()]


def test_errors_stay_and_the_rest_goes_after_a_while(messages, window):
    levels = []
    for say in (messages.error, messages.warning, messages.info):
        say(f"What {say.__name__} says.")
        item = window.bar.currentItem()
        levels.append((item.level(), item.duration() == 0))
    assert levels == [
        (Qgis.MessageLevel.Critical, True),
        (Qgis.MessageLevel.Warning, False),
        (Qgis.MessageLevel.Info, False),
    ]


def test_a_sentence_is_shown_as_it_is(messages, window):
    messages.error("The raster /a/<b>&amp;c.tif is < 2 pixels & empty.")
    assert shown(window) == ["FLAIR Land Cover: The raster /a/<b>&amp;c.tif is < 2 pixels & empty."]


def test_details_open_in_a_window_that_leaves_others_usable_and_names_nobody(messages, window):
    messages.error("It broke in /data/people/josefine.", "Log of josefine")
    click(button(window, "Details"))
    (dialog,) = dialogs(window)
    assert not dialog.isModal()
    assert dialog.text() == "It broke in ~.\n\nLog of <user>"
    click(button(window, "Details"))
    assert dialogs(window) == [dialog]


def test_a_sentence_that_the_details_hold_is_not_told_twice(messages, window):
    messages.error("It broke.", "Error\nIt broke.\n")
    click(button(window, "Details"))
    assert dialogs(window)[0].text() == "Error\nIt broke.\n"


def test_without_details_there_is_no_button(messages, window):
    messages.info("Done.")
    assert not window.bar.currentItem().findChildren(QPushButton)


def test_the_same_sentence_is_shown_once(messages, window):
    messages.warning("Careful.")
    messages.error("It broke.")
    messages.warning("Careful.", "details")
    assert len(shown(window)) == 2
    assert window.bar.currentItem().findChildren(QPushButton)


def test_closing_removes_our_messages_and_windows_and_nobody_elses(messages, window):
    window.bar.pushMessage("QGIS", "Another's message.")
    messages.error("It broke.", "details")
    click(button(window, "Details"))
    messages.warning("Careful.")
    (dialog,) = dialogs(window)
    messages.close()
    settle()
    assert shown(window) == ["QGIS: Another's message."]
    assert sip.isdeleted(dialog)


def test_messages_that_the_user_closed_are_forgotten(messages, window):
    messages.error("It broke.", "details")
    window.bar.popWidget()
    settle()
    messages.error("It broke.", "details")
    assert len(shown(window)) == 1
    window.bar.clearWidgets()
    settle()
    messages.close()


def test_closing_twice_and_after_the_window_does_no_harm(messages, window):
    messages.error("It broke.", "details")
    messages.close()
    messages.close()
    messages.error("Too late.")
    settle()
    assert window.bar.items() == [] and sip.isdeleted(messages)
    other = Messages(window.bar, window)
    other.error("It broke.", "details")
    sip.delete(window.bar)
    other.close()
    assert not window.findChildren(QgsMessageBarItem)
