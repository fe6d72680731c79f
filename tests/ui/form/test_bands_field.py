"""Bands by role, with their pictures."""

from __future__ import annotations

import base64

import pytest
from qgis.PyQt.QtCore import QBuffer, QIODevice
from qgis.PyQt.QtGui import QColor, QImage
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QComboBox, QLabel

from flair_landcover.contract.answers import AerialDescription
from flair_landcover.tests.answers import aerial_description
from flair_landcover.ui.form.bands_field import BandsField, role_name


def grey(value: int) -> str:
    """A PNG of one grey, as the engine sends it."""
    image = QImage(96, 72, QImage.Format.Format_Grayscale8)
    image.fill(QColor(value, value, value))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return base64.b64encode(bytes(buffer.data())).decode("ascii")


def described(count: int = 5, bands: dict | None = None) -> AerialDescription:
    names = ("red", "green", "blue", "nir", "elevation")
    return aerial_description(
        count=count,
        descriptions=["Rouge"] + [None] * (count - 1),
        bands=bands or {name: number for number, name in enumerate(names[:count], start=1)},
        pictures={number: grey(40 * number) for number in range(1, count + 1)},
    )


@pytest.fixture
def field(application):
    made = BandsField()
    made.resize(300, 100)
    made.show()
    yield made
    made.close()


def box(field: BandsField, role: str) -> QComboBox:
    return next(b for b in field.findChildren(QComboBox) if b.accessibleName() == f"Band for {role_name(role)}")


def shades(field: BandsField) -> list[int | None]:
    """The grey of each role's picture, from left to right; None where there is none."""
    pictures = [label for label in field.findChildren(QLabel) if label.buddy() is None and not label.isHidden()]
    return [
        label.pixmap().toImage().pixelColor(5, 5).red() if label.pixmap() and not label.pixmap().isNull() else None
        for label in sorted(pictures, key=lambda label: label.x())
    ]


def test_nothing_can_be_chosen_before_the_image_is_known(field):
    assert field.text() == "" and not box(field, "red").isEnabled()


def test_the_guess_is_shown_with_each_bands_picture(field):
    field.set_known(described())
    assert field.text() == "R=1 G=2 B=3 NIR=4 ELEVATION=5"
    assert shades(field) == [40, 80, 120, 160, 200]


def test_another_choice_shows_the_other_bands_picture_and_is_told(field):
    field.set_known(described())
    told = []
    field.changed.connect(lambda: told.append(field.text()))
    box(field, "red").setCurrentIndex(box(field, "red").findData(4))
    box(field, "nir").setCurrentIndex(box(field, "nir").findData(1))
    assert told[-1] == "R=4 G=2 B=3 NIR=1 ELEVATION=5"
    assert shades(field)[0] == 160


def test_a_band_in_two_roles_is_a_mistake(field):
    field.set_known(described())
    assert field.complaint() == ""
    box(field, "nir").setCurrentIndex(box(field, "nir").findData(2))
    assert field.complaint() == "Band 2 is chosen as green and as nir: choose another band for one of them."


def test_an_image_of_three_bands_has_no_infrared_and_no_height(field):
    field.set_known(described(3))
    assert field.text() == "R=1 G=2 B=3"
    assert shades(field) == [40, 80, 120, None, None]


def test_heights_from_elsewhere_hide_the_height_band(field):
    field.set_known(described())
    field.set_height_wanted(False)
    assert field.text() == "R=1 G=2 B=3 NIR=4"
    assert len(shades(field)) == 4
    field.set_height_wanted(True)
    assert field.text() == "R=1 G=2 B=3 NIR=4 ELEVATION=5"


def test_pictures_of_another_place_keep_the_choice(field):
    field.set_known(described())
    box(field, "nir").setCurrentIndex(0)
    field.set_pictures({1: grey(7)})
    assert field.text() == "R=1 G=2 B=3 ELEVATION=5"
    assert shades(field)[0] == 7


def test_a_bands_description_is_its_tooltip(field):
    field.set_known(described())
    pictures = [label for label in field.findChildren(QLabel) if label.toolTip() == "Rouge"]
    assert len(pictures) == 1


def test_pictures_keep_their_height_whatever_room_the_field_is_given(field):
    field.set_known(described())
    field.resize(300, 600)
    QTest.qWait(50)
    field.set_pictures({number: grey(9) for number in range(1, 6)})
    QTest.qWait(50)
    (height,) = {label.height() for label in field.findChildren(QLabel) if label.buddy() is None}
    assert height == 2 * field.fontMetrics().height()


def test_five_roles_fit_beside_each_other_in_a_narrow_dock(field):
    field.set_known(described())
    assert field.minimumSizeHint().width() <= 260


def test_colour_infrared_has_no_blue(field):
    field.set_known(described(3, {"nir": 1, "red": 2, "green": 3}))
    assert field.bands() == {"nir": 1, "red": 2, "green": 3}
    assert box(field, "blue").currentData() == 0 and field.asked() == "" and field.complaint() == ""


def test_one_grey_band_may_be_all_three_colours(field):
    field.set_known(described(1, {"red": 1, "green": 1, "blue": 1}))
    assert field.text() == "R=1 G=1 B=1" and field.complaint() == ""
    box(field, "nir").setCurrentIndex(box(field, "nir").findData(1))
    assert "Band 1" in field.complaint()
