"""The sentence under a field."""

from __future__ import annotations

import pytest
from qgis.PyQt.QtGui import QColor, QFont
from qgis.PyQt.QtWidgets import QLabel, QWidget

from flair_landcover.ui.widgets.field import Field
from flair_landcover.ui.widgets.labels import Sentence


def _reddest(label: QLabel) -> QColor:
    """The pixel of the label's text in which red most exceeds blue."""
    image = label.grab().toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return max(pixels, key=lambda pixel: pixel.red() - pixel.blue())


@pytest.mark.parametrize("theme", ["", "QLabel { color: #bbb; }", "QWidget { background: #333; color: #bbb; }"])
def test_what_is_wrong_stands_in_red_whatever_the_theme_says_of_labels(application, theme):
    application.setStyleSheet(theme)
    try:
        window = QWidget()
        sentence = Sentence(window)
        font = sentence.font()
        font.setStyleStrategy(QFont.StyleStrategy.NoAntialias)  # whose edges may be coloured
        sentence.setFont(font)
        sentence.resize(200, 40)
        sentence.say("Choose an image.", wrong=True)
        reddest = _reddest(sentence)
        assert reddest.red() - reddest.blue() > 80
        sentence.say("2048 pixels")
        plain = _reddest(sentence)
        assert plain.red() - plain.blue() < 80
        window.deleteLater()
    finally:
        application.setStyleSheet("")


def test_a_complaint_stands_in_the_place_of_the_note(application):
    field = Field(QWidget())
    field.set_note("five bands")
    field.set_complaint("Choose an image.")
    assert [label.text() for label in field.findChildren(QLabel)] == ["Choose an image."]
    field.set_complaint("")
    assert [label.text() for label in field.findChildren(QLabel)] == ["five bands"]
    field.deleteLater()
