"""How a refusal should read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flair_landcover.contract.cards import BadModel


def refusal(function: Callable, *arguments) -> str:
    """The sentence with which a function refuses its arguments: one line, ending in a full stop."""
    with pytest.raises(BadModel) as caught:
        function(*arguments)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence
