"""What the analyst sees of the queue, and does with mouse and keyboard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt import sip
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QPalette
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from flair_landcover.contract.notices import stage
from flair_landcover.tests.answers import segmentation_result
from flair_landcover.ui.run.queue_panel import QueuePanel
from flair_landcover.ui.run.run_queue import RunState

from .conftest import delete_later_now, plain_request, wait_for

# Where to leave pictures, for those who want to look.
PICTURES = os.environ.get("FLAIR_TEST_PICTURES")


@pytest.fixture
def shown(held_queue):
    """The queue, its panel, and the dock's place around it, 300 pixels wide."""
    queue, _ = held_queue
    place = QWidget()
    layout = QVBoxLayout(place)
    panel = QueuePanel(queue, place)
    layout.addWidget(panel)
    layout.addStretch(1)
    place.resize(300, 260)
    place.show()
    yield queue, panel, place
    queue.close()
    if not sip.isdeleted(place):
        sip.delete(place)


def buttons(panel, text: str) -> list[QPushButton]:
    """Those that can be seen, from top to bottom."""
    QApplication.processEvents()
    found = [button for button in panel.findChildren(QPushButton) if button.text() == text and button.isVisible()]
    return sorted(found, key=lambda button: button.mapTo(panel, button.rect().topLeft()).y())


def texts(panel) -> list[str]:
    QApplication.processEvents()
    """As they are read: line by line, from left to right."""
    labels = [label for label in panel.findChildren(QLabel) if label.isVisible()]
    places = [label.mapTo(panel, label.rect().center()) for label in labels]
    return [label.text() for _, _, label in sorted(zip([p.y() for p in places], [p.x() for p in places], labels))]


