"""A field of a form: a widget, and below it what is to be said of it."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.PyQt.QtWidgets import QVBoxLayout, QWidget

from ...contract.notices import Notice
from .labels import Sentence
from .remarks import Remarks


class Field(QWidget):
    """A widget with a note and a complaint below; the complaint hides the note while it stands.

    remarks: of the engine on what the widget holds, below both; apart: whoever makes the field lays them out, where
    there is more room.
    """

    def __init__(self, widget: QWidget, parent: QWidget | None = None, apart: bool = False) -> None:
        super().__init__(parent)
        self._note = ""
        self._complaint = ""
        self._sentence = Sentence(self)
        self.remarks = Remarks()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(widget)
        layout.addWidget(self._sentence)
        if not apart:
            layout.addWidget(self.remarks)
        self.setFocusProxy(widget)

    @property
    def complaint(self) -> str:
        """What is wrong with the field, or ""."""
        return self._complaint

    def set_note(self, text: str) -> None:
        """What the field says when nothing is wrong."""
        self._note = text
        self._show()

    def set_complaint(self, text: str) -> None:
        """What is wrong and what to do, in one sentence; "": nothing."""
        self._complaint = text
        self._show()

    def set_remarks(self, remarks: Sequence[Notice]) -> None:
        """What the engine remarks on it."""
        self.remarks.set_remarks(remarks)

    def _show(self) -> None:
        self._sentence.say(self._complaint or self._note, wrong=bool(self._complaint))
