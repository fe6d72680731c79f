"""The ways a job can end without a map, each with the exit status of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class BadInput(ValueError):
    """What the user gave cannot work. The message is one sentence: what is wrong, what to do next.

    field: the setting of the job that is at fault, such as ``extent``; empty where no single one is.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class ProtocolError(ValueError):
    """A message between the two Pythons that is none. `id` is the call that it names, None where it names none."""

    def __init__(self, message: str, id: int | None = None) -> None:
        super().__init__(message)
        self.id = id


class CannotWrite(Exception):
    """What was done cannot be kept: the disk is full, or a folder is gone. The message is one sentence.

    Nothing is left under the final names that was not there before.
    """


class Cancelled(Exception):
    """The user stopped the job. Nothing is left under the final names."""


@contextmanager
def about(field: str) -> Iterator[None]:
    """What is done inside is about one setting: a BadInput that names none of its own names this one."""
    try:
        yield
    except BadInput as error:
        error.field = error.field or field
        raise