def click(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_it_is_hidden_until_something_runs_and_after_all_has(shown, held):
    queue, panel, _ = shown
    assert not panel.isVisible()
    queue.add(plain_request())
    assert panel.isVisible()
    held.end = {"complete": True}
    wait_for(lambda: not queue.runs)
    assert not panel.isVisible()


def test_it_shows_how_far_the_run_is(shown, held):
    queue, panel, _ = shown
    run = queue.add(plain_request("ortho_2021"))
    bar = panel.findChild(QProgressBar)
    assert texts(panel) == ["ortho_2021", "Starting the engine"]
    assert (bar.minimum(), bar.maximum()) == (0, 0), "nobody knows yet"
    held.tell("progress", 0.3, stage("tile", number=12, total=40), 121.0)
    wait_for(lambda: run.fraction)
    assert texts(panel) == ["ortho_2021", "Tile 12 of 40, about 2 min left"]
    assert bar.value() / bar.maximum() == pytest.approx(0.3)


def test_what_is_done_can_be_kept_as_soon_as_there_is_something(shown, held):
    queue, panel, _ = shown
    run = queue.add(plain_request())
    (keep,) = buttons(panel, "Keep what is done")
    assert not keep.isEnabled() and keep.toolTip()
    held.tell("tile", (1.0, 0, 0, 0, 1.0, 0), b"png")
    wait_for(keep.isEnabled)
    ended = []
    queue.ended.connect(ended.append)
    click(keep)
    assert not keep.isEnabled() and "Finishing with what is done…" in texts(panel)
    wait_for(lambda: ended)
    assert run.state is RunState.DONE and run.result == segmentation_result(complete=False)


def test_cancel_says_that_it_stops(shown, held):
    queue, panel, _ = shown
    held.deaf = True
    run = queue.add(plain_request())
    (cancel,) = buttons(panel, "Cancel")
    click(cancel)
    assert "Stopping…" in texts(panel) and not cancel.isEnabled()
    held.tell("progress", 0.5, stage("tile", number=1, total=2), 1.0)
    wait_for(lambda: run.fraction)
    assert "Stopping…" in texts(panel)
    held.deaf = False
    wait_for(lambda: not queue.runs)
    assert run.state is RunState.CANCELLED


def test_each_waiting_run_has_a_row_with_its_own_cancel(shown, held):
    queue, panel, _ = shown
    first, second, third = (queue.add(plain_request(name)) for name in ("one", "two", "three"))
    assert texts(panel)[2:] == ["Waiting:", "two", "Waiting:", "three"]
    assert [button.accessibleName() for button in buttons(panel, "Cancel")] == [
        "Cancel one",
        "Cancel two",
        "Cancel three",
    ]
    click(buttons(panel, "Cancel")[1])
    assert second.state is RunState.CANCELLED and queue.runs == [first, third]
    delete_later_now()
    assert texts(panel)[2:] == ["Waiting:", "three"]
    held.end = {"complete": True}
    wait_for(lambda: third.state is RunState.RUNNING)
    assert texts(panel)[0] == "three" and "Waiting:" not in texts(panel)


def test_everything_is_reached_and_pressed_with_the_keyboard(shown, held):
    queue, panel, place = shown
    run, waiting = queue.add(plain_request("one")), queue.add(plain_request("two"))
    held.tell("tile", (1.0, 0, 0, 0, 1.0, 0), b"png")
    wait_for(lambda: run.tiles_done)
    place.activateWindow()
    keep = buttons(panel, "Keep what is done")[0]
    keep.setFocus()
    reached = []
    for _ in range(3):
        reached.append(QApplication.focusWidget())
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert reached == [keep, *buttons(panel, "Cancel")]
    QTest.keyClick(reached[2], Qt.Key.Key_Space)
    assert waiting.state is RunState.CANCELLED


def test_long_names_are_cut_and_told_in_the_tooltip(shown, held):
    queue, panel, place = shown
    name = "orthophoto_haute_savoie_2021_0M20_lambert93_tuile_0940_6540_assemblage"
    queue.add(plain_request(name))
    queue.add(plain_request(name))
    endless = stage("tile", number=12, total="40, and a sentence without end that the engine may have to say")
    held.tell("progress", 0.3, endless, 121.0)
    wait_for(lambda: queue.runs[0].fraction)
    assert place.minimumSizeHint().width() <= 300 and place.width() == 300
    labels = [label for label in panel.findChildren(QLabel) if name in label.text()]
    assert len(labels) == 2 and all(name in label.toolTip() for label in labels)


def test_a_panel_may_go_before_its_queue(shown, held):
    queue, _, place = shown
    run = queue.add(plain_request())
    sip.delete(place)
    held.tell("progress", 0.5, stage("tile", number=1, total=2), 1.0)
    wait_for(lambda: run.fraction)
    held.end = {"complete": True}
    wait_for(lambda: not queue.runs)


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_looked_at(shown, held, dark, application):
    queue, _, place = shown
    if dark:
        place.setPalette(dark_palette())
    run = queue.add(plain_request("ortho_2021_haute_savoie_sud_ouest_0M20"))
    queue.add(plain_request("ortho_2018"))
    queue.add(plain_request("ortho_2015_haute_savoie_sud_ouest_0M20"))
    held.tell("progress", 0.3, stage("tile", number=12, total=40), 121.0)
    held.tell("tile", (1.0, 0, 0, 0, 1.0, 0), b"png")
    wait_for(lambda: run.tiles_done)
    QApplication.processEvents()
    picture = place.grab()
    assert picture.width() == 300 * picture.devicePixelRatio()
    if PICTURES:
        picture.save(str(Path(PICTURES) / f"run_{'dark' if dark else 'light'}.png"))


def dark_palette() -> QPalette:
    """As in QGIS's theme Night Mapping."""
    palette = QPalette()
    for role, colour in (
        (QPalette.ColorRole.Window, "#323232"),
        (QPalette.ColorRole.Base, "#252525"),
        (QPalette.ColorRole.Button, "#454545"),
        (QPalette.ColorRole.WindowText, "#dadada"),
        (QPalette.ColorRole.Text, "#dadada"),
        (QPalette.ColorRole.ButtonText, "#dadada"),
        (QPalette.ColorRole.Highlight, "#5b9bd5"),
    ):
        palette.setColor(role, QColor(colour))
    return palette
