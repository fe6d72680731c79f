"""The window of the engine: what runs the network, and one click to install, repair or remove it."""

from __future__ import annotations

import os
from collections.abc import Callable

from qgis.core import QgsApplication, QgsSettings
from qgis.gui import QgsGui
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ...runtime.client import close_shared_client
from ...runtime.environment import PYTHON_SETTING, PYTHON_VARIABLE, managed_folder
from ...runtime.errors import EngineError
from ...runtime.failures import CANCELLED, SetupFailed
from ...runtime.install import NEEDED_BYTES
from ...runtime.network import network_from_qgis
from ...runtime.setup_report import copyable_report
from ..background import BackgroundTask
from ..form.field import Sentence
from ..theme import alarm
from .facts import Fact, facts
from .sources import Sources
from .work import Look, choosing, installing, looking, removing

_COLUMNS, _LINES, _LEAST_COLUMNS = 78, 34, 48  # of text, that fit into the window's usual size


class EngineDialog(QDialog):
    """busy: says whether a run is going on. changed: another Python runs the engine from now on, or none."""

    changed = pyqtSignal()

    def __init__(self, busy: Callable[[], bool] = lambda: False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("flairLandCoverEngine")
        self.setWindowTitle(self.tr("FLAIR Land Cover: engine"))
        self.setSizeGripEnabled(True)
        self._busy = busy
        self._folder = managed_folder()
        self._task: BackgroundTask | None = None
        self._ended: Callable[[BackgroundTask], None] | None = None
        self._look: Look | None = None
        self._failure: SetupFailed | None = None
        self._shut = False

        self.headline = QLabel(self)
        self.next_step = Sentence(self)
        self.facts = QTreeWidget(self)
        self.sources = Sources(self)
        self.bar = QProgressBar(self)
        self.stage = Sentence(self)
        self.install_button = QPushButton(self)
        self.remove_button = QPushButton(self.tr("Remove…"), self)
        self.again_button = QPushButton(self.tr("Look again"), self)
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        self.copy_button = QPushButton(self.tr("Copy report"), self)
        self._lay_out()
        self.install_button.clicked.connect(lambda _: self.install())
        self.remove_button.clicked.connect(lambda _: self._ask_to_remove())
        self.again_button.clicked.connect(lambda _: self.look())
        self.cancel_button.clicked.connect(lambda _: self._cancel())
        self.copy_button.clicked.connect(lambda _: QApplication.clipboard().setText(self.report()))
        self.sources.use_asked.connect(self._use)
        self.look()

    def look(self) -> None:
        """Looks at what is there, with a network run on each device; takes some seconds."""
        self._failure = None
        self._start(self.tr("Looking at the engine"), looking(self._folder), self._on_looked)

    def install(self) -> None:
        """Makes the plugin's own environment, or makes it anew."""
        if self._folder is None or self._refuse_while_busy():
            return
        source, network = self.sources.source(), network_from_qgis()
        close_shared_client()  # Windows would not let go of the files of an engine that runs
        self._say(self.tr("The engine is being installed."), network.note)
        self._start(self.tr("Installing the engine"), installing(self._folder, source, network), self._on_installed)

    def report(self) -> str:
        """What there is to tell about the environment, without names of users and passwords."""
        look = self._look
        notes = () if look is None or not look.complaint else (look.complaint,)
        failure = None if self._failure is None else self._failure.failure
        return copyable_report(None if look is None else look.examination, failure, notes)

    def reject(self) -> None:
        """Closes; where the engine is being installed, asks first."""
        if self._task is not None and self._ended == self._on_installed:
            self._question(
                self.tr("The engine is being installed."),
                self.tr("Close the window and stop the installation?"),
                self.tr("Stop it"),
                self._stop_and_close,
            )
            return
        self.shut()
        super().reject()

    def shut(self) -> None:
        """Stops what goes on, without a question."""
        self._shut = True
        if self._task is not None:
            self._task.stop()

    # What goes on

    def _start(
        self, title: str, work: Callable[[BackgroundTask], object], ended: Callable[[BackgroundTask], None]
    ) -> None:
        if self._task is not None:
            return
        task = BackgroundTask(title, work)
        self._task, self._ended = task, ended
        task.signals.progressed.connect(self._on_progress)
        task.signals.stopping.connect(self._on_stopping)
        task.signals.ended.connect(self._on_ended)
        self.bar.setRange(0, 0)
        self.stage.say(title + "…")
        self._show_buttons()
        task.start_in(QgsApplication.taskManager())

    def _on_progress(self, fraction: float, message: str, _: object) -> None:
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * fraction))
        self.stage.say(message)

    def _on_stopping(self) -> None:
        self.stage.say(self.tr("Stopping…"))

    def _on_ended(self) -> None:
        task, ended = self._task, self._ended
        self._task = self._ended = None
        self.bar.setRange(0, 1)
        self.stage.say("")
        if not self._shut and task is not None and ended is not None:
            ended(task)
            self._show_buttons()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.stop()
            self._on_stopping()

    # What came of it

    def _on_looked(self, task: BackgroundTask) -> None:
        if task.result is None:
            if task.error is not None:
                self._say(str(task.error), "", wrong=True)
            else:
                self._say(self.tr("Stopped looking at the engine."), "")
            return
        self._look = look = task.result
        self._show_facts([] if look.examination is None else facts(look.examination, look.chosen_by))
        if look.examination is None:
            self._say_none(look)
        elif look.examination.failure is not None:
            failure = look.examination.failure
            self._say(self.tr("The engine does not work: {}").format(failure.sentence), failure.next_step, wrong=True)
        elif look.managed and look.outdated:
            self._say(
                self.tr("The engine works, and was made for another version of the plugin."),
                self.tr("Install it again to have the packages that this version asks for."),
            )
        else:
            self._say(self.tr("The engine is ready."), look.examination.device_sentence)

    def _say_none(self, look: Look) -> None:
        if look.managed or os.environ.get(PYTHON_VARIABLE) or QgsSettings().value(PYTHON_SETTING, ""):
            self._say(self.tr("The engine does not work."), look.complaint, wrong=True)
            return
        size = f"{NEEDED_BYTES / 1e9:.0f}"
        self._say(
            self.tr("The engine is not installed yet."),
            self.tr(
                "The network runs in a Python of its own, beside that of QGIS. It is installed once, into your QGIS "
                "profile, and takes about {} GB there; no other program is touched."
            ).format(size),
        )

    def _on_installed(self, task: BackgroundTask) -> None:
        if task.error is not None:
            self._fail(task.error)
            return
        # What was chosen before would come before the environment that was just made.
        if QgsSettings().value(PYTHON_SETTING, ""):
            QgsSettings().remove(PYTHON_SETTING)
            self.sources.fill()
        self.changed.emit()
        self.look()

    def _on_removed(self, task: BackgroundTask) -> None:
        if task.error is not None:
            self._fail(task.error)
            return
        self.changed.emit()
        self.look()

    def _fail(self, error: EngineError) -> None:
        if isinstance(error, SetupFailed):
            self._failure = error
            failure = error.failure
            self._say(failure.sentence, failure.next_step, wrong=failure.cause != CANCELLED)
        else:
            self._say(str(error), "", wrong=True)

    def _use(self, chosen: str) -> None:
        def ended(task: BackgroundTask) -> None:
            if chosen and task.error is not None:
                self._say(self.tr("This interpreter cannot run the engine."), str(task.error), wrong=True)
                return
            close_shared_client()
            self.changed.emit()
            self.look()

        self._start(self.tr("Trying the interpreter"), choosing(chosen), ended)

    def _refuse_while_busy(self) -> bool:
        if self._busy():
            self._say(self.tr("A run is going on."), self.tr("Wait until it has ended, or cancel it."), wrong=True)
            return True
        return False

    # Questions

    def _ask_to_remove(self) -> None:
        if self._refuse_while_busy():
            return
        self._question(
            self.tr("Remove the engine's environment?"),
            self.tr("Your models and maps stay. Nothing can be mapped until it is installed again."),
            self.tr("Remove"),
            self._remove,
        )

    def _remove(self) -> None:
        close_shared_client()
        self._start(self.tr("Removing the engine"), removing(self._folder), self._on_removed)

    def _stop_and_close(self) -> None:
        self.shut()
        super().reject()

    def _question(self, sentence: str, more: str, yes: str, act: Callable[[], None]) -> None:
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.windowTitle())
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(sentence)
        box.setInformativeText(more)
        button = box.addButton(yes, QMessageBox.ButtonRole.DestructiveRole)
        back = box.addButton(self.tr("Back"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(back)
        box.setEscapeButton(back)
        button.clicked.connect(lambda _: act())
        box.open()

    # What is shown

    def _say(self, headline: str, next_step: str, wrong: bool = False) -> None:
        self.headline.setText(headline)
        colour = f"color: {alarm(self.palette()).name()}; " if wrong else ""
        self.headline.setStyleSheet(f"QLabel {{ {colour}font-weight: bold; }}")
        self.next_step.say(next_step)

    def _show_facts(self, found: list[Fact]) -> None:
        self.facts.clear()
        for fact in found:
            item = QTreeWidgetItem([fact.name, fact.value])
            item.setToolTip(1, fact.value)
            if fact.wrong:
                item.setForeground(1, alarm(self.palette()))
            self.facts.addTopLevelItem(item)
        self.facts.resizeColumnToContents(0)
        self.facts.setVisible(bool(found))

    def _show_buttons(self) -> None:
        working = self._task is not None
        managed = self._folder is not None and self._folder.is_dir()
        self.install_button.setText(self.tr("Install again") if managed else self.tr("Install the engine"))
        self.install_button.setEnabled(not working and self._folder is not None)
        self.remove_button.setEnabled(not working and managed)
        self.again_button.setEnabled(not working)
        self.sources.setEnabled(not working)
        for widget in (self.bar, self.cancel_button):
            widget.setVisible(working)

    def _lay_out(self) -> None:
        self.headline.setWordWrap(True)
        self.headline.setTextFormat(Qt.TextFormat.PlainText)
        self.bar.setTextVisible(False)
        self.facts.setColumnCount(2)
        self.facts.setHeaderHidden(True)
        self.facts.setRootIsDecorated(False)
        self.facts.setAlternatingRowColors(True)
        self.facts.setAccessibleName(self.tr("What the engine consists of"))
        self.facts.hide()
        running = QHBoxLayout()
        running.addWidget(self.bar, 1)
        running.addWidget(self.cancel_button)
        buttons = QDialogButtonBox(self)
        for button in (self.install_button, self.remove_button, self.again_button, self.copy_button):
            button.setAutoDefault(False)
            buttons.addButton(button, QDialogButtonBox.ButtonRole.ActionRole)
        close = buttons.addButton(QDialogButtonBox.StandardButton.Close)
        close.setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        for widget in (self.headline, self.next_step):
            column.addWidget(widget)
        column.addWidget(self.facts, 1)
        column.addWidget(self.sources)
        column.addStretch()
        column.addLayout(running)
        column.addWidget(self.stage)
        column.addWidget(buttons)
        metrics = self.fontMetrics()
        screen = QApplication.primaryScreen().availableSize()
        width, height = metrics.averageCharWidth() * _COLUMNS, metrics.lineSpacing() * _LINES
        self.resize(min(width, screen.width() * 9 // 10), min(height, screen.height() * 9 // 10))
        self.setMinimumWidth(min(metrics.averageCharWidth() * _LEAST_COLUMNS, screen.width() * 9 // 10))
        QgsGui.enableAutoGeometryRestore(self)
