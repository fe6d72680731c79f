"""A row that runs one task at a time: how far it is, and a button to cancel it."""

from __future__ import annotations

from collections.abc import Callable

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ..widgets.labels import Sentence
from .background_task import BackgroundTask


class TaskRow(QWidget):
    """Hidden while nothing goes on. changed: something began or ended."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._task: BackgroundTask | None = None
        self._ended: Callable[[BackgroundTask], None] | None = None
        self._shut = False
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.stage = Sentence(self)
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        self.cancel_button.setAutoDefault(False)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.stage)
        self.hide()
        self.cancel_button.clicked.connect(lambda _: self._cancel())

    def working(self) -> bool:
        """Whether a task goes on."""
        return self._task is not None

    def start(
        self,
        title: str,
        work: Callable[[BackgroundTask], object],
        ended: Callable[[BackgroundTask], None],
        can_cancel: bool = True,
    ) -> bool:
        """Runs the work, and calls `ended` with its task on the main thread; whether it began: one goes on at a time.

        can_cancel: whether the work can be stopped in the middle.
        """
        if self._task is not None or self._shut:
            return False
        task = BackgroundTask(title, work, can_cancel=can_cancel)
        self._task, self._ended = task, ended
        task.signals.progressed.connect(self._on_progress)
        task.signals.stopping.connect(self._on_stopping)
        task.signals.ended.connect(self._on_ended)
        self.bar.setRange(0, 0)
        self.stage.say(title + "…")
        self.cancel_button.setVisible(can_cancel)
        self.show()
        self.changed.emit()
        task.start_in(QgsApplication.taskManager())
        return True

    def shut(self) -> None:
        """Stops what goes on, without a question and without waiting; nobody is told of its end."""
        self._shut = True
        if self._task is not None:
            self._task.stop()

    def _on_progress(self, fraction: float, message: str, _: object) -> None:
        if fraction > 0:  # before, it is not known how long it takes
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * fraction))
        self.stage.say(message)

    def _on_stopping(self) -> None:
        self.stage.say(self.tr("Stopping…"))

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.stop()
            self._on_stopping()

    def _on_ended(self) -> None:
        task, ended = self._task, self._ended
        self._task = self._ended = None
        if self._shut or task is None or ended is None:
            return
        self.hide()
        ended(task)
        self.changed.emit()
