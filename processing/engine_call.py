"""A call of the engine as an algorithm makes it: progress and warnings to its feedback, errors as Processing's."""

from __future__ import annotations

from collections.abc import Callable

from qgis.core import QgsProcessingException, QgsProcessingFeedback
from qgis.PyQt.QtCore import QCoreApplication

from ..runtime.client import shared_client
from ..runtime.environment import find_engine
from ..runtime.errors import CancelledError, EngineError, EngineNotFound


def engine_found() -> tuple[bool, str]:
    """Whether there is an engine, and a sentence that says how to come by one where there is none."""
    try:
        find_engine()
    except EngineNotFound as error:
        return False, str(error)
    return True, ""


def call_engine(call: str, params: dict, feedback: QgsProcessingFeedback, **handlers: Callable) -> dict:
    """The engine's answer. handlers: more of `EngineClient.call`'s, such as ``on_epoch``.

    Raises QgsProcessingException, with a sentence for the user, where there is none.
    """
    shown = None

    def show_progress(fraction: float, message: str, remaining_s: float | None) -> None:
        nonlocal shown
        feedback.setProgress(100 * fraction)
        # QGIS keeps every text in its log: one for each step and each percent, not for each tile.
        if remaining_s is None or int(100 * fraction) != shown:
            shown = int(100 * fraction)
            feedback.setProgressText(message)

    try:
        return shared_client().call(
            call,
            params,
            on_progress=show_progress,
            on_warning=feedback.pushWarning,
            is_cancelled=feedback.isCanceled,
            **handlers,
        )
    except CancelledError:
        raise QgsProcessingException(
            QCoreApplication.translate("EngineCall", "Cancelled: nothing was written.")
        ) from None
    except EngineError as error:
        if error.detail:
            feedback.pushDebugInfo(error.detail)
        raise QgsProcessingException(str(error)) from None
