"""A question before something is lost. Leaves other windows usable."""

from __future__ import annotations

from collections.abc import Callable

from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtWidgets import QMessageBox, QWidget


def ask_first(parent: QWidget, sentence: str, more: str, yes: str, act: Callable[[], None]) -> None:
    """Asks over a window, and acts where the answer is `yes`; the other answer, and the usual one, is to go back."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(parent.windowTitle())
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(sentence)
    box.setInformativeText(more)
    button = box.addButton(yes, QMessageBox.ButtonRole.DestructiveRole)
    back = box.addButton(QCoreApplication.translate("Asking", "Back"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(back)
    box.setEscapeButton(back)
    button.clicked.connect(lambda _=False: act())
    box.open()
