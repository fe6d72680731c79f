"""Whether a job may go on, asked deep inside what looks at its inputs. Standard library only.

What reads polygons or series is handed no report: a job says once, around it, how it is told that the user stopped it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from .errors import Cancelled
from .notices import Stage

_OFTEN_S = 0.5  # between two words on how far something is

Item = TypeVar("Item")


@dataclass(frozen=True)
class _Listener:
    cancelled: Callable[[], bool]
    tell: Callable[[Stage], None]


_listener: ContextVar[_Listener | None] = ContextVar("_listener", default=None)


@contextmanager
def listening(cancelled: Callable[[], bool], tell: Callable[[Stage], None] = lambda _: None) -> Iterator[None]:
    """Inside, in this thread, `go_on` asks `cancelled` and `counted` tells how far it is."""
    before = _listener.set(_Listener(cancelled, tell))
    try:
        yield
    finally:
        _listener.reset(before)


def go_on() -> None:
    """Raises Cancelled where the job that this is done for was stopped."""
    listener = _listener.get()
    if listener is not None and listener.cancelled():
        raise Cancelled


def counted(items: Iterable[Item], stage_of: Callable[[int, int], Stage]) -> Iterator[Item]:
    """The items, of which each takes its time. Raises Cancelled before one where the job was stopped.

    stage_of: makes the stage of the number of an item, from 1 on, and of how many there are.
    """
    items = items if isinstance(items, Sized) else list(items)
    listener, said = _listener.get(), time.monotonic()
    for number, item in enumerate(items, 1):
        go_on()
        if listener is not None and time.monotonic() - said >= _OFTEN_S:
            said = time.monotonic()
            listener.tell(stage_of(number, len(items)))
        yield item
