"""The window of the engine: what runs the network, and one click to install, repair or remove it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QLocale, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ...runtime.client import engine_is_busy
from ...runtime.environment import PYTHON_SETTING, PYTHON_VARIABLE, forget_interpreter, managed_folder
from ...runtime.examine import Examination, ExaminedDevice
from ...runtime.failures import CANCELLED, SetupFailed
from ...runtime.install import NEEDED_BYTES, needed_for
from ...runtime.network import network_from_qgis, source_from_qgis
from ...runtime.setup_report import copyable_report
from ..tasks.background_task import BackgroundTask
from ..tasks.task_row import TaskRow
from ..widgets.labels import Sentence
from ..widgets.theme import alarm
from ..widgets.windows import ask_first, fit
from .engine_tasks import Look, choosing, installing, looking, removing
from .install_settings import InstallSettings

_TITLES = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS"}
_COLUMNS, _LINES, _LEAST_COLUMNS = 78, 34, 48  # of text, that fit into the window's usual size


@dataclass(frozen=True)
class Fact:
    """name: what it is about. value: what was found. wrong: it keeps the engine from working, or a device from use."""

    name: str
    value: str
    wrong: bool = False


def facts(examination: Examination, chosen_by: str) -> list[Fact]:
    """One line each for the interpreter, the packages, the processor and the devices.

    chosen_by: where the choice of the interpreter comes from, in words.
    """
    python = f"{examination.python_version or '?'} – {examination.python}"
    found = [Fact("Python", f"{python} ({chosen_by})" if chosen_by else python)]
    found += [
        Fact(name, version or _tr("missing"), name.replace("-", "_") in examination.missing)
        for name, version in examination.versions.items()
    ]
    if examination.instructions:
        found.append(Fact(_tr("Instruction sets"), ", ".join(examination.instructions)))
    found += [_device_fact(device) for device in examination.devices]
    return found + [Fact(_tr("Worth knowing"), note) for note in examination.notes]


def _device_fact(device: ExaminedDevice) -> Fact:
    title = _TITLES.get(device.id, device.id)
    name = title if device.name in (title, device.id) else f"{title}: {device.name}"
    if device.works:
        milliseconds = QLocale().toString(1000 * device.seconds, "f", 1)
        return Fact(name, _tr("works (a small network took {} ms)").format(milliseconds))
    return Fact(name, device.reason, wrong=True)


def _tr(text: str) -> str:
    return QCoreApplication.translate("EngineFacts", text)


class EngineDialog(QDialog):
    """busy: says whether something waits or goes on that needs the engine, beside what the engine itself knows of.

    changed: another Python may run the engine from now on, or none: whatever was asked of it is to be asked again.
    """

    changed = pyqtSignal()

    def __init__(self, busy: Callable[[], bool] = lambda: False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("flairLandCoverEngine")
        self.setWindowTitle(self.tr("FLAIR Land Cover: engine"))
        self.setSizeGripEnabled(True)
        self._busy = busy
        self._folder = managed_folder()
        self._look: Look | None = None
        self._failure: SetupFailed | None = None
        self._installing = False
        self._changing = False  # something short, which cannot be stopped

        self.headline = QLabel(self)
        self.next_step = Sentence(self)
        self.facts = QTreeWidget(self)
        self.sources = InstallSettings(self)
        self.row = TaskRow(self)
        self.install_button = QPushButton(self)
        self.remove_button = QPushButton(self.tr("Remove…"), self)
        self.again_button = QPushButton(self.tr("Look again"), self)
        self.copy_button = QPushButton(self.tr("Copy report"), self)
        self._lay_out()
        self.install_button.clicked.connect(lambda _: self.install())
        self.remove_button.clicked.connect(lambda _: self._ask_to_remove())
        self.again_button.clicked.connect(lambda _: self.look())
        self.row.changed.connect(self._show_buttons)
        self.copy_button.clicked.connect(lambda _: QApplication.clipboard().setText(self.report()))
        self.sources.use_asked.connect(self._use)
        self.look()

    def look(self) -> None:
        """Looks at what is there, with a network run on each device; takes some seconds."""
        self._failure = None
        self.row.start(self.tr("Looking at the engine"), looking(self._folder), self._on_looked)

    def install(self) -> None:
        """Makes the plugin's own environment, or makes it anew."""
        if self._folder is None or self._refuse_while_busy():
            return
        source, network = self.sources.source(), network_from_qgis()
        work = installing(self._folder, source, network)
        self._installing = self.row.start(self.tr("Installing the engine"), work, self._on_installed)
        if self._installing:
            self._say(self.tr("The engine is being installed."), network.note)

    def report(self) -> str:
        """What there is to tell about the environment, without names of users and passwords."""
        look = self._look
        notes = () if look is None or not look.complaint else (look.complaint,)
        failure = None if self._failure is None else self._failure.failure
        return copyable_report(None if look is None else look.examination, failure, notes)

    def reject(self) -> None:
        """Closes; while the engine is installed or changed it asks first, or stays."""
        if self._installing:
            ask_first(
                self,
                self.tr("The engine is being installed."),
                self.tr("Close the window and stop the installation?"),
                self.tr("Stop it"),
                self._stop_and_close,
            )
            return
        if self._changing:
            return
        self.shut()
        super().reject()

    def shut(self) -> None:
        """Stops what goes on, without a question."""
        self.row.shut()

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
        needed = needed_for(source_from_qgis())
        more = self.tr(
            "The network runs in a Python of its own, beside that of QGIS. It is installed once, into your QGIS "
            "profile, and takes up to {} GB there; no other program is touched."
        ).format(f"{needed / 1e9:.0f}")
        if needed > NEEDED_BYTES:
            more += " " + self.tr(
                "Most of that is for graphics cards: with the address of torch's build for processors (below) it takes "
                "2 GB."
            )
        self._say(self.tr("The engine is not installed yet."), more)

    def _on_installed(self, task: BackgroundTask) -> None:
        self._installing = False
        if task.result is None:
            self._fail(task)
            return
        if forget_interpreter():
            self.sources.fill()
        self.changed.emit()
        self.look()

    def _on_removed(self, task: BackgroundTask) -> None:
        self._changing = False
        if task.result is None:
            self._fail(task)
            return
        self.changed.emit()
        self.look()

    def _fail(self, task: BackgroundTask) -> None:
        error = task.error
        if isinstance(error, SetupFailed):
            self._failure = error
            failure = error.failure
            self._say(failure.sentence, failure.next_step, wrong=failure.cause != CANCELLED)
        else:
            sentence = self.tr("Cancelled: nothing has changed.") if error is None else str(error)
            self._say(sentence, "", wrong=error is not None)
        self.changed.emit()

    def _use(self, chosen: str) -> None:
        if self._refuse_while_busy():
            return

        def ended(task: BackgroundTask) -> None:
            self._changing = False
            if chosen and task.error is not None:
                self._say(self.tr("This interpreter cannot run the engine."), str(task.error), wrong=True)
                return
            self.changed.emit()
            self.look()

        title = self.tr("Trying the interpreter")
        self._changing = self.row.start(title, choosing(chosen), ended, can_cancel=False)

    def _refuse_while_busy(self) -> bool:
        if self._busy() or engine_is_busy():
            self._say(self.tr("A run is going on."), self.tr("Wait until it has ended, or cancel it."), wrong=True)
            return True
        return False

    # Questions

    def _ask_to_remove(self) -> None:
        if not self._refuse_while_busy():
            ask_first(
                self,
                self.tr("Remove the engine's environment?"),
                self.tr("Your models and maps stay. Nothing can be mapped until it is installed again."),
                self.tr("Remove"),
                self._remove,
            )

    def _remove(self) -> None:
        if not self._refuse_while_busy():  # a run may have begun while the question stood
            if self._folder is None:
                raise AssertionError
            title, work = self.tr("Removing the engine"), removing(self._folder)
            self._changing = self.row.start(title, work, self._on_removed, can_cancel=False)

    def _stop_and_close(self) -> None:
        self.shut()
        super().reject()

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
        working = self.row.working()
        managed = self._folder is not None and self._folder.is_dir()
        self.install_button.setText(self.tr("Install again") if managed else self.tr("Install the engine"))
        self.install_button.setEnabled(not working and self._folder is not None)
        self.remove_button.setEnabled(not working and managed)
        self.again_button.setEnabled(not working)
        self.sources.setEnabled(not working)

    def _lay_out(self) -> None:
        self.headline.setWordWrap(True)
        self.headline.setTextFormat(Qt.TextFormat.PlainText)
        self.facts.setColumnCount(2)
        self.facts.setHeaderHidden(True)
        self.facts.setRootIsDecorated(False)
        self.facts.setAlternatingRowColors(True)
        self.facts.setAccessibleName(self.tr("What the engine consists of"))
        self.facts.hide()
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
        column.addWidget(self.row)
        column.addWidget(buttons)
        fit(self, _COLUMNS, _LINES, _LEAST_COLUMNS)
