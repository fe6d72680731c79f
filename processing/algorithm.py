"""What the plugin's algorithms have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from ..contract.calls import Answer, EngineCall, Params
from ..contract.notices import Notice, Stage, evidence_text
from ..runtime.client import shared_client
from ..runtime.environment import find_engine
from ..runtime.errors import CancelledError, EngineError, EngineNotFound
from ..runtime.wording import worded

ICON_PATH = str(Path(__file__).parent / "icon.svg")


class FlairAlgorithm(QgsProcessingAlgorithm):
    """An algorithm of the plugin.

    Each gives its name, texts and parameters, copies what belongs to QGIS to plain values in `prepareAlgorithm`, on
    the main thread, and does the rest in `work`.
    """

    def work(self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> dict:
        """The outputs by name. Runs in a thread of Processing's; an EngineError becomes what the user is told."""
        raise NotImplementedError

    def cancelled_text(self) -> str:
        """What the log says where the user stopped the run."""
        return QCoreApplication.translate("FlairAlgorithm", "Cancelled: nothing was written.")

    def tr(self, text: str) -> str:
        return QCoreApplication.translate(type(self).__name__, text)

    def icon(self) -> QIcon:
        return QIcon(ICON_PATH)

    def createInstance(self) -> FlairAlgorithm:
        return type(self)()

    def canExecute(self) -> tuple[bool, str]:
        """Whether there is an engine, and a sentence that says how to come by one where there is none."""
        try:
            find_engine()
        except EngineNotFound as error:
            return False, str(error)
        return True, ""

    def processAlgorithm(
        self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict:
        try:
            return self.work(parameters, context, feedback)
        except CancelledError:
            raise QgsProcessingException(self.cancelled_text()) from None
        except EngineError as error:
            if error.detail:
                feedback.pushDebugInfo(error.detail)
            raise QgsProcessingException(str(error)) from None

    def add(self, *parameters: QgsProcessingParameterDefinition) -> None:
        """Adds parameters, for `initAlgorithm`."""
        for parameter in parameters:
            self.addParameter(parameter)


def described(
    parameter: QgsProcessingParameterDefinition, text: str, advanced: bool = False
) -> QgsProcessingParameterDefinition:
    """The parameter with its help text, among the advanced ones where it is."""
    parameter.setHelp(text)
    if advanced:
        parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
    return parameter


def choice(
    name: str, title: str, options: Iterable[str], text: str, advanced: bool = True
) -> QgsProcessingParameterDefinition:
    """A parameter that is one of the options, the first by default; scripts give it by name."""
    names = list(options)
    parameter = QgsProcessingParameterEnum(name, title, names, defaultValue=names[0], usesStaticStrings=True)
    return described(parameter, text, advanced)


def or_refuse(copy: Callable, *arguments: object):
    """What `copy` gives; its ValueError becomes what Processing shows to the user."""
    try:
        return copy(*arguments)
    except ValueError as error:
        raise QgsProcessingException(str(error)) from None


def call_engine(
    call: EngineCall[Params, Answer], params: Params, feedback: QgsProcessingFeedback, **handlers: Callable
) -> Answer:
    """The engine's answer; its progress and notices go to the feedback.

    handlers: more of `EngineClient.call`'s, such as ``on_epoch``. Raises EngineError as that does.
    """
    shown = None

    def show_progress(fraction: float, stage: Stage, remaining_s: float | None) -> None:
        nonlocal shown
        feedback.setProgress(100 * fraction)
        # QGIS keeps every text in its log: one for each step and each percent, not for each tile.
        if remaining_s is None or int(100 * fraction) != shown:
            shown = int(100 * fraction)
            feedback.setProgressText(worded(stage))

    return shared_client().call(
        call,
        params,
        on_progress=show_progress,
        on_warning=lambda notice: _tell(notice, feedback),
        is_cancelled=feedback.isCanceled,
        **handlers,
    )


def _tell(notice: Notice, feedback: QgsProcessingFeedback) -> None:
    """What is in doubt as a warning, what is only told as information; below it what it rests on."""
    (feedback.pushWarning if notice.doubt else feedback.pushInfo)(worded(notice))
    evidence = evidence_text(notice)
    if evidence:
        feedback.pushDebugInfo(evidence)
