"""What the engine remarks beside a field."""

from __future__ import annotations

import base64

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtCore import QBuffer, QIODevice, Qt
from qgis.PyQt.QtGui import QColor, QImage, QPalette
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QLabel, QToolButton, QWidget

from flair_landcover.contract.notices import notice, with_evidence
from flair_landcover.ui.widgets.field import Field
from flair_landcover.ui.widgets.remarks import Remarks
from flair_landcover.ui.widgets.theme import alarm, doubtful, muted

DOUBT = notice("coarse_pixels", size=1.5)
TOLD = notice("no_infrared")


@pytest.fixture
def remarks(application):
    made = Remarks()
    made.resize(300, 100)
    made.show()
    yield made
    made.deleteLater()


def shown(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisible() and len(label.text()) > 1]


def grey_png() -> str:
    image = QImage(128, 128, QImage.Format.Format_Grayscale8)
    image.fill(QColor(90, 90, 90))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return base64.b64encode(bytes(buffer.data())).decode("ascii")


def test_doubts_stand_in_full_and_what_is_only_told_unfolds(remarks):
    remarks.set_remarks([TOLD, DOUBT])
    (sentence,) = shown(remarks)
    assert sentence.startswith("The aerial raster has pixels of 1.5 m")
    button = remarks.findChild(QToolButton)
    assert "one remark" in button.text()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(shown(remarks)) == 2
    remarks.set_remarks([DOUBT])
    assert len(shown(remarks)) == 1 and button.isHidden()
    remarks.set_remarks([])
    assert remarks.isHidden()


def test_a_doubt_shows_where_it_is_seen_and_what_was_measured(remarks):
    remarks.set_remarks([with_evidence(DOUBT, picture=grey_png(), pixel_m=1.5, bands=[1, 2])])
    labels = remarks.findChildren(QLabel)
    (picture,) = [label for label in labels if label.accessibleName() == "Where it is seen"]
    assert picture.pixmap().toImage().pixelColor(3, 3).red() == 90
    assert [label.toolTip() for label in labels if label.text()] == ["pixel_m 1.5, bands 1 2"]


@pytest.mark.parametrize(("ground", "text"), [("#efefef", "#000000"), ("#323232", "#dddddd")])
def test_doubts_have_a_colour_of_their_own_that_can_be_read(ground, text):
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Window, QColor(ground))
    palette.setColor(QPalette.ColorRole.WindowText, QColor(text))
    colour = doubtful(palette)
    assert len({colour.name(), alarm(palette).name(), muted(palette).name()}) == 3
    light, dark = sorted((_luminance(colour), _luminance(QColor(ground))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # as WCAG 2 asks


def _luminance(colour: QColor) -> float:
    channels = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
    return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), channels))


def test_remarks_stand_below_a_complaint(application):
    field = Field(QWidget())
    field.show()
    field.set_remarks([DOUBT])
    field.set_complaint("Choose an image.")
    assert shown(field)[0] == "Choose an image." and "1.5 m" in shown(field)[1]
    field.deleteLater()
