"""What windows share: their size, how they come to the front, what scrolls in them, and a question before a loss."""

from __future__ import annotations

from collections.abc import Callable

from qgis.gui import QgsGui
from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtWidgets import QApplication, QDialog, QFrame, QMessageBox, QScrollArea, QWidget

_SCREEN = 0.9  # of the screen's sides, that a window takes at most


def fit(window: QDialog, columns: int, lines: int, least_columns: int = 0) -> None:
    """As large as so many letters and lines of text, smaller than the screen; afterwards as the analyst left it."""
    metrics = window.fontMetrics()
    screen = _SCREEN * QApplication.primaryScreen().availableSize()
    letter = metrics.averageCharWidth()
    window.resize(min(letter * columns, screen.width()), min(metrics.lineSpacing() * lines, screen.height()))
    if least_columns:
        window.setMinimumWidth(min(letter * least_columns, screen.width()))
    QgsGui.enableAutoGeometryRestore(window)


def bring(window: QWidget) -> None:
    """Shows a window, in front of the others."""
    window.show()
    window.raise_()
    window.activateWindow()


def scrolling(inner: QWidget) -> QScrollArea:
    """An area without a frame in which a widget scrolls up and down, never sideways."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inner)
    return area


def ask(
    parent: QWidget,
    sentence: str,
    more: str,
    choices: dict[str, tuple[QMessageBox.ButtonRole, Callable[[], None]]],
    back: str = "",
) -> None:
    """Asks over a window and leaves other windows usable. The usual answer, which does nothing, is to go back.

    choices: by the text of their buttons, what they are and what they do. back: text of that button.
    """
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(parent.windowTitle())
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(sentence)
    box.setInformativeText(more)
    for text, (role, act) in choices.items():
        box.addButton(text, role).clicked.connect(lambda _=False, act=act: act())
    text = back or QCoreApplication.translate("Windows", "Back")
    button = box.addButton(text, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(button)
    box.setEscapeButton(button)
    box.open()


def ask_first(parent: QWidget, sentence: str, more: str, yes: str, act: Callable[[], None]) -> None:
    """Asks before something is lost, and acts where the answer is `yes`."""
    ask(parent, sentence, more, {yes: (QMessageBox.ButtonRole.DestructiveRole, act)})
