"""What asks, deep inside, whether its job goes on."""

from __future__ import annotations

import pytest

from flair_landcover.contract import going_on
from flair_landcover.contract.errors import Cancelled
from flair_landcover.contract.going_on import counted, go_on, listening
from flair_landcover.contract.notices import stage


def reading(number: int, total: int):
    return stage("reading_series", number=number, total=total)


def test_items_are_counted_and_told(monkeypatch):
    monkeypatch.setattr(going_on, "_OFTEN_S", 0.0)
    told = []
    with listening(lambda: False, told.append):
        assert list(counted(iter("abc"), reading)) == ["a", "b", "c"]
    assert [(each.values["number"], each.values["total"]) for each in told] == [(1, 3), (2, 3), (3, 3)]


def test_a_stopped_job_does_not_go_on():
    done = []
    with pytest.raises(Cancelled), listening(lambda: len(done) == 2):
        for item in counted("abc", reading):
            done.append(item)
    assert done == ["a", "b"]


def test_where_nobody_listens_all_goes_on():
    with pytest.raises(Cancelled), listening(lambda: True):
        go_on()
    go_on()
    assert list(counted("ab", reading)) == ["a", "b"]
