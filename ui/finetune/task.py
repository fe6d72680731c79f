"""One fine-tuning as a QgsTask, which tells each epoch."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal

from ...contract import calls
from ...contract.finetuning import FinetuneJob
from ...runtime.client import EngineClient
from ..run.task import EngineTask
from ..tasks.background_task import TaskSignals


class FinetuneSignals(TaskSignals):
    """epoch_done: an `Epoch`."""

    epoch_done = pyqtSignal(object)


class FinetuneTask(EngineTask):
    """Runs the engine's call `finetune`. name: of the model to be, as QGIS's list of tasks shows it."""

    def __init__(self, job: FinetuneJob, name: str, client: EngineClient) -> None:
        signals = FinetuneSignals()
        super().__init__(
            QCoreApplication.translate("FinetuneTask", "Fine-tuning of {}").format(name),
            calls.FINETUNE,
            job,
            client,
            signals,
            {"on_epoch": signals.epoch_done.emit},
        )
