"""Boxes to choose from: narrow ones, and those with buttons beside them."""

from __future__ import annotations

from qgis.PyQt.QtWidgets import QComboBox, QHBoxLayout, QToolButton, QWidget


def narrow(box: QComboBox, letters: int = 4) -> None:
    """Lets the dock be narrower than the longest entry: a long layer name must not widen it."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(letters)


def small_button(parent: QWidget, hint: str, name: str, text: str = "…") -> QToolButton:
    """hint: its tooltip. name: what it is called without sight of what it lies beside."""
    button = QToolButton(parent)
    button.setText(text)
    button.setToolTip(hint)
    button.setAccessibleName(name)
    return button


def lay_in_row(chooser: QWidget, box: QComboBox, *buttons: QToolButton) -> None:
    """The box takes the room that the buttons leave, and the chooser's focus."""
    layout = QHBoxLayout(chooser)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    layout.addWidget(box, 1)
    for button in buttons:
        layout.addWidget(button)
    chooser.setFocusProxy(box)
