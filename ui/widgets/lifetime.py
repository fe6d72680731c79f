"""Connections and calls that outlive, or end with, the Qt objects that they belong to."""

from __future__ import annotations

from collections.abc import Callable

from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject


class Connections:
    """Keeps what was connected, and undoes it."""

    def __init__(self) -> None:
        self._kept: list[tuple[QObject, str, Callable]] = []

    def add(self, sender: QObject, signal: str, slot: Callable) -> None:
        """Connects a signal, by its name, to a function."""
        getattr(sender, signal).connect(slot)
        self._kept.append((sender, signal, slot))

    def close(self) -> None:
        """Undoes all; may be called again. Senders that are deleted by then are passed over."""
        while self._kept:
            sender, signal, slot = self._kept.pop()
            # A bound signal of a deleted object must not be touched: it crashes. Hence the name.
            if not sip.isdeleted(sender):
                getattr(sender, signal).disconnect(slot)


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
