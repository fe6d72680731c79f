"""The ways a job can end without a map, each with the exit status of the command line."""

from __future__ import annotations


class BadInput(ValueError):
    """What the user gave cannot work. The message is one sentence: what is wrong, what to do next."""


class Cancelled(Exception):
    """The user stopped the job. Nothing is left under the final names."""
