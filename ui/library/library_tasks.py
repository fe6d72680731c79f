"""What the window of the library does in the background: recognising, importing, fetching, exporting.

Each task that needs the engine has a process of its own for it: what is fetched for minutes holds up no map, and a map
of hours holds up no import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication

from ...contract.cards import BadModel, ModelCard, card_from_dict
from ...models.package import export_model
from ...runtime.client import EngineClient
from ...runtime.errors import BadInputError, CancelledError
from ..tasks.background_task import BackgroundTask

MakeClient = Callable[[], EngineClient]


@dataclass(frozen=True)
class Found:
    """What the engine recognised: the card-to-be, bytes in the library, ``package``, ``folder`` or ``checkpoint``."""

    card: ModelCard
    size_bytes: int
    kind: str
    path: str


def recognising(make_client: MakeClient, path: str) -> Callable[[BackgroundTask], Found]:
    """Work that looks at a zip, folder or checkpoint and writes nothing."""

    def work(task: BackgroundTask) -> Found:
        found = _ask(make_client, "recognise", {"path": path}, task)
        if task.stopped():  # the engine cannot be stopped while it reads, and nobody waits for its answer
            raise CancelledError(_tr("Stopped: nothing was imported."))
        return Found(_card(found["card"]), found["size_bytes"], found["kind"], found["path"])

    return work


def importing(make_client: MakeClient, path: str, title: str) -> Callable[[BackgroundTask], ModelCard]:
    """Work that takes a zip, folder or checkpoint into the library; the result is its card there."""
    return lambda task: _card(_ask(make_client, "import_model", {"path": path, "title": title}, task)["card"])


def fetching(make_client: MakeClient, hub_id: str) -> Callable[[BackgroundTask], ModelCard]:
    """Work that takes a published model into the library; the result is its card there."""
    return lambda task: _card(_ask(make_client, "fetch_model", {"hub_id": hub_id}, task)["card"])


def exporting(folder: Path, path: str) -> Callable[[BackgroundTask], int]:
    """Work that writes a model of the library as a zip; the result is the zip's bytes."""

    def work(task: BackgroundTask) -> int:
        try:
            return export_model(folder, Path(path))
        except BadModel as error:
            raise BadInputError(str(error)) from None

    return work


def _ask(make_client: MakeClient, call: str, params: dict, task: BackgroundTask) -> dict:
    client = make_client()
    try:
        return client.call(call, params, on_progress=task.tell, is_cancelled=task.stopped)
    finally:
        client.close()


def _card(values: dict) -> ModelCard:
    try:
        return card_from_dict(values)
    except BadModel as error:
        raise BadInputError(str(error)) from None


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryDialog", text)
