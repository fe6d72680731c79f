"""The calls that both sides know, and the functions that answer them."""

from __future__ import annotations

import typing

import pytest

from flair_landcover.contract.calls import CALLS
from flair_landcover.engine.calls import SERVED


def test_every_call_has_a_function_and_every_function_a_call():
    assert {name: served.call for name, served in SERVED.items()} == CALLS


@pytest.mark.parametrize("name", CALLS)
def test_a_function_takes_and_gives_what_its_call_says(name):
    served = SERVED[name]
    hints = typing.get_type_hints(served.function)
    answer = hints.pop("return")
    assert answer is served.call.answer
    assert next(iter(hints.values())) is served.call.params
