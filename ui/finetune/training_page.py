"""The second page: the training as it goes on."""

from __future__ import annotations

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ...contract.notices import Notice, Stage
from ...contract.report import Epoch
from ..tasks.stages import stage_line
from ..widgets.labels import ElidedLabel
from ..widgets.remarks import Remarks
from .training_plot import TrainingPlot

_STEPS = 1000  # of the progress bar
_AFTERWARDS = ("comparing", "writing_model")  # what the engine does when nothing is learned any more


class TrainingPage(QWidget):
    """Shows one training. enough_asked: stop and keep the best. cancel_asked: stop and keep nothing."""

    enough_asked = pyqtSignal()
    cancel_asked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._warnings: list[Notice] = []
        self._stopping = ""
        self.name = ElidedLabel(self)
        font = self.name.font()
        font.setBold(True)
        self.name.setFont(font)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the training"))
        self.line = QLabel(self)
        self.line.setTextFormat(Qt.TextFormat.PlainText)
        self.line.setWordWrap(True)
        self.plot = TrainingPlot(self)
        self.remarks = Remarks(self)
        self.enough_button = QPushButton(self.tr("Stop now and keep the best"), self)
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        self.cancel_button.setToolTip(self.tr("Stops the training; nothing of it is kept."))
        for button in (self.enough_button, self.cancel_button):
            button.setAutoDefault(False)
        self.enough_button.clicked.connect(lambda _: self.enough_asked.emit())
        self.cancel_button.clicked.connect(lambda _: self.cancel_asked.emit())
        buttons = QHBoxLayout()
        buttons.addWidget(self.enough_button)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.name, self.bar, self.line):
            column.addWidget(widget)
        column.addWidget(self.plot, 1)
        column.addWidget(self.remarks)
        column.addLayout(buttons)

    def begin(self, title: str, waits: bool) -> None:
        """A new training. waits: a map is being made, which the engine finishes first."""
        self._warnings, self._stopping = [], ""
        self.name.setText(title)
        self.plot.clear()
        self.remarks.set_remarks([])
        self.bar.setRange(0, 0)
        waiting = self.tr("Waits until the map that is being made is done")
        self.line.setText(waiting if waits else stage_line(None, None))
        self._allow_enough(False)
        self.cancel_button.setEnabled(True)

    def show_progress(self, fraction: float, stage: Stage, remaining_s: float | None) -> None:
        """What the engine said last."""
        # Before the first step nobody knows how long it takes: the bar only shows that something goes on.
        self.bar.setRange(0, _STEPS if fraction > 0 else 0)
        self.bar.setValue(round(_STEPS * fraction))
        if not self._stopping:
            self.line.setText(stage_line(stage, remaining_s))
        if stage.code in _AFTERWARDS:
            self.enough_button.setEnabled(False)
            self.enough_button.setToolTip(self.tr("The training itself is over."))

    def add_epoch(self, epoch: Epoch) -> None:
        """One more epoch is over."""
        self.plot.add(epoch)
        if not self._stopping:
            self._allow_enough(True)

    def add_warning(self, notice: Notice) -> None:
        """The engine remarks something."""
        self._warnings.append(notice)
        self.remarks.set_remarks(self._warnings)

    def show_stopping(self, keeps: bool) -> None:
        """The training was told to end, with or without keeping its best state."""
        self._stopping = self.tr("Finishing with the best so far…") if keeps else self.tr("Stopping…")
        self.line.setText(self._stopping)
        self._allow_enough(False)
        self.cancel_button.setEnabled(keeps)

    def _allow_enough(self, allowed: bool) -> None:
        self.enough_button.setEnabled(allowed)
        self.enough_button.setToolTip(
            self.tr("Ends the training; the best state so far is compared with the base model.")
            if allowed or self._stopping
            else self.tr("Possible as soon as the first epoch is over.")
        )
