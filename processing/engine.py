"""`flair:engine`: installs the engine, tells what it can do, or removes it, where there is no window to do it in."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterFile,
    QgsProcessingParameterString,
)

from ..runtime.client import engine_is_busy, no_engine_meanwhile
from ..runtime.environment import find_engine, forget_interpreter, managed_folder
from ..runtime.examine import examine
from ..runtime.install import create_environment, remove_environment
from ..runtime.network import Source, network_from_qgis, source_from_qgis
from ..runtime.setup_report import copyable_report
from .algorithm import FlairAlgorithm, choice, described

ACTION = "ACTION"
WHEELS = "WHEELS"
TORCH_INDEX = "TORCH_INDEX"
INDEX = "INDEX"
PYTHON = "PYTHON"
DEVICE = "DEVICE"
_LOOK, _INSTALL, _REMOVE = "check", "install", "remove"


class EngineAlgorithm(FlairAlgorithm):
    """Sees to the engine's Python environment in the QGIS profile."""

    def name(self) -> str:
        return "engine"

    def displayName(self) -> str:
        return self.tr("Install or check the engine")

    def tags(self) -> list[str]:
        return self.tr("install,environment,python,torch,repair,device,GPU,FLAIR").split(",")

    def shortHelpString(self) -> str:
        return self.tr(
            "<p>The network runs in a Python environment of its own, in your QGIS profile. This installs it, makes it "
            "anew where it is broken, says what it can do, or removes it; the window Raster > FLAIR Land Cover > "
            "Engine does the same.</p>"
            "<p>Without internet, give a folder of wheels: for instance what <i>pip download</i> has fetched on "
            "another computer of the same kind.</p>"
        )

    def cancelled_text(self) -> str:
        return self.tr("Cancelled.")

    def canExecute(self) -> tuple[bool, str]:
        return True, ""

    def initAlgorithm(self, configuration: dict | None = None) -> None:
        folder = QgsProcessingParameterFile.Behavior.Folder
        self.add(
            choice(
                ACTION,
                self.tr("What to do"),
                [_LOOK, _INSTALL, _REMOVE],
                self.tr(
                    "check: says what is there, with a small network run on each device. install: makes the "
                    "environment, or makes it anew, and takes back an interpreter that was chosen before. remove: "
                    "removes it."
                ),
                advanced=False,
            ),
            described(
                QgsProcessingParameterFile(WHEELS, self.tr("Folder of wheels"), folder, optional=True),
                self.tr(
                    "Install from the wheels in this folder alone; nothing is fetched then. Left empty, like the "
                    "addresses: what the window of the engine was told last."
                ),
            ),
            described(
                QgsProcessingParameterString(TORCH_INDEX, self.tr("Address of torch"), optional=True),
                self.tr("Index for torch and torchvision alone, such as that of a build for one graphics card."),
                advanced=True,
            ),
            described(
                QgsProcessingParameterString(INDEX, self.tr("Address of the packages"), optional=True),
                self.tr("Index instead of pip's own, such as a mirror."),
                advanced=True,
            ),
        )
        self.addOutput(QgsProcessingOutputString(PYTHON, self.tr("Interpreter of the engine")))
        self.addOutput(QgsProcessingOutputString(DEVICE, self.tr("Device that a run uses")))

    def prepareAlgorithm(
        self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Asks QGIS for its proxy and certificates: only here, on the main thread, may it ask for its password."""
        self._action = self.parameterAsEnumString(parameters, ACTION, context)
        self._folder = managed_folder()
        wheels = self.parameterAsFile(parameters, WHEELS, context)
        given = Source(
            self.parameterAsString(parameters, TORCH_INDEX, context),
            self.parameterAsString(parameters, INDEX, context),
            Path(wheels) if wheels else None,
        )
        self._source = given if given != Source() else source_from_qgis()
        self._network = network_from_qgis()
        if self._action != _LOOK:
            if self._folder is None:
                raise QgsProcessingException(self.tr("QGIS has no profile folder to install the engine into."))
            if engine_is_busy():
                raise QgsProcessingException(self.tr("A run is going on: wait until it has ended, or cancel it."))
        return True

    def work(self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> dict:
        folder = self._folder
        if self._action == _REMOVE and folder is not None:
            with no_engine_meanwhile(self.tr("The engine is being removed: wait until that is done.")):
                remove_environment(folder)
            feedback.pushInfo(self.tr("The engine's environment is removed."))
            return {PYTHON: "", DEVICE: ""}
        if self._action == _INSTALL and folder is not None:
            if self._network.note:
                feedback.pushWarning(self._network.note)
            told = ""

            def tell(fraction: float, message: str) -> None:
                nonlocal told
                feedback.setProgress(100 * fraction)
                if message != told:
                    told = message
                    feedback.setProgressText(message)

            with no_engine_meanwhile(self.tr("The engine is being installed: wait until that is done.")):
                create_environment(
                    folder, self._source, self._network, on_progress=tell, is_cancelled=feedback.isCanceled
                )
            chosen = forget_interpreter()
            if chosen:
                feedback.pushWarning(self.tr("{} is no longer the plugin's interpreter.").format(chosen))
        engine = find_engine()
        examination = examine(engine.python, feedback.isCanceled)
        for line in copyable_report(examination).splitlines():
            feedback.pushInfo(line)
        if examination.failure is not None:
            raise QgsProcessingException(str(examination.failure))
        return {PYTHON: engine.python, DEVICE: examination.run_device}
