"""What was recognised in a file or folder: asks whether it is to be imported, and under what title."""

from __future__ import annotations

import os

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ...contract.answers import CHECKPOINT, FOLDER, PACKAGE, Recognised
from .card_text import size_text


class Preview(QFrame):
    """Hidden while there is nothing to ask. accepted: the `Recognised` and the title. refused: it is not imported."""

    accepted = pyqtSignal(object, str)
    refused = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: Recognised | None = None
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.question = QLabel(self)
        self.question.setWordWrap(True)
        self.question.setTextFormat(Qt.TextFormat.PlainText)
        self.title = QLineEdit(self)
        self.title.setAccessibleName(self.tr("Title in the library"))
        self.import_button = QPushButton(self.tr("Import it"), self)
        self.back_button = QPushButton(self.tr("Back"), self)
        row = QHBoxLayout()
        row.addWidget(self.title, 1)
        for button in (self.import_button, self.back_button):
            button.setAutoDefault(False)
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.question)
        column.addLayout(row)
        self.hide()
        self.title.textChanged.connect(lambda text: self.import_button.setEnabled(bool(text.strip())))
        self.title.returnPressed.connect(self.import_button.click)
        self.import_button.clicked.connect(lambda _: self.accepted.emit(self._found, self.title.text().strip()))
        self.back_button.clicked.connect(lambda _: self.refused.emit())

    def show_found(self, found: Recognised) -> None:
        """Asks about it; its card is shown below."""
        self._found = found
        kinds = {
            PACKAGE: self.tr("an exported model"),
            FOLDER: self.tr("a model folder"),
            CHECKPOINT: self.tr("a checkpoint"),
        }
        self.question.setText(
            self.tr("{} is {} of {} in the library. Import what is shown below, under this title?").format(
                os.path.basename(os.path.normpath(found.path)),
                kinds.get(found.kind, found.kind),
                size_text(found.size_bytes),
            )
        )
        self.title.setText(found.card.title)
        self.title.setCursorPosition(0)
        self.show()
