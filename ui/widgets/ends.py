"""What is to be done when a Qt object is deleted, by whomever."""

from __future__ import annotations

from collections.abc import Callable

from qgis.PyQt.QtCore import QObject

_kept: set[Callable] = set()


def when_destroyed(watched: QObject, act: Callable[[], None]) -> None:
    """Calls `act` once the object is deleted; it must not touch the object.

    It stays in reach until then. The garbage collector empties functions that belong to objects which nobody holds
    any more; Qt, which deletes those objects later, would call an empty function and crash.
    """

    def call(*_) -> None:
        _kept.discard(call)
        act()

    _kept.add(call)
    watched.destroyed.connect(call)
