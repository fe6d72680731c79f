"""The queue as the dock shows it: how the running map goes, and what waits behind it."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ..tasks.stages import stage_line
from ..widgets.labels import ElidedLabel
from .run_queue import Run, RunQueue, RunState

_STEPS = 1000  # of the progress bar


def progress_line(run: Run) -> str:
    """One line on where the run stands, such as ``Tile 12 of 40, about 2 min left``."""
    if run.state is RunState.STOPPING and not run.kept:
        return QCoreApplication.translate("RunProgress", "Stopping…")
    if run.state is RunState.STOPPING:
        return QCoreApplication.translate("RunProgress", "Finishing with what is done…")
    return stage_line(run.stage, run.remaining_s)


class _Running(QWidget):
    """The run that is under way, with what can be done about it."""

    def __init__(self, queue: RunQueue, parent: QWidget) -> None:
        super().__init__(parent)
        self._queue = queue
        self._run: Run | None = None
        self._name = ElidedLabel(self)
        font = self._name.font()
        font.setBold(True)
        self._name.setFont(font)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._line = QLabel(self)
        self._line.setWordWrap(True)
        self._line.setTextFormat(Qt.TextFormat.PlainText)
        # The engine's words must not widen the dock.
        self._line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.keep_button = QPushButton(self.tr("Keep what is done"), self)
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        for button in (self.keep_button, self.cancel_button):
            # In a dialog the Return key would press one of them from anywhere.
            button.setAutoDefault(False)
        self.keep_button.clicked.connect(self._keep)
        self.cancel_button.clicked.connect(self._cancel)
        buttons = QHBoxLayout()
        buttons.addWidget(self.keep_button)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self._name, self._bar, self._line):
            layout.addWidget(widget)
        layout.addLayout(buttons)

    def show_run(self, run: Run) -> None:
        """Shows the run as it is now."""
        if run is not self._run:
            self._run = run
            name = run.request.name
            self._name.setText(name)
            self._name.setToolTip(self.tr("{} with {}").format(name, run.request.model_title))
            self._bar.setAccessibleName(self.tr("Progress of {}").format(name))
            self.cancel_button.setAccessibleName(self.tr("Cancel {}").format(name))
            self.cancel_button.setToolTip(self.tr("Stops the run; nothing of it is kept."))
        # Before the first tile nobody knows how long it takes: the bar only shows that something goes on.
        self._bar.setRange(0, _STEPS if run.fraction > 0 else 0)
        self._bar.setValue(round(_STEPS * run.fraction))
        self._line.setText(progress_line(run))
        running = run.state is RunState.RUNNING
        self.keep_button.setEnabled(running and run.tiles_done > 0)
        self.keep_button.setToolTip(
            self.tr("Ends the run now and adds the map as far as it is finished; the rest stays empty.")
            if run.tiles_done or not running
            else self.tr("Possible as soon as the first piece of the map is finished.")
        )
        self.cancel_button.setEnabled(running or run.kept)

    def _keep(self) -> None:
        if self._run is not None:
            self._queue.keep(self._run)

    def _cancel(self) -> None:
        if self._run is not None:
            self._queue.cancel(self._run)


class _Waiting(QWidget):
    """A run that waits for its turn."""

    def __init__(self, queue: RunQueue, run: Run, parent: QWidget) -> None:
        super().__init__(parent)
        name = run.request.name
        label = ElidedLabel(self)
        label.setText(name)
        tip = self.tr("{} with {}, runs when those before it are done")
        label.setToolTip(tip.format(name, run.request.model_title))
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.setAccessibleName(self.tr("Cancel {}").format(name))
        self.cancel_button.setToolTip(self.tr("Takes this run out of the queue."))
        self.cancel_button.clicked.connect(lambda: queue.cancel(run))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel(self.tr("Waiting:"), self))
        layout.addWidget(label, 1)
        layout.addWidget(self.cancel_button)


class QueuePanel(QWidget):
    """Shows a RunQueue; hidden while that is empty."""

    def __init__(self, queue: RunQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Runs"))
        self._queue = queue
        self._rows: dict[Run, _Waiting] = {}
        self._running = _Running(queue, self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._running)
        queue.changed.connect(self._refresh)
        queue.progressed.connect(self._show_progress)
        self._refresh()

    def _refresh(self) -> None:
        runs = self._queue.runs
        waiting = [run for run in runs if run.state is RunState.WAITING]
        for run in [run for run in self._rows if run not in waiting]:
            row = self._rows.pop(run)
            self._layout.removeWidget(row)
            row.hide()
            # Not at once: its own button may be what was pressed.
            row.deleteLater()
        for run in waiting:
            if run not in self._rows:
                self._rows[run] = _Waiting(self._queue, run, self)
                self._layout.addWidget(self._rows[run])
        under_way = next((run for run in runs if run.state is not RunState.WAITING), None)
        if under_way is not None:
            self._running.show_run(under_way)
        self._running.setVisible(under_way is not None)
        self.setVisible(bool(runs))

    def _show_progress(self, run: Run) -> None:
        self._running.show_run(run)
