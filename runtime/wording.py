"""What the engine says of a job, in the user's language."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication

from ..contract.notices import Notice, Stage, in_words


def worded(told: Stage | Notice) -> str:
    """The words of a stage or a notice: its template translated in the context Stage or Notice, with its values."""
    context = type(told).__name__
    return in_words(told, lambda template: QCoreApplication.translate(context, template))
