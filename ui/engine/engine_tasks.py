"""What the window of the engine does in the background: looking, installing, removing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication

from ...runtime.client import no_engine_meanwhile
from ...runtime.environment import Engine, find_engine, use_interpreter
from ...runtime.errors import EngineNotFound
from ...runtime.examine import Examination, examine
from ...runtime.install import create_environment, is_outdated, remove_environment
from ...runtime.network import Network, Source
from ..tasks.background_task import BackgroundTask


@dataclass(frozen=True)
class Look:
    """What is there.

    examination: of the interpreter that runs use, None where there is none; chosen_by: where that choice comes
    from, in words. complaint: why there is none, a sentence. managed: the plugin's own environment is there.
    outdated: it was made for another version of the plugin.
    """

    examination: Examination | None
    chosen_by: str
    complaint: str
    managed: bool
    outdated: bool


def looking(folder: Path | None) -> Callable[[BackgroundTask], Look]:
    """Work that looks at the engine. folder: of the plugin's own environment."""

    def work(task: BackgroundTask) -> Look:
        managed = folder is not None and folder.is_dir()
        outdated = folder is not None and managed and is_outdated(folder)
        try:
            engine = find_engine()
        except EngineNotFound as error:
            return Look(None, "", str(error), managed, outdated)
        return Look(examine(engine.python, task.stopped), engine.source, "", managed, outdated)

    return work


def installing(folder: Path, source: Source, network: Network) -> Callable[[BackgroundTask], object]:
    """Work that makes the plugin's own environment, or makes it anew."""

    def work(task: BackgroundTask) -> object:
        with no_engine_meanwhile(_tr("The engine is being installed: wait until that is done.")):
            return create_environment(folder, source, network, on_progress=task.tell, is_cancelled=task.stopped)

    return work


def choosing(interpreter: str) -> Callable[[BackgroundTask], Engine]:
    """Work that makes an interpreter the plugin's choice; "" takes the choice back."""

    def work(task: BackgroundTask) -> Engine:
        return use_interpreter(interpreter)

    return work


def removing(folder: Path) -> Callable[[BackgroundTask], object]:
    """Work that removes the plugin's own environment."""

    def work(task: BackgroundTask) -> object:
        with no_engine_meanwhile(_tr("The engine is being removed: wait until that is done.")):
            remove_environment(folder)
        return folder

    return work


def _tr(text: str) -> str:
    return QCoreApplication.translate("EngineWork", text)
