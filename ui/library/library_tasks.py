"""What the window of the library does in the background: recognising, importing, fetching, exporting.

Each task that needs the engine has a process of its own for it: what is fetched for minutes holds up no map, and a map
of hours holds up no import.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication

from ...contract import calls
from ...contract.answers import Recognised
from ...contract.calls import Answer, EngineCall, Params
from ...contract.cards import BadModel, ModelCard
from ...contract.notices import Stage
from ...models.package import export_model
from ...runtime.client import EngineClient
from ...runtime.errors import BadInputError, CancelledError
from ...runtime.wording import worded
from ..tasks.background_task import BackgroundTask

MakeClient = Callable[[], EngineClient]


def recognising(make_client: MakeClient, path: str) -> Callable[[BackgroundTask], Recognised]:
    """Work that looks at a zip, folder or checkpoint and writes nothing."""

    def work(task: BackgroundTask) -> Recognised:
        found = _ask(make_client, calls.RECOGNISE, calls.ModelFile(path), task)
        if task.stopped():  # the engine cannot be stopped while it reads, and nobody waits for its answer
            raise CancelledError(_tr("Stopped: nothing was imported."))
        return found

    return work


def importing(make_client: MakeClient, path: str, title: str) -> Callable[[BackgroundTask], ModelCard]:
    """Work that takes a zip, folder or checkpoint into the library; the result is its card there."""
    return lambda task: _ask(make_client, calls.IMPORT_MODEL, calls.ModelFile(path, title), task).card


def fetching(make_client: MakeClient, hub_id: str) -> Callable[[BackgroundTask], ModelCard]:
    """Work that takes a published model into the library; the result is its card there."""
    return lambda task: _ask(make_client, calls.FETCH_MODEL, calls.HubModel(hub_id), task).card


def exporting(folder: Path, path: str) -> Callable[[BackgroundTask], int]:
    """Work that writes a model of the library as a zip; the result is the zip's bytes."""

    def work(task: BackgroundTask) -> int:
        try:
            return export_model(folder, Path(path))
        except BadModel as error:
            raise BadInputError(str(error)) from None

    return work


def _ask(make_client: MakeClient, call: EngineCall[Params, Answer], params: Params, task: BackgroundTask) -> Answer:
    client = make_client()

    def tell(fraction: float, stage: Stage, remaining_s: float | None) -> None:
        task.tell(fraction, worded(stage), remaining_s)

    try:
        return client.call(call, params, on_progress=tell, is_cancelled=task.stopped)
    finally:
        client.close()


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryDialog", text)
