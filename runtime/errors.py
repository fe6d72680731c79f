"""The ways a call to the engine can end without a result, as the QGIS side sees them."""

from __future__ import annotations


class EngineError(Exception):
    """A call gave no result. The text is one sentence for the user.

    detail: what helps to find the cause (a traceback, the end of the worker's log), or "".
    """

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class EngineNotFound(EngineError):
    """No Python that can run the engine; the text says what to do."""


class BadInputError(EngineError):
    """What the user gave cannot work; the text says what to change.

    field: the setting of the job that is at fault, such as ``extent``; "" where no single one is.
    """

    def __init__(self, message: str, detail: str = "", field: str = "") -> None:
        super().__init__(message, detail)
        self.field = field


class CancelledError(EngineError):
    """The user stopped the call. Nothing is left under the final names."""


class EngineFailed(EngineError):
    """The call failed inside the engine, which is still there; `detail` is the traceback."""


class EngineDied(EngineError):
    """The worker process is gone; `detail` is the end of its log. The next call starts a new one."""
